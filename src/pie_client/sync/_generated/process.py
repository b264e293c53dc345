"""Synchronous classes for ``pie_client.process``.

Written by `python -m codegen generate` from the asynchronous classes; never edited.
"""

from __future__ import annotations

from collections.abc import Generator
from types import TracebackType
from typing import Generic, Self, overload

from pie_client._generated.events import ErrorEvent, Event, StdoutEvent
from pie_client.lazy import LazyModule
from pie_client.process import R_co, T
from pie_client.protocol.items import ProcessEvent

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which would load typing
if TYPE_CHECKING:
    import pydantic

    from pie_client import process as aio
    from pie_client._generated import refusals
    from pie_client.connection import contents
    from pie_client.sync import feeds, loop_thread, reading
else:
    contents = LazyModule("pie_client.connection.contents")
    pydantic = LazyModule("pydantic")
    refusals = LazyModule("pie_client._generated.refusals")
    aio = LazyModule("pie_client.process")
    feeds = LazyModule("pie_client.sync.feeds")
    loop_thread = LazyModule("pie_client.sync.loop_thread")
    reading = LazyModule("pie_client.sync.reading")


class Process(Generic[R_co]):
    """A handle of a process: a running instance of a program.

    :meth:`PieClient.launch_process` and :meth:`PieClient.attach_process` return one. Most applications read the
    events with ``for`` and match on their classes, or only wait for the result:

        for event in process:
            match event:
                case StdoutEvent(text):
                    print(text, end="")

        answer = process.result(Answer)

    :meth:`recv` returns events one by one, as pairs of kind and value. Both ways can be mixed.
    If several threads receive from one process, each event goes to one of them.

    A handle that is closed or garbage-collected receives no more events. The process keeps running on the server. A
    ``with`` block closes its handle, and terminates the process if it was launched with ``terminate_on_exit=True``.

    ``Process[R]`` tells type checkers what :meth:`result` returns. ``Process`` alone accepts all handles.
    """

    __slots__ = ("__weakref__", "_async", "_thread")

    def __init__(self, thread: loop_thread.LoopThread, asynchronous: aio.Process[R_co]) -> None:
        self._thread = reading.Reading(thread, asynchronous)
        self._async = asynchronous

    @property
    def process_id(self) -> str:
        """Id of the process: a lowercase UUID."""
        return self._thread.do(lambda: self._async.process_id)

    @property
    def possible_gaps(self) -> int:
        """How often events may be missing: each time that its connection was lost without a close frame.

        Servers do not number events. What was on its way when the connection broke may not have arrived, and then comes
        never again. After a close frame nothing is missing.
        """
        return self._thread.do(lambda: self._async.possible_gaps)

    @property
    def buffered(self) -> int:
        """Bytes of memory that the unread events of the process take."""
        return self._thread.do(lambda: self._async.buffered)

    @property
    def dropped(self) -> int:
        """Number of events of the process that were dropped because too much was unread."""
        return self._thread.do(lambda: self._async.dropped)

    def __enter__(self) -> Self:
        self._thread.wait(lambda: self._async.__aenter__())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thread.leave(lambda: self._async.__aexit__(kind, error, trace))

    def __iter__(self) -> Self:
        self._thread.do(lambda: self._async.__aiter__())
        return self

    def __next__(self) -> ProcessEvent:
        """Return the next event; stop after the terminal one.

        Raises:
            ProcessEndedError: The handle was closed before the terminal event was received.
            NotAttachedError, PieConnectionError, StreamAbortedError, SlowConsumerError: See :meth:`recv`.
        """
        return self._thread.step(lambda: self._async.__anext__())

    def recv(self, *, timeout: float | None = None) -> tuple[Event, str | bytes]:
        """Wait for the next event and return its kind and value.

        The value is a string, or for ``Event.File`` a :class:`FileEvent` in memory, which is a ``bytes`` too. For a
        corrupt file or an unreadable event, CorruptEventError is raised once, and the next call goes on with the next
        event. Events of unknown kinds are skipped.

        A timeout loses no event. An interruption, as by Ctrl-C, may lose what arrives at that moment.

        Args:
            timeout: Seconds to wait. Default: no limit.

        Returns:
            The kind of the event and its value.

        Raises:
            ProcessEndedError: The terminal event was already received, or the handle is closed.
            CorruptEventError: A file or an event is lost. The process keeps running: call again.
            NotAttachedError: The process was launched with ``capture_outputs=False``.
            InvalidArgumentError: The client belongs to a process that forked this one.
            PieConnectionError: The connection was closed or lost. Buffered events are returned first. ProcessLostError if
                a client with ``reconnect=`` connected again, but the server did not give the process back.
            StreamAbortedError: The server dropped the process without a terminal event (0.5).
            SlowConsumerError: Events were dropped because too much was unread; later ones follow. With
                ``when_full="error"`` none follow.
            DeadlineError: No event arrived within ``timeout``.
        """
        return self._thread.wait(lambda: self._async.recv(timeout=timeout))

    def text(self) -> Generator[str]:
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
        for event in self:
            if isinstance(event, StdoutEvent):
                yield event.value
            elif isinstance(event, ErrorEvent):
                raise refusals.process_error(event.value)(self.process_id, event.value)

    def wait(self, *, timeout: float | None = None) -> str:
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
        return self._thread.wait(lambda: self._async.wait(timeout=timeout))

    @overload
    def result(self, *, timeout: float | None = None) -> R_co: ...

    @overload
    def result(self, as_type: type[T] | pydantic.TypeAdapter[T], *, timeout: float | None = None) -> T: ...

    def result(
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
        found: T | R_co = self._thread.wait(
            lambda: loop_thread.untyped(self._async.result)(as_type, timeout=timeout)
        )
        return found

    def signal(self, message: str, *, timeout: float | None = None) -> None:
        """Send a text message to the process, which receives it when it asks for one.

        Servers do not confirm its delivery.

        Args:
            message: The message.
            timeout: Seconds until the message is sent. Default: the client's ``timeout``.

        Raises:
            ProcessEndedError: The client knows that the process has ended; nothing was sent.
            NotAttachedError: The process was launched with ``capture_outputs=False``.
        """
        self._thread.wait(lambda: self._async.signal(message, timeout=timeout))

    def transfer_file(
        self,
        file_bytes: feeds.Source,
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
                it is sent, or an iterable of bytes, which is collected first (above 8 MiB in a temporary file).
            progress: Called after every chunk with the bytes sent and the total.
            timeout: Seconds without progress; every chunk restarts it. Default: the client's ``timeout``.

        Raises:
            ProcessEndedError: The client knows that the process has ended; nothing was sent.
            NotAttachedError: The process was launched with ``capture_outputs=False``.
            InvalidArgumentError: The content is of another type, or the file changed while it was sent.
            OSError: The file could not be read.
        """
        self._thread.wait(
            lambda: self._async.transfer_file(feeds.as_source(file_bytes), progress=progress, timeout=timeout)
        )

    def terminate(self, *, timeout: float | None = None) -> None:
        """Terminate the process. Its error event follows.

        If the process has ended, however it ended, there is nothing to do: the call returns, and may be repeated.

        Args:
            timeout: Seconds until the server confirms. Default: the client's ``timeout``.

        Raises:
            ProcessNotFoundError: The server does not know the process, and this client did not see it end.
            NotAttachedError: The process was launched with ``capture_outputs=False`` and its id is unknown.
        """
        self._thread.wait(lambda: self._async.terminate(timeout=timeout))

    def close(self) -> None:
        """Stop receiving events and discard unread ones. The process keeps running on the server."""
        self._thread.do(self._async.close)

    def detach(self) -> str:
        """Stop receiving events, but keep them for the next ``attach_process`` of this client.

        The process keeps running on the server. Kept events count towards ``max_buffered``.

        Returns:
            The id of the process.
        """
        return self._thread.do(self._async.detach)

    def __repr__(self) -> str:
        return repr(self._async)

    def __reduce__(self) -> str | tuple[object, ...]:
        return self._async.__reduce__()


__all__ = ["Process"]
