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

from pie_client.testing.stopping import end_status
from pie_client.testing.trace import TracedFrame, describe

SIGPIPE: Final = 13
"""Its number where there is one; Windows has none."""


class Output:
    """Standard output, in lines. When it can't be written any more, that is told to the one who asked for it, once."""

    def __init__(self, on_failure: Callable[[], None]) -> None:
        self.status = 0
        """Exit status: another than 0 when standard output failed."""
        self._on_failure = on_failure

    def watch(self) -> None:
        """Notice that nobody reads a pipe any more also while nothing is written, from now on."""
        with contextlib.suppress(OSError):  # what has no number is no pipe
            number = sys.stdout.fileno()
            if os.name == "posix" and stat.S_ISFIFO(os.fstat(number).st_mode):
                threading.Thread(target=self._wait, args=(number,), name="output", daemon=True).start()

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
            sys.stdout.write(line + "\n")
            sys.stdout.flush()
        except BrokenPipeError:  # whoever read it has enough, as `head` has
            self._fail(end_status(SIGPIPE))
        except OSError as error:
            complain(f"standard output can't be written: {error.strerror}")
            self._fail(1)

    def frame(self, frame: TracedFrame) -> None:
        """Write a frame, and when it was."""
        now = time.time()
        clock = time.strftime("%H:%M:%S", time.localtime(now))
        self.say(f"{clock}.{int(now * 1000) % 1000:03} {describe(frame)}")

    def _fail(self, status: int) -> None:
        if not self.status:
            self.status = status
            _redirect_to_nothing(sys.stdout)
            self._on_failure()


def complain(line: str) -> None:
    """Write a line to standard error."""
    with contextlib.suppress(OSError):
        sys.stderr.write(f"pie_client.testing: {line}\n")


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
    with contextlib.suppress(OSError, AttributeError):
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, cast("io.TextIOWrapper", stream).fileno())
        os.close(nothing)
