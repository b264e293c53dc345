"""Run a session over a transport: calls and their deadlines, flow control, keep-alive, and the effects of the session.

The transport delivers the frames of each socket read; they are processed at once, up to the mailboxes. Then the connection
does what the session asks for (MCP answers, disk writes, terminations), and pauses reading while ``flow`` says so. Callers send requests and await a future that the session completes.
Connecting and logging in happen elsewhere.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, TypeVar, TypeVarTuple

from pie_client._generated.calls import Calls
from pie_client._generated.decoders import McpRequestRecord
from pie_client._generated.families import NEWEST, Family
from pie_client._generated.methods import PING, Method
from pie_client.connection.background import BackgroundTasks
from pie_client.connection.callers import Wrap, callers
from pie_client.connection.deadline import CallTimer, Deadline, deadline_text
from pie_client.connection.disk import FileWriter
from pie_client.connection.flow import Flow
from pie_client.connection.keep_alive import KeepAlive
from pie_client.connection.options import check_seconds
from pie_client.connection.transport import CLOSE_TIMEOUT, Transport
from pie_client.errors import (
    ConnectionLostError,
    DeadlineError,
    InvalidArgumentError,
    NotConnectedError,
    PieConnectionError,
    PieError,
    ReconnectError,
    interrupted_by,
)
from pie_client.lazy import LazyModule
from pie_client.protocol.backlog import Backlogs
from pie_client.protocol.calls import PendingCall
from pie_client.protocol.codec import Fields, Frame
from pie_client.protocol.routes import Route
from pie_client.protocol.session import Session, WriteFile
from pie_client.protocol.shares import Share

if TYPE_CHECKING:
    from pie_client.connection import uploads
    from pie_client.content import Chunk, Content
else:
    uploads = LazyModule("pie_client.connection.uploads")

logger = logging.getLogger(__name__)

R = TypeVar("R")
Ts = TypeVarTuple("Ts")


class Connection:
    """The generated calls over one WebSocket.

    Args:
        transport: The open WebSocket. It is closed with the connection.
        session: The session that processes received frames.
        timeout: Default timeout of a call, in seconds.
        ping_interval: Seconds between keep-alive pings; ``math.inf`` for none.
        ping_timeout: Seconds without a pong or any received frame after which the connection is lost.
        identify: Awaited before a request that needs an identified session.
        on_mcp_request: Answers a relayed MCP call.
        on_close: Called with the cause when the connection is lost, or with None when it is closed; perhaps more than once.
        wrap: What requests go through, or None.

    Attributes:
        caller: What sends requests, through the log and ``wrap``.
        calls: The generated calls.
        answers: The same for requests that the server causes, of which few are logged.
        user: User of the session; None until a reply has identified it.
        paused: Whether reading from the socket is paused; readers of events then call :meth:`after_read`.
    """

    def __init__(
        self,
        transport: Transport,
        session: Session,
        *,
        timeout: float,
        ping_interval: float,
        ping_timeout: float,
        identify: Callable[[], Awaitable[None]],
        on_mcp_request: Callable[[McpRequestRecord], Coroutine[None, None, None]],
        on_close: Callable[[Exception | None], None],
        wrap: Wrap | None,
    ) -> None:
        self._session = session
        self.caller, answering = callers(self, wrap)
        self.calls, self.answers = Calls(self.caller), Calls(answering)
        self.paused = False
        self._transport = transport
        self.identify = identify
        self.user: str | None = None
        self._on_close = on_close
        self._timeout = timeout
        self._ping_interval = ping_interval
        self._ping_timeout = ping_timeout
        self._loop = asyncio.get_running_loop()
        self._timer = CallTimer(self._loop, session.calls, self._expire)
        self._flow = Flow(session, self._loop, self.update_flow)
        self._released: deque[Route] = deque()
        self._release_scheduled = False
        self._background = BackgroundTasks(session, self.answers, on_mcp_request, self.update_flow)
        self._writer = FileWriter(session, self._react)
        self._last_uploads: uploads.Uploads | None = None
        self._start()

    def _start(self) -> None:
        """Start to receive."""
        transport = self._transport
        self._keep_alive = KeepAlive(
            transport, self._ping_interval, self._ping_timeout, self._is_paused, self._fail
        )
        transport.start(self)

    def _is_paused(self) -> bool:
        return self.paused

    # ------------------------------------------------------------- calls

    async def call(self, method: Method[R], build: Callable[[int], Fields], timeout: float | None) -> R:
        """Send a request and return its decoded result."""
        self._check_loop(method)
        seconds = self._timeout if timeout is None else check_seconds("timeout", timeout)
        expires = self._loop.time() + seconds
        if self.user is None and not method.opens_session:
            async with Deadline(method.tag, seconds, sent=False):
                await self.ensure_identified(method)
        # What follows runs for every request, so it has no context managers, and no timer of its own.
        call = self._session.open_call(method)
        try:
            self._write_call(call, build)
            if self.paused:
                self.update_flow()  # the reply may be behind unread events
            call.waiter = waiter = self._loop.create_future()
            self._timer.watch(call, seconds, expires)
            # Not drained: a reply shows that the server has read the request.
            await waiter
        except BaseException:
            self.close_call(call)
            raise
        return call.take()

    def _uploads(self) -> uploads.Uploads:
        """Return the uploads over the present transport. Those that run over a lost one end with its error."""
        if self._last_uploads is None or self._last_uploads.transport is not self._transport:
            self._last_uploads = uploads.Uploads(self, self._session, self._transport)
        return self._last_uploads

    async def upload(
        self,
        method: Method[R],
        build: Callable[[int, Chunk], Fields],
        content: bytes | Content,
        timeout: float | None,
    ) -> R:
        """Send a request in chunks and return its decoded result. An early reply, an error, stops the upload."""
        return await self._uploads().upload(method, build, content, timeout)

    async def notify(self, method: Method[None], build: Callable[[], Fields], timeout: float | None) -> None:
        """Send a message that has no reply."""
        await self.send(method, lambda: self._session.encode(method, build), timeout)

    async def send(self, method: Method[None], encode: Callable[[], bytes], timeout: float | None) -> None:
        """Send a frame that has no reply."""
        async with self.deadline(method, timeout, sent=False) as deadline:
            await self.ensure_identified(method)
            frame = encode()
            try:
                self._transport.write(frame)
            except ConnectionLostError as error:
                raise interrupted_by(error, sent=False, request=method.tag) from error
            deadline.sent = True
            if self._transport.congested:
                with self.keep_receiving_if_stalled():
                    await self.drain()

    async def transfer(
        self,
        method: Method[None],
        build: Callable[[Chunk], Fields],
        content: bytes | Content,
        timeout: float | None,
    ) -> None:
        """Send a message in chunks that has no reply."""
        await self._uploads().transfer(method, build, content, timeout)

    async def family(self, timeout: float | None) -> Family:
        """Return the server's family, after identifying the session if necessary."""
        async with Deadline("identification", self._timeout if timeout is None else timeout, sent=False):
            await self.ensure_identified(PING)
        return self._session.family or NEWEST

    def deadline(self, method: Method[object], timeout: float | None, *, sent: bool = True) -> Deadline:
        """Return a limit for the time of a request.

        Args:
            method: The request, named in the error.
            timeout: Seconds; None for the connection's default, ``math.inf`` for no limit.
            sent: Whether the request may be sent in the context; see :attr:`Deadline.sent`.
        """
        self._check_loop(method)
        seconds = self._timeout if timeout is None else timeout
        return Deadline(method.tag, seconds, sent=sent, was_suspended=self.was_suspended)

    def was_suspended(self, seconds: float) -> bool:
        """Return whether nothing could be sent for some seconds, because the connection was being restored."""
        return False

    def terminate_later(self, process_id: str) -> asyncio.Task[None]:
        """Terminate a process in a task. A failure is logged."""
        return self._background.terminate([process_id], self.calls)

    # ------------------------------------------------------------- received frames

    def deliver(self, batch: list[Frame]) -> None:
        """Process the frames of a socket read. Called by the transport."""
        session = self._session
        try:
            # Before the batch: readers had a chance to read what earlier ones brought. While reading is paused, the
            # batch is the rest of a lost connection, which is bounded and complete.
            if session.routes.backlogs.over and not self.paused:
                session.routes.backlogs.enforce()
            session.receive(batch)
        except Exception as error:
            logger.exception("processing a frame failed; this is a defect of pie-client")
            self._fail(error)
            self._transport.abort()
            return
        if session.needs_attention:
            self._react()

    def lost(self, error: ConnectionLostError) -> None:
        """Fail what waits for the server. Called by the transport, after the last frame."""
        self._fail(error)

    def _react(self) -> None:
        self._run_effects()
        self.update_flow()

    def _run_effects(self) -> None:
        effects = self._session.effects
        while effects:
            effect = effects.popleft()
            if isinstance(effect, WriteFile):
                self._writer.write(effect)
            else:
                self._background.run(effect)

    # ------------------------------------------------------------- flow control and closing

    async def wait_for_change(self, route: Route) -> None:
        """Wait until events of a process arrive, or it ends or fails. Reading from the socket goes on meanwhile."""
        # A future of this loop, awaited in another one, would break the task that wakes it.
        if asyncio.get_running_loop() is not self._loop:
            raise InvalidArgumentError(
                f"can't wait for process {route.process_id}: its client belongs to another event loop; create one per loop"
            )
        waiter = self._loop.create_future()
        route.add_waiter(waiter)
        # Too much that is unread could otherwise stop reading from the socket, and the awaited event never arrive.
        flow = self._flow
        flow.waiting += 1
        if self.paused:
            self.update_flow()
        try:
            await waiter
        except asyncio.CancelledError:
            route.remove_waiter(waiter)
            raise
        finally:
            flow.waiting -= 1
            # It was woken by a batch that may hold more than it will read before the next one.
            if self._session.routes.backlogs.pressing:
                self.update_flow()

    def after_read(self) -> None:
        """Resume reading from the socket if enough was read. Called for each event that is read while it is paused."""
        if not self._session.routes.backlogs.still_full:
            self.update_flow()

    def update_flow(self) -> None:
        """Pause reading from the socket while too much is unread or unwritten, and resume it afterwards."""
        if asyncio._get_running_loop() is not self._loop:  # noqa: SLF001 - the only one that does not raise
            with contextlib.suppress(RuntimeError):  # the loop is closed
                self._loop.call_soon_threadsafe(self.update_flow)
            return
        if not self._session.alive:
            return  # nothing arrives
        pause = self._flow.should_pause(unanswered=bool(self._background.waiting))
        if pause != self.paused:
            self.paused = pause
            if pause:
                self._transport.pause()
            else:
                self._transport.resume()

    @property
    def alive(self) -> bool:
        """Whether the connection has not ended: it is open, or being restored."""
        return self._session.alive

    async def restored(self) -> bool:
        """Wait while a lost connection is being restored, which only some are. Return whether there was anything to wait for."""
        return False

    @property
    def known_family(self) -> Family | None:
        """Family of the server; None until it is known."""
        return self._session.family

    @known_family.setter
    def known_family(self, family: Family) -> None:
        self._session.family = family

    def check_alive(self) -> None:
        """Raise PieConnectionError if the connection has failed or been closed."""
        self._session.check_alive()

    def check_family(self, method: Method[object]) -> None:
        """Raise UnsupportedError if the server's family is known and does not support a request."""
        self._session.check_family(method)

    def is_attached(self, process_id: str) -> bool:
        """Return whether a process sends its events to this connection, or events of it are kept."""
        return self._session.routes.is_attached(process_id)

    def check_running(self, process_id: str, request: str) -> None:
        """Raise ProcessEndedError if a process is known to have ended, so that a request is not sent."""
        self._session.routes.check_running(process_id, request)

    @property
    def backlogs(self) -> Backlogs:
        """What the processes of this connection hold."""
        return self._session.routes.backlogs

    @property
    def default_share(self) -> Share:
        """What a process may hold if its launch does not say."""
        return self._session.routes.share

    def claim(self, process_id: str, share: Share | None = None) -> Route:
        """Return the route of a process for a new handle. Raises PieConnectionError if the connection has ended."""
        self._session.check_alive()
        return self._session.routes.claim(process_id, share)

    def release(self, route: Route, *, keep: bool = False) -> None:
        """Close a handle of a process. With ``keep``, its events are kept for another one."""
        self._session.routes.release(route, keep=keep)
        if self.paused:
            self.update_flow()

    def release_later(self, route: Route) -> None:
        """Close a handle that was garbage-collected. The collector may run in any thread, and at any time."""
        self._released.append(route)
        if not self._release_scheduled:
            self._release_scheduled = True
            loop = self._loop
            # From the loop's own thread, waking it by its pipe would cost a system call for each handle.
            in_loop = asyncio._get_running_loop() is loop  # noqa: SLF001 - the only one that does not raise
            with contextlib.suppress(RuntimeError):  # the loop is closed, and its connections with it
                (loop.call_soon if in_loop else loop.call_soon_threadsafe)(self._release_collected)

    def _release_collected(self) -> None:
        # Reset first: another thread may add a handle while the last one is released.
        self._release_scheduled = False
        while self._released:
            self.release(self._released.popleft())

    def keep_receiving_if_stalled(self) -> contextlib.AbstractContextManager[None]:
        """Keep reading from the socket while a message is being sent that the socket does not accept."""
        return self._flow.keep_receiving_if_stalled(congested=self._transport.congested)

    async def close(self) -> None:
        """Close the connection within about a second. Pending calls raise NotConnectedError."""
        # Futures and tasks of another loop can't be awaited here.
        if asyncio.get_running_loop() is not self._loop:
            raise InvalidArgumentError("the client belongs to another event loop; close it there")
        try:
            await asyncio.gather(*self._shut_down(), return_exceptions=True)
            await self._transport.close()
            # After close() nothing more should be written, unless the disk takes too long.
            await self._writer.wait(CLOSE_TIMEOUT)
        finally:
            # A cancelled close drops the connection instead of leaving it half open.
            self.abort()

    def abort(self) -> None:
        """Drop the connection immediately, without a close handshake."""
        self._shut_down()
        self._transport.abort()

    def call_soon(self, function: Callable[[], object]) -> None:
        """Call a function in the event loop, from any thread. Does nothing if the loop is closed."""
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(function)

    def _shut_down(self) -> list[asyncio.Task[None]]:
        """End everything but the transport, and return the cancelled tasks."""
        self._session.fail(lambda sent: NotConnectedError("the client was closed; connect again", sent=sent))
        self._keep_alive.stop()
        tasks = self._background.cancel()
        self._timer.close()
        self._flow.close()
        self._on_close(None)
        return tasks

    def _fail(self, cause: Exception) -> None:
        self._timer.close()
        self._keep_alive.stop()
        self._flow.close()
        self._background.drop_answers()
        self._session.fail(functools.partial(interruption, cause))
        self._on_close(cause)

    # ------------------------------------------------------------- parts of a call

    def close_call(self, call: PendingCall[R]) -> None:
        self._session.close_call(call)
        if self._session.effects:
            self._run_effects()
        self.update_flow()  # it may have kept the reading going

    async def ensure_identified(self, method: Method[object]) -> None:
        self._session.check_alive(method.tag)
        if not method.opens_session and self.user is None:
            try:
                await self.identify()
            except ConnectionLostError as error:
                # ``sent`` of the original error is about the identification, not about this request.
                raise interrupted_by(error, sent=False, request=method.tag) from error
            except PieConnectionError as error:
                error.sent = False
                raise

    def _write_call(self, call: PendingCall[R], build: Callable[[int], Fields]) -> None:
        # Encoded first: an invalid request must not count as sent.
        frame = self._session.encode_call(call, build)
        try:
            # With no other call pending, waiting for more to write would only cost another turn of the event loop.
            self._transport.write(frame, now=len(self._session.calls) == 1)
        except ConnectionLostError as error:
            # Only this call fails here. The others fail after the remaining frames have been delivered.
            raise interrupted_by(error, sent=call.sent, request=call.method.tag) from error
        call.sent = True

    async def drain(self) -> None:
        transport = self._transport
        if transport.congested:
            await transport.drain()
            # First: close() is the better explanation of what it has interrupted.
            if (failure := self._session.failure(sent=True)) is not None:
                raise failure
            try:
                transport.check_open()
            except ConnectionLostError as error:
                raise interrupted_by(error, sent=True) from error

    def _expire(self, call: PendingCall[object]) -> None:
        self.close_call(call)
        call.fail(
            self.deadline_error(
                DeadlineError(deadline_text(call.method.tag, call.seconds), sent=call.sent), call
            )
        )

    def deadline_error(self, error: DeadlineError, call: PendingCall[R]) -> DeadlineError:
        if server_error := self._session.server_error_since(call):
            return DeadlineError(f"{error}; the server reported: {server_error}", sent=error.sent)
        return error

    def _check_loop(self, method: Method[object]) -> None:
        if asyncio.get_running_loop() is not self._loop:
            raise InvalidArgumentError(
                f"{method.tag} not sent: the client belongs to another event loop; create one per loop"
            )


def interruption(cause: Exception, sent: bool | None) -> PieError:
    """Return the error of what the end of a connection has interrupted."""
    error: PieError
    if isinstance(cause, ReconnectError):
        error = ReconnectError(str(cause), sent=sent)
        error.__cause__ = cause.__cause__
        return error
    if isinstance(cause, ConnectionLostError):
        error = interrupted_by(cause, sent=sent)
        error.__cause__ = cause.__cause__
        return error
    error = ConnectionLostError(str(cause), sent=sent)
    error.__cause__ = cause
    return error
