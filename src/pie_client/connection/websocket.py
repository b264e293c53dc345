"""The WebSocket library's client connection, with batches of messages delivered by callback and joined writes.

The only module that knows internals of the WebSocket library. Nearly all messages are complete, unfragmented binary
frames: :class:`BatchWebSocket` cuts those out of its own receive buffer and passes all other bytes to the library, which
keeps the handshake, TLS, proxies, pings, the closing handshake, fragmentation and all protocol errors. If a release of
the library is not built as that class expects, :class:`WebSocket` is used: it receives with the library's ``recv()``.
"""

import asyncio
import contextlib
import functools
import inspect
import sys
from collections.abc import Callable
from typing import Any, TypeAlias

from websockets.asyncio.client import ClientConnection
from websockets.asyncio.connection import broadcast
from websockets.exceptions import ConnectionClosed, ConnectionClosedError
from websockets.frames import CloseCode, Opcode
from websockets.frames import Frame as WireFrame
from websockets.protocol import Event, Protocol, State

from pie_client.connection import framing
from pie_client.connection.framing import BINARY, FIN, MASKED, SHORT_HEADERS, apply_mask, memory
from pie_client.connection.handshake import UnredirectedConnection
from pie_client.connection.taps import Deliver
from pie_client.connection.waiting import Change
from pie_client.protocol.codec import Frame

Lost: TypeAlias = Callable[[ConnectionClosed], None]

READ_SIZE = 512 << 10
"""Bytes read from the socket at once, unless more are missing from a large message."""
BUFFER_SIZE = 2 << 20
"""Bytes of the receive buffer. A larger message has a buffer of its own."""
SMALL = 4096
"""Payloads up to this size are copied: for small ones a memoryview costs more than a copy."""
WINDOW = 16 << 10
"""Bytes copied at once to cut small messages from."""
MOVED = 4096
"""An incomplete frame up to this size is moved to the front of the buffer, so that fewer pages are in use."""
JOINED = 64 << 10
"""Bytes of queued frames that are written without waiting for the end of the event loop's turn."""
MAX_FRAGMENTS = 4096
"""Frames of a message; more close the connection, as in newer releases of the library."""

OPCODE = 0x0F
CONTROL = 0x08
OPCODES = frozenset(Opcode)
LONG = 127
SHORT = 127
"""Bytes of the longest frame whose length is in its second byte."""
LENGTH_BYTES = {126: 2, LONG: 8}
"""Bytes of the extended length, by the length in the second byte."""

always_library_receive = False
"""Use :class:`WebSocket` with every release of the library; for tests."""


