"""Identify the user of a connection, and set the server's family from the first reply.

Sends a user name, a signature or a token, and sets the session's family and ``ServerInfo`` from the reply. ``keys`` parses
the keys, ``agent`` uses those of an ssh-agent.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import math
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final

from pie_client._generated.families import (
    DEFAULT_USER,
    FAMILIES,
    FAMILY_OF_RESULT,
    NEWEST,
    TOKEN_USER,
    Family,
)
from pie_client._generated.methods import AUTH_BY_TOKEN, AUTH_IDENTIFY, AUTH_PROVE, Method
from pie_client._generated.results import AuthIdentifyResult, Challenge
from pie_client.connection.connection import Connection
from pie_client.connection.waiting import Lock
from pie_client.errors import ConnectionLostError, RefusedError
from pie_client.lazy import LazyModule

if TYPE_CHECKING:
    from pie_client._generated import refusals
    from pie_client.auth import keys, server_info
    from pie_client.connection import probe
else:
    keys = LazyModule("pie_client.auth.keys")
    probe = LazyModule("pie_client.connection.probe")
    refusals = LazyModule("pie_client._generated.refusals")
    server_info = LazyModule("pie_client.auth.server_info")

logger = logging.getLogger(__name__)

TOKEN_FAMILY: Final[Family] = max(AUTH_BY_TOKEN.families, key=list(FAMILIES).index)
"""Family of a server that takes tokens. The reply does not name it, so it is the newest that knows them."""

AUTHENTICATE_FIRST = "call authenticate(username, private_key) before the first request"


class Login:
    """How to identify a session: as a user, with a key if the server asks for one, or by a token."""

    # Not a dataclass: creating one takes a hundredth of the time to connect a new interpreter.
    __slots__ = ("key", "token", "username")

    def __init__(self, username: str, key: keys.Signer | None = None, token: str | None = None) -> None:
        self.username = username
        self.key = key
        self.token = token


class Authentication:
    """The identification of one connection.

    Args:
        connection: The connection to identify.
        login: How to identify it if a request comes before :meth:`authenticate`.

    Attributes:
        login: How the session was last identified, or will be.
    """

    def __init__(self, connection: Connection, login: Login) -> None:
        self.connection = connection
        self.login = login
        # One identification at a time: servers keep one pending challenge, and a second request would replace it.
        self._lock = Lock(lambda: connection.user is None and connection.alive)
        self._identifying: dict[str, asyncio.Task[AuthIdentifyResult]] = {}
        self._sessions = 0
        """Number of sessions that were lost: replies of an earlier session say nothing about the current one."""

    @property
    def server(self) -> server_info.ServerInfo | None:
        """The connected server; None until a reply has identified the session."""
        user, family = self.connection.user, self.connection.known_family
        if user is None or family is None:
            return None
        return server_info.ServerInfo(family, FAMILIES[family].title, user)

    async def identify(self) -> None:
        """Identify by :attr:`login` unless the session is identified."""
        if self.connection.user is None:
            async with self._lock:
                if self.connection.user is None:
                    if self.login.token is None:
                        await self._identify(self.login.username, self.login.key)
                    else:
                        await self._send_token(self.login.token)

    def forget(self) -> bool:
        """Expect to identify a new session, and return whether the previous one was identified."""
        self._identifying.clear()
        self._sessions += 1
        return self.connection.user is not None

    async def authenticate(self, username: str, key: keys.Signer | None, timeout: float | None) -> None:
        """Identify as a user, and sign the challenge if the server sends one."""
        await self._in_turn(AUTH_IDENTIFY, functools.partial(self._authenticate, username, key), timeout)

    async def _authenticate(self, username: str, key: keys.Signer | None) -> None:
        connection = self.connection
        if connection.user is None:
            await self._identify(username, key)
        user, family = connection.user, connection.known_family
        if user is None or family is None:
            return
        traits = FAMILIES[family]
        if key is not None and traits.user is not None:
            logger.info("%s servers ask for no key; private_key was not used", traits.title)
        if user != username and traits.user is None:
            raise _already_identified(AUTH_IDENTIFY.tag, user, username)
        self.login = Login(username, key)

    async def by_token(self, token: str, timeout: float | None) -> None:
        """Authenticate with the server's internal token."""
        await self._in_turn(AUTH_BY_TOKEN, functools.partial(self._by_token, token), timeout)

    async def _by_token(self, token: str) -> None:
        self.connection.check_family(AUTH_BY_TOKEN)
        user = self.connection.user
        if user is None:
            await self._send_token(token)
        elif user != TOKEN_USER:
            raise _already_identified(AUTH_BY_TOKEN.tag, user)
        self.login = Login(TOKEN_USER, token=token)

    async def _in_turn(
        self, method: Method[object], work: Callable[[], Awaitable[None]], timeout: float | None
    ) -> None:
        """Do work that identifies the session, again if the connection is lost meanwhile and will be restored."""
        connection = self.connection
        async with connection.deadline(method, timeout):
            while True:
                # Before the lock, which restoring the connection needs.
                await connection.restored()
                session = self._sessions
                try:
                    async with self._lock:
                        return await work()
                except ConnectionLostError:
                    if not await connection.restored() and session == self._sessions:
                        raise

    # The requests below run as tasks without a deadline: cancelling a caller does not cancel them. The server handles
    # them in any case, and only its first reply on a connection tells its family; a second identification gets the same
    # reply from every family. So late replies are handled, too.

    async def _send_token(self, token: str) -> None:
        calls = self.connection.calls
        sending = asyncio.create_task(calls.auth_by_token(token=token, timeout=math.inf))
        sending.add_done_callback(
            functools.partial(self._handle_acceptance, self._sessions, TOKEN_FAMILY, TOKEN_USER)
        )
        # Families without tokens ignore the request. Every family refuses a signature that it did not ask for.
        if not await probe.probe(sending, calls.auth_prove(signature="", timeout=math.inf)):
            self.connection.known_family = NEWEST
            self.connection.check_family(AUTH_BY_TOKEN)
        await asyncio.shield(sending)

    async def _identify(self, username: str, key: keys.Signer | None) -> None:
        calls = self.connection.calls
        # If an earlier caller was cancelled, wait for the reply to its request instead of sending another.
        identifying = self._identifying.get(username)
        if identifying is None or identifying.done():
            self.connection.check_alive()  # a task for each of all calls that wait in turn would take long
            identifying = asyncio.create_task(calls.auth_identify(username=username, timeout=math.inf))
            identifying.add_done_callback(
                functools.partial(self._handle_identification, self._sessions, username)
            )
            self._identifying[username] = identifying
        session = self._sessions
        try:
            reply = await asyncio.shield(identifying)
        except RefusedError as error:
            if username != DEFAULT_USER or not isinstance(error, refusals.AuthenticationError):
                raise
            raise refusals.AuthenticationError(
                error.request, error.text, error.subject, advice=AUTHENTICATE_FIRST
            ) from None
        if isinstance(reply, Challenge) and self.connection.user is None:
            if key is None:
                raise refusals.AuthenticationError(
                    AUTH_IDENTIFY.tag,
                    "the server asks for a key",
                    username,
                    advice=AUTHENTICATE_FIRST,
                )
            signature = await keys.sign_challenge(key, reply.text)
            if session != self._sessions:
                raise ConnectionLostError(
                    f"{AUTH_PROVE.tag} not sent: the connection was lost while the challenge was signed; try again",
                    sent=False,
                )
            proving = asyncio.create_task(calls.auth_prove(signature=signature, timeout=math.inf))
            proving.add_done_callback(
                functools.partial(self._handle_acceptance, session, FAMILY_OF_RESULT[Challenge], username)
            )
            await asyncio.shield(proving)

    def _handle_identification(
        self, session: int, username: str, identifying: asyncio.Task[AuthIdentifyResult]
    ) -> None:
        if identifying.cancelled():
            return
        connection = self.connection
        error = identifying.exception()
        if session != self._sessions:
            return
        if isinstance(error, RefusedError):
            family_told = refusals.family_of_refusal(error.text)
            if family_told is not None:
                connection.known_family = family_told
        elif error is None and self.connection.user is None:
            reply = identifying.result()
            if isinstance(reply, Challenge):
                connection.known_family = FAMILY_OF_RESULT[Challenge]
            else:
                # A family that an earlier reply has set stays: this reply may be the same for every family.
                family = connection.known_family or FAMILY_OF_RESULT.get(type(reply), NEWEST)
                self._set_server(family, username)

    def _handle_acceptance(
        self, session: int, family: Family, username: str, task: asyncio.Task[str]
    ) -> None:
        """Record the user whose signature or token the server accepted."""
        accepted = not task.cancelled() and task.exception() is None
        if accepted and self.connection.user is None and session == self._sessions:
            self._set_server(family, username)

    def _set_server(self, family: Family, username: str) -> None:
        traits = FAMILIES[family]
        self.connection.known_family = family
        self.connection.user = user = traits.user or username
        logger.debug("identified as %r by a %s server", user, traits.title)


def _already_identified(tag: str, user: str, username: str = "") -> refusals.AuthenticationError:
    return refusals.AuthenticationError(
        tag,
        f"this connection is already identified as {user!r}",
        username,
        advice="authenticate before the first request, or use a second client",
    )
