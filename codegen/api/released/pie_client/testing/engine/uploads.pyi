from collections.abc import Hashable
from dataclasses import dataclass, field
from blake3 import blake3
from pie_client._generated import models
from pie_client.testing._generated import texts
from pie_client.testing._generated.servers import ServerTraits
from pie_client.testing.faults.reactions import Refusal

class RejectedChunk(Refusal):
    ...

@dataclass(slots=True)
class Upload:
    total: int
    manifest: str = ''
    force: bool = False
    parts: list[bytes] = field(default_factory=list[bytes])
    size: int = 0

    @property
    def digest(self) -> str:
        ...

    def append(self, data: bytes) -> None:
        ...

    def take(self) -> bytes:
        ...

class Uploads:

    def __init__(self) -> None:
        ...

    def add(self, key: Hashable, chunk: models.AddProgramRequest | models.TransferFileRequest) -> Upload | None:
        ...
