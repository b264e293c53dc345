"""Turns frames into models and back. The only module that knows msgpack.

A binary frame holds one msgpack map, a text frame one JSON object. The tag is looked up first, so that a message the
schema does not know is not an error but an :class:`UnknownMessage`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import msgpack
from pydantic import ValidationError

from pie_client._generated import models, registry
from pie_client._generated.families import CORRELATION, PROCESS, TAG, Family
from pie_client._generated.registry import ClientMessage, ServerMessage, TaggedUnion
from pie_client.base import WireModel
from pie_client.errors import ProtocolError

Fields = Mapping[str, object]
"""A decoded map, not yet validated."""


@dataclass(frozen=True, slots=True)
class UnknownMessage:
    """A well-formed message of a type that the schema does not know."""

    type: str
    fields: Fields


class MalformedFrameError(ProtocolError):
    """A frame that is not a message. What could be read of its envelope is kept, so that the right one is told.

    ``correlation`` is the number of a request, so it is None for a message whose number the server chose.
    """

    def __init__(self, message: str, fields: Fields | None = None) -> None:
        super().__init__(message)
        fields = fields or {}
        tag, correlation, process = fields.get(TAG), fields.get(CORRELATION), fields.get(PROCESS)
        known = registry.SERVER_MESSAGES.get(tag) if isinstance(tag, str) else None
        replies = known is None or known is models.Response
        event = fields.get(known.discriminator) if isinstance(known, TaggedUnion) else None
        self.correlation = correlation if replies and type(correlation) is int else None
        self.process = process if isinstance(process, str) else None
        self.event = event if isinstance(event, str) else None


def encode_client_message(message: WireModel) -> bytes:
    """Encode a client's message. A field that is None is left out: servers take both as absent."""
    return msgpack.packb(message.model_dump(exclude_none=True))


def encode_server_message(message: WireModel, family: Family) -> bytes | str:
    """Encode a server's message as ``family`` does: a text frame where the schema says so."""
    tag = getattr(message, TAG)
    if tag in registry.TEXT_MESSAGES and isinstance(message, registry.TEXT_MESSAGES[tag]):
        return message.model_dump_json(exclude=_fields_of_other_families(message, family))
    return msgpack.packb(server_message_fields(message, family))


def server_message_fields(message: WireModel, family: Family) -> dict[str, object]:
    """Give the fields that a server's message has in ``family``."""
    return message.model_dump(exclude=_fields_of_other_families(message, family))


def _fields_of_other_families(message: WireModel, family: Family) -> set[str]:
    return {n for n, f in registry.FIELDS_OF_FAMILIES.get(type(message), {}).items() if family not in f}


def encode_fields(fields: Fields) -> bytes:
    """Encode a map that is no message of the schema, for servers that send such."""
    return msgpack.packb(dict(fields))


def decode_server_message(frame: bytes | str) -> ServerMessage | UnknownMessage:
    """Decode a server's frame; raises MalformedFrameError."""
    fields = _decode_map(frame)
    tag = _message_type(fields)
    known = (registry.TEXT_MESSAGES if isinstance(frame, str) else registry.SERVER_MESSAGES).get(tag)
    if known is None:
        return UnknownMessage(tag, fields)
    if isinstance(known, TaggedUnion):
        kind = fields.get(known.discriminator)
        model = known.members.get(kind, known.unknown) if isinstance(kind, str) else known.unknown
        return cast("ServerMessage", _validate(model, fields))
    return cast("ServerMessage", _validate(known, fields))


def decode_client_message(frame: bytes | str) -> ClientMessage | UnknownMessage:
    """Decode a client's frame; raises MalformedFrameError."""
    fields = _decode_map(frame)
    tag = _message_type(fields)
    known = registry.CLIENT_MESSAGES.get(tag)
    if known is None:
        return UnknownMessage(tag, fields)
    return cast("ClientMessage", _validate(known, fields))


def describe_validation_error(error: ValidationError) -> str:
    """Say where and why a validation failed, without a word of the input."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    return "; ".join(f"{'.'.join(map(str, e['loc'])) or 'value'}: {e['msg']}" for e in found)


def _decode_map(frame: bytes | str) -> Fields:
    try:
        value = (
            _decode_json(frame)
            if isinstance(frame, str)
            else msgpack.unpackb(frame, object_pairs_hook=_unique_keys)
        )
    except (ValueError, RecursionError, msgpack.UnpackException) as error:
        name = "JSON in a text frame" if isinstance(frame, str) else "msgpack"
        raise MalformedFrameError(
            f"frame of {len(frame)} bytes is not {name}: {type(error).__name__}"
        ) from error
    if not isinstance(value, dict):
        raise MalformedFrameError(
            f"frame of {len(frame)} bytes holds {type(value).__name__} instead of a map"
        )
    return cast("Fields", value)


def _decode_json(text: str) -> object:
    value: object = json.loads(text, object_pairs_hook=_unique_keys)
    json.dumps(value, ensure_ascii=False).encode()  # refuses halves of surrogate pairs, which are no text
    return value


def _unique_keys(pairs: list[tuple[object, object]]) -> dict[object, object]:
    """Make a map; one that names a key twice does not say what it means."""
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("duplicate key")
    return fields


def _message_type(fields: Fields) -> str:
    tag = fields.get(TAG)
    if not isinstance(tag, str):
        raise MalformedFrameError(f"message without a {TAG}", fields)
    return tag


def _validate(model: type[WireModel], fields: Fields) -> WireModel:
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        raise MalformedFrameError(
            f"{fields[TAG]} message is malformed: {describe_validation_error(error)}", fields
        ) from error
