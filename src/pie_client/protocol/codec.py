"""Convert between WebSocket frames and messages. The only module that uses msgpack.

A binary frame holds one msgpack map, a text frame one JSON object. :func:`decode` reads a server's frame: the generated
decoders read what servers normally send, and :func:`decode_general` reads the rest with the models, which say what is wrong
with it. Both return the same records. pydantic and the models are loaded when they are first needed.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn, TypeAlias, cast

import msgpack

from pie_client._generated import decoders
from pie_client._generated.decoders import BINARY_DECODERS, PROCESS_EVENT, EventRecord, Record
from pie_client._generated.families import CORRELATION, EVENT, PROCESS, TAG, Family
from pie_client.errors import ProtocolError
from pie_client.lazy import LazyModule

if TYPE_CHECKING:
    from pie_client._generated import registry
    from pie_client._generated.registry import ClientMessage, ServerMessage
    from pie_client.base import WireModel
    from pie_client.protocol import validation
else:
    registry = LazyModule("pie_client._generated.registry")
    validation = LazyModule("pie_client.protocol.validation")

Fields: TypeAlias = Mapping[str, object]
"""A decoded map, not yet validated."""
Frame: TypeAlias = bytes | memoryview | str
"""A message: str for text. A memoryview is valid only during the call that delivers it."""
KEPT_BYTES = 1 << 20
"""Frame size above which the buffer that it was encoded in is not kept for the next one."""

FIXMAP = 0x80
"""First byte of a map with up to 15 entries, together with their number; of equal keys, only the last is unpacked."""
NO_BYTES = msgpack.packb(b"")
BIN32 = 0xC6
"""First byte of bytes whose length is in the next four."""
LARGE_BYTES = 64 << 10
"""Size from which a server's frame is unpacked without the containers in it. An empty list takes one byte of a frame, but
64 of memory, so that those of a frame of 16 MiB would take gigabytes and block the event loop for seconds."""
MOST_FIELDS = 100_000
"""Most fields of a large frame. Messages have a few."""
NESTED = frozenset((*range(0x80, 0xA0), *range(0xC7, 0xCA), *range(0xD4, 0xD9), *range(0xDC, 0xE0)))
"""First bytes of arrays, maps and extensions. No message has one; fields of later protocols may."""
MAX_TEXT_CHARACTERS = 8 << 20
"""Longest text frame that is read. Text frames are notices, and the values of a longer one could take gigabytes."""
UNREADABLE = (ValueError, TypeError, KeyError, RecursionError, msgpack.UnpackException)
"""What reading a frame may raise that is not a map with the expected keys."""

# A text frame raises TypeError, which is UNREADABLE.
unpack: Callable[..., Any] = msgpack.unpackb
_packers = [msgpack.Packer()]
"""The one packer, whose buffer is reused."""
_SHARED = msgpack.Packer.__module__ != "msgpack.fallback"
"""Whether threads may share it: packing plain values runs no Python code, unless msgpack is written in Python."""


class UnknownMessage(NamedTuple):
    """A well-formed message of a type that the schema does not define."""

    type: str
    fields: Fields


class MalformedFrameError(ProtocolError):
    """A frame that is not a valid message.

    Attributes:
        corr_id: Correlation id of the request that the frame replies to, or None.
        process_id: Process that the frame belongs to, or None.
        event: Kind of the event, or None.
    """

    def __init__(self, message: str, fields: Fields | None = None) -> None:
        super().__init__(message)
        fields = fields or {}
        tag, corr_id, process_id = fields.get(TAG), fields.get(CORRELATION), fields.get(PROCESS)
        tag = tag if isinstance(tag, str) else ""
        is_event = tag == decoders.PROCESS_EVENT
        event = fields.get(EVENT) if is_event else None
        # The server numbers its own requests (MCP calls) too; such a number must not fail a call of the client.
        is_reply = tag == decoders.RESPONSE or not (is_event or tag in decoders.BINARY_DECODERS)
        self.corr_id = corr_id if is_reply and type(corr_id) is int else None
        self.process_id = process_id if isinstance(process_id, str) else None
        self.event = event if isinstance(event, str) else None


def encode(fields: Fields) -> bytes:
    """Encode the fields of a message as a binary frame."""
    if not _SHARED:
        return msgpack.packb(fields)
    frame = _packers[0].pack(fields)
    if len(frame) > KEPT_BYTES:
        _packers[0] = msgpack.Packer()
    return frame


def with_room(frame: bytes, size: int) -> bytes:
    """Return the start of a frame that ends in ``size`` bytes, from a frame that ends in none."""
    return frame.removesuffix(NO_BYTES) + struct.pack("!BI", BIN32, size)


def decode(frame: Frame) -> Record | EventRecord | UnknownMessage:
    """Decode a server's frame. Raises MalformedFrameError."""
    record: Record | EventRecord | None = None
    try:
        if isinstance(frame, str):
            record = _decode_text(frame)
        else:
            fields: Fields = unpack(frame) if len(frame) < LARGE_BYTES else _unpack_large(frame)
            if frame[0] == FIXMAP | len(fields):
                tag = fields[TAG]
                record = _decode_event(fields) if tag == PROCESS_EVENT else BINARY_DECODERS[tag](fields)
    except UNREADABLE:
        pass
    return decode_general(frame) if record is None else record


