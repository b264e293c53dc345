"""Receiving in batches gives the same as the WebSocket library alone, for every stream of bytes cut anywhere."""

import asyncio
import functools
import hashlib
import itertools
import os
import random
from collections.abc import Callable, Iterator
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from websockets.asyncio.client import ClientConnection
from websockets.protocol import State

from pie_client.connection import framing, websocket
from pie_client.connection.websocket import BatchWebSocket
from pie_client.protocol.codec import Frame
from tests.connection.wire import (
    BINARY,
    CLOSE,
    PING,
    PONG,
    TEXT,
    Receive,
    Wire,
    frame,
    frames,
    open_wire,
    outcome_in_batches,
    outcome_in_library,
    receive,
    receive_data,
    receive_in_buffer,
    turns,
)

MAX_SIZE = 200
SMALL_BUFFERS = {"READ_SIZE": 48, "BUFFER_SIZE": 128, "MOVED": 8, "SMALL": 40, "WINDOW": 96}
"""Buffers that streams of this test fill often."""
SIZES = (0, 1, 2, 39, 40, 41, 124, 125, 126, 127, MAX_SIZE - 1, MAX_SIZE, MAX_SIZE + 1)


def repeat(fill: bytes, size: int) -> bytes:
    return fill * size


def payloads(limit: int = MAX_SIZE + 1) -> st.SearchStrategy[bytes]:
    # 0xFF and 0x00 are no first bytes of a valid frame: they show what is taken for a frame by mistake.
    sizes = st.sampled_from([size for size in SIZES if size <= limit]) | st.integers(0, limit)
    return st.builds(repeat, st.sampled_from([b"\xff", b"\0", b"a"]), sizes)


def messages(first: int) -> st.SearchStrategy[bytes]:
    return st.builds(frame, st.just(first), payloads(), form=st.sampled_from([0, 0, 0, 2, 8]))


@st.composite
def fragmented(draw: st.DrawFn) -> bytes:
    """A message in fragments, with control frames between them; perhaps larger than allowed."""
    opcode = draw(st.sampled_from([TEXT, BINARY])) & 0x0F
    fragments = draw(
        st.lists(st.binary(max_size=9) | st.just("é".encode()) | payloads(90), min_size=2, max_size=5)
    )
    between = draw(st.lists(pings, max_size=2))
    parts = [frame(opcode, fragments[0])]
    for at, fragment in enumerate(fragments[1:], 2):
        parts += [*between, frame(0x80 if at == len(fragments) else 0, fragment)]
    return b"".join(parts)


pings = st.builds(frame, st.sampled_from([PING, PONG]), st.binary(max_size=3) | payloads(125))
texts = st.builds(frame, st.just(TEXT), st.text(max_size=20).map(str.encode))
invalid_texts = st.builds(frame, st.just(TEXT), st.binary(min_size=1, max_size=9))
closes = st.builds(
    frame,
    st.just(CLOSE),
    st.sampled_from(
        [b"", b"\x03", b"\x03\xe8", b"\x03\xe9bye", b"\x0f\xa0", b"\x03\xed", b"\0\0", b"\x03\xe8\xff"]
    )
    | st.binary(max_size=6),
)
anything = st.builds(
    frame,
    st.integers(0, 255) | st.sampled_from([0, 1, 2, 0x80, 0xC2, 0x92, 0x83, 0x8B, 0x08, 0x09]),
    payloads(),
    form=st.sampled_from([0, 2, 8]),
    masked=st.booleans(),
)
huge = st.sampled_from(
    [b"\x82\x7f" + b"\xff" * 8, b"\x82\x7f" + bytes(7) + b"\xc9", b"\x01\x7f\x80" + bytes(7)]
)

ordinary = st.lists(messages(BINARY) | messages(BINARY) | texts | fragmented() | pings, max_size=6)
unfinished = st.builds(frame, st.sampled_from([1, 2]), payloads(9))
masked = st.builds(frame, st.just(BINARY), payloads(), masked=st.just(True))
unusual = closes | anything | huge | unfinished | masked | invalid_texts

streams = st.tuples(ordinary, st.lists(unusual, max_size=2), ordinary).map(
    lambda parts: b"".join(itertools.chain(*parts))
)


LARGEST = st.sampled_from([1, 2, 5, 20, 100, 500, 5000])
"""The largest piece of a stream, in bytes."""


