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
from pie_client.copies import refuse
from pie_client.lazy import LazyModule
import blake3
from pie_client.protocol import saving
PARTIAL_FILE_BYTES = 2560
DISK_BYTES = 8 << 20
WRITE_BYTES = 2 << 20

class FileEvent:
    __module__ = 'pie_client'
    __slots__ = ()
    name: str | None
    digest: str

    def __new__(cls, data: bytes, name: str | None=None, *, digest: str='') -> FileEvent:
        ...

    def __repr__(self) -> str:
        ...
    __str__ = __repr__

    def __enter__(self) -> Self:
        ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        ...

    @property
    def size(self) -> int:
        ...

    @property
    def path(self) -> Path | None:
        ...

    def file_name(self, fallback: str='file.bin') -> str:
        ...

    def read(self) -> bytes:
        ...

    def save(self, path: str | os.PathLike[str]) -> Path:
        ...

    def close(self) -> None:
        ...

class FileBytes(bytes, FileEvent):
    name: str | None
    digest: str

    def __new__(cls, data: bytes | mmap.mmap, name: str | None=None, *, digest: str='') -> Self:
        ...
    __repr__ = __str__ = FileEvent.__repr__

    def __reduce__(self) -> tuple[Callable[..., FileEvent], tuple[bytes, str | None, str]]:
        ...

    @property
    def size(self) -> int:
        ...

    def read(self) -> bytes:
        ...

    def save(self, path: str | os.PathLike[str]) -> Path:
        ...
ReceivedFile = FileBytes

class Spooling:
    __slots__ = ('_above', 'limit', 'unread', 'unwritten', 'used')

    def __init__(self, above: float | None=math.inf, limit: float=math.inf) -> None:
        self.limit = ...
        self.unwritten = ...
        self.used = ...
        self.unread = ...

    def above(self, share: int) -> float:
        ...

class PartialFile:
    __slots__ = ...

    def __init__(self, first: FileChunkRecord, spooling: Spooling | None=None, share: int=0) -> None:
        self.digest = ...
        self.complete = ...
        self.size = ...
        self.spool = ...
        self.on_disk = ...

    def add(self, chunk: FileChunkRecord) -> None:
        ...

    def begin_write(self) -> bool:
        ...

    def take_batch(self) -> list[bytes]:
        ...

    def end_write(self, size: int) -> None:
        ...

    def discard(self) -> None:
        ...

    def finish(self) -> FileBytes | SpooledFile:
        ...

class Spool:

    def __init__(self) -> None:
        self.path = ...

    def append(self, parts: list[bytes]) -> None:
        ...

    def detach(self) -> None:
        ...

    def delete(self) -> None:
        ...

class SpooledFile(FileEvent):

    def __new__(cls, spool: Spool, size: int, *, name: str | None, digest: str) -> Self:
        ...

    def __init__(self) -> None:
        self.name = ...
        self.digest = ...

    def __reduce__(self) -> NoReturn:
        ...

    @property
    def size(self) -> int:
        ...

    @property
    def path(self) -> Path:
        ...

    def read(self) -> bytes:
        ...

    def save(self, path: str | os.PathLike[str]) -> Path:
        ...

    def close(self) -> None:
        ...

def in_memory(file: FileEvent) -> FileBytes:
    ...
