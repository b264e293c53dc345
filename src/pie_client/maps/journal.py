"""Keep the answers of a map in a file, so that a map that was killed goes on where it was.

A journal has a line of JSON for its program, then one for each answered input, in the order of the answers. Lines are
appended and synchronized with the disk before their results are handed out: all that wait meanwhile, with one ``fsync``.
"""

from __future__ import annotations

import asyncio
import json
import os
import stat
import sys
from array import array
from dataclasses import dataclass, field
from io import BufferedReader
from pathlib import Path
from typing import Final, TypeAlias, cast

from blake3 import blake3

from pie_client.connection.threads import in_thread, settle
from pie_client.errors import InvalidArgumentError

FORMAT = 1
"""Number of the format, in the first line."""
MOST_INPUTS = 1 << 32
"""Indexes from here on are damage: their places would not fit into memory."""
DIGEST_CHARACTERS = 32
"""Characters of the BLAKE3 digest of an input: 128 bits."""
FLAGS = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
"""Without O_NONBLOCK, opening a named pipe could block."""
OTHER = "pass another path, or delete the file to begin anew"

Answer: TypeAlias = tuple[str, str]
"""The id of a process and what it returned."""
Line: TypeAlias = dict[str, object]


def digest_of(text: str) -> str:
    """Return the digest of an input's JSON text."""
    return blake3(text.encode()).hexdigest()[:DIGEST_CHARACTERS]


@dataclass
class _Batch:
    """Lines that are written together."""

    written: asyncio.Future[None]
    lines: list[bytes] = field(default_factory=list[bytes])


class Journal:
    """An open journal. :func:`open_journal` returns one."""

    def __init__(self, path: Path, file: int, reader: BufferedReader, places: array[int]) -> None:
        self._path = path
        self._file: Final = file
        self._reader = reader
        self._places = places
        """Position of the line of each input, or -1."""
        self._batch: _Batch | None = None
        """Lines that are written next."""
        self._writing: asyncio.Task[None] | None = None
        self._failure: OSError | None = None
        """Why nothing more is written: it might follow a part of a line."""

    def answer(self, index: int, digest: str) -> Answer | None:
        """Return the answer to an input, or None if there is none.

        Raises:
            InvalidArgumentError: The journal has the answer to another input at this place.
        """
        place = self._places[index] if index < len(self._places) else -1
        if place < 0:
            return None
        self._reader.seek(place)
        line = cast("dict[str, str]", json.loads(self._reader.readline()))
        if line["input"] != digest:
            raise InvalidArgumentError(
                f"journal {self._path} is of other inputs: input {index} differs; pass the same inputs, or {OTHER}"
            )
        return line["process"], line["returned"]

    async def append(self, index: int, digest: str, process_id: str, returned: str) -> None:
        """Write an answer, and wait until it is on the disk. Raises OSError."""
        if self._batch is None:
            self._batch = _Batch(asyncio.get_running_loop().create_future())
        batch = self._batch
        batch.lines.append(
            _line({"index": index, "input": digest, "process": process_id, "returned": returned})
        )
        if self._writing is None:
            self._writing = asyncio.create_task(self._write_batches(), name="pie-client journal")
        await asyncio.shield(batch.written)

    async def close(self) -> None:
        """Close the file, after what is being written."""
        try:
            while self._writing is not None:
                await settle(self._writing)
        finally:
            self._reader.close()
            os.close(self._file)

    async def _write_batches(self) -> None:
        try:
            while (batch := self._batch) is not None:
                self._batch = None
                try:
                    if self._failure is not None:
                        raise self._failure
                    await in_thread(_append, self._file, b"".join(batch.lines))
                except OSError as error:
                    error.filename = os.fspath(self._path)
                    self._failure = error
                    batch.written.set_exception(error)
                    batch.written.exception()  # those who wait may have been cancelled
                else:
                    batch.written.set_result(None)
        finally:
            self._writing = None


