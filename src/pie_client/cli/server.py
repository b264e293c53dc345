"""Connect to the server of a command, as its user."""

from __future__ import annotations

import contextlib
import getpass
import os
import sys
from collections.abc import AsyncGenerator, Mapping
from typing import TYPE_CHECKING, Final
from uuid import UUID

from pie_client import PieClient
from pie_client.cli import output
from pie_client.cli.running import FailedError, Status, UsageError
from pie_client.cli.settings import PASSPHRASE_VARIABLE, Value, check, seconds_of, shown
from pie_client.common.interrupts import Interrupts
from pie_client.common.paths import as_path, read_regular
from pie_client.errors import InvalidKeyError, PieError, UnsupportedError, one_line
from pie_client.lazy import LazyModule

if TYPE_CHECKING:
    from pie_client._generated import families, refusals
    from pie_client.auth import agent, key_files, keys
    from pie_client.connection import reconnect as reconnecting
else:
    agent = LazyModule("pie_client.auth.agent")
    families = LazyModule("pie_client._generated.families")
    key_files = LazyModule("pie_client.auth.key_files")
    keys = LazyModule("pie_client.auth.keys")
    reconnecting = LazyModule("pie_client.connection.reconnect")
    refusals = LazyModule("pie_client._generated.refusals")

AGENT = "agent"
"""In place of a path, the key setting that stands for the keys of the ssh-agent."""
SHORT_ID = 8
"""Least characters of an id in a table."""


class Server:
    """The server of a command.

    Args:
        values: The settings.
        interrupts: The signals of the command.
        trace: Whether to write every frame to standard error.

    Attributes:
        interrupts: See above.
        address: Its URI without secrets.
    """

    def __init__(self, values: Mapping[str, Value], interrupts: Interrupts, *, trace: bool) -> None:
        self.interrupts: Final = interrupts
        self.address: Final = shown("uri", values["uri"].text)
        self._values = values
        self._trace = trace
        for name, value in values.items():
            check(name, value)
        self._timeout = seconds_of(values["timeout"])

    @contextlib.asynccontextmanager
    async def client(self, *, reconnect: bool = False) -> AsyncGenerator[PieClient]:
        """Connect in a block, as the user.

        Args:
            reconnect: Whether to connect again after a loss.
        """
        reached = False

        def again(error: PieError) -> bool:
            """Return whether to connect again; not to a server that was never reached, which may have another address."""
            return reached and reconnecting.is_transient(error)

        identity = self._values.get("identity")
        client = PieClient(
            self._values["uri"].text,
            timeout=self._timeout,
            identity=None if identity is None else identity.text,
            reconnect=reconnecting.Reconnect(retry=again) if reconnect else None,
        )
        if self._trace:
            client.observe(lambda frame: output.note(str(frame)))
        token, key = self._values.get("token"), self._values.get("key")
        signer = None if token is not None or key is None else await self._signer(key)
        async with client:
            reached = True
            if token is None:
                await self._authenticate(client, signer)
            else:
                await _authenticate_by_token(client, token)
            yield client

    async def _authenticate(self, client: PieClient, signer: keys.Signer | None) -> None:
        try:
            await client.authenticate(self._values["username"].text, signer)
        except refusals.AuthenticationError as error:
            if signer is not None:
                raise
            raise FailedError(
                f"{error.request} of {error.subject!r} refused: the server does not accept this user without a key; "
                "pass --key FILE, or set PIE_KEY",
                Status.AUTHENTICATION,
            ) from error

    async def _signer(self, key: Value) -> keys.Signer:
        """Return the key that signs. Asks for the passphrase of an encrypted one."""
        if key.text == AGENT:
            found = await agent.agent_keys()
            if not found:
                raise FailedError(
                    "the ssh-agent has no usable key; add one with ssh-add", Status.AUTHENTICATION
                )
            return found[0]
        try:
            content = read_regular(as_path(key.text), keys.KEY_FILE_BYTES)
            passphrase = self._passphrase(key.text) if key_files.find_key(content).encrypted else None
            return keys.ParsedPrivateKey.from_file(key.text, passphrase)
        except InvalidKeyError as error:
            name = key.text
            raise FailedError(
                str(error) if name in str(error) else f"{name}: {error}", Status.AUTHENTICATION
            ) from error
        except OSError as error:
            raise FailedError(
                f"{key.source}: can't read the key {key.text}: {error.strerror or error}; check the path",
                Status.AUTHENTICATION,
            ) from None

    def _passphrase(self, name: str) -> str:
        if passphrase := os.environ.get(PASSPHRASE_VARIABLE):
            return passphrase
        given = ""
        if output.on_terminal(sys.stdin):
            with self.interrupts.raised(), contextlib.suppress(EOFError):
                given = getpass.getpass(f"Passphrase of {name}: ")
        if not given:
            raise FailedError(
                f"{name}: the key is encrypted; set {PASSPHRASE_VARIABLE}, or pass --key {AGENT} for the ssh-agent",
                Status.AUTHENTICATION,
            )
        return given


async def _authenticate_by_token(client: PieClient, token: Value) -> None:
    try:
        await client.auth_by_token(token.text)
    except UnsupportedError as error:
        raise FailedError(
            f"{token.source}: this server takes no token, as only 0.3 and 0.4 servers do; remove it",
            Status.AUTHENTICATION,
        ) from error


def describe(client: PieClient) -> str:
    """Return the family of the server and the user of a connected client, for people."""
    assert client.server is not None  # noqa: S101 - it is authenticated
    return f"{client.server.title}, as {client.server.username}"


def ends_with_connection(client: PieClient) -> bool:
    """Return whether the server ends processes with the connection that receives their events."""
    assert client.server is not None  # noqa: S101 - it is authenticated
    return families.FAMILIES[client.server.family].terminates_on_disconnect


async def find(client: PieClient, prefix: str) -> str:
    """Return the id of the only running process whose id begins with a prefix. Raises UsageError and FailedError."""
    with contextlib.suppress(ValueError):
        return str(UUID(prefix))
    if not prefix.strip():  # a variable that is not set, say: every id begins with it
        raise UsageError("the id is empty; pass one, or its beginning; see: pie-client list")
    found = sorted(p.id for p in await client.list_processes() if p.id.startswith(prefix.lower()))
    if not found:
        raise FailedError(
            f"no running process has an id that begins with {one_line(prefix)!r}; see: pie-client list"
        )
    if len(found) > 1:
        shown = ", ".join(shortened(found)[:5])
        raise UsageError(
            f"{len(found)} processes have ids that begin with {prefix!r}: {shown}; write more of one"
        )
    return found[0]


def shortened(ids: list[str]) -> list[str]:
    """Return ids cut to the shortest length at which they differ."""
    length = SHORT_ID
    while length < max(map(len, ids), default=0) and len({each[:length] for each in ids}) < len(ids):
        length += 1
    return [each[:length] for each in ids]
