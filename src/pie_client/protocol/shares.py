"""How much of a process may be unread."""

from __future__ import annotations

from typing import Literal, NamedTuple, TypeAlias

WhenFull: TypeAlias = Literal["pause", "drop-oldest", "error"]
"""What happens when more of a process is unread than its share."""


class Share(NamedTuple):
    """How many bytes of a process may be unread, and what happens above that."""

    size: int
    when_full: WhenFull
