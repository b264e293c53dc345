"""The classes that generated code is built on: the base of every model, and the interface of chunked content."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict


class WireModel(BaseModel):
    """Base class of the messages, results and events of the protocol.

    Models are immutable and strict: a value of the wrong type is an error, not converted. Unknown fields are ignored,
    so newer servers may add some. Validation errors never show the input, which may contain secrets.
    """

    model_config = ConfigDict(
        strict=True,
        frozen=True,
        extra="ignore",
        validate_by_name=True,
        validate_by_alias=True,
        serialize_by_alias=True,
        ser_json_bytes="base64",
        val_json_bytes="base64",
        hide_input_in_errors=True,
        protected_namespaces=(),
    )


@dataclass(frozen=True, slots=True)
class Chunk:
    """One chunk of an upload or of a file."""

    index: int
    """Position of the chunk, from 0."""
    total: int
    """Number of chunks, at least 1."""
    data: bytes
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

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield the chunks in order."""
        ...

    def sent(self, index: int) -> None:
        """Record that a chunk was sent."""
        ...
