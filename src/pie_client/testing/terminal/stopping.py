"""Ending a command by signals, also where what it runs refuses to end.

Signals are counted by a thread of its own, which the interpreter wakes by a socket: so they are heard while the event
loop is blocked, and while the main thread is in C code that has released the interpreter's lock.
"""

import asyncio
import contextlib
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Collection
from types import FrameType
from typing import Self

NOTICE_AFTER = 2.0
"""Seconds after which is told what has not ended."""
ENDED_AFTER = 5.0
"""Seconds after which the program is ended whatever has not."""
REQUEST = 0
"""Asks to stop, as a signal does; no signal has this number."""
ANSWER_SECONDS = 1.0
"""Seconds after which an event loop that does not answer counts as blocked."""
LINE_SECONDS = 0.5
"""Seconds that a line has to be written before the program ends."""


def end_status(number: int) -> int:
    """Give the exit status that tells of a signal."""
    return 128 + number


class Stopping:
    """Hears signals from entering its block to leaving it, which has to be in the main thread.

    Until :meth:`serve` the first signal interrupts the main thread, as Ctrl-C does. Afterwards it calls what was given
    there; 2 seconds later one line names what has not ended, and after 5 seconds the program ends with status 1. A
    second signal ends it at once, in either case. Ended in this way nothing is cleaned up. It can't end a call of C code
    that keeps the interpreter's lock, and has no say any more when handlers of ``atexit`` run.

    Args:
        complain: Writes a line about what does not end. It is called in a thread, and may hang.

    Attributes:
        signal: The signal that came first, None before, and where :meth:`request` was called.
        busy_with: What keeps the main thread busy before :meth:`serve`, as in "loading app.py".
    """

    def __init__(self, complain: Callable[[str], None]) -> None:
        self.signal: int | None = None
        self.busy_with = "starting"
        self._complain = complain
        self._stop: Callable[[], object] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._main: asyncio.Task[object] | None = None
        self._stopping = False

    def __enter__(self) -> Self:
        self._reader, self._writer = socket.socketpair()
        self._writer.setblocking(False)
        self._thread = threading.Thread(target=self._watch, name="signals", daemon=True)
        self._thread.start()
        self._wakeup = signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        self._handlers = {number: signal.signal(number, self._interrupt) for number in _signals()}
        return self

    def __exit__(self, *_error: object) -> None:
        if self._stopping:
            for thread in _lasting_threads():  # the interpreter would wait for them, deaf to signals
                thread.join()
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._wakeup)
        self._writer.close()
        self._thread.join()
        self._reader.close()

    def serve(self, stop: Callable[[], object]) -> None:
        """Call a function of the running task's event loop when asked to stop, from now on."""
        self.busy_with = "serving"
        self._stop, self._loop, self._main = stop, asyncio.get_running_loop(), asyncio.current_task()

    def request(self) -> None:
        """Ask to stop, as a first signal does."""
        with contextlib.suppress(OSError):  # full of signals, or left
            self._writer.send(bytes([REQUEST]))

    def _interrupt(self, number: int, _frame: FrameType | None) -> None:
        if os.name == "nt":  # there the event loop takes the place of the socket
            with contextlib.suppress(OSError):
                self._writer.send(bytes([number]))
        if self._loop is None:
            self.signal = self.signal or number
            raise KeyboardInterrupt

    def _watch(self) -> None:
        with contextlib.suppress(EOFError):  # the block was left
            first = self._next({REQUEST, *_signals()})
            self.signal = self.signal or first or None
            self._stopping = True
            self._call(self._stop)
            ends = time.monotonic() + ENDED_AFTER
            again = self._next(_signals(), NOTICE_AFTER)
            if again is None:
                line = threading.Thread(target=self._tell, args=(ends,), daemon=True)
                line.start()
                again = self._next(_signals(), ends - time.monotonic())
                if again is None:
                    line.join(LINE_SECONDS)
                    os._exit(1)
            os._exit(end_status(again))

    def _next(self, wanted: Collection[int], seconds: float | None = None) -> int | None:
        """Wait for one of some bytes; gives None when the seconds are over. Raises EOFError when the block is left."""
        ends = None if seconds is None else time.monotonic() + seconds
        while True:
            self._reader.settimeout(None if ends is None else max(ends - time.monotonic(), 0.001))
            try:
                got = self._reader.recv(1)
            except TimeoutError:
                return None
            if not got:
                raise EOFError
            if got[0] in wanted:
                return got[0]

    def _call(self, function: Callable[[], object] | None) -> None:
        if self._loop is not None and function is not None:
            with contextlib.suppress(RuntimeError):  # it was closed meanwhile
                self._loop.call_soon_threadsafe(function)

    def _tell(self, ends: float) -> None:
        culprit = self._culprit()
        self._complain(
            f"{culprit}; press Ctrl-C again to end now, or wait {max(ends - time.monotonic(), 0):.0f} seconds"
        )

    def _culprit(self) -> str:
        """Tell what has not ended."""
        if self._loop is None or self._loop.is_closed():
            return _plural([_thread_name(t) for t in _lasting_threads()] or [self.busy_with], "not ended")
        alive = threading.Event()
        self._call(alive.set)
        if not alive.wait(ANSWER_SECONDS):
            task = asyncio.current_task(self._loop)
            return f"{'a callback' if task is None else _task_name(task)} blocks the event loop"
        tasks = [t for t in asyncio.all_tasks(self._loop) if t is not self._main and t.cancelling()]
        if tasks:
            return _plural([_task_name(t) for t in tasks], "not ended although cancelled")
        return _plural([_thread_name(t) for t in _lasting_threads()] or ["the engine"], "not ended")


def _signals() -> frozenset[int]:
    """Give the signals to hear: not the one of a terminal that closes where whoever started this has it ignored."""
    found: set[int] = {signal.SIGINT, signal.SIGTERM}
    hangup = getattr(signal, "SIGHUP", None)  # Windows has none
    if hangup is not None and signal.getsignal(hangup) is not signal.SIG_IGN:
        found.add(hangup)
    return frozenset(found)


def _lasting_threads() -> list[threading.Thread]:
    """Give the threads that the interpreter waits for before it ends, except the one in which asyncio does."""
    found = [t for t in threading.enumerate() if not t.daemon and t is not threading.main_thread()]
    return [t for t in found if "_do_shutdown" not in t.name]


def _thread_name(thread: threading.Thread) -> str:
    return f"thread {thread.name}"


def _task_name(task: "asyncio.Task[object]") -> str:
    name = task.get_name()
    if not name.startswith("Task-"):
        return name
    function: object = getattr(task.get_coro(), "__qualname__", None)
    return f"{name} ({function})"


def _plural(names: Collection[str], what: str) -> str:
    return f"{', '.join(sorted(names))} {'has' if len(names) == 1 else 'have'} {what}"
