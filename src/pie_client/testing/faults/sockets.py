"""Sockets of the embedded engine, whose bytes can be counted, cut off and held back."""

import asyncio
import logging
import os
import socket
import struct
from collections.abc import Callable, Generator, Iterable, Sequence
from typing import Literal, Protocol, TypeAlias, cast

from websockets.asyncio.server import ServerConnection
from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Request, Response
from websockets.protocol import State

from pie_client.testing.faults.serial_accept import Turnstile

logger = logging.getLogger(__name__)

Direction: TypeAlias = Literal["sent", "received"]
"""Which way bytes or frames go, as the engine sees it."""
DIRECTIONS: tuple[Direction, ...] = ("sent", "received")
Ending: TypeAlias = Literal["close", "reset", "silence"]
"""What becomes of a connection: it is closed without a close frame, or reset, or it stays open but dead."""

RESET = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)
"""Value of SO_LINGER that makes closing a reset."""


class Cut(Protocol):
    """What ends a connection at some byte."""

    direction: Direction
    after: int
    ending: Ending

    def take(self) -> bool:
        """Tell whether it is to happen here, and count that it did."""
        ...


class Tampering(Protocol):
    """What sockets have to do wrong."""

    sockets: dict["Socket", None]

    def cuts(self) -> Iterable[Cut]:
        """Give what may end connections now."""
        ...

    def ignored_close(self) -> Callable[[], Sequence[bytes]] | None:
        """Tell, when a client closes, that this is not answered: gives what makes the messages that are sent instead."""
        ...


