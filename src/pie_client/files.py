"""Files that arrive: put together from chunks and verified."""

import os
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Self

from blake3 import blake3

from pie_client._generated.models import FileChunk

PIECE_OVERHEAD_BYTES = 100
"""What a chunk of an unfinished file is taken to cost beside its bytes."""
NAME_BYTES = 200
"""Longest name that a file is saved under: file systems take 255 bytes, and a number may be added."""
RESERVED_NAMES = {"CON", "PRN", "AUX", "NUL"} | {
    f"{port}{n}" for port in ("COM", "LPT") for n in "0123456789¹²³"
}
"""Names that mean a device on Windows, whatever their suffix."""


class File(bytes):
    """A file that a process sent: its bytes, with the name that the process gave it.

    ``name`` is None where the process gave none, always so with 0.3/0.4 servers; ``digest`` is the BLAKE3-256 of the
    bytes in hexadecimal, already verified.
    """

    name: str | None
    digest: str

    def __new__(cls, data: bytes, *, name: str | None = None, digest: str = "") -> Self:
        """Wrap the bytes of a file."""
        self = super().__new__(cls, data)
        self.name = name
        self.digest = digest or blake3(data).hexdigest()
        return self

    def __repr__(self) -> str:
        return f"File(name={self.name!r}, {len(self)} bytes)"

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
        text = os.fspath(path)
        place = Path(text)
        if not (place.is_dir() or text.endswith(("/", os.sep))):
            place.write_bytes(self)
            return place
        place.mkdir(parents=True, exist_ok=True)
        base = _bare_name(self.name) or self.digest[:16]
        stem, suffix = Path(base).stem, Path(base).suffix
        number = 0
        while True:
            candidate = place / (f"{stem}-{number}{suffix}" if number else base)
            try:
                with candidate.open("xb") as out:
                    out.write(self)
            except FileExistsError:
                number += 1
            else:
                return candidate


class Assembly:
    """A file of which some chunks have arrived."""

    def __init__(self, first: FileChunk) -> None:
        self._first = first
        self._parts: list[bytes] = []
        self._hash = blake3()
        self.size = len(first.file_hash) + len(first.name or "")
        """Bytes that it is taken to cost."""

    def add(self, chunk: FileChunk) -> File | None:
        """Take the next chunk; give the file when it was the last. Raises ValueError saying what is wrong with it."""
        total = self._first.total_chunks
        if chunk.total_chunks != total:
            raise ValueError(f"chunk counts {total} and {chunk.total_chunks} disagree")
        if chunk.chunk_index != len(self._parts):
            raise ValueError(
                f"chunk {chunk.chunk_index} came where chunk {len(self._parts)} of {total} was due"
            )
        if chunk.chunk_index >= total:
            raise ValueError(f"chunk {chunk.chunk_index} of a file of {total}")
        self._parts.append(chunk.chunk_data)
        self.size += PIECE_OVERHEAD_BYTES + len(chunk.chunk_data)
        self._hash.update(chunk.chunk_data)
        if len(self._parts) < total:
            return None
        if self._hash.hexdigest() != chunk.file_hash:
            raise ValueError("its bytes do not match its BLAKE3 digest")
        return File(b"".join(self._parts), name=self._first.name, digest=chunk.file_hash)


def _bare_name(name: str | None) -> str:
    """Drop folders, drives, control characters and what means a folder or device from a name that a server sent."""
    if not name:
        return ""
    bare = PureWindowsPath(PurePosixPath(name).name).name
    bare = "".join(c for c in bare if c.isprintable() and c not in '<>:"|?*').strip(" .")
    bare = bare.encode()[:NAME_BYTES].decode(errors="ignore").rstrip(" .")
    return f"_{bare}" if bare.partition(".")[0].rstrip().upper() in RESERVED_NAMES else bare
