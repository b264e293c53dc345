"""Assemble uploads from their chunks, and refuse chunks as servers do."""

from collections.abc import Hashable
from typing import Generic, TypeVar

from pie_client._generated import models
from pie_client.testing._generated import texts
from pie_client.testing.faults.reactions import Refusal

C = TypeVar("C", models.AddProgramRequest, models.TransferFileRequest)


class RejectedChunk(Refusal):
    """A chunk that does not fit. Its upload is discarded."""


class Uploads(Generic[C]):
    """The incomplete uploads of one connection, either programs or files, each by a key that depends on the family.

    Args:
        max_bytes: Size of the largest upload.
        refuse_empty: Whether an upload of no chunks is refused, or else never complete.
    """

    def __init__(self, max_bytes: int, *, refuse_empty: bool) -> None:
        self._max_bytes = max_bytes
        self._refuse_empty = refuse_empty
        self._open: dict[Hashable, tuple[C, list[bytes]]] = {}

    def add(self, key: Hashable, chunk: C) -> tuple[C, bytes] | None:
        """Add a chunk. Return the first chunk and the content if the upload is complete. Raises RejectedChunk."""
        index, total = chunk.chunk_index, chunk.total_chunks
        if key not in self._open and index != 0:
            raise RejectedChunk(texts.FIRST_CHUNK_INDEX)
        first, parts = self._open.pop(key, (chunk, []))
        if total == 0 and self._refuse_empty and not parts:
            raise RejectedChunk(texts.UPLOAD_WITHOUT_CHUNKS)
        if total != first.total_chunks:
            raise RejectedChunk(texts.chunk_count_mismatch(expected=first.total_chunks, actual=total))
        if index != len(parts):
            raise RejectedChunk(texts.out_of_order_chunk(expected=len(parts), actual=index))
        parts.append(chunk.chunk_data)
        if sum(map(len, parts)) > self._max_bytes:
            raise RejectedChunk(texts.upload_too_large(mebibytes=self._max_bytes >> 20))
        if len(parts) != total:
            self._open[key] = first, parts
            return None
        return first, b"".join(parts)
