"""Keep-alive pings of a healthy connection; test_connection_loss.py has the unanswered ones."""

import asyncio
import functools

from pie_client import (
    PieClient,
)
from tests.support.peers import TIMEOUT, in_time, websocket_peer


async def test_a_blocked_event_loop_does_not_lose_the_connection() -> None:
    """D12."""
    loop = asyncio.get_running_loop()
    blocked = asyncio.Event()

    def block() -> None:
        """Block the event loop while the pong is on its way, until after the timeout."""
        if not blocked.is_set():
            blocked.set()
            while loop.time() < until:
                pass

    async with (
        websocket_peer() as peer,
        PieClient(peer.uri, ping_interval=0.01, ping_timeout=0.3) as client,
    ):
        await client.ping()
        until = loop.time() + 0.6
        peer.on_data = block
        await in_time(blocked.wait())
        await client.ping()
        await client.ping()


async def test_pings_are_sent_until_the_connection_closes() -> None:
    async with websocket_peer() as peer:
        pings: asyncio.Queue[None] = asyncio.Queue()
        async with PieClient(peer.uri, ping_interval=0.01, ping_timeout=TIMEOUT) as client:
            await client.ping()
            peer.on_data = functools.partial(pings.put_nowait, None)
            for _ in range(5):
                await in_time(pings.get())
            await client.ping()
        await peer.all_gone()
