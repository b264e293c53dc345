"""Servers for behaviour that engines do not have: TCP peers that send any bytes, and a scripted WebSocket peer."""

import asyncio
import contextlib
import socket
import ssl
import struct
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import TypeAlias, TypeVar

import websockets.asyncio.server
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.utils import accept_key

from pie_client import Family, models
from pie_client.base import WireModel
from pie_client.protocol.codec import UnknownMessage, decode_client_message, encode_server_message

TIMEOUT = 60.0
"""Seconds after which a wait in a test counts as hung; long, because it costs time only in failures."""

Talk: TypeAlias = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
M = TypeVar("M", bound=WireModel)
T = TypeVar("T")


@contextlib.asynccontextmanager
async def tcp_peer(talk: Talk) -> AsyncGenerator[str]:
    """Run a TCP server and yield its address as ``127.0.0.1:port``. A connection is closed when ``talk`` returns."""
    running: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not server.is_serving():  # accepted while the server was closed
            writer.transport.abort()
            return
        task = asyncio.current_task()
        assert task is not None
        running.add(task)
        try:
            # A client may disconnect at any time.
            with contextlib.suppress(ConnectionError, asyncio.CancelledError):
                await talk(reader, writer)
        finally:
            running.discard(task)
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        tasks = [*running]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def sends(data: bytes, *, hang_up: bool = False) -> Talk:
    """Return a peer that sends bytes after the first byte received, then closes or waits for the client to close."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(data)
        await writer.drain()
        if not hang_up:
            await reader.read()

    return talk


async def silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """Read everything and send nothing."""
    await reader.read()


async def hangs_up(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """Close the connection immediately."""


async def resets(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Reset the connection after the first byte received, as the system of a process that was killed."""
    await reader.read(1)
    # Closing discards what was not sent, and sends a reset.
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


class SilentWebSocket:
    """A WebSocket server that completes the handshake, then sends nothing or one answer, and never closes.

    Args:
        answer: Bytes sent after the client's first message.
        headers: Further lines of the handshake.
        before: Bytes sent before the handshake, such as informational responses.
    """

    def __init__(self, answer: bytes = b"", *, headers: bytes = b"", before: bytes = b"") -> None:
        self._answer = answer
        self._before = before
        self._headers = headers
        self.client_came = asyncio.Event()
        """Set when a client has asked for the handshake."""
        self.client_gone = asyncio.Event()
        """Set when the client has closed its TCP connection."""

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        self.client_came.set()
        headers = dict(line.split(": ", 1) for line in head.decode().splitlines()[1:] if line)
        writer.write(self._before)
        writer.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: "
            + accept_key(headers["Sec-WebSocket-Key"]).encode()
            + b"\r\n"
            + self._headers
            + b"\r\n"
        )
        try:
            await reader.read(1)
            writer.write(self._answer)
            await reader.read()
        finally:
            self.client_gone.set()


def free_port() -> int:
    """Return a port without a listener."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass(frozen=True)
class Refusal:
    """A reply with ``ok`` false and this text."""

    text: str


Answer: TypeAlias = str | Refusal | Callable[[], str] | None
"""The reply of a peer: a text, a function that returns the text, a refusal, or no reply."""


class Socket(ServerConnection):
    """A server's connection that reports received data and a client that does not read."""

    peer: "Peer"

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self.peer.on_data()

    def pause_writing(self) -> None:
        super().pause_writing()
        self.peer.stalls += 1
        self.peer.stalled.set()

    def resume_writing(self) -> None:
        super().resume_writing()
        self.peer.stalled.clear()


