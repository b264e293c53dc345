"""Connections of servers that do not answer a WebSocket close before they have something else to say."""

from websockets.asyncio.server import ServerConnection
from websockets.protocol import State


class QuietConnection(ServerConnection):
    """A server's connection that keeps its answer to a close until :meth:`flush`."""

    def send_data(self) -> None:
        """Send what the protocol wants to send, unless the client has closed."""
        if self.protocol.close_rcvd is None or self.protocol.state is State.CLOSED:
            super().send_data()

    def flush(self) -> None:
        """Send an answer that was kept."""
        super().send_data()
