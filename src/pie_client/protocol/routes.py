"""The processes that a session knows: one :class:`Route` for each process id.

A route is made by the first of three: an event, which may precede the reply to its launch; that reply; an attach. It is
claimed while handles of the process exist. Routes without a handle are bounded in number and bytes, because a server can
name any process. What all of them hold is limited in :mod:`pie_client.protocol.backlog`.
"""

from __future__ import annotations

import logging
import math
import re
from collections import deque
from collections.abc import Callable, Iterable
from enum import Enum
from typing import TYPE_CHECKING

from pie_client.common.logs import LimitedLog
from pie_client.errors import InvalidArgumentError, PieError, ProcessEndedError, SlowConsumerError
from pie_client.lazy import LazyModule
from pie_client.protocol import backlog
from pie_client.protocol.backlog import Backlogs
from pie_client.protocol.files import Spooling
from pie_client.protocol.items import ProcessEvent
from pie_client.protocol.mailbox import Mailbox
from pie_client.protocol.shares import Share

if TYPE_CHECKING:
    import uuid
else:
    uuid = LazyModule("uuid")  # for ids that are not in the canonical form

logger = logging.getLogger(__name__)

UNCLAIMED_ROUTES = 10_000
MAX_ID_CHARACTERS = 100
"""Longest process id for which events are buffered; a UUID has 36 characters."""
IGNORED_ROUTES = 4096
"""Released processes remembered, so that their late events don't open a new mailbox."""


CANONICAL = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}").fullmatch
"""Match a UUID in the form that servers send: parsing one takes longer than the rest of a launch's reply."""


class Dropped(Enum):
    """Why the events of a process are ignored."""

    RELEASED = "released"
    """Its last handle was closed."""
    OVERFLOWED = "overflowed"
    """It sent too much before it had a handle."""
    UNCAPTURED = "uncaptured"
    """It was launched without capturing its output, so that the server sends none."""


class Route(Mailbox):
    """A process, and its unread events.

    Attributes:
        attached: Whether the process sends its events to this connection and has not ended.
        claims: Number of open handles.
        detached: Keep buffering without handles, for a later attach.
        dropped: Why events are ignored; None if they are not.
        possible_gaps: How often events may have been lost with a connection, without a close frame.
        handed_over: Events that were taken before they were asked for; not set before :mod:`pie_client.sync` takes some.
    """

    __slots__ = ("attached", "claims", "detached", "dropped", "handed_over", "possible_gaps")
    handed_over: deque[ProcessEvent]

    def __init__(self, process_id: str, share: Share, spooling: Spooling | None = None) -> None:
        super().__init__(process_id, share, spooling)
        self.attached = False
        self.claims = 0
        self.detached = False
        self.dropped: Dropped | None = None
        self.possible_gaps = 0

    @property
    def known(self) -> bool:
        """Whether a handle reads the events, or can after an attach."""
        return self.claims > 0 or self.detached

    def without_events(self) -> Route:
        """Return a route for a closed handle: the same process and outcome, but no events."""
        copy = Route(self.process_id, self.share)
        copy.receptive = False
        copy.terminal, copy.failure, copy.dropped = self.terminal, self.failure, self.dropped
        copy.possible_gaps = self.possible_gaps
        copy.drops = self.all_drops
        return copy

    @property
    def all_drops(self) -> int:
        """Number of events that were dropped, those that were ignored included."""
        return self.drops + self.ignored if self.overflow else self.drops

    def reopen(self) -> None:
        """Go on after :meth:`ignore_more` or :meth:`fail`: the server sends the events again. Lost ones stay lost."""
        self.drops = self.all_drops
        self.overflow = ""
        self.failure = None
        self.receptive = self.terminal is None

    def drop(self, reason: Dropped) -> None:
        """Discard the events and ignore further ones."""
        self.dropped = reason
        # These may be large. A closed handle has its own copies, and this object is kept to recognize late events.
        self.terminal = self.failure = self._lost_files = None
        if hasattr(self, "handed_over"):
            del self.handed_over
        self.receptive = False
        self.detached = False
        self.discard()


