"""Files that processes send: assembled from chunks, verified, and saved by the application.

The mailbox feeds chunks to a :class:`PartialFile`; the finished file is a :class:`FileEvent`: :class:`FileBytes` in
memory or a :class:`SpooledFile` on disk. Only :class:`Spool` and the ``save`` methods touch the disk, and they block: the connection
runs spool writes in a thread.
"""

from __future__ import annotations

import contextlib
import io
import math
import mmap
import os
import shutil
import tempfile
import threading
import weakref
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, BinaryIO, NoReturn, Self

from pie_client._generated.decoders import FileChunkRecord
from pie_client.common.copies import refuse
from pie_client.lazy import LazyModule

if TYPE_CHECKING:
    import blake3

    from pie_client.protocol import saving
else:
    blake3 = LazyModule("blake3")
    saving = LazyModule("pie_client.protocol.saving")

PARTIAL_FILE_BYTES = 2560
"""Memory of a file of which no byte has arrived, most of it the state of its hash."""
DISK_BYTES = 8 << 20
"""Size above which a file goes to disk by default, unless less may be unread."""
WRITE_BYTES = 2 << 20
"""Least size of a batch that is written to disk while a file is still arriving."""


class FileEvent:
    """A file sent by a process, in memory or, if it is large, in a temporary file. Its bytes are verified.

    ``Process.recv()`` returns files in memory; these are ``bytes`` too. ``FileEvent(data, name=...)`` makes one, for
    instance in tests.

    A temporary file is deleted by :meth:`close`, at the end of a ``with`` block, or with this object, unless it was saved.

    Attributes:
        name: Name that the process gave the file; None if it gave none (always with 0.3 and 0.4 servers).
        digest: BLAKE3-256 of the bytes, in hexadecimal.
    """

    __module__ = "pie_client"
    __slots__ = ()

    name: str | None
    digest: str

    def __new__(cls, data: bytes, name: str | None = None, *, digest: str = "") -> FileEvent:  # noqa: PYI034 - of a subclass
        """Create a file in memory from its bytes; the digest is computed if it is not given."""
        return FileBytes(data, name=name, digest=digest)

    def __repr__(self) -> str:
        return f"FileEvent(name={self.name!r}, {self.size} bytes)"

    __str__ = __repr__

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def size(self) -> int:
        """Length in bytes."""
        raise NotImplementedError

    @property
    def path(self) -> Path | None:
        """Path of the temporary file; after :meth:`save`, of the saved file. None if the bytes are in memory."""
        return None

    def file_name(self, fallback: str = "file.bin") -> str:
        """Return the file's name without directories and unsafe characters.

        Args:
            fallback: Returned if the file has no name, or nothing of it is left.
        """
        return saving.safe_name(self.name) or fallback

    def read(self) -> bytes:
        """Return all bytes. Reading a temporary file blocks; ``await asyncio.to_thread(file.read)`` does not.

        Raises:
            OSError: The temporary file can't be read.
        """
        raise NotImplementedError

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the file to disk; a temporary file is moved there, and copied from there by later calls.

        Args:
            path: Path of the new file (an existing file is replaced), or a folder. A path that ends with a separator
                is a folder and is created if needed. In a folder, the file gets its own name without directories, or
                its digest if it has no name; existing files are kept and a number is added to the new name.

        Returns:
            Path of the written file.

        Raises:
            InvalidArgumentError: The path is not one of a file or folder, but of a pipe or device for example.
            OSError: The file can't be written.
        """
        raise NotImplementedError

    def close(self) -> None:
        """Delete the temporary file, if there is one, unless it was saved."""


class FileBytes(bytes, FileEvent):
    """A file in memory."""

    name: str | None
    digest: str

    def __new__(cls, data: bytes | mmap.mmap, name: str | None = None, *, digest: str = "") -> Self:
        """Create a file from its bytes; the digest is computed if it is not given."""
        self = bytes.__new__(cls, data)
        self.name = name
        self.digest = digest or blake3.blake3(data).hexdigest()
        return self

    __repr__ = __str__ = FileEvent.__repr__

    def __reduce__(self) -> tuple[Callable[..., FileEvent], tuple[bytes, str | None, str]]:
        return _file_in_memory, (bytes(self), self.name, self.digest)

    @property
    def size(self) -> int:
        """Length in bytes."""
        return len(self)

    def read(self) -> bytes:
        """Return all bytes."""
        return self

    def save(self, path: str | os.PathLike[str]) -> Path:
        def write(out: BinaryIO, _place: Path) -> None:
            out.truncate(0)
            out.write(self)

        return saving.save(path, self.name, self.digest, write)


ReceivedFile = FileBytes
"""The name of such files in Pie's own client; their :meth:`save` takes any path, not only a folder's."""


class Spooling:
    """When received files go to disk, and how much of all files is there or waits for it.

    Args:
        above: Size in bytes above which a file goes to disk; None for 8 MiB, or half of what may be unread, if less.
        limit: Most bytes of a file, and of all files that are arriving on disk or unread there.

    Attributes:
        limit: See above.
        unwritten: Bytes that wait for the disk, those that are being written included.
        used: Bytes of the files that are arriving on disk or unread there.
        unread: The part of ``used`` that belongs to complete files.
    """

    __slots__ = ("_above", "limit", "unread", "unwritten", "used")

    def __init__(self, above: float | None = math.inf, limit: float = math.inf) -> None:
        self._above = above
        self.limit = limit
        self.unwritten = 0
        self.used = 0
        self.unread = 0

    def above(self, share: int) -> float:
        """Return the size above which a file of a process goes to disk, of whose events ``share`` bytes may be unread."""
        return min(DISK_BYTES, share // 2) if self._above is None else self._above


class PartialFile:
    """A file whose chunks are still arriving, or that is still being written to disk.

    Args:
        first: The first chunk; pass it to :meth:`add` too.
        spooling: When it goes to disk. Default: never.
        share: Bytes of its process that may be unread.

    Attributes:
        digest: Expected BLAKE3-256 of the bytes, in hexadecimal.
        complete: Whether the last chunk has arrived and the bytes match the digest.
        on_disk: Bytes that are on disk or wait for it.
        size: Bytes that it takes in memory, without those that wait for the disk, which no reader can speed up.
        spool: The temporary file; None while everything is in memory.
    """

    __slots__ = (
        "_above",
        "_bytes",
        "_count",
        "_hash",
        "_memory",
        "_name",
        "_parts",
        "_spooling",
        "_total",
        "_waiting",
        "_writing",
        "complete",
        "digest",
        "on_disk",
        "size",
        "spool",
    )

    def __init__(self, first: FileChunkRecord, spooling: Spooling | None = None, share: int = 0) -> None:
        self.digest = first.file_hash
        self.complete = False
        self.size = PARTIAL_FILE_BYTES + len(first.file_hash) + len(first.name or "")
        self.spool: Spool | None = None
        self._name = first.name
        self._total = first.total_chunks
        self._spooling = spooling or Spooling()
        self._above = self._spooling.above(share)
        self._memory = io.BytesIO()
        """The bytes until some go to disk. It grows in place, and gives its bytes away without a copy."""
        self._parts: list[bytes] = []
        """Parts for the disk that are not being written."""
        self.on_disk = self._waiting = 0
        """Bytes of :attr:`_parts`."""
        self._count = 0
        self._bytes = 0
        self._hash = blake3.blake3()
        self._writing = False

    def add(self, chunk: FileChunkRecord) -> None:
        """Add the next chunk; raises ValueError if it does not fit."""
        # Servers send the chunks of a file in order, so any gap means that one was lost.
        if chunk.total_chunks != self._total:
            raise ValueError(f"total_chunks changed from {self._total} to {chunk.total_chunks}")
        if chunk.chunk_index != self._count:
            raise ValueError(
                f"expected chunk {self._count} of {self._total}, received chunk {chunk.chunk_index}"
            )
        if chunk.chunk_index >= self._total:
            raise ValueError(f"chunk {chunk.chunk_index} is out of range for {self._total} chunks")
        data = chunk.chunk_data
        if self._bytes + len(data) > self._spooling.limit:
            raise ValueError(f"it is larger than max_spooled={self._spooling.limit} bytes; raise max_spooled")
        self._count += 1
        self._bytes += len(data)
        if self.spool is None:
            self._memory.write(data)
            self.size += len(data)
        else:
            self._wait_for_disk(data)
        self._hash.update(data)
        if self._count == self._total:
            if self._hash.hexdigest() != self.digest:
                raise ValueError("its bytes do not match the BLAKE3 digest")
            self.complete = True
        if self.spool is None and self._bytes > self._above:
            self.spool = Spool()
            self.size -= self._bytes
            self._wait_for_disk(self._take_memory())
        if self.complete and self.spool is not None:
            self._spooling.unread += self._bytes

    def _wait_for_disk(self, data: bytes) -> None:
        self.on_disk += len(data)
        self._spooling.used += len(data)
        self._parts.append(data)
        self._waiting += len(data)
        self._spooling.unwritten += len(data)

    def begin_write(self) -> bool:
        """Return whether a batch should be written now; if so, :meth:`take_batch` and :meth:`end_write` must follow."""
        # Batches, because a thread for every chunk would cost more than the writing itself; but many files that arrive
        # together must not hold a batch each.
        due = self.complete or self._waiting >= WRITE_BYTES or self._spooling.unwritten >= 2 * WRITE_BYTES
        if not due or not self._parts or self._writing:
            return False
        self._writing = True
        return True

    def take_batch(self) -> list[bytes]:
        """Remove and return the parts for the disk."""
        parts, self._parts, self._waiting = self._parts, [], 0
        return parts

    def end_write(self, size: int) -> None:
        """Stop counting a batch of ``size`` bytes, which was written or has failed."""
        self._writing = False
        self._spooling.unwritten -= size

    def discard(self) -> None:
        """Delete the temporary file, if any, and what waits to be written to it."""
        if self.spool is None:
            return
        self._spooling.unwritten -= self._waiting
        self._spooling.used -= self.on_disk
        if self.complete:
            self._spooling.unread -= self.on_disk
        self.take_batch()
        self.spool.delete()

    def finish(self) -> FileBytes | SpooledFile:
        """Return the complete file, and stop counting it. A spooled file must have been written to disk before."""
        if self.spool is not None:
            self._spooling.used -= self._bytes
            self._spooling.unread -= self._bytes
            return SpooledFile(self.spool, self._bytes, name=self._name, digest=self.digest)
        # Copies once: Python makes an object of a subclass of bytes from other bytes only.
        return FileBytes(self._take_memory(), name=self._name, digest=self.digest)

    def _take_memory(self) -> bytes:
        memory, self._memory = self._memory, io.BytesIO()
        return memory.getvalue()


class Spool:
    """A temporary file, created by the first write and deleted with the last reference to it."""

    def __init__(self) -> None:
        self.path: Path | None = None
        self._deleted = False
        self._finalizer: weakref.finalize[[str], Spool] | None = None

    def append(self, parts: list[bytes]) -> None:
        """Append to the file. Blocks; raises OSError."""
        if self.path is None:
            handle, name = tempfile.mkstemp(prefix="pie-client-")
            os.close(handle)
            self.path = Path(name)
            # Runs at exit too, unlike __del__.
            self._finalizer = weakref.finalize(self, _unlink, name)
        try:
            with open(self.path, "ab", opener=_open_existing) as out:
                out.writelines(parts)
        finally:
            # delete() may have run in the event loop before this thread had created the file.
            if self._deleted:
                _unlink(str(self.path))

    def detach(self) -> None:
        """Keep the file: it was moved."""
        if self._finalizer is not None:
            self._finalizer.detach()

    def delete(self) -> None:
        """Delete the file; if a write is in progress, when it ends."""
        self._deleted = True
        if self._finalizer is not None:
            self._finalizer()


def _unlink(name: str) -> None:
    Path(name).unlink(missing_ok=True)


def _open_existing(name: str, flags: int) -> int:
    # Others could read a file that open() creates, and choose where a link leads.
    return os.open(name, flags & ~os.O_CREAT | getattr(os, "O_NOFOLLOW", 0))


class SpooledFile(FileEvent):
    """A file on disk."""

    def __new__(cls, spool: Spool, size: int, *, name: str | None, digest: str) -> Self:
        """Create an object that __init__ fills."""
        return object.__new__(cls)

    def __init__(self, spool: Spool, size: int, *, name: str | None, digest: str) -> None:
        assert spool.path is not None  # noqa: S101 - set by the first write
        self.name = name
        self.digest = digest
        self._path = spool.path
        self._size = size
        self._spool = spool
        self._saved = False
        self._moving = threading.Lock()
        """Held while the file is moved or read: threads may save it at the same time."""

    def __reduce__(self) -> NoReturn:
        # A copy that is garbage-collected would delete the temporary file of the original.
        refuse("a file on disk", "save() it and pass the path, or read() its bytes")

    @property
    def size(self) -> int:
        """Length in bytes."""
        return self._size

    @property
    def path(self) -> Path:
        """Path of the temporary file; after :meth:`save`, of the saved file."""
        return self._path

    def read(self) -> bytes:
        """Read the whole file into memory. Raises OSError."""
        with self._moving:
            return self._path.read_bytes()

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Move the temporary file, see :meth:`FileEvent.save`."""
        with self._moving:
            return self._copy(path) if self._saved else self._move(path)

    def _copy(self, path: str | os.PathLike[str]) -> Path:
        def copy(out: BinaryIO, _place: Path) -> None:
            with self._path.open("rb") as content:
                if not os.path.sameopenfile(content.fileno(), out.fileno()):
                    out.truncate(0)
                    shutil.copyfileobj(content, out)

        return saving.save(path, self.name, self.digest, copy)

    def _move(self, path: str | os.PathLike[str]) -> Path:
        source = self._path

        def move(out: BinaryIO, place: Path) -> None:
            with source.open("rb") as content:
                there = os.path.sameopenfile(content.fileno(), out.fileno())
                if not there and not saving.renamed(content, source, out, place):
                    out.truncate(0)
                    shutil.copyfileobj(content, out)

        self._path = saving.save(path, self.name, self.digest, move)
        self._saved = True
        self._spool.detach()
        # After a copy. Only now, because closing the new file may fail, too.
        with contextlib.suppress(FileNotFoundError):
            if not source.samefile(self._path):
                source.unlink()
        return self._path

    def close(self) -> None:
        """Delete the temporary file, unless it was saved."""
        self._spool.delete()


for _kind in (FileBytes, SpooledFile):
    # What users see of an event's type is the name that they import.
    _kind.__name__ = _kind.__qualname__ = FileEvent.__name__
    _kind.__module__ = FileEvent.__module__


def _file_in_memory(data: bytes, name: str | None, digest: str) -> FileEvent:
    return FileBytes(data, name=name, digest=digest)


def in_memory(file: FileEvent) -> FileBytes:
    """Return a file in memory. Blocks if it is on disk; raises OSError."""
    if isinstance(file, FileBytes):
        return file
    if not file.size:
        return FileBytes(b"", name=file.name, digest=file.digest)
    assert file.path is not None  # noqa: S101 - it is on disk
    # Mapped, because the bytes of read() would be copied once more.
    with file.path.open("rb") as content, mmap.mmap(content.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        return FileBytes(mapped, name=file.name, digest=file.digest)