class WebSocket(UnredirectedConnection):
    """A connection that receives with the library's ``recv()``: correct with every release, but slower.

    Of the library it needs only what is documented, and asyncio's callbacks.

    Attributes:
        deliver: Called with complete messages. :func:`discard` before :meth:`start` and after :meth:`discard`.
        congested: Whether the write buffer is above its high-water mark.
        ended_by: What ended the TCP connection, or None while it is open and after an ordinary end.
        moved: Number of batches, reads by the library, and falls of the write buffer below its low-water mark.
    """

    moved = _start = _end = 0

    def __init__(self, *args: Any, **named: Any) -> None:  # noqa: ANN401 - as the library passes them
        super().__init__(*args, **named)
        self.congested = False
        self.ended_by: Exception | None = None
        self._drained = Change()
        self._may_deliver = asyncio.Event()
        self._may_deliver.set()
        self.deliver: Deliver = discard
        self._closing_timer: asyncio.TimerHandle | None = None
        self._receiver: asyncio.Task[None] | None = None

    # ------------------------------------------------------------- receiving

    def start(self, deliver: Deliver, lost: Lost, max_size: int) -> None:
        """Begin delivery.

        Args:
            deliver: Called with complete messages, in order. Its errors end the connection.
            lost: Called once, after the last message, when the TCP connection is closed.
            max_size: Bytes of the largest message; the same as given to the library.
        """
        del max_size
        self.deliver = deliver
        self._receiver = asyncio.create_task(self._receive(lost), name="pie-client receiver")

    async def _receive(self, lost: Lost) -> None:
        closed: ConnectionClosed = ConnectionClosedError(None, None)
        try:
            while True:
                message = await self.recv()
                await self._may_deliver.wait()
                self.deliver([message])
                await asyncio.sleep(0)  # recv() may not suspend, but readers have to run between batches
        except ConnectionClosed as error:
            closed = error
            await self._may_deliver.wait()
        except Exception as error:  # noqa: BLE001 - reported as asyncio reports those of a protocol
            context = {"message": "a message could not be processed", "exception": error, "protocol": self}
            self.loop.call_exception_handler(context)
        finally:
            self.transport.abort()
            lost(closed)

    def pause(self) -> None:
        """Stop receiving. A message that already arrived is kept until :meth:`resume`."""
        self._may_deliver.clear()

    def resume(self) -> None:
        """Receive again."""
        self._may_deliver.set()

    def discard(self) -> None:
        """Discard what arrives from now on. The server's close frame must not wait behind messages."""
        self.deliver = discard
        self.resume()

    def position(self) -> tuple[int, ...]:
        """Return something that changes with every byte received, and with what was sent."""
        return self.moved, self._start, self._end

    # ------------------------------------------------------------- sending

    def write(self, *parts: bytes | memoryview, now: bool = False) -> None:
        """Write a binary message that consists of the parts. Raises ConnectionClosed.

        Args:
            parts: The bytes of the message.
            now: Don't join it with what is written later in the same turn of the event loop.
        """
        del now
        self.check_open()
        broadcast([self], b"".join(parts))

    def check_open(self) -> None:
        """Raise ConnectionClosed if nothing can be written."""
        # The transport closes at once when a write fails; connection_lost() is called in a later turn of the loop.
        if self.protocol.state is not State.OPEN or self.transport.is_closing():
            protocol = self.protocol
            raise ConnectionClosedError(
                protocol.close_rcvd, protocol.close_sent, protocol.close_rcvd_then_sent
            )

    async def drained(self) -> None:
        """Wait until the write buffer is below its high-water mark, or the connection has ended."""
        if self.congested:
            await self._drained.wait()

    # ------------------------------------------------------------- callbacks of asyncio

    def data_received(self, data: bytes) -> None:
        self.moved += 1
        super().data_received(data)
        # If the server leaves the TCP connection open after a close frame or an error, the library waits without a limit.
        if self.state is State.CLOSING and self._closing_timer is None and self.close_timeout is not None:
            self._closing_timer = self.loop.call_later(self.close_timeout, self.transport.abort)

    def pause_writing(self) -> None:
        super().pause_writing()
        self.congested = True

    def resume_writing(self) -> None:
        super().resume_writing()
        self.moved += 1
        self.congested = False
        self._drained.report()

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended_by = exc
        super().connection_lost(exc)
        self.congested = False
        self._drained.report()
        if self._closing_timer is not None:
            self._closing_timer.cancel()


