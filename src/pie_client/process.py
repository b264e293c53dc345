"""Receive the events of a process, wait for its result, and send to it.

:class:`Process` reads from a :class:`~pie_client.protocol.routes.Route`, which the session fills, and sends
through the generated calls of its connection. It does not start processes; see :mod:`pie_client.launching`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from enum import Enum
from types import TracebackType
from typing import TYPE_CHECKING, Generic, NoReturn, Self, TypeVar, cast, overload

from pie_client._generated.events import (
    EVENT_CLASS,
    KIND_OF,
    ErrorEvent,
    Event,
    NamedEvent,
    StdoutEvent,
    UnknownEvent,
)
from pie_client._generated.methods import TRANSFER_FILE
from pie_client.common.copies import refuse
from pie_client.connection.connection import Connection
from pie_client.connection.deadline import WaitLimit
from pie_client.errors import CorruptEventError, Gone, ProcessEndedError, ProtocolError, SlowConsumerError
from pie_client.lazy import LazyModule
from pie_client.protocol.files import FileBytes, FileEvent, in_memory
from pie_client.protocol.items import EVENT_BYTES, CorruptEvent, Named, ProcessEvent
from pie_client.protocol.routes import Dropped, Route

if TYPE_CHECKING:
    import pydantic
    import typing_extensions

    from pie_client import results
    from pie_client._generated import refusals
    from pie_client.connection import contents

    R_co = typing_extensions.TypeVar("R_co", covariant=True, default=object)
else:
    R_co = TypeVar("R_co", covariant=True)  # the default is for checkers; needs Python 3.13 here
    contents = LazyModule("pie_client.connection.contents")
    pydantic = LazyModule("pydantic")
    refusals = LazyModule("pie_client._generated.refusals")
    results = LazyModule("pie_client.results")

T = TypeVar("T")


class _End(Enum):
    """How the events of a handle ended."""

    OPEN = "open"
    CLOSED = "closed"
    """The handle was closed before the terminal event was received."""
    DETACHED = "detached"
    RECEIVED = "received"
    """The handle was closed after the terminal event was received."""


class Process(Generic[R_co]):
    """A handle of a process: a running instance of a program.

    :meth:`PieClient.launch_process` and :meth:`PieClient.attach_process` return one. Most applications read the
    events with ``async for`` and match on their classes, or only wait for the result:

        async for event in process:
            match event:
                case StdoutEvent(text):
                    print(text, end="")

        answer = await process.result(Answer)

    :meth:`recv` returns events one by one, as pairs of kind and value. Both ways can be mixed and interrupted without
    losing events. If several tasks receive from one process, each event goes to one of them.

    A handle that is closed or garbage-collected receives no more events. The process keeps running on the server. An
    ``async with`` block closes its handle, and terminates the process if it was launched with ``terminate_on_exit=True``.

    ``Process[R]`` tells type checkers what :meth:`result` returns. ``Process`` alone accepts all handles.
    """

    __slots__ = ("__weakref__", "_connection", "_end", "_returns", "_route")
    _returns: object  # what a function is annotated to return; not set for other programs

    # Ten thousand handles are common, so a handle holds two references, and no finalizer of its own.
    def __init__(self, connection: Connection, route: Route) -> None:
        self._connection = connection
        self._route = route
        self._end = _End.OPEN

    def __del__(self) -> None:
        if self._end is _End.OPEN:
            self._connection.release_later(self._route)

    def __reduce__(self) -> NoReturn:
        # A copy that is garbage-collected would release the process of the original.
        refuse("a Process", "pass its process_id, and get another handle with attach_process()")

    @property
    def process_id(self) -> str:
        """Id of the process: a lowercase UUID."""
        return self._route.process_id

    def __repr__(self) -> str:
        return f"<Process {self.process_id or 'without id'} {self._state()}>"

    @property
    def possible_gaps(self) -> int:
        """How often events may be missing: each time that its connection was lost without a close frame.

        Servers do not number events. What was on its way when the connection broke may not have arrived, and then comes
        never again. After a close frame nothing is missing.
        """
        return self._route.possible_gaps

    def _state(self) -> str:
        if self._end is not _End.OPEN:
            return "closed"
        if self._route.terminal is not None:
            return "returned" if self._route.terminal[0] is Event.Return else "failed"
        if self._route.failure is not None:
            return "not attached" if self._route.dropped is Dropped.UNCAPTURED else "lost"
        return "open"

    @property
    def buffered(self) -> int:
        """Bytes of memory that the unread events of the process take."""
        return max(self._route.held, 0)

    @property
    def dropped(self) -> int:
        """Number of events of the process that were dropped because too much was unread."""
        return self._route.all_drops

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __aiter__(self) -> Self:
        self._route.read_by(_reader())
        return self

    async def __anext__(self) -> ProcessEvent:
        """Return the next event; stop after the terminal one.

        Raises:
            ProcessEndedError: The handle was closed before the terminal event was received.
            NotAttachedError, PieConnectionError, StreamAbortedError, SlowConsumerError: See :meth:`recv`.
        """
        while (item := self._route.pop()) is None:
            # A handle that was closed before raises: ending the iteration would make the events look complete.
            if self._end in (_End.DETACHED, _End.RECEIVED) or self._received_all():
                raise StopAsyncIteration
            self._check_unread()
            if self._route.reader is None:
                self._route.read_by(_reader())
            await self._connection.wait_for_change(self._route)
        if self._connection.paused:
            self._connection.after_read()
        return EVENT_CLASS[item[0]](item[1]) if isinstance(item, tuple) else item

    async def recv(self, *, timeout: float | None = None) -> tuple[Event, str | bytes]:
        """Wait for the next event and return its kind and value.

        The value is a string, or for ``Event.File`` a :class:`FileEvent` in memory, which is a ``bytes`` too. For a
        corrupt file or an unreadable event, CorruptEventError is raised once, and the next call goes on with the next
        event. Events of unknown kinds are skipped.

        Cancelling the call, or a timeout, loses no event.

        Args:
            timeout: Seconds to wait. Default: no limit.

        Returns:
            The kind of the event and its value.

        Raises:
            ProcessEndedError: The terminal event was already received, or the handle is closed.
            CorruptEventError: A file or an event is lost. The process keeps running: call again.
            NotAttachedError: The process was launched with ``capture_outputs=False``.
            InvalidArgumentError: The client belongs to another event loop.
            PieConnectionError: The connection was closed or lost. Buffered events are returned first. ProcessLostError if
                a client with ``reconnect=`` connected again, but the server did not give the process back.
            StreamAbortedError: The server dropped the process without a terminal event (0.5).
            SlowConsumerError: Events were dropped because too much was unread; later ones follow. With
                ``when_full="error"`` none follow.
            DeadlineError: No event arrived within ``timeout``.
        """
        if timeout is not None:
            async with WaitLimit(f"process {self.process_id} sent no event", timeout):
                return await self.recv()
        while True:
            route = self._route
            # What Mailbox.pop() does for an event of a known kind, without the call: this is the hot path.
            if events := route.unread:
                event = events.popleft()
                if isinstance(event, tuple):
                    route.held -= EVENT_BYTES + event[1].__sizeof__()
                    if self._connection.paused:
                        self._connection.after_read()
                    return event
                events.appendleft(event)
            if route.unread is None:
                route.read_by(_reader())
            item = route.pop()
            if item is None:
                if not route.receptive:
                    self._check_unread()
                await self._connection.wait_for_change(route)
            elif not isinstance(item, UnknownEvent):
                self._connection.update_flow()
                return await self._as_pair(item)

    def _check_unread(self) -> None:
        """Raise the reason why no event will arrive any more, if there is one."""
        if self._end is _End.OPEN and self._route.events:
            return  # a file that is still being written to disk
        self._check_open()
        if self._route.overflow:
            raise SlowConsumerError(self._route.overflow)
        if self._received_all():
            raise ProcessEndedError(
                f"process {self.process_id} has ended, and all its events were received; wait() returns its result"
            )

    async def _as_pair(
        self, item: Named | NamedEvent | FileEvent | CorruptEvent
    ) -> tuple[Event, str | bytes]:
        """Return an event as the pair of kind and value that recv() returns."""
        if isinstance(item, tuple):
            return item
        if isinstance(item, FileEvent):
            return Event.File, (item if isinstance(item, FileBytes) else await self._load(item))
        if isinstance(item, CorruptEvent):
            raise CorruptEventError(self.process_id, item.value, item.digest)
        return KIND_OF[type(item)], item.value

    async def text(self) -> AsyncGenerator[str]:
        """Iterate over the standard output of the process until it returns.

        Discards all other events; :meth:`result` still returns the result. Detaching the handle also ends the
        iteration.

        Yields:
            Pieces of text, one per write of the program.

        Raises:
            ProcessError: The process ended with an error; ProcessTerminatedError if it was terminated.
            ProcessEndedError: The handle was closed.
            NotAttachedError, PieConnectionError, StreamAbortedError, SlowConsumerError: See :meth:`recv`.
        """
        async for event in self:
            if isinstance(event, StdoutEvent):
                yield event.value
            elif isinstance(event, ErrorEvent):
                raise refusals.process_error(event.value)(self.process_id, event.value)

    async def wait(self, *, timeout: float | None = None) -> str:
        """Wait until the process finishes and return the text that it returned.

        Consumes no events: they can be received before, during and after the call, as far as they are kept: while
        nobody reads them, the oldest ones above the process's share are dropped and counted. May be called repeatedly.

        Args:
            timeout: Seconds to wait. Default: no limit.

        Returns:
            The returned text, usually JSON.

        Raises:
            ProcessError: The process ended with an error; ProcessTerminatedError if it was terminated.
            NotAttachedError: The process was launched with ``capture_outputs=False``.
            PieConnectionError: The connection was closed or lost first.
            StreamAbortedError: The server dropped the process without a terminal event (0.5).
            ProcessEndedError: The handle was closed first.
            DeadlineError: The process did not finish within ``timeout``.
        """
        async with WaitLimit(f"process {self.process_id} did not finish", timeout):
            with self._route.expected(_reader()):
                while (end := self._route.terminal) is None:
                    self._check_open()
                    await self._connection.wait_for_change(self._route)
        kind, text = end
        if kind is Event.Return:
            return text
        raise refusals.process_error(text)(self.process_id, text)

    @overload
    async def result(self, *, timeout: float | None = None) -> R_co: ...
    @overload
    async def result(
        self, as_type: type[T] | pydantic.TypeAdapter[T], *, timeout: float | None = None
    ) -> T: ...
    async def result(
        self, as_type: type[T] | pydantic.TypeAdapter[T] | None = None, *, timeout: float | None = None
    ) -> T | R_co:
        """Wait until the process finishes and return its result, decoded from JSON.

        Args:
            as_type: Type of the result: anything that pydantic can validate, such as a model, a dataclass or
                ``list[int]``, or a pydantic TypeAdapter for other annotations, such as ``TypeAdapter(int | None)``.
                Default: what a function is annotated to return that was passed to :meth:`PieClient.run`, and for other
                programs plain JSON values. With ``str``, a text that is not a JSON string is returned unchanged,
                because Python functions on 0.5 servers return plain text. They return an empty text for None.
            timeout: Seconds to wait. Default: no limit.

        Returns:
            The decoded result.

        Raises:
            ResultError: The text is not JSON, or not of the requested type; :meth:`wait` returns it unchanged.
            InvalidArgumentError: pydantic can't validate ``as_type``.
            ProcessError, PieConnectionError, ProcessEndedError, DeadlineError: See :meth:`wait`.
        """
        wanted = cast("type[T] | None", getattr(self, "_returns", None)) if as_type is None else as_type
        adapter = results.adapter_of(wanted)
        text = await self.wait(timeout=timeout)
        return cast("T | R_co", results.decode(self.process_id, text, wanted, adapter))

    async def signal(self, message: str, *, timeout: float | None = None) -> None:
        """Send a text message to the process, which receives it when it asks for one.

        Servers do not confirm its delivery.

        Args:
            message: The message.
            timeout: Seconds until the message is sent. Default: the client's ``timeout``.

        Raises:
            ProcessEndedError: The client knows that the process has ended; nothing was sent.
            NotAttachedError: The process was launched with ``capture_outputs=False``.
        """
        self._check_running("signal")
        await self._connection.calls.signal_process(
            process_id=self._route.process_id, message=message, timeout=timeout
        )

    async def transfer_file(
        self,
        file_bytes: contents.Source,
        *,
        progress: contents.Progress | None = None,
        timeout: float | None = None,
    ) -> None:
        """Send a file to the process, in chunks. It must already be waiting for one.

        Servers do not confirm the delivery, and discard a file that no process waits for. So let the process start to
        wait, then send a message to this client, and send another one when it has received the file. A 0.5 server may
        forward the first message before it registers the wait, so send the file again if no answer arrives. (In a
        test 5 of 100 files were lost this way.)

        Args:
            file_bytes: The content: bytes, the path of a file (an ``os.PathLike``, not a string), which is read while
                it is sent, or an async iterable of bytes, which is collected first (above 8 MiB in a temporary file).
            progress: Called after every chunk with the bytes sent and the total.
            timeout: Seconds without progress; every chunk restarts it. Default: the client's ``timeout``.

        Raises:
            ProcessEndedError: The client knows that the process has ended; nothing was sent.
            NotAttachedError: The process was launched with ``capture_outputs=False``.
            InvalidArgumentError: The content is of another type, or the file changed while it was sent.
            OSError: The file could not be read.
        """
        self._check_running("transfer_file")
        async with (
            self._connection.deadline(TRANSFER_FILE, timeout, sent=False) as deadline,
            contents.open_content(file_bytes, progress, deadline, replied=False) as content,
        ):
            deadline.disable()  # transfer_file() applies the same timeout to every chunk
            await self._connection.calls.transfer_file(
                process_id=self.process_id, content=content, timeout=timeout
            )

    async def terminate(self, *, timeout: float | None = None) -> None:
        """Terminate the process. Its error event follows.

        If the process has ended, however it ended, there is nothing to do: the call returns, and may be repeated.

        Args:
            timeout: Seconds until the server confirms. Default: the client's ``timeout``.

        Raises:
            ProcessNotFoundError: The server does not know the process, and this client did not see it end.
            NotAttachedError: The process was launched with ``capture_outputs=False`` and its id is unknown.
        """
        if not self.process_id and self._route.failure is not None:
            raise self._route.failure()
        if self._has_ended():
            return
        try:
            await self._connection.calls.terminate_process(process_id=self.process_id, timeout=timeout)
        except refusals.ProcessNotFoundError:
            # It ended while the request was on its way. Its last event precedes the reply.
            if not self._has_ended():
                raise

    def close(self) -> None:
        """Stop receiving events and discard unread ones. The process keeps running on the server."""
        self._close(_End.RECEIVED if self._received_all() else _End.CLOSED)

    def detach(self) -> str:
        """Stop receiving events, but keep them for the next ``attach_process`` of this client.

        The process keeps running on the server. Kept events count towards ``max_buffered``.

        Returns:
            The id of the process.
        """
        self._close(_End.DETACHED)
        return self.process_id

    def _close(self, end: _End) -> None:
        if self._end is _End.OPEN:
            route, self._route, self._end = self._route, self._route.without_events(), end
            self._connection.release(route, keep=end is _End.DETACHED)
            route.wake()  # readers of this handle

    def _is_running(self) -> bool:
        """Return whether this handle is open and has not received the end of the process."""
        return self._end is _End.OPEN and self._route.terminal is None

    def _has_ended(self) -> bool:
        """Return whether the client knows that the process has ended."""
        route = self._route
        if route.terminal is not None or route.failure is None:
            return route.terminal is not None
        # Other failures, such as a lost connection, are those of this client.
        return isinstance(route.failure(), (refusals.StreamAbortedError, ProtocolError))

    def _received_all(self) -> bool:
        route = self._route
        ended = route.terminal is not None and route.failure is None and self._end is _End.OPEN
        return ended and not route.events and not route.overflow

    async def _load(self, file: FileEvent) -> FileBytes:
        """Read a file on disk into memory."""
        route = self._route
        try:
            loaded = await asyncio.to_thread(in_memory, file)
        except asyncio.CancelledError:
            # The file was taken from the mailbox; cancelling recv() must not lose it, nor for another attach.
            if self._end in (_End.OPEN, _End.DETACHED):
                route.put_back(file)
            else:
                file.close()
            raise
        except OSError as error:
            file.close()
            raise CorruptEventError(
                self.process_id,
                f"file {file.digest} is lost: can't read it from disk ({error.strerror or error}); ask the process to send it again",
                file.digest,
            ) from error
        file.close()
        return loaded

    def _check_open(self) -> None:
        if self._end is not _End.OPEN:
            raise ProcessEndedError(
                f"the handle of process {self.process_id} is closed; get another with attach_process()"
            )
        if self._route.failure is not None:
            raise self._route.failure()

    def _check_running(self, request: str) -> None:
        """Raise the reason why nothing can be sent to the process, if the client knows one."""
        if not self._connection.alive:
            return  # the request itself raises that, and that it was not sent
        if self._route.terminal is not None:
            raise ProcessEndedError(
                f"{request} not sent: process {self.process_id} has ended; call wait() for its result"
            )
        if self._route.failure is not None:
            raise self._route.failure()


GONE = Gone("no Process.output: result() keeps no output; read the events with `async for`, or text()")
setattr(Process, "output", GONE)  # noqa: B010 - hidden from type checkers


def set_returns(process: Process, annotation: object) -> None:
    """Make an annotation the default type of the result of a handle; None for plain JSON values."""
    setattr(process, "_returns", annotation)  # noqa: B010 - checkers refuse a protected slot here


def _reader() -> object:
    """Return who calls: the task, or the thread for which :mod:`pie_client.sync` runs it. None if no event loop runs."""
    try:
        return getattr(task := asyncio.current_task(), "caller", task)
    except RuntimeError:
        return None
