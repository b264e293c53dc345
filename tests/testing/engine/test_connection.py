"""Clients that violate the WebSocket protocol or a limit of the server."""

import asyncio
import contextlib
from collections.abc import Iterator

import pytest
from pydantic import JsonValue
from websockets.exceptions import ConnectionClosedError

from pie_client import models
from pie_client.testing import InferletSession, LocalEngine
from tests.conformance.frames import ping
from tests.support.raw import raw_client

MIB = 1 << 20
MASK = bytes(4)
VIOLATIONS = {
    "reserved bits": (b"\xc2\x80" + MASK, 1002),
    "text that is not UTF-8": (b"\x81\x82" + MASK + b"\xff\xfe", 1007),
    "a frame announced as larger than the limit": (
        b"\x82\xff" + (64 * MIB + 1).to_bytes(8, "big") + MASK,
        1009,
    ),
}


def fragments(size: int, length: int = 4 * MIB) -> Iterator[bytes]:
    """Yield a ping of the given size in fragments."""
    whole = ping(7, x=bytes(size))
    yield from (whole[start : start + length] for start in range(0, len(whole), length))


@pytest.mark.parametrize("violation", VIOLATIONS)
async def test_a_protocol_error_closes_the_connection(engine: LocalEngine, violation: str) -> None:
    data, code = VIOLATIONS[violation]
    async with raw_client(engine) as raw:
        await raw.ping()
        raw.socket.transport.write(data)
        with pytest.raises(ConnectionClosedError) as caught:
            await raw.frame()
        received = caught.value.rcvd
        assert (received and received.code) == (None if engine.traits.drops_closed else code)
    async with raw_client(engine) as other:
        assert (await other.ping()).ok


@pytest.mark.parametrize("family", ["0.4"])
async def test_a_0_4_engine_accepts_messages_of_64_mib_in_frames_of_16_mib(engine: LocalEngine) -> None:
    async with raw_client(engine) as raw:
        await raw.socket.send(fragments(63 * MIB, 16 * MIB))
        assert await raw.expect(models.Response) == models.Response(corr_id=7, ok=True, result="Pong")


async def test_a_message_over_the_limit_ends_the_connection(engine: LocalEngine) -> None:
    async with raw_client(engine) as raw:
        with contextlib.suppress(ConnectionClosedError):
            await raw.socket.send(fragments(engine.traits.message_bytes + 1))
        with pytest.raises(ConnectionClosedError) as caught:
            await raw.frame()
        received = caught.value.rcvd
        assert (received and received.code) == (None if engine.traits.drops_closed else 1009)


async def test_only_the_loopback_interface_is_served(engine: LocalEngine) -> None:
    """127.0.0.2 stands for every other address of the machine."""
    port = int(engine.uri.rpartition(":")[2])
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.2", port)


async def test_a_deeply_nested_input_is_passed_as_text(engine: LocalEngine) -> None:
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
