"""What arrived from one process and was not read yet."""

import math
import weakref
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from pie_client._generated.events import TERMINAL, ModelledEvent, TerminalEvent, UnknownEvent
from pie_client._generated.models import FileChunk
from pie_client.errors import PieError
from pie_client.protocol.files import FileEvent, PartialFile, SpooledFile

LOST_FILES = 64
"""Lost files of a process that are remembered, so that each is told once."""
EVENT_OVERHEAD_BYTES = 100
"""What a buffered event is taken to cost beside what it carries."""


@dataclass(frozen=True, slots=True)
class CorruptEvent:
    """Something of this process arrived that can't be used: a corrupt file or a malformed event. The process goes on."""

    __module__ = "pie_client"

    value: str


ProcessEvent: TypeAlias = ModelledEvent | FileEvent | SpooledFile | CorruptEvent
"""What a process can send: match it exhaustively."""


@dataclass(frozen=True, slots=True)
class PendingWrite:
    """Bytes of a file that have to be written to disk before anything else is received.

    ``write`` blocks and raises OSError; then ``written`` or ``failed`` has to be called.
    """

    write: Callable[[], None]
    written: Callable[[], None]
    failed: Callable[[OSError], None]


@dataclass(slots=True)
class ByteCounter:
    """Bytes that are buffered, all mailboxes together."""

    total: int = 0