class Peer:
    """A WebSocket server that records requests and sends the replies that the test sets.

    By default it replies to identification as a 0.4 server without authentication, to pings, launches and attaches;
    ``answers`` changes that. It does not reply to other requests: the test may :meth:`reply`.
    """

    def __init__(self, family: Family = "0.4") -> None:
        self.uri = ""
        self.family: Family = family
        self.answers: dict[type[WireModel], Answer] = {
            models.AuthIdentifyRequest: "Authenticated (Engine disabled authentication)"
            if family == "0.4"
            else "Already authenticated",
            models.PingRequest: "Pong",
            models.LaunchProcessRequest: lambda: str(uuid.uuid4()),
            models.AttachProcessRequest: "Process attached",
        }
        self.refuse_upgrade: tuple[HTTPStatus, str] | None = None
        self.redirects: Iterator[Sequence[str]] = iter(())
        """Values of Location, for each opening handshake that is redirected."""
        self.upgrades: list[Request] = []
        self.answers_upgrades = asyncio.Event()
        """Cleared to leave opening handshakes without an answer."""
        self.answers_upgrades.set()
        self.requests: list[WireModel | UnknownMessage] = []
        self.background: list[asyncio.Task[None]] = []
        """Tasks of the test, cancelled when the peer stops."""
        self.on_data: Callable[[], object] = lambda: None
        """Called after data was received and the pings in it were answered."""
        self.stalls = 0
        self.stalled = asyncio.Event()
        """Set while the client reads more slowly than the peer sends."""
        self.present = 0
        """Number of connected clients."""
        self._news = asyncio.Condition()
        self._socket: ServerConnection | None = None

    @property
    def socket(self) -> ServerConnection:
        """The connection of the latest client."""
        assert self._socket is not None, "no client has connected"
        return self._socket

    def requests_of(self, model: type[M]) -> list[M]:
        """Return the requests of a type, oldest first."""
        return [r for r in self.requests if isinstance(r, model)]

    async def request(self, model: type[M], number: int = 1) -> M:
        """Wait for the ``number``-th request of a type and return it."""
        async with asyncio.timeout(TIMEOUT), self._news:
            await self._news.wait_for(lambda: len(self.requests_of(model)) >= number)
        return self.requests_of(model)[number - 1]

    async def read(self, number: int) -> None:
        """Wait until this number of requests was read."""
        async with asyncio.timeout(TIMEOUT), self._news:
            await self._news.wait_for(lambda: len(self.requests) >= number)

    async def all_gone(self) -> None:
        """Wait until no client is connected."""
        async with asyncio.timeout(TIMEOUT), self._news:
            await self._news.wait_for(lambda: self.present == 0)

    async def send(self, *messages: WireModel | bytes | str) -> None:
        """Send messages, or raw frames."""
        for message in messages:
            frame = encode_server_message(message, self.family) if isinstance(message, WireModel) else message
            await self.socket.send(frame)

    async def reply(self, corr_id: int, result: str, *, ok: bool = True) -> None:
        """Send the reply to a request."""
        await self.send(models.Response(corr_id=corr_id, ok=ok, result=result))

    def hang_up(self) -> None:
        """Close the TCP connection without a close frame, after flushing."""
        self.socket.transport.close()

    def reset(self) -> None:
        """Reset the TCP connection."""
        raw = self.socket.transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.transport.abort()

    def stop_reading(self) -> None:
        """Stop reading, so that neither pings nor a close frame are answered."""
        self.socket.transport.pause_reading()

    async def serve(self, connection: ServerConnection) -> None:
        """Serve one client."""
        self._socket = connection
        self.present += 1
        try:
            async for frame in connection:
                request = decode_client_message(frame)
                async with self._news:
                    self.requests.append(request)
                    self._news.notify_all()
                await self._answer(connection, request)
        except ConnectionClosed:
            pass
        finally:
            self.present -= 1
            async with self._news:
                self._news.notify_all()

    async def _answer(self, connection: ServerConnection, request: WireModel | UnknownMessage) -> None:
        answer = self.answers.get(type(request)) if isinstance(request, WireModel) else None
        corr_id = getattr(request, "corr_id", None)
        if answer is None or corr_id is None:
            return
        ok = not isinstance(answer, Refusal)
        text = answer.text if isinstance(answer, Refusal) else answer if isinstance(answer, str) else answer()
        reply = models.Response(corr_id=corr_id, ok=ok, result=text)
        await connection.send(encode_server_message(reply, self.family))

    async def upgrade(self, number: int) -> None:
        """Wait for the ``number``-th opening handshake."""
        async with asyncio.timeout(TIMEOUT), self._news:
            await self._news.wait_for(lambda: len(self.upgrades) >= number)

    async def receive_upgrade(self, connection: ServerConnection, request: Request) -> Response | None:
        """Record the opening handshake, and delay, refuse or redirect it if the test wants that."""
        self.upgrades.append(request)
        async with self._news:
            self._news.notify_all()
        await self.answers_upgrades.wait()
        if (locations := next(self.redirects, None)) is not None:
            response = connection.respond(HTTPStatus.FOUND, "")
            for location in locations:
                response.headers["Location"] = location
            return response
        return connection.respond(*self.refuse_upgrade) if self.refuse_upgrade else None


@contextlib.asynccontextmanager
async def websocket_peer(
    family: Family = "0.4", *, tls: ssl.SSLContext | None = None
) -> AsyncGenerator[Peer]:
    """Run a WebSocket peer on loopback."""
    peer = Peer(family)
    server = await websockets.asyncio.server.serve(
        peer.serve,
        "127.0.0.1",
        0,
        process_request=peer.receive_upgrade,
        create_connection=type("PeerSocket", (Socket,), {"peer": peer}),
        compression=None,
        ping_interval=None,
        max_size=None,
        # A client that does not read must not delay the end of a test.
        close_timeout=0.1,
        ssl=tls,
    )
    peer.uri = f"{'wss' if tls else 'ws'}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield peer
    finally:
        for task in peer.background:
            task.cancel()
        await asyncio.gather(*peer.background, return_exceptions=True)
        server.close()
        await server.wait_closed()


async def in_time(what: Awaitable[T]) -> T:
    """Await with a deadline of TIMEOUT seconds."""
    async with asyncio.timeout(TIMEOUT):
        return await what


COMPONENT = b"\0asm\x0d\0\1\0"
"""The smallest program: an empty WebAssembly component."""
COMMENT_OVERHEAD = len(COMPONENT) + 1 + 5 + 1
"""Bytes around a comment: the header, the id and length of a section, and the section's empty name."""


def component(comment: bytes) -> bytes:
    """Return a program that contains only a comment, so that it can have any content and size."""
    length = len(comment) + 1
    padded = bytes([length >> shift & 0x7F | 0x80 for shift in (0, 7, 14, 21)] + [length >> 28])
    return COMPONENT + b"\0" + padded + b"\0" + comment


def sized_component(size: int) -> bytes:
    """Return a program of ``size`` bytes."""
    return component(bytes(size - COMMENT_OVERHEAD))
