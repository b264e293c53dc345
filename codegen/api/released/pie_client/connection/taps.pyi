from __future__ import annotations
import weakref
from collections.abc import Callable, Sequence
from typing import Protocol, TypeAlias
from pie_client.protocol.codec import Frame
Deliver: TypeAlias = Callable[[list[Frame]], None]

class Tap(Protocol):

    def sent(self, connection: int, parts: Sequence[bytes | memoryview]) -> None:
        ...

    def received(self, connection: int, batch: Sequence[Frame]) -> None:
        ...

class Tapped(Protocol):

    def tap(self, number: int, taps: tuple[Tap, ...]) -> None:
        ...

class Taps:

    def __init__(self) -> None:
        ...

    def open(self, connection: Tapped) -> None:
        ...

    def add(self, tap: Tap) -> None:
        ...

    def remove(self, tap: Tap) -> None:
        ...

class Write(Protocol):

    def __call__(self, *parts: bytes | memoryview, now: bool=False) -> None:
        ...

def tapped_write(write: Write, number: int, taps: tuple[Tap, ...]) -> Write:
    ...

def tapped_deliver(deliver: Deliver, number: int, taps: tuple[Tap, ...]) -> Deliver:
    ...