def pieces(data: bytes, seed: int, largest: int) -> Iterator[bytes]:
    """Cut at random positions."""
    chance = random.Random(seed)  # noqa: S311 - repeatable
    while data:
        size = chance.randint(1, largest)
        yield data[:size]
        data = data[size:]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    data=streams,
    tail=st.integers(0, 20) | st.just(0),
    eof=st.booleans(),
    seed=st.integers(0, 1 << 32),
    largest=LARGEST,
    small_buffers=st.booleans(),
    path=st.sampled_from([receive_in_buffer, receive_in_buffer, receive_data]),
)
@example(frame(BINARY, b"a", form=8) * 3, 0, False, 1, 5000, True, receive_in_buffer)
@example(frame(BINARY, b"a", form=8) * 3, 0, False, 1, 5000, False, receive_in_buffer)
@example(frame(1, b"a") + frame(BINARY, b"b"), 0, False, 1, 5000, False, receive_in_buffer)
def test_every_stream_gives_the_same_as_in_the_library(
    data: bytes,
    tail: int,
    eof: bool,
    seed: int,
    largest: int,
    small_buffers: bool,
    path: Receive,
) -> None:
    data = data[: max(0, len(data) - tail)]

    async def compare() -> None:
        # The library decodes text when it is read, so no frame may arrive before the last one was read.
        expected = await outcome_in_library(pieces(data, 0, 1), max_size=MAX_SIZE, eof=eof)
        with patch.dict(vars(websocket), SMALL_BUFFERS if small_buffers else {}):
            cut = functools.partial(pieces, seed=seed, largest=largest)
            got = await outcome_in_batches(data, cut, max_size=MAX_SIZE, eof=eof, path=path)
        assert got == expected

    asyncio.run(compare())


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(messages(BINARY) | texts | pings | unusual, max_size=8), st.sampled_from([5, MAX_SIZE]))
@example([frame(BINARY, b"a"), frame(1, b"b"), frame(BINARY, b"c")], MAX_SIZE)
@example([frame(BINARY, b"123456")], 5)
@example([frame(CLOSE), frame(BINARY, b"a")], MAX_SIZE)
@example([frame(BINARY, b"a", masked=True)], MAX_SIZE)
def test_frames_that_arrive_one_by_one_give_the_same_as_in_the_library(
    stream: list[bytes], max_size: int
) -> None:
    async def compare() -> None:
        data = b"".join(stream)
        expected = await outcome_in_library(pieces(data, 0, 1), max_size=max_size, eof=False)

        def cut(everything: bytes) -> list[bytes]:
            return [everything[: len(everything) - len(data)], *stream]

        got = await outcome_in_batches(data, cut, max_size=max_size, eof=False)
        assert got == expected

    asyncio.run(compare())


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    stream=st.lists(messages(BINARY) | texts | pings | closes, max_size=14),
    seed=st.integers(0, 1 << 32),
    largest=LARGEST,
)
def test_own_frames_and_those_of_the_library_are_written_whole_and_in_order(
    stream: list[bytes], seed: int, largest: int
) -> None:
    async def check() -> None:
        data = b"".join(stream)
        cut = functools.partial(pieces, seed=seed, largest=largest)
        alone = await outcome_in_batches(data, cut, max_size=MAX_SIZE, eof=False)
        outcome = await outcome_in_batches(data, cut, max_size=MAX_SIZE, eof=False, echo=True)
        assert [written for written in outcome.written if written[0] != BINARY] == alone.written
        echoes = [payload for first, payload in outcome.written if first == BINARY]
        sent_back = [message.encode() if isinstance(message, str) else message for message in alone.messages]
        # A batch is delivered after the frames in it: its messages before a close frame are not sent back.
        assert echoes == sent_back[: len(echoes)]
        assert alone.state is not State.OPEN or len(echoes) == len(sent_back)
        assert CLOSE not in [first for first, _ in outcome.written[:-1]]

    asyncio.run(check())


async def opened(deliver: Callable[[list[Frame]], None], max_size: int) -> tuple[BatchWebSocket, Wire]:
    """Return a connection that delivers, and its transport."""
    connection, wire, response, handshake = await open_wire(BatchWebSocket, max_size)
    receive(connection, response)
    await handshake
    connection.start(deliver, lambda _: None, max_size)
    await turns()
    return connection, wire


async def test_frames_of_one_read_are_delivered_together() -> None:
    batches: list[list[Frame]] = []
    connection, _ = await opened(batches.append, websocket.SMALL)
    receive(connection, frame(BINARY, b"1") + frame(TEXT, b"2") + frame(PING) + frame(BINARY, b"3"))
    assert batches == [[b"1", "2", b"3"]]


