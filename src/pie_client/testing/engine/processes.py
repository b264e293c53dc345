"""Processes of the embedded engine: a Python function, who owns it, and who gets its events."""

import asyncio
import json
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterable
from typing import NoReturn, Protocol

from pydantic import JsonValue
from pydantic_core import to_jsonable_python

from pie_client._generated import models
from pie_client.base import WireModel
from pie_client.testing._generated import texts
from pie_client.testing._generated.servers import BUFFERED_EVENTS
from pie_client.testing.engine.reasons import text_of, trace_of
from pie_client.testing.inferlet.mcp import McpRelay, McpSession
from pie_client.testing.inferlet.session import InferletFunction, InferletSession, ProcessFailure, as_utf8
from pie_client.testing.scripts.scripts import Text


class Client(Protocol):
    """Who can be attached to a process."""

    mcp: McpRelay

    def push(self, message: WireModel) -> None:
        """Send a message after what was sent before."""
        ...

    def turn_done(self, process_id: str | None = None) -> None:
        """Tell, where the family does so, that the turn of a process has ended."""
        ...


class RunningProcess:
    """A process: it starts with :meth:`start` and is gone with its terminal event.

    With ``keep_detached`` a process that lost its client keeps all its events, the terminal one too, until they are
    fetched.
    """

    def __init__(
        self,
        program: str,
        input_text: str,
        username: str,
        *,
        capture: bool,
        client: Client | None,
        keep_detached: bool = False,
        observer: Callable[[WireModel], None] | None = None,
    ) -> None:
        self.id = str(uuid.uuid4())
        self.program = program
        self.username = username
        self.input_text = input_text
        self.client = client
        self.session = InferletSession(self, self.id, username, program, input_text, McpSession(self))
        self.outcome: asyncio.Future[models.ReturnFrame | models.ErrorFrame] = (
            asyncio.get_running_loop().create_future()
        )
        self._capture = capture
        self._keeps = capture and keep_detached
        self._stays: Callable[[], bool] = bool
        self._observer = observer
        """Also gets what is buffered for a client: output, and the end."""
        self._born = time.monotonic()
        self._buffer: deque[WireModel] = deque()
        self.task: asyncio.Task[models.ReturnFrame] | None = None

    @property
    def info(self) -> models.ProcessInfo:
        """How lists show it."""
        age = int(time.monotonic() - self._born)
        return models.ProcessInfo(
            id=self.id, username=self.username, program=self.program, input=self.input_text, elapsed_secs=age
        )

    @property
    def attached(self) -> bool:
        """Whether it has a client."""
        return self.client is not None

    @property
    def unfetched(self) -> bool:
        """It has ended, and its terminal event waits for a client."""
        return bool(self._buffer) and self.outcome.done() and self._buffer[-1] is self.outcome.result()

    def start(self, function: InferletFunction | None, *, stays: Callable[[], bool]) -> None:
        """Run the function; without one the process fails at once, as a program that can't be instantiated.

        Where ``stays`` says so when the function has ended, the process does not, and only :meth:`terminate` ends it.
        """
        if not self.outcome.done():
            self._stays = stays
            name = f"inferlet {self.program} (process {self.id})"
            self.task = asyncio.create_task(self._run(function), name=name)
            self.task.add_done_callback(self._ended)

    def attach(self, client: Client) -> None:
        """Give the process a client, and the client what was buffered."""
        last = self.unfetched
        self.client = client
        while self._buffer:
            client.push(self._buffer.popleft())
        if last:
            client.turn_done(self.id)

    def detach(self, unsent: Iterable[WireModel]) -> None:
        """Take its client away, which was not sent some events any more."""
        self.client = None
        self.session.drop_file_waiter("the client that could send a file is gone")
        if self._keeps:
            for message in unsent:
                self._keep(message)

    def deliver(self, message: WireModel, *, buffered: bool) -> None:
        """Send a message to the client; without one keep it for the next where it is of the kind that is kept."""
        if self.outcome.done() or (buffered and not self._capture):
            return
        if buffered and self._observer is not None:
            self._observer(message)
        if self.client is not None:
            self.client.push(message)
        elif buffered or self._keeps:
            self._keep(message)

    def terminate(self, reason: str = texts.PROCESS_TERMINATED) -> None:
        """End the process with an error that gives the reason, whatever its function makes of being cancelled."""
        if self.outcome.done():
            return  # a second cancellation would break off what the function does to clean up
        self._finish(models.ErrorFrame(process_id=self.id, value=reason))
        if self.task is not None:
            self.task.cancel()

    def break_off(self, client: Client) -> None:
        """End the process because a client no longer waits for it, which then is told nothing more."""
        if self.client is client:
            self.client, self._keeps = None, False
        self.terminate()

    def relay(self) -> McpRelay | None:
        """Give the relay of the client that is attached now; None without one."""
        return None if self.client is None else self.client.mcp

    def trap(self, detail: str) -> NoReturn:
        """End the process, as the engine does when a program calls it where that can't be."""
        reason = texts.call_error(detail=detail)
        self.terminate(reason)
        raise ProcessFailure(reason)

    async def _run(self, function: InferletFunction | None) -> models.ReturnFrame:
        try:
            result = await (function or _absent)(self.session, _parsed(self.input_text))
        except SystemExit as error:  # it would end the program that the engine is part of
            raise ProcessFailure(f"the program exited with status {text_of(error) or 0}") from error
        except (
            KeyboardInterrupt
        ) as error:  # so would this one; Ctrl-C itself is for the event loop, not for inferlets
            raise ProcessFailure("the program raised KeyboardInterrupt") from error
        if isinstance(result, Text):
            return models.ReturnFrame(process_id=self.id, value=as_utf8(result.value))
        value = json.dumps(result, default=to_jsonable_python, ensure_ascii=False)
        return models.ReturnFrame(process_id=self.id, value=as_utf8(value))

    def _ended(self, task: asyncio.Task[models.ReturnFrame]) -> None:
        error = None if task.cancelled() else task.exception()
        if self.outcome.done() or self._stays():
            return
        if task.cancelled():
            self._finish(models.ErrorFrame(process_id=self.id, value=texts.PROCESS_TERMINATED))
        elif error is not None:
            self._finish(models.ErrorFrame(process_id=self.id, value=as_utf8(_reason(error))))
        else:
            self._finish(task.result())

    def _finish(self, end: models.ReturnFrame | models.ErrorFrame) -> None:
        if self.outcome.done():
            return
        self.outcome.set_result(end)
        if self._observer is not None:
            self._observer(end)
        if self.client is not None:
            self.client.push(end)
            self.client.turn_done(self.id)
        elif self._keeps:
            self._keep(end)

    def _keep(self, message: WireModel) -> None:
        self._buffer.append(message)
        if len(self._buffer) > BUFFERED_EVENTS:
            oldest = self._buffer.popleft()
            while self._buffer and _follows(self._buffer[0], oldest):
                oldest = self._buffer.popleft()  # of no use without the file's first chunk


def _follows(message: WireModel, chunk: WireModel) -> bool:
    return (
        isinstance(message, models.FileChunk)
        and isinstance(chunk, models.FileChunk)
        and message.file_hash == chunk.file_hash
        and message.chunk_index == chunk.chunk_index + 1
    )


def _reason(error: BaseException) -> str:
    if isinstance(error, ProcessFailure):
        return text_of(error)
    trace = trace_of(error, skipped=1)
    return f"{type(error).__name__}: {text_of(error)}\nTraceback (most recent call last):\n{trace}"


async def _absent(session: InferletSession, _input: JsonValue) -> object:
    raise ProcessFailure(texts.component_not_found(program=session.program))


def _parsed(text: str) -> JsonValue:
    """Give an input as JSON; a text that is none stays a text, for servers do not look at it."""
    try:
        value: JsonValue = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return value
