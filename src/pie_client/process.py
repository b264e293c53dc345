"""Receive the events of a process, wait for its result, and send to it.

:class:`Process` reads from a :class:`~pie_client.protocol.mailbox.Mailbox`, which the session fills, and sends
through the generated calls of its connection. It does not start processes; see :mod:`pie_client.launching`.
"""

import asyncio
import contextlib
import math
import weakref
from collections.abc import AsyncGenerator
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar, cast, overload

from pie_client._generated.events import (
    KIND_OF,
    TERMINAL,
    ErrorEvent,
    Event,
    NamedEvent,
    ReturnEvent,
    StdoutEvent,
    UnknownEvent,
)
from pie_client._generated.methods import TRANSFER_FILE
from pie_client.connection.connection import Connection
from pie_client.connection.options import check_seconds
from pie_client.errors import (
    DeadlineError,
    InvalidArgumentError,
    NotAttachedError,
    PieError,
    ProcessEndedError,
    ResultError,
)
from pie_client.lazy import LazyModule
from pie_client.protocol.files import FileEvent, SpooledFile
from pie_client.protocol.mailbox import CorruptEvent, Mailbox, ProcessEvent

if TYPE_CHECKING:
    import pydantic

    from pie_client._generated import refusals
    from pie_client.connection import contents
else:
    contents = LazyModule("pie_client.connection.contents")
    pydantic = LazyModule("pydantic")
    refusals = LazyModule("pie_client._generated.refusals")

T = TypeVar("T")


