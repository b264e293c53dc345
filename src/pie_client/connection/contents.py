"""Contents to send: bytes in memory, files on disk, and async iterables of bytes.

Each becomes a :class:`~pie_client.content.Content`, whose digest is known before its first chunk is sent. Files are hashed
and read in threads and are never in memory as a whole. ``uploads`` sends the chunks.
"""

import contextlib
import itertools
import os
import sys
import tempfile
import time
from asyncio import Future, get_running_loop
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable
from functools import partial
from io import BufferedReader
from typing import NamedTuple, Protocol, TypeAlias, TypeGuard

from blake3 import blake3

from pie_client._generated.families import CHUNK_BYTES
from pie_client.common.paths import as_path, open_regular
from pie_client.connection.deadline import Deadline
from pie_client.connection.options import check_function
from pie_client.connection.threads import in_thread, settle, start
from pie_client.content import Content
from pie_client.errors import InvalidArgumentError

INLINE_HASH_BYTES = 1 << 20
"""Largest content hashed in the event loop (well under a millisecond); larger ones are hashed in a thread."""
HASH_BYTES = 256 << 10
"""Bytes of a file that are hashed at once; they stay in the processor's cache."""
HASH_STEPS = 16
"""Times that a thread hashes HASH_BYTES before the event loop has a turn."""
BLOCK_BYTES = 4 * CHUNK_BYTES
"""Bytes of a file that are read at once to send them."""
BLOCKS = 3
"""Blocks of a file in memory."""
TICK_SECONDS = 2
"""Longest time between two ticks of a file system's clock, that of FAT."""
SPOOL_BYTES = 8 << 20
"""Largest async iterable gathered in memory; larger ones go to a temporary file."""

Progress: TypeAlias = Callable[[int, int], None]
"""Called after every chunk with the number of bytes sent and the total."""
Source: TypeAlias = bytes | os.PathLike[str] | AsyncIterable[bytes]
"""What can be sent: bytes, the path of a file, or an async iterable of bytes of any size."""


class _File(Protocol):
    def readinto(self, buffer: bytearray, /) -> int: ...
    def seek(self, offset: int, /) -> int: ...


class _Reader(Protocol):
    """A file that is read once more, from its start."""

    def start(self, block: bytearray) -> Future[memoryview]:
        """Start reading the next block; the result is as much of it as the file has."""
        ...

    def is_changed(self) -> bool:
        """Return whether the file is another than the one that was hashed. Called after all of it was read."""
        ...


class _HashingReader:
    """Reads a file in a thread and hashes it again."""

    def __init__(self, file: _File, digest: str) -> None:
        file.seek(0)
        self._file = file
        self._digest = digest
        self._hasher = blake3()

    def start(self, block: bytearray) -> Future[memoryview]:
        return start(self._read, block)

    def _read(self, block: bytearray) -> memoryview:
        data = memoryview(block)[: self._file.readinto(block)]
        self._hasher.update(data)
        return data

    def is_changed(self) -> bool:
        return self._hasher.hexdigest() != self._digest


class _Stamp(NamedTuple):
    """What changes when a file is written, except through a mapping of some file systems."""

    size: int
    modified: int
    changed: int

    @classmethod
    def of(cls, descriptor: int) -> "_Stamp":
        status = os.fstat(descriptor)
        return cls(status.st_size, status.st_mtime_ns, status.st_ctime_ns)

    def is_settled(self) -> bool:
        """Return whether writing the file now would change its stamp. Otherwise the clock may not have ticked yet."""
        return self.modified < time.time_ns() - TICK_SECONDS * 10**9


