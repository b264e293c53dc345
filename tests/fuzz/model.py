"""What readers of a session's processes must get, computed from the messages alone.

Slow and simple on purpose: lists of events, and files as lists of chunks. Nothing is dropped here, so the session must have
room for everything.
"""

from collections import deque
from dataclasses import dataclass, field
from typing import TypeAlias

from blake3 import blake3

from pie_client._generated.decoders import EventRecord, FileChunkRecord
from pie_client._generated.events import TERMINAL_KINDS, Event, ModelledEvent
from pie_client.protocol.codec import MalformedFrameError

Expected: TypeAlias = "Told | Lost | Transfer"
"""What a reader gets next."""


@dataclass
class Told:
    """An event."""

    event: tuple[Event, str] | ModelledEvent


@dataclass
class Lost:
    """An event that says what is lost."""

    digest: str | None


@dataclass(eq=False)
class Transfer:
    """A file whose chunks arrive."""

    digest: str
    total: int
    name: str | None
    chunks: list[bytes] = field(default_factory=list[bytes])
    on_disk: bool = False
    """Whether it goes to disk, so that it can be read only when it was written."""
    readable: bool = False

    @property
    def data(self) -> bytes:
        return b"".join(self.chunks)

    @property
    def complete(self) -> bool:
        return len(self.chunks) == self.total

    def add(self, chunk: FileChunkRecord) -> bool:
        """Add a chunk, and return whether it fits and the file is not corrupt."""
        if chunk.total_chunks != self.total or chunk.chunk_index != len(self.chunks) or self.complete:
            return False
        self.chunks.append(chunk.chunk_data)
        return len(self.chunks) < self.total or blake3(self.data).hexdigest() == self.digest


class Process:
    """What a reader of a process must get.

    Args:
        spool_above: Size above which a file goes to disk.
    """

    def __init__(self, spool_above: float) -> None:
        self.expected: deque[Expected] = deque()
        self.ended = False
        self.failed = False
        self._spool_above = spool_above
        self._arriving: dict[str, Transfer] = {}
        self._lost: set[str] = set()

    @property
    def receptive(self) -> bool:
        return not (self.ended or self.failed)

    def receive(self, record: EventRecord | FileChunkRecord) -> None:
        if not self.receptive:
            return
        if isinstance(record, FileChunkRecord):
            self._receive_chunk(record)
        elif isinstance(record.event, tuple) and record.event[0] in TERMINAL_KINDS:
            self.lose_arriving()
            self.expected.append(Told(record.event))
            self.ended = True
        else:
            self.expected.append(Told(record.event))

    def receive_malformed(self, error: MalformedFrameError) -> None:
        if not self.receptive:
            return
        if error.event in {kind.value for kind in TERMINAL_KINDS}:
            self._arriving.clear()
            self.failed = True
        else:
            self.expected.append(Lost(None))

    def lose_arriving(self) -> None:
        for digest in self._arriving:
            self.expected.append(Lost(digest))
            self._lost.add(digest)
        self._arriving.clear()

    def end_connection(self) -> None:
        """Fail, and forget the files that arrive: the failure stands for them."""
        if self.receptive:
            self._arriving.clear()
            self.failed = True

    def write_failed(self, transfer: Transfer) -> None:
        """Lose a file that could not be written."""
        if self._arriving.get(transfer.digest) is transfer:
            del self._arriving[transfer.digest]
            self._lost.add(transfer.digest)
            self.expected.append(Lost(transfer.digest))
        elif transfer in self.expected:
            self.expected[self.expected.index(transfer)] = Lost(transfer.digest)

    def newest(self, digest: str) -> Transfer | None:
        """Return the transfer that the last chunk of a digest belongs to."""
        if digest in self._arriving:
            return self._arriving[digest]
        found = [each for each in self.expected if isinstance(each, Transfer) and each.digest == digest]
        return found[-1] if found else None

    def next(self) -> "Expected | None":
        """Remove and return what the next read must give; None if it must give nothing."""
        if not self.expected:
            return None
        first = self.expected[0]
        if isinstance(first, Transfer) and not first.readable:
            return None
        return self.expected.popleft()

    def _receive_chunk(self, chunk: FileChunkRecord) -> None:
        digest = chunk.file_hash
        begins = chunk.chunk_index == 0
        if digest in self._lost and not begins:
            return
        self._lost.discard(digest)
        transfer = self._arriving.pop(digest, None)
        if transfer is not None and begins:
            self.expected.append(Lost(digest))
        if transfer is None or begins:
            transfer = Transfer(digest, chunk.total_chunks, chunk.name)
        if not transfer.add(chunk):
            self._lost.add(digest)
            self.expected.append(Lost(digest))
            return
        transfer.on_disk = transfer.on_disk or len(transfer.data) > self._spool_above
        if transfer.complete:
            transfer.readable = not transfer.on_disk
            self.expected.append(transfer)
        else:
            self._arriving[digest] = transfer
