"""Frames as an observer of the embedded engine sees them, and as a line to read, without secrets."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias, cast

from pie_client._generated import models
from pie_client._generated.families import CORRELATION, NEWEST, TAG, Family
from pie_client.base import WireModel
from pie_client.errors import one_line
from pie_client.protocol import codec
from pie_client.testing.faults.sockets import Direction

TEXT_CHARACTERS = 60
"""How much of a text is shown."""
ERROR_CHARACTERS = 300
"""How much is shown of what is wrong with a frame."""
SHOWN_FIELDS = 20
"""How many fields are shown."""
ARROWS: dict[Direction, str] = {"received": "->", "sent": "<-"}
SECRETIVE = (models.AuthProveRequest, models.AuthByTokenRequest, models.RegisterMcpServerRequest)
"""Messages whose texts may be signatures, tokens or credentials: of them nothing but the tag and the number is shown."""


@dataclass(frozen=True, slots=True)
class TracedFrame:
    """A frame that the engine received or sent.

    Attributes:
        connection: Number of the connection, from 1 in the order in which they came.
        direction: ``"received"`` or ``"sent"``, as the engine sees it.
        data: The frame: bytes for a binary one, text for a text frame.
        family: Server family of the engine.
    """

    connection: int
    direction: Direction
    data: bytes | str
    family: Family = NEWEST


Observer: TypeAlias = Callable[[TracedFrame], None]
"""Is told of frames."""


def describe(frame: TracedFrame) -> str:
    """Write a frame on one line: direction, type and fields. Bytes are counted, long texts cut, secrets left out.

    What clients send is read as the engine reads it. Of many fields the first are shown, and how many more there are.
    """
    start = f"{frame.connection} {ARROWS[frame.direction]}"
    try:
        decode = codec.decode_client_message if frame.direction == "received" else codec.decode_server_message
        message = decode(frame.data)
    except codec.MalformedFrameError as error:
        return one_line(f"{start} (malformed: {_cut(str(error), ERROR_CHARACTERS)})")
    if isinstance(message, codec.UnknownMessage):
        names = [repr(name)[:TEXT_CHARACTERS] for name in message.fields if name != TAG]
        listed = ", ".join(_first(names))
        return one_line(f"{start} {_shown(message.type)} (unknown type; fields: {listed or 'none'})")
    fields = [f"{name}={_shown(value)}" for name, value in _fields(message) if not _hidden(message, name)]
    hidden = " (the rest is hidden)" if isinstance(message, SECRETIVE) else ""
    return one_line(f"{start} {message.type} {' '.join(_first(fields))}{hidden}")


def _first(items: list[str]) -> list[str]:
    more = len(items) - SHOWN_FIELDS
    return items if more <= 0 else [*items[:SHOWN_FIELDS], f"... and {more} more"]


def _cut(text: str, characters: int) -> str:
    return text if len(text) <= characters else f"{text[:characters]}... ({len(text)} characters)"


def _fields(message: WireModel) -> list[tuple[str, object]]:
    return [(name, value) for name, value in message if name != TAG and value is not None]


def _hidden(message: WireModel, name: str) -> bool:
    return isinstance(message, SECRETIVE) and name != CORRELATION


def _shown(value: object) -> str:
    if isinstance(value, bytes):
        return f"<{len(value)} bytes>"
    if isinstance(value, str):
        cut = json.dumps(value[:TEXT_CHARACTERS], ensure_ascii=True)
        return cut if len(value) <= TEXT_CHARACTERS else f"{cut}... ({len(value)} characters)"
    if isinstance(value, list):
        return f"<{len(cast('list[object]', value))} items>"
    return _cut(str(value), ERROR_CHARACTERS)
