"""Says who is calling, and learns from the answer which family of servers it is."""

import asyncio
import functools
import logging
import math
from dataclasses import dataclass

from pie_client._generated.families import FAMILIES, FAMILY_OF_RESULT, NEWEST, TOKEN_USER, Family
from pie_client._generated.methods import AUTH_BY_TOKEN, AUTH_IDENTIFY
from pie_client._generated.refusals import AuthenticationError, family_of_refusal
from pie_client._generated.results import AuthIdentifyResult, Challenge
from pie_client.auth.keys import Signer, answer_challenge
from pie_client.connection.connection import Connection
from pie_client.errors import RefusedError

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ServerInfo:
    """What the client found out about the server it is connected to."""

    family: Family
    """Server family: ``"0.4"`` for 0.3 and 0.4, ``"0.5"``."""
    title: str
    """The family in words."""
    username: str
    """User that the session runs as."""


class Authentication:
    """The state of a connection's identification.

    Args:
        connection: The connection to identify.
        default_user: Who the client says it is when a request comes before :meth:`authenticate`.
    """

    def __init__(self, connection: Connection, default_user: str) -> None:
        self.server: ServerInfo | None = None
        self.connection = connection
        self._default_user = default_user
        self._busy = asyncio.Lock()
        self._asking: dict[str, asyncio.Task[AuthIdentifyResult]] = {}

    async def prepare(self) -> None:
        """Identify as the default user unless the session is identified already."""
        if self.server is None:
            async with self._busy:
                if self.server is None:
                    await self._identify(self._default_user, None)

    async def authenticate(self, username: str, key: Signer | None, timeout: float | None) -> None:
        """Identify as a user, proving it with a key when the server asks for that."""
        async with self.connection.deadline(AUTH_IDENTIFY, timeout), self._busy:
            if self.server is None:
                await self._identify(username, key)
            known = self.server
            if known is not None and key is not None and FAMILIES[known.family].user is not None:
                logger.info("%s servers ask nobody for a key; yours was not used", known.title)
            if known is not None and known.username != username and FAMILIES[known.family].user is None:
                raise AuthenticationError(
                    AUTH_IDENTIFY.tag,
                    f"this connection is identified as {known.username!r}",
                    username,
                    advice="authenticate before the first request",
                )

    async def by_token(self, token: str, timeout: float | None) -> None:
        """Authenticate with the server's internal token."""
        async with self.connection.deadline(AUTH_BY_TOKEN, timeout), self._busy:
            if self.server is None:
                await self._ask_by_token(token)
            elif self.server.family not in AUTH_BY_TOKEN.families:
                await self.connection.calls.auth_by_token(token=token)  # raises UnsupportedError
            elif self.server.username != TOKEN_USER:
                raise AuthenticationError(
                    AUTH_BY_TOKEN.tag,
                    f"this connection is identified as {self.server.username!r}",
                    advice="authenticate before the first request",
                )

    # Whatever is asked here is not given up with its caller: a consent that comes late still counts, and only the first
    # answer of a connection tells the family of the server.

    async def _ask_by_token(self, token: str) -> None:
        """Send the token, and behind it a request that every family refuses at once.

        A family that knows no token ignores it. Those that know it answer in order: a refusal that comes first tells.
        """
        calls = self.connection.calls
        (family,) = AUTH_BY_TOKEN.families
        asking = asyncio.create_task(calls.auth_by_token(token=token, timeout=math.inf))
        asking.add_done_callback(functools.partial(self._consented, family, TOKEN_USER))
        probing = asyncio.create_task(calls.auth_prove(signature="", timeout=math.inf))
        probing.add_done_callback(_seen)
        await asyncio.wait({asking, probing}, return_when=asyncio.FIRST_COMPLETED)
        if not asking.done() and isinstance(probing.exception(), RefusedError):
            asking.cancel()
            self.connection.session.family = NEWEST
            await calls.auth_by_token(token=token)  # raises UnsupportedError
        await asyncio.shield(asking)

    async def _identify(self, username: str, key: Signer | None) -> None:
        calls = self.connection.calls
        asking = self._asking.get(username)
        if asking is None or asking.done():
            asking = asyncio.create_task(calls.auth_identify(username=username, timeout=math.inf))
            asking.add_done_callback(functools.partial(self._answered, username))
            self._asking[username] = asking
        answer = await asyncio.shield(asking)
        if isinstance(answer, Challenge) and self.server is None:
            if key is None:
                raise AuthenticationError(
                    AUTH_IDENTIFY.tag,
                    "the server asks for a key",
                    username,
                    advice="call authenticate(username, private_key) before the first request",
                )
            signature = await answer_challenge(key, answer.text)
            proving = asyncio.create_task(calls.auth_prove(signature=signature, timeout=math.inf))
            proving.add_done_callback(
                functools.partial(self._consented, FAMILY_OF_RESULT[Challenge], username)
            )
            await asyncio.shield(proving)

    def _answered(self, username: str, asking: asyncio.Task[AuthIdentifyResult]) -> None:
        """Learn from an answer to an identification."""
        error = None if asking.cancelled() else asking.exception()
        if isinstance(error, RefusedError):
            self._family_is(family_of_refusal(error.text))
        elif not asking.cancelled() and error is None and self.server is None:
            answer = asking.result()
            if isinstance(answer, Challenge):
                self._family_is(FAMILY_OF_RESULT[Challenge])
            else:
                told = self.connection.session.family  # by an earlier answer: this one is not the first
                self._found(told or FAMILY_OF_RESULT.get(type(answer), NEWEST), username)

    def _consented(self, family: Family, username: str, asking: asyncio.Task[str]) -> None:
        """Learn from an answer to a proof or token."""
        if not asking.cancelled() and asking.exception() is None and self.server is None:
            self._found(family, username)

    def _family_is(self, family: Family | None) -> None:
        if family is not None:
            self.connection.session.family = family

    def _found(self, family: Family, username: str) -> None:
        traits = FAMILIES[family]
        self.connection.session.family = family
        self.server = ServerInfo(family, traits.title, traits.user or username)


def _seen(task: asyncio.Task[str]) -> None:
    """Take note of how a task ended, so that nobody complains that nobody did."""
    if not task.cancelled():
        task.exception()
