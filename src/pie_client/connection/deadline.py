"""Deadlines: of calls, time limits that restart with progress, and locks whose holder's progress extends them."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import AsyncGenerator, Callable, Iterable
from typing import TypeVar

from pie_client.connection.options import check_seconds
from pie_client.connection.waiting import Lock
from pie_client.errors import DeadlineError, PieError
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
    """The end of a time limit.

    Attributes:
        sent: Whether the request may have been sent, for the DeadlineError.
    """

    def __init__(self, scope: asyncio.Timeout, seconds: float, *, sent: bool) -> None:
        self.sent = sent
        self._scope = scope
        self._seconds = seconds
        self._left = False

    def extend(self) -> None:
        """Restart the time limit, because there was progress."""
        if self._seconds != math.inf:
            self._reschedule(asyncio.get_running_loop().time() + self._seconds)

    def disable(self) -> None:
        """Remove the time limit: what follows has its own."""
        self._reschedule(None)

    def leave(self) -> None:
        """Ignore further progress, which threads may still report after the context has ended."""
        self._left = True

    def _reschedule(self, when: float | None) -> None:
        # asyncio.Timeout can't be rescheduled once it has expired or ended.
        if not self._left and not self._scope.expired():
            self._scope.reschedule(when)


@contextlib.asynccontextmanager
async def time_limit(what: str, seconds: float, *, sent: bool = True) -> AsyncGenerator[Deadline]:
    """Limit the time of the context; raises DeadlineError.

    Args:
        what: What is done, for the error.
        seconds: Positive number of seconds; ``math.inf`` for no limit.
        sent: Whether the request may be sent in the context; see :attr:`Deadline.sent`.
    """
    check_seconds("timeout", seconds)
    scope = asyncio.timeout(None if seconds == math.inf else seconds)
    deadline = Deadline(scope, seconds, sent=sent)
    try:
        async with scope:
            try:
                yield deadline
            finally:
                deadline.leave()
    except TimeoutError:
        # A TimeoutError from inside, such as that of a socket, is not ours.
        if not scope.expired():
            raise
        raise DeadlineError(deadline_text(what, seconds), sent=deadline.sent) from None


@contextlib.asynccontextmanager
async def wait_limit(failure: str, timeout: float | None) -> AsyncGenerator[None]:
    """Limit the time of waiting for a process; raises DeadlineError.

    Args:
        failure: What has not happened, for the error.
        timeout: Seconds; None for no limit.
    """
    seconds = math.inf if timeout is None else check_seconds("timeout", timeout)
    if seconds == math.inf:
        yield
        return
    scope = asyncio.timeout(seconds)
    try:
        async with scope:
            yield
    except TimeoutError as error:
        if isinstance(error, PieError) or not scope.expired():
            raise
        raise DeadlineError(f"{failure} within {seconds:g} s; raise timeout=, or terminate it") from None


def deadline_text(what: str, seconds: float) -> str:
    """Return the text of a DeadlineError."""
    return f"{what} did not finish within {seconds:g} s; raise timeout=, or check the server"


class ProgressLock:
    """A lock whose holder's progress extends the deadlines of all waiters."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._waiting: set[Deadline] = set()

    @contextlib.asynccontextmanager
    async def hold(self, deadline: Deadline) -> AsyncGenerator[None]:
        """Acquire the lock before the deadline, and hold it in the context."""
        # Only while it waits: the holder extends its own deadline.
        self._waiting.add(deadline)
        try:
            async with self._lock:
                self._waiting.discard(deadline)
                yield
        finally:
            self._waiting.discard(deadline)

    def report_progress(self) -> None:
        """Extend the deadlines of all waiters."""
        for deadline in self._waiting:
            deadline.extend()
