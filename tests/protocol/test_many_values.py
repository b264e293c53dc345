"""Frames of values that take much more memory than bytes, such as empty lists."""

import contextlib
import json
import tracemalloc

import msgpack
import pytest

from pie_client import Event
from pie_client._generated.decoders import EventRecord, ResponseRecord
from pie_client.protocol import codec
from pie_client.protocol.codec import LARGE_BYTES, MalformedFrameError, UnknownMessage, decode

SIZE = 1 << 20
PROCESS = "11111111-1111-4111-8111-111111111111"
UNITS = {
    "lists": b"\x90",
    "maps": b"\x80",
    "nested lists": b"\x93\x90\x91\x90\x90",
    "numbers": b"\x01",
    "strings": b"\xa2ab",
    "extensions": b"\xd4\x01a",
    "times": b"\xd6\xff\0\0\0\0",
    "pairs": b"\x81\xa1a\xc0",
}
TEXTS = {
    "JSON lists": "[]",
    "JSON objects": "{}",
    "JSON numbers": "1",
    "JSON texts": '"ab"',
    "JSON pairs": '{"a":1}',
}


def binary(unit: bytes, tag: str, size: int = SIZE) -> bytes:
    count = size // len(unit)
    head = b"".join(map(msgpack.packb, ("type", tag, "x")))
    return b"\x82" + head + b"\xdd" + count.to_bytes(4) + unit * count


def text(unit: str, tag: str, size: int = SIZE) -> str:
    return f'{{"type":"{tag}","x":[{",".join([unit] * (size // (1 + len(unit))))}]}}'


@pytest.mark.parametrize("tag", ["process_event", "response", "server_notice", "a new message"])
@pytest.mark.parametrize("what", [*UNITS, *TEXTS])
def test_many_values_in_a_large_frame_take_little_memory(what: str, tag: str) -> None:
    frame = binary(UNITS[what], tag) if what in UNITS else text(TEXTS[what], tag, 9 * SIZE)
    tracemalloc.start()
    try:
        with contextlib.suppress(MalformedFrameError):
            assert isinstance(decode(frame), UnknownMessage)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 3 * SIZE  # a copy of the frame, at most


@pytest.mark.parametrize("what", [*UNITS, *TEXTS])
def test_a_smaller_frame_of_a_new_message_may_have_any_values(what: str) -> None:
    size = LARGE_BYTES // 2
    frame = binary(UNITS[what], "new", size) if what in UNITS else text(TEXTS[what], "new", size)
    assert isinstance(decode(frame), UnknownMessage)


@pytest.mark.parametrize("what", UNITS)
def test_a_large_message_may_have_new_fields_of_any_values(what: str) -> None:
    array = b"\xdd" + (SIZE).to_bytes(4) + UNITS[what] * SIZE
    reply = codec.encode({"type": "response", "corr_id": 7, "ok": True, "result": "Pong"})
    assert decode(b"\x85" + reply[1:] + msgpack.packb("new") + array) == ResponseRecord(7, True, "Pong")
    value = "x" * LARGE_BYTES
    event = codec.encode({"type": "process_event", "process_id": PROCESS, "event": "return", "value": value})
    found = decode(b"\x85" + event[1:] + msgpack.packb("new") + array)
    assert isinstance(found, EventRecord)
    assert found.event == (Event.Return, value)


def test_a_large_text_may_have_any_characters() -> None:
    value = ',[{"\\' * LARGE_BYTES
    message: dict[str, object] = {"type": "new", "value": value}
    for frame in (codec.encode(message), json.dumps(message)):
        found = decode(frame)
        assert isinstance(found, UnknownMessage)
        assert found.fields == message


@pytest.mark.parametrize(
    "frame",
    [
        b"\x83" + b"".join(map(msgpack.packb, ("type", "new", "x", 1, "x", bytes(SIZE)))),
        b"\x82" + msgpack.packb("type") + msgpack.packb(bytes(SIZE)) * 2,
        msgpack.packb({"type": "new", "x": bytes(SIZE)}) + b"\xc0",
        msgpack.packb({"type": "new", "x": [[]], "y": bytes(SIZE)}) + b"\xc0",
        msgpack.packb({"type": "new", "x": [[]], "y": bytes(SIZE)})[:-1],
        b"\xdf\xff\xff\xff\xff" + bytes(SIZE),
        b"\xde\xff\xff" + msgpack.packb("type") * 2 * 0xFFFF,
        msgpack.packb([bytes(SIZE)]),
    ],
    ids=[
        "equal keys",
        "bytes as key",
        "more bytes",
        "more bytes after an array",
        "cut off",
        "length",
        "many",
        "list",
    ],
)
def test_a_large_frame_that_is_not_one_map_is_malformed(frame: bytes) -> None:
    with pytest.raises(MalformedFrameError):
        decode(frame)


def test_a_large_text_without_an_end_is_malformed() -> None:
    with pytest.raises(MalformedFrameError):
        decode('{"type":"new","x":"' + '\\",' * LARGE_BYTES)