if sys.platform == "linux":

    class _CachedReader:
        """Reads a file from the system's cache without a thread, as it was just hashed; in a thread where it has to wait."""

        def __init__(self, descriptor: int, stamp: _Stamp) -> None:
            self._descriptor = descriptor
            self._stamp = stamp
            self._at = 0

        def start(self, block: bytearray) -> Future[memoryview]:
            at = self._at
            self._at += len(block)
            count = 0
            with contextlib.suppress(OSError):  # not in the cache, or a file system without this flag
                count = os.preadv(self._descriptor, [block], at, os.RWF_NOWAIT)
            if count < min(len(block), self._stamp.size - at):
                return start(self._read, block, at)
            ready: Future[memoryview] = get_running_loop().create_future()
            ready.set_result(memoryview(block)[:count])
            return ready

        def _read(self, block: bytearray, at: int) -> memoryview:
            view, count = memoryview(block), 0
            while count < len(block) and (more := os.preadv(self._descriptor, [view[count:]], at + count)):
                count += more
            return view[:count]

        def is_changed(self) -> bool:
            return _Stamp.of(self._descriptor) != self._stamp


class _HashedContent:
    """Base of contents with a known size and digest."""

    def __init__(self, digest: str, size: int, progress: Progress | None) -> None:
        self._digest = digest
        self._size = size
        self._progress = progress

    @property
    def digest(self) -> str:
        """BLAKE3-256 of the content, in hexadecimal."""
        return self._digest

    @property
    def total_chunks(self) -> int:
        """Number of chunks; an empty content is one empty chunk."""
        return max(1, -(-self._size // CHUNK_BYTES))

    def sent(self, index: int) -> None:
        """Report progress after a chunk was sent."""
        if self._progress is not None:
            self._progress(min((index + 1) * CHUNK_BYTES, self._size), self._size)


class BytesContent(_HashedContent):
    """Bytes in memory as content to send."""

    def __init__(self, data: bytes, digest: str, progress: Progress | None = None) -> None:
        super().__init__(digest, len(data), progress)
        self._data = data

    async def __aiter__(self) -> AsyncIterator[memoryview]:
        """Yield the chunks in order."""
        data = memoryview(self._data)
        for at in range(0, self._size or 1, CHUNK_BYTES):
            yield data[at : at + CHUNK_BYTES]


class FileContent(_HashedContent):
    """A file as content to send, read twice: to hash it and to send it."""

    def __init__(
        self, reader: Callable[[], _Reader], digest: str, size: int, name: str, progress: Progress | None
    ) -> None:
        super().__init__(digest, size, progress)
        self._reader = reader
        self._name = name

    async def __aiter__(self) -> AsyncGenerator[memoryview]:
        """Yield the chunks in order. Raises InvalidArgumentError if the file has changed since it was hashed."""
        reader = await in_thread(self._reader)
        # Three, because the sender still holds a chunk of the previous block. They are used again: memory that a thread
        # allocates stays in a pool of that thread.
        blocks = itertools.cycle([bytearray(min(BLOCK_BYTES, self._size + 1)) for _ in range(BLOCKS)])
        # A slow disk must not block the event loop, so one block is read ahead.
        ahead = reader.start(next(blocks))
        try:
            for left in reversed(range(max(1, -(-self._size // BLOCK_BYTES)))):
                await settle(ahead)
                block = ahead.result()
                ahead = reader.start(next(blocks))
                if not left:
                    await settle(ahead)
                    # Before the last block, so that a changed file is never completed.
                    if ahead.result() or reader.is_changed():
                        raise InvalidArgumentError(
                            f"{self._name} changed while it was sent; the upload was stopped. Send it again"
                        )
                for at in range(0, len(block) or 1, CHUNK_BYTES):
                    yield block[at : at + CHUNK_BYTES]
        finally:
            await settle(ahead)


async def as_content(content: bytes | Content, progress: Progress | None = None) -> Content:
    """Return bytes as a content, or a content unchanged."""
    data = _to_bytes(content)
    if data is not None:
        if len(data) <= INLINE_HASH_BYTES:
            return BytesContent(data, blake3(data).hexdigest(), progress)
        return BytesContent(data, await in_thread(lambda: blake3(data).hexdigest()), progress)
    if not _is_content(content):
        raise InvalidArgumentError(f"content must be bytes or a Content, not {type(content).__name__}")
    return content


@contextlib.asynccontextmanager
async def open_content(
    source: Source, progress: Progress | None, deadline: Deadline, *, replied: bool
) -> AsyncGenerator[Content]:
    """Open a source for sending inside the context.

    Args:
        source: Bytes, the path of a file, or an async iterable of bytes. The iterable is read to its end first (above
            8 MiB into a temporary file), because the digest is sent with the first chunk.
        progress: Called after every chunk.
        deadline: Extended with every block hashed and every piece read.
        replied: Whether the server checks the digest and replies. If so, a file that has not been written for a while
            is not hashed again while it is sent: its time stamp shows most changes, and the server's reply the others.

    Raises:
        InvalidArgumentError: The source has another type, or the path is not a regular file.
        OSError: The file can't be read.
    """
    if progress is not None:
        check_function("progress", progress)
    data = _to_bytes(source)
    if data is not None:
        yield await as_content(data, progress)
    elif isinstance(source, os.PathLike):
        path = as_path(source)
        with contextlib.ExitStack() as opened:
            # The thread enters the file, so that it is closed even if the opening is cancelled.
            file = await in_thread(lambda: opened.enter_context(open_regular(path)))
            stamp = _Stamp.of(file.fileno())
            digest, size = await _hash(file, deadline)
            cached = replied and stamp.size == size and stamp.is_settled()
            if sys.platform == "linux" and cached and hasattr(os, "RWF_NOWAIT"):
                reader: Callable[[], _Reader] = partial(_CachedReader, file.fileno(), stamp)
            else:
                reader = partial(_HashingReader, file, digest)
            yield FileContent(reader, digest, size, str(path), progress)
    elif isinstance(source, bytes) or not hasattr(source, "__aiter__"):
        raise InvalidArgumentError(
            f"content must be bytes, a pathlib.Path or an async iterable of bytes, not {type(source).__name__}"
        )
    else:
        with tempfile.SpooledTemporaryFile(max_size=SPOOL_BYTES) as spool:
            digest, size = await _spool_pieces(source, spool, deadline)
            yield FileContent(partial(_HashingReader, spool, digest), digest, size, "the content", progress)


async def _hash(file: BufferedReader, deadline: Deadline) -> tuple[str, int]:
    """Return the digest and size of a file."""
    hasher, size, buffer = blake3(), 0, bytearray(HASH_BYTES)
    # Not the whole file at once: a cancelled caller waits for the thread.
    while count := await in_thread(_hash_some, file, hasher, buffer):
        size += count
        deadline.extend()
    return hasher.hexdigest(), size


def _hash_some(file: BufferedReader, hasher: "blake3", buffer: bytearray) -> int:
    """Hash up to HASH_STEPS buffers of a file, and return the number of bytes."""
    size, view = 0, memoryview(buffer)
    for _ in range(HASH_STEPS):
        count = file.readinto(buffer)
        hasher.update(view[:count])
        size += count
    return size


async def _spool_pieces(
    pieces: AsyncIterable[bytes], file: tempfile.SpooledTemporaryFile[bytes], deadline: Deadline
) -> tuple[str, int]:
    hasher, size = blake3(), 0

    def add(data: bytes) -> None:
        hasher.update(data)
        file.write(data)

    try:
        async for piece in pieces:
            data = _to_bytes(piece)
            if data is None:
                raise InvalidArgumentError(f"pieces of the content must be bytes, not {type(piece).__name__}")
            size += len(data)
            await in_thread(add, data)
            deadline.extend()
    finally:
        # Not left to the garbage collector: the generator may hold files or connections.
        if isinstance(pieces, AsyncGenerator):
            await pieces.aclose()
    return hasher.hexdigest(), size


def _to_bytes(value: object) -> bytes | None:
    """Return bytes-like objects as bytes, and None for others; untyped callers pass bytearray and memoryview."""
    if isinstance(value, memoryview):
        return value.tobytes()
    if isinstance(value, bytearray):
        return bytes(value)
    return value if isinstance(value, bytes) else None


def _is_content(value: object) -> TypeGuard[Content]:
    return isinstance(value, Content)
