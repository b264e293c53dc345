"""Contents to send: bytes in memory, files on disk, and async iterables of bytes.

Each becomes a :class:`~pie_client.content.Content`, whose digest is known before its first chunk is sent. Files are hashed
and read in threads and are never in memory as a whole. ``uploads`` sends the chunks.
"""

import asyncio
import contextlib
import functools
import inspect
import os
import stat
import tempfile
import threading
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Generator
from pathlib import Path
from typing import Protocol, TypeAlias, TypeGuard, cast

from blake3 import blake3

from pie_client._generated.families import CHUNK_BYTES
from pie_client.connection.deadline import Deadline
from pie_client.content import Content
from pie_client.errors import InvalidArgumentError

INLINE_HASH_BYTES = 1 << 20
"""Largest content hashed in the event loop (well under a millisecond); larger ones are hashed in a thread."""
BLOCK_BYTES = 1 << 20
"""Size of the blocks in which a file is hashed."""
SPOOL_BYTES = 8 << 20
"""Largest async iterable gathered in memory; larger ones go to a temporary file."""

Progress: TypeAlias = Callable[[int, int], None]
"""Called after every chunk with the number of bytes sent and the total."""
Source: TypeAlias = bytes | os.PathLike[str] | AsyncIterable[bytes]
"""What can be sent: bytes, the path of a file, or an async iterable of bytes of any size."""


class _File(Protocol):
    def read(self, size: int, /) -> bytes: ...
    def write(self, data: bytes, /) -> int: ...
    def seek(self, offset: int, /) -> int: ...
    def close(self) -> None: ...


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

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield the chunks in order."""
        for index in range(self.total_chunks):
            yield self._data[index * CHUNK_BYTES : (index + 1) * CHUNK_BYTES]


class FileContent(_HashedContent):
    """A file as content to send, read twice: to hash it and to send it."""

    def __init__(
        self, file: "_ThreadedFile", digest: str, size: int, name: str, progress: Progress | None
    ) -> None:
        super().__init__(digest, size, progress)
        self._file = file
        self._name = name

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield the chunks in order. Raises InvalidArgumentError if the file has changed since it was hashed."""
        # The sender holds the last chunk back until the iteration ends, so a changed file is never completed.
        hasher = blake3()
        # Each read runs in a thread: a slow disk must not block the event loop.
        await asyncio.to_thread(self._file.rewind)
        for _ in range(self.total_chunks):
            yield await asyncio.to_thread(self._file.read, CHUNK_BYTES, hasher)
        beyond = await asyncio.to_thread(self._file.read, 1, hasher)
        if beyond or hasher.hexdigest() != self._digest:
            raise InvalidArgumentError(
                f"{self._name} changed while it was sent; the upload was stopped. Send it again"
            )


class _ThreadedFile:
    """A file used in threads and closed from the event loop, which must not wait for them.

    close() closes the file immediately if no thread uses it; otherwise the thread closes it when it is done.
    """

    def __init__(self, file: _File | None = None) -> None:
        self._file = file
        self._lock = threading.Lock()
        self._closed = False

    def open(self, path: Path) -> None:
        """Open a regular file; raises InvalidArgumentError or OSError."""
        with self._locked():
            if not self._closed:
                self._file = _open_regular(path)

    def hash_rest(self, on_block: Callable[[], object]) -> tuple[str, int]:
        """Return the digest and size of the rest of the file, calling ``on_block`` after every block."""
        hasher, size = blake3(), 0
        while block := self.read(BLOCK_BYTES, hasher):
            size += len(block)
            on_block()
        return hasher.hexdigest(), size

    def read(self, size: int, hasher: "blake3") -> bytes:
        """Read and hash up to ``size`` bytes; none after close()."""
        # Empty after close(): the sender is gone, and the digest no longer matters.
        with self._locked():
            data = b"" if self._closed or self._file is None else self._file.read(size)
        hasher.update(data)
        return data

    def write(self, data: bytes, hasher: "blake3") -> None:
        """Write and hash bytes; raises OSError."""
        hasher.update(data)
        with self._locked():
            if not self._closed and self._file is not None:
                self._file.write(data)

    def rewind(self) -> None:
        with self._locked():
            if not self._closed and self._file is not None:
                self._file.seek(0)

    def close(self) -> None:
        """Close the file without blocking."""
        # Set before the attempt to lock: a thread that holds the lock sees it when it releases the lock.
        self._closed = True
        if self._lock.acquire(blocking=False):
            self._close_and_release()

    @contextlib.contextmanager
    def _locked(self) -> Generator[None]:
        self._lock.acquire()
        try:
            yield
        finally:
            if self._closed:
                self._close_and_release()
            else:
                self._lock.release()

    def _close_and_release(self) -> None:
        try:
            if self._file is not None:
                self._file.close()
        finally:
            self._lock.release()


