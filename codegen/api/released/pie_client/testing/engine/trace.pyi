import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias, cast
from pie_client._generated import models
from pie_client._generated.families import CORRELATION, TAG
from pie_client.base import WireModel
from pie_client.errors import one_line
from pie_client.protocol import codec
from pie_client.testing.faults.fault import Direction
TEXT_CHARACTERS = 60
ERROR_CHARACTERS = 300
SHOWN_FIELDS = 20
ARROWS: dict[Direction, str] = {'received': '->', 'sent': '<-'}
SECRET_MESSAGES = (models.AuthProveRequest, models.AuthByTokenRequest, models.RegisterMcpServerRequest)

@dataclass(frozen=True, slots=True)
class TracedFrame:
    connection: int
    direction: Direction
    data: bytes | str
Observer: TypeAlias = Callable[[TracedFrame], None]

def describe(frame: TracedFrame) -> str:
    ...