class Process:
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

    A handle that is closed or garbage-collected receives no more events. The process keeps running on the server.
    """

    process_id: str
    """Id of the process: a lowercase UUID."""

    def __init__(self, connection: Connection, mailbox: Mailbox) -> None:
        self.process_id = mailbox.process_id
        self._connection = connection
        self._mailbox = mailbox
        self._waiting: set[asyncio.Future[None]] = set()
        self._closed = False
        self._detached = False
        self._ended = False
        """Whether the terminal event was received by the caller."""
        mailbox.add_listener(self._wake)
        self._finalizer = weakref.finalize(
            self, _release_threadsafe, asyncio.get_running_loop(), connection, mailbox
        )
        self._finalizer.atexit = False

    def __repr__(self) -> str:
        return f"<Process {self.process_id or 'without id'} {self._state()}>"

    def _state(self) -> str:
        if self._closed:
            return "closed"
        if self._mailbox.terminal is not None:
            return "returned" if isinstance(self._mailbox.terminal, ReturnEvent) else "failed"
        if self._mailbox.failure is not None:
            return "not attached" if isinstance(self._mailbox.failure(), NotAttachedError) else "lost"
        return "open"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> ProcessEvent:
        """Return the next event; stop after the terminal one.

        Raises:
            ProcessEndedError: The handle was closed before the terminal event was received.
            NotAttachedError, PieConnectionError, StreamAbortedError, SlowConsumerError: See :meth:`recv`.
        """
        try:
            return await self._next()
        except ProcessEndedError:
            if self._closed and not self._ended and not self._detached:
                raise  # ending the iteration here would make the events look complete
            raise StopAsyncIteration from None

    async def recv(self, *, timeout: float | None = None) -> tuple[Event, str | bytes]:
        """Wait for the next event and return its kind and value.

        The value is a string, or for ``Event.File`` a :class:`FileEvent`, which is a ``bytes``. A corrupt file or an
        unreadable event is returned as ``Event.Error`` although the process keeps running; iterate over the process
        to distinguish it as :class:`CorruptEvent`. Events of unknown kinds are skipped.

        Cancelling the call, or a timeout, loses no event.

        Args:
            timeout: Seconds to wait. Default: no limit.

        Returns:
            The kind of the event and its value.

        Raises:
            ProcessEndedError: The terminal event was already received, or the handle is closed.
            NotAttachedError: The process was launched with ``capture_outputs=False``.
            PieConnectionError: The connection was closed or lost. Buffered events are returned first.
            StreamAbortedError: The server dropped the process without a terminal event (0.5).
            SlowConsumerError: The unread events exceeded the client's buffer.
            DeadlineError: No event arrived within ``timeout``.
        """
        if timeout is not None:
            check_seconds("timeout", timeout)
        event = self._take()
        while event is None or isinstance(event, UnknownEvent):
            async with self._deadline("sent no event", timeout):
                while isinstance(event := await self._next(), UnknownEvent):
                    pass
        if isinstance(event, SpooledFile):
            event = await self._load(event)
        return _kind_and_value(event)

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

        Consumes no events: they can be received before, during and after the call. May be called repeatedly.

        Args:
            timeout: Seconds to wait. Default: no limit.

        Returns:
            The returned text, usually JSON.

        Raises:
            ProcessError: The process ended with an error; ProcessTerminatedError if it was terminated.
            NotAttachedError: The process was launched with ``capture_outputs=False``.
            PieConnectionError: The connection was closed or lost first.
            StreamAbortedError: The server dropped the process without a terminal event (0.5).
            SlowConsumerError: The unread events exceeded the client's buffer.
            ProcessEndedError: The handle was closed first.
            DeadlineError: The process did not finish within ``timeout``.
        """
        async with self._deadline("did not finish", timeout):
            while (end := self._mailbox.terminal) is None:
                self._check_open()
                await self._wait_for_change()
        if isinstance(end, ReturnEvent):
            return end.value
        raise refusals.process_error(end.value)(self.process_id, end.value)

    @overload
    async def result(self, *, timeout: float | None = None) -> "pydantic.JsonValue": ...
    @overload
    async def result(
        self, as_type: "type[T] | pydantic.TypeAdapter[T]", *, timeout: float | None = None
    ) -> T: ...
    async def result(
        self, as_type: "type[T] | pydantic.TypeAdapter[T] | None" = None, *, timeout: float | None = None
    ) -> "T | pydantic.JsonValue":
        """Wait until the process finishes and return its result, decoded from JSON.

        Args:
            as_type: Type of the result: anything that pydantic can validate, such as a model, a dataclass or
                ``list[int]``, or a pydantic TypeAdapter for other annotations, such as ``TypeAdapter(int | None)``.
                Default: plain JSON values. With ``str``, a text that is not a JSON string is returned unchanged,
                because Python functions on 0.5 servers return plain text. They return an empty text for None.
            timeout: Seconds to wait. Default: no limit.

        Returns:
            The decoded result.

        Raises:
            ResultError: The text is not JSON, or not of the requested type; :meth:`wait` returns it unchanged.
            InvalidArgumentError: pydantic can't validate ``as_type``.
            ProcessError, PieConnectionError, SlowConsumerError, ProcessEndedError, DeadlineError: See :meth:`wait`.
        """
        try:
            adapter: pydantic.TypeAdapter[T] | pydantic.TypeAdapter[T | pydantic.JsonValue]
            if isinstance(as_type, pydantic.TypeAdapter):
                adapter = as_type
            else:
                adapter = pydantic.TypeAdapter(pydantic.JsonValue if as_type is None else as_type)
            adapter.rebuild(raise_errors=True)
        except (pydantic.PydanticUserError, pydantic.PydanticUndefinedAnnotation) as error:
            raise InvalidArgumentError(
                f"pydantic can't validate as_type={as_type!r}; pass a model, a dataclass or a type of plain values"
            ) from error
        text = await self.wait(timeout=timeout)
        try:
            return adapter.validate_json(text)
        except pydantic.ValidationError as error:
            if as_type is str:
                return cast("T", text)
            if not text:  # Python functions on 0.5 servers return this for None
                with contextlib.suppress(pydantic.ValidationError):
                    return adapter.validate_python(None)
            wanted = "JSON" if as_type is None else getattr(as_type, "__name__", str(as_type))
            reason = "; ".join(
                f"{'.'.join(map(str, e['loc'])) or 'value'}: {e['type']}"
                for e in error.errors(include_input=False, include_url=False)
            )
            raise ResultError(
                f"process {self.process_id} returned {len(text)} characters that are not {wanted} ({reason}); wait() returns the text"
            ) from None

    async def signal(self, message: str, *, timeout: float | None = None) -> None:
        """Send a text message to the process, which receives it when it asks for one.

        Servers do not confirm its delivery.

        Args:
            message: The message.
            timeout: Seconds until the message is sent. Default: the client's ``timeout``.

        Raises:
            NotAttachedError: The process was launched with ``capture_outputs=False``.
        """
        self._check_attached()
        await self._connection.calls.signal_process(
            process_id=self.process_id, message=message, timeout=timeout
        )

    async def transfer_file(
        self,
        file_bytes: "contents.Source",
        *,
        progress: "contents.Progress | None" = None,
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
            NotAttachedError: The process was launched with ``capture_outputs=False``.
            InvalidArgumentError: The content is of another type, or the file changed while it was sent.
            OSError: The file could not be read.
        """
        self._check_attached()
        async with (
            self._connection.deadline(TRANSFER_FILE, timeout) as deadline,
            contents.open_content(file_bytes, progress, deadline) as content,
        ):
            deadline.disable()  # transfer_file() applies the same timeout to every chunk
            await self._connection.calls.transfer_file(
                process_id=self.process_id, content=content, timeout=timeout
            )

    async def terminate(self, *, timeout: float | None = None) -> None:
        """Terminate the process. Its error event follows, unless it has already arrived.

        Args:
            timeout: Seconds until the server confirms. Default: the client's ``timeout``.

        Raises:
            ProcessNotFoundError: The process has already finished.
            NotAttachedError: The process was launched with ``capture_outputs=False`` and its id is unknown.
        """
        if not self.process_id:
            self._check_attached()
        await self._connection.calls.terminate_process(process_id=self.process_id, timeout=timeout)

    def close(self) -> None:
        """Stop receiving events and discard unread ones. The process keeps running on the server."""
        if self._finalizer.alive:
            self._closed = True
            self._mailbox.remove_listener(self._wake)
            self._finalizer.detach()
            _release(self._connection, self._mailbox)
            self._wake()

    def detach(self) -> str:
        """Stop receiving events, but keep them for the next ``attach_process`` of this client.

        The process keeps running on the server. Kept events count towards ``max_buffered``.

        Returns:
            The id of the process.
        """
        if self._finalizer.alive:
            self._mailbox.detached = True
            self._detached = True
            self.close()
        return self.process_id

    async def _next(self) -> ProcessEvent:
        while (event := self._take()) is None:
            self._check_open()
            if self._mailbox.terminal is not None:
                raise ProcessEndedError(
                    f"process {self.process_id} has finished and all its events were received"
                )
            await self._wait_for_change()
        return event

    def _take(self) -> ProcessEvent | None:
        event = None if self._closed else self._mailbox.pop()
        if event is not None:
            self._connection.update_flow()
            if isinstance(event, TERMINAL):
                self._ended = True
        return event

    async def _load(self, file: SpooledFile) -> FileEvent | CorruptEvent:
        """Read a spooled file into memory."""
        try:
            data = await asyncio.to_thread(file.read)
        except asyncio.CancelledError:
            # The file was taken from the mailbox; cancelling recv() must not lose it.
            if self._closed:
                file.close()
            else:
                self._mailbox.put_back(file)
            raise
        except OSError as error:
            file.close()
            return CorruptEvent(
                f"file {file.digest} is lost: can't read it from disk ({error.strerror or error})"
            )
        file.close()
        return FileEvent(data, name=file.name, digest=file.digest)

    def _check_open(self) -> None:
        if self._closed:
            raise ProcessEndedError(
                f"the handle of process {self.process_id} is closed; get another with attach_process()"
            )
        if self._mailbox.failure is not None:
            raise self._mailbox.failure()

    def _check_attached(self) -> None:
        """Raise NotAttachedError if the server forwards nothing to the process."""
        if self._mailbox.failure is not None and isinstance(
            error := self._mailbox.failure(), NotAttachedError
        ):
            raise error

    async def _wait_for_change(self) -> None:
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.add(waiter)
        try:
            # A full buffer would otherwise stop reading from the socket, and this event never arrive.
            with self._connection.keep_receiving():
                await waiter
        finally:
            self._waiting.discard(waiter)

    def _wake(self) -> None:
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_result(None)

    @contextlib.asynccontextmanager
    async def _deadline(self, failure: str, timeout: float | None) -> AsyncGenerator[None]:
        seconds = math.inf if timeout is None else check_seconds("timeout", timeout)
        scope = asyncio.timeout(None if seconds == math.inf else seconds)
        try:
            async with scope:
                yield
        except TimeoutError as error:
            if isinstance(error, PieError) or not scope.expired():
                raise
            raise DeadlineError(
                f"process {self.process_id} {failure} within {seconds:g} s; raise timeout=, or terminate it"
            ) from None


def _kind_and_value(
    event: NamedEvent | FileEvent | CorruptEvent,
) -> tuple[Event, str | bytes]:
    """Return an event as the pair of kind and value that recv() returns."""
    match event:
        case FileEvent():
            return Event.File, event
        case CorruptEvent():
            return Event.Error, event.value
        case _:
            return KIND_OF[type(event)], event.value


def _release(connection: Connection, mailbox: Mailbox) -> None:
    connection.session.release_mailbox(mailbox)
    connection.update_flow()


def _release_threadsafe(loop: asyncio.AbstractEventLoop, connection: Connection, mailbox: Mailbox) -> None:
    """Release the mailbox of a garbage-collected handle. The collector may run in any thread."""
    with contextlib.suppress(RuntimeError):  # the loop is closed, and its connections with it
        loop.call_soon_threadsafe(_release, connection, mailbox)