@pytest.mark.parametrize("size", [(1 << 16) - 1, 1 << 16, websocket.BUFFER_SIZE, 3 << 20])
async def test_a_large_message_in_small_pieces_is_received_in_place(size: int) -> None:
    digests: list[bytes] = []
    connection, _ = await opened(lambda batch: digests.extend(map(digest, batch)), 3 << 20)
    payload = os.urandom(size)
    data = frame(BINARY, b"before") + frame(BINARY, payload) + frame(BINARY, b"after")
    buffers: set[int] = set()
    for at in range(0, len(data), 4000):
        receive(connection, data[at : at + 4000])
        buffers.add(id(connection.get_buffer(-1).obj))
    assert digests == [digest(b"before"), digest(payload), digest(b"after")]
    assert len(buffers) <= 2, "a buffer that grows is copied again and again"
    assert len(connection.get_buffer(-1)) == websocket.READ_SIZE, (
        "the buffer of the large message is given up"
    )


def as_bytes(message: Frame) -> bytes:
    assert not isinstance(message, str)
    return bytes(message)


def digest(message: Frame) -> bytes:
    return hashlib.sha256(as_bytes(message)).digest()


async def test_messages_that_arrived_before_a_pause_are_delivered() -> None:
    received: list[bytes] = []

    def deliver(batch: list[Frame]) -> None:
        received.extend(as_bytes(message) for message in batch)
        connection.pause()

    connection, wire = await opened(deliver, websocket.SMALL)
    receive(connection, frame(BINARY, b"1") + frame(BINARY, b"2") + frame(BINARY, b"3")[:2])
    assert received == [b"1", b"2"]
    states = [wire.reading]
    connection.resume()
    states.append(wire.reading)
    assert states == [False, True]
    receive(connection, b"3")
    assert received == [b"1", b"2", b"3"]


async def test_writes_of_one_turn_are_joined() -> None:
    connection, wire = await opened(websocket.discard, MAX_SIZE)
    for number in range(100):
        connection.write(b"%d" % number)
    await turns()
    assert wire.writes == 1
    assert frames(bytes(wire.written)) == [(BINARY, b"%d" % number) for number in range(100)]


async def test_a_turn_that_writes_much_writes_in_between() -> None:
    connection, wire = await opened(websocket.discard, MAX_SIZE)
    for _ in range(1000):
        connection.write(bytes(1000))
    assert len(wire.written) > 900_000


@settings(max_examples=50, deadline=None)
@given(sizes=st.lists(st.integers(0, 9) | st.just(70_000), max_size=5), after=st.integers(0, 3))
def test_a_message_in_parts_is_one_frame(sizes: list[int], after: int) -> None:
    async def check() -> None:
        connection, wire = await opened(websocket.discard, MAX_SIZE)
        parts = [os.urandom(size) for size in sizes]
        connection.write(b"before")
        connection.write(*parts)
        connection.write(memoryview(bytes(after)))
        await turns()
        expected = [b"before", b"".join(parts), bytes(after)]
        assert frames(bytes(wire.written)) == [(BINARY, payload) for payload in expected]

    asyncio.run(check())


async def test_every_frame_has_its_own_mask() -> None:
    connection, wire = await opened(websocket.discard, MAX_SIZE)
    number = framing.MASKS
    for _ in range(number):
        connection.write(b"")
    await turns()
    masks = {bytes(wire.written[at + 2 : at + 6]) for at in range(0, 6 * number, 6)}
    assert len(masks) > number - 10, "about two of 4,096 random masks are equal by chance at most"


async def test_too_many_fragments_close_the_connection() -> None:
    connection, wire = await opened(websocket.discard, MAX_SIZE)
    receive(connection, frame(0x02) + frame(0) * (websocket.MAX_FRAGMENTS - 1))
    assert connection.state is State.OPEN
    receive(connection, frame(0))
    assert frames(bytes(wire.written)) == [(CLOSE, b"\x03\xf1too many fragments")]


def other_signature(_self: object, _event: object, _more: object) -> None:
    """Take one argument more than the library does."""


def test_the_library_receives_if_it_has_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(websocket, "always_library_receive", False)
    assert websocket.websocket_class() is BatchWebSocket
    websocket.is_as_expected.cache_clear()
    with monkeypatch.context() as changed:
        changed.delattr(ClientConnection.__mro__[1], "send_data")
        assert websocket.websocket_class() is websocket.WebSocket
    websocket.is_as_expected.cache_clear()
    with monkeypatch.context() as changed:
        changed.setattr(ClientConnection, "process_event", other_signature)
        assert websocket.websocket_class() is websocket.WebSocket
    websocket.is_as_expected.cache_clear()
