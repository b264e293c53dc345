"""The unread events of one process.

The session adds events and file chunks; a :class:`~pie_client.process.Process` pops events. A mailbox assembles files,
counts the bytes that it holds and records how the process ended. It wakes waiters but never waits itself. When it has to
drop events is decided in :mod:`pie_client.protocol.backlog`.
"""

from __future__ import annotations

import contextlib
import weakref
from collections import OrderedDict, deque
from collections.abc import Callable, Generator
from typing import cast

from pie_client._generated.decoders import FileChunkRecord
from pie_client._generated.events import TERMINAL_KINDS
from pie_client.errors import PieError, SlowConsumerError
from pie_client.protocol.files import FileEvent, PartialFile, SpooledFile, Spooling
from pie_client.protocol.items import (
    EVENT_BYTES,
    CorruptEvent,
    Gap,
    Item,
    Named,
    Place,
    held_bytes,
    lost_file_event,
)
from pie_client.protocol.shares import Share
from pie_client.protocol.waiters import Waiter, Waiters

LOST_FILES = 64
"""Lost files remembered per process, so that each is reported once however many of its chunks follow."""
REMEMBERED_DIGEST = 128
"""Characters of a lost file's digest that are remembered; a digest has 64, but servers may send anything."""


class Mailbox:
    """The unread events of one process, in order, and how the process ended.

    Args:
        process_id: Id of the process.
        share: How many bytes may be unread, and what happens above that.
        spooling: When received files go to disk. Default: never.

    Attributes:
        process_id, share: See above.
        events: Unread events; None before the first. Files on disk have places there.
        unread: The same events; None while nothing shows that somebody reads them, so that the next read is noticed.
        reading: Whether somebody reads: events were taken or awaited, and have not been left unread since.
        reader: A weak reference to the task that last began to read, as far as it is known; None before.
        awaited: Number of tasks that wait for the end of the process.
        held: Bytes of the unread events and arriving files in memory.
        on_disk: Bytes of the files that are unread on disk or arriving there.
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
        "_places",
        "_spooling",
        "awaited",
        "drops",
        "events",
        "failure",
        "held",
        "ignored",
        "on_disk",
        "overflow",
        "process_id",
        "reader",
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
        self.events: deque[Item | Gap | Place] | None = None
        self.unread: deque[Item | Gap | Place] | None = None
        self.reading = False
        self.reader: weakref.ref[object] | None = None
        self.awaited = 0
        self.held = 0
        self.on_disk = 0
        self.drops = 0
        self.overflow = ""
        self.receptive = True
        self.terminal: Named | None = None
        self.failure: Callable[[], PieError] | None = None
        self.waiter: Waiter | None = None
        self._spooling = spooling
        self._partial_files: dict[str, PartialFile] | None = None
        self._places: OrderedDict[PartialFile | SpooledFile, Place] | None = None
        """The places of the files on disk."""
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
        return (
            events is not None
            and len(events) > 0
            and not (isinstance(events[0], Place) and events[0].unwritten)
        )

    @property
    def reading_paused(self) -> bool:
        """Whether somebody read, but has taken nothing since :meth:`suspect` although there was something to take."""
        return self.reading and self.unread is None and self.readable

    @property
    def has_files_on_disk(self) -> bool:
        """Whether there are unread files that are complete and not in memory."""
        return bool(self._places)

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
                self._append(lost_file_event(digest, "the process ended before its last chunk"))
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
            self.put(lost_file_event(digest, "it was restarted before its last chunk"))
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
        if partial.complete:
            # Later events stay behind it, although writing it to disk takes a while.
            self._append_place(partial)
        else:
            if self._partial_files is None:
                self._partial_files = {}
            self._partial_files[digest] = partial
            self.held += partial.size
            self.on_disk += partial.on_disk
        return partial if partial.begin_write() else None

    def written(self, partial: PartialFile, size: int, reason: str = "") -> PartialFile | None:
        """Handle the end of a write of ``size`` bytes, and ``reason`` if it failed.

        Returns:
            The file if more of it is to be written now.
        """
        partial.end_write(size)
        place = None if self._places is None else self._places.get(partial)
        if place is None and (self._partial_files or {}).get(partial.digest) is not partial:
            return None  # the mailbox was discarded, or the file restarted, during the write
        if not reason and partial.begin_write():
            return partial
        if place is None:
            if reason:
                self._lose_partial_file(partial.digest, reason)
        elif reason:
            self._lose_complete_file(partial, place, reason)
        else:
            self._fill(place, partial.finish())
        return None

    # ------------------------------------------------------------- reading

    def pop(self) -> Item | None:
        """Remove and return the oldest unread event, or None if there is none.

        Raises:
            SlowConsumerError: Events before it were dropped. Raised once.
        """
        events = self.unread
        if not events:
            self.reading = True
            events = self.unread = self.events
            if not events:
                # Texts that others use meanwhile, such as results, may have grown by their encoded form.
                files = self._partial_files
                self.held = sum(partial.size for partial in files.values()) if files else 0
                return None
        item = events.popleft()
        if isinstance(item, tuple):
            self.held -= EVENT_BYTES + item[1].__sizeof__()
            return item
        if isinstance(item, Place):
            if item.unwritten:
                events.appendleft(item)
                return None
            self._count_place(item, -1)
            return cast("SpooledFile | CorruptEvent", item.file)
        if isinstance(item, Gap):
            raise SlowConsumerError(
                f"{item.events} unread events of process {self.process_id} were dropped; read faster, or raise max_buffered; the next events follow"
            )
        self.held -= held_bytes(item)
        return item

    def put_back(self, item: Item) -> None:
        """Return a popped event to the front: the read was cancelled."""
        if isinstance(item, SpooledFile):
            self._append_place(item, front=True)
        else:
            self._append_uncounted(item, front=True)
            self.held += held_bytes(item)
        self.wake()

    def read_by(self, task: object) -> None:
        """Set the task that begins to read; None if no event loop runs."""
        # Weak: asyncio reports an exception that nobody retrieved when the task is deleted.
        if task is None:
            self.reader = None
        elif self.reader is None or self.reader() is not task:
            self.reader = weakref.ref(task)

    @contextlib.contextmanager
    def expected(self, task: object) -> Generator[None]:
        """Count a task that waits for the end of the process. If it is the reader, nobody reads meanwhile."""
        if self.reader is not None and task is self.reader():
            self.reading = False
            self.suspect()  # another task may read, too
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
        if self._places:
            self._lose_complete_file(*next(iter(self._places.items())), reason)
            self.drops += 1
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
        self.held = self.on_disk = 0
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
            self.waiter.all[waiter] = None
        else:
            self.waiter = Waiters(self.waiter, waiter)

    def remove_waiter(self, waiter: Waiter) -> None:
        """Stop waking a waiter that was cancelled."""
        if self.waiter is waiter:
            self.waiter = None
        elif isinstance(self.waiter, Waiters):
            self.waiter.all.pop(waiter, None)

    # ------------------------------------------------------------- files

    def _append_place(self, file: PartialFile | SpooledFile, *, front: bool = False) -> None:
        place = Place(file)
        self._append_uncounted(place, front=front)
        self._count_place(place, 1)

    def _fill(self, place: Place, file: FileEvent | CorruptEvent) -> None:
        """Replace what has a place."""
        self._count_place(place, -1)
        place.file = cast("SpooledFile | CorruptEvent", file)
        self._count_place(place, 1)
        self.wake()

    def _lose_complete_file(self, file: PartialFile | SpooledFile, place: Place, reason: str) -> None:
        place.delete()
        self._fill(place, lost_file_event(file.digest, reason))

    def _count_place(self, place: Place, sign: int) -> None:
        """Count what was put into a place (1) or taken out (-1)."""
        file = place.file
        if isinstance(file, CorruptEvent):
            self.held += sign * held_bytes(file)
            return
        if self._places is None:
            self._places = OrderedDict()
        if sign > 0:
            self._places[file] = place
        else:
            del self._places[file]
        if isinstance(file, PartialFile):
            self.held += sign * file.size
            self.on_disk += sign * file.on_disk
            return
        self.held += sign * held_bytes(file)
        self.on_disk += sign * file.size
        if self._spooling is not None:
            self._spooling.used += sign * file.size
            self._spooling.unread += sign * file.size

    def _remove_partial_file(self, digest: str) -> PartialFile | None:
        if self._partial_files is None:
            return None
        partial = self._partial_files.pop(digest, None)
        if partial is not None:
            self.held -= partial.size
            self.on_disk -= partial.on_disk
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
        self.put(lost_file_event(digest, reason))

    def _discard_partial_files(self) -> list[str]:
        digests = list(self._partial_files or ())
        for digest in digests:
            if (partial := self._remove_partial_file(digest)) is not None:
                partial.discard()
        return digests

    def _forget(self, item: Item | Gap | Place | PartialFile) -> None:
        """Release what an event that was taken out holds."""
        if isinstance(item, PartialFile):
            self.held -= item.size
            item.discard()
        elif isinstance(item, Place):
            self._count_place(item, -1)
            item.delete()
        elif not isinstance(item, Gap):
            self.held -= held_bytes(item)

    def _append(self, item: Item) -> None:
        self._append_uncounted(item)
        self.held += held_bytes(item)

    def _append_uncounted(self, item: Item | Place, *, front: bool = False) -> None:
        if self.events is None:
            self.events = deque()
            if self.reading:
                self.unread = self.events
        if front:
            self.events.appendleft(item)
        else:
            self.events.append(item)
