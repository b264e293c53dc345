"""What waits for a change of a mailbox."""

from __future__ import annotations

from typing import Protocol


class Waiter(Protocol):
    """Something to wake after a change; an ``asyncio.Future`` is one."""

    def done(self) -> bool:
        """Return whether it was woken or no longer waits."""
        ...

    def set_result(self, result: None, /) -> None:
        """Wake it."""
        ...


class Waiters:
    """Several waiters as one."""

    __slots__ = ("all",)

    def __init__(self, *waiters: Waiter) -> None:
        self.all: dict[Waiter, None] = dict.fromkeys(waiters)

    def done(self) -> bool:
        return not self.all

    def set_result(self, result: None, /) -> None:
        for waiter in self.all:
            if not waiter.done():
                waiter.set_result(result)
