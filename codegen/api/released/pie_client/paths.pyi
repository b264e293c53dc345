from __future__ import annotations
import os
import stat
from io import BufferedReader
from pathlib import Path
from typing import cast
from pie_client.errors import InvalidArgumentError
BLOCK_BYTES = 64 << 10

def path_text(path: object, what: str='a path') -> str:
    ...

def as_path(path: object) -> Path:
    ...

def open_regular(path: Path) -> BufferedReader:
    ...

def read_regular(path: Path, limit: int) -> bytes:
    ...
