"""Every stream of bytes, cut anywhere, gives the same messages and the same end as in the WebSocket library alone."""

import asyncio
import functools
import random
from collections.abc import Iterator
from unittest.mock import patch

from pie_client.connection import websocket
from tests.connection.test_websocket import MAX_SIZE, SMALL_BUFFERS, pieces
from tests.connection.wire import (
    BINARY,
    CLOSE,
    PING,
    PONG,
    TEXT,
    frame,
    outcome_in_batches,
    outcome_in_library,
    receive_data,
    receive_in_buffer,
)
from tests.fuzz.choices import Choices
from tests.fuzz.target import Target

LOOP = asyncio.new_event_loop()
MOST = 200
"""Bytes of a stream that are used: the library gets them one by one."""
LARGEST = (1, 2, 5, 20, 100, 5000)


def check(data: bytes) -> None:
    LOOP.run_until_complete(_compare(Choices(data)))


async def _compare(choices: Choices) -> None:
    seed, largest = choices.number(256), choices.pick(LARGEST)
    small, eof, path = choices.number(2), choices.number(2), choices.pick((receive_in_buffer, receive_data))
    stream = choices.rest()[:MOST]
    expected = await outcome_in_library(pieces(stream, 0, 1), max_size=MAX_SIZE, eof=bool(eof))
    with patch.dict(vars(websocket), SMALL_BUFFERS if small else {}):
        cut = functools.partial(pieces, seed=seed, largest=largest)
        got = await outcome_in_batches(stream, cut, max_size=MAX_SIZE, eof=bool(eof), path=path)
    assert got == expected


def seeds() -> Iterator[bytes]:
    chance = random.Random(1)  # noqa: S311 - repeatable
    whole = (
        frame(BINARY, b"a"),
        frame(BINARY, bytes(150)),
        frame(BINARY, b"long form", form=8),
        frame(TEXT, "é".encode()),
        frame(TEXT, b"\xff"),
        frame(PING, b"?") + frame(PONG),
        frame(2, b"a") + frame(PING) + frame(0x80, b"b"),
        frame(1, b"\xc3") + frame(0x80, b"\xa9"),
        frame(BINARY, bytes(MAX_SIZE + 1)),
        frame(CLOSE, b"\x03\xe8bye"),
        frame(BINARY, b"a", masked=True),
        b"\x82\x7f" + b"\xff" * 8,
    )
    for first in whole:
        yield bytes(5) + first
        yield chance.randbytes(5) + b"".join(chance.choices(whole[:8], k=4)) + first + whole[0]


def words() -> Iterator[bytes]:
    for first in (BINARY, TEXT, CLOSE, PING, PONG, 0x01, 0x02, 0x00, 0x80, 0xC2):
        yield bytes([first, 1, 97])
        yield bytes([first, 0])
        yield bytes([first, 126, 0, 130])


TARGET = Target(check, seeds, words)
