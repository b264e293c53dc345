"""Wait for a change, or for a lock, so that each of many waiters can be cancelled at the same cost.

Events, locks and futures of asyncio search all their waiters for the one that is cancelled.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
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
    """A lock for the ``async with`` statement. Tasks get it in the order in which they began to wait."""

    def __init__(self) -> None:
        self._locked = False
        self._waiters: Final[OrderedDict[asyncio.Future[None], None]] = OrderedDict()

    async def __aenter__(self) -> None:
        if not self._locked:
            self._locked = True
            return
        waiter = asyncio.get_running_loop().create_future()
        self._waiters[waiter] = None
        try:
            await waiter
        except BaseException:
            if waiter.done() and not waiter.cancelled():
                self._release()  # it got the lock, but was cancelled before it ran
            else:
                self._waiters.pop(waiter, None)
            raise

    async def __aexit__(self, *_: object) -> None:
        self._release()

    def _release(self) -> None:
        # Handed over locked, so that no task that comes meanwhile is before it.
        while self._waiters:
            waiter, _ = self._waiters.popitem(last=False)
            if not waiter.done():
                waiter.set_result(None)
                return
        self._locked = False
