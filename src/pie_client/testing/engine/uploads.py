"""Assemble uploads from their chunks, and refuse chunks as servers do."""

from collections.abc import Hashable
from dataclasses import dataclass, field

from blake3 import blake3

from pie_client._generated import models
from pie_client.testing._generated import texts
from pie_client.testing._generated.servers import ServerTraits
from pie_client.testing.faults.reactions import Refusal


class RejectedChunk(Refusal):
    """A chunk that does not fit. Its upload is discarded."""


@dataclass(slots=True)
class Upload:
    """An upload of which some chunks have arrived. Its manifest and ``force`` are those of the first chunk."""

    total: int
    manifest: str = ""
    force: bool = False
    parts: list[bytes] = field(default_factory=list[bytes])
    size: int = 0
    _digest: blake3 = field(default_factory=blake3)

    @property
    def digest(self) -> str:
        """BLAKE3-256 of what has arrived, in lowercase hexadecimal."""
        return self._digest.hexdigest()

    def append(self, data: bytes) -> None:
        """Add the next chunk."""
        self.parts.append(data)
        self.size += len(data)
        self._digest.update(data)

    def take(self) -> bytes:
        """Return the whole content and release it."""
        data = self.parts[0] if len(self.parts) == 1 else b"".join(self.parts)
        self.parts.clear()
        return data


class Uploads:
    """The incomplete uploads of one connection, programs and files, each by a key that depends on the family."""

    def __init__(self, traits: ServerTraits, max_bytes: int) -> None:
        self._traits = traits
        self._max_bytes = max_bytes
        self._open: dict[Hashable, Upload] = {}

    def add(
        self, key: Hashable, chunk: models.AddProgramRequest | models.TransferFileRequest
    ) -> Upload | None:
        """Add a chunk. Return the upload if it is complete, else None. Raises RejectedChunk."""
        index, total = chunk.chunk_index, chunk.total_chunks
        upload = self._open.pop(key, None)
        if upload is None:
            if index != 0:
                raise RejectedChunk(texts.FIRST_CHUNK_INDEX)
            if total == 0 and self._traits.verifies_uploads:
                raise RejectedChunk(texts.UPLOAD_WITHOUT_CHUNKS)
            upload = Upload(total)
            if isinstance(chunk, models.AddProgramRequest):
                upload.manifest, upload.force = chunk.manifest, chunk.force_overwrite
        if total != upload.total:
            raise RejectedChunk(texts.chunk_count_mismatch(expected=upload.total, actual=total))
        if index != len(upload.parts):
            raise RejectedChunk(texts.out_of_order_chunk(expected=len(upload.parts), actual=index))
        if upload.size + len(chunk.chunk_data) > self._max_bytes:
            raise RejectedChunk(texts.upload_too_large(mebibytes=self._max_bytes >> 20))
        upload.append(chunk.chunk_data)
        if len(upload.parts) != upload.total:
            self._open[key] = upload
            return None
        return upload
