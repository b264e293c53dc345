from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias
from pie_client._generated import models
from pie_client.connection.observing import ARROWS, Direction, observed
from pie_client.errors import one_line
from pie_client.protocol import codec
ERROR_CHARACTERS = 300
BY_CLIENT: dict[Direction, Direction] = {'received': 'sent', 'sent': 'received'}
SECRET_MESSAGES = (models.AuthProveRequest, models.AuthByTokenRequest, models.RegisterMcpServerRequest)

@dataclass(frozen=True, slots=True)
class TracedFrame:
    connection: int
    direction: Direction
    data: bytes | str
Observer: TypeAlias = Callable[[TracedFrame], None]

def describe(frame: TracedFrame) -> str:
    ...
