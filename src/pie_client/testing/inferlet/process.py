"""A process of the embedded engine: runs an inferlet, and sends or buffers its events."""

import asyncio
import time
import uuid
from collections import deque
from collections.abc import Callable, Coroutine, Iterable
from typing import Protocol

from pie_client._generated import models
from pie_client.base import WireModel
from pie_client.testing._generated import texts
from pie_client.testing._generated.servers import BUFFERED_EVENTS
from pie_client.testing.inferlet.exceptions import report_of
from pie_client.testing.inferlet.inbox import Inbox
from pie_client.testing.inferlet.mcp import McpRelay


class Client(Protocol):
    """A connection that can be attached to a process."""

    mcp: McpRelay

    def send(self, message: WireModel) -> None:
        """Send a message after all earlier ones."""
        ...

    def finish_turn(self) -> None:
        """Report that the turn of a process is done, in families that have turns."""
        ...

    def detach_if_closed(self) -> None:
        """Detach the processes of a connection that is closed but still attached to them."""
        ...


class RunningProcess:
    """A process, from :meth:`start` to its terminal event.

    Args:
        program: The program as ``name@version``.
        input_text: The launch input.
        username: User that launches it.
        capture: Whether its output is sent to a client.
        client: The client to attach, or None.
        keep_events: Whether all its events are buffered while no client is attached.
        output_bytes: Size in bytes that longer writes to standard output and error are cut to, or None.
        observer: Called with its output and its terminal event.

    Attributes:
        id: Process id.
        client: The attached client, or None.
        inbox: Signals and files for the inferlet.
        outcome: The terminal event.
        terminated: Whether :meth:`terminate` ended it.
        task: The task that runs the inferlet, or None before :meth:`start`.
    """

    def __init__(
        self,
        program: str,
        input_text: str,
        username: str,
        *,
        capture: bool,
        client: Client | None,
        keep_events: bool,
        output_bytes: int | None,
        observer: Callable[[WireModel], None] | None,
    ) -> None:
        self.id = str(uuid.uuid4())
        self.program = program
        self.username = username
        self.input_text = input_text
        self.client = client
        self.inbox = Inbox()
        self.outcome: asyncio.Future[models.ReturnFrame | models.ErrorFrame] = (
            asyncio.get_running_loop().create_future()
        )
        self.task: asyncio.Task[str] | None = None
        self.terminated = False
        self.output_bytes = output_bytes
        self._capture = capture
        self._keep_events = keep_events
        self._observer = observer
        self._created = time.monotonic()
        self._buffer: deque[WireModel] = deque(maxlen=BUFFERED_EVENTS)

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
            # terminate() has sent the terminal event already, before the inferlet has ended.
            error = None if task.cancelled() else task.exception()
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
        if self._keep_events:
            self._buffer.extend(unsent)

    def deliver(self, message: WireModel, *, buffered: bool) -> None:
        """Send a message to the attached client. Without one, keep it if ``buffered``, else drop it."""
        if self.outcome.done() or (buffered and not self._capture):
            return
        if buffered and self._observer is not None:
            self._observer(message)
        if self.client is not None:
            self.client.send(message)
        elif buffered or self._keep_events:
            self._buffer.append(message)

    def terminate(self, reason: str = texts.PROCESS_TERMINATED) -> None:
        """End the process with an error, even if its inferlet ignores the cancellation."""
        if not self.outcome.done():  # a second cancellation would interrupt the clean-up of the inferlet
            self.terminated = True
            self._finish(models.ErrorFrame, reason)
            if self.task is not None:
                self.task.cancel()

    def _finish(self, kind: type[models.ReturnFrame | models.ErrorFrame], value: str) -> None:
        end = kind(process_id=self.id, value=as_utf8(value))
        # First, so that nothing is delivered after the terminal event.
        self.outcome.set_result(end)
        if self._observer is not None:
            self._observer(end)
        if self.client is not None:
            self.client.send(end)
            self.client.finish_turn()
        elif self._keep_events:
            self._buffer.append(end)


def as_utf8(text: str) -> str:
    """Replace lone surrogates, which UTF-8 can't encode, by question marks."""
    return text.encode("utf-8", "replace").decode("utf-8")
