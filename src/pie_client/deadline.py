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

    def pause(self) -> None:
        """Count no further until :meth:`extend`: something is waited for that has a deadline of its own."""
        if not self._scope.expired():
            self._scope.reschedule(None)

    def extend(self) -> None:
        """Count the seconds anew from now on, because there was progress."""
        if self._seconds != math.inf and not self._scope.expired():
            self._scope.reschedule(asyncio.get_running_loop().time() + self._seconds)


@contextlib.asynccontextmanager
async def bounded(what: str, seconds: float) -> AsyncGenerator[Deadline]:
    """Bound what is done inside; raises DeadlineError naming it."""
    check_seconds("timeout", seconds)
    scope = asyncio.timeout(None if seconds == math.inf else seconds)
    try:
        async with scope:
            yield Deadline(scope, seconds)
    except TimeoutError:
        if not scope.expired():
            raise
        raise DeadlineError(
            f"{what} was not done within {seconds:g} s; raise timeout=, or check the server"
        ) from None


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
