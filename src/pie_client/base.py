"""What generated code stands on: the base of every model, and the shape of what is sent in chunks."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict


class WireModel(BaseModel):
    """A message, result or event of the protocol.

    Immutable and strict: a value of another type is an error, not converted. Fields that the schema does not know are
    ignored, so that a newer server can add some. A failed validation never shows the input, which may hold secrets.
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
    """One piece of something that is sent in pieces."""

    index: int
    """Place in the order, from 0."""
    total: int
    """Number of pieces, at least 1."""
    data: bytes
    digest: str
    """BLAKE3-256 of the whole, in lowercase hexadecimal."""


@runtime_checkable
class Content(Protocol):
    """Something that can be sent in chunks without being in memory as a whole."""

    @property
    def digest(self) -> str:
        """BLAKE3-256 of the whole, in lowercase hexadecimal."""
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
