"""Opening handshakes one at a time: real 0.4 servers accept the next connection only after the handshake of the last."""

import asyncio


class AcceptQueue:
    """Connections in the order of arrival; all but the first are paused until the first has finished its handshake."""

    def __init__(self) -> None:
        self._waiting: dict[asyncio.Transport, None] = {}

    def add(self, transport: asyncio.Transport) -> None:
        """Add a new connection. Its bytes wait in TCP while it is not the first."""
        if self._waiting:
            transport.pause_reading()
        self._waiting[transport] = None

    def discard(self, transport: asyncio.Transport) -> None:
        """Remove a connection whose handshake is over or that is lost, and let the first one of the others read."""
        self._waiting.pop(transport, None)
        if self._waiting:
            next(iter(self._waiting)).resume_reading()  # has no effect if it is reading
