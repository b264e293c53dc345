"""Time limits that restart with progress, and locks whose holder's progress extends the waiters' limits."""

import asyncio
import contextlib
import math
from collections.abc import AsyncGenerator

from pie_client.connection.options import check_seconds
from pie_client.errors import DeadlineError


class Deadline:
    """The end of a time limit."""

    def __init__(self, scope: asyncio.Timeout, seconds: float) -> None:
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
async def time_limit(what: str, seconds: float) -> AsyncGenerator[Deadline]:
    """Limit the time of the context; raises DeadlineError.

    Args:
        what: What is done, for the error.
        seconds: Positive number of seconds; ``math.inf`` for no limit.
    """
    check_seconds("timeout", seconds)
    scope = asyncio.timeout(None if seconds == math.inf else seconds)
    deadline = Deadline(scope, seconds)
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
        raise DeadlineError(
            f"{what} did not finish within {seconds:g} s; raise timeout=, or check the server"
        ) from None


class ProgressLock:
    """A lock whose holder's progress extends the deadlines of all waiters."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._waiting: set[Deadline] = set()

    @property
    def locked(self) -> bool:
        """Whether the lock is held."""
        return self._lock.locked()

    @contextlib.asynccontextmanager
    async def hold(self, deadline: Deadline) -> AsyncGenerator[None]:
        """Acquire the lock before the deadline, and hold it in the context."""
        # Only while it waits: the holder extends its own deadline.
        self._waiting.add(deadline)
        try:
            await self._lock.acquire()
        finally:
            self._waiting.discard(deadline)
        try:
            yield
        finally:
            self._lock.release()

    def report_progress(self) -> None:
        """Extend the deadlines of all waiters."""
        for deadline in self._waiting:
            deadline.extend()
