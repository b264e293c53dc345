"""End the command on a signal, even if what it runs does not end."""

import asyncio
import contextlib
import os
import sys
import threading
from collections.abc import Callable, Sequence
from types import FrameType

from pie_client.common.interrupts import Interrupts


def write_error(line: str) -> None:
    """Write a line to standard error, if possible."""
    with contextlib.suppress(OSError, ValueError, AttributeError):  # it is closed, or None
        sys.stderr.write(f"pie_client.testing: {line}\n")


class Stopping(Interrupts):
    """What to do at the first signal, and what has not ended after it.

    A line reports what has not ended after 2/5 of the time, and at its end the process exits with status 1.

    Args:
        seconds: That time.

    Attributes:
        busy_with: What the main thread does before :meth:`serve`, as in "loading app.py".
    """

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.busy_with = "starting"
        self._seconds = seconds

    def serve(self, stop: Callable[[], object]) -> None:
        """Call a function in the running event loop at the first signal, from now on."""
        self.busy_with = "serving"
        self.call(stop, asyncio.get_running_loop())

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.signal is None:
            # In threads, because the main thread may be blocked. The report has its own: writing to a full pipe blocks, too.
            exiting = threading.Timer(self._seconds, os._exit, [1])
            reporting = threading.Timer(self._seconds * 2 / 5, self._report)
            for timer in (exiting, reporting):
                timer.daemon = True
                timer.start()
        super()._handle(number, frame)

    def _report(self) -> None:
        """Report what has not ended."""
        wait = f"wait {self._seconds * 3 / 5:.0f} seconds"
        write_error(f"{self._unfinished()}; press Ctrl-C again to exit now, or {wait}")

    def _unfinished(self) -> str:
        """Return what has not ended, as a sentence."""
        loop = self._loop
        if loop is not None and not loop.is_closed():
            if (task := asyncio.current_task(loop)) is not None:
                return f"{task.get_name()} blocks the event loop"
            if tasks := [task.get_name() for task in asyncio.all_tasks(loop) if task.cancelling()]:
                return _sentence(tasks, "not ended although cancelled")
        # asyncio waits for its executor in a thread of this name.
        threads = [
            f"thread {t.name}"
            for t in threading.enumerate()
            if not t.daemon and t is not threading.main_thread() and "_do_shutdown" not in t.name
        ]
        return _sentence(threads or [self.busy_with], "not ended")


def _sentence(names: Sequence[str], what: str) -> str:
    return f"{', '.join(sorted(names))} {'has' if len(names) == 1 else 'have'} {what}"
