"""Contents to send: bytes in memory, a file on disk, or pieces that come one by one."""

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
from pie_client.base import Content
from pie_client.connection.deadline import Deadline
from pie_client.errors import InvalidArgumentError

INLINE_HASH_BYTES = 1 << 20
"""Contents up to this size are hashed on the event loop (well under a millisecond), larger ones in a thread."""
BLOCK_BYTES = 1 << 20
"""What is read from disk at once to be hashed."""
SPOOL_BYTES = 8 << 20
"""What is kept in memory of pieces that come one by one, before they go to a temporary file."""

Progress: TypeAlias = Callable[[int, int], None]
"""Told how many bytes have left, and how many there are in all, after every chunk."""
Source: TypeAlias = bytes | os.PathLike[str] | AsyncIterable[bytes]
"""What can be sent: bytes, the path of a file, or pieces of any size."""


class _File(Protocol):
    def read(self, size: int, /) -> bytes: ...
    def write(self, data: bytes, /) -> int: ...
    def seek(self, offset: int, /) -> int: ...
    def close(self) -> None: ...


class _HashedContent:
    """What contents whose size and digest are known have in common."""

    def __init__(self, digest: str, size: int, progress: Progress | None) -> None:
        self._digest = digest
        self._size = size
        self._progress = progress

    @property
    def digest(self) -> str:
        """BLAKE3-256 of the whole."""
        return self._digest

    @property
    def total_chunks(self) -> int:
        """Number of chunks; an empty content is one empty chunk."""
        return max(1, -(-self._size // CHUNK_BYTES))

    def sent(self, index: int) -> None:
        """Report progress."""
        if self._progress is not None:
            self._progress(min((index + 1) * CHUNK_BYTES, self._size), self._size)


class BytesContent(_HashedContent):
    """Bytes in memory as content to send."""

    def __init__(self, data: bytes, digest: str, progress: Progress | None = None) -> None:
        super().__init__(digest, len(data), progress)
        self._data = data

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Give the chunks in order."""
        for index in range(self.total_chunks):
            yield self._data[index * CHUNK_BYTES : (index + 1) * CHUNK_BYTES]


class FileContent(_HashedContent):
    """A file as content to send. It is read twice, in a thread: once to hash it, once chunk by chunk.

    A file that changes in between is not completed.
    """

    def __init__(
        self, file: "_ThreadedFile", digest: str, size: int, name: str, progress: Progress | None
    ) -> None:
        super().__init__(digest, size, progress)
        self._file = file
        self._name = name

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Give the chunks in order; raises InvalidArgumentError when they are not what was hashed."""
        again = blake3()
        await asyncio.to_thread(self._file.rewind)
        for _ in range(self.total_chunks):
            yield await asyncio.to_thread(self._file.read, CHUNK_BYTES, again)
        beyond = await asyncio.to_thread(self._file.read, 1, again)
        if beyond or again.hexdigest() != self._digest:
            raise InvalidArgumentError(
                f"{self._name} changed while it was sent, so that nothing was completed; send it again"
            )


class _ThreadedFile:
    """A file that is used in threads, and may be given up while one of them still does: that one closes it then."""

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
        """Give digest and size of what is left to read, telling of every block that was."""
        hasher, size = blake3(), 0
        while block := self.read(BLOCK_BYTES, hasher):
            size += len(block)
            on_block()
        return hasher.hexdigest(), size

    def read(self, size: int, hasher: "blake3") -> bytes:
        """Read up to a number of bytes, hashing them; nothing once it is closed."""
        with self._locked():
            data = b"" if self._closed or self._file is None else self._file.read(size)
        hasher.update(data)
        return data

    def write(self, data: bytes, hasher: "blake3") -> None:
        """Write, and hash it; raises OSError."""
        hasher.update(data)
        with self._locked():
            if not self._closed and self._file is not None:
                self._file.write(data)

    def rewind(self) -> None:
        with self._locked():
            if not self._closed and self._file is not None:
                self._file.seek(0)

    def close(self) -> None:
        """Close it, without waiting for a thread that uses it."""
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
    """Make bytes sendable; what already is stays as it is."""
    data = _to_bytes(content)
    if data is not None:
        if len(data) <= INLINE_HASH_BYTES:
            return BytesContent(data, blake3(data).hexdigest(), progress)
        return BytesContent(data, await asyncio.to_thread(lambda: blake3(data).hexdigest()), progress)
    if not _is_content(content):
        raise InvalidArgumentError(
            f"content is {type(content).__name__}; pass bytes, or a content that has all of its protocol"
        )
    return content


@contextlib.asynccontextmanager
async def open_content(
    source: Source, progress: Progress | None, deadline: Deadline
) -> AsyncGenerator[Content]:
    """Make a source sendable while the context lasts.

    Args:
        source: Bytes, the path of a file, or an async iterable of pieces; those are gathered first, beyond 8 MiB in a
            temporary file, because their digest leaves with the first chunk.
        progress: Told about every chunk that has left.
        deadline: Counted anew with every block that is hashed and every piece that comes.

    Raises:
        InvalidArgumentError: It is none of these.
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
            on_block = functools.partial(loop.call_soon_threadsafe, deadline.extend)
            yield FileContent(file, *await asyncio.to_thread(file.hash_rest, on_block), str(path), progress)
        finally:
            file.close()
    elif isinstance(source, bytes) or not hasattr(source, "__aiter__"):
        raise InvalidArgumentError(
            f"content is {type(source).__name__}; pass bytes, a pathlib.Path, or an async iterable of bytes"
        )
    else:
        file = _ThreadedFile(tempfile.SpooledTemporaryFile(max_size=SPOOL_BYTES))  # noqa: SIM115 - it is closed below
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
                raise InvalidArgumentError(f"a piece of the content is {type(piece).__name__}; give bytes")
            size += len(data)
            await asyncio.to_thread(file.write, data, hasher)
            deadline.extend()
    finally:
        if isinstance(pieces, AsyncGenerator):
            await pieces.aclose()
    return hasher.hexdigest(), size


def check_progress(progress: object) -> None:
    """Raise InvalidArgumentError unless something can be called between two chunks, or is None."""
    if progress is not None and (not callable(progress) or inspect.iscoroutinefunction(progress)):
        raise InvalidArgumentError(
            f"progress={progress!r:.60} can't be called between two chunks; pass a plain function of two numbers"
        )


def as_path(path: object) -> Path:
    """Take a path of a file; raises InvalidArgumentError. ``~`` is the home folder."""
    text = os.fspath(cast("os.PathLike[str]", path)) if isinstance(path, (str, os.PathLike)) else None
    if not isinstance(text, str):
        raise InvalidArgumentError(f"{path!r:.60} is no path; pass a str or a pathlib.Path")
    try:
        return Path(text).expanduser()
    except RuntimeError:  # there is no such home folder, which opening it will tell
        return Path(text)


def _to_bytes(value: object) -> bytes | None:
    """Give what is bytes, or can be taken for that although the types say bytes."""
    if isinstance(value, memoryview):
        return value.tobytes()
    return bytes(value) if isinstance(value, (bytes, bytearray)) else None


def _is_content(value: object) -> TypeGuard[Content]:
    return isinstance(value, Content)


def _open_regular(path: Path) -> _File:
    file = open(path, "rb", opener=_open_nonblocking)  # noqa: SIM115 - whoever asked closes it
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise InvalidArgumentError(f"{path} is no regular file; pass one, or its bytes")
    return file


def _open_nonblocking(name: str, flags: int) -> int:
    """Open a file without waiting, as one would for the other end of a pipe."""
    return os.open(name, flags | getattr(os, "O_NONBLOCK", 0))
