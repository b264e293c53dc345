"""Save received files: under names that servers choose, and in folders that other users may write to."""

from __future__ import annotations

import contextlib
import itertools
import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import BinaryIO

from pie_client.common.paths import as_path
from pie_client.errors import InvalidArgumentError

MAX_NAME_BYTES = 200
"""Longest file name used. File systems allow 255 bytes; the rest is for an added number."""
RESERVED_NAMES = {"CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"} | {
    f"{port}{n}" for port in ("COM", "LPT") for n in "0123456789¹²³"
}
"""Device names on Windows, with any suffix."""


def safe_name(name: str | None) -> str:
    """Return a name from a server without directories, drives, control characters and reserved names."""
    if not name:
        return ""
    # Both kinds of separators, whatever this system uses: the sender may run another one.
    bare = PureWindowsPath(PurePosixPath(name).name).name
    bare = "".join(c for c in bare if c.isprintable() and c not in '<>:"|?*').rstrip(" .")
    bare = bare.lstrip(" .-")  # neither hidden nor an option of commands
    # Cut in bytes, which file systems count; a character cut in half is dropped.
    bare = bare.encode()[:MAX_NAME_BYTES].decode(errors="ignore").rstrip(" .")
    return f"_{bare}" if bare.partition(".")[0].rstrip().upper() in RESERVED_NAMES else bare


def save(
    path: str | os.PathLike[str], name: str | None, digest: str, write: Callable[[BinaryIO, Path], None]
) -> Path:
    """Write to a file, or to a folder under an unused name.

    Args:
        path: Path of the file or folder.
        name: Name of the file in a folder.
        digest: Used if there is no name.
        write: Called with the open file and its path. It may replace the file at that path. If it fails, a file that
            was created for it is deleted.
    """
    place = as_path(path)
    if not (place.is_dir() or os.fspath(path).endswith(("/", os.sep))):
        # Writing to a pipe could block without end, and moving a file to the path of a device replaces the device.
        if place.exists() and not place.is_file():
            raise InvalidArgumentError(f"{place} is not a regular file; pass the path of a file or folder")
        target = Path(os.path.realpath(place))  # writing follows links; replacing the file would not
        try:
            _create(target, write)
        except FileExistsError:
            with target.open("ab") as out:
                write(out, target)
        return place
    place.mkdir(parents=True, exist_ok=True)
    base = safe_name(name) or digest[:16]
    stem, suffix = Path(base).stem, Path(base).suffix
    for number in itertools.count():
        candidate = place / (f"{stem}-{number}{suffix}" if number else base)
        # Only a new file is opened: concurrent saves and symbolic links can't make it overwrite another one.
        try:
            _create(candidate, write)
        except FileExistsError:
            continue
        return candidate
    raise AssertionError("itertools.count() is infinite")


def _create(place: Path, write: Callable[[BinaryIO, Path], None]) -> None:
    """Create a file and write to it. If that fails, the new file is deleted, but nothing that has replaced it by now."""
    with contextlib.ExitStack() as failed:
        with place.open("xb") as out:
            failed.callback(_unlink_same, place, os.fstat(out.fileno()))
            write(out, place)
        failed.pop_all()


def _unlink_same(place: Path, file: os.stat_result) -> None:
    with contextlib.suppress(OSError):
        if os.path.samestat(file, place.lstat()):
            place.unlink()


def renamed(content: BinaryIO, source: Path, out: BinaryIO, place: Path) -> bool:
    """Rename a temporary file, unless the new place is on another file system. Its permissions become those of ``out``."""
    permissions = stat.S_IMODE(
        os.fstat(out.fileno()).st_mode
    )  # those of a new file: temporary ones are private
    try:
        source.replace(place)
    except OSError:  # on Windows, also because they are open
        return False
    if sys.platform != "win32":  # where no open file is replaced
        # Not by name, which may lead elsewhere by now.
        os.fchmod(content.fileno(), permissions)
    return True
