"""Keep-alive pings of a healthy connection; test_connection_loss.py has the unanswered ones."""

import asyncio
import functools
import socket

from websockets.frames import Frame, Opcode

from pie_client import PieClient, models
from pie_client.protocol.codec import encode_server_message
from tests.connection.helpers import launch, printed
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


async def test_every_byte_of_a_large_message_keeps_the_connection_alive() -> None:
    """D12."""
    async with websocket_peer() as peer, PieClient(peer.uri, ping_interval=0.05, ping_timeout=1) as client:
        process = await launch(client)
        message = encode_server_message(printed(process, "x" * 1_000_000), "0.4")
        assert isinstance(message, bytes)
        frame = Frame(Opcode.BINARY, message).serialize(mask=False)
        reading = asyncio.create_task(process.recv())
        peer.stop_reading()  # pings are not answered while the message arrives
        for at in range(0, len(frame) - 1, len(frame) // 20):  # for twice as long as the timeout
            peer.socket.transport.write(frame[at : at + len(frame) // 20])
            await asyncio.wait({reading}, timeout=0.1)
        peer.socket.transport.resume_reading()
        assert len((await in_time(reading))[1]) == 1_000_000
        await client.ping()


async def test_a_server_that_reads_slowly_is_alive_while_it_reads() -> None:
    """D12."""
    async with websocket_peer() as peer, PieClient(peer.uri, ping_interval=0.05, ping_timeout=0.5) as client:
        process = await launch(client)
        loop = asyncio.get_running_loop()
        # Else the system would accept all of it at once, on behalf of the server.
        raw = peer.socket.transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 512 << 10)

        def rest() -> None:
            peer.stop_reading()
            loop.call_later(0.05, peer.socket.transport.resume_reading)

        peer.on_data = rest
        await in_time(process.transfer_file(bytes(8 << 20)))
        await in_time(client.ping())
        peer.on_data = lambda: None
        assert len(peer.requests_of(models.TransferFileRequest)) == 32


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
