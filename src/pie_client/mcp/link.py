"""What every connection with an MCP server has in common, whatever carries it."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from pie_client._generated.mcp import McpTransport
from pie_client.errors import McpServerError
from pie_client.mcp.peer import Peer

logger = logging.getLogger(__name__)


class Link:
    """A connection with a running server. It ends once, for a reason, and is not used again.

    Attributes:
        name: Name of the server.
        peer: Sends requests and gets answers.
        ended: Why it ended; None while it works.
        ended_at: When, by the monotonic clock.
        refusal: What the transport knows about why the server refused; "" for nothing.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.peer = Peer(name, self.send)
        self.ended: str | None = None
        self.ended_at = 0.0
        self.refusal = ""
        self.closing = False

    async def send(self, text: str) -> None:
        """Send a message; raises McpServerError."""
        raise NotImplementedError

    def use_version(self, version: str) -> None:
        """Take note of the version of MCP that both sides speak."""

    async def close(self) -> None:
        """Stop the server, or the connection with it, within a second and a half."""
        raise NotImplementedError

    def kill(self) -> None:
        """Stop it at once."""
        raise NotImplementedError

    def end(self, reason: str) -> None:
        """Note that it ended, and tell everybody who waits."""
        if self.ended is not None:
            return
        self.ended = reason
        self.ended_at = time.monotonic()
        if not self.closing:
            logger.warning("MCP server %r ended: %s", self.name, reason)
        self.peer.fail(lambda: McpServerError(self.name, reason))


class Spec(Protocol):
    """How to reach a server."""

    @property
    def transport(self) -> McpTransport:
        """What carries the messages."""
        ...

    async def open(self, name: str) -> Link:
        """Start the server or connect to it; raises McpServerError."""
        ...


@dataclass(frozen=True, slots=True)
class Lines:
    """Puts lines of any length together from pieces.

    Args:
        emit: Gets each line, without its end.
        keep: Bytes that are kept of a line; None for all.
    """

    emit: Callable[[bytes], None]
    keep: int | None = None
    _parts: list[bytes] = field(default_factory=list[bytes])

    def feed(self, data: bytes) -> None:
        """Take a piece."""
        first, *rest = data.split(b"\n")
        self._add(first)
        for piece in rest:
            self.finish()
            self._add(piece)

    def finish(self) -> None:
        """Take what is there as a line, unless it is empty."""
        line = b"".join(self._parts).removesuffix(b"\r")
        self._parts.clear()
        if line:
            self.emit(line)

    def _add(self, piece: bytes) -> None:
        if self.keep is not None:
            piece = piece[: self.keep - sum(map(len, self._parts))]
        if piece:
            self._parts.append(piece)
