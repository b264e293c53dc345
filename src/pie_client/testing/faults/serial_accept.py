"""Opening handshakes one at a time, as servers make them that accept connections serially."""

from typing import Protocol


class Arrival(Protocol):
    """A TCP connection before its opening handshake."""

    def hold(self) -> None:
        """Read nothing of it."""
        ...

    def admit(self) -> None:
        """Read it."""
        ...


class Turnstile:
    """Lets one connection at a time be read until its opening handshake is over; the others wait in their order."""

    def __init__(self) -> None:
        self._line: dict[Arrival, None] = {}

    def arrive(self, arrival: Arrival) -> None:
        """Let a connection in, or have it wait."""
        if self._line:
            arrival.hold()
        self._line[arrival] = None

    def leave(self, arrival: Arrival) -> None:
        """Note that the handshake of a connection is over, well or not, or that it is gone; the next one is let in."""
        first = next(iter(self._line), None)
        self._line.pop(arrival, None)
        if arrival is first and self._line:
            next(iter(self._line)).admit()
