"""Open, keep and restore the connection of a client, and tell its state.

:class:`~pie_client.PieClient` loads this module on its first ``connect()``. One attempt to connect runs at a time, whoever
asks for it. A connection that is lost is opened again if the client has a policy for that: ``connection.reconnect`` has the
policy, ``connection.state`` the states, ``connection.restorable`` the connection that goes on, and ``connected`` what a new
session needs.
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
import functools
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Mapping
from typing import TYPE_CHECKING, TypeVar

from pie_client.auth.login import Login
from pie_client.connected import Connected
from pie_client.connection.attempts import Attempts
from pie_client.connection.connection import Connection
from pie_client.connection.options import Settings, address_of
from pie_client.connection.state import ConnectionState, ConnectionStatus
from pie_client.connection.threads import check_asyncio
from pie_client.connection.transport import open_transport
from pie_client.errors import (
    ConnectionLostError,
    InvalidArgumentError,
    NotConnectedError,
    PieError,
    ReconnectError,
)
from pie_client.lazy import LazyModule

if TYPE_CHECKING:
    from pie_client.connection import reconnect as reconnecting
    from pie_client.connection import restorable
else:
    reconnecting = LazyModule("pie_client.connection.reconnect")
    restorable = LazyModule("pie_client.connection.restorable")

logger = logging.getLogger(__name__)

T = TypeVar("T")

KEPT_STATES = 100
"""Most states that wait for a reader of the states; older ones are dropped."""
LEVELS = {
    ConnectionStatus.LOST: logging.WARNING,
    ConnectionStatus.WAITING: logging.INFO,
    ConnectionStatus.READY: logging.INFO,
    ConnectionStatus.GAVE_UP: logging.WARNING,
}
"""Level of the log record of each status if the client reconnects; DEBUG for others, and if errors tell it anyway."""


class States:
    """The state of a client's connection, and those who follow it.

    Args:
        address: Scheme, host and port, for the log.
        levels: Level of the record of each status; DEBUG for those that have none.
        on_state: Called with each state, unless None.

    Attributes:
        current: The present state.
    """

    def __init__(
        self,
        address: str,
        levels: Mapping[ConnectionStatus, int],
        on_state: Callable[[ConnectionState], None] | None,
    ) -> None:
        self.current = ConnectionState(ConnectionStatus.CLOSED)
        self._address = address
        self._levels = levels
        self._on_state = on_state
        self._followers: set[_Follower] = set()
        self._ended = False
        self._closed = False
        """Whether the client was closed and has not connected since."""

    def change(self, state: ConnectionState, *, told: bool = False) -> None:
        """Enter a state.

        Args:
            state: The new one.
            told: Whether an error tells it, so that the log need not.
        """
        self.current = state
        self._closed = state.status is ConnectionStatus.CLOSED
        text = str(state)
        if self._address not in text:  # most causes name it
            text = f"connection to {self._address}: {text}"
        level = logging.DEBUG if told else self._levels.get(state.status, logging.DEBUG)
        logger.log(level, "%s", text)
        for follower in self._followers:
            follower.add(state)
        if self._on_state is not None:
            self._on_state(state)

    def close(self) -> None:
        """Enter the state of a closed client, also if it has never connected."""
        if not self._closed:
            self.change(ConnectionState(ConnectionStatus.CLOSED))

    def end(self) -> None:
        """End the iterations over the states, from any thread: the client is gone."""
        self._ended = True
        for follower in list(self._followers):
            follower.add_soon(ConnectionState(ConnectionStatus.CLOSED))

    async def follow(self) -> AsyncGenerator[ConnectionState]:
        """Yield the present state and each later one. End after the client was closed or garbage-collected.

        On a client that has never connected, wait for its first attempt.
        """
        follower = _Follower()
        self._followers.add(follower)
        try:
            if self._ended:
                yield ConnectionState(ConnectionStatus.CLOSED)
                return
            closed = self._closed
            yield self.current
            while not closed:
                state = await follower.next()
                yield state
                if state.status is ConnectionStatus.CLOSED:
                    return
        finally:
            self._followers.discard(follower)


class _Follower:
    def __init__(self) -> None:
        self._states: collections.deque[ConnectionState] = collections.deque(maxlen=KEPT_STATES)
        self._added = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def add_soon(self, state: ConnectionState) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(self.add, state)

    def add(self, state: ConnectionState) -> None:
        self._states.append(state)
        self._added.set()

    async def next(self) -> ConnectionState:
        while not self._states:
            self._added.clear()
            await self._added.wait()
        return self._states.popleft()


class Opening:
    """The opening of a connection, for which several callers wait. It is cancelled when the last of them is."""

    def __init__(self, work: Coroutine[None, None, None]) -> None:
        self._task = asyncio.create_task(work, name="pie-client connect")
        self._waiting = 0
        self._closed = False
        self.abandoned = False
        """Whether it was cancelled, because nobody waits for it."""
        self.claimed = False
        """Whether a caller has learned of its end."""

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return not self._task.done()

    @property
    def unclaimed(self) -> bool:
        """Whether it has succeeded, and every caller was cancelled before it learned of that."""
        succeeded = self._task.done() and not self._task.cancelled() and self._task.exception() is None
        return succeeded and not self._waiting and not self.claimed

    async def wait(self) -> None:
        """Wait for the end. Raises the error of the opening, or NotConnectedError after :meth:`close`."""
        self._waiting += 1
        try:
            await self.ended()
        finally:
            self._waiting -= 1
            if not self._waiting and not self._task.done():
                self.abandoned = True
                self._task.cancel()
        self.claimed = True
        if self._closed:
            raise NotConnectedError("the client was closed while connecting; connect again")
        self._task.result()

    async def ended(self) -> None:
        """Wait for the end, whatever it is."""
        await asyncio.wait([self._task])

    async def close(self) -> None:
        """Cancel the opening."""
        self._closed = True
        self._task.cancel()
        await self.ended()
        if not self._task.cancelled():
            self._task.exception()  # marks it as retrieved


class Connector:
    """The connections of one client, of which one is current at a time.

    Args:
        settings: The arguments of the client.
        policy: When to connect again; None for never.
        on_state: Called with each state, unless None.

    Attributes:
        current: The current connection, even one that was lost; None before connecting and after closing.
        states: The state of the connection.
    """

    def __init__(
        self,
        settings: Settings,
        policy: reconnecting.Reconnect | None,
        on_state: Callable[[ConnectionState], None] | None = None,
    ) -> None:
        self.current: Connected | None = None
        levels = {} if policy is None else LEVELS
        self.states = States(address_of(settings.uri), levels, on_state)
        self._settings = settings
        self._policy = policy
        self._login = Login(settings.username)
        """How the next connection is identified."""
        self._opening: Opening | None = None
        self._restoring: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        """The event loop of the connection."""
        self._attempts: Attempts | None = None
        """Attempts since the last connection that lasted; a connection that is lost soon does not end them."""
        self._ready_since = 0.0
        self._closing = asyncio.Lock()
        self._apart: set[asyncio.Timeout] = set()
        """Scopes of the calls that have a connection of their own."""

    @property
    def connected(self) -> bool:
        """Whether requests can be sent."""
        return self.states.current.status is ConnectionStatus.READY

    async def connect(self) -> None:
        """Open the connection unless there is one, or wait for the attempt that runs."""
        check_asyncio()
        self._check_loop(
            "connect() was called from another event loop than that of the client; create one per loop"
        )
        # One that was restored may be lost again before this task learns of it.
        while (restoring := self._restoring) is not None and not restoring.done():
            connected = self.current
            await asyncio.wait([restoring])
            if connected is not None and not connected.connection.alive:
                connected.connection.check_alive()
        # One that nobody waits for any more is about to end.
        while (opening := self._opening) is not None and opening.running and opening.abandoned:
            await opening.ended()
        if self.current is not None and self.current.connection.alive:
            if opening is not None:
                opening.claimed = True
            return
        if opening is None or not opening.running:
            self._loop = asyncio.get_running_loop()
            self._opening = opening = Opening(self._open())
        try:
            await opening.wait()
        finally:
            # Nobody would close it: the body of an ``async with`` statement does not begin.
            if opening.unclaimed:
                self._drop_unclaimed()

    def _drop_unclaimed(self) -> None:
        connected, self.current = self.current, None
        if connected is not None:
            self.states.change(ConnectionState(ConnectionStatus.GAVE_UP))
            connected.connection.abort()

    async def close(self) -> None:
        """Close the connection, if there is one, and forget the user."""
        self._check_loop("the client belongs to another event loop; close it there")
        self._login = Login(self._settings.username)
        self.states.close()
        while self._apart:
            self._apart.pop().reschedule(self._now())
        opening, restoring = self._opening, self._restoring
        if restoring is not None and not restoring.done():
            self._drop()  # there is no session to end in order
            await asyncio.wait([restoring])
        if opening is not None and opening.running:
            await opening.close()
        await self._disconnect()

    def abandon(self) -> bool:
        """Drop a connection that nobody closed, from any thread. Returns whether there was one."""
        connected = self.current
        found = connected is not None and connected.connection.alive
        if connected is not None and found:
            connected.connection.call_soon(self._drop)
        self.states.end()
        return found

    def _drop(self) -> None:
        # First: what waits learns that the client was closed, not that restoring the connection was cancelled.
        if self.current is not None:
            self.current.connection.abort()
        if self._restoring is not None:
            self._restoring.cancel()

    def _check_loop(self, text: str) -> None:
        """Raise InvalidArgumentError in another event loop than that of a connection that is open or being opened."""
        busy = self.current is not None or (self._opening is not None and self._opening.running)
        if busy and self._loop is not asyncio.get_running_loop():
            raise InvalidArgumentError(text)

    # ------------------------------------------------------------- opening

    async def _open(self) -> None:
        if self.current is not None:
            self._login = self.current.authentication.login
        # It stays the current one meanwhile: requests of other tasks fail as on a lost connection.
        await self._close(self.current)
        self._attempts = None
        attempts = Attempts(self._policy, self._now())
        try:
            self.current = await self._attempt(self._connect, attempts, told=True)
        except PieError:
            raise
        except BaseException:  # such as the cancellation of the last connect()
            self._stop(attempts)
            raise
        self._be_ready(ConnectionState(ConnectionStatus.READY))

    async def _connect(self) -> Connected:
        transport = await open_transport(self._settings)
        kind = Connection if self._policy is None else restorable.RestorableConnection
        connected = Connected(transport, self._settings, self._login, kind, self._handle_end, self._apart)
        if self._policy is not None:
            _restorable(connected).may_suspend = self._handle_loss
        return connected

    async def _attempt(
        self, work: Callable[[], Awaitable[T]], attempts: Attempts, *, told: bool = False
    ) -> T:
        """Try to connect until it succeeds or the policy says to give up. Raises the last error.

        Args:
            work: An attempt.
            attempts: Counts them.
            told: Whether a caller waits for the error.
        """
        while True:
            attempts.number += 1
            self.states.change(ConnectionState(ConnectionStatus.CONNECTING, attempts.number))
            try:
                return await work()
            except PieError as error:
                delay = attempts.delay(error, self._now())
                if delay is None:
                    state = ConnectionState(ConnectionStatus.GAVE_UP, attempts.number, cause=error)
                    self.states.change(state, told=told)
                    raise
                await self._pause(attempts, delay, error)

    async def _pause(self, attempts: Attempts, delay: float, cause: PieError) -> None:
        self.states.change(
            ConnectionState(ConnectionStatus.WAITING, attempts.number + 1, delay=delay, cause=cause)
        )
        await asyncio.sleep(delay)

    async def _disconnect(self) -> None:
        connected, self.current = self.current, None
        await self._close(connected)

    async def _close(self, connected: Connected | None) -> None:
        try:
            async with self._closing:
                if connected is not None:
                    await connected.close()
        finally:
            # Cancelling this method must not leave a socket open behind.
            if connected is not None:
                connected.connection.abort()

    def _be_ready(self, state: ConnectionState) -> None:
        self._ready_since = self._now()
        self.states.change(state)

    def _stop(self, attempts: Attempts) -> None:
        """Record that no attempt follows, although the policy has not given up: it was cancelled, or the log has why."""
        if self.states.current.status is not ConnectionStatus.CLOSED:
            self.states.change(ConnectionState(ConnectionStatus.GAVE_UP, attempts.number), told=True)

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()

    # ------------------------------------------------------------- losing and restoring

    def _handle_end(self, cause: Exception | None) -> None:
        if isinstance(cause, PieError) and self.states.current.status is ConnectionStatus.READY:
            gave_up = isinstance(cause, ReconnectError)
            status = ConnectionStatus.GAVE_UP if gave_up else ConnectionStatus.LOST
            self.states.change(ConnectionState(status, cause=cause))

    def _handle_loss(self, loss: ConnectionLostError) -> bool:
        """Begin to restore the connection, if the policy says so."""
        connected, policy = self.current, self._policy
        if connected is None or policy is None or self.states.current.status is not ConnectionStatus.READY:
            return False
        now = self._now()
        attempts = self._attempts
        if attempts is None or now - self._ready_since >= policy.max_delay:
            attempts = self._attempts = Attempts(policy, now)
        self.states.change(ConnectionState(ConnectionStatus.LOST, cause=loss))
        delay = attempts.delay(loss, now)
        if delay is None:
            self.states.change(ConnectionState(ConnectionStatus.GAVE_UP, attempts.number, cause=loss))
            return False
        # At once: replies that arrived with the loss are about to be processed, and concern the lost session.
        identify = connected.authentication.forget()
        self._restoring = asyncio.create_task(
            self._restore(connected, loss, attempts, delay, identify=identify), name="pie-client reconnect"
        )
        return True

    async def _restore_once(
        self, connected: Connected, loss: ConnectionLostError, *, identify: bool
    ) -> ConnectionState:
        connection = _restorable(connected)
        try:
            transport = await open_transport(self._settings)
        except PieError as error:
            reconnecting.follow_loss(error, loss)
            raise
        connection.resume(transport)
        try:
            kept, lost = await connection.restoring(connected.restore(connection, identify=identify))
        except BaseException:
            connection.drop()
            connected.authentication.forget()
            raise
        return ConnectionState(
            ConnectionStatus.READY,
            kept=tuple(kept),
            lost=tuple(lost),
            may_have_gaps=connection.may_have_gaps and bool(kept),
        )

    async def _restore(
        self,
        connected: Connected,
        loss: ConnectionLostError,
        attempts: Attempts,
        delay: float,
        *,
        identify: bool,
    ) -> None:
        connection = _restorable(connected)
        try:
            await self._pause(attempts, delay, loss)
            state = await self._attempt(
                functools.partial(self._restore_once, connected, loss, identify=identify), attempts
            )
        except PieError as error:
            seconds = attempts.duration(self._now())
            connection.give_up(
                error,
                f"{restorable.without_advice(loss)}; gave up after attempt {attempts.number}, {seconds:.1f} s later: {error}",
            )
        except Exception as error:
            logger.exception("restoring the connection failed; this is a defect of pie-client")
            connection.give_up(error, str(error))
            self._stop(attempts)
        except BaseException:  # such as the end of asyncio.run()
            connection.give_up(
                loss, f"{restorable.without_advice(loss)}; restoring the connection was cancelled"
            )
            self._stop(attempts)
            raise
        else:
            self._be_ready(state)


def _restorable(connected: Connected) -> restorable.RestorableConnection:
    assert isinstance(connected.connection, restorable.RestorableConnection)  # noqa: S101 - made so by Connector
    return connected.connection
