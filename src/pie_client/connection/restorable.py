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
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from types import TracebackType
from typing import Generic, Self, TypeVar

from pie_client._generated.families import CODE_MESSAGE_TOO_BIG, CODE_NO_CLOSE_FRAME
from pie_client._generated.methods import Method
from pie_client.connection.connection import Connection, interruption
from pie_client.connection.deadline import deadline_text
from pie_client.connection.options import check_seconds
from pie_client.connection.transport import Transport
from pie_client.connection.waiting import Change
from pie_client.content import Chunk, Content
from pie_client.errors import (
    ConnectionLostError,
    DeadlineError,
    ProcessLostError,
    ReconnectError,
)
from pie_client.protocol.codec import Fields
from pie_client.protocol.routes import Route
from pie_client.protocol.shares import Share

R = TypeVar("R")

MOST_LOSSES = 3
"""Losses after which a request that had been sent each time is not sent again."""

_RESTORES: contextvars.ContextVar[Change | None] = contextvars.ContextVar("pie-client restores", default=None)
"""The suspension that the current task is about to end: its requests do not wait."""


@dataclass(slots=True, kw_only=True)
class _Request(Generic[R]):
    """A request, and whether it is sent again after a loss.

    A request that was not sent is always sent again: the policy bounds how often the client connects. A request that the server
    may have carried out is sent again only if carrying it out twice does no harm, and until it was lost ``MOST_LOSSES`` times:
    the request itself may be what ends the connection.
    """

    method: Method[object] = field(kw_only=False)
    send: Callable[[float | None], Awaitable[R]] = field(kw_only=False)
    """Sends it, within some seconds."""
    harmless: bool = False
    """Whether carrying it out twice does no harm."""
    again: bool = True
    """Whether it can be sent twice at all."""
    progressive: bool = False
    """Whether progress restarts its timeout, as waiting for the connection does then."""
    check: Callable[[], None] = lambda: None
    """Raises an error if there is no use in sending it after waiting for the connection."""
    begun: bool = False
    """Whether a part of it was sent, which does nothing without the rest."""
    sent: bool = False
    """Whether it was sent before a loss."""
    losses: int = 0
    """How often it was lost after some of it had been sent."""

    def may_be_repeated(self, error: ConnectionLostError) -> bool:
        begun, self.begun = self.begun, False
        unsent = error.sent is False
        self.sent |= not unsent
        self.losses += begun or not unsent
        return self.again and (unsent or self.harmless) and self.losses < MOST_LOSSES


