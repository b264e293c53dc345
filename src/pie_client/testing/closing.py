"""Connections that end as those of real servers do, which do not answer a WebSocket close as they should."""

from websockets.protocol import State

from pie_client.testing.sockets import Socket


class QuietSocket(Socket):
    """A server's connection that keeps its answer to a close until :meth:`flush`."""

    def send_data(self) -> None:
        """Send what the protocol wants to send, unless the client has closed."""
        if self.protocol.close_rcvd is None or self.protocol.state is State.CLOSED:
            super().send_data()

    def flush(self) -> None:
        """Send an answer that was kept."""
        super().send_data()


class CurtSocket(Socket):
    """A server's connection that ends without an answer when the client closes."""

    def send_bytes(self, data: bytes) -> None:
        """Send what may go out; the answer to a close never does."""
        if self.protocol.close_rcvd_then_sent:
            super().send_bytes(b"")
            if not self.mute:
                self._end("close")
        else:
            super().send_bytes(data)
