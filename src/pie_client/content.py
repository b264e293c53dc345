"""Content that is sent in chunks."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable


@dataclass(frozen=True, slots=True)
class Chunk:
    """One chunk of an upload or of a file."""

    index: int
    """Position of the chunk, from 0."""
    total: int
    """Number of chunks, at least 1."""
    data: bytes
    """Its bytes; empty if they are passed separately."""
    digest: str
    """BLAKE3-256 digest of the whole content, in lowercase hexadecimal."""


@runtime_checkable
class Content(Protocol):
    """Content that can be sent in chunks without being in memory as a whole."""

    @property
    def digest(self) -> str:
        """BLAKE3-256 digest of the whole content, in lowercase hexadecimal."""
        ...

    @property
    def total_chunks(self) -> int:
        """Number of chunks, at least 1."""
        ...

    def __aiter__(self) -> AsyncIterator[bytes | memoryview]:
        """Yield the chunks in order. A memoryview must stay valid until the second chunk after it is asked for."""
        ...

    def sent(self, index: int) -> None:
        """Record that a chunk was sent.

        Args:
            index: Its position, from 0.
        """
        ...
