"""The unread events of one process.

The session adds events and file chunks; a :class:`~pie_client.process.Process` pops events. A mailbox assembles files,
counts the bytes that it buffers and records how the process ended. It wakes listeners but never waits itself.
"""

import math
import weakref
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from pie_client._generated.decoders import FileChunkRecord
from pie_client._generated.events import TERMINAL, ModelledEvent, TerminalEvent, UnknownEvent
from pie_client.errors import PieError
from pie_client.protocol.files import FileEvent, PartialFile, SpooledFile

LOST_FILES = 64
"""Lost files remembered per process, so that each is reported once however many of its chunks follow."""
EVENT_OVERHEAD_BYTES = 100
"""Assumed memory of a buffered event beyond its value: without it, empty events would be free."""


@dataclass(frozen=True, slots=True)
class CorruptEvent:
    """A corrupt file or a malformed event of this process. The process keeps running."""

    __module__ = "pie_client"

    value: str


ProcessEvent: TypeAlias = ModelledEvent | FileEvent | SpooledFile | CorruptEvent
"""Everything that iterating over a process yields; a ``match`` over it can be exhaustive."""


@dataclass(frozen=True, slots=True)
class PendingWrite:
    """File chunks to write to disk before the next frame is received.

    ``write`` blocks and raises OSError. Call ``written`` or ``failed`` afterwards, in the event loop.
    """

    write: Callable[[], None]
    written: Callable[[], None]
    failed: Callable[[OSError], None]


@dataclass(slots=True)
class ByteCounter:
    """Total of the bytes buffered by several mailboxes."""

    total: int = 0