def _decode_event(fields: Fields) -> EventRecord | None:
    event = decoders.decode_process_event(fields)
    return event and EventRecord(str(fields[PROCESS]), event)


def _decode_text(frame: str) -> Record | None:
    fields = cast("Fields", _decode_json(frame))
    return decoders.TEXT_DECODERS[fields[TAG]](fields)


def decode_general(frame: Frame) -> Record | EventRecord | UnknownMessage:
    """Decode a server's frame with the models. Raises MalformedFrameError."""
    message = decode_server_message(frame)
    return message if isinstance(message, UnknownMessage) else registry.record_of(message)


def encode_server_message(message: WireModel, family: Family) -> bytes | str:
    """Encode a server's message with the fields of ``family``: a text frame where the schema says so."""
    fields = server_message_fields(message, family)
    text_model = registry.TEXT_MESSAGES.get(getattr(message, TAG))
    if text_model is not None and isinstance(message, text_model):
        return json.dumps(fields, ensure_ascii=False, separators=(",", ":"))
    return encode(fields)


def server_message_fields(message: WireModel, family: Family) -> dict[str, object]:
    """Return the fields of a server's message that ``family`` has."""
    limited = registry.FIELDS_OF_FAMILIES.get(type(message), {})
    return message.model_dump(exclude={name for name, families in limited.items() if family not in families})


def encode_fields(fields: Fields) -> bytes:
    """Encode a map that the schema does not define, for servers that send one."""
    return encode(dict(fields))


def decode_server_message(frame: Frame) -> ServerMessage | UnknownMessage:
    """Decode a server's frame. Raises MalformedFrameError."""
    fields = decode_map(frame, bounded=len(frame) >= LARGE_BYTES)
    tag = _message_type(fields)
    # The same tag may mean another message in the other kind of frame.
    known = (registry.TEXT_MESSAGES if isinstance(frame, str) else registry.BINARY_MESSAGES).get(tag)
    if tag == decoders.PROCESS_EVENT and not isinstance(frame, str):
        # Kinds that the schema does not define have a model too, so that new ones break nothing.
        kind = fields.get(EVENT)
        known = registry.EVENTS.get(kind, registry.UNKNOWN) if isinstance(kind, str) else registry.UNKNOWN
    return UnknownMessage(tag, fields) if known is None else cast("ServerMessage", _validate(known, fields))


def decode_client_message(frame: Frame) -> ClientMessage | UnknownMessage:
    """Decode a client's frame. Raises MalformedFrameError."""
    fields = decode_map(frame)
    tag = _message_type(fields)
    known = registry.CLIENT_MESSAGES.get(tag)
    return UnknownMessage(tag, fields) if known is None else cast("ClientMessage", _validate(known, fields))


