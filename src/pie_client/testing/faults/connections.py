"""Faults of connections: the opening handshake, TCP, the close, and stalls."""

import http

from pie_client.base import WireModel
from pie_client.errors import InvalidArgumentError
from pie_client.testing.faults.fault import (
    CloseFault,
    CutFault,
    Fault,
    StallFault,
    Until,
    UpgradeFault,
    check_until,
)
from pie_client.testing.faults.group import FaultGroup, check_answered
from pie_client.testing.faults.sockets import Direction, Ending


class ConnectionFaults(FaultGroup):
    """Faults of connections."""

    def refuse_upgrade(self, status: int = 503, body: str = "", *, times: int | None = 1) -> Fault:
        """Answer the opening handshake with an HTTP error status.

        Args:
            status: The status, for instance 401 or 404.
            body: The body, as plain text.
            times: How often; None for every time.
        """
        try:
            known = http.HTTPStatus(status)
        except ValueError:
            raise InvalidArgumentError(f"status={status} is not an HTTP status; pass one like 503") from None
        fault = UpgradeFault(self._faults, "refuse_upgrade", times)
        fault.respond = lambda connection: connection.respond(known, body)
        return fault

    def hang_upgrade(self, *, times: int | None = 1) -> Fault:
        """Do not complete the opening handshake until the fault is stopped."""
        return UpgradeFault(self._faults, "hang_upgrade", times)

    def drop_connection(
        self,
        after_bytes: int = 0,
        direction: Direction = "sent",
        *,
        reset: bool = False,
        times: int | None = 1,
    ) -> Fault:
        """End the TCP connection without a close frame, at any byte.

        Bytes are counted from now on in open connections, and from the opening handshake on in new ones.

        Args:
            after_bytes: Bytes that still pass; with 0 an open connection is dropped immediately.
            direction: Which bytes are counted: those ``"sent"`` or ``"received"`` by the engine.
            reset: Whether to reset the connection instead of ending it. What was sent just before may be lost then.
            times: How often; None for every time.
        """
        ending: Ending = "reset" if reset else "close"
        return self._cut(CutFault(self._faults, "drop_connection", times, (direction, after_bytes), ending))

    def silent_peer(
        self, after_bytes: int = 0, direction: Direction = "sent", *, times: int | None = 1
    ) -> Fault:
        """Send nothing any more, not even pongs and close frames, but keep the TCP connection open.

        Args:
            after_bytes: Bytes that still pass, counted as by :meth:`drop_connection`.
            direction: Which bytes are counted.
            times: How often; None for every time.
        """
        return self._cut(CutFault(self._faults, "silent_peer", times, (direction, after_bytes), "silence"))

    def never_answer_close(self, *, times: int | None = 1) -> Fault:
        """Do not answer the client's close frame, and keep the connection open."""
        return CloseFault(self._faults, "never_answer_close", times)

    def stall_all(self, until: Until | None = None, *, on: type[WireModel] | None = None) -> Fault:
        """Read and send nothing for a while on any connection, as during an installation; pings are answered.

        Args:
            until: Seconds, or an event that ends the stall; None for as long as the fault lasts.
            on: Class of the request at which the stall begins, before its reply; None to begin now.
        """
        if on is not None:
            check_answered(on)
        check_until(until)
        return StallFault(self._faults, "stall_all", until, on)

    def _cut(self, cut: CutFault) -> Fault:
        for socket in list(self._faults.sockets):
            socket.apply_due_cuts()
        return cut
