"""Server-side connections whose bytes can be counted, cut off and held back, and that close as a family's servers do."""

import asyncio
import os
import socket
import struct
from collections.abc import Callable, Iterable, Sequence
from typing import Literal, Protocol, TypeAlias, cast

from websockets.asyncio.server import ServerConnection
from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Request, Response
from websockets.protocol import State

from pie_client.testing.faults.serial_accept import AcceptQueue

Direction: TypeAlias = Literal["sent", "received"]
"""Direction of bytes or frames, as seen by the engine."""
DIRECTIONS: tuple[Direction, ...] = ("sent", "received")
Ending: TypeAlias = Literal["close", "reset", "silence"]
"""How a cut ends a connection: closed without a close frame, reset, or kept open without sending anything more."""
CloseReply: TypeAlias = Literal["answer", "defer", "drop"]
"""Reaction to a client's close frame: answer it, answer it before the next event, or close TCP without an answer.

With ``"drop"``, TCP is closed without a close frame, too, after a protocol error of the client.
"""

RESET = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)
"""Value of SO_LINGER with which closing resets a connection."""


class Cut(Protocol):
    """A fault that ends a connection after some byte."""

    direction: Direction
    after: int
    ending: Ending

    def take(self) -> bool:
        """Count one occurrence; returns False if the fault is used up."""
        ...


class SocketFaults(Protocol):
    """The faults that concern sockets."""

    sockets: dict["Socket", None]

    def cuts(self) -> Iterable[Cut]:
        """Return the active cuts."""
        ...

    def ignored_close(self) -> Callable[[], Sequence[bytes]] | None:
        """Return None to answer a client's close frame, or a function that makes the messages sent instead."""
        ...


class Socket(ServerConnection):
    """A server-side connection. The engine sets the class attributes in a subclass of its own."""

    faults: SocketFaults
    accept_queue: AcceptQueue | None = None
    close_reply: CloseReply = "answer"
    max_frame_bytes: int | None = None
    """Largest frame, also as part of a larger message."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._tcp = cast("asyncio.Transport", transport)
        self._passed: dict[Cut, int] = {}
        self._close_seen = False
        self._frame_too_large = False
        self.silent = False
        """Nothing is sent any more, not even the end of the connection."""
        super().connection_made(cast("asyncio.Transport", _FaultyTransport(self._tcp, self)))
        self.faults.sockets[self] = None
        self.apply_due_cuts()
        if self.accept_queue is not None:
            self.accept_queue.add(self._tcp)

    def connection_lost(self, exc: Exception | None) -> None:
        self.faults.sockets.pop(self, None)
        self.handshake_done()
        super().connection_lost(exc)

    def handshake_done(self) -> None:
        """Let the next connection begin its handshake, where they are accepted serially."""
        if self.accept_queue is not None:
            self.accept_queue.discard(self._tcp)

    def data_received(self, data: bytes) -> None:
        passed, cut = self._split_at_cut("received", data)
        if passed:
            super().data_received(passed)
        if self.request is None and self.protocol.handshake_exc is not None:
            self.transport.close()  # not HTTP: the library would wait for the client to close
        if cut is not None:
            self._end(cut.ending)

    def process_event(self, event: Frame | Request | Response) -> None:
        # The library limits messages only, in its oldest supported version.
        limit = self.max_frame_bytes
        if isinstance(event, Frame) and limit is not None and len(event.data) > limit:
            self._frame_too_large = True
            self.protocol.fail(CloseCode.MESSAGE_TOO_BIG, "frame too large")
            self.send_data()
        # Frames after it may have been parsed from the same bytes.
        if not self._frame_too_large:
            super().process_event(event)

    def send_data(self) -> None:
        """Send what the protocol has written, unless a client's close frame gets another reply."""
        if self.protocol.close_rcvd_then_sent and not self._close_seen:
            self._close_seen = True
            if not self.silent and (substitute := self.faults.ignored_close()) is not None:
                self.silent = True
                for message in substitute():
                    self._tcp.write(Frame(Opcode.BINARY, message).serialize(mask=False))
        failed = self.protocol.state is State.CLOSING and self.protocol.eof_sent
        if self.close_reply == "drop" and (self._close_seen or failed):
            self.transport.close()
        elif (
            self.close_reply != "defer"
            or self.protocol.close_rcvd is None
            or self.protocol.state is State.CLOSED
        ):
            super().send_data()

    def send_deferred_close(self) -> None:
        """Answer a client's close frame whose answer was deferred."""
        if self.close_reply == "defer":
            super().send_data()

    def close_without_code(self) -> None:
        """Send a close frame without a code, and close TCP without waiting for the answer."""
        if self.protocol.state is State.OPEN:
            self.protocol.send_close()
            self.send_data()
        self.transport.close()

    def write(self, data: bytes) -> None:
        """Send bytes up to the first cut."""
        passed, cut = self._split_at_cut("sent", data)
        if passed:
            self._tcp.write(passed)
        if cut is not None:
            self._end(cut.ending)

    def apply_due_cuts(self) -> None:
        """Apply cuts that are due without another byte."""
        for direction in DIRECTIONS:
            _, cut = self._split_at_cut(direction, b"")
            if cut is not None:
                self._end(cut.ending)

    def kill(self) -> None:
        """Abort the TCP connection, even if it is silent."""
        self._tcp.abort()

    def _split_at_cut(self, direction: Direction, data: bytes) -> tuple[bytes, Cut | None]:
        """Return the bytes that pass, and the cut that happens after them."""
        if self._tcp.is_closing():
            return b"", None
        first: Cut | None = None
        passing = 0 if self.silent else len(data)
        for cut in self.faults.cuts():
            if cut.direction != direction or (self.silent and cut.ending == "silence"):
                continue
            left = max(cut.after - self._passed.get(cut, 0), 0)
            if left < passing or (left == passing and first is None):
                first, passing = cut, left
        for cut in self.faults.cuts():
            if cut.direction == direction:
                self._passed[cut] = self._passed.get(cut, 0) + passing
        if first is not None:
            first.take()
        return data[:passing], first

    def _end(self, ending: Ending) -> None:
        match ending:
            case "silence":
                self.silent = True
            case "close":
                self._tcp.close()
            case "reset":
                raw = self._tcp.get_extra_info("socket")
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                self._tcp.abort()


class _FaultyTransport:
    """A transport that writes through its socket, and does nothing once that is silent."""

    def __init__(self, tcp: asyncio.Transport, owner: Socket) -> None:
        self._tcp = tcp
        self._owner = owner

    def __getattr__(self, name: str) -> object:
        return getattr(self._tcp, name)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self._owner.write(bytes(data))

    def write_eof(self) -> None:
        if not self._owner.silent:
            self._tcp.write_eof()

    def close(self) -> None:
        if not self._owner.silent:
            self._tcp.close()

    def abort(self) -> None:
        if not self._owner.silent:
            self._tcp.abort()
