"""Frames as an observer of the embedded engine sees them, and as a line to read, without secrets."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias, cast

from pie_client import wire
from pie_client._generated import models
from pie_client._generated.families import CORRELATION, TAG
from pie_client.base import WireModel
from pie_client.errors import one_line
from pie_client.testing.sockets import Direction

TEXT_CHARACTERS = 60
"""How much of a text is shown."""
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
    """

    connection: int
    direction: Direction
    data: bytes | str


Observer: TypeAlias = Callable[[TracedFrame], None]
"""Is told of frames."""


def describe(frame: TracedFrame) -> str:
    """Write a frame on one line: direction, type and fields. Bytes are counted, long texts cut, secrets left out."""
    start = f"{frame.connection} {ARROWS[frame.direction]}"
    try:
        message = (
            wire.decode_request(frame.data)
            if frame.direction == "received"
            else wire.decode_reply(frame.data)
        )
    except wire.MalformedFrameError as error:
        return f"{start} (malformed: {error})"
    if isinstance(message, wire.UnknownMessage):
        names = ", ".join(repr(name)[:TEXT_CHARACTERS] for name in message.fields if name != TAG)
        return f"{start} {_shown(message.type)} (unknown type; fields: {names or 'none'})"
    fields = {name: _shown(value) for name, value in _fields(message) if not _hidden(message, name)}
    hidden = " (the rest is hidden)" if isinstance(message, SECRETIVE) else ""
    listed = " ".join(f"{name}={value}" for name, value in fields.items())
    return one_line(f"{start} {message.type} {listed}{hidden}")


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
    return str(value)
