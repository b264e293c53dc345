"""Contents on their way to a server: cut into chunks, one content of a digest at a time.

A server keeps one unfinished upload per digest and connection. Two at once destroy each other, and one that was broken
off spoils the next of the same bytes, unless the server is made to forget it first.
"""

import asyncio
import contextlib
import weakref
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from typing import TypeVar, cast

from pie_client.base import Chunk, Content
from pie_client.connection.contents import as_content
from pie_client.connection.deadline import Deadline, ProgressLock
from pie_client.errors import InvalidArgumentError, ProtocolError

R = TypeVar("R")
T = TypeVar("T")
Emit = Callable[[Chunk], Awaitable[None]]


class ChunkSender:
    """Sends the contents of one connection."""

    def __init__(self) -> None:
        self._locks: weakref.WeakValueDictionary[str, ProgressLock] = weakref.WeakValueDictionary()
        self._interrupted: set[str] = set()
        """Digests of which the server may hold some chunks but not all."""

    async def send(
        self,
        given: bytes | Content,
        emit: Emit,
        *,
        reset: Emit,
        deadline: Deadline,
        finish: asyncio.Future[R] | None = None,
    ) -> None:
        """Send every chunk in order.

        Args:
            given: What to send.
            emit: Sends a chunk.
            reset: Sends a chunk that never fits, in such a way that nobody minds the server's complaint.
            finish: The reply. When it comes early it can only be an error, and nothing more is sent; the content counts
                as on its way until it has come.
            deadline: Counted anew also with every chunk of an equal content that has to be waited for.

        Raises:
            ProtocolError: The server said that all is well before it had all.
        """
        content = await as_content(given)
        digest, total = content.digest, content.total_chunks
        lock = self._locks.setdefault(digest, ProgressLock())
        async with lock.hold(deadline):
            left = total
            if digest in self._interrupted:
                await reset(Chunk(total, total, b"", digest))
            self._interrupted.add(digest)
            async with contextlib.aclosing(_chunks(content)) as chunks:
                while (chunk := await _next_unless_replied(finish, anext(chunks, None))) is not None:
                    await emit(chunk)
                    content.sent(chunk.index)
                    left -= 1
                    lock.report_progress()
            if finish is not None:
                await asyncio.wait([finish])
                if left and finish.exception() is None:
                    raise ProtocolError(
                        f"the server confirmed an upload of {total} chunks {left} chunks before its end; check what server this is"
                    )
            self._interrupted.discard(digest)


async def _next_unless_replied(
    finish: asyncio.Future[R] | None, step: Coroutine[None, None, T | None]
) -> T | None:
    """Give what a step comes to; None when the reply comes first, or is there already.

    Runs as a task: sending does not suspend while the socket takes it all, and between two chunks the reader has to run,
    and so has everybody else.
    """
    task = asyncio.ensure_future(step)
    try:
        waited = [cast("asyncio.Future[object]", future) for future in (task, finish) if future is not None]
        await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
        return None if finish is not None and finish.done() else await task
    finally:
        task.cancel()
        await asyncio.wait({task})


async def _chunks(content: Content) -> AsyncGenerator[Chunk]:
    """Give the chunks of a content; the last one only when it is known that no more follow."""
    digest, total, index = content.digest, content.total_chunks, 0
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
        raise InvalidArgumentError(
            f"content gave {index} chunks and had announced {total}; nothing was completed"
        )
    yield Chunk(total - 1, total, last, digest)
