from __future__ import annotations
import contextlib
import json
import logging
import reprlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Self, TypeAlias, cast
from pie_client._generated import shown
from pie_client._generated.decoders import PROCESS_EVENT
from pie_client._generated.families import CORRELATION, EVENT, TAG
from pie_client.connection.options import check_function
from pie_client.connection.taps import Taps
from pie_client.errors import MESSAGE_CHARACTERS, one_line
from pie_client.protocol import codec
from pie_client.protocol.codec import Fields, Frame
logger = logging.getLogger(__name__)
Direction: TypeAlias = Literal['sent', 'received']
ARROWS: Mapping[Direction, str] = {'sent': '->', 'received': '<-'}
TEXT_CHARACTERS = 64
LINE_FIELDS = 20
UNKNOWN_MESSAGE: shown.Shown = {TAG: True, CORRELATION: False}

class Redacted(str):
    __slots__ = ()

@dataclass(frozen=True, slots=True)
class ObservedFrame:
    connection: int
    direction: Literal['sent', 'received']
    type: str | None
    fields: Mapping[str, object]
    size: int
    data: bytes | str | None = field(default=None, repr=False)

    def __str__(self) -> str:
        ...
Observer: TypeAlias = Callable[[ObservedFrame], None]

class Observation:

    def __init__(self) -> None:
        ...

    def __enter__(self) -> Self:
        ...

    def __exit__(self, *_: object) -> None:
        ...

    def close(self) -> None:
        ...

def observe(taps: Taps, observer: Observer, *, redact: bool) -> Observation:
    ...

class _ObserverTap:

    def __init__(self) -> None:
        self.closed = ...

    def sent(self, connection: int, parts: Sequence[bytes | memoryview]) -> None:
        ...

    def received(self, connection: int, batch: Sequence[Frame]) -> None:
        ...

def observed(connection: int, direction: Direction, frame: Frame, *, redact: bool) -> ObservedFrame:
    ...

def redacted(fields: Fields, may_be_shown: shown.Shown) -> Fields:
    ...
