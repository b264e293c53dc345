"""What a mailbox holds: the events of a process, places of files and of dropped events, and the memory that each takes."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TypeAlias

from pie_client._generated.events import Event, ModelledEvent, TextEvent, UnknownEvent
from pie_client.protocol.files import FileBytes, FileEvent, PartialFile, SpooledFile

EVENT_BYTES = 72
"""Memory of an unread event beyond its texts: an object with two fields, and its place in the queue."""
FILE_EVENT_BYTES = 400
"""Memory of an unread file beyond its bytes and its name."""


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


class Gap:
    """The place of events that were dropped although their process is read; reading on raises an error once.

    Attributes:
        events: Number of dropped events.
    """

    __slots__ = ("events",)

    def __init__(self, events: int) -> None:
        self.events = events


class Place:
    """The place of a file on disk among the unread events.

    Attributes:
        file: The file, which may still be being written; or, if it is lost, the event that reports that.
    """

    __slots__ = ("file",)

    def __init__(self, file: PartialFile | SpooledFile) -> None:
        self.file: PartialFile | SpooledFile | CorruptEvent = file

    @property
    def unwritten(self) -> bool:
        """Whether the file is still being written."""
        return isinstance(self.file, PartialFile)

    def delete(self) -> None:
        """Delete the file."""
        if isinstance(self.file, PartialFile):
            self.file.discard()
        elif isinstance(self.file, SpooledFile):
            self.file.close()


Named: TypeAlias = tuple[Event, str]
"""An event of a known kind: the pair that ``Process.recv()`` returns."""
Item: TypeAlias = Named | ProcessEvent
"""An unread event."""


def held_bytes(item: Item) -> int:
    """Return the memory of an unread event. Hot paths in session, mailbox and process repeat the first case."""
    if isinstance(item, tuple):
        return EVENT_BYTES + item[1].__sizeof__()
    if isinstance(item, FileEvent):
        return FILE_EVENT_BYTES + len(item.name or "") + (len(item) if isinstance(item, FileBytes) else 0)
    if isinstance(item, UnknownEvent):
        return EVENT_BYTES + sys.getsizeof(item.event) + sys.getsizeof(item.value)
    return EVENT_BYTES + sys.getsizeof(item.value)


def lost_file_event(digest: str, reason: str) -> CorruptEvent:
    """Return the event that reports a lost file."""
    # The digest comes from the server: shorten it and keep it printable.
    shown = "".join(c for c in digest[:64] if c.isalnum())
    advice = "" if "; " in reason else "; ask the process to send it again"  # or the reason has its own
    return CorruptEvent(f"file {shown} is lost: {reason}{advice}", shown)
