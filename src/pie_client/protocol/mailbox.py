"""The unread events of one process.

The session adds events and file chunks; a :class:`~pie_client.process.Process` pops events. A mailbox assembles files,
counts the bytes that it holds and records how the process ended. It wakes waiters but never waits itself. When it has to
drop events is decided in :mod:`pie_client.protocol.backlog`.
"""

from __future__ import annotations

import contextlib
import sys
from collections import deque
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import TypeAlias, cast

from pie_client._generated.decoders import FileChunkRecord
from pie_client._generated.events import TERMINAL_KINDS, Event, ModelledEvent, TextEvent, UnknownEvent
from pie_client.errors import PieError, SlowConsumerError
from pie_client.protocol.files import FileBytes, FileEvent, PartialFile, SpooledFile, Spooling
from pie_client.protocol.shares import Share
from pie_client.protocol.waiters import Waiter, Waiters

LOST_FILES = 64
"""Lost files remembered per process, so that each is reported once however many of its chunks follow."""
EVENT_BYTES = 72
"""Memory of an unread event beyond its texts: an object with two fields, and its place in the queue."""
FILE_EVENT_BYTES = 400
"""Memory of an unread file beyond its bytes and its name."""
REMEMBERED_DIGEST = 128
"""Characters of a lost file's digest that are remembered; a digest has 64, but servers may send anything."""


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


@dataclass(frozen=True, slots=True)
class Gap:
    """The place of events that were dropped although their process is read; reading on raises an error once."""

    events: int


Named: TypeAlias = tuple[Event, str]
"""An event of a known kind: the pair that ``Process.recv()`` returns."""
Item: TypeAlias = Named | ProcessEvent
"""An unread event."""


