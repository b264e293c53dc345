"""Connections that end as those of real servers do, which do not answer a WebSocket close as they should."""

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


class CurtConnection(ServerConnection):
    """A server's connection that ends without an answer when the client closes."""

    def send_data(self) -> None:
        """Send what the protocol wants to send; to a client that has closed, nothing more."""
        if self.protocol.close_rcvd_then_sent:
            self.transport.close()
        else:
            super().send_data()
