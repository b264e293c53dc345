"""What the embedded engine does with clients that break the rules of WebSockets, or send more than it takes."""

import asyncio
from collections.abc import Iterator

import pytest
from pydantic import JsonValue
from websockets.exceptions import ConnectionClosedError, ConnectionClosedOK

from pie_client import models
from pie_client.testing import InferletSession, LocalEngine
from tests.conformance.frames import ping
from tests.support.peers import in_time
from tests.support.raw import Raw, raw_client

MIB = 1 << 20
UNMASKED, MASKED = b"", bytes(4)
MISTAKES = {
    "reserved bits": b"\xc2\x80" + MASKED,
    "an unmasked frame": b"\x82\x01" + UNMASKED + b"\0",
    "an unknown opcode": b"\x83\x80" + MASKED,
    "a continuation of nothing": b"\x80\x81" + MASKED + b"x",
    "text that is not UTF-8": b"\x81\x82" + MASKED + b"\xff\xfe",
    "a long ping": b"\x89\xfe\0\x7e" + MASKED + bytes(126),
    "a close of one byte": b"\x88\x81" + MASKED + b"\3",
    "a frame that is announced larger than any": b"\x82\xff\x3f" + b"\xff" * 7 + MASKED,
    "a frame that is announced larger than it may be": b"\x82\xff"
    + (64 * MIB + 1).to_bytes(8, "big")
    + MASKED,
}


def pieces(size: int, length: int = 4 * MIB) -> Iterator[bytes]:
    """Give a ping of a size in pieces."""
    whole = ping(7, x=bytes(size))
    yield from (whole[start : start + length] for start in range(0, len(whole), length))


@pytest.fixture
def talker(engine: LocalEngine) -> asyncio.Event:
    """A program that says something when it is told to."""
    told = asyncio.Event()

    @engine.inferlet("talker@1.0.0")
    async def talk(session: InferletSession, _input: JsonValue) -> JsonValue:
        await told.wait()
        return "said"

    return told


async def hears_only(raw: Raw, talker: asyncio.Event) -> None:
    """See that a client is written to, and is not answered."""
    await raw.send(models.PingRequest(corr_id=7))
    talker.set()
    event = await raw.expect(models.ReturnFrame)
    assert event.value == '"said"'


@pytest.mark.parametrize("mistake", MISTAKES)
@pytest.mark.parametrize("family", ["0.5"])
async def test_the_new_family_ends_the_connection_without_a_word(engine: LocalEngine, mistake: str) -> None:
    async with raw_client(engine) as raw:
        await raw.ping()
        raw.socket.transport.write(MISTAKES[mistake])
        with pytest.raises(ConnectionClosedError) as caught:
            await raw.frame()
        assert caught.value.rcvd is None
    async with raw_client(engine) as other:
        assert (await other.ping()).ok


@pytest.mark.parametrize("mistake", MISTAKES)
@pytest.mark.parametrize("family", ["0.4"])
async def test_the_old_family_reads_nothing_more_and_goes_on_writing(
    engine: LocalEngine, talker: asyncio.Event, mistake: str
) -> None:
    async with raw_client(engine) as raw:
        await raw.launched("talker@1.0.0")
        raw.socket.transport.write(MISTAKES[mistake])
        await hears_only(raw, talker)
    async with raw_client(engine) as other:
        assert (await other.ping()).ok


@pytest.mark.parametrize("family", ["0.4"])
async def test_the_old_family_limits_frames_and_messages_apart(
    engine: LocalEngine, talker: asyncio.Event
) -> None:
    async with raw_client(engine) as raw:
        await raw.launched("talker@1.0.0")
        await raw.socket.send(pieces(17 * MIB))
        assert await raw.expect(models.Response) == models.Response(corr_id=7, ok=True, result="Pong")
        await raw.socket.send(pieces(63 * MIB, 16 * MIB))
        assert (await raw.expect(models.Response)).ok
        await raw.socket.send(pieces(17 * MIB, 16 * MIB + 1))
        await hears_only(raw, talker)


@pytest.mark.parametrize("family", ["0.4"])
async def test_the_old_family_reads_no_message_of_more_than_64_mib(
    engine: LocalEngine, talker: asyncio.Event
) -> None:
    async with raw_client(engine) as raw:
        await raw.launched("talker@1.0.0")
        await raw.socket.send(pieces(64 * MIB, 16 * MIB))
        await hears_only(raw, talker)


@pytest.mark.parametrize("family", ["0.5"])
@pytest.mark.parametrize("length", [4 * MIB, 8 * MIB])
async def test_the_new_family_limits_messages_however_they_are_cut(engine: LocalEngine, length: int) -> None:
    async with raw_client(engine) as raw:
        await raw.ping()
        await raw.socket.send(pieces(7 * MIB, length))
        notice = await raw.expect(models.ServerNotice)
        assert notice.message.startswith(f"request too large: {7 * MIB + len(ping(7, x=b'')) + 3} bytes")
        assert (await raw.ping()).ok


@pytest.mark.parametrize("family", ["0.5"])
async def test_the_new_family_closes_where_the_first_frame_is_too_large(engine: LocalEngine) -> None:
    async with raw_client(engine, identified=False) as raw:
        await raw.socket.send(bytes(engine.traits.frame_bytes + 1))
        notice = await raw.expect(models.ServerNotice)
        assert notice.message.startswith("request too large: ")
        with pytest.raises(ConnectionClosedOK) as caught:
            await in_time(raw.socket.recv())
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code == 1005


async def test_an_input_that_is_nested_too_deep_stays_a_text(engine: LocalEngine) -> None:
    @engine.inferlet("kind@1.0.0")
    async def kind(_session: InferletSession, given: JsonValue) -> JsonValue:
        return type(given).__name__

    async with raw_client(engine) as raw:
        deep = "[" * 100_000
        await raw.send(
            models.LaunchProcessRequest(corr_id=5, inferlet="kind@1.0.0", input=deep, capture_outputs=True)
        )
        assert (await raw.expect(models.Response)).ok
        assert (await raw.expect(models.ReturnFrame)).value == '"str"'
