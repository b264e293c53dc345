"""Lines that are written in a thread, so that whoever reads them slowly, or not at all, holds nobody up."""

import threading
from collections import deque
from collections.abc import Callable
from typing import Final

WAITING_LINES: Final = 2000
"""Lines that may wait to be written; more are dropped."""
CLOSE_SECONDS: Final = 1.0
"""Seconds that the last lines have to be written."""


class Lines:
    """Writes lines in their order. Where too many wait, the next ones are dropped until all were written.

    Args:
        write: Writes a line. It is called in a thread, and may hang.
    """

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._waiting: deque[str] = deque()
        self._dropped = 0
        self._closed = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="lines", daemon=True)
        self._thread.start()

    def put(self, line: str) -> None:
        """Have a line written; does not wait."""
        with self._changed:
            if self._dropped or len(self._waiting) >= WAITING_LINES:
                self._dropped += 1
            else:
                self._waiting.append(line)
                self._changed.notify()

    def close(self) -> int:
        """Wait a second at most until all is written; gives how many lines were not."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join(CLOSE_SECONDS)
        with self._changed:
            return (len(self._waiting) + self._dropped) if self._thread.is_alive() else 0

    def _run(self) -> None:
        while (line := self._next()) is not None:
            self._write(line)

    def _next(self) -> str | None:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._dropped or self._closed)
            if self._waiting:
                return self._waiting.popleft()
            dropped, self._dropped = self._dropped, 0
            return (
                f"({dropped} frames are left out here, for they were not read in time)" if dropped else None
            )
