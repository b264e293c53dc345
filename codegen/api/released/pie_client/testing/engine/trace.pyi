from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias
from pie_client._generated import models
from pie_client.connection.observing import ARROWS, observed
from pie_client.connection.observing import Direction as ClientDirection
from pie_client.errors import one_line
from pie_client.protocol import codec
from pie_client.testing.faults.fault import Direction
ERROR_CHARACTERS = 300
BY_CLIENT: dict[Direction, ClientDirection] = {'received': 'sent', 'sent': 'received'}
SECRET_MESSAGES = (models.AuthProveRequest, models.AuthByTokenRequest, models.RegisterMcpServerRequest)

@dataclass(frozen=True, slots=True)
class TracedFrame:
    connection: int
    direction: Direction
    data: bytes | str
Observer: TypeAlias = Callable[[TracedFrame], None]

def describe(frame: TracedFrame) -> str:
    ...
