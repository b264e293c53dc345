"""Check paths that callers pass, and read regular files.

A path that can't name a file is a wrong argument, not a ValueError of the system call. Opening anything but a regular file
could block without end, and reading it could fill the memory.
"""

from __future__ import annotations

import os
import stat
from io import BufferedReader
from pathlib import Path
from typing import cast

from pie_client.errors import InvalidArgumentError

BLOCK_BYTES = 64 << 10
"""Bytes that are read at once."""


def path_text(path: object, what: str = "a path") -> str:
    """Return a path as text. Raises InvalidArgumentError, which names ``what``, unless it can be the name of a file."""
    text = os.fspath(cast("os.PathLike[str]", path)) if isinstance(path, (str, os.PathLike)) else None
    if not isinstance(text, str):
        raise InvalidArgumentError(f"{what} must be a str or a pathlib.Path, not {path!r:.60}")
    try:
        usable = b"\0" not in os.fsencode(text)
    except UnicodeEncodeError:
        usable = False
    if not usable:
        raise InvalidArgumentError(
            f"{what} must not contain a NUL or a lone surrogate: {text!r:.60}; pass another one"
        )
    return text


def as_path(path: object) -> Path:
    """Return a path with ``~`` expanded. Raises InvalidArgumentError as :func:`path_text`."""
    text = path_text(path)
    try:
        return Path(text).expanduser()
    except RuntimeError:  # unknown home directory: opening the path reports it
        return Path(text)


def open_regular(path: Path) -> BufferedReader:
    """Open a regular file for reading. Raises InvalidArgumentError for another kind of file, such as a named pipe; OSError."""
    file = open(path, "rb", opener=_open_nonblocking)  # noqa: SIM115 - the caller closes it
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise InvalidArgumentError(f"{path} is not a regular file; pass the path of one, or its content")
    return file


def read_regular(path: Path, limit: int) -> bytes:
    """Read a regular file of at most ``limit`` bytes. Raises InvalidArgumentError if it is larger, and as open_regular."""
    data = bytearray()
    with open_regular(path) as file:
        # Not at once: read() allocates as many bytes as it may return.
        while block := file.read(BLOCK_BYTES):
            data += block
            if len(data) > limit:
                raise InvalidArgumentError(
                    f"{path} has more than {limit} bytes; check that it is the right file"
                )
    return bytes(data)


def _open_nonblocking(name: str, flags: int) -> int:
    # Opening a named pipe would otherwise block until a writer opens it.
    return os.open(name, flags | getattr(os, "O_NONBLOCK", 0))