async def as_content(content: bytes | Content, progress: Progress | None = None) -> Content:
    """Return bytes as a content, or a content unchanged."""
    data = _to_bytes(content)
    if data is not None:
        if len(data) <= INLINE_HASH_BYTES:
            return BytesContent(data, blake3(data).hexdigest(), progress)
        return BytesContent(data, await asyncio.to_thread(lambda: blake3(data).hexdigest()), progress)
    if not _is_content(content):
        raise InvalidArgumentError(f"content must be bytes or a Content, not {type(content).__name__}")
    return content


@contextlib.asynccontextmanager
async def open_content(
    source: Source, progress: Progress | None, deadline: Deadline
) -> AsyncGenerator[Content]:
    """Open a source for sending inside the context.

    Args:
        source: Bytes, the path of a file, or an async iterable of bytes. The iterable is read to its end first (above
            8 MiB into a temporary file), because the digest is sent with the first chunk.
        progress: Called after every chunk.
        deadline: Extended with every block hashed and every piece read.

    Raises:
        InvalidArgumentError: The source has another type, or the path is not a regular file.
        OSError: The file can't be read.
    """
    check_progress(progress)
    data = _to_bytes(source)
    if data is not None:
        yield await as_content(data, progress)
    elif isinstance(source, os.PathLike):
        path = as_path(source)
        file = _ThreadedFile()
        try:
            await asyncio.to_thread(file.open, path)
            loop = asyncio.get_running_loop()
            # Called in the hashing thread; deadlines belong to the event loop.
            on_block = functools.partial(loop.call_soon_threadsafe, deadline.extend)
            yield FileContent(file, *await asyncio.to_thread(file.hash_rest, on_block), str(path), progress)
        finally:
            file.close()
    elif isinstance(source, bytes) or not hasattr(source, "__aiter__"):
        raise InvalidArgumentError(
            f"content must be bytes, a pathlib.Path or an async iterable of bytes, not {type(source).__name__}"
        )
    else:
        file = _ThreadedFile(tempfile.SpooledTemporaryFile(max_size=SPOOL_BYTES))  # noqa: SIM115 - closed below
        try:
            digest, size = await _spool_pieces(source, file, deadline)
            yield FileContent(file, digest, size, "the content", progress)
        finally:
            file.close()


async def _spool_pieces(
    pieces: AsyncIterable[bytes], file: _ThreadedFile, deadline: Deadline
) -> tuple[str, int]:
    hasher, size = blake3(), 0
    try:
        async for piece in pieces:
            data = _to_bytes(piece)
            if data is None:
                raise InvalidArgumentError(f"pieces of the content must be bytes, not {type(piece).__name__}")
            size += len(data)
            await asyncio.to_thread(file.write, data, hasher)
            deadline.extend()
    finally:
        # Not left to the garbage collector: the generator may hold files or connections.
        if isinstance(pieces, AsyncGenerator):
            await pieces.aclose()
    return hasher.hexdigest(), size


def check_progress(progress: object) -> None:
    """Raise InvalidArgumentError if ``progress`` is neither None nor a plain callable."""
    if progress is not None and (not callable(progress) or inspect.iscoroutinefunction(progress)):
        raise InvalidArgumentError(f"progress must be a plain function of two integers, not {progress!r:.60}")


def as_path(path: object) -> Path:
    """Return a path with ``~`` expanded. Raises InvalidArgumentError if it is not a str or PathLike."""
    text = os.fspath(cast("os.PathLike[str]", path)) if isinstance(path, (str, os.PathLike)) else None
    if not isinstance(text, str):
        raise InvalidArgumentError(f"a path must be a str or a pathlib.Path, not {path!r:.60}")
    try:
        return Path(text).expanduser()
    except RuntimeError:  # unknown home directory: opening the path reports it
        return Path(text)


def _to_bytes(value: object) -> bytes | None:
    """Return bytes-like objects as bytes, and None for others; untyped callers pass bytearray and memoryview."""
    if isinstance(value, memoryview):
        return value.tobytes()
    return bytes(value) if isinstance(value, (bytes, bytearray)) else None


def _is_content(value: object) -> TypeGuard[Content]:
    return isinstance(value, Content)


def _open_regular(path: Path) -> _File:
    file = open(path, "rb", opener=_open_nonblocking)  # noqa: SIM115 - the caller closes it
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise InvalidArgumentError(f"{path} is not a regular file; pass one, or bytes")
    return file


def _open_nonblocking(name: str, flags: int) -> int:
    # Opening a named pipe would otherwise block until a writer opens it.
    return os.open(name, flags | getattr(os, "O_NONBLOCK", 0))
