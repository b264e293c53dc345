"""Run a session over a transport: the reader and keep-alive tasks, deadlines and flow control.

The reader task receives a frame from the transport, passes it to ``Session.receive`` and starts what the session asks for
(MCP answers, disk writes, terminations). Callers send requests and await a future that the session completes. While too
many events are unread, the reader pauses, and TCP slows the server down. Connecting and logging in happen elsewhere.
"""

import asyncio
import collections
import contextlib
import functools
import logging
import math
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Generator
from typing import TYPE_CHECKING, TypeVar

from pie_client._generated.calls import Calls, Fields
from pie_client._generated.decoders import McpRequestRecord
from pie_client._generated.families import NEWEST, Family
from pie_client._generated.methods import Method
from pie_client.connection.deadline import Deadline, time_limit
from pie_client.connection.transport import Transport
from pie_client.connection.uploads import ChunkSender
from pie_client.connection.websocket import Frame
from pie_client.content import Chunk, Content
from pie_client.errors import (
    ConnectionLostError,
    DeadlineError,
    InvalidArgumentError,
    NotConnectedError,
    PieError,
)
from pie_client.protocol.session import PendingCall, Session

if TYPE_CHECKING:
    from pie_client._generated.models import ProcessInfo

logger = logging.getLogger(__name__)

R = TypeVar("R")

