"""Convert between WebSocket frames and message models. The only module that uses msgpack.

A binary frame holds one msgpack map, a text frame one JSON object. ``decode_server_message`` reads the map, chooses the
model by its type (and an event's model by its kind) and validates it; :class:`~pie_client.protocol.session.Session`
routes the result. Messages of unknown types are returned as :class:`UnknownMessage`. It keeps no state and does no I/O.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import msgpack
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from pie_client._generated import models, registry
from pie_client._generated.families import CORRELATION, PROCESS, TAG, Family
from pie_client._generated.registry import ClientMessage, ServerMessage, TaggedUnion
from pie_client.base import WireModel
from pie_client.errors import ProtocolError

Fields = Mapping[str, object]
"""A decoded map, not yet validated."""
PYTHON_TYPES = {
    "bool_type": "bool",
    "bytes_type": "bytes",
    "dict_type": "dict",
    "int_type": "int",
    "list_type": "list",
    "string_type": "str",
}
"""Types that values must have, by the type of the validation error."""


@dataclass(frozen=True, slots=True)
class UnknownMessage:
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
        known = registry.SERVER_MESSAGES.get(tag) if isinstance(tag, str) else None
        event = fields.get(known.discriminator) if isinstance(known, TaggedUnion) else None
        # The server numbers its own requests (MCP calls) too; such a number must not fail a call of the client.
        is_reply = known is None or known is models.Response
        self.corr_id = corr_id if is_reply and type(corr_id) is int else None
        self.process_id = process_id if isinstance(process_id, str) else None
        self.event = event if isinstance(event, str) else None


def encode_client_message(message: WireModel) -> bytes:
    """Encode a client's message as a binary frame. Fields that are None are omitted, which servers treat alike."""
    return msgpack.packb(message.model_dump(exclude_none=True))


def encode_server_message(message: WireModel, family: Family) -> bytes | str:
    """Encode a server's message with the fields of ``family``: a text frame where the schema says so."""
    fields = server_message_fields(message, family)
    text_model = registry.TEXT_MESSAGES.get(getattr(message, TAG))
    if text_model is not None and isinstance(message, text_model):
        return json.dumps(fields, ensure_ascii=False, separators=(",", ":"))
    return msgpack.packb(fields)


def server_message_fields(message: WireModel, family: Family) -> dict[str, object]:
    """Return the fields of a server's message that ``family`` has."""
    limited = registry.FIELDS_OF_FAMILIES.get(type(message), {})
    return message.model_dump(exclude={name for name, families in limited.items() if family not in families})


def encode_fields(fields: Fields) -> bytes:
    """Encode a map that the schema does not define, for servers that send one."""
    return msgpack.packb(dict(fields))


def decode_server_message(frame: bytes | str) -> ServerMessage | UnknownMessage:
    """Decode a server's frame. Raises MalformedFrameError."""
    fields = _decode_map(frame)
    tag = _message_type(fields)
    # The same tag may mean another message in the other kind of frame.
    known = (registry.TEXT_MESSAGES if isinstance(frame, str) else registry.SERVER_MESSAGES).get(tag)
    if known is None:
        return UnknownMessage(tag, fields)
    if isinstance(known, TaggedUnion):
        # Kinds that the schema does not define become the union's unknown member, so that new ones break nothing.
        kind = fields.get(known.discriminator)
        model = known.members.get(kind, known.unknown) if isinstance(kind, str) else known.unknown
        return cast("ServerMessage", _validate(model, fields))
    return cast("ServerMessage", _validate(known, fields))


def decode_client_message(frame: bytes | str) -> ClientMessage | UnknownMessage:
    """Decode a client's frame. Raises MalformedFrameError."""
    fields = _decode_map(frame)
    tag = _message_type(fields)
    known = registry.CLIENT_MESSAGES.get(tag)
    if known is None:
        return UnknownMessage(tag, fields)
    return cast("ClientMessage", _validate(known, fields))


def describe_validation_error(error: ValidationError) -> str:
    """Return where and why validation failed, without the input: it may hold secrets."""
    return "; ".join(map(_describe_detail, error.errors(include_url=False, include_context=False)))


def _describe_detail(detail: ErrorDetails) -> str:
    where = ".".join(map(str, detail["loc"])) or "value"
    expected = PYTHON_TYPES.get(detail["type"])
    if expected is not None:
        return f"{where} is {type(detail['input']).__name__}, not {expected}"
    return f"{where} is missing" if detail["type"] == "missing" else f"{where}: {detail['msg']}"


def _decode_map(frame: bytes | str) -> Fields:
    try:
        if isinstance(frame, str):
            value = _decode_json(frame)
        else:
            value = msgpack.unpackb(frame, object_pairs_hook=_unique_keys)
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


def _decode_json(text: str) -> object:
    value: object = json.loads(text, object_pairs_hook=_unique_keys)
    # json.loads accepts lone surrogates, which UTF-8 can't encode.
    json.dumps(value, ensure_ascii=False).encode()
    return value


def _unique_keys(pairs: list[tuple[object, object]]) -> dict[object, object]:
    # Which of two equal keys counts is undefined in JSON and msgpack, so such a map is rejected.
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("duplicate key")
    return fields


def _message_type(fields: Fields) -> str:
    tag = fields.get(TAG)
    if not isinstance(tag, str):
        raise MalformedFrameError(f"message has no {TAG}", fields)
    return tag


def _validate(model: type[WireModel], fields: Fields) -> WireModel:
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        raise MalformedFrameError(
            f"invalid {fields[TAG]} message: {describe_validation_error(error)}", fields
        ) from error
