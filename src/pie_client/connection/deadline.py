"""Deadlines: of calls, time limits that restart with progress, and locks whose holder's progress extends them."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterable
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Self, TypeVar

from pie_client.connection.options import check_seconds
from pie_client.connection.waiting import Lock
from pie_client.errors import DeadlineError
from pie_client.protocol.calls import PendingCall

R = TypeVar("R")

EXPIRY_SECONDS = 0.01
"""Shortest time between two searches for expired calls, of which there may be thousands."""


class CallTimer:
    """One timer for the deadlines of all pending calls of a connection.

    Args:
        calls: The pending calls.
        expire: Called with each call whose time is over.
    """

    # A timer for each call would cost more than the call itself, and nearly every call ends long before its deadline.
    # So the timer stays as it is when calls end, and looks for the next deadline when it fires.
    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        calls: Iterable[PendingCall[object]],
        expire: Callable[[PendingCall[object]], None],
    ) -> None:
        self._loop = loop
        self._calls = calls
        self._expire = expire
        self._next = math.inf
        """Time at which the timer fires."""
        self._handle: asyncio.TimerHandle | None = None

    def watch(self, call: PendingCall[R], seconds: float, expires: float) -> None:
        """Set the time limit of a pending call, and the time on the loop's clock when it ends."""
        call.seconds = seconds
        call.expires = expires
        if expires < self._next:
            self._start(expires)

    def close(self) -> None:
        """Stop the timer."""
        self._start(math.inf)

    def _start(self, when: float) -> None:
        if self._handle is not None:
            self._handle.cancel()
        self._next = when
        self._handle = None if when == math.inf else self._loop.call_at(when, self._fire)

    def _fire(self) -> None:
        now, following = self._loop.time(), math.inf
        for call in self._calls:
            if call.expires <= now:
                self._expire(call)
            elif call.expires < following:
                following = call.expires
        self._start(max(following, now + EXPIRY_SECONDS))


class Deadline:
    """A time limit for the body of an ``async with`` statement, which raises DeadlineError.

    Args:
        what: What is done, for the error.
        seconds: Positive number of seconds; ``math.inf`` for no limit.
        sent: See below.
        was_suspended: Returns whether nothing could be sent for some seconds.

    Attributes:
        sent: Whether the request may have been sent, for the error.
    """

    # A class, because unwinding generators would be half of the cost of cancelling a request.
    def __init__(
        self,
        what: str,
        seconds: float,
        *,
        sent: bool = True,
        was_suspended: Callable[[float], bool] | None = None,
    ) -> None:
        self.sent = sent
        self._what = what
        self._seconds = check_seconds("timeout", seconds)
        self._was_suspended = was_suspended
        self._scope = None if seconds == math.inf else asyncio.timeout(seconds)
        self._left = False

    async def __aenter__(self) -> Self:
        if self._scope is not None:
            await self._scope.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._left = True  # threads may still report progress
        if self._scope is not None:
            try:
                await self._scope.__aexit__(kind, error, traceback)
            except TimeoutError:
                raise self._error() from None

    def extend(self) -> None:
        """Restart the time limit, because there was progress."""
        if self._scope is not None:
            self._reschedule(asyncio.get_running_loop().time() + self._seconds)

    def disable(self) -> None:
        """Remove the time limit: the steps that follow have time limits of their own."""
        self._reschedule(None)

    def _reschedule(self, when: float | None) -> None:
        # asyncio.Timeout can't be rescheduled once it has expired or ended.
        if self._scope is not None and not self._left and not self._scope.expired():
            self._scope.reschedule(when)

    def _error(self) -> DeadlineError:
        sent = self.sent and not (self._was_suspended is not None and self._was_suspended(self._seconds))
        return DeadlineError(deadline_text(self._what, self._seconds), sent=sent)


class WaitLimit(Deadline):
    """A time limit for waiting for a process.

    Args:
        failure: What has not happened, for the error.
        timeout: Seconds; None for no limit.
    """

    def __init__(self, failure: str, timeout: float | None) -> None:
        super().__init__(failure, math.inf if timeout is None else timeout)

    def _error(self) -> DeadlineError:
        return DeadlineError(f"{self._what} within {self._seconds:g} s; raise timeout=, or terminate it")


def deadline_text(what: str, seconds: float) -> str:
    """Return the text of a DeadlineError."""
    return f"{what} did not finish within {seconds:g} s; raise timeout=, or check the server"


class ProgressLock:
    """A lock whose holder's progress extends the deadlines of all waiters."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.waiting: set[Deadline] = set()

    def hold(self, deadline: Deadline) -> AbstractAsyncContextManager[None]:
        """Acquire the lock before the deadline, and hold it in the context."""
        return _Hold(self, deadline)

    def report_progress(self) -> None:
        """Extend the deadlines of all waiters."""
        for deadline in self.waiting:
            deadline.extend()


class _Hold(AbstractAsyncContextManager[None]):
    def __init__(self, of: ProgressLock, deadline: Deadline) -> None:
        self._of = of
        self._deadline = deadline

    async def __aenter__(self) -> None:
        # Only while it waits: the holder extends its own deadline.
        self._of.waiting.add(self._deadline)
        try:
            await self._of.lock.__aenter__()
        finally:
            self._of.waiting.discard(self._deadline)

    async def __aexit__(self, *_: object) -> None:
        await self._of.lock.__aexit__()