class RestorableConnection(Connection):
    """A connection whose WebSocket can be replaced.

    Attributes:
        may_suspend: Called with the error when the WebSocket is lost; returns whether it will be replaced. None: it never is.
        may_have_gaps: Whether events that were on their way may have been lost with the WebSocket: the protocol does not
            number them, so that only a close frame of the server shows that it had sent nothing more.
    """

    may_suspend: Callable[[ConnectionLostError], bool] | None = None
    _suspension: Change | None = None
    """Reported when the connection is restored or has ended; None while it is not suspended."""
    _suspended_at = 0.0
    """When the present suspension began, on the clock of the loop."""
    may_have_gaps = False
    _end_noticed: Change | None = None
    """Reported when the end of the WebSocket has been processed; None while nobody waits for that."""

    # ------------------------------------------------------------- suspension

    @property
    def alive(self) -> bool:
        return self._suspension is not None or super().alive

    def _start(self) -> None:
        self._transport.replaced = True
        super()._start()

    def _fail(self, cause: Exception) -> None:
        self._notice_end()
        if not isinstance(cause, ConnectionLostError):
            self.give_up(cause, str(cause))  # a defect of this client
        elif self._suspension is not None:
            self._interrupt(cause)
        elif self._session.alive and self.may_suspend is not None and self.may_suspend(cause):
            self._suspension, self._suspended_at = Change(), self._loop.time()
            self.may_have_gaps = False
            self._interrupt(cause)
        else:
            self.give_up(
                cause,
                f"{without_advice(cause)}, after which none is opened; {advice_of(cause)}, then call connect()",
            )

    def _interrupt(self, cause: ConnectionLostError) -> None:
        """Fail what was sent, and forget what belongs to the server's session."""
        gaps = cause.code in (CODE_NO_CLOSE_FRAME, CODE_MESSAGE_TOO_BIG)
        self.may_have_gaps |= gaps
        self._flow.close()
        self._keep_alive.stop()
        loss = ConnectionLostError(
            f"{without_advice(cause)}; the client connects again, repeat the request if that is safe",
            code=cause.code,
        )
        loss.__cause__ = cause.__cause__
        self._session.interrupt(functools.partial(interruption, loss), gaps=gaps)
        self.user, self.paused = None, False
        # Their answers name calls of the lost session.
        self._background.drop_answers()

    def resume(self, transport: Transport) -> None:
        """Go on with a new transport. Requests still wait, except those that :meth:`restoring` runs."""
        self._transport = transport
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
        return result

    def drop(self) -> None:
        """Drop the transport after a failed attempt to restore the connection. Its end is processed like any other."""
        self._transport.abort()

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
            suspension.report()

    def _notice_end(self) -> None:
        noticed, self._end_noticed = self._end_noticed, None
        if noticed is not None:
            noticed.report()

    def was_suspended(self, seconds: float) -> bool:
        return self._suspension is not None and self._loop.time() - self._suspended_at >= seconds

    async def restored(self) -> bool:
        waited = False
        while (end := self._awaited_end()) is not None:
            await end.wait()
            waited = True
        return waited

    def _awaited_end(self) -> Change | None:
        """Return what has to be done before a request can be sent: the suspension, or the loss of a WebSocket that has ended."""
        if self._suspension is not None:
            return None if self._restores else self._suspension
        # The last frames of a WebSocket that has ended may have to be delivered first.
        if not self.alive or not self._transport.ended:
            return None
        if self._end_noticed is None:
            self._end_noticed = Change()
        return self._end_noticed

    # ------------------------------------------------------------- requests

    async def call(self, method: Method[R], build: Callable[[int], Fields], timeout: float | None) -> R:
        send = functools.partial(super().call, method, build)
        if method.opens_session:
            # It concerns the session that may be lost, and its caller may hold what restoring the next one needs.
            return await send(timeout)
        return await self._repeat(_Request(method, send, harmless=method.repeatable), timeout)

    async def notify(self, method: Method[None], build: Callable[[], Fields], timeout: float | None) -> None:
        encode = functools.partial(self._session.encode, method, build)
        send = functools.partial(super().send, method, encode)
        check = functools.partial(self._check_receiver, method, build)
        await self._repeat(_Request(method, send, check=check), timeout)

    async def send(self, method: Method[None], encode: Callable[[], bytes], timeout: float | None) -> None:
        send = functools.partial(super().send, method, encode)
        await self._repeat(_Request(method, send), timeout)

    async def upload(
        self,
        method: Method[R],
        build: Callable[[int, Chunk], Fields],
        content: bytes | Content,
        timeout: float | None,
    ) -> R:
        send = functools.partial(super().upload, method, build, content)
        request = _Request(method, send, harmless=True, again=_can_be_read_again(content), progressive=True)
        return await self._repeat(request, timeout)

    async def transfer(
        self,
        method: Method[None],
        build: Callable[[Chunk], Fields],
        content: bytes | Content,
        timeout: float | None,
    ) -> None:
        def build_chunk(chunk: Chunk) -> Fields:
            request.begun = True
            return build(chunk)

        send = functools.partial(super().transfer, method, build_chunk, content)
        check = functools.partial(self._check_receiver, method, lambda: build(Chunk(0, 1, b"", "")))
        request = _Request(method, send, check=check, again=_can_be_read_again(content), progressive=True)
        await self._repeat(request, timeout)

    async def ensure_identified(self, method: Method[object]) -> None:
        identify = functools.partial(super().ensure_identified, method)
        await self._repeat(_Request(method, lambda _timeout: identify()), math.inf)

    async def _repeat(self, request: _Request[R], timeout: float | None) -> R:
        """Send a request, now or when the connection is restored, and again after each loss that :class:`_Request` allows."""
        seconds = self._timeout if timeout is None else check_seconds("timeout", timeout)
        expires = self._loop.time() + seconds
        transport: Transport | None = None
        while True:
            try:
                if transport is None and (self._suspension is None or self._restores):
                    transport = self._transport
                    return await request.send(timeout)  # the usual case: without a second timer
                if request.progressive:
                    expires = self._loop.time() + seconds
                self._check_loop(request.method)
                too_late = functools.partial(self._too_late, request, seconds)
                async with _Limit(request.method, seconds, expires, too_late) as limit:
                    await self.restored()
                    limit.start(progressive=request.progressive)
                    self._session.check_alive(request.method.tag)
                    request.check()
                    transport = self._transport
                    return await request.send(timeout if request.progressive else math.inf)
            except ConnectionLostError as error:
                if self._restores or not self.alive or not request.may_be_repeated(error):
                    raise
                # The content of an upload may raise the error of another client.
                if self._suspension is None and self._transport is transport and not self._transport.ended:
                    raise

    def _too_late(self, request: _Request[R], seconds: float) -> DeadlineError:
        failure = "did not finish" if request.losses else "not sent"
        return DeadlineError(
            f"{request.method.tag} {failure} within {seconds:g} s: the connection to {self._transport.address} is being restored; raise timeout=, or see client.state",
            sent=request.sent,
        )

    def _check_receiver(self, method: Method[None], build: Callable[..., Fields]) -> None:
        """Raise the reason why a process can't receive a message, if it ended or was lost with the connection."""
        if method.subject is None:
            return
        process_id = str(build()[method.subject])
        routes = self._session.routes
        routes.check_running(process_id, method.tag)
        route = routes.by_id.get(process_id)
        if route is not None and route.failure is not None:
            raise route.failure()

    @property
    def _restores(self) -> bool:
        """Whether the current task restores this connection."""
        return self._suspension is not None and _RESTORES.get() is self._suspension

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


