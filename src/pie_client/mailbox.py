"""What arrived from one process and was not read yet."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from pie_client._generated.events import TERMINAL, ModelledEvent, TerminalEvent
from pie_client._generated.models import FileChunk
from pie_client.errors import PieError
from pie_client.files import Assembly, File

OVERHEAD_BYTES = 100
"""What a buffered event is taken to cost beside what it carries."""


@dataclass(frozen=True, slots=True)
class Broken:
    """Something of this process arrived that can't be used: a corrupt file or a malformed event. The process goes on."""

    value: str


ProcessEvent: TypeAlias = ModelledEvent | File | Broken
"""What a process can send: match it exhaustively."""


@dataclass(slots=True)
class Budget:
    """Bytes that are buffered, all mailboxes together."""

    used: int = 0


class Mailbox:
    """The unread events of one process, in order, and how it ended.

    ``on_change`` is called after every change that a reader waits for.
    """

    def __init__(self, process_id: str, budget: Budget) -> None:
        self.process_id = process_id
        self.size = 0
        self.terminal: TerminalEvent | None = None
        self.failure: Callable[[], PieError] | None = None
        self.on_change: Callable[[], None] = _nothing
        self._budget = budget
        self._events: deque[tuple[ProcessEvent, int]] = deque()
        self._files: dict[str, Assembly] = {}

    def claim(self, budget: Budget) -> None:
        """Count what is unread in another budget from now on."""
        self._budget.used -= self.size
        self._budget = budget
        budget.used += self.size

    def put(self, event: ProcessEvent) -> None:
        """Take an event. Whatever follows the terminal one is dropped: the protocol allows nothing there."""
        if self.terminal is not None or self.failure is not None:
            return
        self._append(event, _size(event))
        if isinstance(event, TERMINAL):
            self._abandon_files("the process ended")
            self.terminal = event
        self.on_change()

    def add_chunk(self, chunk: FileChunk) -> None:
        """Take a chunk of a file; the file, or why it is broken, becomes an event."""
        if self.terminal is not None or self.failure is not None:
            return
        assembly = self._files.get(chunk.file_hash) or Assembly(chunk)
        self._files.pop(chunk.file_hash, None)
        held = assembly.size
        try:
            file = assembly.add(chunk)
        except ValueError as error:
            self._account(-held)
            self.put(Broken(f"file {chunk.file_hash} is lost: {error}; ask the process to send it again"))
            return
        if file is None:
            self._files[chunk.file_hash] = assembly
            self._account(len(chunk.chunk_data))
            return
        self._account(-held)
        self.put(file)

    def take(self) -> ProcessEvent | None:
        """Give the oldest unread event, None where there is none."""
        if not self._events:
            return None
        event, size = self._events.popleft()
        self._account(-size)
        return event

    def fail(self, failure: Callable[[], PieError]) -> None:
        """End it without a terminal event; ``failure`` makes the error for each reader. What is unread stays readable."""
        if self.terminal is None and self.failure is None:
            self._abandon_files(None)
            self.failure = failure
        self.on_change()

    def discard(self) -> None:
        """Give up what is unread."""
        self._events.clear()
        self._files.clear()
        self._account(-self.size)
        self.on_change()

    def _append(self, event: ProcessEvent, size: int) -> None:
        self._events.append((event, size))
        self._account(size)

    def _abandon_files(self, reason: str | None) -> None:
        for digest, assembly in self._files.items():
            self._account(-assembly.size)
            if reason is not None and self.terminal is None:
                event = Broken(f"file {digest} is lost: {reason} before its last chunk")
                self._events.insert(len(self._events) - 1, (event, 0))
        self._files.clear()

    def _account(self, size: int) -> None:
        self.size += size
        self._budget.used += size


def _size(event: ProcessEvent) -> int:
    content = event if isinstance(event, File) else event.value
    return OVERHEAD_BYTES + len(content or "")


def _nothing() -> None:
    pass
