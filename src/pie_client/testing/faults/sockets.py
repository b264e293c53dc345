"""Server-side connections whose bytes can be counted and cut off, and that close as a family's servers do."""

import asyncio
import contextlib
import os
import socket
import struct

from websockets.asyncio.server import ServerConnection
from websockets.frames import Frame, Opcode
from websockets.protocol import State

from pie_client.connection.observing import Direction
from pie_client.testing.faults.fault import DIRECTIONS, Ending, Fault, FaultList

RESET = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)
"""Value of SO_LINGER with which closing resets a connection."""


class FaultySocket(ServerConnection):
    """A server-side connection. The engine sets the class attributes in a subclass of its own."""

    faults: FaultList
    open: "dict[FaultySocket, None]"
    """The open connections of the engine, oldest first."""
    closing: asyncio.Task[None] | None = None
    """The closing handshake that the engine has started, or None."""
    drops_closed = False
    """Whether a client's close frame or protocol error is answered by closing TCP, without a close frame."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._passed: dict[Fault, int] = {}
        self._close_seen = False
        self.silent = False
        """Nothing is sent any more, not even the end of the connection."""
        self.withheld = False
        """Whether something was not sent, as will be all that follows."""
        super().connection_made(transport)
        self.open[self] = None
        self.apply_due_cuts()

    def connection_lost(self, exc: Exception | None) -> None:
        self.open.pop(self, None)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        passed, ending = self._split_at_cut("received", data)
        if passed:
            super().data_received(passed)
        if self.request is None and self.protocol.handshake_exc is not None:
            self.transport.close()  # not HTTP: the library would wait for the client to close
        self._end(ending)

    def send_data(self) -> None:
        """Send what the protocol has written, unless a client's close frame gets another reply."""
        if self.protocol.close_rcvd_then_sent and not self._close_seen:
            self._close_seen = True
            if not self.silent and (messages := self.faults.replace_close()) is not None:
                self.silent = True
                for message in messages:
                    self.transport.write(Frame(Opcode.BINARY, message).serialize(mask=False))
        failed = self.protocol.state is State.CLOSING and self.protocol.eof_sent
        drops = self.drops_closed and (self._close_seen or failed)
        for data in self.protocol.data_to_send():
            if self.silent or drops:
                self.withheld = True
                continue
            if data:
                self._write(data)
            else:
                with contextlib.suppress(OSError, RuntimeError):  # it is closed
                    self.transport.write_eof()
        if drops and not self.silent:
            self.transport.close()

    def apply_due_cuts(self) -> None:
        """Apply cuts that are due without another byte."""
        for direction in DIRECTIONS:
            self._end(self._split_at_cut(direction, b"")[1])

    def _write(self, data: bytes) -> None:
        passed, ending = self._split_at_cut("sent", data)
        self.withheld |= len(passed) < len(data)
        if passed:
            self.transport.write(passed)
        self._end(ending)

    def _split_at_cut(self, direction: Direction, data: bytes) -> tuple[bytes, Ending | None]:
        """Return the bytes that pass, and how the connection ends after them, if it does."""
        if self.transport.is_closing():
            return b"", None
        cuts = self.faults.cuts(direction)
        passing = 0 if self.silent else len(data)
        first: Fault | None = None
        how: Ending | None = None
        for fault, after, ending in cuts:
            if self.silent and ending == "silence":
                continue
            left = max(after - self._passed.get(fault, 0), 0)
            if left < passing or (left == passing and first is None):
                first, how, passing = fault, ending, left
        for fault, _, _ in cuts:
            self._passed[fault] = self._passed.get(fault, 0) + passing
        if first is not None:
            first.take()
        return data[:passing], how

    def _end(self, ending: Ending | None) -> None:
        match ending:
            case "silence":
                self.silent = True
            case "close":
                self.transport.close()
            case "reset":
                raw = self.transport.get_extra_info("socket")
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                self.transport.abort()
            case None:
                pass