class BatchWebSocket(WebSocket, asyncio.BufferedProtocol):
    """A connection that delivers all complete messages of one read from the socket at once.

    The library receives everything up to the end of the handshake, every frame that is not an unfragmented binary one,
    all frames while a fragmented message is open, and everything after the first error or close frame.
    """

    def __init__(self, *args: Any, **named: Any) -> None:  # noqa: ANN401 - as the library passes them
        super().__init__(*args, **named)
        self._base: memoryview = memory(BUFFER_SIZE)
        self._view: memoryview = self._base
        self._empty: memoryview = self._base[:READ_SIZE]
        """Where a read goes while the buffer is empty."""
        self._needed = 0
        """Bytes from _start that the next step needs, as far as known."""
        self._for_library = 0
        """Bytes from _start that belong to the library."""
        self._fragmented = False
        self._fragments: list[WireFrame] = []
        self._batch: list[Frame] = []
        self._max_size = 0
        self._started = False
        self._paused = False
        self._lost: Lost | None = None
        self._writes: list[bytes] = []
        self._written = 0
        self._masks = framing.masks()

    def start(self, deliver: Deliver, lost: Lost, max_size: int) -> None:
        self.deliver = deliver
        self._lost = lost
        self._max_size = max_size
        self.loop.call_soon(self._begin)

    def _begin(self) -> None:
        self._started = True
        if self.state is State.CLOSED:
            self._report_loss(None)
            return
        self._process()
        if not self._paused and not self.transport.is_closing():
            self.transport.resume_reading()

    def pause(self) -> None:
        """Stop reading from the socket. Messages of the current read are still delivered, in the same batch."""
        if not self._paused and not self.transport.is_closing():
            self._paused = True
            self.transport.pause_reading()

    def resume(self) -> None:
        if self._paused:
            self._paused = False
            if self._started and not self.transport.is_closing():
                self.transport.resume_reading()

    def get_buffer(self, sizehint: int) -> memoryview:
        del sizehint
        start, end = self._start, self._end
        if not end:
            return self._empty
        size = len(self._view)
        if start and (end - start <= MOVED or start + self._needed > size or size - end < READ_SIZE):
            self._view[: end - start] = self._view[start:end]
            start, end = 0, end - start
        if self._needed > size or end == size:  # full: what came with the handshake, before start()
            view = memory(max(self._needed, size + READ_SIZE))
            view[:end] = self._view[:end]
            self._view = view
        self._start, self._end = start, end
        return self._view[end : max(end + READ_SIZE, start + self._needed)]

    def buffer_updated(self, nbytes: int) -> None:
        if nbytes <= SHORT and not self._end and self._started and self._is_short_frame(nbytes):
            # The reply to a lone request.
            self.deliver([bytes(self._empty[2:nbytes])])
            return
        self._end += nbytes
        if self._started:
            self._process()
        else:
            self._process_handshake()

    def _is_short_frame(self, size: int) -> bool:
        """Return whether the only bytes received are one unfragmented binary frame that is not for the library."""
        empty = self._empty
        return (
            empty[0] == BINARY
            and empty[1] == size - 2 <= self._max_size
            and not (self._for_library or self._fragmented)
        )

    def data_received(self, data: bytes) -> None:
        """Receive from an event loop that calls this although there is get_buffer(), such as uvloop."""
        received = memoryview(data)
        while received:
            buffer = self.get_buffer(-1)
            size = min(len(buffer), len(received))
            buffer[:size] = received[:size]
            received = received[size:]
            self.buffer_updated(size)

    def _process_handshake(self) -> None:
        """Pass bytes to the library until the handshake is complete, and keep those after it."""
        # Line by line: the library does not give back what follows the response.
        received = bytes(self._view[self._start : self._end])
        for line in received.splitlines(keepends=True):
            if self.state is not State.CONNECTING:
                break
            self._start += len(line)
            super().data_received(line)
        if self.state is State.OPEN:
            self.transport.pause_reading()
        self._release_buffer()

    def _process(self) -> None:
        if self.protocol.state is not State.OPEN:
            self._for_library = sys.maxsize
        self._needed = 0
        while self._start < self._end:
            if self._for_library:
                self._pass_to_library()
            elif not self._take_frame():
                break
        batch, self._batch = self._batch, []
        if batch:
            self.moved += 1
            self.deliver(batch)
        self._release_buffer()

    def _release_buffer(self) -> None:
        if self._start == self._end:
            self._start = self._end = 0
            self._view = self._base

    def _take_frame(self) -> bool:
        """Take the frame at the start of the buffer, or leave it to the library. Returns False if bytes are missing."""
        start, view = self._start, self._view
        available = self._end - start
        if available < 2:
            return False
        first, second = view[start], view[start + 1]
        if second & MASKED or first & OPCODE not in OPCODES:
            self._for_library = sys.maxsize
            return True
        body = 2 + LENGTH_BYTES.get(second, 0)
        if available < body:
            return False
        length = second if body == 2 else int.from_bytes(view[start + 2 : start + body])
        size = body + length
        if first != BINARY or self._fragmented or length > self._max_size:
            if not first & CONTROL:
                self._fragmented = not first & FIN
            self._for_library = size
        elif size > available:
            self._needed = size
            return False
        elif length <= SMALL <= self._max_size and second != LONG:
            self._cut_small()
        else:
            self._batch.append(view[start + body : start + size])
            self._start += size
        return True

    def _cut_small(self) -> None:
        """Cut small binary frames out of a copy of the received bytes, up to the first other or incomplete one."""
        # The innermost loop of a stream of events. At least one frame, which _take_frame() has seen, is complete.
        window = bytes(self._view[self._start : min(self._end, self._start + WINDOW)])
        add = self._batch.append
        size = len(window)
        at = 0
        while at < size - 1 and window[at] == BINARY:
            body = at + 2
            length = window[at + 1]
            if length >= 126:
                if length != 126 or body + 2 > size:
                    break
                length = window[body] << 8 | window[body + 1]
                body += 2
                if length > SMALL:
                    break
            end = body + length
            if end > size:
                break
            add(window[body:end])
            at = end
        self._start += at

    def _pass_to_library(self) -> None:
        end = min(self._end, self._start + self._for_library)
        data = bytes(self._view[self._start : end])
        self._for_library -= len(data)
        self._start = end
        super().data_received(data)
        if self.protocol.state is not State.OPEN:
            self._for_library = sys.maxsize

    def process_event(self, event: Event) -> None:
        """Assemble the messages that went through the library."""
        if not isinstance(event, WireFrame) or event.opcode & CONTROL:
            super().process_event(event)
            return
        self._fragments.append(event)
        if len(self._fragments) > MAX_FRAGMENTS:
            self._fail(CloseCode.MESSAGE_TOO_BIG, "too many fragments")
        elif event.fin:
            fragments, self._fragments = self._fragments, []
            data = b"".join([fragment.data for fragment in fragments])
            try:
                self._batch.append(data.decode() if fragments[0].opcode is Opcode.TEXT else data)
            except UnicodeDecodeError as error:
                self._fail(CloseCode.INVALID_DATA, f"{error.reason} at position {error.start}")

    def _fail(self, code: CloseCode, reason: str) -> None:
        self._fragments.clear()
        self.protocol.fail(code, reason)
        self.send_data()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._started and self._paused:
            self._read_rest()
        super().connection_lost(exc)
        self._writes.clear()
        if self._started:
            self._report_loss(exc)

    def _read_rest(self) -> None:
        """Process what arrived while reading was paused, before a failed write closes the socket."""
        if self.transport.get_extra_info("sslcontext") is not None:
            return  # only asyncio can decrypt it
        # Transports of other event loops may not give access to their socket.
        with (
            contextlib.suppress(OSError, AttributeError, TypeError),
            self.transport.get_extra_info("socket").dup() as socket,
        ):
            socket.setblocking(False)
            while count := socket.recv_into(self.get_buffer(-1)):
                self.buffer_updated(count)

    def _report_loss(self, cause: Exception | None) -> None:
        if self._lost is not None:
            closed = self.protocol.close_exc
            if cause is not None:
                closed.__cause__ = cause
            self._lost(closed)

    def write(self, *parts: bytes | memoryview, now: bool = False) -> None:
        self.check_open()
        mask = next(self._masks)
        writes = self._writes
        if not writes and not now:
            self.loop.call_soon(self._flush)
        if len(parts) == 1 and (length := len(parts[0])) < 126:
            frame = SHORT_HEADERS[length] + mask + apply_mask(parts[0], mask)
            if now and not writes:
                self.transport.write(frame)
                return
            writes.append(frame)
        else:
            length = self._write_long(mask, *parts)
        self._written += length
        if now or self._written >= JOINED:
            self._flush()

    def _write_long(self, mask: bytes, *parts: bytes | memoryview) -> int:
        """Queue a frame of any length, and return the length of its payload."""
        length = sum(map(len, parts))
        self._writes.append(framing.header(length, mask))
        for masked in framing.masked(parts, mask):
            if length < JOINED or len(masked) < JOINED:
                self._writes.append(masked)
            else:
                # Joining would copy it; and of bytes, asyncio would copy what the socket does not accept at once.
                self._flush()
                self.transport.write(memoryview(masked))
        return length

    def _flush(self) -> None:
        self._written = 0
        if self._writes:
            writes, self._writes = self._writes, []
            if not self.transport.is_closing():
                self.transport.write(b"".join(writes))

    def send_data(self) -> None:
        """Write frames of the library, after those that were queued before."""
        self._flush()
        super().send_data()


def discard(batch: list[Frame]) -> None:
    """Deliver nothing."""


def websocket_class() -> type[WebSocket]:
    """Return the class of new connections."""
    return WebSocket if always_library_receive or not is_as_expected() else BatchWebSocket


@functools.cache
def is_as_expected() -> bool:
    """Return whether the library has the internals that :class:`BatchWebSocket` uses."""
    methods = {"data_received": 1, "eof_received": 0, "process_event": 1, "send_data": 0}
    used = [*((ClientConnection, *method) for method in methods.items()), (Protocol, "fail", 2)]
    try:
        for owner, name, arguments in used:
            inspect.signature(getattr(owner, name)).bind(*[None] * (1 + arguments))
        apply_mask(b"", bytes(4))
    except (AttributeError, TypeError, ValueError):
        return False
    return {"opcode", "data", "fin"} <= WireFrame.__dataclass_fields__.keys()
