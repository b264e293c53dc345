"""Frames that observers of the embedded engine receive, and their description on one line."""

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
"""Characters of a text that are shown."""
ERROR_CHARACTERS = 300
"""Characters that are shown of the reason why a frame is malformed."""
SHOWN_FIELDS = 20
"""Fields that are shown."""
ARROWS: dict[Direction, str] = {"received": "->", "sent": "<-"}
SECRET_MESSAGES = (models.AuthProveRequest, models.AuthByTokenRequest, models.RegisterMcpServerRequest)
"""Messages that may hold signatures, tokens or credentials. Only their type and number are shown."""


@dataclass(frozen=True, slots=True)
class TracedFrame:
    """A frame that the engine received or sent.

    Attributes:
        connection: Number of the connection, from 1 in the order of acceptance.
        direction: ``"received"`` or ``"sent"`` by the engine.
        data: The frame: bytes if it is binary, str if it is a text frame.
    """

    connection: int
    direction: Direction
    data: bytes | str


Observer: TypeAlias = Callable[[TracedFrame], None]
"""Called with every frame."""


def describe(frame: TracedFrame) -> str:
    """Return a frame on one line: direction, type and fields.

    Secrets are omitted, long texts and lists of fields are truncated, and of bytes only the number is shown.
    """
    decode = codec.decode_client_message if frame.direction == "received" else codec.decode_server_message
    try:
        message = decode(frame.data)
    except codec.MalformedFrameError as error:
        described = f"(malformed: {_shortened(str(error), ERROR_CHARACTERS)})"
    else:
        described = _described(message)
    return one_line(f"{frame.connection} {ARROWS[frame.direction]} {described}")


def _described(message: WireModel | codec.UnknownMessage) -> str:
    if isinstance(message, codec.UnknownMessage):
        names = [repr(name)[:TEXT_CHARACTERS] for name in message.fields if name != TAG]
        return f"{_shown(message.type)} (unknown type; fields: {_first(names, ', ') or 'none'})"
    secret = isinstance(message, SECRET_MESSAGES)
    fields = [
        f"{name}={_shown(value)}"
        for name, value in message
        if name != TAG and value is not None and (name == CORRELATION or not secret)
    ]
    hidden = " (other fields hidden)" if secret else ""
    return f"{getattr(message, TAG)} {_first(fields, ' ')}{hidden}"


def _first(items: list[str], separator: str) -> str:
    more = len(items) - SHOWN_FIELDS
    return separator.join(items if more <= 0 else [*items[:SHOWN_FIELDS], f"... and {more} more"])


def _shortened(text: str, characters: int) -> str:
    return text if len(text) <= characters else f"{text[:characters]}... ({len(text)} characters)"


def _shown(value: object) -> str:
    if isinstance(value, bytes):
        return f"<{len(value)} bytes>"
    if isinstance(value, list):
        return f"<{len(cast('list[object]', value))} items>"
    if not isinstance(value, str):
        return _shortened(str(value), ERROR_CHARACTERS)
    cut = json.dumps(value[:TEXT_CHARACTERS])
    return cut if len(value) <= TEXT_CHARACTERS else f"{cut}... ({len(value)} characters)"
