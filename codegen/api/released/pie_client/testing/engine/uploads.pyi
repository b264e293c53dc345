from collections.abc import Hashable
from typing import Generic, TypeVar
from pie_client._generated import models
from pie_client.testing._generated import texts
from pie_client.testing.faults.reactions import Refusal
C = TypeVar('C', models.AddProgramRequest, models.TransferFileRequest)

class RejectedChunk(Refusal):
    ...

class Uploads(Generic[C]):

    def __init__(self, max_bytes: int, *, refuse_empty: bool) -> None:
        ...

    def add(self, key: Hashable, chunk: C) -> tuple[C, bytes] | None:
        ...
