"""The client passes the test vectors of the schema. A test has the id of its vector."""

import base64
import json
import traceback
from collections import Counter
from collections.abc import Iterator
from typing import Any, cast, get_args

import msgpack
import pytest

from codegen import schema
from codegen.frames import Messages
from codegen.variants import ACCEPTED
from pie_client._generated import registry
from pie_client.base import WireModel
from pie_client.errors import ProtocolError
from pie_client.protocol import codec
from tests.protocol.vectors import INVALID, RECORDED, REFERENCE, VALID, Json, Vector
from tests.support.raw import client_frame
from tests.support.repository import ROOT

MESSAGES = Messages(schema.load(ROOT / "schema"))


def _each(vectors: list[Vector]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("vector", [pytest.param(vector, id=vector.name) for vector in vectors])


def _view(message: WireModel) -> Json:
    """Return a message in the form of the vectors, without null values."""
    return {
        name: base64.b64encode(value).decode() if isinstance(value, bytes) else value
        for name, value in message.model_dump(exclude_none=True).items()
    }


def _unframed(frame: bytes | str) -> Json:
    return cast("Json", json.loads(frame) if isinstance(frame, str) else msgpack.unpackb(frame))


def _without_none(fields: Json) -> Json:
    return {name: value for name, value in fields.items() if value is not None}


def _known(frame: bytes | str, message: WireModel) -> Json:
    """Return the map in a frame, without nil and keys that the message does not define."""
    return _without_none(
        {name: value for name, value in _unframed(frame).items() if name in message.model_dump()}
    )


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in cast("list[object]", value):
            yield from _strings(item)


def _sent_strings(frame: bytes | str) -> Iterator[str]:
    """Iterate over the texts in a frame that can be read at all, except those that name its kind."""
    try:
        fields: Any = _unframed(frame)
    except (ValueError, RecursionError, msgpack.UnpackException):
        return
    if isinstance(fields, dict):
        for name, value in cast("dict[str | bytes, object]", fields).items():
            if name not in ("type", "event", b"type", b"event"):
                yield from _strings(value)


def _encode(message: WireModel, vector: Vector) -> bytes | str:
    if vector.sender == "client":
        return client_frame(message)
    return codec.encode_server_message(message, vector.family)


@_each(RECORDED)
def test_a_recorded_frame_decodes_to_its_class_and_back(vector: Vector) -> None:
    try:
        message = vector.decode()
    except codec.MalformedFrameError:
        found = "malformed"
    else:
        found = "unknown" if isinstance(message, codec.UnknownMessage) else type(message).__name__
        if isinstance(message, WireModel):
            frame = _encode(message, vector)
            assert type(frame) is type(vector.frame) or vector.sender == "client"
            expected = _unframed(vector.frame) if vector.sender == "server" else _known(vector.frame, message)
            assert _unframed(frame) == expected
    assert found == vector.title


@_each([*REFERENCE, *VALID])
def test_a_valid_frame_decodes_to_its_fields_and_back(vector: Vector) -> None:
    message = vector.decode()
    assert isinstance(message, WireModel)
    assert type(message).__name__ == vector.title
    assert _view(message) == _without_none(vector.fields)
    frame = _encode(message, vector)
    assert type(frame) is type(vector.frame)
    assert _without_none(_unframed(frame)) == _known(vector.frame, message)
    decode = codec.decode_client_message if vector.sender == "client" else codec.decode_server_message
    assert decode(frame) == message


@_each(REFERENCE)
def test_the_reference_bytes_are_reproduced(vector: Vector) -> None:
    message = vector.decode()
    assert isinstance(message, WireModel)
    assert _encode(message, vector) == vector.frame


@_each(INVALID)
def test_an_invalid_frame_is_rejected_without_showing_its_values(vector: Vector) -> None:
    if vector.form == ACCEPTED:  # the embedded engine refuses it as real servers do
        assert isinstance(vector.decode(), WireModel)
        return
    with pytest.raises(codec.MalformedFrameError) as caught:
        vector.decode()
    text = str(caught.value)
    assert isinstance(caught.value, ProtocolError)
    assert len(text.splitlines()) == 1
    assert len(text) < 200
    shown = text + "".join(traceback.format_exception(caught.value))
    assert not [secret for secret in _sent_strings(vector.frame) if len(secret) > 5 and secret in shown]


def test_every_valid_vector_conforms_to_the_json_schema_of_its_message() -> None:
    for vector in (*REFERENCE, *VALID):
        assert MESSAGES.accepts(vector.title, vector.fields), vector.name


def test_every_message_has_four_valid_and_eight_invalid_vectors() -> None:
    titles = {
        model.__name__
        for union in (registry.ClientMessage, registry.ServerMessage)
        for model in get_args(union)
    }
    for vectors, least in ((VALID, 4), (INVALID, 8)):
        counts = Counter(vector.title for vector in vectors)
        assert counts.keys() == titles
        assert {title for title, count in counts.items() if count < least} == set()
