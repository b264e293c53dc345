"""Log each request with its duration, without arguments and results. Loaded if DEBUG is on when a client connects."""

from __future__ import annotations

import functools
import logging
import time
from types import TracebackType
from typing import Protocol

from pie_client._generated.calls import Caller
from pie_client._generated.methods import Method
from pie_client.common.logs import LimitedLog
from pie_client.connection.watched import Watched
from pie_client.errors import ConnectionLostError, DeadlineError, ReconnectError, one_line

logger = logging.getLogger(__name__)


def logged_callers(caller: Caller) -> tuple[Caller, Caller]:
    """Return what sends requests with a record for each, and those that the server causes with a few records."""
    few = LimitedLog(logger)
    return Watched(caller, functools.partial(_Outcome, logger)), Watched(
        caller, functools.partial(_Outcome, few)
    )


class _Log(Protocol):
    def log(self, level: int, text: str, /, *args: object) -> None: ...


class _Outcome:
    """Logs the outcome of a request when its ``with`` block ends."""

    __slots__ = ("_begin", "_log", "_success", "_tag", "corr_id")

    def __init__(self, log: _Log, method: Method[object], replied: bool) -> None:
        self._log = log
        self._tag = one_line(method.tag)  # that of a raw message is any text
        self._success = "done" if replied else "sent"
        self.corr_id: int | None = None

    def __enter__(self) -> None:
        self._begin = time.perf_counter()

    def __exit__(
        self, _type: type[BaseException] | None, error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        milliseconds = 1000 * (time.perf_counter() - self._begin)
        request = self._tag if self.corr_id is None else f"{self._tag} {self.corr_id}"
        if error is None:
            self._log.log(logging.DEBUG, "%s: %s in %.1f ms", request, self._success, milliseconds)
        else:
            # Without its text, which may quote the server, which may quote a payload.
            self._log.log(logging.DEBUG, "%s: %s after %.1f ms", request, _described(error), milliseconds)


def _described(error: BaseException) -> str:
    """Return the type of an error, and whether the request was sent if that is what matters about it."""
    name = type(error).__name__
    if not isinstance(error, ConnectionLostError | DeadlineError | ReconnectError) or error.sent is None:
        return name
    return f"{name}, {'sent' if error.sent else 'not sent'},"
