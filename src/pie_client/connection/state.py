"""The states that a client's connection passes through."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from pie_client.errors import PieError


class ConnectionStatus(Enum):
    """What the connection of a client is doing."""

    CLOSED = "closed"
    """Not connected yet, or closed by :meth:`PieClient.close`."""
    CONNECTING = "connecting"
    """An attempt to connect runs. After a loss it includes the login, MCP servers and processes."""
    READY = "ready"
    """Connected."""
    LOST = "lost"
    """The connection was lost."""
    WAITING = "waiting"
    """The next attempt begins after a delay."""
    GAVE_UP = "gave up"
    """No further attempt follows, until :meth:`PieClient.connect` is called."""


@dataclass(frozen=True, slots=True)
class ConnectionState:
    """What the connection of a client is doing, and why. ``str()`` returns it as one line.

    Attributes:
        status: What it is doing.
        attempt: CONNECTING, WAITING: number of the attempt, from 1. GAVE_UP: number of attempts.
        delay: WAITING: seconds until the attempt begins.
        cause: LOST: why. WAITING, GAVE_UP: the error of the last attempt, or of the loss.
        kept: READY after a loss: ids of the processes that were attached again, whose handles go on.
        lost: READY after a loss: ids of the processes that the server did not give back; their handles raise
            ProcessLostError.
        may_have_gaps: READY after a loss: whether events of the kept processes may be missing, because the connection was
            lost without a close frame. See :attr:`Process.possible_gaps`.
    """

    status: ConnectionStatus
    attempt: int = 0
    delay: float = 0.0
    cause: PieError | None = None
    kept: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    may_have_gaps: bool = False

    def __str__(self) -> str:
        parts = [self.status.value]
        if self.attempt:
            plural = "s" if self.attempt > 1 else ""
            parts.append(
                f"after {self.attempt} attempt{plural}"
                if self.status is ConnectionStatus.GAVE_UP
                else f"attempt {self.attempt}"
            )
        if self.status is ConnectionStatus.WAITING:
            parts.append(f"in {self.delay:.2f} s")
        text = " ".join(parts)
        if self.kept or self.lost:
            text += f"; {len(self.kept)} processes kept, {len(self.lost)} lost"
        if self.may_have_gaps and self.kept:
            text += ", events may be missing"
        return text + (f": {self.cause}" if self.cause is not None else "")
