"""Run the work of a command: signals, exit statuses, and errors as one line.

The first signal cancels the work, or does what the work has chosen; a second one exits at once.
"""

from __future__ import annotations

import contextlib
import logging
import signal
import sys
from collections.abc import Callable, Coroutine, Generator
from enum import IntEnum
from typing import TYPE_CHECKING

from pie_client.cli import output, wording
from pie_client.common.interrupts import BROKEN_PIPE_STATUS, Interrupts
from pie_client.errors import (
    DeadlineError,
    HandshakeError,
    InvalidArgumentError,
    InvalidKeyError,
    PieConnectionError,
    PieError,
    ProcessError,
    RegistryError,
    one_line,
)
from pie_client.lazy import LazyModule

if TYPE_CHECKING:
    import asyncio
    import traceback

    from pie_client._generated import families, refusals
else:
    asyncio = LazyModule("asyncio")
    traceback = LazyModule("traceback")
    families = LazyModule("pie_client._generated.families")
    refusals = LazyModule("pie_client._generated.refusals")


class Status(IntEnum):
    """Exit statuses of the command. One that a signal ends has 128 plus the signal's number."""

    OK = 0
    """Done; the process has returned."""
    FAILED = 1
    """The process ended with an error. `check`: the server does not have the program. `map`: an input failed."""
    USAGE = 2
    """An argument or a file is wrong; nothing was sent."""
    CONNECTION = 3
    """The server or registry can't be reached, the connection broke, or an answer is overdue."""
    AUTHENTICATION = 4
    """The server did not accept the user, the key, the token or the identity."""
    REFUSED = 5
    """The server refused the request, or something else failed."""


LEVELS = (logging.WARNING, logging.INFO, logging.DEBUG)
"""Levels of the log, by how often --verbose is given."""


class UsageError(Exception):
    """An argument of the command is wrong; the text is one line."""


class FailedError(Exception):
    """The command can't do what was asked; the text is one line.

    Attributes:
        status: Exit status.
    """

    def __init__(self, text: str, status: Status = Status.REFUSED) -> None:
        super().__init__(text)
        self.status = status


def run(work: Callable[[Interrupts], Coroutine[object, object, int | None]], *, verbose: int = 0) -> int:
    """Run the work of a command in an event loop, and return the exit status.

    Args:
        work: The work; what it returns is the exit status, None for 0.
        verbose: How much of the package's log goes to standard error: nothing below warnings, INFO, or DEBUG.
    """
    interrupts = Interrupts()

    async def handled() -> int | None:
        with interrupts.handled(), _logging(verbose):
            task = asyncio.create_task(work(interrupts))

            def cancel() -> None:
                output.end_line()
                task.cancel()

            interrupts.call(cancel, task.get_loop())
            return await task

    return guarded(lambda: asyncio.run(handled()), interrupts, verbose=verbose)


def guarded(work: Callable[[], int | None], interrupts: Interrupts | None = None, *, verbose: int = 0) -> int:
    """Call a function and return the exit status. Errors become one line on standard error."""
    try:
        status = work()
    except (asyncio.CancelledError, KeyboardInterrupt):
        return _interrupted(interrupts) or 128 + signal.SIGINT
    except output.OutputClosedError as error:
        if not str(error):
            return BROKEN_PIPE_STATUS
        output.note(f"can't write to standard output: {error}")
        return Status.REFUSED
    except Exception as error:  # noqa: BLE001 - a command shows no tracebacks
        if verbose > 1 and isinstance(error, (PieError, OSError)):
            output.write_error("".join(traceback.format_exception(error)))
        status, text = _described(error, verbose)
        output.note(text)
    return _interrupted(interrupts) or status or Status.OK


def _interrupted(interrupts: Interrupts | None) -> int:
    return 0 if interrupts is None or interrupts.signal is None else 128 + interrupts.signal


@contextlib.contextmanager
def _logging(verbose: int) -> Generator[None]:
    """Write the package's log to standard error in a block."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter(f"{output.NAME}: %(levelname)s %(name)s: %(message)s"))
    logger = logging.getLogger("pie_client")
    before = logger.propagate, logger.level
    logger.addHandler(handler)
    logger.propagate = False
    level = LEVELS[min(verbose, len(LEVELS) - 1)]
    logger.setLevel(level)
    handler.setLevel(level)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.propagate = before[0]
        logger.setLevel(before[1])


def _described(error: Exception, verbose: int) -> tuple[Status, str]:
    """Return the exit status for an error, and its line."""
    if isinstance(error, UsageError):
        return Status.USAGE, str(error)
    if isinstance(error, FailedError):
        return error.status, str(error)
    if isinstance(error, PieError):
        return _status_of(error), wording.said(error)
    if isinstance(error, OSError):
        wrong = isinstance(error, (FileNotFoundError, NotADirectoryError, IsADirectoryError, PermissionError))
        name = f"{error.filename}: " if error.filename else ""
        advice = "check the path and its permissions" if name else "mend that, then try again"
        status = Status.USAGE if wrong else Status.REFUSED
        return status, one_line(f"{name}{error.strerror or error}; {advice}")
    if verbose:
        output.write_error("".join(traceback.format_exception(error)))
    return Status.REFUSED, one_line(
        f"internal error: {type(error).__name__}: {error}; report it with the output of --verbose"
    )


def _status_of(error: PieError) -> Status:
    if isinstance(error, ProcessError):
        return Status.FAILED
    if isinstance(error, (refusals.AuthenticationError, InvalidKeyError)):
        return Status.AUTHENTICATION
    if isinstance(error, HandshakeError) and error.status == families.STATUS_IDENTITY_REFUSED:
        return Status.AUTHENTICATION
    unreachable = isinstance(error, RegistryError) and isinstance(error.__cause__, OSError)
    if unreachable or isinstance(error, (PieConnectionError, DeadlineError)):
        return Status.CONNECTION
    return Status.USAGE if isinstance(error, InvalidArgumentError) else Status.REFUSED
