from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

@dataclass(frozen=True, slots=True)
class Chunk:
    index: int
    total: int
    data: bytes
    digest: str

@runtime_checkable
class Content(Protocol):

    @property
    def digest(self) -> str:
        ...

    @property
    def total_chunks(self) -> int:
        ...

    def __aiter__(self) -> AsyncIterator[bytes | memoryview]:
        ...

    def sent(self, index: int) -> None:
        ...
