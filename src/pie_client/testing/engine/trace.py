"""Frames that observers of the embedded engine receive, and their description on one line."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from pie_client._generated import models
from pie_client.connection.observing import ARROWS, Direction, observed
from pie_client.errors import one_line
from pie_client.protocol import codec

ERROR_CHARACTERS = 300
"""Characters that are shown of the reason why a frame is malformed."""
BY_CLIENT: dict[Direction, Direction] = {"received": "sent", "sent": "received"}
"""What a client did with a frame."""
SECRET_MESSAGES = (models.AuthProveRequest, models.AuthByTokenRequest, models.RegisterMcpServerRequest)
"""Messages whose texts may be signatures, tokens or credentials, not only payloads."""


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
    """Return a frame on one line, as observers of a client see it, but with payloads.

    Secrets are omitted, long texts and lists of fields are truncated, and of bytes only the number is shown. Of a
    malformed frame, the line says what is wrong.
    """
    direction = BY_CLIENT[frame.direction]
    decode = codec.decode_client_message if frame.direction == "received" else codec.decode_server_message
    try:
        message = decode(frame.data)
    except codec.MalformedFrameError as error:
        reason = one_line(str(error), ERROR_CHARACTERS)
        return f"{frame.connection} {ARROWS[direction]} (malformed: {reason})"
    redact = isinstance(message, (codec.UnknownMessage, *SECRET_MESSAGES))
    return str(observed(frame.connection, direction, frame.data, redact=redact))
