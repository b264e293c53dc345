"""A process of the embedded engine: runs an inferlet, and sends or buffers its events."""

import asyncio
import time
import uuid
from collections import deque
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from pie_client._generated import models
from pie_client.base import WireModel
from pie_client.testing._generated import texts
from pie_client.testing._generated.servers import BUFFERED_EVENTS
from pie_client.testing.inferlet.exceptions import report_of
from pie_client.testing.inferlet.inbox import Inbox
from pie_client.testing.inferlet.mcp import McpRelay

End: TypeAlias = models.ReturnFrame | models.ErrorFrame


class Client(Protocol):
    """A connection that can be attached to a process."""

    mcp: McpRelay

    def send(self, message: WireModel) -> None:
        """Send a message after all earlier ones."""

    def finish_turn(self) -> None:
        """Report that the turn of a process is done, in families that have turns."""

    def detach_if_closed(self) -> None:
        """Detach the processes of a connection that is closed but still attached to them."""


@dataclass(eq=False)
class RunningProcess:
    """A process, from :meth:`start` to its terminal event.

    Attributes:
        program: The program as ``name@version``.
        username: User that launched it.
        input_text: The launch input.
        client: The attached client, or None.
        captured: Whether its output is sent to a client.
        observer: Called with its output and its terminal event, or None.
        keep_events: Whether all its events are buffered while no client is attached.
        output_bytes: Size in bytes that longer writes to standard output and error are cut to, or None.
        id: Process id.
        inbox: Signals and files for the inferlet.
        outcome: The terminal event.
        task: The task that runs the inferlet, or None before :meth:`start`.
        terminated: Whether :meth:`terminate` ended it.
    """

    program: str
    username: str
    input_text: str
    client: Client | None = None
    captured: bool = True
    observer: Callable[[WireModel], None] | None = None
    keep_events: bool = field(init=False, default=False)
    output_bytes: int | None = field(init=False, default=None)
    id: str = field(init=False, default_factory=lambda: str(uuid.uuid4()))
    inbox: Inbox = field(init=False, default_factory=Inbox)
    outcome: asyncio.Future[End] = field(init=False, default_factory=asyncio.Future[End])
    task: asyncio.Task[str] | None = field(init=False, default=None)
    terminated: bool = field(init=False, default=False)
    _created: float = field(init=False, default_factory=time.monotonic)
    _buffer: deque[WireModel] = field(init=False, default_factory=lambda: deque(maxlen=BUFFERED_EVENTS))

    @property
    def info(self) -> models.ProcessInfo:
        """The process in a process list."""
        age = int(time.monotonic() - self._created)
        return models.ProcessInfo(
            id=self.id, username=self.username, program=self.program, input=self.input_text, elapsed_secs=age
        )

    @property
    def holds_terminal_event(self) -> bool:
        """Whether the process has ended and its terminal event is still in the buffer."""
        return bool(self._buffer) and self.outcome.done() and self._buffer[-1] is self.outcome.result()

    def start(
        self, work: Coroutine[object, object, str], never_ends: Callable[[], bool]
    ) -> asyncio.Task[str]:
        """Run an inferlet. If ``never_ends`` returns True after it, only :meth:`terminate` ends the process."""

        def handle_end(task: asyncio.Task[str]) -> None:
            error = None if task.cancelled() else task.exception()
            # terminate() has sent the terminal event already, before the inferlet has ended.
            if self.outcome.done() or never_ends():
                return
            if task.cancelled():
                self._finish(models.ErrorFrame, texts.PROCESS_TERMINATED)
            elif error is not None:
                self._finish(models.ErrorFrame, report_of(error))
            else:
                self._finish(models.ReturnFrame, task.result())

        self.task = asyncio.create_task(work, name=f"inferlet {self.program} (process {self.id})")
        self.task.add_done_callback(handle_end)
        return self.task

    def attach(self, client: Client) -> None:
        """Attach a client and send it the buffered events."""
        ended = self.holds_terminal_event
        self.client = client
        while self._buffer:
            client.send(self._buffer.popleft())
        if ended:
            client.finish_turn()

    def detach(self, unsent: Iterable[WireModel]) -> None:
        """Detach the client. ``unsent`` are events that did not reach it; they are buffered again."""
        self.client = None
        self.inbox.fail_file_waiter("the client that could send a file has disconnected")
        if self.keep_events:
            self._buffer.extend(unsent)

    def deliver(self, message: WireModel, *, buffered: bool) -> None:
        """Send a message to the attached client. Without one, keep it if ``buffered``, else drop it."""
        if self.outcome.done() or (buffered and not self.captured):
            return
        if buffered and self.observer is not None:
            self.observer(message)
        if self.client is not None:
            self.client.send(message)
        elif buffered or self.keep_events:
            self._buffer.append(message)

    def terminate(self, reason: str = texts.PROCESS_TERMINATED) -> None:
        """End the process with an error, even if its inferlet ignores the cancellation."""
        if not self.outcome.done():  # a second cancellation would interrupt the clean-up of the inferlet
            self.terminated = True
            self._finish(models.ErrorFrame, reason)
            if self.task is not None:
                self.task.cancel()

    def _finish(self, kind: type[End], value: str) -> None:
        end = kind(process_id=self.id, value=as_utf8(value))
        # First, so that nothing is delivered after the terminal event.
        self.outcome.set_result(end)
        if self.observer is not None:
            self.observer(end)
        if self.client is not None:
            self.client.send(end)
            self.client.finish_turn()
        elif self.keep_events:
            self._buffer.append(end)


def as_utf8(text: str) -> str:
    """Replace lone surrogates, which UTF-8 can't encode, by question marks."""
    return text.encode("utf-8", "replace").decode("utf-8")
