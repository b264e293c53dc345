"""The unread events of one process.

The session adds events and file chunks; a :class:`~pie_client.process.Process` pops events. A mailbox assembles files,
counts the bytes that it buffers and records how the process ended. It wakes waiters but never waits itself.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from pie_client._generated.decoders import FileChunkRecord
from pie_client._generated.events import TERMINAL_KINDS, Event, ModelledEvent, TextEvent, UnknownEvent
from pie_client.errors import PieError
from pie_client.protocol.files import FileBytes, FileEvent, PartialFile, Spooling

LOST_FILES = 64
"""Lost files remembered per process, so that each is reported once however many of its chunks follow."""
EVENT_OVERHEAD_BYTES = 100
"""Assumed memory of a buffered event beyond its value: without it, empty events would be free."""


@dataclass(frozen=True, slots=True)
class CorruptEvent(TextEvent):
    """A corrupt file or a malformed event of this process. The process keeps running.

    Attributes:
        value: What is lost, and why.
        digest: BLAKE3-256 of the lost file, in hexadecimal, as the server announced it; None for other events.
    """

    __module__ = "pie_client"

    digest: str | None = None


ProcessEvent: TypeAlias = ModelledEvent | FileEvent | CorruptEvent
"""Everything that iterating over a process yields; a ``match`` over it can be exhaustive."""

Named: TypeAlias = tuple[Event, str]
"""An event of a known kind: the pair that ``Process.recv()`` returns."""
Item: TypeAlias = Named | ProcessEvent
"""An unread event."""


class Waiter(Protocol):
    """Something to wake after a change; an ``asyncio.Future`` is one."""

    def done(self) -> bool:
        """Return whether it was woken or no longer waits."""
        ...

    def set_result(self, result: None, /) -> None:
        """Wake it."""
        ...


class _Waiters:
    """Several waiters as one."""

    __slots__ = ("all",)

    def __init__(self, *waiters: Waiter) -> None:
        self.all = list(waiters)

    def done(self) -> bool:
        return not self.all

    def set_result(self, result: None, /) -> None:
        for waiter in self.all:
            if not waiter.done():
                waiter.set_result(result)


class Ledger:
    """Total of the bytes buffered by several mailboxes."""

    __slots__ = ("total",)

    def __init__(self) -> None:
        self.total = 0


class Mailbox:
    """The unread events of one process, in order, and how the process ended.

    Args:
        ledger: Counts the buffered bytes, with those of other mailboxes.
        spooling: When received files go to disk. Default: never.

    Attributes:
        events: Unread events; None before the first. A complete file that is not yet on disk holds its place.
        receptive: Whether events may be added: the process has neither ended nor failed.
        terminal: The terminal event once it has arrived, read or not.
        failure: Makes the error for a reader who finds no event left; None while events may still arrive.
        waiter: What to wake after a change that a reader may wait for; None if nothing waits.
    """

    __slots__ = (
        "_lost_files",
        "_partial_files",
        "_spooling",
        "events",
        "failure",
        "ledger",
        "receptive",
        "terminal",
        "waiter",
    )

    # Most of ten thousand idle processes have no event yet: everything that can be made on first use is.
    def __init__(self, ledger: Ledger, spooling: Spooling | None = None) -> None:
        self.ledger = ledger
        self.events: deque[Item | PartialFile] | None = None
        self.receptive = True
        self.terminal: Named | None = None
        self.failure: Callable[[], PieError] | None = None
        self.waiter: Waiter | None = None
        self._spooling = spooling
        self._partial_files: dict[str, PartialFile] | None = None
        self._lost_files: dict[str, None] | None = None
        """Digests of lost files, oldest first; their further chunks are ignored."""

    @property
    def size(self) -> int:
        """Buffered bytes, computed anew: only limits ask, and rarely."""
        files = sum(partial.size for partial in (self._partial_files or {}).values())
        return files + sum(map(_buffered_size, self.events or ()))

    @property
    def backlog(self) -> int:
        """Number of unread events and partial files."""
        return len(self.events or ()) + len(self._partial_files or ())

    @property
    def has_partial_files(self) -> bool:
        """Whether a file is arriving."""
        return bool(self._partial_files)

    def count_in(self, ledger: Ledger) -> int:
        """Move the buffered bytes to another ledger, and return their number."""
        size = self.size
        self.ledger.total -= size
        self.ledger = ledger
        ledger.total += size
        return size

    def put(self, item: Item) -> None:
        """Append an event. Events after the terminal one violate the protocol and are dropped."""
        if not self.receptive:
            return
        if type(item) is tuple and item[0] in TERMINAL_KINDS:
            # Lost files are reported first: readers stop at the terminal event.
            for digest in self._discard_partial_files():
                self._append(_lost_file_event(digest, "the process ended before its last chunk"))
            self.terminal = item
            self.receptive = False
        self._append(item)
        self.wake()

    def add_chunk(self, chunk: FileChunkRecord) -> PartialFile | None:
        """Add a chunk of a file; the complete file, or the reason why it is lost, becomes an event.

        Returns:
            The file if some of it is to be written to disk now; pass it to :meth:`written` afterwards.
        """
        if not self.receptive:
            return None
        # Chunks carry no transfer id, only the digest: chunk 0 starts the file again, lost or not.
        digest, restarts = chunk.file_hash, chunk.chunk_index == 0
        if self._lost_files is not None and digest in self._lost_files:
            if not restarts:
                return None
            del self._lost_files[digest]
        # Removed while it changes: its size counts again when it is put back below.
        partial = self._remove_partial_file(digest)
        if partial is not None and restarts:
            partial.discard()
            self.put(_lost_file_event(digest, "it was restarted before its last chunk"))
            partial = None
        partial = partial or PartialFile(chunk, self._spooling)
        try:
            partial.add(chunk)
        except ValueError as error:
            partial.discard()
            self._lose_file(digest, str(error))
            return None
        if partial.complete and partial.spool is None:
            self.put(partial.finish())
            return None
        self.ledger.total += partial.size
        if partial.complete:
            # Later events stay behind it, although writing it to disk takes a while.
            self._append_uncounted(partial)
        else:
            if self._partial_files is None:
                self._partial_files = {}
            self._partial_files[digest] = partial
        return partial if partial.begin_write() else None

    def written(self, partial: PartialFile, size: int, reason: str = "") -> PartialFile | None:
        """Handle the end of a write of ``size`` bytes, and ``reason`` if it failed.

        Returns:
            The file if more of it is to be written now.
        """
        partial.end_write(size)
        if not self._holds(partial):
            return None  # the mailbox was discarded, or the file restarted, during the write
        if reason:
            partial.discard()
            if partial.complete:
                self._replace(partial, _lost_file_event(partial.digest, reason))
            else:
                self._remove_partial_file(partial.digest)
                self._lose_file(partial.digest, reason)
        elif partial.begin_write():
            return partial
        elif partial.complete:
            self._replace(partial, partial.finish())
        return None

    def pop(self) -> Item | None:
        """Remove and return the oldest unread event, or None if there is none."""
        if not self.events:
            return None
        item = self.events.popleft()
        if isinstance(item, PartialFile):
            self.events.appendleft(item)
            return None
        self.ledger.total -= _buffered_size(item)
        return item

    def put_back(self, item: Item) -> None:
        """Return a popped event to the front: the read was cancelled."""
        if self.events is None:
            self.events = deque()
        self.events.appendleft(item)
        self.ledger.total += _buffered_size(item)
        self.wake()

    def fail(self, failure: Callable[[], PieError]) -> None:
        """End the mailbox without a terminal event. Unread events stay readable; then readers raise ``failure()``."""
        # A finished process keeps its result, and the first failure is the cause of later ones.
        if self.receptive:
            self._discard_partial_files()
            self.failure = failure
            self.receptive = False
        self.wake()

    def fail_and_discard(self, failure: Callable[[], PieError]) -> None:
        """Discard unread events and raise ``failure()`` in readers, even if the process has ended: the loss must show."""
        self.failure = failure
        self.receptive = False
        self.discard()

    def discard(self) -> None:
        """Discard all unread events and partial files."""
        self.ledger.total -= self.size
        events, self.events = self.events, None
        partial_files, self._partial_files = self._partial_files, None
        for item in (*(events or ()), *(partial_files or {}).values()):
            if isinstance(item, PartialFile):
                item.discard()
        self.wake()

    def wake(self) -> None:
        """Wake everything that waits for a change."""
        waiter, self.waiter = self.waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def add_waiter(self, waiter: Waiter) -> None:
        """Wake ``waiter`` after the next change."""
        if self.waiter is None:
            self.waiter = waiter
        elif isinstance(self.waiter, _Waiters):
            self.waiter.all.append(waiter)
        else:
            self.waiter = _Waiters(self.waiter, waiter)

    def remove_waiter(self, waiter: Waiter) -> None:
        """Stop waking a waiter that was cancelled."""
        if self.waiter is waiter:
            self.waiter = None
        elif isinstance(self.waiter, _Waiters) and waiter in self.waiter.all:
            self.waiter.all.remove(waiter)

    def _holds(self, partial: PartialFile) -> bool:
        if self._partial_files is not None and self._partial_files.get(partial.digest) is partial:
            return True
        return any(item is partial for item in self.events or ())

    def _replace(self, partial: PartialFile, item: Item) -> None:
        """Replace a file that held its place by the event that it became."""
        assert self.events is not None  # noqa: S101 - it is in there
        place = next(index for index, each in enumerate(self.events) if each is partial)
        self.events[place] = item
        self.ledger.total += _buffered_size(item) - partial.size
        self.wake()

    def _remove_partial_file(self, digest: str) -> PartialFile | None:
        if self._partial_files is None:
            return None
        partial = self._partial_files.pop(digest, None)
        if partial is not None:
            self.ledger.total -= partial.size
        return partial

    def _lose_file(self, digest: str, reason: str) -> None:
        # Bounded: beyond it, chunks of a forgotten lost file report it again.
        if self._lost_files is None:
            self._lost_files = {}
        self._lost_files[digest] = None
        if len(self._lost_files) > LOST_FILES:
            del self._lost_files[next(iter(self._lost_files))]
        self.put(_lost_file_event(digest, reason))

    def _discard_partial_files(self) -> list[str]:
        digests = list(self._partial_files or ())
        for digest in digests:
            if (partial := self._remove_partial_file(digest)) is not None:
                partial.discard()
        return digests

    def _append(self, item: Item) -> None:
        self._append_uncounted(item)
        self.ledger.total += _buffered_size(item)

    def _append_uncounted(self, item: Item | PartialFile) -> None:
        if self.events is None:
            self.events = deque()
        self.events.append(item)


def _buffered_size(item: Item | PartialFile) -> int:
    if isinstance(item, tuple):
        return EVENT_OVERHEAD_BYTES + len(item[1])
    if isinstance(item, PartialFile):
        return item.size
    if isinstance(item, FileEvent):
        data = len(item) if isinstance(item, FileBytes) else 0
        return EVENT_OVERHEAD_BYTES + len(item.name or "") + data
    if isinstance(item, UnknownEvent):
        return EVENT_OVERHEAD_BYTES + len(item.event) + len(item.value or "")
    return EVENT_OVERHEAD_BYTES + len(item.value)


def _lost_file_event(digest: str, reason: str) -> CorruptEvent:
    # The digest comes from the server: shorten it and keep it printable.
    shown = "".join(c for c in digest[:64] if c.isalnum())
    return CorruptEvent(f"file {shown} is lost: {reason}; ask the process to send it again", shown)