SEND_STALL_SECONDS = 0.1
"""Seconds after which a message that the socket has not accepted counts as stalled."""
MAX_QUEUED_BYTES = 1 << 20
"""Bytes of frames not yet processed above which the transport pauses."""


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
        on_close: Called when the connection is lost or closed.

    Attributes:
        identified: Whether a reply has identified the session.
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
        on_close: Callable[[], None],
    ) -> None:
        self.session = session
        self.calls = Calls(self)
        self.identify = identify
        self.identified = False
        self._on_mcp_request = on_mcp_request
        self._on_close = on_close
        self._transport = transport
        self._timeout = timeout
        self._ping_interval = ping_interval
        self._ping_timeout = ping_timeout
        self._loop = asyncio.get_running_loop()
        self._received_frames = 0
        self._waiting_readers = 0
        self._may_receive = asyncio.Event()
        self._may_receive.set()
        self._chunk_sender = ChunkSender()
        self._background_tasks: set[asyncio.Task[None]] = set()
        self._frames: collections.deque[bytes | str] = collections.deque()
        self._queued_bytes = 0
        self._lost: ConnectionLostError | None = None
        self._news = asyncio.Event()
        transport.start(self)
        self._tasks = [asyncio.create_task(self._receive_frames(), name="pie-client reader")]
        if ping_interval != math.inf:
            self._tasks.append(asyncio.create_task(self._keep_alive(), name="pie-client keep-alive"))

    # ------------------------------------------------------------- calls

    async def call(self, method: Method[R], build: Callable[[int], Fields], timeout: float | None) -> R:
        """Send a request and return its decoded result."""
        async with self._pending_call(method, timeout) as (call, reply, _):
            await self._send(call.method, functools.partial(build, call.corr_id), call)
            return await reply

    async def upload(
        self,
        method: Method[R],
        build: Callable[[int, Chunk], Fields],
        content: bytes | Content,
        timeout: float | None,
    ) -> R:
        """Send a request in chunks and return its decoded result. An early reply, an error, stops the upload."""
        async with self._pending_call(method, timeout) as (call, reply, deadline):

            async def send_chunk(chunk: Chunk) -> None:
                # Every chunk has the corr_id of the call: the server replies after the last chunk, or on an error.
                await self._send(call.method, functools.partial(build, call.corr_id, chunk), call)
                deadline.extend()

            async def send_reset(chunk: Chunk) -> None:
                # Under an unused id, so that the server's error reply is ignored.
                await self._send(call.method, functools.partial(build, self.session.unused_corr_id(), chunk))

            await self._chunk_sender.send(
                content, send_chunk, send_reset=send_reset, reply=reply, deadline=deadline
            )
            return await reply

    async def notify(self, method: Method[None], build: Callable[[], Fields], timeout: float | None) -> None:
        """Send a message that has no reply."""
        async with self.deadline(method, timeout):
            await self._ensure_identified(method)
            with self._keep_receiving_if_stalled():
                await self._send(method, build)

    async def transfer(
        self,
        method: Method[None],
        build: Callable[[Chunk], Fields],
        content: bytes | Content,
        timeout: float | None,
    ) -> None:
        """Send a message in chunks that has no reply."""
        async with self.deadline(method, timeout) as deadline:
            await self._ensure_identified(method)

            async def send_chunk(chunk: Chunk) -> None:
                with self._keep_receiving_if_stalled():
                    await self._send(method, functools.partial(build, chunk))
                deadline.extend()

            await self._chunk_sender.send(content, send_chunk, send_reset=send_chunk, deadline=deadline)

    async def family(self, timeout: float | None) -> Family:
        """Return the server's family, after identifying the session if necessary."""
        async with time_limit("identification", self._timeout if timeout is None else timeout):
            await self.identify()
        return self.session.family or NEWEST

    @contextlib.asynccontextmanager
    async def deadline(self, method: Method[object], timeout: float | None) -> AsyncGenerator[Deadline]:
        """Limit the time of a request; raises DeadlineError.

        Args:
            method: The request, named in the error.
            timeout: Seconds; None for the connection's default, ``math.inf`` for no limit.
        """
        if asyncio.get_running_loop() is not self._loop:
            raise InvalidArgumentError(
                f"{method.tag} not sent: the client belongs to another event loop; create one per loop"
            )
        async with time_limit(method.tag, self._timeout if timeout is None else timeout) as deadline:
            yield deadline

    # ------------------------------------------------------------- flow control and closing

    @contextlib.contextmanager
    def keep_receiving(self) -> Generator[None]:
        """Don't pause receiving inside the context, because a reader waits for an event."""
        self._waiting_readers += 1
        self.update_flow()
        try:
            yield
        finally:
            self._waiting_readers -= 1

    @contextlib.contextmanager
    def _keep_receiving_if_stalled(self) -> Generator[None]:
        # A server that blocks while sending to us does not read. If we paused receiving too, both would wait forever.
        with contextlib.ExitStack() as stack:
            handle = self._loop.call_later(
                SEND_STALL_SECONDS, lambda: stack.enter_context(self.keep_receiving())
            )
            stack.callback(handle.cancel)
            yield

    def update_flow(self) -> None:
        """Resume receiving if events were read or a reader waits."""
        if not self._may_receive.is_set() and (self._waiting_readers or not self.session.should_pause):
            self._may_receive.set()

    async def close(self) -> None:
        """Close the connection within about a second. Pending calls raise NotConnectedError."""
        # Futures and tasks of another loop can't be awaited here.
        if asyncio.get_running_loop() is not self._loop:
            raise InvalidArgumentError("the client belongs to another event loop; close it there")
        # Listed before they end: finished tasks remove themselves from the set.
        tasks = [*self._tasks, *self._background_tasks]
        try:
            self._shut_down()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._transport.close()
        finally:
            # A cancelled close drops the connection instead of leaving it half open.
            self.abort()

    def abort(self) -> None:
        """Drop the connection immediately, without a close handshake."""
        self._shut_down()
        self._transport.abort()

    def _shut_down(self) -> None:
        self.session.fail(lambda _sent: NotConnectedError("the client was closed; connect again"))
        for task in (*self._tasks, *self._background_tasks):
            task.cancel()
        self._on_close()

    def _fail(self, cause: Exception) -> None:
        def failure(sent: bool | None) -> PieError:
            error = ConnectionLostError(str(cause), sent=sent)
            error.__cause__ = cause
            return error

        self.session.fail(failure)
        self._on_close()

    # ------------------------------------------------------------- tasks

    def deliver(self, batch: list[Frame]) -> None:
        """Queue received frames for the reader task."""
        for frame in batch:
            self._queued_bytes += len(frame)
            self._frames.append(bytes(frame) if isinstance(frame, memoryview) else frame)
        if self._queued_bytes > MAX_QUEUED_BYTES:
            self._transport.pause()
        self._news.set()

    def lost(self, error: ConnectionLostError) -> None:
        """Fail what waits, after the queued frames are processed."""
        self._lost = error
        self._news.set()

    async def _next_frame(self) -> bytes | str:
        while not self._frames:
            self._queued_bytes = 0
            self._transport.resume()
            self._news.clear()
            if self._lost is not None:
                raise self._lost
            await self._news.wait()
        return self._frames.popleft()

    async def _receive_frames(self) -> None:
        try:
            while True:
                self._process_frame(await self._next_frame())
                if self.session.pending_writes:
                    await self._run_pending_writes()
                if self.session.over_limit:
                    await self._pause_if_full()
        except ConnectionLostError as error:
            self._fail(error)
        except asyncio.CancelledError:
            # close() fails the session first; here another task, such as a framework's shutdown, cancelled the reader.
            if self.session.alive:
                self._fail(ConnectionLostError("the client's reader task was cancelled; connect again"))
                self._transport.abort()
            raise
        except Exception as error:
            logger.exception("the reader failed; this is a defect of pie-client")
            self._fail(error)
            self._transport.abort()
            raise

    def _process_frame(self, frame: bytes | str) -> None:
        self._received_frames += 1
        mcp_request = self.session.receive(frame)
        if mcp_request is not None:
            self._start_task(self._on_mcp_request(mcp_request))
        self._terminate_queued()
        if self.session.process_check_due:
            self.session.process_check_due = False
            self._start_task(self._check_missing_processes())

    async def _pause_if_full(self) -> None:
        # _next_frame() does not suspend while frames are queued: give readers a chance to read first.
        await asyncio.sleep(0)
        if self.session.should_pause and not self._waiting_readers:
            self._may_receive.clear()
            await self._may_receive.wait()

    async def _run_pending_writes(self) -> None:
        writes, self.session.pending_writes = self.session.pending_writes, []
        for write in writes:
            writing = asyncio.ensure_future(asyncio.to_thread(write.write))
            try:
                await asyncio.shield(writing)
            except asyncio.CancelledError:
                # Wait for the thread: after close() returns, nothing may be written any more.
                await asyncio.wait({writing})
                raise
            except OSError as error:
                logger.warning("a received file can't be written to disk: %s", error)
                write.failed(error)
            else:
                write.written()

    async def _keep_alive(self) -> None:
        while True:
            await asyncio.sleep(self._ping_interval)
            # While receiving is paused, the pong waits unread in the socket: it proves nothing.
            if not self._may_receive.is_set():
                continue
            # Any frame proves that the link works, even if the pong is queued behind a large message.
            received = self._received_frames
            try:
                alive = await self._transport.ping(self._ping_timeout)
            except ConnectionLostError:
                return
            if not alive and received == self._received_frames and self._may_receive.is_set():
                self._fail(
                    ConnectionLostError(
                        f"connection to {self._transport.address} lost: no pong within {self._ping_timeout:g} s; check the network, then connect again"
                    )
                )
                self._transport.abort()
                return

    def _start_task(self, work: Coroutine[None, None, None]) -> None:
        # asyncio itself keeps only weak references to tasks.
        task = asyncio.create_task(work, name="pie-client background task")
        self._background_tasks.add(task)
        task.add_done_callback(self._background_tasks.discard)

    def _terminate_queued(self) -> None:
        if self.session.processes_to_terminate and self.session.alive:
            process_ids, self.session.processes_to_terminate = self.session.processes_to_terminate, []
            self._start_task(self._terminate(process_ids))

    async def _terminate(self, process_ids: list[str]) -> None:
        for process_id in process_ids:
            try:
                await self.calls.terminate_process(process_id=process_id)
            except PieError as error:
                logger.debug("could not terminate the process of a cancelled launch: %s", error)

    async def _check_missing_processes(self) -> None:
        """Fail the handles of processes that are missing from two consecutive process lists."""
        # Two, because the terminal event of a process that ended normally may still be on the way at the first.
        try:
            missing = self._missing_from(await self.calls.list_processes())
            missing &= self._missing_from(await self.calls.list_processes())
        except PieError as error:
            logger.warning("could not check which processes have ended: %s", error)
        else:
            self.session.fail_processes(missing)

    def _missing_from(self, listed: "list[ProcessInfo]") -> set[str]:
        return self.session.running_processes() - {info.id for info in listed}

    # ------------------------------------------------------------- parts of a call

    @contextlib.asynccontextmanager
    async def _pending_call(
        self, method: Method[R], timeout: float | None
    ) -> AsyncGenerator[tuple[PendingCall, asyncio.Future[R], Deadline]]:
        call: PendingCall | None = None
        try:
            async with self.deadline(method, timeout) as deadline:
                await self._ensure_identified(method)
                reply: asyncio.Future[R] = self._loop.create_future()
                late: list[R] = []

                def succeed(result: R) -> None:
                    if reply.done():
                        late.append(result)
                    else:
                        reply.set_result(result)

                def fail(error: PieError) -> None:
                    if not reply.done():
                        reply.set_exception(error)
                        reply.exception()  # avoids "exception was never retrieved" if the caller was cancelled

                call = self.session.open_call(method, succeed, fail)
                self.update_flow()  # the reply may be behind unread events
                try:
                    yield call, reply, deadline
                except BaseException:
                    # Race: the reply arrived, but the caller was cancelled before it resumed. Without this, a launched
                    # process would run without a handle.
                    if reply.done() and not reply.cancelled() and reply.exception() is None:
                        late.append(reply.result())
                    if late:
                        self.session.queue_termination(call, late[0])
                        self._terminate_queued()
                    raise
                finally:
                    self.session.close_call(call)
        except DeadlineError as error:
            if call is not None and (server_error := self.session.server_error_since(call)):
                raise DeadlineError(f"{error}; the server reported: {server_error}") from None
            raise

    async def _ensure_identified(self, method: Method[object]) -> None:
        self.session.check_alive()
        if not self.identified and not method.opens_session:
            try:
                await self.identify()
            except ConnectionLostError as error:
                # ``sent`` of the original error is about the identification, not about this request.
                raise ConnectionLostError(str(error), sent=False) from error

    async def _send(
        self, method: Method[object], build: Callable[[], Fields], call: PendingCall | None = None
    ) -> None:
        frame = self.session.encode_request(method, build, call)
        try:
            # Set before: if sending is cancelled, the server may still receive the frame.
            if call is not None:
                call.sent = True
            self._transport.write(frame)
            if self._transport.congested:
                await self._transport.drain()
        except ConnectionLostError as error:
            # Only this call fails here. The reader fails the others after it has received the remaining frames.
            raise ConnectionLostError(str(error), sent=True) from error
