"""Joins a transport to a session: tasks, deadlines and the flow of bytes between them."""

import asyncio
import contextlib
import functools
import logging
import math
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Generator
from typing import TypeVar

from pie_client._generated.calls import Calls
from pie_client._generated.families import NEWEST, Family
from pie_client._generated.methods import Method
from pie_client._generated.models import McpRequest, ProcessInfo
from pie_client.base import Chunk, Content, WireModel
from pie_client.connection.deadline import Deadline, time_limit
from pie_client.connection.transport import Transport
from pie_client.connection.uploads import ChunkSender
from pie_client.errors import (
    ConnectionLostError,
    DeadlineError,
    InvalidArgumentError,
    NotConnectedError,
    PieError,
)
from pie_client.protocol.session import PendingCall, Session

logger = logging.getLogger(__name__)

R = TypeVar("R")

SEND_STALL_SECONDS = 0.1
"""Time after which a message that was not taken by the socket counts as stuck."""


class Connection:
    """Carries the generated calls over one WebSocket.

    Args:
        transport: The open WebSocket; closed with this connection.
        session: The conversation; fed with what arrives.
        timeout: Seconds that a call may take when it does not say.
        ping_interval: Seconds between keep-alive pings; ``math.inf`` for none.
        ping_timeout: Seconds without a pong, and without anything else arriving, after which the link counts as dead.
    """

    def __init__(
        self,
        transport: Transport,
        session: Session,
        *,
        timeout: float,
        ping_interval: float,
        ping_timeout: float,
    ) -> None:
        self.session = session
        self.calls = Calls(self)
        self.identify: Callable[[], Awaitable[None]] = _do_nothing_async
        """Awaited before a request that needs an identified session."""
        self.on_mcp_request: Callable[[McpRequest], Coroutine[None, None, None]] = _ignore_mcp_request
        """Answers a relayed MCP call."""
        self.on_close: Callable[[], None] = _do_nothing
        """Told when the connection is lost or closed."""
        self._transport = transport
        self._timeout = timeout
        self._ping_interval = ping_interval
        self._ping_timeout = ping_timeout
        self._loop = asyncio.get_running_loop()
        self._received = 0
        self._waiters = 0
        self._reading_allowed = asyncio.Event()
        self._reading_allowed.set()
        self._chunk_sender = ChunkSender()
        self._background_tasks: set[asyncio.Task[None]] = set()
        self._tasks = [asyncio.create_task(self._read(), name="pie-client reader")]
        if ping_interval != math.inf:
            self._tasks.append(asyncio.create_task(self._keep_alive(), name="pie-client keep-alive"))

    # ------------------------------------------------------------- Caller

    async def call(self, method: Method[R], build: Callable[[int], WireModel], timeout: float | None) -> R:
        """Send a request and give the decoded result of its reply."""
        async with self._request(method, timeout) as (call, reply, _):
            await self._send(call.method, functools.partial(build, call.corr_id), call)
            return await reply

    async def upload(
        self,
        method: Method[R],
        build: Callable[[int, Chunk], WireModel],
        content: bytes | Content,
        timeout: float | None,
    ) -> R:
        """Send a request in chunks, stopping at the first reply: before the last chunk it can only be an error."""
        async with self._request(method, timeout) as (call, reply, deadline):

            async def emit(chunk: Chunk) -> None:
                await self._send(call.method, functools.partial(build, call.corr_id, chunk), call)
                deadline.extend()

            await self._chunk_sender.send(
                content,
                emit,
                reset=lambda chunk: self._send(
                    call.method, functools.partial(build, self.session.unused_corr_id(), chunk)
                ),
                finish=reply,
                deadline=deadline,
            )
            return await reply

    async def notify(
        self, method: Method[None], build: Callable[[], WireModel], timeout: float | None
    ) -> None:
        """Send a message that has no reply."""
        async with self.deadline(method, timeout):
            await self._identify(method)
            with self._keep_reading_if_stuck():
                await self._send(method, build)

    async def transfer(
        self,
        method: Method[None],
        build: Callable[[Chunk], WireModel],
        content: bytes | Content,
        timeout: float | None,
    ) -> None:
        """Send a message in chunks that has no reply."""
        async with self.deadline(method, timeout) as deadline:
            await self._identify(method)

            async def emit(chunk: Chunk) -> None:
                with self._keep_reading_if_stuck():
                    await self._send(method, functools.partial(build, chunk))
                deadline.extend()

            await self._chunk_sender.send(content, emit, reset=emit, deadline=deadline)

    async def family(self, timeout: float | None) -> Family:
        """Give the server's family, identifying the session first where that has not been done."""
        async with time_limit("identification", self._timeout if timeout is None else timeout):
            await self.identify()
        return self.session.family or NEWEST

    # ------------------------------------------------------------- life

    @contextlib.contextmanager
    def keep_reading(self) -> Generator[None]:
        """Mark that somebody waits for events, so that the flow does not stop meanwhile."""
        self._waiters += 1
        self.resume_reading()
        try:
            yield
        finally:
            self._waiters -= 1

    @contextlib.contextmanager
    def _keep_reading_if_stuck(self) -> Generator[None]:
        """Let the flow go on while a message does not get out: who can't get rid of what it says may not listen either."""
        with contextlib.ExitStack() as stack:
            handle = self._loop.call_later(
                SEND_STALL_SECONDS, lambda: stack.enter_context(self.keep_reading())
            )
            stack.callback(handle.cancel)
            yield

    def resume_reading(self) -> None:
        """Look again whether reading may go on: something was read, or somebody waits."""
        if not self._reading_allowed.is_set() and (self._waiters or not self.session.should_pause):
            self._reading_allowed.set()

    async def close(self) -> None:
        """Close the connection within about a second; everything that still waits fails with NotConnectedError."""
        if asyncio.get_running_loop() is not self._loop:
            raise InvalidArgumentError("the client was connected in another event loop; close it there")
        tasks = [*self._tasks, *self._background_tasks]
        try:
            self._shut_down()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._transport.close()
        finally:
            self.abort()

    def abort(self) -> None:
        """Drop the connection at once."""
        self._shut_down()
        self._transport.abort()

    def _shut_down(self) -> None:
        self.session.fail(lambda _sent: NotConnectedError("the client was closed; connect again"))
        for task in (*self._tasks, *self._background_tasks):
            task.cancel()
        self.on_close()

    async def _read(self) -> None:
        try:
            while True:
                frame = await self._transport.receive()
                self._received += 1
                on_mcp_request = self.session.receive(frame)
                if on_mcp_request is not None:
                    self._start_task(self.on_mcp_request(on_mcp_request))
                if self.session.pending_writes:
                    await self._run_pending_writes()
                self._terminate_abandoned()
                if self.session.process_check_due:
                    self.session.process_check_due = False
                    self._start_task(self._check_missing_processes())
                if self.session.over_limit:
                    # Receiving does not suspend while frames are at hand: whoever reads gets a turn.
                    await asyncio.sleep(0)
                    if self.session.should_pause and not self._waiters:
                        self._reading_allowed.clear()
                        await self._reading_allowed.wait()
        except ConnectionLostError as error:
            self._fail(error)
        except asyncio.CancelledError:
            if self.session.alive:  # cancelled by somebody else than close()
                self._fail(ConnectionLostError("the client's reader was cancelled; connect again"))
                self._transport.abort()
            raise
        except Exception as error:
            logger.exception("the reader failed; this is a defect of pie-client")
            self._fail(error)
            self._transport.abort()
            raise

    async def _run_pending_writes(self) -> None:
        writes, self.session.pending_writes = self.session.pending_writes, []
        for write in writes:
            writing = asyncio.ensure_future(asyncio.to_thread(write.write))
            try:
                await asyncio.shield(writing)
            except asyncio.CancelledError:
                await asyncio.wait({writing})  # nothing is written once the connection is closed
                raise
            except OSError as error:
                logger.warning("a file can't be kept on disk: %s", error)
                write.failed(error)
            else:
                write.written()

    async def _keep_alive(self) -> None:
        while True:
            await asyncio.sleep(self._ping_interval)
            if not self._reading_allowed.is_set():
                continue
            received = self._received
            try:
                alive = await self._transport.ping(self._ping_timeout)
            except ConnectionLostError:
                return
            if not alive and received == self._received and self._reading_allowed.is_set():
                self._fail(
                    ConnectionLostError(
                        f"connection to {self._transport.address} lost: no pong within {self._ping_timeout:g} s; check the link, then connect again"
                    )
                )
                self._transport.abort()
                return

    def _fail(self, cause: Exception) -> None:
        def failure(sent: bool | None) -> PieError:
            error = ConnectionLostError(str(cause), sent=sent)
            error.__cause__ = cause
            return error

        self.session.fail(failure)
        self.on_close()

    def _start_task(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work, name="pie-client background task")
        self._background_tasks.add(task)
        task.add_done_callback(self._background_tasks.discard)

    def _terminate_abandoned(self) -> None:
        if self.session.processes_to_terminate and self.session.alive:
            orphans, self.session.processes_to_terminate = self.session.processes_to_terminate, []
            self._start_task(self._terminate(orphans))

    async def _terminate(self, process_ids: list[str]) -> None:
        """End processes of which nobody has a handle."""
        for process_id in process_ids:
            try:
                await self.calls.terminate_process(process_id=process_id)
            except PieError as error:
                logger.debug("a process that nobody waited for is not terminated: %s", error)

    async def _check_missing_processes(self) -> None:
        """Find out which processes an aborted stream has ended: those that two lists in a row leave out.

        Two, because the end of a process that ended well meanwhile may still be on its way at the first.
        """
        try:
            absent = self._missing_from(await self.calls.list_processes())
            absent &= self._missing_from(await self.calls.list_processes())
        except PieError as error:
            logger.warning("could not find out which processes have ended: %s", error)
        else:
            self.session.fail_processes(absent)

    def _missing_from(self, listed: list[ProcessInfo]) -> set[str]:
        return self.session.running_processes() - {info.id for info in listed}

    # ------------------------------------------------------------- parts of a call

    @contextlib.asynccontextmanager
    async def _request(
        self, method: Method[R], timeout: float | None
    ) -> AsyncGenerator[tuple[PendingCall, asyncio.Future[R], Deadline]]:
        call: PendingCall | None = None
        try:
            async with self.deadline(method, timeout) as deadline:
                await self._identify(method)
                reply: asyncio.Future[R] = asyncio.get_running_loop().create_future()
                late: list[R] = []

                def succeed(result: R) -> None:
                    if reply.done():
                        late.append(result)
                    else:
                        reply.set_result(result)

                def fail(error: PieError) -> None:
                    if not reply.done():
                        reply.set_exception(error)
                        reply.exception()  # marks it as seen, should the caller be gone

                call = self.session.open_call(method, succeed, fail)
                self.resume_reading()
                try:
                    yield call, reply, deadline
                except BaseException:
                    # The reply and the end of the patience for it may have met.
                    if reply.done() and not reply.cancelled() and reply.exception() is None:
                        late.append(reply.result())
                    if late:
                        self.session.queue_termination(call, late[0])
                        self._terminate_abandoned()
                    raise
                finally:
                    self.session.close_call(call)
        except DeadlineError as error:
            if call is not None and (server_error := self.session.server_error_since(call)):
                raise DeadlineError(f"{error}; meanwhile {server_error}") from None
            raise

    @contextlib.asynccontextmanager
    async def deadline(self, method: Method[object], timeout: float | None) -> AsyncGenerator[Deadline]:
        """Bound what is done for a request; raises DeadlineError. None takes the connection's timeout."""
        if asyncio.get_running_loop() is not self._loop:
            raise InvalidArgumentError(
                f"{method.tag} not sent: the client was connected in another event loop; make one in each"
            )
        async with time_limit(method.tag, self._timeout if timeout is None else timeout) as deadline:
            yield deadline

    async def _identify(self, method: Method[object]) -> None:
        self.session.check_alive()
        if not method.opens_session:
            try:
                await self.identify()
            except ConnectionLostError as error:
                raise ConnectionLostError(str(error), sent=False) from error

    async def _send(
        self, method: Method[object], build: Callable[[], WireModel], call: PendingCall | None = None
    ) -> None:
        frame = self.session.encode_request(method, build, call)
        try:
            if call is not None:
                call.sent = True
            await self._transport.send(frame)
        except ConnectionLostError as error:
            # The reader tells the others, when it has read what arrived before.
            raise ConnectionLostError(str(error), sent=True) from error


def check_size(name: str, value: object) -> int:
    """Check a number of bytes; raises InvalidArgumentError."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise InvalidArgumentError(f"{name}={value!r} is not a size; pass a positive whole number of bytes")
    return value


async def _do_nothing_async() -> None:
    pass


async def _ignore_mcp_request(request: McpRequest) -> None:
    logger.warning("an MCP call for %.40r is not answered: nobody relays", request.server_name)


def _do_nothing() -> None:
    pass
