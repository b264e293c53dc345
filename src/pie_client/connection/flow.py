"""Decide when to pause reading from the socket, so that TCP slows the server down.

The rules are in :mod:`pie_client.protocol.backlog`. This module counts the waiting tasks, and has the timers.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from pie_client.protocol.session import Session

STALL_SECONDS = 10.0
"""Seconds without a read after which a process counts as not being read, while others wait."""
SEND_STALL_SECONDS = 0.1
"""Seconds after which a message that the socket has not accepted counts as stalled."""


class Flow:
    """The decisions for one connection.

    Args:
        session: Says what is unread.
        loop: Of the connection.
        update: Called when a decision may have changed.

    Attributes:
        waiting: Number of tasks that wait for an event or for the end of a process.
        stalled_sends: Number of messages that the socket has not accepted for a while.
        update: See above.
    """

    def __init__(self, session: Session, loop: asyncio.AbstractEventLoop, update: Callable[[], None]) -> None:
        self.waiting = 0
        self._session = session
        self._loop = loop
        self.update = update
        self.stalled_sends = 0
        self._watch: asyncio.TimerHandle | None = None
        """Ends the time in which a process has to be read."""

    def should_pause(self, *, unanswered: bool = False) -> bool:
        """Return whether reading should pause now, with regard to what is unread and unwritten.

        Args:
            unanswered: Whether MCP calls wait until others have been answered. What answers them may use this connection,
                so they pause it only while nobody waits for anything.
        """
        session = self._session
        if session.disk_is_behind:
            return True
        backlogs = session.routes.backlogs
        if backlogs.due or backlogs.pressing:
            session.routes.survey()
        pause = not self.stalled_sends and (
            session.should_pause(waiting=self.waiting > 0)
            or (unanswered and not self.waiting and not session.calls)
        )
        # A waiting task may depend on a reader that has stopped reading: check that events are taken.
        if pause and self.waiting and self._watch is None:
            backlogs.suspect_readers()
            self._watch = self._loop.call_later(STALL_SECONDS, self._check_readers)
        return pause

    def close(self) -> None:
        """Stop watching."""
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None

    def keep_receiving_if_stalled(self, *, congested: bool) -> contextlib.AbstractContextManager[None]:
        """Keep reading from the socket while a message is being sent that the socket does not accept."""
        return _Sending(self, self._loop) if congested else contextlib.nullcontext()

    def _check_readers(self) -> None:
        self._watch = None
        self._session.routes.backlogs.forget_readers()
        self.update()


class _Sending(contextlib.AbstractContextManager[None]):
    """A message that the socket does not accept at present."""

    # A server that blocks while sending to us does not read. If we paused receiving too, both would wait forever.
    __slots__ = ("_flow", "_loop", "_stalled", "_timer")

    def __init__(self, flow: Flow, loop: asyncio.AbstractEventLoop) -> None:
        self._flow = flow
        self._loop = loop
        self._stalled = False

    def __enter__(self) -> None:
        self._timer = self._loop.call_later(SEND_STALL_SECONDS, self._stall)

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        self._flow.stalled_sends -= self._stalled

    def _stall(self) -> None:
        self._stalled = True
        self._flow.stalled_sends += 1
        self._flow.update()
