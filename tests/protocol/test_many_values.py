"""Frames of values that take much more memory than bytes, such as empty lists."""

import json
import tracemalloc

import msgpack
import pytest

from pie_client.protocol import codec
from pie_client.protocol.codec import LARGE_BYTES, MalformedFrameError, UnknownMessage, decode

SIZE = 1 << 20
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
def test_a_large_frame_of_many_values_is_refused_at_little_cost(what: str, tag: str) -> None:
    frame = binary(UNITS[what], tag) if what in UNITS else text(TEXTS[what], tag)
    tracemalloc.start()
    try:
        with pytest.raises(MalformedFrameError):
            decode(frame)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2 * SIZE


@pytest.mark.parametrize("what", [*UNITS, *TEXTS])
def test_a_smaller_frame_of_a_new_message_may_have_any_values(what: str) -> None:
    size = LARGE_BYTES // 2
    frame = binary(UNITS[what], "new", size) if what in UNITS else text(TEXTS[what], "new", size)
    assert isinstance(decode(frame), UnknownMessage)


def test_a_large_text_may_have_any_characters() -> None:
    value = ',[{"\\' * SIZE
    message: dict[str, object] = {"type": "new", "value": value, "values": ["\\" * SIZE, {}]}
    for frame in (codec.encode(message), json.dumps(message)):
        found = decode(frame)
        assert isinstance(found, UnknownMessage)
        assert found.fields == message


def test_a_large_text_without_an_end_is_malformed_in_linear_time() -> None:
    with pytest.raises(MalformedFrameError):
        decode('{"type":"new","x":"' + '\\",' * SIZE)
