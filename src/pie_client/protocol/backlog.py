"""Decide what happens when too much is unread: which processes pause the connection, and which lose events.

The rules, which ``docs/back-pressure.md`` tells to users:

* A process has a share of memory. All processes together have a total. Files on disk have a limit of their own.
* Above its share a process loses its oldest events (``"drop-oldest"``), all events (``"error"``), or pauses the
  connection (``"pause"``). If nobody reads a process but its result is awaited, it loses its oldest events, too.
* A pause must not keep a request waiting. It must not keep somebody waiting for another process either, unless a process
  that pauses the connection is being read. Reading goes on then, and above the total the largest backlogs lose events.
* The terminal event is never lost, nor is the newest event.

Nothing is added up per event: a survey looks at all processes, but only when so much has arrived since the last one that
a limit could have been exceeded.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from pie_client.common.logs import LimitedLog

if TYPE_CHECKING:
    from pie_client.protocol.codec import Frame
    from pie_client.protocol.files import Spooling
    from pie_client.protocol.mailbox import Mailbox

logger = logging.getLogger(__name__)

SHARES = 8
"""Shares that the total is, unless it is given."""
UNCLAIMED_BYTES = 8 << 20
"""Most bytes held for processes without a handle, whose launch or attach reply may still arrive."""
FRAME_BYTES = 4096
"""Most memory that a frame may take beyond its bytes: that of a file of which the first chunk arrives."""
BYTE_BYTES = 4
"""Most memory that a byte of a frame may take: that of a letter in a text with one emoji."""
SLACK = 4
"""Binary logarithm: a limit may be exceeded, and dropping goes below it, by this fraction (1/16) of it."""

SURVEY_BYTES = 64
"""Most memory for each process that may be taken without a survey, whatever the limits are."""
UNREAD_ON_DISK = 4
"""The part of ``max_spooled`` (1/4) above which complete unread files pause the connection."""


class Backlogs:
    """What the processes of a session hold, and what has to happen.

    Args:
        routes: The processes, by id.
        total: Bytes that all of them may hold in memory, or the largest share if it is more.
        spooling: What they hold on disk.

    Attributes:
        total: See above.
        arrived: Most memory that may have been taken since the last survey.
        headroom: Memory that may be taken before the next survey.
        over: Whether a limit was exceeded at the last survey.
        pressing: Whether a process pauses the connection or a limit was exceeded, at the last survey.
        unclaimed: Bytes held for processes without a handle, at the last survey.
    """

    def __init__(self, routes: Mapping[str, Mailbox], total: int, spooling: Spooling) -> None:
        self.total = total
        self.arrived = 0
        self.headroom: float = 0
        self.over = False
        self.pressing = False
        self.unclaimed = 0
        self._dropped = 0
        self._ignoring: set[Mailbox] = set()
        """Processes whose events are ignored since more than their share was unread."""
        self._routes = routes
        self._spooling = spooling
        self._full: list[Mailbox] = []
        """Processes above their share."""
        self._pausing: list[tuple[Mailbox, int]] = []
        """Processes that pause the connection, and the bytes that each may hold."""
        self._stalled: set[Mailbox] = set()
        """Processes that were taken for unread and keep nobody waiting, even if they are read again, until none is full.

        A task that reads two processes in turn would otherwise wait for one of them in vain again and again.
        """
        self._log = LimitedLog(logger)

    # ------------------------------------------------------------- counting

    def count(self, batch: Sequence[Frame]) -> None:
        """Count the memory that the frames of a socket read may take."""
        self.arrived += BYTE_BYTES * sum(map(len, batch)) + FRAME_BYTES * len(batch)

    def add(self, route: Mailbox) -> None:
        """Count a process that has got a handle, or another share."""
        size = route.share.size
        self.total = max(self.total, size)
        self.headroom = min(self.headroom, size - route.held)

    @property
    def held(self) -> int:
        """Bytes in memory that processes with a handle, or detached ones, hold."""
        return sum(route.held for route in self._routes.values() if route.known and route.held > 0)

    @property
    def dropped(self) -> int:
        """Number of dropped events of all processes, even closed ones."""
        return self._dropped + sum(route.ignored for route in self._ignoring)

    @property
    def due(self) -> bool:
        """Whether a limit may have been exceeded since the last survey."""
        return self.arrived > self.headroom

    def survey(self) -> None:
        """Find the processes that are above a limit."""
        total = unclaimed = 0
        room = self.total
        full: list[Mailbox] = []
        for route in self._routes.values():
            # Below zero by the encoded forms of texts; see Mailbox.
            held = max(route.held, 0)
            if not route.known:
                unclaimed += held
                continue
            total += held
            size = route.share.size
            if held > size:
                full.append(route)
            else:
                room = min(room, max(size - held, size >> SLACK))
        self.unclaimed = unclaimed
        room = min(room, max(self.total - total, self.total >> SLACK))
        room = min(room, max(UNCLAIMED_BYTES - unclaimed, UNCLAIMED_BYTES >> SLACK))
        spooling = self._spooling
        left = spooling.limit - spooling.used
        if spooling.unread <= (unread := spooling.limit / UNREAD_ON_DISK):
            left = min(left, unread - spooling.unread)
        room_on_disk = max(left, spooling.limit / (1 << SLACK))
        # A survey looks at every process: many small shares must not make it frequent.
        self.headroom = max(min(room, room_on_disk), SURVEY_BYTES * len(self._routes))
        self.arrived = 0
        self._full = full
        self._pausing = [(route, route.share.size) for route in full if _pauses(route)]
        self.over = bool(full) or total > self.total or spooling.used > spooling.limit
        if total > self.total:
            self._find_largest(total - self.total)
        # Files that are still arriving are not counted here: no reader can take them.
        if spooling.unread > unread:
            waiting = [route for route in self._routes.values() if route.known and route.has_files_on_disk]
            self._pausing += [(route, route.held - 1) for route in waiting if _pauses(route, always=True)]
        self.pressing = self.over or bool(self._pausing)
        if self.pressing:
            self.headroom = 0
        else:
            self._stalled.clear()

    def _find_largest(self, excess: int) -> None:
        """Find the processes that have to be read to free so many bytes."""
        for route in self._largest():
            if _pauses(route, always=True):
                self._pausing.append((route, max(route.held - excess, 0)))
            excess -= route.held
            if excess <= 0:
                break

    def _largest(self) -> list[Mailbox]:
        known = [route for route in self._routes.values() if route.known and route.held > 0]
        return sorted(known, key=lambda route: route.held, reverse=True)

    # ------------------------------------------------------------- pausing

    def should_pause(self, *, waiting: bool) -> bool:
        """Return whether reading from the socket should pause until the application reads events.

        Args:
            waiting: Whether somebody waits for an event or the end of a process.
        """
        readable = [route for route, _ in self._pausing if route.readable]
        # Events of the same connection can't overtake each other: a pause keeps those who wait waiting. So it has to be
        # certain that somebody reads what it waits for.
        if waiting:
            return any(route.reading and route not in self._stalled for route in readable)
        return bool(readable)

    @property
    def still_full(self) -> bool:
        """Whether a process that paused the connection is still above its limit, while nothing arrives."""
        return any(route.held > limit for route, limit in self._pausing)

    def suspect_readers(self) -> None:
        """Begin to watch whether processes are read."""
        for route in self._routes.values():
            route.suspect()

    def forget_readers(self) -> None:
        """Take processes for unread from which nothing was read since :meth:`suspect_readers`."""
        stalled = [route for route in self._routes.values() if route.reading_paused]
        self._stalled.update(stalled)
        for route in stalled:
            route.reading = False
            text = "nothing was read from process %s for a while, and others wait; its events may be dropped"
            self._log.log(logging.WARNING, text, route.process_id)

    # ------------------------------------------------------------- dropping

    def enforce(self) -> None:
        """Drop what exceeds the limits. Called before more arrives, after readers had a chance to read."""
        for route in self._full:
            size, when_full = route.share
            if route.held <= size:
                continue
            if when_full == "error":
                self._ignore_more(route, f"more than its share of {size} bytes was unread", "max_buffered")
            elif when_full == "drop-oldest" or _is_only_awaited(route):
                self._drop_oldest(route, size - (size >> SLACK))
        self._enforce_total()
        spooling = self._spooling
        while spooling.used > spooling.limit and self._drop_file_on_disk():
            pass

    def _enforce_total(self) -> None:
        excess = self.held - self.total
        if excess <= 0:
            return
        excess += self.total >> SLACK
        for route in self._largest():
            before = route.held
            if route.share.when_full == "error":
                self._ignore_more(
                    route,
                    f"more than {self.total} bytes of all processes were unread",
                    "max_buffered_total",
                )
            else:
                self._drop_oldest(route, max(before - excess, 0))
            excess -= before - route.held
            if excess <= 0:
                break

    def _drop_oldest(self, route: Mailbox, goal: int) -> None:
        # Who has begun to read expects what follows, also after waiting for the result.
        begun = route.reader is not None or not _is_only_awaited(route)
        tell = route.share.when_full == "pause" and begun
        first = not route.drops
        self._dropped += (dropped := route.drop_oldest(goal, tell=tell))
        if dropped and first:
            text = "dropping unread events of process %s, oldest first; process.dropped counts them"
            self._log.log(logging.WARNING, text, route.process_id)

    def _ignore_more(self, route: Mailbox, reason: str, limit: str) -> None:
        text = f"events of process {route.process_id} were dropped: {reason}; read faster, or raise {limit}"
        for ended in [each for each in self._ignoring if each.ended or not each.known or each is route]:
            self._ignoring.discard(ended)
            self._dropped += ended.ignored
        self._ignoring.add(route)
        self._dropped += route.ignore_more(text)
        self._log.log(logging.WARNING, "%s", text)

    def _drop_file_on_disk(self) -> bool:
        """Lose a file of the process that has most on disk, and return whether there was one."""
        routes = [route for route in self._routes.values() if route.on_disk]
        if not routes:
            return False
        before = (route := max(routes, key=lambda each: each.on_disk)).drops
        lost = route.drop_file_on_disk()
        self._dropped += route.drops - before
        return lost


def _is_only_awaited(route: Mailbox) -> bool:
    """Return whether somebody waits for the end of a process, and nobody reads it."""
    return route.awaited > 0 and not route.reading


def _pauses(route: Mailbox, *, always: bool = False) -> bool:
    """Return whether a process pauses the connection; ``always``, if others are the reason, under ``"error"`` too."""
    when_full = route.share.when_full
    return (when_full == "pause" or (always and when_full == "error")) and not _is_only_awaited(route)
