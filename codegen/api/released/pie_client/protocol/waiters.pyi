from __future__ import annotations
from typing import Protocol

class Waiter(Protocol):

    def done(self) -> bool:
        ...

    def set_result(self, result: None, /) -> None:
        ...

class Waiters:
    __slots__ = ('all',)

    def __init__(self) -> None:
        self.all = ...

    def done(self) -> bool:
        ...

    def set_result(self, result: None, /) -> None:
        ...
