"""The handle of a process: its events, and what can be sent to it."""

import asyncio
import contextlib
import math
import weakref
from collections.abc import AsyncGenerator
from types import TracebackType
from typing import Self, TypeVar, cast, overload

from pydantic import JsonValue, PydanticUndefinedAnnotation, PydanticUserError, TypeAdapter, ValidationError

from pie_client._generated import refusals
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
from pie_client.connection.contents import Progress, Source, open_content
from pie_client.connection.deadline import check_seconds
from pie_client.errors import (
    DeadlineError,
    InvalidArgumentError,
    NotAttachedError,
    PieError,
    ProcessEndedError,
    ResultError,
)
from pie_client.protocol.files import FileEvent, SpooledFile
from pie_client.protocol.mailbox import CorruptEvent, Mailbox, ProcessEvent

T = TypeVar("T")


class Process:
    """A running instance of a program.

    Made by :meth:`PieClient.launch_process` and :meth:`PieClient.attach_process`. Its events come in order, by
    :meth:`recv` or by ``async for``; either may be left and taken up again, and several tasks may wait at once (each
    event goes to one of them). A handle that is dropped or closed receives nothing more; the process goes on.
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
        """The terminal event was given."""
        mailbox.add_listener(self._wake)
        self._finalizer = weakref.finalize(
            self, _release_from_anywhere, asyncio.get_running_loop(), connection, mailbox
        )
        self._finalizer.atexit = False

    def __repr__(self) -> str:
        end = self._mailbox.terminal
        state = (
            "closed"
            if self._closed
            else type(end).__name__.lower()
            if end
            else "not attached"
            if self._mailbox.failure and isinstance(self._mailbox.failure(), NotAttachedError)
            else "lost"
            if self._mailbox.failure
            else "open"
        )
        return f"<Process {self.process_id or 'without id'} {state}>"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> ProcessEvent:
        """Give the next event; the iteration ends after the terminal one. Raises what :meth:`recv` raises."""
        try:
            return await self._next()
        except ProcessEndedError:
            if self._closed and not self._ended and not self._detached:
                raise  # what is left out must not look like the whole
            raise StopAsyncIteration from None

    async def recv(self, *, timeout: float = math.inf) -> tuple[Event, str | bytes]:
        """Await the next event and give its kind and what it carries.

        The value is text, for ``Event.File`` a :class:`File`, which is ``bytes``. A file that arrived corrupt, or an
        event that can't be read, is given as ``Event.Error`` although the process goes on; iterate over the process to
        tell it apart as :class:`CorruptEvent`. Events of kinds that the schema does not know are passed over here.

        Args:
            timeout: Seconds to wait; by default for as long as the connection lives.

        Raises:
            ProcessEndedError: The terminal event was already given, or the handle is closed.
            NotAttachedError: The process was launched with ``capture_outputs=False``.
            PieConnectionError: The connection was closed or lost; what had arrived is given first.
            StreamAbortedError: The server gave the process up without an end (0.5).
            SlowConsumerError: More had piled up than the client may buffer.
            DeadlineError: No event within ``timeout``; none is lost.
        """
        check_seconds("timeout", timeout)
        event = self._take()
        while event is None or isinstance(event, UnknownEvent):
            async with self._deadline("an event", timeout):
                while isinstance(event := await self._next(), UnknownEvent):
                    pass
        if isinstance(event, SpooledFile):
            event = await self._loaded(event)
        return _kind_and_value(event)

    async def text(self) -> AsyncGenerator[str]:
        """Iterate over what the process writes to its standard output, until it returns.

        All other events are passed over and gone; :meth:`result` still gives what it returned. Detaching the handle ends
        the iteration too.

        Raises:
            ProcessError: The process ended with an error; ProcessTerminatedError when it was stopped.
            ProcessEndedError: The handle was closed meanwhile.
            NotAttachedError, PieConnectionError, StreamAbortedError, SlowConsumerError: As :meth:`recv` does.
        """
        async for event in self:
            if isinstance(event, StdoutEvent):
                yield event.value
            elif isinstance(event, ErrorEvent):
                raise refusals.process_error(event.value)(self.process_id, event.value)

    async def wait(self, *, timeout: float = math.inf) -> str:
        """Wait for the end of the process and give the text that it returned.

        Takes no event away: all of them can still be read, before, meanwhile or after. May be called again.

        Args:
            timeout: Seconds to wait; by default for as long as the connection lives.

        Raises:
            ProcessError: The process ended with an error; ProcessTerminatedError when it was stopped.
            NotAttachedError: The process was launched with ``capture_outputs=False``.
            PieConnectionError: The connection was closed or lost before.
            StreamAbortedError: The server gave the process up without an end (0.5).
            SlowConsumerError: More events piled up than the client may buffer.
            ProcessEndedError: The handle was closed before.
            DeadlineError: The process did not end within ``timeout``.
        """
        async with self._deadline("its end", timeout):
            while (end := self._mailbox.terminal) is None:
                self._check()
                await self._change()
        if isinstance(end, ReturnEvent):
            return end.value
        raise refusals.process_error(end.value)(self.process_id, end.value)

    @overload
    async def result(self, *, timeout: float = math.inf) -> JsonValue: ...
    @overload
    async def result(self, as_type: type[T] | TypeAdapter[T], *, timeout: float = math.inf) -> T: ...
    async def result(
        self, as_type: type[T] | TypeAdapter[T] | None = None, *, timeout: float = math.inf
    ) -> T | JsonValue:
        """Wait for the end of the process and give what it returned, decoded from JSON.

        Args:
            as_type: What to decode to: any type that pydantic can validate, such as a model, a dataclass or
                ``list[int]``, or a pydantic TypeAdapter for what has no class, such as ``TypeAdapter(int | None)``. By
                default plain JSON values. With ``str``, a text that is no JSON string is given as it is: Python functions
                on 0.5 servers return texts like that, and nothing at all for None.
            timeout: Seconds to wait; by default for as long as the connection lives.

        Raises:
            ResultError: The text is not JSON, or not of that type; :meth:`wait` gives it as it is.
            InvalidArgumentError: pydantic can't validate ``as_type``.
            ProcessError, PieConnectionError, SlowConsumerError, ProcessEndedError, DeadlineError: As :meth:`wait` does.
        """
        try:
            adapter: TypeAdapter[T] | TypeAdapter[T | JsonValue]
            if isinstance(as_type, TypeAdapter):
                adapter = as_type
            else:
                adapter = TypeAdapter(JsonValue if as_type is None else as_type)
            adapter.rebuild(raise_errors=True)
        except (PydanticUserError, PydanticUndefinedAnnotation) as error:
            raise InvalidArgumentError(
                f"as_type is {as_type!r}, which pydantic can't validate; pass a model, a dataclass or a type of plain values"
            ) from error
        text = await self.wait(timeout=timeout)
        try:
            return adapter.validate_json(text)
        except ValidationError as error:
            if as_type is str:
                return cast("T", text)
            if not text:  # what a Python function returns for None
                with contextlib.suppress(ValidationError):
                    return adapter.validate_python(None)
            wanted = "JSON" if as_type is None else getattr(as_type, "__name__", str(as_type))
            reason = "; ".join(
                f"{'.'.join(map(str, e['loc'])) or 'value'}: {e['type']}"
                for e in error.errors(include_input=False, include_url=False)
            )
            raise ResultError(
                f"process {self.process_id} returned {len(text)} characters that are not {wanted} ({reason}); result(str) and wait() give the text"
            ) from None

    async def signal(self, message: str, *, timeout: float | None = None) -> None:
        """Send a text to the process, which gets it when it asks for one. Servers never confirm it.

        Args:
            message: The text.
            timeout: Seconds until it is sent; the client's default.

        Raises:
            NotAttachedError: The process was launched with ``capture_outputs=False``.
        """
        self._check_reached()
        await self._connection.calls.signal_process(
            process_id=self.process_id, message=message, timeout=timeout
        )

    async def transfer_file(
        self, file_bytes: Source, *, progress: Progress | None = None, timeout: float | None = None
    ) -> None:
        """Send a file to the process. Servers never confirm it, and drop it unless the process waits for one just then.

        So let the process begin to wait, then say so in a message, and answer when it has the file. A 0.5 server may
        forward a message sooner than it notes who waits (5 of 100 files were lost where the message was sent first), so
        send the file again when no answer comes. Sent in chunks of 256 KiB.

        Args:
            file_bytes: The content: bytes, the path of a file, which is read while it is sent, or an async iterable of
                pieces, which are gathered first (beyond 8 MiB in a temporary file).
            progress: Called with the bytes sent and the bytes in all, after every chunk.
            timeout: Seconds without progress, counted anew after every chunk; the client's default.

        Raises:
            NotAttachedError: The process was launched with ``capture_outputs=False``.
            InvalidArgumentError: The content is nothing of these, or the file changed while it was sent.
            OSError: The file can't be read.
        """
        self._check_reached()
        async with (
            self._connection.deadline(TRANSFER_FILE, timeout) as deadline,
            open_content(file_bytes, progress, deadline) as content,
        ):
            deadline.disable()  # sending has its own
            await self._connection.calls.transfer_file(
                process_id=self.process_id, content=content, timeout=timeout
            )

    async def terminate(self, *, timeout: float | None = None) -> None:
        """Ask the server to stop the process; its error event follows, or has just come.

        Args:
            timeout: Seconds until the server confirms; the client's default.

        Raises:
            ProcessNotFoundError: It has already ended.
            NotAttachedError: The server never told its id.
        """
        if not self.process_id:
            self._check_reached()
        await self._connection.calls.terminate_process(process_id=self.process_id, timeout=timeout)

    def close(self) -> None:
        """Let go of the process: nothing more is received from it, what is unread is dropped. The process goes on."""
        if self._finalizer.alive:
            self._closed = True
            self._mailbox.remove_listener(self._wake)
            self._finalizer.detach()
            _release(self._connection, self._mailbox)
            self._wake()

    def detach(self) -> str:
        """Let go of the process, but keep what is unread and what comes for the next ``attach_process`` of this client.

        The process goes on. What is kept counts towards ``max_buffered``.

        Returns:
            The process's id.
        """
        if self._finalizer.alive:
            self._mailbox.detached = True
            self._detached = True
            self.close()
        return self.process_id

    async def _next(self) -> ProcessEvent:
        while (event := self._take()) is None:
            self._check()
            if self._mailbox.terminal is not None:
                raise ProcessEndedError(
                    f"process {self.process_id} has ended and all its events were received; launch it again"
                )
            await self._change()
        return event

    def _take(self) -> ProcessEvent | None:
        event = None if self._closed else self._mailbox.pop()
        if event is not None:
            self._connection.resume_reading()
            if isinstance(event, TERMINAL):
                self._ended = True
                self._wake()
        return event

    async def _loaded(self, file: SpooledFile) -> FileEvent | CorruptEvent:
        """Read a file that is on disk into memory."""
        try:
            data = await asyncio.to_thread(file.read)
        except asyncio.CancelledError:
            if self._closed:
                file.close()
            else:
                self._mailbox.put_back(file)
            raise
        except OSError as error:
            file.close()
            return CorruptEvent(
                f"file {file.digest} is lost: it can't be read from disk ({error.strerror or error})"
            )
        file.close()
        return FileEvent(data, name=file.name, digest=file.digest)

    def _check(self) -> None:
        if self._closed:
            raise ProcessEndedError(
                f"the handle of process {self.process_id} is closed; attach to the process to get one"
            )
        if self._mailbox.failure is not None:
            raise self._mailbox.failure()

    def _check_reached(self) -> None:
        """Raise NotAttachedError where the server passes nothing on to the process."""
        if self._mailbox.failure is not None and isinstance(
            error := self._mailbox.failure(), NotAttachedError
        ):
            raise error

    async def _change(self) -> None:
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.add(waiter)
        try:
            with self._connection.keep_reading():
                await waiter
        finally:
            self._waiting.discard(waiter)

    def _wake(self) -> None:
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_result(None)

    @contextlib.asynccontextmanager
    async def _deadline(self, what: str, timeout: float) -> AsyncGenerator[None]:
        check_seconds("timeout", timeout)
        scope = asyncio.timeout(None if timeout == math.inf else timeout)
        try:
            async with scope:
                yield
        except TimeoutError as error:
            if isinstance(error, PieError) or not scope.expired():
                raise
            raise DeadlineError(
                f"process {self.process_id} did not give {what} within {timeout:g} s; wait longer, or terminate it"
            ) from None


def _kind_and_value(
    event: NamedEvent | FileEvent | CorruptEvent,
) -> tuple[Event, str | bytes]:
    """Give an event as the pair of the user guide."""
    match event:
        case FileEvent():
            return Event.File, event
        case CorruptEvent():
            return Event.Error, event.value
        case _:
            return KIND_OF[type(event)], event.value


def _release(connection: Connection, mailbox: Mailbox) -> None:
    connection.session.release_mailbox(mailbox)
    connection.resume_reading()


def _release_from_anywhere(loop: asyncio.AbstractEventLoop, connection: Connection, mailbox: Mailbox) -> None:
    """Release a mailbox whose handle was collected, which may happen in any thread."""
    with contextlib.suppress(RuntimeError):  # the loop is closed, and so is the connection
        loop.call_soon_threadsafe(_release, connection, mailbox)
