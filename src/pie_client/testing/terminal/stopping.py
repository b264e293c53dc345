"""End the command on a signal, even if what it runs does not end."""

import asyncio
import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Generator, Sequence
from types import FrameType


def write_error(line: str) -> None:
    """Write a line to standard error, if possible."""
    with contextlib.suppress(OSError, ValueError, AttributeError):  # it is closed, or None
        sys.stderr.write(f"pie_client.testing: {line}\n")


class Stopping:
    """What to do at the first signal, and what has not ended after it.

    Until :meth:`serve` the first signal raises KeyboardInterrupt; afterwards it calls a function. Then a line reports
    what has not ended after 2/5 of the time, and at its end the process exits with status 1. A second signal exits
    immediately.

    Args:
        seconds: That time.

    Attributes:
        signal: The first signal, or None.
        busy_with: What the main thread does before :meth:`serve`, as in "loading app.py".
    """

    def __init__(self, seconds: float) -> None:
        self.signal: int | None = None
        self.busy_with = "starting"
        self._seconds = seconds
        self._stop: Callable[[], object] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    @contextlib.contextmanager
    def handled(self) -> Generator[None]:
        """Handle signals in a block, which is entered in the main thread."""
        numbers = {signal.SIGINT, signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGINT)}
        ignored = {number for number in numbers if signal.getsignal(number) is signal.SIG_IGN}  # by nohup
        handlers = {number: signal.signal(number, self._handle) for number in numbers - ignored}
        yield
        if self.signal is None:  # else signals are handled until the interpreter has joined all threads
            for number, handler in handlers.items():
                signal.signal(number, handler)

    def serve(self, stop: Callable[[], object]) -> None:
        """Call a function in the running event loop at the first signal, from now on."""
        self.busy_with = "serving"
        self._stop, self._loop = stop, asyncio.get_running_loop()

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        if self.signal is not None:
            os._exit(128 + number)
        self.signal = number
        # In threads, because the main thread may be blocked. The report has its own: writing to a full pipe blocks, too.
        for target in (self._exit_later, self._report):
            threading.Thread(target=target, daemon=True).start()
        if self._stop is None:
            raise KeyboardInterrupt
        self._call(self._stop)

    def _call(self, function: Callable[[], object]) -> None:
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # it is closed
                self._loop.call_soon_threadsafe(function)

    def _exit_later(self) -> None:
        """Exit when the time is over."""
        time.sleep(self._seconds)
        os._exit(1)

    def _report(self) -> None:
        """Report what has not ended after a part of the time."""
        time.sleep(self._seconds * 2 / 5)
        wait = f"wait {self._seconds * 3 / 5:.0f} seconds"
        write_error(f"{self._unfinished()}; press Ctrl-C again to exit now, or {wait}")

    def _unfinished(self) -> str:
        """Return what has not ended, as a sentence."""
        if self._loop is not None and not self._loop.is_closed():
            alive = threading.Event()
            self._call(alive.set)
            if not alive.wait(self._seconds / 5):
                task = asyncio.current_task(self._loop)
                return f"{'a callback' if task is None else task.get_name()} blocks the event loop"
            tasks = [t.get_name() for t in asyncio.all_tasks(self._loop) if t.cancelling()]
            if tasks:
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
