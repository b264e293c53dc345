"""Standard output and error of ``python -m pie_client.testing``: lines, and what happens when nobody reads them."""

import contextlib
import io
import os
import select
import stat
import sys
import threading
import time
from collections.abc import Callable
from typing import Final, cast

from pie_client.testing.engine.trace import TracedFrame, describe
from pie_client.testing.terminal.lines import Lines
from pie_client.testing.terminal.stopping import end_status

SIGPIPE: Final = 13
"""Its number where there is one; Windows has none."""


class Output:
    """Standard output, in lines. When it can't be written any more, that is told to the one who asked for it, once.

    It is written past ``sys.stdout``, which loaded files may close or replace, and which the interpreter flushes at its end,
    whoever is writing.
    """

    def __init__(self, on_failure: Callable[[], None]) -> None:
        self.status = 0
        """Exit status: another than 0 when standard output failed."""
        self._on_failure = on_failure
        self._stream = sys.stdout
        self._encoding = self._stream.encoding or "utf-8"
        self._number: int | None = None
        if os.name == "posix":  # elsewhere terminals are no files
            with contextlib.suppress(OSError):  # what has no number is written as it is
                self._number = os.dup(self._stream.fileno())
        self._watched = False
        self._frames: Lines | None = None

    def watch(self) -> None:
        """Notice that nobody reads a pipe any more also while nothing is written, from now on."""
        if self._number is not None and stat.S_ISFIFO(os.fstat(self._number).st_mode):
            self._watched = True
            threading.Thread(target=self._wait, args=(self._number,), name="output", daemon=True).start()

    def _wait(self, number: int) -> None:
        left = select.poll()
        left.register(number, 0)  # nothing but that the other end is closed
        left.poll()
        self._fail(end_status(SIGPIPE))

    def say(self, line: str) -> None:
        """Write a line."""
        if self.status:
            return
        try:
            self._write(line + "\n")
        except BrokenPipeError:  # whoever read it has enough, as `head` has
            self._fail(end_status(SIGPIPE))
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is closed"
            complain(f"standard output can't be written: {reason}")
            self._fail(1)

    def frame(self, frame: TracedFrame) -> None:
        """Write a frame, and when it was; in a thread, for whoever reads it may pause."""
        now = time.time()
        clock = time.strftime("%H:%M:%S", time.localtime(now))
        if self._frames is None:
            self._frames = Lines(self.say)
        self._frames.put(f"{clock}.{int(now * 1000) % 1000:03} {describe(frame)}")

    def close(self) -> None:
        """Write what waits to be written; a second later tell that nobody reads it."""
        if self._frames is not None and (lost := self._frames.close()) and not self.status:
            complain(f"standard output is not read: {lost} lines are lost")
        elif self._number is not None and not self._watched:
            os.close(self._number)
            self._number = None

    def _write(self, text: str) -> None:
        if self._number is None:
            self._stream.write(text)
            self._stream.flush()
            return
        left = memoryview(text.encode(self._encoding, "backslashreplace"))
        while left:
            left = left[os.write(self._number, left) :]

    def _fail(self, status: int) -> None:
        if not self.status:
            self.status = status
            _redirect_to_nothing(sys.stdout)
            self._on_failure()


def complain(line: str) -> None:
    """Write a line to standard error."""
    for stream in (sys.stderr, sys.__stderr__):  # loaded files may close or replace the first
        with contextlib.suppress(OSError, ValueError, AttributeError):
            cast("io.TextIOBase", stream).write(f"pie_client.testing: {line}\n")
            return


def prepare_streams() -> None:
    """Open those standard streams that are closed, lest their numbers become those of sockets; let output be any text."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            mode = "w" if number else "r"
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115, PTH123 - until the end
    stdout: object = sys.stdout
    if isinstance(stdout, io.TextIOWrapper):
        stdout.reconfigure(errors="backslashreplace", line_buffering=True)


def _redirect_to_nothing(stream: object) -> None:
    """Make what is left in a stream's buffer go nowhere, lest its last flush fail."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, cast("io.TextIOWrapper", stream).fileno())
        os.close(nothing)
