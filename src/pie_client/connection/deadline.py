"""Deadlines: how long something may take, counted anew when there is progress."""

import asyncio
import contextlib
import math
from collections.abc import AsyncGenerator

from pie_client.errors import DeadlineError, InvalidArgumentError


class Deadline:
    """When something has to be done."""

    def __init__(self, scope: asyncio.Timeout, seconds: float) -> None:
        self._scope = scope
        self._seconds = seconds
        self._over = False

    def extend(self) -> None:
        """Count the seconds anew from now on, because there was progress."""
        if self._seconds != math.inf and not self._over and not self._scope.expired():
            self._scope.reschedule(asyncio.get_running_loop().time() + self._seconds)

    def disable(self) -> None:
        """Count no further: what follows has deadlines of its own."""
        if not self._over and not self._scope.expired():
            self._scope.reschedule(None)

    def finish(self) -> None:
        """Take no further notice of progress."""
        self._over = True


@contextlib.asynccontextmanager
async def time_limit(what: str, seconds: float) -> AsyncGenerator[Deadline]:
    """Bound what is done inside; raises DeadlineError naming it."""
    check_seconds("timeout", seconds)
    scope = asyncio.timeout(None if seconds == math.inf else seconds)
    deadline = Deadline(scope, seconds)
    try:
        async with scope:
            try:
                yield deadline
            finally:
                deadline.finish()
    except TimeoutError:
        if not scope.expired():
            raise
        raise DeadlineError(
            f"{what} was not done within {seconds:g} s; raise timeout=, or check the server"
        ) from None


class ProgressLock:
    """Those who want the same thing, of whom one at a time has it. Its progress is that of all who wait."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._waiting: set[Deadline] = set()

    @property
    def locked(self) -> bool:
        """Somebody has it."""
        return self._lock.locked()

    @contextlib.asynccontextmanager
    async def hold(self, deadline: Deadline) -> AsyncGenerator[None]:
        """Wait for one's turn, as long as the deadline allows."""
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
        """Count the deadlines of all who wait anew."""
        for deadline in self._waiting:
            deadline.extend()


def check_seconds(name: str, value: float) -> float:
    """Check a duration; raises InvalidArgumentError."""
    try:
        usable = value > 0 and not isinstance(value, bool)
    except TypeError:
        usable = False
    if not usable:
        raise InvalidArgumentError(
            f"{name}={value!r} is not a duration; pass a positive number of seconds, or math.inf"
        )
    return value