class Mailbox:
    """The unread events of one process, in order, and how it ended."""

    def __init__(self, process_id: str, counter: ByteCounter, spool_above: float = math.inf) -> None:
        self._spool_above = spool_above
        self.process_id = process_id
        self.size = 0
        self.terminal: TerminalEvent | None = None
        self.failure: Callable[[], PieError] | None = None
        self.detached = False
        """It is kept for the next who listens, although nobody does."""
        self._listeners: list[weakref.WeakMethod[Callable[[], None]]] = []
        self._counter = counter
        self._events: deque[tuple[ProcessEvent, int]] = deque()
        self._partial_files: dict[str, PartialFile] = {}
        self._lost_files: dict[str, None] = {}
        """Digests of files whose further chunks are passed over, oldest first."""

    def add_listener(self, method: Callable[[], None]) -> None:
        """Call a bound method after every change that a reader waits for.

        It is referred to weakly: a mailbox must not keep alive the handle whose end gives it up.
        """
        self._listeners.append(weakref.WeakMethod(method))
        self.detached = False

    def remove_listener(self, method: Callable[[], None]) -> None:
        """Call a method no more."""
        self._listeners.remove(weakref.WeakMethod(method))

    @property
    def has_listeners(self) -> bool:
        """Somebody listens."""
        self._listeners = [listener for listener in self._listeners if listener() is not None]
        return bool(self._listeners)

    @property
    def backlog(self) -> int:
        """Number of unread events, a file that is on its way counting as one."""
        return len(self._events) + len(self._partial_files)

    @property
    def has_partial_files(self) -> bool:
        """Some file is on its way."""
        return bool(self._partial_files)

    def count_in(self, counter: ByteCounter) -> None:
        """Count what is unread in another budget from now on."""
        self._counter.total -= self.size
        self._counter = counter
        counter.total += self.size

    def put(self, event: ProcessEvent) -> None:
        """Take an event. Whatever follows the terminal one is dropped: the protocol allows nothing there."""
        if self.terminal is not None or self.failure is not None:
            return
        if isinstance(event, TERMINAL):
            for digest in self._discard_partial_files():
                self._append(_lost_file_event(digest, "the process ended before its last chunk"))
            self.terminal = event
        self._append(event)
        self._notify_listeners()

    def add_chunk(self, chunk: FileChunk) -> PendingWrite | None:
        """Take a chunk of a file; the file, or once why it is broken, becomes an event. Chunk 0 always begins anew.

        A file that belongs on disk becomes one only after what is given here was written.
        """
        if self.terminal is not None or self.failure is not None:
            return None
        digest, begins = chunk.file_hash, chunk.chunk_index == 0
        if digest in self._lost_files:
            if not begins:
                return None
            del self._lost_files[digest]
        partial = self._partial_files.pop(digest, None)
        if partial is not None:
            self._count(-partial.size)
            if begins:
                partial.discard()
                self.put(_lost_file_event(digest, "it began again before its last chunk"))
                partial = None
        partial = partial or PartialFile(chunk, self._spool_above)
        try:
            complete = partial.add(chunk)
        except ValueError as error:
            partial.discard()
            self._put_lost_file(digest, str(error))
            return None
        take_parts_to_spool = partial.take_parts_to_spool()
        if complete and not take_parts_to_spool:
            self.put(partial.finish())
            return None
        self._partial_files[digest] = partial
        self._count(partial.size)
        return (
            self._pending_write(digest, partial, take_parts_to_spool, complete=complete)
            if take_parts_to_spool
            else None
        )

    def _pending_write(
        self, digest: str, partial: PartialFile, parts: list[bytes], *, complete: bool
    ) -> PendingWrite:
        spool = partial.spool
        assert spool is not None  # noqa: S101 - there is an excess

        def withdraw() -> bool:
            """Take the file back, unless it was given up meanwhile."""
            if self._partial_files.get(digest) is not partial:
                return False
            del self._partial_files[digest]
            self._count(-partial.size)
            return True

        def written() -> None:
            if complete and withdraw():
                self.put(partial.finish())

        def failed(error: OSError) -> None:
            partial.discard()
            if withdraw():
                self._put_lost_file(digest, f"it can't be kept on disk ({error.strerror or error})")

        return PendingWrite(lambda: spool.append(parts), written, failed)

    def _put_lost_file(self, digest: str, reason: str) -> None:
        self._lost_files[digest] = None
        if len(self._lost_files) > LOST_FILES:
            del self._lost_files[next(iter(self._lost_files))]
        self.put(_lost_file_event(digest, reason))

    def pop(self) -> ProcessEvent | None:
        """Give the oldest unread event, None where there is none."""
        if not self._events:
            return None
        event, size = self._events.popleft()
        self._count(-size)
        return event

    def put_back(self, event: ProcessEvent) -> None:
        """Put an event that was taken back to the front."""
        self._events.appendleft((event, _buffered_size(event)))
        self._count(_buffered_size(event))
        self._notify_listeners()

    def fail(self, failure: Callable[[], PieError]) -> None:
        """End it without a terminal event; ``failure`` makes the error for each reader. What is unread stays readable."""
        if self.terminal is None and self.failure is None:
            self._discard_partial_files()
            self.failure = failure
        self._notify_listeners()

    def fail_and_discard(self, failure: Callable[[], PieError]) -> None:
        """Drop what is unread, also of a process that has ended, and tell so whoever reads on."""
        self.failure = failure
        self.discard()

    def discard(self) -> None:
        """Give up what is unread."""
        self._events.clear()
        self._discard_partial_files()
        self._count(-self.size)
        self._notify_listeners()

    def _notify_listeners(self) -> None:
        for listener in self._listeners:
            if (method := listener()) is not None:
                method()

    def _append(self, event: ProcessEvent) -> None:
        size = _buffered_size(event)
        self._events.append((event, size))
        self._count(size)

    def _discard_partial_files(self) -> list[str]:
        files, self._partial_files = self._partial_files, {}
        for partial in files.values():
            partial.discard()
            self._count(-partial.size)
        return list(files)

    def _count(self, size: int) -> None:
        self.size += size
        self._counter.total += size


def _buffered_size(event: ProcessEvent) -> int:
    if isinstance(event, SpooledFile):
        return EVENT_OVERHEAD_BYTES + len(event.name or "")
    content = event if isinstance(event, FileEvent) else event.value
    label = (
        event.event if isinstance(event, UnknownEvent) else event.name if isinstance(event, FileEvent) else ""
    )
    return EVENT_OVERHEAD_BYTES + len(label or "") + len(content or "")


def _lost_file_event(digest: str, reason: str) -> CorruptEvent:
    shown = "".join(c for c in digest[:64] if c.isalnum())
    return CorruptEvent(f"file {shown} is lost: {reason}; ask the process to send it again")