class Routes:
    """The routes of a session, and the limits of what they buffer.

    Args:
        share: What each process may hold, unless its handle says otherwise.
        total: Bytes that all of them may hold in memory.
        spooling: When received files go to disk, and how much of them waits for it.

    Attributes:
        share, spooling: See above.
        by_id: Every route by the id of its process.
        backlogs: What the processes hold.
    """

    def __init__(self, share: Share, total: int, spooling: Spooling) -> None:
        self.by_id: dict[str, Route] = {}
        self.share = share
        self.spooling = spooling
        self.backlogs = Backlogs(self.by_id, total, spooling)
        self._log = LimitedLog(logger)
        self._unclaimed: dict[str, Route] = {}
        """Routes without a handle yet, oldest first."""
        self._live: dict[str, Route] = {}
        """Routes with a handle, and detached ones. Those that have ended are removed when they are met."""
        self._ignored: dict[str, Route] = {}
        """Dropped routes of processes that may have ended, oldest first."""

    def find(self, process_id: str) -> Route | None:
        """Return the route of a process, a new one for an unknown process, or None if its events are ignored."""
        # Servers send ids in normal form, so the first lookup nearly always succeeds and parses no UUID.
        route = self.by_id.get(process_id)
        if route is None:
            process_id = normalized_id(process_id)
            route = self.by_id.get(process_id)
        if route is None and len(process_id) <= MAX_ID_CHARACTERS:
            # Events may arrive before the launch reply that names their process: keep them for its handle.
            route = self._add_unclaimed(process_id)
        return None if route is None or route.dropped is not None else route

    def claim(self, process_id: str, share: Share | None = None) -> Route:
        """Return the route of a process for a new handle, with the events that have already arrived.

        Args:
            process_id: Id of the process.
            share: What it may hold from now on. Default: as before, or as all processes.
        """
        route = self.by_id.get(process_id)
        if route is None or route.dropped is not None:
            dropped = route
            if dropped is not None:
                self._forget(process_id)
            route = self.by_id[process_id] = Route(process_id, self.share, self.spooling)
            if dropped is not None and dropped.dropped is Dropped.OVERFLOWED:
                route.fail(
                    lambda: SlowConsumerError(
                        f"process {process_id} sent too much before it had a handle; its events were discarded. See list_processes"
                    )
                )
        else:
            self._unclaimed.pop(process_id, None)
            # Attached again after an overflow: the lost events stay lost, new ones are readable. Earlier handles stay
            # handles of the same route: nothing would ever end one that is not in by_id.
            if route.attached and (route.overflow or route.failure is not None):
                route.reopen()
        self._live[process_id] = route
        if share is not None:
            route.share = share
        route.attached = route.terminal is None and route.failure is None
        route.detached = False
        route.claims += 1
        self.backlogs.add(route)
        return route

    def release(self, route: Route, *, keep: bool = False) -> None:
        """Close a handle. The last one discards the events and ignores further ones, unless they are to be kept."""
        route.claims -= 1
        # Events of a route that another one has replaced can't be attached to any more.
        route.detached = route.detached or (keep and self.by_id.get(route.process_id) is route)
        if route.claims == 0:
            route.reading = False
            route.suspect()
        if route.known:
            return
        self._live.pop(route.process_id, None)
        if self.by_id.get(route.process_id) is route:
            self._ignore(route, Dropped.RELEASED)
        else:
            route.drop(Dropped.RELEASED)

    def record_attached(self, process_id: str) -> None:
        """Expect the events of a process: the server attached it to this connection."""
        # Buffered events follow the reply immediately, before the caller claims the route: don't ignore them.
        route = self.by_id.get(process_id)
        if route is None or route.dropped is not None:
            self._forget(process_id)
            route = self._add_unclaimed(process_id)
        elif route.failure is not None and route.known:
            # The server has given back a process that was taken for lost.
            route.reopen()
            self._live[process_id] = route
        route.attached = True

    def record_end(self, process_id: str) -> None:
        """Stop expecting events of a process: it has ended."""
        route = self.by_id.get(process_id) or self.by_id.get(normalized_id(process_id))
        if route is not None:
            route.attached = False
            if route.dropped is not None:
                self._limit_ignored(route)

    def ignore(self, process_id: str) -> None:
        """Ignore the events of a process that no handle will read."""
        route = self.by_id.get(process_id) or self._add_unclaimed(process_id)
        if not route.known:
            self._ignore(route, Dropped.RELEASED)

    def is_attached(self, process_id: str) -> bool:
        """Return whether a process sends its events to this connection, or its detached mailbox holds some."""
        route = self.by_id.get(process_id)
        return route is not None and (route.attached or route.detached)

    def check_running(self, process_id: str, request: str) -> None:
        """Raise ProcessEndedError if a process is known to have ended, so that a request is not sent."""
        route = self.by_id.get(process_id)
        if route is not None and route.terminal is not None:
            raise ProcessEndedError(
                f"{request} not sent: process {process_id} has ended; call wait() for its result"
            )

    def live(self, most: float = math.inf) -> list[Route]:
        """Return the routes whose events are readable and that have not ended, but not more than ``most``."""
        found: list[Route] = []
        ended: list[str] = []
        for route in self._live.values():
            if route.ended:
                ended.append(route.process_id)
            elif len(found) < most:
                found.append(route)
            else:
                break
        for process_id in ended:
            del self._live[process_id]
        return found

    def running(self) -> set[str]:
        """Return the ids of the processes that have not ended, with or without a handle."""
        return {
            route.process_id
            for route in self.by_id.values()
            if route.attached or (route.known and not route.ended)
        }

    def fail(self, process_ids: Iterable[str], failure: Callable[[], PieError]) -> None:
        """Fail processes that no longer run although no terminal event has arrived."""
        for process_id in process_ids:
            if (route := self.by_id.get(process_id)) is not None:
                route.attached = False
                if route.known:
                    route.fail(failure)

    def interrupt(self, *, gaps: bool) -> None:
        """Expect no events until processes are attached again: the connection was lost and may be restored.

        Args:
            gaps: Whether events that were on their way may be lost.
        """
        for route in list(self.by_id.values()):
            if route.attached and gaps:
                # Now, not when it is attached again: its end may be read before the caller learns of that.
                route.possible_gaps += 1
                route.lose_arriving_files("the connection was lost before its last chunk")
            route.attached = False
            if route.dropped is not None:
                self._forget(route.process_id)

    def resume(self) -> None:
        """Forget the processes without a handle that the lost connection knew: no reply can name them any more."""
        for route in [route for route in self._unclaimed.values() if not route.attached]:
            route.drop(Dropped.RELEASED)
            self._forget(route.process_id)

    def close(self, failure: Callable[[], PieError]) -> None:
        """Fail every process: the connection is gone."""
        routes = list(self.by_id.values())
        self.by_id.clear()
        self._live.clear()
        for route in self._unclaimed.values():
            route.drop(Dropped.RELEASED)  # no handle can read these any more
        self._unclaimed.clear()
        self._ignored.clear()
        for route in routes:
            route.attached = False
            if route.known:
                route.fail(failure)

    def survey(self) -> None:
        """Find what exceeds the limits. Processes without a handle lose their events at once."""
        self.backlogs.survey()
        if self._unclaimed:
            self._limit_unclaimed()

    def _add_unclaimed(self, process_id: str) -> Route:
        route = Route(process_id, self.share, self.spooling)
        self.by_id[process_id] = self._unclaimed[process_id] = route
        return route

    def _limit_unclaimed(self) -> None:
        # Events may precede the reply that creates the handle, so they can't be refused; the oldest go first.
        held = self.backlogs.unclaimed
        while len(self._unclaimed) > UNCLAIMED_ROUTES or held > backlog.UNCLAIMED_BYTES:
            route = self._unclaimed[next(iter(self._unclaimed))]
            held -= route.held
            self._ignore(route, Dropped.OVERFLOWED)
            text = "discarding events of process %.40r, which has no handle"
            self._log.log(logging.WARNING, text, route.process_id)

    def _ignore(self, route: Route, reason: Dropped) -> None:
        self._unclaimed.pop(route.process_id, None)
        route.drop(reason)
        self._limit_ignored(route)

    def _limit_ignored(self, route: Route) -> None:
        # A process that is attached will send more, so it stays; the client launched it, which bounds their number.
        if route.attached:
            return
        self._ignored[route.process_id] = route
        if len(self._ignored) > IGNORED_ROUTES:
            self._forget(next(iter(self._ignored)))

    def _forget(self, process_id: str) -> None:
        self.by_id.pop(process_id, None)
        self._ignored.pop(process_id, None)
        self._unclaimed.pop(process_id, None)


def canonical_id(process_id: str) -> str:
    """Return a process id in the form that servers send. Raises InvalidArgumentError if it is not a UUID."""
    try:
        return process_id if CANONICAL(process_id) else str(uuid.UUID(process_id))
    except (ValueError, AttributeError, TypeError):
        raise InvalidArgumentError(
            f"{process_id!r} is not a process id; pass a UUID such as process.process_id"
        ) from None


def normalized_id(process_id: str) -> str:
    """Return a server's process id in the form of canonical_id, or unchanged if it is not a UUID."""
    if CANONICAL(process_id):
        return process_id
    try:
        return str(uuid.UUID(process_id))
    except ValueError:
        return process_id
