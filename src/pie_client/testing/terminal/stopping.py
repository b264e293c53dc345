"""Ends the command when it is asked to stop, even if what it runs does not end.

A thread receives the signals, so that they are handled while the main thread is blocked. Two things still delay the end:
a call of C code that does not release the interpreter's lock, and ``atexit`` handlers.
"""

import asyncio
import contextlib
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Self

from pie_client.testing.terminal.output import write_error

REQUEST = 0
"""Sent to the thread instead of the number of a signal."""


class Stopping:
    """Handles signals in its block, which is entered in the main thread.

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

    def __enter__(self) -> Self:
        self._reader, self._writer = socket.socketpair()
        self._writer.setblocking(False)
        # The wakeup file is written where the signal arrives; a Python handler runs only between two instructions of
        # the main thread, and never if that blocks a moment after the signal.
        signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        numbers = {signal.SIGINT, signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGINT)}
        ignored = {number for number in numbers if signal.getsignal(number) is signal.SIG_IGN}  # by nohup
        self._handlers = {number: signal.signal(number, self._interrupt) for number in numbers - ignored}
        threading.Thread(target=self._watch, name="signals", daemon=True).start()
        return self

    def __exit__(self, *_error: object) -> None:
        if self.signal is None:  # else signals are handled until the interpreter has joined all threads
            signal.set_wakeup_fd(-1)
            for number, handler in self._handlers.items():
                signal.signal(number, handler)
            self._writer.close()

    def serve(self, stop: Callable[[], object]) -> None:
        """Call a function in the running event loop at the first signal, from now on."""
        self.busy_with = "serving"
        self._stop, self._loop = stop, asyncio.get_running_loop()

    def request(self) -> None:
        """Stop, as at the first signal."""
        self._send(REQUEST)

    def _send(self, number: int) -> None:
        with contextlib.suppress(OSError):  # it is full of signals, or closed
            self._writer.send(bytes([number]))

    def _interrupt(self, number: int, _frame: FrameType | None) -> None:
        if os.name == "nt":  # asyncio has replaced the wakeup file
            self._send(number)
        if self._loop is None:
            self.signal = self.signal or number
            raise KeyboardInterrupt

    def _watch(self) -> None:
        with contextlib.suppress(EOFError):  # the block was left
            first = self._receive({REQUEST, *self._handlers})
            self.signal = self.signal or first
            if self._stop is not None:
                self._call(self._stop)
            ends = time.monotonic() + self._seconds
            second = self._receive(set(self._handlers), self._seconds * 2 / 5)
            if second is None:
                threading.Thread(target=self._report, args=(ends,), daemon=True).start()
                second = self._receive(set(self._handlers), ends - time.monotonic())
            os._exit(1 if second is None else 128 + second)
        self._reader.close()

    def _receive(self, wanted: set[int], seconds: float | None = None) -> int | None:
        """Wait for one of some numbers, or return None after some seconds. Raises EOFError when the block is left."""
        ends = None if seconds is None else time.monotonic() + seconds
        while True:
            self._reader.settimeout(None if ends is None else max(ends - time.monotonic(), 0.001))
            try:
                received = self._reader.recv(1)
            except TimeoutError:
                return None
            if not received:
                raise EOFError
            if received[0] in wanted:
                return received[0]

    def _report(self, ends: float) -> None:
        name = self._unfinished()
        left = max(ends - time.monotonic(), 0)
        write_error(f"{name}; press Ctrl-C again to exit now, or wait {left:.0f} seconds")

    def _call(self, function: Callable[[], object]) -> None:
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # it is closed
                self._loop.call_soon_threadsafe(function)

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
        threads = [
            f"thread {t.name}"
            for t in threading.enumerate()
            # asyncio waits for its executor in a thread of this name.
            if not t.daemon and t is not threading.main_thread() and "_do_shutdown" not in t.name
        ]
        return _sentence(threads or [self.busy_with], "not ended")


def _sentence(names: Sequence[str], what: str) -> str:
    return f"{', '.join(sorted(names))} {'has' if len(names) == 1 else 'have'} {what}"