class Socket(ServerConnection):
    """A connection that does wrong with its bytes what it was asked to."""

    tampering: Tampering
    turnstile: Turnstile | None = None
    """Where handshakes are made one at a time."""
    frame_bytes: int | None = None
    """Largest frame, also where it is part of a message; what is larger is a mistake of the client."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to count bytes."""
        self._real = cast("asyncio.Transport", transport)
        self._passed: dict[Cut, int] = {}
        self._mute = False
        self._closed_by_client = False
        self._overlong = False
        self._close_for = self.protocol.fail
        self.protocol.fail = self._mistaken  # type: ignore[method-assign]  # the library has no other place for it
        super().connection_made(_Tap(self._real, self))
        self.tampering.sockets[self] = None
        self.look_at_cuts()
        if self.turnstile is not None:
            self.turnstile.arrive(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Count no more."""
        self.tampering.sockets.pop(self, None)
        self.opened()
        super().connection_lost(exc)

    def opened(self) -> None:
        """Note that the opening handshake is over."""
        if self.turnstile is not None:
            self.turnstile.leave(self)

    def hold(self) -> None:
        """Read nothing for now; what comes waits in TCP, as where nobody has accepted the connection."""
        self._real.pause_reading()

    def admit(self) -> None:
        """Read again."""
        self._real.resume_reading()

    def process_event(self, event: Frame | Request | Response) -> None:
        """Pass on a frame, unless it or one before it is too large."""
        if self.frame_bytes is not None and isinstance(event, Frame) and len(event.data) > self.frame_bytes:
            self._overlong = True  # what came with it was read already
            self._mistaken(CloseCode.MESSAGE_TOO_BIG, "a frame is too large")
        if not self._overlong:
            super().process_event(event)

    def _mistaken(self, code: CloseCode | int, reason: str = "") -> None:
        """Do with a client that speaks no proper WebSocket what the family does, instead of closing with a code."""
        if self.protocol.state is not State.OPEN or code == CloseCode.ABNORMAL_CLOSURE:
            self._close_for(code, reason)
            return
        logger.info("reading nothing more: %s", reason)
        self.protocol.parser = self._deaf()
        next(self.protocol.parser)
        self.give_up()

    def _deaf(self) -> Generator[None, None, None]:
        while not (yield from self.protocol.reader.at_eof()):
            self.protocol.reader.discard()
        self.protocol.state = State.CLOSED
        yield

    def give_up(self) -> None:
        """Do nothing but read no more of a client that has made a mistake; it is still written to."""

    def end(self) -> None:
        """End the connection with a close that has no status, without an answer to it."""
        if self.protocol.state is State.OPEN:
            self.protocol.send_close()
            self.send_pending()
        self.transport.close()

    def data_received(self, data: bytes) -> None:
        """Pass on what may come through."""
        passed, cut = self._divide("received", data)
        if passed:
            self.received(passed)
        if self.request is None and self.protocol.handshake_exc is not None:
            self.transport.close()  # the library would wait for the client to do so
        if cut is not None:
            self._end(cut.ending)

    def received(self, data: bytes) -> None:
        """Take what came through."""
        super().data_received(data)

    def send_data(self) -> None:
        """Send what the protocol wants to send, or what is asked for in place of the answer to a close."""
        if self.protocol.close_rcvd_then_sent and not self._closed_by_client:
            self._closed_by_client = True
            self._ignore_close()
        self.send_pending()

    def send_pending(self) -> None:
        """Send what the protocol wants to send."""
        super().send_data()

    def send_bytes(self, data: bytes) -> None:
        """Send what may go out."""
        passed, cut = self._divide("sent", data)
        if passed:
            self._real.write(passed)
        if cut is not None:
            self._end(cut.ending)

    @property
    def mute(self) -> bool:
        """Nothing goes out any more, the end of the connection included."""
        return self._mute

    def look_at_cuts(self) -> None:
        """Do at once what is due without another byte."""
        for direction in DIRECTIONS:
            _, cut = self._divide(direction, b"")
            if cut is not None:
                self._end(cut.ending)

    def kill(self) -> None:
        """Break the connection off, whatever else was asked for."""
        self._real.abort()

    def _ignore_close(self) -> None:
        if self._mute or (substitute := self.tampering.ignored_close()) is None:
            return
        self._mute = True
        for instead in substitute():
            self._real.write(Frame(Opcode.BINARY, instead).serialize(mask=False))

    def _divide(self, direction: Direction, data: bytes) -> tuple[bytes, Cut | None]:
        """Give what passes, and what happens after it."""
        if self._real.is_closing():
            return b"", None
        first: Cut | None = None
        passing = 0 if self._mute else len(data)
        for cut in self.tampering.cuts():
            if cut.direction != direction or (self._mute and cut.ending == "silence"):
                continue
            left = max(cut.after - self._passed.get(cut, 0), 0)
            if left < passing or (left == passing and first is None):
                first, passing = cut, left
        for cut in self.tampering.cuts():
            if cut.direction == direction:
                self._passed[cut] = self._passed.get(cut, 0) + passing
        if first is not None:
            first.take()
        return data[:passing], first

    def _end(self, ending: Ending) -> None:
        if ending == "silence":
            self._mute = True
            return
        if ending == "reset":
            raw = self._real.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            self._real.abort()
        else:
            self._real.close()


class _Tap(asyncio.Transport):
    """A transport whose socket looks at what goes out."""

    def __init__(self, real: asyncio.Transport, owner: Socket) -> None:
        super().__init__()
        self._real = real
        self._owner = owner

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self._owner.send_bytes(bytes(data))

    def write_eof(self) -> None:
        if not self._owner.mute:
            self._real.write_eof()

    def close(self) -> None:
        if not self._owner.mute:
            self._real.close()

    def abort(self) -> None:
        if not self._owner.mute:
            self._real.abort()

    def can_write_eof(self) -> bool:
        return self._real.can_write_eof()

    def is_closing(self) -> bool:
        return self._real.is_closing()

    def get_extra_info(self, name: str, default: object = None) -> object:
        return self._real.get_extra_info(name, default)

    def get_write_buffer_size(self) -> int:
        return self._real.get_write_buffer_size()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self._real.set_write_buffer_limits(high, low)

    def pause_reading(self) -> None:
        self._real.pause_reading()

    def resume_reading(self) -> None:
        self._real.resume_reading()

    def is_reading(self) -> bool:
        return self._real.is_reading()
