import contextlib
import itertools
import os
import sys
import tempfile
import time
from asyncio import Future, get_running_loop
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable
from functools import partial
from io import BufferedReader
from typing import NamedTuple, Protocol, TypeAlias, TypeGuard
from blake3 import blake3
from pie_client._generated.families import CHUNK_BYTES
from pie_client.connection.deadline import Deadline
from pie_client.connection.options import check_function
from pie_client.connection.threads import in_thread, settle, start
from pie_client.content import Content
from pie_client.errors import InvalidArgumentError
from pie_client.paths import as_path, open_regular
INLINE_HASH_BYTES = 1 << 20
HASH_BYTES = 256 << 10
HASH_STEPS = 16
BLOCK_BYTES = 4 * CHUNK_BYTES
BLOCKS = 3
TICK_SECONDS = 2
SPOOL_BYTES = 8 << 20
Progress: TypeAlias = Callable[[int, int], None]
Source: TypeAlias = bytes | os.PathLike[str] | AsyncIterable[bytes]

class _File(Protocol):

    def readinto(self, buffer: bytearray, /) -> int:
        ...

    def seek(self, offset: int, /) -> int:
        ...

class _Reader(Protocol):

    def start(self, block: bytearray) -> Future[memoryview]:
        ...

    def is_changed(self) -> bool:
        ...

class _HashingReader:

    def __init__(self) -> None:
        ...

    def start(self, block: bytearray) -> Future[memoryview]:
        ...

    def is_changed(self) -> bool:
        ...

class _Stamp(NamedTuple):
    size: int
    modified: int
    changed: int

    @classmethod
    def of(cls, descriptor: int) -> '_Stamp':
        ...

    def is_settled(self) -> bool:
        ...

class _CachedReader:

    def __init__(self) -> None:
        ...

    def start(self, block: bytearray) -> Future[memoryview]:
        ...

    def is_changed(self) -> bool:
        ...

class _HashedContent:

    def __init__(self) -> None:
        ...

    @property
    def digest(self) -> str:
        ...

    @property
    def total_chunks(self) -> int:
        ...

    def sent(self, index: int) -> None:
        ...

class BytesContent(_HashedContent):

    def __init__(self) -> None:
        ...

    async def __aiter__(self) -> AsyncIterator[memoryview]:
        ...

class FileContent(_HashedContent):

    def __init__(self) -> None:
        ...

    async def __aiter__(self) -> AsyncGenerator[memoryview]:
        ...

async def as_content(content: bytes | Content, progress: Progress | None=None) -> Content:
    ...

@contextlib.asynccontextmanager
async def open_content(source: Source, progress: Progress | None, deadline: Deadline, *, replied: bool) -> AsyncGenerator[Content]:
    ...
