"""Connections that are accepted one after the other, as real servers of the old family do."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator

import pytest

from pie_client import ConnectTimeoutError, Family, HandshakeError, PieClient
from pie_client.testing import LocalEngine
from tests.support.peers import in_time
from tests.support.raw import UPGRADE, address, raw_client, upgraded

SOON = 0.2
"""Deadline of what has to fail."""


@pytest.fixture
async def engine() -> AsyncIterator[LocalEngine]:
    async with LocalEngine(family="0.4", serial_accept=True, builtins=True) as running:
        yield running


@contextlib.asynccontextmanager
async def silent_peer(engine: LocalEngine) -> AsyncGenerator[asyncio.StreamWriter]:
    """Connect and say nothing."""
    _, writer = await asyncio.open_connection(*address(engine))
    try:
        yield writer
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def pinged(engine: LocalEngine) -> None:
    async with PieClient(engine.uri) as client:
        await client.ping()


async def says_nothing(reader: asyncio.StreamReader) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(SOON):
            await reader.read(1)


@pytest.mark.parametrize("leaves", ["close", "abort"])
async def test_a_peer_that_sends_nothing_keeps_others_waiting_until_it_leaves(
    engine: LocalEngine, leaves: str
) -> None:
    async with silent_peer(engine) as peer:
        reader, writer = await asyncio.open_connection(*address(engine))
        writer.write(UPGRADE)
        await says_nothing(reader)
        if leaves == "abort":
            peer.transport.abort()
        else:
            peer.close()
        assert (await in_time(reader.readuntil(b"\r\n\r\n"))).startswith(b"HTTP/1.1 101 ")
        writer.close()
        await writer.wait_closed()


async def test_a_client_says_at_its_deadline_that_the_server_did_not_open(engine: LocalEngine) -> None:
    async with silent_peer(engine):
        with pytest.raises(ConnectTimeoutError, match=r"within 0\.2 s"):
            await PieClient(engine.uri, open_timeout=SOON).connect()
        connecting = asyncio.create_task(pinged(engine))
        done, _ = await asyncio.wait({connecting}, timeout=SOON)
        assert not done
    await in_time(connecting)


async def test_those_who_wait_are_served_in_their_order(engine: LocalEngine) -> None:
    async with silent_peer(engine) as first, silent_peer(engine) as second:
        reader, writer = await asyncio.open_connection(*address(engine))
        writer.write(UPGRADE)
        second.write(UPGRADE[:40])
        first.close()
        await says_nothing(reader)
        second.write(UPGRADE[40:])
        await in_time(reader.readuntil(b"\r\n\r\n"))
        writer.close()
        await writer.wait_closed()


async def test_one_that_leaves_while_it_waits_keeps_nobody_waiting(engine: LocalEngine) -> None:
    async with silent_peer(engine) as first:
        async with silent_peer(engine) as second:
            second.write(UPGRADE)
        connecting = asyncio.create_task(pinged(engine))
        first.close()
        await in_time(connecting)


async def test_open_connections_do_not_wait_and_keep_nobody_waiting(engine: LocalEngine) -> None:
    async with PieClient(engine.uri) as client, silent_peer(engine):
        assert await (await client.launch_process("echo@1.0.0", 1)).result() == 1
    async with PieClient(engine.uri) as one, PieClient(engine.uri) as other, raw_client(engine) as raw:
        await asyncio.gather(one.ping(), other.ping(), raw.ping())


async def test_a_handshake_that_fails_lets_the_next_one_in(engine: LocalEngine) -> None:
    engine.faults.refuse_upgrade(503)
    with pytest.raises(HandshakeError):
        await PieClient(engine.uri).connect()
    async with silent_peer(engine) as peer:
        peer.write(b"nonsense\r\n\r\n")
        async with PieClient(engine.uri) as client:
            await client.ping()


async def test_a_hanging_handshake_is_one_that_others_wait_for(engine: LocalEngine) -> None:
    with engine.faults.hang_upgrade() as fault:
        hanging = asyncio.create_task(pinged(engine))
        await fault.happened()
        with pytest.raises(ConnectTimeoutError):
            await PieClient(engine.uri, open_timeout=SOON).connect()
    await in_time(hanging)


async def test_an_engine_stops_while_connections_wait(engine: LocalEngine) -> None:
    async with silent_peer(engine), silent_peer(engine), silent_peer(engine):
        await in_time(engine.stop())


async def test_by_default_nobody_waits(family: Family) -> None:
    async with LocalEngine(family=family) as engine, silent_peer(engine):
        _, writer = await upgraded(engine)
        writer.close()
        await writer.wait_closed()
