"""Files that arrive: put together from chunks and verified."""

import math
import os
import shutil
import stat
import tempfile
import weakref
from collections.abc import Callable
from pathlib import Path, PurePosixPath, PureWindowsPath
from types import TracebackType
from typing import Self

from blake3 import blake3

from pie_client._generated.models import FileChunk

CHUNK_OVERHEAD_BYTES = 100
"""What a chunk of an unfinished file is taken to cost beside its bytes."""
MAX_NAME_BYTES = 200
"""Longest name that a file is saved under: file systems take 255 bytes, and a number may be added."""
RESERVED_NAMES = {"CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"} | {
    f"{port}{n}" for port in ("COM", "LPT") for n in "0123456789¹²³"
}
"""Names that mean a device on Windows, whatever their suffix."""


class FileEvent(bytes):
    """A file that a process sent: its bytes, with the name that the process gave it.

    ``name`` is None where the process gave none, always so with 0.3/0.4 servers; ``digest`` is the BLAKE3-256 of the
    bytes in hexadecimal, already verified.
    """

    __module__ = "pie_client"

    name: str | None
    digest: str

    def __new__(cls, data: bytes, *, name: str | None = None, digest: str = "") -> Self:
        """Wrap the bytes of a file."""
        self = super().__new__(cls, data)
        self.name = name
        self.digest = digest or blake3(data).hexdigest()
        return self

    def __repr__(self) -> str:
        return f"FileEvent(name={self.name!r}, {len(self)} bytes)"

    __str__ = __repr__

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the file and return where.

        Args:
            path: A file to write, or an existing folder (or a path that ends with a separator, whose folder is made):
                then the file's own name is used, without any folders in it, or its digest where it has none. An
                existing file in the folder is never replaced: a number is added.

        Raises:
            OSError: It can't be written.
        """

        def write(target: Path) -> None:
            target.write_bytes(self)

        return _save(path, self.name, self.digest, write)


class PartialFile:
    """A file of which some chunks have arrived.

    Args:
        first: Its first chunk, which is not added yet.
        spool_above: Bytes above which what has arrived belongs on disk.
    """

    def __init__(self, first: FileChunk, spool_above: float = math.inf) -> None:
        self._first = first
        self._spool_above = spool_above
        self._parts: list[bytes] = []
        self._count = 0
        self._bytes = 0
        self._hash = blake3()
        self.spool: Spool | None = None
        """Where it is on disk, once it is."""
        self.size = len(first.file_hash) + len(first.name or "")
        """Bytes of memory that it is taken to cost."""

    def add(self, chunk: FileChunk) -> bool:
        """Take the next chunk and tell whether it was the last. Raises ValueError saying what is wrong with it."""
        total = self._first.total_chunks
        if chunk.total_chunks != total:
            raise ValueError(f"chunk counts {total} and {chunk.total_chunks} disagree")
        if chunk.chunk_index != self._count:
            raise ValueError(f"chunk {chunk.chunk_index} came where chunk {self._count} of {total} was due")
        if chunk.chunk_index >= total:
            raise ValueError(f"chunk {chunk.chunk_index} of a file of {total}")
        self._parts.append(chunk.chunk_data)
        self._count += 1
        self._bytes += len(chunk.chunk_data)
        self.size += CHUNK_OVERHEAD_BYTES + len(chunk.chunk_data)
        self._hash.update(chunk.chunk_data)
        if self._count < total:
            return False
        if self._hash.hexdigest() != chunk.file_hash:
            raise ValueError("its bytes do not match its BLAKE3 digest")
        return True

    def take_parts_to_spool(self) -> list[bytes]:
        """Give the parts that belong on disk, and forget them."""
        if self._bytes <= self._spool_above:
            return []
        self.spool = self.spool or Spool()
        parts, self._parts = self._parts, []
        self.size -= sum(CHUNK_OVERHEAD_BYTES + len(part) for part in parts)
        return parts

    def discard(self) -> None:
        """Give up what has arrived."""
        if self.spool is not None:
            self.spool.delete()

    def finish(self) -> "FileEvent | SpooledFile":
        """Give the file when all of it is there, and written where it belongs on disk."""
        name, digest = self._first.name, self._first.file_hash
        if self.spool is not None:
            return SpooledFile(self.spool, self._bytes, name=name, digest=digest)
        parts, self._parts = self._parts, []
        data = b"".join(parts)
        del parts  # a large file is in memory twice for a moment, not three times
        return FileEvent(data, name=name, digest=digest)


class Spool:
    """A temporary file, which is made when it is first written to and deleted when nothing refers to it any more."""

    def __init__(self) -> None:
        self.path: Path | None = None
        self._deleted = False
        self._finalizer: weakref.finalize[[str], Spool] | None = None

    def append(self, parts: list[bytes]) -> None:
        """Write; raises OSError. Blocks."""
        if self.path is None:
            handle, name = tempfile.mkstemp(prefix="pie-client-")
            os.close(handle)
            self.path = Path(name)
            self._finalizer = weakref.finalize(self, _unlink, name)
        try:
            with self.path.open("ab") as out:
                out.writelines(parts)
        finally:
            if self._deleted:
                _unlink(str(self.path))  # what is written to after it was deleted exists again

    def delete(self) -> None:
        """Delete it now, or as soon as what is being written is there."""
        self._deleted = True
        if self._finalizer is not None:
            self._finalizer()

    def detach(self) -> None:
        """Delete it never: it has moved."""
        if self._finalizer is not None:
            self._finalizer.detach()


def _unlink(name: str) -> None:
    Path(name).unlink(missing_ok=True)


class SpooledFile:
    """A file that a process sent and that was too large to keep in memory: it is in a temporary file.

    That is deleted with this object, or by :meth:`close`, or at the end of a ``with`` block. Its bytes are verified.

    Attributes:
        path: The temporary file.
        size: Its length in bytes.
        name: The name that the process gave it, None where it gave none (always so with 0.3/0.4 servers).
        digest: BLAKE3-256 of the bytes in hexadecimal.
    """

    __module__ = "pie_client"

    def __init__(self, spool: Spool, size: int, *, name: str | None, digest: str) -> None:
        assert spool.path is not None  # noqa: S101 - it was written to
        self.path = spool.path
        self.size = size
        self.name = name
        self.digest = digest
        self._spool = spool
        self._saved = False

    def __repr__(self) -> str:
        return f"SpooledFile(name={self.name!r}, {self.size} bytes)"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def read(self) -> bytes:
        """Read all of it into memory. Raises OSError."""
        return self.path.read_bytes()

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Move the file to a place of its own, and copy it from there the next times; return where, as :meth:`FileEvent.save` does.

        Args:
            path: A file to write, or a folder: then the file's own name is used, and nothing in it is replaced.

        Raises:
            OSError: It can't be written.
        """

        def move(target: Path) -> None:
            target = target.resolve()
            if self._saved and target.exists() and target.samefile(self.path):
                return
            if self._saved:
                shutil.copyfile(self.path, target)
                return
            target.touch()
            mode = target.stat().st_mode  # what the user's files have: a temporary file has another
            shutil.move(self.path, target)
            target.chmod(stat.S_IMODE(mode))

        place = _save(path, self.name, self.digest, move)
        if not self._saved:
            self._spool.detach()
            self._saved = True
            self.path = place
        return place

    def close(self) -> None:
        """Delete the temporary file, unless it was saved."""
        self._spool.delete()


