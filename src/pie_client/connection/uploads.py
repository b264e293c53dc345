"""Send programs and files in chunks, and reset an interrupted upload so that it can be sent again.

Servers identify an unfinished upload by connection and digest only. So uploads of equal bytes take turns, and one that
was interrupted is reset before the next of the same digest. Nothing is retried here: with ``reconnect=``, ``restorable``
sends an upload again after a loss.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import weakref
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Protocol, TypeVar

from pie_client._generated.methods import Method
from pie_client.connection.deadline import Deadline, ProgressLock
from pie_client.connection.transport import Transport
from pie_client.content import Chunk, Content
from pie_client.errors import (
    ConnectionLostError,
    DeadlineError,
    InvalidArgumentError,
    ProtocolError,
    interrupted_by,
)
from pie_client.lazy import LazyModule
from pie_client.protocol.calls import PendingCall
from pie_client.protocol.codec import Fields
from pie_client.protocol.session import Session

if TYPE_CHECKING:
    from pie_client.connection import contents
else:
    contents = LazyModule("pie_client.connection.contents")

R = TypeVar("R")
WriteChunk = Callable[[Chunk, bytes | memoryview], None]
"""Queues a chunk and its bytes."""


class Channel(Protocol):
    """What uploads need of a connection."""

    @property
    def paused(self) -> bool: ...
    def update_flow(self) -> None: ...
    def deadline(self, method: Method[object], timeout: float | None, *, sent: bool = True) -> Deadline: ...
    def deadline_error(self, error: DeadlineError, call: PendingCall[R]) -> DeadlineError: ...
    async def ensure_identified(self, method: Method[object]) -> None: ...
    def close_call(self, call: PendingCall[R]) -> None: ...
    def keep_receiving_if_stalled(self) -> AbstractContextManager[None]: ...
    async def drain(self) -> None: ...


class Uploads:
    """The uploads over one transport.

    Attributes:
        transport: The transport.
    """

    def __init__(self, channel: Channel, session: Session, transport: Transport) -> None:
        self.transport = transport
        self._channel = channel
        self._session = session
        self._locks: weakref.WeakValueDictionary[str, ProgressLock] = weakref.WeakValueDictionary()
        """Locks by digest."""
        self._interrupted: set[str] = set()
        """Digests of which the server may hold some chunks but not all."""

    async def upload(
        self,
        method: Method[R],
        build: Callable[[int, Chunk], Fields],
        content: bytes | Content,
        timeout: float | None,
    ) -> R:
        """Send a request in chunks and return its decoded result. An early reply, an error, stops the upload."""
        channel, session = self._channel, self._session
        call: PendingCall[R] | None = None
        try:
            async with channel.deadline(method, timeout) as deadline:
                await channel.ensure_identified(method)
                call = session.open_call(method)
                if channel.paused:
                    channel.update_flow()  # the reply may be behind unread events
                call.waiter = reply = asyncio.get_running_loop().create_future()
                # Every chunk has the corr_id of the call: the server replies after the last chunk, or on an error.
                write = functools.partial(self._write, method, functools.partial(build, call.corr_id), call)

                def write_reset(chunk: Chunk, data: bytes | memoryview) -> None:
                    # Under an unused id, so that the server's error reply is ignored.
                    unused = session.calls.unused_corr_id()
                    self._write(method, functools.partial(build, unused), None, chunk, data)

                try:
                    await self._send(content, write, write_reset, channel.drain, deadline, call, reply)
                finally:
                    channel.close_call(call)
                return call.take()
        except DeadlineError as error:
            error.sent = call is not None and call.sent
            raise (error if call is None else channel.deadline_error(error, call)) from None

    async def transfer(
        self,
        method: Method[None],
        build: Callable[[Chunk], Fields],
        content: bytes | Content,
        timeout: float | None,
    ) -> None:
        """Send a message in chunks that has no reply."""
        channel, session = self._channel, self._session
        complete = False

        def write(chunk: Chunk, data: bytes | memoryview) -> None:
            nonlocal complete
            session.check_alive(method.tag)
            self._write(method, build, None, chunk, data)
            complete = chunk.index == chunk.total - 1

        async def drain() -> None:
            with channel.keep_receiving_if_stalled():
                await channel.drain()

        try:
            async with channel.deadline(method, timeout) as deadline:
                await channel.ensure_identified(method)
                session.check_family(method)
                try:
                    await self._send(content, write, write, drain, deadline)
                except ConnectionLostError as error:
                    error.sent = complete  # the server discards a part
                    raise
        except DeadlineError as error:
            error.sent = complete
            raise

    def _write(
        self,
        method: Method[object],
        build: Callable[[Chunk], Fields],
        call: PendingCall[R] | None,
        chunk: Chunk,
        data: bytes | memoryview,
    ) -> None:
        fields, *parts = self._session.encode_chunk(method, build, chunk, data)
        try:
            self.transport.write(*parts)
        except ConnectionLostError as error:
            sent = call is not None and call.sent
            raise interrupted_by(error, sent=sent, request=method.tag) from error
        if call is not None:
            call.fields, call.sent = fields, True

    async def _send(
        self,
        source: bytes | Content,
        write: WriteChunk,
        write_reset: WriteChunk,
        drain: Callable[[], Awaitable[None]],
        deadline: Deadline,
        call: PendingCall[R] | None = None,
        reply: asyncio.Future[None] | None = None,
    ) -> None:
        """Send every chunk in order, and wait for the reply if there is one.

        Args:
            source: What to send.
            write: Queues a chunk.
            write_reset: Queues a chunk that is out of range, so that the server discards the upload; its error is
                ignored.
            drain: Waits until the socket has accepted enough of what is queued.
            deadline: Extended with every chunk, and while another upload of the same bytes makes progress.
            call: The call, if the upload has a reply.
            reply: Completed with the outcome of ``call``. If that is before the last chunk, nothing more is sent.

        Raises:
            ProtocolError: The server confirmed the upload before it received every chunk.
        """
        # Locks are dropped with their last user: the dictionary refers to them weakly.
        content = await contents.as_content(source)
        digest, total = content.digest, content.total_chunks
        lock = self._locks.setdefault(digest, ProgressLock())
        async with lock.hold(deadline):
            if digest in self._interrupted:
                write_reset(Chunk(total, total, b"", digest), b"")
                await drain()
            # Removed only at the end: an exception or cancellation below leaves the upload interrupted.
            self._interrupted.add(digest)
            unsent = total
            # The chunks are closed on every path, so that a content that reads a file or a network can clean up.
            async with _until(reply), contextlib.aclosing(_chunks(content)) as chunks:
                async for chunk, data in chunks:
                    write(chunk, data)
                    unsent -= 1
                    await drain()
                    # Other tasks, and the reply, have a turn even if the socket accepts everything immediately.
                    await asyncio.sleep(0)
                    deadline.extend()
                    content.sent(chunk.index)
                    lock.report_progress()
            if reply is not None:
                # The lock is held until the reply: only then has the server finished with this digest.
                await asyncio.wait([reply])
                if unsent and call is not None and call.succeeded:
                    raise ProtocolError(
                        f"the server confirmed an upload with {unsent} of {total} chunks unsent; check that it is a Pie server"
                    )
            self._interrupted.discard(digest)


@contextlib.asynccontextmanager
async def _until(reply: asyncio.Future[None] | None) -> AsyncGenerator[None]:
    """End the context, wherever it waits, once there is a reply."""
    if reply is None:
        yield
        return
    scope = asyncio.timeout(None)
    waits = True

    def stop(_reply: asyncio.Future[None]) -> None:
        # Removing a callback does not help when it is already scheduled.
        if waits:
            scope.reschedule(reply.get_loop().time())

    try:
        async with scope:
            reply.add_done_callback(stop)
            try:
                yield
            finally:
                waits = False
    except TimeoutError:
        if not scope.expired():
            raise


async def _chunks(content: Content) -> AsyncGenerator[tuple[Chunk, bytes | memoryview]]:
    """Yield the chunks of a content with their bytes. Raises InvalidArgumentError before the last if their number is wrong."""
    digest, total, index = content.digest, content.total_chunks, 0
    # One chunk behind: the last completes the upload, so it is only sent once no further chunk follows.
    last: bytes | memoryview | None = None
    source = aiter(content)
    try:
        async for data in source:
            if last is not None and index < total:
                yield Chunk(index - 1, total, b"", digest), last
            last = data
            index += 1
    finally:
        if isinstance(source, AsyncGenerator):
            await source.aclose()
    if index != total or last is None:
        raise InvalidArgumentError(f"content has {index} chunks instead of {total}; the upload was stopped")
    yield Chunk(total - 1, total, b"", digest), last
