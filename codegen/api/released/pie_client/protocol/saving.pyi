from __future__ import annotations
import contextlib
import itertools
import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import BinaryIO
from pie_client.errors import InvalidArgumentError
from pie_client.paths import as_path
MAX_NAME_BYTES = 200
RESERVED_NAMES = {'CON', 'PRN', 'AUX', 'NUL', 'CONIN$', 'CONOUT$'} | {f'{port}{n}' for port in ('COM', 'LPT') for n in '0123456789¹²³'}

def safe_name(name: str | None) -> str:
    ...

def save(path: str | os.PathLike[str], name: str | None, digest: str, write: Callable[[BinaryIO, Path], None]) -> Path:
    ...

def renamed(content: BinaryIO, source: Path, out: BinaryIO, place: Path) -> bool:
    ...
