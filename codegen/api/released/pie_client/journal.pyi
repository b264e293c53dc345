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
MOST_INPUTS = 1 << 32
DIGEST_CHARACTERS = 32
FLAGS = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, 'O_NONBLOCK', 0) | getattr(os, 'O_BINARY', 0)
OTHER = 'pass another path, or delete the file to begin anew'
Answer: TypeAlias = tuple[str, str]
Line: TypeAlias = dict[str, object]

def digest_of(text: str) -> str:
    ...

@dataclass
class _Batch:
    written: asyncio.Future[None]
    lines: list[bytes] = field(default_factory=list[bytes])

class Journal:

    def __init__(self) -> None:
        ...

    def answer(self, index: int, digest: str) -> Answer | None:
        ...

    async def append(self, index: int, digest: str, process_id: str, returned: str) -> None:
        ...

    async def close(self) -> None:
        ...

def open_journal(path: Path, program: str) -> Journal:
    ...