def open_journal(path: Path, program: str) -> Journal:
    """Open the journal of a program, or create it. Blocks.

    A last line that was not written completely is removed.

    Raises:
        InvalidArgumentError: The file is no journal, that of another program, damaged, or in use.
        OSError: The file can't be opened.
    """
    is_new = not path.exists()
    file = os.open(path, FLAGS, 0o666)
    try:
        _claim(path, file)
        reader = path.open("rb")
    except BaseException:
        os.close(file)
        raise
    try:
        places = array("q")
        end = _scan(path, reader, _header(program), places)
        if end < os.fstat(file).st_size:
            os.ftruncate(file, end)
            os.fsync(file)
        if not end:
            _append(file, _header(program))
        if is_new:
            _sync_folder(path.parent)
    except BaseException:
        reader.close()
        os.close(file)
        raise
    return Journal(path, file, reader, places)


def _scan(path: Path, reader: BufferedReader, header: bytes, places: array[int]) -> int:
    """Note the position of each answer, and return where the complete lines end."""
    end = reader.readline()
    if end != header:
        if header.startswith(end):  # empty, or not written completely
            return 0
        raise _other(path, end, header)
    position = len(header)
    for number, line in enumerate(reader, 2):
        index = _index_of(line)
        if index is None or (index < len(places) and places[index] >= 0):
            if any(map(_is_complete, reader)):
                raise InvalidArgumentError(f"journal {path} is damaged in line {number}; {OTHER}")
            break
        places.extend(array("q", [-1]) * (index + 1 - len(places)))
        places[index] = position
        position += len(line)
    return position


def _index_of(line: bytes) -> int | None:
    """Return the index of a line's input, or None if the line is not complete."""
    if not line.endswith(b"\n"):
        return None
    try:
        parsed = cast("object", json.loads(line))
    except ValueError:
        return None
    if not isinstance(parsed, dict):
        return None
    fields = cast("Line", parsed)
    index = fields.get("index")
    texts = all(isinstance(fields.get(name), str) for name in ("input", "process", "returned"))
    return index if isinstance(index, int) and 0 <= index < MOST_INPUTS and texts else None


def _is_complete(line: bytes) -> bool:
    return _index_of(line) is not None


def _other(path: Path, line: bytes, header: bytes) -> InvalidArgumentError:
    """Return the error for a file whose first line is that of another program, or of no journal."""
    wanted = cast("Line", json.loads(header))
    try:
        found = cast("object", json.loads(line))
    except ValueError:
        found = None
    if not isinstance(found, dict) or found.keys() != wanted.keys():
        return InvalidArgumentError(f"{path} is not a journal; pass another path")
    fields = cast("Line", found)
    if fields["journal"] != wanted["journal"]:
        return InvalidArgumentError(f"journal {path} has another format; use another release of pie-client")
    return InvalidArgumentError(
        f"journal {path} is of {fields['program']!r}, not of {wanted['program']!r}; {OTHER}"
    )


def _header(program: str) -> bytes:
    return _line({"journal": FORMAT, "program": program})


def _line(fields: Line) -> bytes:
    return json.dumps(fields, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n"


def _append(file: int, data: bytes) -> None:
    """Write data at the end of a file, and wait until it is on the disk."""
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]
    os.fsync(file)


def _sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk."""
    if sys.platform != "win32":  # where folders can't be opened
        opened = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)


def _claim(path: Path, file: int) -> None:
    """Lock a file until it is closed. Raises InvalidArgumentError if it is no file, or another map has locked it."""
    if not stat.S_ISREG(os.fstat(file).st_mode):
        raise InvalidArgumentError(f"journal {path} is not a regular file; pass another path")
    if sys.platform != "win32":
        import fcntl  # noqa: PLC0415 - not on Windows

        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InvalidArgumentError(
                f"journal {path} is in use by another map; wait for its end, or pass another path"
            ) from None
