"""Receive frames as a connection does, with somebody waiting for what they may concern."""

import contextlib
from collections.abc import Callable, Sequence
from typing import Any

from pie_client import PieError, ProcessError, SlowConsumerError
from pie_client._generated import refusals
from pie_client._generated.methods import PING, Method
from pie_client.protocol.calls import PendingCall
from pie_client.protocol.codec import Frame
from pie_client.protocol.session import Session
from tests.cost.measuring import Work
from tests.cost.samples import PROCESS, fields_of

SHARE = 64 << 20
"""More than any frame of these tests takes."""
COPIED = 4096
"""Frames above this size reach a session as views of the receive buffer."""


def view(frame: bytes | str) -> Frame:
    """Return a frame in the form in which a connection delivers it."""
    return frame if isinstance(frame, str) or len(frame) <= COPIED else memoryview(frame)


class Receiver:
    """A session with one handle and one call.

    Args:
        method: The request that waits for a reply, under the correlation id of the samples.
        attached: Whether a handle of the samples' process is open.
        asked: Whether the request waits.
        cancelled: Whether its caller was cancelled.
        spool_above: As in :class:`Session`.
    """

    def __init__(
        self,
        method: Method[Any] = PING,
        *,
        attached: bool = True,
        asked: bool = True,
        cancelled: bool = False,
        spool_above: float | None = None,
    ) -> None:
        self.session = Session(max_buffered=SHARE, spool_above=spool_above)
        self.route = self.session.routes.claim(PROCESS) if attached else None
        self.call: PendingCall[Any] | None = None
        if asked or cancelled:
            skipped, self.call = self.session.open_call(PING), self.session.open_call(method)
            self.session.close_call(skipped)
            title = "".join(part.title() for part in method.tag.split("_")) + "Request"
            self.call.fields, self.call.sent = fields_of(title), True
            if cancelled:
                self.session.close_call(self.call)

    def work(self, frames: Sequence[bytes | str]) -> Work:
        """Return the work of receiving frames and of taking what they bring."""
        batch = [view(frame) for frame in frames]

        def receive() -> None:
            self.session.receive(batch)
            self.session.routes.survey()
            self.session.routes.backlogs.enforce()
            self._take_all()

        return receive

    def _take_all(self) -> None:
        if self.call is not None and self.call.done:
            with contextlib.suppress(PieError):
                self.call.take()
        if self.route is not None:
            self._read()

    def _read(self) -> None:
        route = self.route
        assert route is not None
        while True:
            try:
                item = route.pop()
            except SlowConsumerError:
                continue
            if item is None:
                break
        if route.terminal is not None:
            text = route.terminal[1]
            assert isinstance(refusals.process_error(text)(PROCESS, text), ProcessError)
        if route.failure is not None:
            assert str(route.failure())


def receiving(frames: Sequence[bytes | str], **options: Any) -> Callable[[], Work]:  # noqa: ANN401 - of Receiver
    """Return what prepares the work of receiving frames in a new session."""
    return lambda: Receiver(**options).work(frames)
