"""``LocalEngine(serial_accept=True)``: a connection waits until the handshake of the one before it is over."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator

import pytest

from pie_client import ConnectTimeoutError, Family, HandshakeError, PieClient
from pie_client.testing import LocalEngine
from tests.support.peers import in_time
from tests.support.raw import UPGRADE, address, raw_client, upgraded

SOON = 0.2
"""Seconds after which something counts as not happening."""


@pytest.fixture
async def engine() -> AsyncIterator[LocalEngine]:
    async with LocalEngine(family="0.4", serial_accept=True, builtins=True) as running:
        yield running


@contextlib.asynccontextmanager
async def silent_peer(engine: LocalEngine) -> AsyncGenerator[asyncio.StreamWriter]:
    """Connect without sending anything."""
    _, writer = await asyncio.open_connection(*address(engine))
    try:
        yield writer
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def connect_and_ping(engine: LocalEngine) -> None:
    async with PieClient(engine.uri) as client:
        await client.ping()


async def expect_silence(reader: asyncio.StreamReader) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(SOON):
            await reader.read(1)


@pytest.mark.parametrize("leaves", ["close", "abort"])
async def test_a_silent_connection_delays_the_next_until_it_leaves(engine: LocalEngine, leaves: str) -> None:
    async with silent_peer(engine) as peer:
        reader, writer = await asyncio.open_connection(*address(engine))
        writer.write(UPGRADE)
        await expect_silence(reader)
        if leaves == "abort":
            peer.transport.abort()
        else:
            peer.close()
        assert (await in_time(reader.readuntil(b"\r\n\r\n"))).startswith(b"HTTP/1.1 101 ")
        writer.close()
        await writer.wait_closed()


async def test_a_delayed_client_raises_at_its_open_timeout(engine: LocalEngine) -> None:
    async with silent_peer(engine):
        with pytest.raises(ConnectTimeoutError, match=r"within 0\.2 s"):
            await PieClient(engine.uri, open_timeout=SOON).connect()
        connecting = asyncio.create_task(connect_and_ping(engine))
        done, _ = await asyncio.wait({connecting}, timeout=SOON)
        assert not done
    await in_time(connecting)


async def test_waiting_connections_are_served_in_order_of_arrival(engine: LocalEngine) -> None:
    async with silent_peer(engine) as first, silent_peer(engine) as second:
        reader, writer = await asyncio.open_connection(*address(engine))
        writer.write(UPGRADE)
        second.write(UPGRADE[:40])
        first.close()
        await expect_silence(reader)
        second.write(UPGRADE[40:])
        await in_time(reader.readuntil(b"\r\n\r\n"))
        writer.close()
        await writer.wait_closed()


async def test_a_connection_that_leaves_while_waiting_is_skipped(engine: LocalEngine) -> None:
    async with silent_peer(engine) as first:
        async with silent_peer(engine) as second:
            second.write(UPGRADE)
        connecting = asyncio.create_task(connect_and_ping(engine))
        first.close()
        await in_time(connecting)


async def test_an_open_connection_neither_waits_nor_delays_others(engine: LocalEngine) -> None:
    async with PieClient(engine.uri) as client, silent_peer(engine):
        assert await (await client.launch_process("echo@1.0.0", 1)).result() == 1
    async with PieClient(engine.uri) as one, PieClient(engine.uri) as other, raw_client(engine) as raw:
        await asyncio.gather(one.ping(), other.ping(), raw.ping())


async def test_the_next_connection_is_served_after_a_failed_handshake(engine: LocalEngine) -> None:
    engine.faults.refuse_upgrade(503)
    with pytest.raises(HandshakeError):
        await PieClient(engine.uri).connect()
    async with silent_peer(engine) as peer:
        peer.write(b"nonsense\r\n\r\n")
        async with PieClient(engine.uri) as client:
            await client.ping()


async def test_a_hanging_handshake_delays_other_connections(engine: LocalEngine) -> None:
    with engine.faults.hang_upgrade() as fault:
        hanging = asyncio.create_task(connect_and_ping(engine))
        await fault.happened()
        with pytest.raises(ConnectTimeoutError):
            await PieClient(engine.uri, open_timeout=SOON).connect()
    await in_time(hanging)


async def test_stop_does_not_wait_for_waiting_connections(engine: LocalEngine) -> None:
    async with silent_peer(engine), silent_peer(engine), silent_peer(engine):
        await in_time(engine.stop())


async def test_connections_do_not_wait_without_the_option(family: Family) -> None:
    async with LocalEngine(family=family) as engine, silent_peer(engine):
        _, writer = await upgraded(engine)
        writer.close()
        await writer.wait_closed()
