"""The faulty link itself: each fault happens at its byte, and nothing else does."""

import asyncio
import contextlib
import random

import msgpack
import pytest

from tests.faults.frames import BINARY, FIN, Frame, FrameReader, fragmented, reordered
from tests.faults.link import HARM, OF_FRAMES, OF_LINKS, Direction, Fault, Harm, Kind, Link
from tests.support.peers import in_time, tcp_peer

DATA = bytes(range(256)) * 40
AT, AMOUNT = 5000, 30
BEFORE, HARMED, AFTER = DATA[:AT], DATA[AT : AT + AMOUNT], DATA[AT + AMOUNT :]


@pytest.mark.parametrize("direction", Direction)
@pytest.mark.parametrize("kind", [kind for kind in OF_LINKS if kind not in OF_FRAMES])
async def test_a_fault_of_bytes_happens_at_its_byte(kind: Kind, direction: Direction) -> None:
    received: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
    fault = Fault(kind, direction, 0, AT, AMOUNT)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if direction is Direction.DOWN:
            writer.write(DATA)
            await reader.read()
        else:
            received.set_result(await _read(reader, kind))

    async with tcp_peer(talk) as address, Link(f"ws://{address}", [fault], 1) as link:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(link.uri.rpartition(":")[2]))
        if direction is Direction.UP:
            writer.write(DATA)
            if HARM[kind] in (Harm.NONE, Harm.CORRUPTS):
                writer.write_eof()
        data = await in_time(received if direction is Direction.UP else _read(reader, kind))
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
    assert link.happened == [fault]
    match kind:
        case Kind.FLIP:
            assert (data[:AT], data[AT + AMOUNT :]) == (BEFORE, AFTER)
            assert all(a != b for a, b in zip(data[AT : AT + AMOUNT], HARMED, strict=True))
        case Kind.SKIP:
            assert data == BEFORE + AFTER
        case Kind.REPEAT:
            assert data == BEFORE + HARMED + HARMED + AFTER
        case Kind.PIECES | Kind.DELAY:
            assert data == DATA
        case Kind.RESET:  # a reset discards what was not read
            assert BEFORE.startswith(data)
        case _:
            assert data == BEFORE


async def _read(reader: asyncio.StreamReader, kind: Kind) -> bytes:
    """Return what arrives: until the end, or where none comes, what must arrive before the fault."""
    data = b""
    with contextlib.suppress(ConnectionError):
        wanted = {Harm.STALLS: AT, Harm.ENDS: len(DATA) + 1}.get(
            HARM[kind], len(DATA) + AMOUNT * ((kind is Kind.REPEAT) - (kind is Kind.SKIP))
        )
        while len(data) < wanted and (piece := await reader.read(wanted - len(data))):
            data += piece
    return data


def test_reordered_frames_keep_the_order_of_each_process() -> None:
    frames = [
        Frame(FIN | BINARY, msgpack.packb({"process_id": f"p{number % 3}", "value": number}))
        for number in range(60)
    ]
    changed = reordered(frames, random.Random(1))  # noqa: S311 - repeatable
    assert changed != frames
    for process in ("p0", "p1", "p2"):
        assert [f for f in changed if f.stream == process] == [f for f in frames if f.stream == process]


@pytest.mark.parametrize("size", [0, 1, 2, 125, 126, 65535, 65536])
def test_frames_are_read_as_they_were_written_and_fragments_join_to_their_message(size: int) -> None:
    rng = random.Random(size)  # noqa: S311 - repeatable
    frame = Frame(FIN | BINARY, rng.randbytes(size))
    data = b"HTTP/1.1 101\r\n\r\n" + bytes(frame) * 2
    reader, found, heads = FrameReader(), list[Frame](), b""
    for at in range(0, len(data), 1000):
        head, frames = reader.feed(data[at : at + 1000])
        heads += head
        found += frames
    assert (heads, found, reader.rest()) == (b"HTTP/1.1 101\r\n\r\n", [frame, frame], b"")
    parts = [part for part in fragmented(frame, rng) if part.first & 0xF in (0, BINARY)]
    assert b"".join(part.payload for part in parts) == frame.payload
    assert [bool(part.first & FIN) for part in parts] == [False] * (len(parts) - 1) + [True]