class Mailbox:
    """The unread events of one process, in order, and how the process ended.

    Args:
        process_id: Id of the process.
        share: How many bytes may be unread, and what happens above that.
        spooling: When received files go to disk. Default: never.

    Attributes:
        process_id, share: See above.
        events: Unread events; None before the first. A complete file that is not yet on disk holds its place.
        unread: The same events; None while nothing shows that somebody reads them, so that the next read is noticed.
        reading: Whether somebody reads: events were taken or awaited, and have not been left unread since.
        awaited: Number of tasks that wait for the end of the process.
        held: Bytes of the unread events and arriving files in memory.
        files_on_disk: Number of unread files that are completely on disk.
        drops, ignored: Events that were dropped because too much was unread; that are ignored during an overflow.
        overflow: Why events are ignored since more than the share was unread, or "".
        receptive: Whether events may be added: the process has neither ended nor failed nor sent too much.
        terminal: The terminal event once it has arrived, read or not.
        failure: Makes the error for a reader who finds no event left; None while events may still arrive.
        waiter: What to wake after a change that a reader may wait for; None if nothing waits.
    """

    __slots__ = (
        "_lost_files",
        "_partial_files",
        "_spooling",
        "awaited",
        "drops",
        "events",
        "failure",
        "files_on_disk",
        "held",
        "ignored",
        "overflow",
        "process_id",
        "reading",
        "receptive",
        "share",
        "terminal",
        "unread",
        "waiter",
    )

    # Most of ten thousand idle processes have no event yet: everything that can be made on first use is.
    def __init__(self, process_id: str, share: Share, spooling: Spooling | None = None) -> None:
        self.process_id = process_id
        self.share = share
        self.events: deque[Item | Gap | PartialFile] | None = None
        self.unread: deque[Item | Gap | PartialFile] | None = None
        self.reading = False
        self.awaited = 0
        self.held = 0
        self.files_on_disk = 0
        self.drops = 0
        self.overflow = ""
        self.receptive = True
        self.terminal: Named | None = None
        self.failure: Callable[[], PieError] | None = None
        self.waiter: Waiter | None = None
        self._spooling = spooling
        self._partial_files: dict[str, PartialFile] | None = None
        self._lost_files: dict[str, None] | None = None
        """Digests of lost files, oldest first; their further chunks are ignored."""

    @property
    def ended(self) -> bool:
        """Whether the process has ended or failed."""
        return self.terminal is not None or self.failure is not None

    @property
    def known(self) -> bool:
        """Whether a handle reads the events, or can after an attach."""
        return True

    @property
    def readable(self) -> bool:
        """Whether a reader finds an event."""
        events = self.events
        return events is not None and len(events) > 0 and not isinstance(events[0], PartialFile)

    @property
    def reading_paused(self) -> bool:
        """Whether somebody read, but has taken nothing since :meth:`suspect` although there was something to take."""
        return self.reading and self.unread is None and self.readable

    @property
    def on_disk(self) -> int:
        """Bytes of the files that are unread on disk or arriving there. Looks at every event."""
        arriving = (partial.on_disk for partial in (self._partial_files or {}).values())
        complete = (item.size for item in self.events or () if isinstance(item, SpooledFile))
        waiting = (item.on_disk for item in self.events or () if isinstance(item, PartialFile))
        return sum(arriving) + sum(complete) + sum(waiting)

    def put(self, item: Item) -> None:
        """Append an event. Events after the terminal one violate the protocol and are dropped."""
        terminal = type(item) is tuple and item[0] in TERMINAL_KINDS
        if not self.receptive:
            if self.overflow and not self.ended:
                if terminal:
                    self.terminal = cast("Named", item)  # the result is never dropped
                    self.wake()
                self.ignored += not terminal
            return
        if terminal:
            # Lost files are reported first: readers stop at the terminal event.
            for digest in self._discard_partial_files():
                self._append(_lost_file_event(digest, "the process ended before its last chunk"))
            self.terminal = cast("Named", item)
            self.receptive = False
        self._append(item)
        self.wake()

    def add_chunk(self, chunk: FileChunkRecord) -> PartialFile | None:
        """Add a chunk of a file; the complete file, or the reason why it is lost, becomes an event.

        Returns:
            The file if some of it is to be written to disk now; pass it to :meth:`written` afterwards.
        """
        if not self.receptive:
            if self.overflow and not self.ended and not chunk.chunk_index:
                self.ignored += 1
            return None
        # Chunks carry no transfer id, only the digest: chunk 0 starts the file again, lost or not.
        digest, restarts = chunk.file_hash, chunk.chunk_index == 0
        if self._lost_files is not None and digest[:REMEMBERED_DIGEST] in self._lost_files:
            if not restarts:
                return None
            del self._lost_files[digest[:REMEMBERED_DIGEST]]
        # Removed while it changes: its size counts again when it is put back below.
        partial = self._remove_partial_file(digest)
        if partial is not None and restarts:
            partial.discard()
            self.put(_lost_file_event(digest, "it was restarted before its last chunk"))
            partial = None
        partial = partial or PartialFile(chunk, self._spooling, self.share.size)
        try:
            partial.add(chunk)
        except ValueError as error:
            partial.discard()
            self._lose_file(digest, str(error))
            return None
        if partial.complete and partial.spool is None:
            self.put(partial.finish())
            return None
        self.held += partial.size
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

    # ------------------------------------------------------------- reading

    def pop(self) -> Item | None:
        """Remove and return the oldest unread event, or None if there is none.

        Raises:
            SlowConsumerError: Events before it were dropped. Raised once.
        """
        events = self.unread
        if not events:
            self._begin_reading()
            if not self.readable:
                return None
            events = cast("deque[Item | Gap | PartialFile]", self.events)
        item = events.popleft()
        if isinstance(item, tuple):
            self.held -= EVENT_BYTES + item[1].__sizeof__()
            return item
        if isinstance(item, PartialFile):
            events.appendleft(item)
            return None
        if isinstance(item, Gap):
            raise SlowConsumerError(
                f"{item.events} unread events of process {self.process_id} were dropped; read faster, or raise max_buffered; the next events follow"
            )
        self.held -= _held_bytes(item)
        self._count_on_disk(item, -1)
        return item

    def _begin_reading(self) -> None:
        self.reading = True
        self.unread = self.events
        if not self.events:
            # Texts that others use meanwhile, such as results, may have grown by their encoded form.
            self.held = sum(partial.size for partial in (self._partial_files or {}).values())

    def put_back(self, item: Item) -> None:
        """Return a popped event to the front: the read was cancelled."""
        self._append_uncounted(item, front=True)
        self.held += _held_bytes(item)
        self._count_on_disk(item, 1)
        self.wake()

    @contextlib.contextmanager
    def expected(self) -> Generator[None]:
        """Count a task that waits for the end of the process."""
        self.awaited += 1
        try:
            yield
        finally:
            self.awaited -= 1

    def suspect(self) -> None:
        """Notice the next read: see :attr:`reading_paused`."""
        self.unread = None

    # ------------------------------------------------------------- dropping and failing

    def drop_oldest(self, goal: int, *, tell: bool) -> int:
        """Drop the oldest events, then files that are arriving, until ``goal`` bytes are held. The newest event stays.

        Args:
            goal: Bytes to keep.
            tell: Raise SlowConsumerError once in the reader.

        Returns:
            The number of dropped events.
        """
        events = self.events or deque()
        earlier = cast("Gap", events.popleft()).events if events and isinstance(events[0], Gap) else 0
        dropped = 0
        while self.held > goal and len(events) > 1:
            self._forget(events.popleft())
            dropped += 1
        self.drops += dropped
        if earlier or (tell and dropped):
            events.appendleft(Gap(earlier + (dropped if tell else 0)))
        for digest, partial in list((self._partial_files or {}).items()):
            if self.held <= goal:
                break
            if partial.spool is None:
                self._lose_partial_file(
                    digest, "it does not fit beside what is unread; read faster, or raise max_buffered"
                )
        # A reader may have waited for a file at the front to be written to disk.
        self.wake()
        return dropped

    def drop_file_on_disk(self) -> bool:
        """Lose the oldest unread file on disk, or else the largest one that is arriving. Return whether there was one."""
        reason = (
            "more than max_spooled bytes of files are on disk and unread; read faster, or raise max_spooled"
        )
        for index, item in enumerate(self.events or ()):
            if isinstance(item, SpooledFile) or (isinstance(item, PartialFile) and item.spool is not None):
                self._forget(item)
                assert self.events is not None  # noqa: S101 - the item is in there
                self.events[index] = lost = _lost_file_event(item.digest, reason)
                self.held += _held_bytes(lost)
                self.drops += 1
                self.wake()
                return True
        arriving = [partial for partial in (self._partial_files or {}).values() if partial.on_disk]
        if not arriving:
            return False
        self._lose_partial_file(max(arriving, key=lambda partial: partial.on_disk).digest, reason)
        return True

    def ignore_more(self, reason: str) -> int:
        """Drop what is unread and ignore what follows but the terminal event. Return the number of dropped events."""
        self.drops += (dropped := len(self.events or ()))
        self.overflow, self.ignored = reason, 0
        self.receptive = False
        self.discard()
        return dropped

    def fail(self, failure: Callable[[], PieError]) -> None:
        """End the mailbox without a terminal event. Unread events stay readable; then readers raise ``failure()``."""
        # A finished process keeps its result, and the first failure is the cause of later ones.
        if not self.ended:
            self._discard_partial_files()
            self.failure = failure
            self.receptive = False
        self.wake()

    def lose_arriving_files(self, reason: str) -> None:
        """Lose the files of which chunks are missing. Chunk 0 may start them again."""
        for digest in list(self._partial_files or ()):
            self._lose_partial_file(digest, reason)

    def discard(self) -> None:
        """Discard all unread events and partial files."""
        events, self.events, self.unread = self.events, None, None
        partial_files, self._partial_files = self._partial_files, None
        for item in (*(events or ()), *(partial_files or {}).values()):
            self._forget(item)
        self.held = 0
        self.wake()

    # ------------------------------------------------------------- waiters

    def wake(self) -> None:
        """Wake everything that waits for a change."""
        waiter, self.waiter = self.waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def add_waiter(self, waiter: Waiter) -> None:
        """Wake ``waiter`` after the next change."""
        if self.waiter is None:
            self.waiter = waiter
        elif isinstance(self.waiter, Waiters):
            self.waiter.all.append(waiter)
        else:
            self.waiter = Waiters(self.waiter, waiter)

    def remove_waiter(self, waiter: Waiter) -> None:
        """Stop waking a waiter that was cancelled."""
        if self.waiter is waiter:
            self.waiter = None
        elif isinstance(self.waiter, Waiters) and waiter in self.waiter.all:
            self.waiter.all.remove(waiter)

    # ------------------------------------------------------------- files

    def _holds(self, partial: PartialFile) -> bool:
        if self._partial_files is not None and self._partial_files.get(partial.digest) is partial:
            return True
        return any(item is partial for item in self.events or ())

    def _replace(self, partial: PartialFile, item: Item) -> None:
        """Replace a file that held its place by the event that it became."""
        assert self.events is not None  # noqa: S101 - it is in there
        place = next(index for index, each in enumerate(self.events) if each is partial)
        self.events[place] = item
        self.files_on_disk += isinstance(item, SpooledFile)
        self.held += _held_bytes(item) - partial.size
        self.wake()

    def _remove_partial_file(self, digest: str) -> PartialFile | None:
        if self._partial_files is None:
            return None
        partial = self._partial_files.pop(digest, None)
        if partial is not None:
            self.held -= partial.size
        return partial

    def _lose_partial_file(self, digest: str, reason: str) -> None:
        if (partial := self._remove_partial_file(digest)) is not None:
            partial.discard()
            self._lose_file(digest, reason)

    def _lose_file(self, digest: str, reason: str) -> None:
        # Bounded: beyond it, chunks of a forgotten lost file report it again.
        if self._lost_files is None:
            self._lost_files = {}
        self._lost_files[digest[:REMEMBERED_DIGEST]] = None
        if len(self._lost_files) > LOST_FILES:
            del self._lost_files[next(iter(self._lost_files))]
        self.put(_lost_file_event(digest, reason))

    def _discard_partial_files(self) -> list[str]:
        digests = list(self._partial_files or ())
        for digest in digests:
            if (partial := self._remove_partial_file(digest)) is not None:
                partial.discard()
        return digests

    def _forget(self, item: Item | Gap | PartialFile) -> None:
        """Release what an event that was taken out holds."""
        if isinstance(item, PartialFile):
            self.held -= item.size
            item.discard()
        elif not isinstance(item, Gap):
            self.held -= _held_bytes(item)
            self._count_on_disk(item, -1)
            if isinstance(item, SpooledFile):
                item.close()

    def _count_on_disk(self, item: Item, sign: int) -> None:
        """Count an event that was put into the queue (1) or taken out (-1), if it is a file on disk."""
        if isinstance(item, SpooledFile):
            self.files_on_disk += sign
            if self._spooling is not None:
                self._spooling.used += sign * item.size
                self._spooling.unread += sign * item.size

    def _append(self, item: Item) -> None:
        self._append_uncounted(item)
        self.held += _held_bytes(item)

    def _append_uncounted(self, item: Item | PartialFile, *, front: bool = False) -> None:
        if self.events is None:
            self.events = deque()
            if self.reading:
                self.unread = self.events
        if front:
            self.events.appendleft(item)
        else:
            self.events.append(item)


def _held_bytes(item: Item) -> int:
    """Return the memory of an unread event. Another module counts events of known kinds in the same way."""
    if isinstance(item, tuple):
        return EVENT_BYTES + item[1].__sizeof__()
    if isinstance(item, FileEvent):
        return FILE_EVENT_BYTES + len(item.name or "") + (len(item) if isinstance(item, FileBytes) else 0)
    if isinstance(item, UnknownEvent):
        return EVENT_BYTES + sys.getsizeof(item.event) + sys.getsizeof(item.value)
    return EVENT_BYTES + sys.getsizeof(item.value)


def _lost_file_event(digest: str, reason: str) -> CorruptEvent:
    # The digest comes from the server: shorten it and keep it printable.
    shown = "".join(c for c in digest[:64] if c.isalnum())
    advice = "" if "; " in reason else "; ask the process to send it again"  # or the reason has its own
    return CorruptEvent(f"file {shown} is lost: {reason}{advice}", shown)