class _Limit:
    """Limits the time of waiting for the connection and of sending then, in an ``async with`` statement.

    Args:
        method: The request.
        seconds: Its time limit.
        expires: When it ends, on the clock of the loop.
        too_late: Makes the error of a request that was not sent in time.
    """

    # A class, because unwinding a generator would be a third of the cost of cancelling a request.
    __slots__ = ("_expires", "_method", "_scope", "_seconds", "_too_late", "_waits")

    def __init__(
        self, method: Method[object], seconds: float, expires: float, too_late: Callable[[], DeadlineError]
    ) -> None:
        self._method = method
        self._seconds = seconds
        self._expires = expires
        self._too_late = too_late
        self._scope = None if expires == math.inf else asyncio.timeout_at(expires)
        self._waits = True

    async def __aenter__(self) -> Self:
        if self._scope is not None:
            await self._scope.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._scope is not None:
            try:
                await self._scope.__aexit__(kind, error, traceback)
            except TimeoutError:
                if self._waits:
                    raise self._too_late() from None
                raise DeadlineError(deadline_text(self._method.tag, self._seconds), sent=True) from None

    def start(self, *, progressive: bool) -> None:
        """Note that the request is about to be sent; what is sent in parts has other limits from then on."""
        if self._scope is None:
            return
        if asyncio.get_running_loop().time() >= self._expires:
            raise self._too_late()  # the timer is about to fire
        self._waits = False
        if progressive:
            self._scope.reschedule(None)


def without_advice(error: Exception) -> str:
    """Return what an error of this package says, without its advice, which comes last."""
    text = str(error)
    return text.rpartition("; ")[0] or text


def advice_of(error: Exception) -> str:
    """Return the advice of an error of this package."""
    return str(error).rpartition("; ")[2]


def _can_be_read_again(content: bytes | Content) -> bool:
    """Return whether a content can be sent once more: an iterator can't, something that makes new iterators can."""
    return isinstance(content, bytes) or not isinstance(content, AsyncIterator)
