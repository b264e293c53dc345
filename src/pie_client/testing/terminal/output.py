"""Standard output and standard error of ``python -m pie_client.testing``."""

import contextlib
import io
import os
import sys
import time
from collections.abc import Callable
from typing import Final, TextIO

from pie_client.testing.engine.trace import TracedFrame, describe

BROKEN_PIPE_STATUS: Final = 128 + 13
"""Exit status of a command that SIGPIPE ends, as shells report it."""


class Output:
    """Writes lines to standard output; when that fails, it calls a function once and writes nothing more.

    Attributes:
        status: Exit status; not 0 after standard output failed.
    """

    def __init__(self, on_failure: Callable[[], object]) -> None:
        self.status = 0
        self._on_failure = on_failure
        self._stream: TextIO = sys.stdout
        stream: object = sys.stdout
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")

    def write(self, line: str) -> None:
        """Write a line."""
        if self.status:
            return
        try:
            print(line, file=self._stream, flush=True)
        except BrokenPipeError:
            self._fail(BROKEN_PIPE_STATUS)
        except (OSError, ValueError) as error:
            write_error(f"can't write to standard output: {error}")
            self._fail(1)

    def write_frame(self, frame: TracedFrame) -> None:
        """Write a frame with the time of day."""
        now = time.time()
        clock = time.strftime("%H:%M:%S", time.localtime(now))
        self.write(f"{clock}.{int(now * 1000) % 1000:03} {describe(frame)}")

    def _fail(self, status: int) -> None:
        self.status = status
        with contextlib.suppress(OSError, ValueError):  # or the interpreter fails to flush it at exit
            nothing = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nothing, self._stream.fileno())
            os.close(nothing)
        self._on_failure()


def write_error(line: str) -> None:
    """Write a line to standard error, if possible."""
    with contextlib.suppress(OSError, ValueError, AttributeError):  # it is closed, or None
        sys.stderr.write(f"pie_client.testing: {line}\n")
