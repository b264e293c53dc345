"""Wait for a change, or for a lock, so that each of many waiters can be cancelled at the same cost.

Events, locks and futures of asyncio search all their waiters for the one that is cancelled.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from typing import Final


class Change:
    """Something that tasks wait for."""

    def __init__(self) -> None:
        self._waiters: Final[dict[asyncio.Future[None], None]] = {}

    async def wait(self) -> None:
        """Wait for the next :meth:`report`."""
        waiter = asyncio.get_running_loop().create_future()
        self._waiters[waiter] = None
        try:
            await waiter
        finally:
            self._waiters.pop(waiter, None)

    def report(self) -> None:
        """Wake all that wait."""
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)
        self._waiters.clear()


class Lock:
    """A lock for the ``async with`` statement. Tasks get it in the order in which they began to wait.

    Args:
        is_needed: Returns whether those who wait have work to do that takes time. If not, a release wakes them all: each takes
            the lock in the same turn of the event loop. None: they always have.
    """

    def __init__(self, is_needed: Callable[[], bool] | None = None) -> None:
        self._is_needed = is_needed
        self._locked = False
        self._waiters: Final[OrderedDict[asyncio.Future[bool], None]] = OrderedDict()
        """Their results tell whether the lock was handed over."""

    async def __aenter__(self) -> None:
        while self._locked:
            waiter = asyncio.get_running_loop().create_future()
            self._waiters[waiter] = None
            try:
                if await waiter:
                    return
            except BaseException:
                if not waiter.done() or waiter.cancelled():
                    self._waiters.pop(waiter, None)
                elif waiter.result():
                    self._release()  # it got the lock, but was cancelled before it ran
                raise
        self._locked = True

    async def __aexit__(self, *_: object) -> None:
        self._release()

    def _release(self) -> None:
        # Handed over locked, so that no task that comes meanwhile is before it.
        handed = self._is_needed is None or self._is_needed()
        while self._waiters:
            waiter, _ = self._waiters.popitem(last=False)
            if not waiter.done():
                waiter.set_result(handed)
                if handed:
                    return
        self._locked = False