def describe_validation_error(error: ValueError) -> str:
    """Return why a value is invalid; of a pydantic.ValidationError without the input, which may hold secrets."""
    return validation.describe(error)


def decode_map(frame: Frame, *, bounded: bool = False) -> Fields:
    """Decode the map of a frame; with ``bounded`` without what is in arrays, maps and extensions in it. Raises MalformedFrameError."""
    try:
        if isinstance(frame, str):
            value: object = _decode_json(frame)
        elif bounded:
            value = _unpack_large(frame)
        else:
            value = unpack(frame, object_pairs_hook=_unique_keys)
    except (ValueError, RecursionError, msgpack.UnpackException) as error:
        encoding = "JSON" if isinstance(frame, str) else "msgpack"
        raise MalformedFrameError(
            f"invalid {encoding} in a frame of {len(frame)} bytes ({type(error).__name__})"
        ) from error
    if not isinstance(value, dict):
        raise MalformedFrameError(
            f"expected a map in a frame of {len(frame)} bytes, got {type(value).__name__}"
        )
    return cast("Fields", value)


def _unpack_large(frame: bytes | memoryview) -> Fields:
    """Unpack the map of a server's large frame. What is in arrays, maps and extensions in it is left out.

    Raises ValueError or msgpack.UnpackException.
    """
    maps = 0

    def end_map(pairs: list[tuple[Any, Any]]) -> dict[object, object]:
        nonlocal maps
        maps += 1
        if maps > 1:
            raise ValueError("a map in a map")
        return _unique_keys(pairs)

    try:
        value: object = msgpack.unpackb(
            frame,
            object_pairs_hook=end_map,
            ext_hook=_refuse_extension,
            max_array_len=0,
            max_map_len=MOST_FIELDS,
        )
    except ValueError:
        return _unpack_fields(frame)
    return cast("Fields", value) if isinstance(value, dict) else _unpack_fields(frame)


def _refuse_extension(code: int, _data: bytes) -> NoReturn:
    raise ValueError(f"extension type {code}")


def _unpack_fields(frame: bytes | memoryview) -> Fields:
    """Unpack a map without what is in it but texts, numbers, bytes, booleans and nil."""
    unpacker = msgpack.Unpacker(max_buffer_size=len(frame))
    unpacker.feed(frame)
    count = unpacker.read_map_header()
    if count > MOST_FIELDS:
        raise ValueError("too many fields")
    values: list[Any] = []
    for _ in range(2 * count):
        at = unpacker.tell()
        if at < len(frame) and frame[at] in NESTED:
            unpacker.skip()
            values.append(())
        else:
            values.append(unpacker.unpack())
    if unpacker.tell() != len(frame):
        raise ValueError("bytes after the map")
    return cast("Fields", _unique_keys(list(zip(values[::2], values[1::2], strict=True))))


def _decode_json(text: str) -> object:
    if len(text) > MAX_TEXT_CHARACTERS:
        raise ValueError("text frame is too long")
    value: object = _json_decoder.decode(text)
    # The decoder accepts lone surrogates, which UTF-8 can't encode.
    if "\\u" in text or not text.isascii():
        json.dumps(value, ensure_ascii=False).encode()
    return value


def _unique_keys(pairs: list[tuple[Any, Any]]) -> dict[object, object]:
    # Which of two equal keys counts is undefined in JSON and msgpack, so such a map is rejected.
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("duplicate key")
    return fields


_json_decoder = json.JSONDecoder(object_pairs_hook=_unique_keys)


def _message_type(fields: Fields) -> str:
    tag = fields.get(TAG)
    if not isinstance(tag, str):
        raise MalformedFrameError(f"message has no {TAG}", fields)
    return tag


def _validate(model: type[WireModel], fields: Fields) -> WireModel:
    try:
        valid: WireModel = validation.validator(model).validate_python(fields)
    except ValueError as error:
        reason = describe_validation_error(error)
    else:
        return valid
    # Not chained: the validation error holds the input.
    raise MalformedFrameError(f"invalid {fields[TAG]} message: {reason}", fields)
