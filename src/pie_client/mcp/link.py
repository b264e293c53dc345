"""A connection to an MCP server, independent of its transport.

``stdio`` and ``http`` implement it; ``peer`` matches the answers.
"""

import logging
import time
from typing import ClassVar, Protocol

from pie_client._generated.mcp import McpTransport
from pie_client.errors import McpServerError
from pie_client.mcp.peer import Peer

logger = logging.getLogger(__name__)

STOPPED = "it was stopped"
REGISTER_AGAIN = "register it again"
"""Advice for an MCP server that this client stopped."""


class Link:
    """A connection to a running server. It ends once, with a reason, and is not reused.

    Attributes:
        advice: What users can do when the server fails.
        name: Name of the server.
        peer: Sends requests and receives their answers.
        ended: Why the connection ended; None while it is open.
        ended_at: Time of the end, by the monotonic clock.
        refusal: Why the server refused, as far as the transport knows; "" if it does not.
        closing: The connection is being closed by this side, so that its end is expected.
    """

    advice: ClassVar[str]

    def __init__(self, name: str) -> None:
        self.name = name
        self.peer = Peer(name, self.send)
        self.ended: str | None = None
        self.ended_at = 0.0
        self.refusal = ""
        self.closing = False

    @property
    def unreadable(self) -> str:
        """What the server wrote instead of messages, as the end of a sentence about it; "" if it did not."""
        shown = self.peer.unreadable
        return f"wrote {shown!r}, which is not JSON-RPC" if shown else ""

    async def send(self, text: str) -> None:
        """Send a message; raises McpServerError."""
        raise NotImplementedError

    def use_version(self, version: str) -> None:
        """Record the negotiated protocol version."""

    async def close(self) -> None:
        """Stop the server, or end the session with it, within 1.5 seconds."""
        raise NotImplementedError

    def kill(self) -> None:
        """Stop the server, or drop the session, immediately."""
        raise NotImplementedError

    def end(self, reason: str) -> None:
        """Record the end and fail pending requests. Only the first call has an effect."""
        if self.ended is not None:
            return
        self.ended = reason
        self.ended_at = time.monotonic()
        if not self.closing:
            logger.warning("MCP server %r ended: %s", self.name, reason)
        self.peer.fail(lambda: self.error(reason))

    def error(self, reason: str) -> McpServerError:
        """Return an error with the advice for this kind of server."""
        return McpServerError(self.name, reason, REGISTER_AGAIN if reason == STOPPED else self.advice)


class Spec(Protocol):
    """How to reach a server."""

    @property
    def transport(self) -> McpTransport:
        """The transport of the messages."""
        ...

    async def open(self, name: str) -> Link:
        """Start the server or connect to it; raises McpServerError."""
        ...
