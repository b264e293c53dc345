"""A connection that survives the loss of its WebSocket.

It stays one object: handles, calls and MCP servers keep referring to it while the WebSocket below it is replaced. When the
WebSocket is lost, the connection is suspended: pending calls fail, processes wait, and new requests wait for the end of the
suspension. ``connector`` decides when to try again, opens the WebSocket, and restores what the server's session had; its
own requests do not wait.
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
import math
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import TypeVar

from pie_client._generated.methods import Method
from pie_client.connection.connection import Connection, interruption
from pie_client.connection.deadline import time_limit
from pie_client.connection.options import check_seconds
from pie_client.connection.transport import MESSAGE_TOO_BIG, Transport
from pie_client.content import Chunk, Content
from pie_client.errors import (
    NO_CLOSE_FRAME,
    ConnectionLostError,
    DeadlineError,
    ProcessLostError,
    ReconnectError,
)
from pie_client.protocol.codec import Fields
from pie_client.protocol.routes import Route
from pie_client.protocol.shares import Share

R = TypeVar("R")

_RESTORES: contextvars.ContextVar[asyncio.Future[None] | None] = contextvars.ContextVar(
    "pie-client restores", default=None
)
"""The suspension that the current task is about to end: its requests do not wait."""


class RestorableConnection(Connection):
    """A connection whose WebSocket can be replaced.

    Attributes:
        may_suspend: Called with the error when the WebSocket is lost; returns whether it will be replaced. None: it never is.
        may_have_gaps: Whether events that were on their way may have been lost with the WebSocket: the protocol does not
            number them, so that only a close frame of the server shows that it had sent nothing more.
    """

    may_suspend: Callable[[ConnectionLostError], bool] | None = None
    _suspension: asyncio.Future[None] | None = None
    """Done when the connection is restored or has ended; None while it is not suspended."""
    may_have_gaps = False
    _is_identified = False
    _end_noticed: asyncio.Future[None] | None = None
    """Done when the end of the WebSocket has been processed; None while nobody waits for that."""

    # ------------------------------------------------------------- suspension

    @property
    def suspended(self) -> bool:
        return self._suspension is not None

    @property
    def alive(self) -> bool:
        return self._suspension is not None or super().alive

    def _fail(self, cause: Exception) -> None:
        self._notice_end()
        if not isinstance(cause, ConnectionLostError):
            self.give_up(cause, str(cause))  # a defect of this client
        elif self._suspension is not None:
            self._interrupt(cause)
        elif self._session.alive and self.may_suspend is not None and self.may_suspend(cause):
            self._suspension = self._loop.create_future()
            self.may_have_gaps = False
            self._interrupt(cause)
        else:
            self.give_up(
                cause,
                f"{without_advice(cause)}, after which none is opened; check the server, then call connect()",
            )

    def _interrupt(self, cause: ConnectionLostError) -> None:
        """Fail what was sent, and forget what belongs to the server's session."""
        gaps = cause.code in (NO_CLOSE_FRAME, MESSAGE_TOO_BIG)
        self.may_have_gaps |= gaps
        self._timer.close()
        self._flow.close()
        self._keep_alive.stop()
        loss = ConnectionLostError(
            f"{without_advice(cause)}; the client connects again, repeat the request if that is safe",
            code=cause.code,
        )
        loss.__cause__ = cause.__cause__
        self._session.interrupt(functools.partial(interruption, loss), gaps=gaps)
        self.identified = self._is_identified = self.paused = False
        # Uploads that run still write to the lost transport, which refuses it.
        vars(self).pop("_uploads", None)
        # Their answers name calls of the lost session.
        self._background.drop_answers()

    def resume(self, transport: Transport) -> None:
        """Go on with a new transport. Requests still wait, except those that :meth:`restoring` runs."""
        self._transport = transport
        self.paused = False  # the old transport was, at most
        self._session.resume()
        self._start()

    async def restoring(self, work: Coroutine[None, None, R]) -> R:
        """Run work whose requests do not wait, and end the suspension if it succeeds."""
        context = contextvars.copy_context()
        context.run(_RESTORES.set, self._suspension)
        # A task of its own: the transport's callbacks must not inherit the context.
        result = await asyncio.create_task(work, context=context)
        self._session.check_alive()  # it may just have been lost again
        self._end_suspension()
        self.identified = self._is_identified
        self.update_flow()
        return result

    def drop(self) -> None:
        """Drop the transport after a failed attempt to restore the connection."""
        self._transport.abort()
        if self._session.alive:
            self._interrupt(ConnectionLostError("the connection could not be restored"))

    def give_up(self, cause: Exception, text: str) -> None:
        """End the connection, which will not be restored: everything fails with a ReconnectError of this text."""
        failure = ReconnectError(text)
        failure.__cause__ = cause
        super()._fail(failure)
        self._end_suspension()

    def _shut_down(self) -> list[asyncio.Task[None]]:
        self._notice_end()
        tasks = super()._shut_down()
        self._end_suspension()
        return tasks

    def _end_suspension(self) -> None:
        suspension, self._suspension = self._suspension, None
        if suspension is not None:
            suspension.set_result(None)

    async def _end_within(self, seconds: float) -> None:
        """Wait until the end of the WebSocket has been processed, but not longer than some seconds."""
        if self._end_noticed is None:
            self._end_noticed = self._loop.create_future()
        await asyncio.wait([self._end_noticed], timeout=None if seconds == math.inf else max(0, seconds))

    def _notice_end(self) -> None:
        noticed, self._end_noticed = self._end_noticed, None
        if noticed is not None:
            noticed.set_result(None)

    async def restored(self) -> None:
        while (suspension := self._suspension) is not None and _RESTORES.get() is not suspension:
            await asyncio.wait([suspension])

    # ------------------------------------------------------------- requests

    async def call(self, method: Method[R], build: Callable[[int], Fields], timeout: float | None) -> R:
        seconds = self._timeout if timeout is None else check_seconds("timeout", timeout)
        expires = self._loop.time() + seconds
        left = seconds
        while True:
            if self._suspension is not None and not method.opens_session:
                self._check_loop(method)
                await self._restored_within(method, left, seconds)
                left = expires - self._loop.time()
            try:
                return await super().call(method, build, left)
            except ConnectionLostError as error:
                # One that opens a session concerns the lost one; and its caller may hold what restoring the next one needs.
                repeatable = (error.sent is False and not method.opens_session) or method.repeatable
                if not repeatable or self._restores or not self.alive:
                    raise
                if self._suspension is None:
                    # The WebSocket has ended already, and its last frames have not been delivered.
                    await self._end_within(expires - self._loop.time())
            left = expires - self._loop.time()

    async def upload(
        self,
        method: Method[R],
        build: Callable[[int, Chunk], Fields],
        content: bytes | Content,
        timeout: float | None,
    ) -> R:
        while True:
            try:
                return await super().upload(method, build, content, timeout)
            except ConnectionLostError:
                if self._suspension is None or not _can_be_read_again(content):
                    raise
            async with self.deadline(method, timeout):
                await self.restored()

    async def ensure_identified(self, method: Method[object]) -> None:
        while True:
            await self.restored()
            if self._restores and self._is_identified:
                return
            try:
                await super().ensure_identified(method)
            except ConnectionLostError:
                if self._suspension is None or self._restores:
                    raise
            else:
                return

    def set_identified(self) -> None:
        self._is_identified = True
        self.identified = self._suspension is None

    @property
    def _restores(self) -> bool:
        """Whether the current task restores this connection."""
        return self._suspension is not None and _RESTORES.get() is self._suspension

    async def _restored_within(self, method: Method[object], left: float, seconds: float) -> None:
        try:
            async with time_limit(method.tag, max(left, 1e-6)):
                await self.restored()
        except DeadlineError:
            raise DeadlineError(
                f"{method.tag} not sent within {seconds:g} s: the connection to {self._transport.address} is being restored; raise timeout=, or see client.state"
            ) from None

    # ------------------------------------------------------------- processes

    def live_processes(self) -> list[str]:
        """Return the ids of the processes that have not ended and whose events are readable."""
        return [route.process_id for route in self._session.routes.live()]

    def has_handle(self, process_id: str) -> bool:
        """Return whether events of a process are readable, by a handle or after an attach."""
        route = self._session.routes.by_id.get(process_id)
        return route is not None and route.known

    def ignore_process(self, process_id: str) -> None:
        """Ignore the events of a process that was attached after its last handle was closed."""
        self._session.routes.ignore(process_id)

    def lose_process(self, process_id: str, text: str) -> None:
        """Fail the handles of a process that the server did not give back."""
        self._session.routes.fail([process_id], lambda: ProcessLostError(text))

    def claim(self, process_id: str, share: Share | None = None) -> Route:
        # Also while it is suspended: the reply that names the process may have been the last thing received.
        if self._suspension is None:
            return super().claim(process_id, share)
        return self._session.routes.claim(process_id, share)


def without_advice(error: Exception) -> str:
    """Return what an error of this package says, without its advice, which comes last."""
    text = str(error)
    return text.rpartition("; ")[0] or text


def _can_be_read_again(content: bytes | Content) -> bool:
    """Return whether a content can be sent once more: an iterator can't, something that makes new iterators can."""
    return isinstance(content, bytes) or not isinstance(content, AsyncIterator)
