"""Connections that end as those of real servers do, which do not answer a WebSocket close as they should."""

from websockets.protocol import State

from pie_client.testing.faults.sockets import Socket


class QuietSocket(Socket):
    """A server's connection that keeps its answer to a close until :meth:`flush`."""

    def send_pending(self) -> None:
        """Send what the protocol wants to send, unless the client has closed."""
        if self.protocol.close_rcvd is None or self.protocol.state is State.CLOSED:
            super().send_pending()

    def flush(self) -> None:
        """Send an answer that was kept."""
        super().send_pending()


class CurtSocket(Socket):
    """A server's connection that ends without an answer when the client closes."""

    def send_pending(self) -> None:
        """Send what the protocol wants to send; to a client that has closed, nothing more."""
        if self.protocol.close_rcvd_then_sent:
            self.transport.close()
        else:
            super().send_pending()

    def give_up(self) -> None:
        """End the connection, without a word, to a client that has made a mistake."""
        self.transport.close()
