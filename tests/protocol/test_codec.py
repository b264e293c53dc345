"""Encoding and decoding of frames, with generated data."""

import json
from pathlib import Path
from typing import cast, get_args

import msgpack
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from codegen import schema
from pie_client import Family, models
from pie_client._generated import registry
from pie_client.base import WireModel
from pie_client.protocol import codec
from tests.protocol import strategies
from tests.protocol.vectors import RECORDED, VALID, Json
from tests.support.raw import client_frame

ROOT = Path(__file__).parents[2]
DESCRIBED = schema.load(ROOT / "schema")
FAMILIES: tuple[Family, ...] = get_args(Family)

ANY_SPEED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def _unframed(frame: bytes | str) -> Json:
    return cast("Json", json.loads(frame) if isinstance(frame, str) else msgpack.unpackb(frame))


# ------------------------------------------------------------- tolerance


@pytest.mark.parametrize("tag", ["metrics", "", "turn_done", "error", "ping"])
def test_a_binary_message_of_an_unknown_type_is_returned(tag: str) -> None:
    message = codec.decode_server_message(msgpack.packb({"type": tag, "corr_id": -1}))
    assert message == codec.UnknownMessage(tag, {"type": tag, "corr_id": -1})


@pytest.mark.parametrize("tag", ["metrics", "response", "process_event"])
def test_a_text_message_of_an_unknown_type_is_returned(tag: str) -> None:
    assert codec.decode_server_message(json.dumps({"type": tag})) == codec.UnknownMessage(tag, {"type": tag})


def test_a_request_of_an_unknown_type_is_returned() -> None:
    assert isinstance(codec.decode_client_message(msgpack.packb({"type": "response"})), codec.UnknownMessage)


@pytest.mark.parametrize("value", ["{}", "", None])
def test_an_event_of_an_unknown_kind_keeps_its_kind_and_value(value: str | None) -> None:
    """D28"""
    frame = msgpack.packb({"type": "process_event", "process_id": "p", "event": "metrics", "value": value})
    assert codec.decode_server_message(frame) == models.UnknownFrame(
        process_id="p", event="metrics", value=value
    )


def test_a_request_may_be_a_text_frame() -> None:
    assert codec.decode_client_message('{"type":"ping","corr_id":7}') == models.PingRequest(corr_id=7)


def _malformed(fields: Json) -> codec.MalformedFrameError:
    with pytest.raises(codec.MalformedFrameError) as caught:
        codec.decode_server_message(msgpack.packb(fields))
    return caught.value


@pytest.mark.parametrize("tag", ["response", None])
def test_a_malformed_reply_keeps_its_corr_id(tag: str | None) -> None:
    assert _malformed({"type": tag, "corr_id": 7, "ok": "yes"}).corr_id == 7


def test_the_corr_id_of_an_mcp_request_is_not_kept() -> None:
    """D61"""
    error = _malformed({"type": "mcp_request", "corr_id": 7, "process_id": "p", "method": "tools/list"})
    assert (error.corr_id, error.process_id) == (None, "p")


def test_a_malformed_event_keeps_its_process_and_kind() -> None:
    error = _malformed({"type": "process_event", "process_id": "p", "event": "return", "corr_id": 7})
    assert (error.corr_id, error.process_id, error.event) == (None, "p", "return")


@pytest.mark.parametrize("value", [True, 1.0, "1", None, [1]])
def test_envelope_fields_of_a_wrong_type_are_not_kept(value: object) -> None:
    assert _malformed({"type": "response", "corr_id": value}).corr_id is None
    error = _malformed({"type": "process_event", "process_id": [value], "event": [value]})
    assert (error.process_id, error.event) == (None, None)


# ------------------------------------------------------------- families


def test_the_name_of_a_file_is_encoded_only_for_its_family() -> None:
    chunk = models.FileChunk(
        process_id="p", file_hash="h", chunk_index=0, total_chunks=1, chunk_data=b"", name="a.txt"
    )
    assert "name" not in _unframed(codec.encode_server_message(chunk, "0.4"))
    assert _unframed(codec.encode_server_message(chunk, "0.5"))["name"] == "a.txt"


def test_a_file_without_a_name_is_encoded_with_null() -> None:
    chunk = models.FileChunk(process_id="p", file_hash="h", chunk_index=0, total_chunks=1, chunk_data=b"")
    assert _unframed(codec.encode_server_message(chunk, "0.5"))["name"] is None


# ------------------------------------------------------------- whatever comes

