"""Log each request with its duration, without arguments and results. Loaded if DEBUG is on when a client connects."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from types import TracebackType
from typing import Protocol, Self, TypeVar

from pie_client._generated.calls import Caller, Fields
from pie_client._generated.methods import Method
from pie_client.content import Chunk, Content
from pie_client.errors import ConnectionLostError, DeadlineError, ReconnectError
from pie_client.logs import LimitedLog

logger = logging.getLogger(__name__)

R = TypeVar("R")


def logged_callers(caller: Caller) -> tuple[Caller, Caller]:
    """Return what sends requests with a record for each, and those that the server causes with a few records."""
    return _Logged(caller, logger), _Logged(caller, LimitedLog(logger))


class _Log(Protocol):
    def log(self, level: int, text: str, /, *args: object) -> None: ...


class _Logged:
    """Sends requests by another caller and logs each."""

    def __init__(self, caller: Caller, log: _Log) -> None:
        self._caller = caller
        self._log = log

    async def call(self, method: Method[R], build: Callable[[int], Fields], timeout: float | None) -> R:
        """Send a request and return its decoded result."""
        with _Outcome(self._log, method, "done") as outcome:

            def numbered(corr_id: int) -> Fields:
                outcome.corr_id = corr_id
                return build(corr_id)

            return await self._caller.call(method, numbered, timeout)

    async def notify(self, method: Method[None], build: Callable[[], Fields], timeout: float | None) -> None:
        """Send a message that has no reply."""
        with _Outcome(self._log, method, "sent"):
            await self._caller.notify(method, build, timeout)

    async def upload(
        self,
        method: Method[R],
        build: Callable[[int, Chunk], Fields],
        content: bytes | Content,
        timeout: float | None,
    ) -> R:
        """Send a request in chunks and return its decoded result."""
        with _Outcome(self._log, method, "done") as outcome:

            def numbered(corr_id: int, chunk: Chunk) -> Fields:
                outcome.corr_id = corr_id
                return build(corr_id, chunk)

            return await self._caller.upload(method, numbered, content, timeout)

    async def transfer(
        self,
        method: Method[None],
        build: Callable[[Chunk], Fields],
        content: bytes | Content,
        timeout: float | None,
    ) -> None:
        """Send a message in chunks that has no reply."""
        with _Outcome(self._log, method, "sent"):
            await self._caller.transfer(method, build, content, timeout)


class _Outcome:
    """Logs the outcome of a request when its ``with`` block ends.

    Attributes:
        corr_id: Correlation id of the request; None if it has none, or was refused before it got one. If the request was
            repeated after a loss of the connection, the last one.
    """

    __slots__ = ("_begin", "_log", "_success", "_tag", "corr_id")

    def __init__(self, log: _Log, method: Method[R], success: str) -> None:
        self._log = log
        self._tag = method.tag
        self._success = success
        self.corr_id: int | None = None

    def __enter__(self) -> Self:
        self._begin = time.perf_counter()
        return self

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
