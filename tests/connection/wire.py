"""A WebSocket connection without a socket: bytes go straight into the protocol, and what it writes is recorded."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TypeAlias, TypeVar

from websockets.asyncio.client import ClientConnection
from websockets.client import ClientProtocol
from websockets.exceptions import ConnectionClosed
from websockets.frames import Close
from websockets.protocol import State
from websockets.uri import parse_uri
from websockets.utils import accept_key, apply_mask

from pie_client.connection.websocket import BatchWebSocket
from pie_client.protocol.codec import Frame
from tests.support.peers import in_time

C = TypeVar("C", bound=ClientConnection)
Receive: TypeAlias = Callable[[BatchWebSocket, bytes], bytes]

TEXT, BINARY, CLOSE, PING, PONG = 0x81, 0x82, 0x88, 0x89, 0x8A


def frame(first: int, payload: bytes = b"", *, form: int = 0, masked: bool = False) -> bytes:
    """Return a frame with a first byte.

    Args:
        form: Bytes of the extended length, 2 or 8, also where a shorter form exists; 0 for the shortest form.
    """
    length = len(payload)
    mask = 0x80 if masked else 0
    form = max(form, 0 if length < 126 else 2 if length < 1 << 16 else 8)
    second = {0: length, 2: 126, 8: 127}[form] | mask
    return bytes([first, second]) + (length.to_bytes(form) if form else b"") + bytes(4 * masked) + payload


def frames(data: bytes) -> list[tuple[int, bytes]]:
    """Return first byte and payload of a client's frames; fails unless all are complete and masked."""
    found: list[tuple[int, bytes]] = []
    at = 0
    while at < len(data):
        first, second = data[at : at + 2]
        assert second & 0x80, "a client masks its frames"
        form = {126: 2, 127: 8}.get(second & 0x7F, 0)
        length = int.from_bytes(data[at + 2 : at + 2 + form]) if form else second & 0x7F
        mask = data[at + 2 + form : at + 6 + form]
        at += 6 + form + length
        assert at <= len(data), "the last frame is incomplete"
        found.append((first, apply_mask(data[at - length : at], mask)))
    return found


class Wire(asyncio.Transport):
    """A transport that records."""

    def __init__(self) -> None:
        super().__init__()
        self.protocol: ClientConnection | None = None
        self.written = bytearray()
        self.writes = 0
        self.half_closed = False
        self.reading = True
        self._closing = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.half_closed
        self.written += data
        self.writes += 1

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.half_closed = True

    def abort(self) -> None:
        if not self._closing:
            self._closing = True
            assert self.protocol is not None
            self.protocol.loop.call_soon(self.protocol.connection_lost, None)

    close = abort

    def is_closing(self) -> bool:
        return self._closing

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass


@dataclass
class Outcome:
    """What became of a stream: messages, and the state of the connection before its end."""

    messages: list[bytes | str] = field(default_factory=list[bytes | str])
    written: list[tuple[int, bytes]] = field(default_factory=list[tuple[int, bytes]])
    state: State = State.OPEN
    received: Close | None = None
    sent: Close | None = None
    received_first: bool | None = None
    half_closed: bool = False

    def end(self, connection: ClientConnection, wire: Wire) -> None:
        """Record the state of a connection."""
        protocol = connection.protocol
        self.written = frames(bytes(wire.written))
        self.state = connection.state
        self.received, self.sent = protocol.close_rcvd, protocol.close_sent
        self.received_first = protocol.close_rcvd_then_sent
        self.half_closed = wire.half_closed


async def turns(number: int = 3) -> None:
    """Let the event loop run what is ready."""
    for _ in range(number):
        await asyncio.sleep(0)


async def open_wire(kind: type[C], max_size: int) -> tuple[C, Wire, bytes, asyncio.Task[None]]:
    """Return a connection, its transport, the server's response, and the task of the opening handshake."""
    protocol = ClientProtocol(parse_uri("ws://localhost"), max_size=max_size)
    connection = kind(protocol, ping_interval=None, close_timeout=1000, max_queue=None)
    wire = Wire()
    wire.protocol = connection
    connection.connection_made(wire)
    handshake = asyncio.create_task(connection.handshake())
    await turns()
    head = wire.written.decode()
    key = next(line.split(": ")[1] for line in head.splitlines() if line.startswith("Sec-WebSocket-Key"))
    response = (
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Accept: {accept_key(key)}\r\n\r\n"
    )
    wire.written.clear()
    wire.writes = 0
    return connection, wire, response.encode(), handshake


async def outcome_in_library(pieces: Iterable[bytes], *, max_size: int, eof: bool) -> Outcome:
    """Receive with the library alone, which gets the pieces one by one."""
    connection, wire, response, handshake = await open_wire(ClientConnection, max_size)
    connection.data_received(response)
    await handshake
    outcome = Outcome()

    async def receive() -> None:
        try:
            while True:
                outcome.messages.append(await connection.recv())
        except ConnectionClosed:
            pass

    receiver = asyncio.create_task(receive())
    for piece in pieces:
        connection.data_received(piece)
        await turns(2)
    await turns()
    if eof:
        connection.eof_received()
    outcome.end(connection, wire)
    wire.abort()
    await in_time(receiver)
    return outcome


def receive_in_buffer(connection: BatchWebSocket, data: bytes) -> bytes:
    """Receive as asyncio does; returns what does not fit into one read."""
    buffer = connection.get_buffer(-1)
    size = min(len(buffer), len(data))
    assert size, "no room"
    buffer[:size] = data[:size]
    connection.buffer_updated(size)
    return data[size:]


def receive(connection: BatchWebSocket, data: bytes) -> None:
    """Receive bytes in as many reads as they take."""
    while data:
        data = receive_in_buffer(connection, data)


def receive_data(connection: BatchWebSocket, data: bytes) -> bytes:
    """Receive as uvloop does."""
    connection.data_received(data)
    return b""


async def outcome_in_batches(
    data: bytes,
    cut: Callable[[bytes], Iterable[bytes]],
    *,
    max_size: int,
    eof: bool,
    path: Receive = receive_in_buffer,
    echo: bool = False,
) -> Outcome:
    """Receive the server's response and data, cut into pieces. With ``echo``, messages are sent back when they arrive."""
    connection, wire, response, handshake = await open_wire(BatchWebSocket, max_size)
    outcome = Outcome()
    ends: list[ConnectionClosed] = []

    def deliver(batch: list[Frame]) -> None:
        assert not ends, "a message after the end"
        for message in batch:
            outcome.messages.append(message if isinstance(message, str) else bytes(message))
            if echo and connection.state is State.OPEN:
                connection.write(message.encode() if isinstance(message, str) else bytes(message))

    for part in cut(response + data):
        piece = part
        while piece:
            if not wire.reading:
                await in_time(handshake)
                connection.start(deliver, ends.append, max_size)
                await turns(1)
            piece = path(connection, piece)
    if not handshake.done():
        await in_time(handshake)
        connection.start(deliver, ends.append, max_size)
    await turns()
    if eof:
        connection.eof_received()
    outcome.end(connection, wire)
    wire.abort()
    await in_time(connection.wait_closed())
    assert len(ends) == 1, "the end is reported once"
    assert ends[0].rcvd == outcome.received
    assert ends[0].sent == outcome.sent
    return outcome
