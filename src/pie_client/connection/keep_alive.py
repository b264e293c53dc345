"""Notice that a connection is dead although TCP has not reported it."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable

from pie_client.connection.transport import Transport
from pie_client.errors import ConnectionLostError

LATE = 1.05
"""Factor by which a wait may be late before the event loop counts as busy: then it may have had no time for the pong."""


class KeepAlive:
    """Pings over a transport, until it is lost or this is stopped.

    Args:
        transport: The transport. It is closed when the server does not answer.
        interval: Seconds between pings; ``math.inf`` for none.
        timeout: Seconds without any sign of life after which the connection counts as lost.
        paused: Returns whether reading from the transport is paused.
        fail: Called with the error before the transport is closed.
    """

    def __init__(
        self,
        transport: Transport,
        interval: float,
        timeout: float,
        paused: Callable[[], bool],
        fail: Callable[[Exception], None],
    ) -> None:
        self._transport = transport
        self._interval = interval
        self._timeout = timeout
        self._paused = paused
        self._fail = fail
        self._task = (
            None
            if interval == math.inf
            else asyncio.create_task(self._run(), name="pie-client background task")
        )

    def stop(self) -> None:
        """Send no more pings."""
        if self._task is not None and self._task is not asyncio.current_task():
            self._task.cancel()

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._interval)
            # While receiving is paused, the pong waits unread in the socket: it proves nothing.
            if self._paused():
                continue
            ping = asyncio.ensure_future(self._transport.ping())
            try:
                alive = await self._shows_life(ping)
            except ConnectionLostError:
                return
            finally:
                if not ping.cancel() and not ping.cancelled():
                    ping.exception()  # marks it as retrieved
            if not alive:
                lost = ConnectionLostError(
                    f"connection to {self._transport.address} lost: no pong, nor anything else, within ping_timeout={self._timeout:g} s; {self._transport.advice('check the network, or raise ping_timeout')}"
                )
                lost.__cause__ = TimeoutError("no pong")
                self._fail(lost)
                self._transport.abort()
                return

    async def _shows_life(self, ping: asyncio.Future[None]) -> bool:
        """Return whether the pong arrives, or reading is paused, before a ping timeout in which nothing moves."""
        loop = asyncio.get_running_loop()
        while True:
            progress, begin = self._transport.progress(), loop.time()
            # asyncio.wait, not timeout(): if the event loop was blocked, pong and deadline are due together, and a
            # timeout would win over the pong.
            await asyncio.wait([ping], timeout=self._timeout)
            if ping.done():
                await ping
                return True
            if self._paused():
                return True
            # The pong may be queued behind a large message, and the ping behind what is being sent.
            late = loop.time() - begin > LATE * self._timeout
            if not late and not self._transport.progress().follows(progress):
                return False