def _safe_name(name: str | None) -> str:
    """Drop folders, drives, control characters and what means a folder or device from a name that a server sent."""
    if not name:
        return ""
    bare = PureWindowsPath(PurePosixPath(name).name).name
    bare = "".join(c for c in bare if c.isprintable() and c not in '<>:"|?*').strip(" .")
    bare = bare.encode()[:MAX_NAME_BYTES].decode(errors="ignore").rstrip(" .")
    return f"_{bare}" if bare.partition(".")[0].rstrip().upper() in RESERVED_NAMES else bare


def _save(path: str | os.PathLike[str], name: str | None, digest: str, write: Callable[[Path], None]) -> Path:
    """Write to a file, or into a folder under a name that is free there."""
    text = os.fspath(path)
    place = Path(text).expanduser()
    if not (place.is_dir() or text.endswith(("/", os.sep))):
        write(place)
        return place
    place.mkdir(parents=True, exist_ok=True)
    base = _safe_name(name) or digest[:16]
    stem, suffix = Path(base).stem, Path(base).suffix
    number = 0
    while True:
        candidate = place / (f"{stem}-{number}{suffix}" if number else base)
        try:
            candidate.touch(exist_ok=False)
        except FileExistsError:
            number += 1
        else:
            try:
                write(candidate)
            except BaseException:
                candidate.unlink(missing_ok=True)
                raise
            return candidate
