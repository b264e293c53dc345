"""Pass the frames of all connections of a client to whoever taps them. Without a tap, frames take their usual way."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from typing import Protocol, TypeAlias

from pie_client.protocol.codec import Frame

Deliver: TypeAlias = Callable[[list[Frame]], None]


class Tap(Protocol):
    """Receives frames. It must not raise, nor keep a memoryview."""

    def sent(self, connection: int, parts: Sequence[bytes | memoryview]) -> None:
        """Receive the parts of a frame that was written to a connection."""

    def received(self, connection: int, batch: Sequence[Frame]) -> None:
        """Receive the frames of a read from the socket, before they are processed."""


class Tapped(Protocol):
    """A connection whose frames can be tapped."""

    def tap(self, number: int, taps: tuple[Tap, ...]) -> None:
        """Pass each frame to ``taps``, and to no others."""


class Taps:
    """The taps of a client, and its connections."""

    def __init__(self) -> None:
        self._taps: tuple[Tap, ...] = ()
        self._connections: weakref.WeakKeyDictionary[Tapped, int] = weakref.WeakKeyDictionary()
        self._opened = 0

    def open(self, connection: Tapped) -> None:
        """Assign a new connection its number, and tap it."""
        self._opened += 1
        self._connections[connection] = self._opened
        if self._taps:
            connection.tap(self._opened, self._taps)

    def add(self, tap: Tap) -> None:
        """Pass all frames to a tap from now on."""
        self._change((*self._taps, tap))

    def remove(self, tap: Tap) -> None:
        """Pass no more frames to a tap."""
        self._change(tuple(each for each in self._taps if each is not tap))

    def _change(self, taps: tuple[Tap, ...]) -> None:
        self._taps = taps
        for connection, number in list(self._connections.items()):
            connection.tap(number, taps)


class Write(Protocol):
    """Writes a frame that consists of the parts."""

    def __call__(self, *parts: bytes | memoryview, now: bool = False) -> None: ...


def tapped_write(write: Write, number: int, taps: tuple[Tap, ...]) -> Write:
    """Return a function that writes to a connection and passes what was written to taps; ``write`` if there are none."""

    def write_and_pass(*parts: bytes | memoryview, now: bool = False) -> None:
        write(*parts, now=now)
        for tap in taps:
            tap.sent(number, parts)

    return write_and_pass if taps else write


def tapped_deliver(deliver: Deliver, number: int, taps: tuple[Tap, ...]) -> Deliver:
    """Return a function that passes what was received to taps, then delivers it; ``deliver`` if there are none."""

    def pass_and_deliver(batch: list[Frame]) -> None:
        for tap in taps:
            tap.received(number, batch)
        deliver(batch)

    return pass_and_deliver if taps else deliver
