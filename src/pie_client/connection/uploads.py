"""Send programs and files in chunks, and reset an interrupted upload so that it can be sent again.

Servers identify an unfinished upload by connection and digest only. So uploads of equal bytes take turns, and one that
was interrupted is reset before the next of the same digest. The connection passes the functions that send a chunk. It
does not retry: the caller sends a failed upload again.
"""

from __future__ import annotations

import asyncio
import contextlib
import weakref
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, TypeVar, cast

from pie_client.connection.deadline import Deadline, ProgressLock
from pie_client.content import Chunk, Content
from pie_client.errors import InvalidArgumentError, ProtocolError
from pie_client.lazy import LazyModule
from pie_client.protocol.calls import PendingCall

if TYPE_CHECKING:
    from pie_client.connection import contents
else:
    contents = LazyModule("pie_client.connection.contents")

R = TypeVar("R")
T = TypeVar("T")
SendChunk = Callable[[Chunk], Awaitable[None]]


class ChunkSender:
    """The uploads of one connection."""

    def __init__(self) -> None:
        self._locks: weakref.WeakValueDictionary[str, ProgressLock] = weakref.WeakValueDictionary()
        """Locks by digest."""
        self._interrupted: set[str] = set()
        """Digests of which the server may hold some chunks but not all."""

    async def send(
        self,
        source: bytes | Content,
        send_chunk: SendChunk,
        *,
        send_reset: SendChunk,
        deadline: Deadline,
        reply: asyncio.Future[None] | None = None,
        call: PendingCall[R] | None = None,
    ) -> None:
        """Send every chunk in order, and wait for the reply if there is one.

        Args:
            source: What to send.
            send_chunk: Sends a chunk.
            send_reset: Sends a chunk that is out of range, so that the server discards the upload; its error is ignored.
            deadline: Extended while another upload of the same bytes makes progress.
            reply: Completed with the outcome of ``call``. If that is before the last chunk, nothing more is sent.
            call: The call, if the upload has a reply.

        Raises:
            ProtocolError: The server confirmed the upload before it received every chunk.
        """
        # Locks are dropped with their last user: the dictionary refers to them weakly.
        content = await contents.as_content(source)
        digest, total = content.digest, content.total_chunks
        lock = self._locks.setdefault(digest, ProgressLock())
        async with lock.hold(deadline):
            if digest in self._interrupted:
                await send_reset(Chunk(total, total, b"", digest))
            # Removed only at the end: an exception or cancellation below leaves the upload interrupted.
            self._interrupted.add(digest)
            unsent = total
            # Closed on every path, so that a content that reads a file or a network can clean up.
            async with contextlib.aclosing(_chunks(content)) as chunks:
                while (chunk := await _next_unless_replied(reply, anext(chunks, None))) is not None:
                    await send_chunk(chunk)
                    content.sent(chunk.index)
                    unsent -= 1
                    lock.report_progress()
            if reply is not None:
                # The lock is held until the reply: only then has the server finished with this digest.
                await asyncio.wait([reply])
                if unsent and call is not None and call.succeeded:
                    raise ProtocolError(
                        f"the server confirmed an upload with {unsent} of {total} chunks unsent; check that it is a Pie server"
                    )
            self._interrupted.discard(digest)


async def _next_unless_replied(
    reply: asyncio.Future[None] | None, step: Coroutine[None, None, T | None]
) -> T | None:
    """Return the result of a step, or None if the reply is there first."""
    # A task, although nothing else awaits it: sending does not suspend while the socket accepts everything, and the
    # reader, which sees the reply, must run between two chunks.
    task = asyncio.ensure_future(step)
    try:
        waited = [cast("asyncio.Future[object]", future) for future in (task, reply) if future is not None]
        await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
        return None if reply is not None and reply.done() else await task
    finally:
        task.cancel()
        await asyncio.wait({task})


async def _chunks(content: Content) -> AsyncGenerator[Chunk]:
    """Yield the chunks of a content, and raise InvalidArgumentError before the last if their number is wrong."""
    digest, total, index = content.digest, content.total_chunks, 0
    # One chunk behind: the last completes the upload, so it is only sent once no further chunk follows.
    last: bytes | None = None
    source = aiter(content)
    try:
        async for data in source:
            if last is not None and index < total:
                yield Chunk(index - 1, total, last, digest)
            last = data
            index += 1
    finally:
        if isinstance(source, AsyncGenerator):
            await source.aclose()
    if index != total or last is None:
        raise InvalidArgumentError(f"content has {index} chunks instead of {total}; the upload was stopped")
    yield Chunk(total - 1, total, last, digest)
