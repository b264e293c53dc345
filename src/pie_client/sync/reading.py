"""Hand the events of a process to the thread that iterates over them, all that are there at a time.

A call of the event loop costs far more than an event. So the loop hands over the events that have already arrived, and those
that were not asked for yet wait beside the unread ones. Before any other call of a handle they return to these, in their
order: whatever receives, counts or discards unread events finds them there.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from pie_client.process import Process
from pie_client.protocol.items import ProcessEvent
from pie_client.protocol.routes import Route
from pie_client.sync.loop_thread import LoopThread

T = TypeVar("T")

MOST_BYTES: Final = 64 << 10
"""Most bytes that are handed over at a time beyond the first event. They do not count as unread meanwhile."""
SHARE_PART: Final = 16
"""They are this part of the share of the process at most."""
FRESH_SECONDS: Final = 0.5
"""Seconds after which they return to the process: a slow reader must not look like none."""


class Reading:
    """The thread of the clients, for the calls of one handle.

    Args:
        thread: The thread.
        process: The handle. It is used in the thread only.
    """

    __slots__ = ("_calls", "_fresh_until", "_process", "_thread")

    def __init__(self, thread: LoopThread, process: Process[object]) -> None:
        self._thread = thread
        self._process = process
        self._calls = 0
        """Calls that are in the loop."""
        self._fresh_until = 0.0

    def wait(self, begin: Callable[[], Awaitable[T]]) -> T:
        """Do as :meth:`LoopThread.wait`."""
        return self._thread.wait(self._counted(begin))

    def leave(self, begin: Callable[[], Awaitable[None]]) -> None:
        """Do as :meth:`LoopThread.leave`."""
        self._thread.leave(self._counted(begin))

    def do(self, work: Callable[[], T]) -> T:
        """Do as :meth:`LoopThread.do`."""

        def done() -> T:
            self._return_events()
            return work()

        done.__qualname__ = work.__qualname__
        return self._thread.do(done)

    def step(self, begin: Callable[[], Awaitable[ProcessEvent]]) -> ProcessEvent:
        """Return the next event. Raises StopIteration at the end.

        Args:
            begin: Waits for it, if none was handed over.
        """
        fresh = time.monotonic() < self._fresh_until and not self._thread.forked
        if fresh and (event := self._handed_over()) is not None:
            return event

        async def hand_over() -> None:
            await self._hand_over(begin)

        hand_over.__qualname__ = begin.__qualname__
        while True:
            self._thread.step(self._counted(hand_over))
            if (event := self._handed_over()) is not None:
                return event

    @property
    def _route(self) -> Route:
        return self._process._route  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - a friend of the class

    def _handed_over(self) -> ProcessEvent | None:
        try:
            return self._route.handed_over.popleft()
        except (AttributeError, IndexError):
            return None  # nothing yet, or the handle was closed; or another thread was faster

    # ------------------------------------------------------------- in the event loop

    def _counted(self, begin: Callable[[], Awaitable[T]]) -> Callable[[], Awaitable[T]]:
        async def call() -> T:
            self._return_events()
            self._calls += 1
            try:
                return await begin()
            finally:
                self._calls -= 1

        call.__qualname__ = begin.__qualname__
        return call

    async def _hand_over(self, begin: Callable[[], Awaitable[ProcessEvent]]) -> None:
        """Wait for an event, and hand it over with those behind it that need no wait."""
        first = await begin()
        route = self._route
        if not hasattr(route, "handed_over"):
            route.handed_over = deque()
        route.handed_over.append(first)
        self._fresh_until = time.monotonic() + FRESH_SECONDS
        unread = route.unread
        # Who else reads would wait for what this thread may never ask for.
        if not unread or self._calls > 1 or route.claims > 1:
            return
        least = route.held - min(MOST_BYTES, route.share.size // SHARE_PART)
        # A file may still have to be written, and a gap is an error: each is left until it is asked for.
        while unread and isinstance(unread[0], tuple) and route.held > least:
            route.handed_over.append(await self._process.__anext__())

    def _return_events(self) -> None:
        """Return to the process what was not asked for."""
        route = self._route
        while events := getattr(route, "handed_over", None):
            try:
                route.put_back(events.pop())
            except IndexError:
                return  # a thread took the last one