NUMBERS = st.integers(-(2**63), 2**64 - 1)
LEAVES = (
    st.none()
    | st.booleans()
    | NUMBERS
    | st.floats()
    | st.text(max_size=20)
    | st.binary(max_size=20)
    | st.builds(msgpack.ExtType, st.integers(0, 127), st.binary(max_size=8))
    | st.builds(msgpack.Timestamp, st.integers(0, 2**34), st.integers(0, 10**9 - 1))
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=9) | st.binary(max_size=9), inner, max_size=4)
    ),
    max_leaves=12,
)
TAGS = st.sampled_from(
    ["process_event", *registry.CLIENT_MESSAGES, *registry.BINARY_MESSAGES, *registry.TEXT_MESSAGES]
)
NAMES = {name for model in registry.CLIENT_MESSAGES.values() for name in model.model_fields} | {
    "event",
    "value",
}
NEARLY_MESSAGES: st.SearchStrategy[Json] = st.fixed_dictionaries(
    {"type": TAGS}, optional=dict.fromkeys(sorted(NAMES - {"type"}), VALUES)
)
EXTRA_KEYS = st.dictionaries(st.text(max_size=9).map("later-{}".format), VALUES, max_size=3)


def _decodes_or_is_malformed(frame: bytes | str) -> None:
    for decode in (codec.decode_server_message, codec.decode_client_message):
        try:
            decode(frame)
        except codec.MalformedFrameError as error:
            assert len(str(error).splitlines()) == 1  # noqa: PT017 - it may be raised or not


@given(st.binary() | st.text())
@ANY_SPEED
def test_any_bytes_or_text_decode_or_are_malformed(frame: bytes | str) -> None:
    """D2"""
    _decodes_or_is_malformed(frame)


@given(VALUES | NEARLY_MESSAGES)
@settings(ANY_SPEED, max_examples=50)
def test_any_msgpack_value_decodes_or_is_malformed(value: object) -> None:
    """D2"""
    _decodes_or_is_malformed(msgpack.packb(value))


@given(st.sampled_from([v.frame for v in [*RECORDED, *VALID] if v.frame]), st.data())
@settings(ANY_SPEED, max_examples=300)
def test_a_damaged_frame_decodes_or_is_malformed(frame: bytes | str, data: st.DataObject) -> None:
    """D2"""
    start = data.draw(st.integers(0, len(frame)))
    end = data.draw(st.integers(start, min(len(frame), start + 4)))
    if isinstance(frame, str):
        _decodes_or_is_malformed(frame[:start] + data.draw(st.text(max_size=4)) + frame[end:])
    else:
        _decodes_or_is_malformed(frame[:start] + data.draw(st.binary(max_size=4)) + frame[end:])


@pytest.mark.parametrize("model", registry.CLIENT_MESSAGES.values())
@given(st.data())
@settings(ANY_SPEED, max_examples=30)
def test_a_request_round_trips(model: type[WireModel], data: st.DataObject) -> None:
    message = model.model_validate(data.draw(strategies.fields(DESCRIBED, model.__name__)))
    frame = client_frame(message)
    assert codec.decode_client_message(frame) == message
    later = msgpack.packb(_unframed(frame) | data.draw(EXTRA_KEYS))
    assert codec.decode_client_message(later) == message


@pytest.mark.parametrize("model", get_args(registry.ServerMessage))
@given(st.data(), st.sampled_from(FAMILIES))
@settings(ANY_SPEED, max_examples=30)
def test_a_server_message_round_trips(model: type[WireModel], data: st.DataObject, family: Family) -> None:
    message = model.model_validate(data.draw(strategies.fields(DESCRIBED, model.__name__)))
    if isinstance(message, models.UnknownFrame):
        assume(message.event not in registry.EVENTS)
    if isinstance(message, models.FileChunk) and family == "0.4":
        message = message.model_copy(update={"name": None})
    frame = codec.encode_server_message(message, family)
    assert codec.decode_server_message(frame) == message
    extra = data.draw(st.dictionaries(st.text(max_size=9).map("later-{}".format), st.none() | NUMBERS))
    later = _unframed(frame) | extra
    assert (
        codec.decode_server_message(json.dumps(later) if isinstance(frame, str) else msgpack.packb(later))
        == message
    )


def test_a_map_with_a_duplicate_nested_key_is_rejected() -> None:
    nested = b"\x82" + msgpack.packb("a") + b"\x01" + msgpack.packb("a") + b"\x02"
    frame = b"\x83" + b"".join(map(msgpack.packb, ("type", "ping", "corr_id", 1, "later"))) + nested
    with pytest.raises(codec.MalformedFrameError):
        codec.decode_client_message(frame)
