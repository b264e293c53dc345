"""Messages arrive whole over TLS, through a proxy and on uvloop, also when the client stops reading meanwhile."""

import asyncio
import ssl
from pathlib import Path

import pytest

from pie_client import PieClient, StdoutEvent, models
from tests.connection.helpers import printed, returned
from tests.connection.test_proxies import HttpProxy
from tests.support.peers import in_time, tcp_peer, websocket_peer

SIZES = [0, 100, 5000, 70_000, 1_500_000] * 6
"""Characters of events: far more than the client may buffer."""


async def converse(server_tls: ssl.SSLContext | None, client_tls: ssl.SSLContext | None) -> None:
    """Receive while paused again and again, and send a large message, through a proxy."""
    async with websocket_peer(tls=server_tls) as peer, tcp_peer(HttpProxy(peer.uri).talk) as proxy:
        client = PieClient(peer.uri, ssl=client_tls, proxy=f"http://{proxy}", max_buffered=10_000)
        async with client:
            process = await client.launch_process("a@1.0.0")

            async def send() -> None:
                for size in SIZES:
                    await peer.send(printed(process, "x" * size))
                await peer.send(returned(process))

            sending = asyncio.create_task(send())
            await in_time(peer.stalled.wait())
            await process.signal("y" * 300_000)
            sizes = [len(event.value) async for event in process if isinstance(event, StdoutEvent)]
            assert sizes == SIZES
            await in_time(sending)
            assert (await peer.request(models.SignalProcessRequest)).message == "y" * 300_000


@pytest.mark.parametrize("tls", [False, True], ids=["ws", "wss"])
@pytest.mark.parametrize("library", ["asyncio", "uvloop"])
def test_messages_arrive_whole(
    library: str, *, tls: bool, server_tls: ssl.SSLContext, certificate: Path
) -> None:
    run = asyncio.run if library == "asyncio" else pytest.importorskip("uvloop").run
    if tls:
        run(converse(server_tls, ssl.create_default_context(cafile=certificate)))
    else:
        run(converse(None, None))
