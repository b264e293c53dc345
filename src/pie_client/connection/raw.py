"""Send what the schema does not define, for experiments. Loaded by ``PieClient.send_raw``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar, cast

from pie_client._generated.families import CORRELATION, FAMILIES, TAG
from pie_client._generated.methods import METHODS, Method
from pie_client.connection.connection import Connection
from pie_client.errors import InvalidArgumentError
from pie_client.protocol import codec
from pie_client.protocol.codec import Fields

FRAME = "raw frame"
"""What errors call a frame of bytes."""

R = TypeVar("R")


async def send(connection: Connection, message: object, timeout: float | None) -> None:
    """Send bytes as a frame, or fields as a message, and wait for no reply."""
    if isinstance(message, bytes):
        # Nothing is sent before it: no identification.
        await connection.send(_method(FRAME, _nothing, alone=True), lambda: message, timeout)
        return
    fields = _checked(message)
    await connection.caller.notify(_method(str(fields[TAG]), _nothing), lambda: fields, timeout)


async def request(connection: Connection, message: object, timeout: float | None) -> str:
    """Send fields with a correlation number, and return the text of the reply."""
    if isinstance(message, bytes):
        raise InvalidArgumentError(
            f"{FRAME} not sent: a correlation number can't be added to bytes; pass a dict, or correlate=False"
        )
    fields = _checked(message)
    if CORRELATION in fields:
        raise InvalidArgumentError(
            f"{fields[TAG]} not sent: the client chooses {CORRELATION}; leave it out, or pass correlate=False"
        )
    method = _method(str(fields[TAG]), str)
    return await connection.caller.call(method, lambda number: {**fields, CORRELATION: number}, timeout)


def _nothing(_text: str) -> None:
    """Return None: no reply is expected."""


def _method(tag: str, decode: Callable[[str], R], *, alone: bool = False) -> Method[R]:
    """Return a method for a message type that the schema need not define."""
    known = METHODS.get(tag)
    opens_session = alone or (known is not None and known.opens_session)
    return Method(tag, "call", tuple(FAMILIES), "", decode, opens_session=opens_session)


def _checked(message: object) -> Fields:
    """Return the fields of a message. Raises InvalidArgumentError if they can't be encoded or have no type."""
    if not isinstance(message, Mapping):
        raise InvalidArgumentError(
            f"{FRAME} not sent: it is {type(message).__name__}; pass bytes, or a dict of fields"
        )
    fields = dict(cast("Fields", message))
    if not isinstance(fields.get(TAG), str):
        raise InvalidArgumentError(f"{FRAME} not sent: it has no {TAG}; add a text, or pass bytes")
    try:
        codec.encode(fields)
    except (TypeError, ValueError, OverflowError) as error:
        # Without the error's text, which may quote a value.
        raise InvalidArgumentError(
            f"{fields[TAG]} not sent: a field can't be encoded with msgpack ({type(error).__name__}); correct it, or pass bytes"
        ) from None
    return fields