class Mailbox:
    """The unread events of one process, in order, and how the process ended.

    Attributes:
        size: Buffered bytes, also part of the shared counter's total.
        terminal: The terminal event once it has arrived, read or not.
        failure: Makes the error for a reader who finds no event left; None while events may still arrive.
        detached: Keep buffering without listeners, for a later attach.
    """

    def __init__(self, process_id: str, counter: ByteCounter, spool_above: float = math.inf) -> None:
        self.process_id = process_id
        self.size = 0
        self.terminal: TerminalEvent | None = None
        self.failure: Callable[[], PieError] | None = None
        self.detached = False
        self._spool_above = spool_above
        self._listeners: list[weakref.WeakMethod[Callable[[], None]]] = []
        self._counter = counter
        self._events: deque[tuple[ProcessEvent, int]] = deque()
        self._partial_files: dict[str, PartialFile] = {}
        self._lost_files: dict[str, None] = {}
        """Digests of lost files, oldest first; their further chunks are ignored."""

    def add_listener(self, method: Callable[[], None]) -> None:
        """Call a bound method after every change that a reader may wait for."""
        # Weak, because the mailbox is released by the finalizer of the handle that listens.
        self._listeners.append(weakref.WeakMethod(method))
        self.detached = False

    def remove_listener(self, method: Callable[[], None]) -> None:
        """Stop calling a bound method."""
        self._listeners.remove(weakref.WeakMethod(method))

    @property
    def has_listeners(self) -> bool:
        """Whether a handle of the process still exists."""
        # Handles that were garbage-collected leave dead references behind.
        self._listeners = [listener for listener in self._listeners if listener() is not None]
        return bool(self._listeners)

    @property
    def backlog(self) -> int:
        """Number of unread events and partial files."""
        return len(self._events) + len(self._partial_files)

    @property
    def has_partial_files(self) -> bool:
        """Whether a file is arriving."""
        return bool(self._partial_files)

    def count_in(self, counter: ByteCounter) -> None:
        """Move the buffered bytes to another counter."""
        self._counter.total -= self.size
        self._counter = counter
        counter.total += self.size

    def put(self, event: ProcessEvent) -> None:
        """Append an event. Events after the terminal one violate the protocol and are dropped."""
        if self.terminal is not None or self.failure is not None:
            return
        if isinstance(event, TERMINAL):
            # Lost files are reported first: readers stop at the terminal event.
            for digest in self._discard_partial_files():
                self._append(_lost_file_event(digest, "the process ended before its last chunk"))
            self.terminal = event
        self._append(event)
        self._notify_listeners()

    def add_chunk(self, chunk: FileChunkRecord) -> PendingWrite | None:
        """Add a chunk of a file; the complete file, or the reason why it is lost, becomes an event.

        Returns:
            A write that has to happen first if the file goes to disk, else None.
        """
        if self.terminal is not None or self.failure is not None:
            return None
        # Chunks carry no transfer id, only the digest: chunk 0 starts the file again, lost or not.
        digest, restarts = chunk.file_hash, chunk.chunk_index == 0
        if digest in self._lost_files:
            if not restarts:
                return None
            del self._lost_files[digest]
        # Removed while it changes: its size counts again when it is put back below.
        partial = self._remove_partial_file(digest)
        if partial is not None and restarts:
            partial.discard()
            self.put(_lost_file_event(digest, "it was restarted before its last chunk"))
            partial = None
        partial = partial or PartialFile(chunk, self._spool_above)
        try:
            complete = partial.add(chunk)
        except ValueError as error:
            partial.discard()
            self._lose_file(digest, str(error))
            return None
        parts = partial.take_parts_to_spool()
        if complete and not parts:
            self.put(partial.finish())
            return None
        self._partial_files[digest] = partial
        self._count(partial.size)
        return self._pending_write(digest, partial, parts, complete=complete) if parts else None

    def pop(self) -> ProcessEvent | None:
        """Remove and return the oldest unread event, or None if there is none."""
        if not self._events:
            return None
        event, size = self._events.popleft()
        self._count(-size)
        return event

    def put_back(self, event: ProcessEvent) -> None:
        """Return a popped event to the front: the read was cancelled."""
        size = _buffered_size(event)
        self._events.appendleft((event, size))
        self._count(size)
        self._notify_listeners()

    def fail(self, failure: Callable[[], PieError]) -> None:
        """End the mailbox without a terminal event. Unread events stay readable; then readers raise ``failure()``."""
        # A finished process keeps its result, and the first failure is the cause of later ones.
        if self.terminal is None and self.failure is None:
            self._discard_partial_files()
            self.failure = failure
        self._notify_listeners()

    def fail_and_discard(self, failure: Callable[[], PieError]) -> None:
        """Discard unread events and raise ``failure()`` in readers, even if the process has ended: the loss must show."""
        self.failure = failure
        self.discard()

    def discard(self) -> None:
        """Discard all unread events and partial files."""
        self._events.clear()
        self._discard_partial_files()
        self._count(-self.size)
        self._notify_listeners()

    def _pending_write(
        self, digest: str, partial: PartialFile, parts: list[bytes], *, complete: bool
    ) -> PendingWrite:
        spool = partial.spool
        assert spool is not None  # noqa: S101 - parts are only taken with a spool

        def still_wanted() -> bool:
            # The mailbox may have been discarded, or the file restarted, while the write ran in a thread.
            if self._partial_files.get(digest) is not partial:
                return False
            self._remove_partial_file(digest)
            return True

        def written() -> None:
            if complete and still_wanted():
                self.put(partial.finish())

        def failed(error: OSError) -> None:
            partial.discard()
            if still_wanted():
                self._lose_file(digest, f"it can't be written to disk ({error.strerror or error})")

        return PendingWrite(lambda: spool.append(parts), written, failed)

    def _remove_partial_file(self, digest: str) -> PartialFile | None:
        partial = self._partial_files.pop(digest, None)
        if partial is not None:
            self._count(-partial.size)
        return partial

    def _lose_file(self, digest: str, reason: str) -> None:
        # Bounded: beyond it, chunks of a forgotten lost file report it again.
        self._lost_files[digest] = None
        if len(self._lost_files) > LOST_FILES:
            del self._lost_files[next(iter(self._lost_files))]
        self.put(_lost_file_event(digest, reason))

    def _discard_partial_files(self) -> list[str]:
        digests = list(self._partial_files)
        for digest in digests:
            if (partial := self._remove_partial_file(digest)) is not None:
                partial.discard()
        return digests

    def _append(self, event: ProcessEvent) -> None:
        size = _buffered_size(event)
        self._events.append((event, size))
        self._count(size)

    def _notify_listeners(self) -> None:
        for listener in self._listeners:
            if (method := listener()) is not None:
                method()

    def _count(self, size: int) -> None:
        # Invariant: the counter's total is the sum of the sizes of the mailboxes that count in it.
        self.size += size
        self._counter.total += size


def _buffered_size(event: ProcessEvent) -> int:
    if isinstance(event, SpooledFile):
        return EVENT_OVERHEAD_BYTES + len(event.name or "")
    if isinstance(event, FileEvent):
        return EVENT_OVERHEAD_BYTES + len(event.name or "") + len(event)
    kind = event.event if isinstance(event, UnknownEvent) else ""
    return EVENT_OVERHEAD_BYTES + len(kind) + len(event.value or "")


def _lost_file_event(digest: str, reason: str) -> CorruptEvent:
    # The digest comes from the server: shorten it and keep it printable.
    shown = "".join(c for c in digest[:64] if c.isalnum())
    return CorruptEvent(f"file {shown} is lost: {reason}; ask the process to send it again")
