"""The table in which a server puts uploads together, and the rules by which it rejects them."""

from dataclasses import dataclass, field

from blake3 import blake3

from pie_client._generated import texts
from pie_client._generated.families import UPLOAD_BYTES, FamilyTraits


class RejectedChunk(Exception):  # noqa: N818 - its text is the server's reply
    """A chunk that does not fit; the upload it belongs to is forgotten."""


@dataclass(slots=True)
class Upload:
    """Something of which some chunks have arrived. The first chunk decides about ``manifest`` and ``force``."""

    total: int
    manifest: str = ""
    force: bool = False
    parts: list[bytes] = field(default_factory=list[bytes])

    @property
    def data(self) -> bytes:
        """What has arrived."""
        return b"".join(self.parts)


class Uploads:
    """The uploads of one connection, programs and files alike, by a key that holds the digest which the client declared."""

    def __init__(self, traits: FamilyTraits) -> None:
        self._traits = traits
        self._open: dict[str, Upload] = {}

    def add(
        self, key: str, index: int, total: int, data: bytes, *, manifest: str = "", force: bool = False
    ) -> Upload | None:
        """Take a chunk; give the upload when it is complete. Raises RejectedChunk."""
        upload = self._open.pop(key, None)
        if upload is None:
            if index != 0:
                raise RejectedChunk(texts.FIRST_CHUNK_INDEX)
            if total == 0 and self._traits.verifies_uploads:
                raise RejectedChunk(texts.UPLOAD_WITHOUT_CHUNKS)
            upload = Upload(total, manifest, force)
        if total != upload.total:
            raise RejectedChunk(texts.chunk_count_mismatch(expected=upload.total, actual=total))
        if index != len(upload.parts):
            raise RejectedChunk(texts.out_of_order_chunk(expected=len(upload.parts), actual=index))
        if sum(map(len, upload.parts)) + len(data) > UPLOAD_BYTES:
            raise RejectedChunk(texts.upload_too_large(mebibytes=UPLOAD_BYTES >> 20))
        upload.parts.append(data)
        if len(upload.parts) != upload.total:
            self._open[key] = upload
            return None
        return upload


def digest_of(data: bytes) -> str:
    """BLAKE3-256 in lowercase hexadecimal."""
    return blake3(data).hexdigest()
