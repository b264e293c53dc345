"""Servers that no engine would play: plain TCP peers that say anything, and a WebSocket peer that does as it is told."""

import asyncio
import contextlib
import socket
import ssl
import struct
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import TypeAlias, TypeVar

import websockets.asyncio.server
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.utils import accept_key

from pie_client import Family, models
from pie_client._generated.registry import ClientMessage
from pie_client.base import WireModel
from pie_client.protocol.codec import UnknownMessage, decode_client_message, encode_server_message
from pie_client.testing._generated import texts

PATIENCE = 60.0
"""Seconds after which a test that waits for something counts as hung; generous, for slow machines."""

Talk: TypeAlias = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
M = TypeVar("M", bound=WireModel)
T = TypeVar("T")


@contextlib.asynccontextmanager
async def tcp_peer(talk: Talk) -> AsyncGenerator[str]:
    """Run a TCP server; gives its address as ``127.0.0.1:port``. A connection ends when ``talk`` returns."""
    running: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        running.add(task)
        try:
            # A client that is gone is no error of the test.
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


def says(data: bytes, *, hang_up: bool = False) -> Talk:
    """Make a peer that sends some bytes once it was spoken to, and then hangs up or waits for the client to do so."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(data)
        await writer.drain()
        if not hang_up:
            await reader.read()

    return talk


async def silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """Read all and answer nothing."""
    await reader.read()


async def hangs_up(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """Close at once."""


class Deaf:
    """A WebSocket server that completes the handshake and then listens without ever saying a word."""

    def __init__(self) -> None:
        self.heard_all = asyncio.Event()
        """Set when the client has ended its TCP connection."""

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().splitlines()[1:] if line)
        writer.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept_key(headers["Sec-WebSocket-Key"]).encode() + b"\r\n\r\n"
        )
        try:
            await reader.read()
        finally:
            self.heard_all.set()


def free_port() -> int:
    """Give a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass(frozen=True)
class Refusal:
    """Answer a request with ``ok`` false and these words."""

    text: str


Answer: TypeAlias = str | Refusal | Callable[[], str] | None
"""What a peer answers: words, words made for each request, a refusal, or nothing at all."""


class Socket(ServerConnection):
    """A server's connection that tells when something comes, and when the client does not read what is sent to it."""

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
    """A WebSocket server that keeps what it was asked and answers what the test says.

    It answers identification as a 0.4 server without authentication, pings, launches and attaches; ``answers`` changes
    that. Requests that it has no answer for stay open, for the test to :meth:`reply`.
    """

    def __init__(self, family: Family = "0.4") -> None:
        self.uri = ""
        self.family: Family = family
        self.answers: dict[type[WireModel], Answer] = {
            models.AuthIdentifyRequest: texts.OK_AUTHENTICATION_DISABLED
            if family == "0.4"
            else texts.OK_ALREADY_AUTHENTICATED,
            models.PingRequest: texts.OK_PING,
            models.LaunchProcessRequest: lambda: str(uuid.uuid4()),
            models.AttachProcessRequest: texts.OK_ATTACH_PROCESS,
        }
        self.refuse_upgrade: tuple[HTTPStatus, str] | None = None
        self.redirect: str | None = None
        self.upgrades: list[Request] = []
        self.requests: list[ClientMessage | UnknownMessage] = []
        self.background: list[asyncio.Task[None]] = []
        """Tasks of the test that end with the peer."""
        self.on_data: Callable[[], object] = lambda: None
        """Called after bytes came from the client and pings in them were answered."""
        self.stalls = 0
        self.stalled = asyncio.Event()
        """Set while the client reads more slowly than is sent to it."""
        self.present = 0
        """Clients that are connected."""
        self._news = asyncio.Condition()
        self._socket: ServerConnection | None = None

    @property
    def socket(self) -> ServerConnection:
        """The connection of the client that came last."""
        assert self._socket is not None, "no client has connected"
        return self._socket

    def of(self, model: type[M]) -> list[M]:
        """Give the requests of a kind, oldest first."""
        return [r for r in self.requests if isinstance(r, model)]

    async def asked(self, model: type[M], number: int = 1) -> M:
        """Wait for the ``number``-th request of a kind."""
        async with asyncio.timeout(PATIENCE), self._news:
            await self._news.wait_for(lambda: len(self.of(model)) >= number)
        return self.of(model)[number - 1]

    async def deserted(self) -> None:
        """Wait until every client is gone."""
        async with asyncio.timeout(PATIENCE), self._news:
            await self._news.wait_for(lambda: self.present == 0)

    async def send(self, *messages: WireModel | bytes | str) -> None:
        """Send messages, or frames as they are."""
        for message in messages:
            frame = encode_server_message(message, self.family) if isinstance(message, WireModel) else message
            await self.socket.send(frame)

    async def reply(self, corr_id: int, result: str, *, ok: bool = True) -> None:
        """Answer a request."""
        await self.send(models.Response(corr_id=corr_id, ok=ok, result=result))

    def hang_up(self) -> None:
        """End the TCP connection without a close frame, after what was sent."""
        self.socket.transport.close()

    def reset(self) -> None:
        """Break the TCP connection off."""
        raw = self.socket.transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.transport.abort()

    def stop_reading(self) -> None:
        """Read nothing more, so that neither pings nor a close frame are answered."""
        self.socket.transport.pause_reading()

    async def serve(self, connection: ServerConnection) -> None:
        """Hold the conversation with a client."""
        self._socket = connection
        self.present += 1
        try:
            async for frame in connection:
                request = decode_client_message(frame)
                async with self._news:
                    self.requests.append(request)
                    self._news.notify_all()
                await self._answer(request)
        except ConnectionClosed:
            pass
        finally:
            self.present -= 1
            async with self._news:
                self._news.notify_all()

    async def _answer(self, request: ClientMessage | UnknownMessage) -> None:
        answer = self.answers.get(type(request)) if isinstance(request, WireModel) else None
        corr_id = getattr(request, "corr_id", None)
        if answer is None or corr_id is None:
            return
        if isinstance(answer, Refusal):
            await self.reply(corr_id, answer.text, ok=False)
        else:
            await self.reply(corr_id, answer if isinstance(answer, str) else answer())

    def receive_upgrade(self, connection: ServerConnection, request: Request) -> Response | None:
        """Look at the opening handshake; refuse it when told so."""
        self.upgrades.append(request)
        if self.redirect is not None:
            response = connection.respond(HTTPStatus.FOUND, "")
            response.headers["Location"] = self.redirect
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
        # At the end of a test nobody has to be polite to a client that does not read.
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
    """Await something that must not hang."""
    async with asyncio.timeout(PATIENCE):
        return await what


COMPONENT = b"\0asm\x0d\0\1\0"
"""The smallest program: an empty WebAssembly component."""
COMMENT_OVERHEAD = len(COMPONENT) + 1 + 5 + 1
"""Bytes around a comment: the header, the number and length of a section, and the section's name, which is empty."""


def component(comment: bytes) -> bytes:
    """Give a program that holds nothing but a comment, so that it can be of any content and size."""
    length = len(comment) + 1
    padded = bytes([length >> shift & 0x7F | 0x80 for shift in (0, 7, 14, 21)] + [length >> 28])
    return COMPONENT + b"\0" + padded + b"\0" + comment


def sized_component(size: int) -> bytes:
    """Give a program of so many bytes."""
    return component(bytes(size - COMMENT_OVERHEAD))
