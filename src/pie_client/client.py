"""The client: connect, say who you are, and work with programs and processes."""

import asyncio
import json
import os
import ssl as ssl_module
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self

from pydantic_core import PydanticSerializationError, to_jsonable_python

from pie_client._generated.calls import Calls
from pie_client._generated.families import DEFAULT_USER
from pie_client._generated.mcp import McpTransport
from pie_client._generated.models import ProcessInfo, QueryResult
from pie_client.authentication import Authentication, ServerInfo
from pie_client.connection import Connection, check_seconds, check_size
from pie_client.errors import (
    InvalidArgumentError,
    NotConnectedError,
    ProtocolError,
    UnsupportedError,
)
from pie_client.keys import ParsedPrivateKey, check_key
from pie_client.mcp.relay import McpServer, McpServers
from pie_client.mcp.spec import check_spec
from pie_client.process import Process
from pie_client.session import Session, canonical_id
from pie_client.transport import (
    Options,
    as_headers,
    check_options,
    is_identity,
    is_text,
    open_transport,
    parse_uri,
)


class PieClient:
    """A connection to a Pie server.

    Use it as an async context manager, or call :meth:`connect` and :meth:`close` yourself. Works with servers of the
    0.3/0.4 and the 0.5 family and finds out by itself which it is. Not tied to a task: any number of them may use it
    at once, in one event loop.

    Args:
        server_uri: WebSocket URI, e.g. ``"ws://127.0.0.1:8080"``. Without a path the one that suits every server is used.
        username: User for a session that sends a request before :meth:`authenticate`.
        identity: ``tenant/user`` or ``user`` in printable ASCII, sent in the HTTP header that 0.5 servers ask for;
            by default the username where it is ASCII. It is a label, not a proof.
        timeout: Seconds that a call may take when it does not say; ``math.inf`` for no limit.
        open_timeout: Seconds until the WebSocket is open.
        ssl: TLS settings for ``wss://``; by default the system's certificates.
        headers: Further HTTP headers of the opening handshake.
        proxy: True for the system's proxy settings (never for loopback), False for none, or a proxy's URL.
        max_message_size: Bytes of the largest message that is received; a larger one closes the connection.
        max_buffered: Bytes of unread events above which the client stops reading from the server, unless somebody
            waits for a reply or an event. At twice as much the processes with the largest backlogs are given up
            with SlowConsumerError; a file that arrives has to fit into that.
        ping_interval: Seconds between WebSocket pings; ``math.inf`` for none.
        ping_timeout: Seconds without a pong and without any other traffic after which the connection counts as lost.

    Raises:
        InvalidArgumentError: An argument can't be used.
    """

    def __init__(
        self,
        server_uri: str,
        *,
        username: str | None = None,
        identity: str | None = None,
        timeout: float = 60.0,
        open_timeout: float = 10.0,
        ssl: ssl_module.SSLContext | None = None,
        headers: Mapping[str, str] | None = None,
        proxy: str | bool = True,
        max_message_size: int = 256 << 20,
        max_buffered: int = 64 << 20,
        ping_interval: float = 20.0,
        ping_timeout: float = 20.0,
    ) -> None:
        self._uri = parse_uri(server_uri)
        self._username = DEFAULT_USER if username is None else username
        if not is_text(self._username):
            raise InvalidArgumentError(
                f"username {self._username!r} can't be sent; write it as text on one line"
            )
        if identity is None:
            identity = self._username if is_identity(self._username) else DEFAULT_USER
        options = Options(
            identity=identity,
            open_timeout=check_seconds("open_timeout", open_timeout),
            ssl=ssl,
            headers=as_headers(headers),
            proxy=proxy,
            max_message_size=check_size("max_message_size", max_message_size),
        )
        self._options = check_options(self._uri, options)
        self._timeout = check_seconds("timeout", timeout)
        self._max_buffered = check_size("max_buffered", max_buffered)
        self._ping_interval = check_seconds("ping_interval", ping_interval)
        self._ping_timeout = check_seconds("ping_timeout", ping_timeout)
        self._connecting = asyncio.Lock()
        self._closing = asyncio.Lock()
        self._closes = 0
        self._authentication: Authentication | None = None
        self._mcp_servers: McpServers | None = None

    async def __aenter__(self) -> Self:
        await self.connect()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    # ------------------------------------------------------------- connection

    async def connect(self) -> None:
        """Open the connection; closes an older one first. Sends nothing yet: the first request identifies the session.

        Raises:
            ConnectError: The server can't be reached or does not speak WebSocket: HandshakeError with the HTTP status
                where it gave one, ConnectTimeoutError after ``open_timeout``. All are ``ConnectionError``.
        """
        async with self._connecting:
            closes = self._closes
            await self._disconnect()
            transport = await open_transport(self._uri, self._options)
            if self._closes != closes:
                await transport.close()
                raise NotConnectedError("the client was closed while it was connecting; connect again")
            connection = Connection(
                transport,
                Session(max_buffered=self._max_buffered),
                timeout=self._timeout,
                ping_interval=self._ping_interval,
                ping_timeout=self._ping_timeout,
            )
            self._authentication = Authentication(connection, self._username)
            connection.prepare = self._authentication.prepare
            self._mcp_servers = McpServers(connection)
            connection.relayed = self._mcp_servers.answer
            connection.ended = self._mcp_servers.abandon

    async def close(self) -> None:
        """Close the connection, within about a second. Whatever still waits fails with NotConnectedError.

        MCP servers that were registered are stopped meanwhile, all at once; one that does not end by itself takes up to
        half a second more.
        """
        self._closes += 1
        await self._disconnect()

    async def _disconnect(self) -> None:
        authentication, self._authentication = self._authentication, None
        mcp_servers, self._mcp_servers = self._mcp_servers, None
        try:
            async with self._closing:
                if authentication is not None and mcp_servers is not None:
                    await asyncio.gather(authentication.connection.close(), mcp_servers.close())
        finally:
            if authentication is not None:
                authentication.connection.abort()

    @property
    def server(self) -> ServerInfo | None:
        """What is known of the server; None before the first request."""
        return self._authentication.server if self._authentication else None

    @property
    def rpc(self) -> Calls:
        """The generated layer: every request of the protocol as a typed call. Raises NotConnectedError."""
        return self._connected().connection.calls

    def _mcp(self) -> McpServers:
        self._connected()
        assert self._mcp_servers is not None  # noqa: S101 - there is one with every connection
        return self._mcp_servers

    def _connected(self) -> Authentication:
        if self._authentication is None:
            raise NotConnectedError(
                "the client is not connected; use `async with PieClient(...)`, or call connect() first"
            )
        return self._authentication

    # ------------------------------------------------------------- authentication

    async def authenticate(
        self, username: str, private_key: ParsedPrivateKey | None = None, *, timeout: float | None = None
    ) -> None:
        """Say who you are, and prove it where the server asks for that. Do so before any other request.

        Args:
            username: Name of the user.
            private_key: Signs the server's challenge; None suffices where authentication is switched off.
            timeout: Seconds until all is done; the client's default.

        Raises:
            AuthenticationError: The server does not know the user or the key, or asks for a key and none was given.
        """
        check_key(private_key)
        await self._connected().authenticate(username, private_key, timeout)

    async def auth_by_token(self, token: str, *, timeout: float | None = None) -> None:
        """Authenticate with the server's internal token, as back ends do. Known to 0.3 and 0.4 servers.

        Args:
            token: The token that the server printed when it started.
            timeout: Seconds until the server answers; the client's default. A wrong token takes it up to three.

        Raises:
            AuthenticationError: The token is wrong, or the connection is identified already.
            UnsupportedError: The server knows no token (0.5).
        """
        await self._connected().by_token(token, timeout)

    # ------------------------------------------------------------- programs

    async def check_program(self, inferlet: str, *, timeout: float | None = None) -> bool:
        """Ask whether the server has a program. One that failed to compile counts as present.

        Args:
            inferlet: The program as ``name@version``.
            timeout: Seconds until the reply; the client's default.

        Raises:
            InvalidArgumentError: There is no ``@`` in it.
            InvalidProgramNameError: The server does not take it as a name and version.
        """
        name, mark, version = inferlet.rpartition("@") if is_text(inferlet) else ("", "", "")
        if not mark:
            raise InvalidArgumentError(
                f"check_program not sent: {inferlet!r} has no version; write it as name@major.minor.patch"
            )
        return await self.rpc.check_program(name=name, version=version, timeout=timeout)

    # ------------------------------------------------------------- processes

    async def launch_process(
        self,
        inferlet: str,
        input: object = None,
        capture_outputs: bool = True,
        token_budget: int | None = None,
        *,
        timeout: float | None = None,
    ) -> Process:
        """Start a program as a new process.

        Args:
            inferlet: The program as ``name@version``; 0.5 servers take the bare name too.
            input: What the program receives, as JSON: anything that ``json`` or pydantic can write; None for ``{}``.
            capture_outputs: Receive the process's events. Without it the server names no process, so that a handle can't
                be given: use ``client.rpc`` for that.
            token_budget: Most tokens that the process may use. Known to 0.3 and 0.4 servers only.
            timeout: Seconds until the server accepts; the client's default. A first launch may download and compile.

        Raises:
            ProgramNotFoundError, InvalidProgramNameError, InstallError, InvalidManifestError: The server can't launch it.
            InvalidArgumentError: The input can't be written as JSON.
            UnsupportedError: The server's family knows no token budget, or ``capture_outputs`` is False; nothing was sent.
        """
        if not capture_outputs:
            raise UnsupportedError(
                "launch_process not sent: with capture_outputs=False servers name no process to make a handle of; use client.rpc.launch_process, and list_processes to find it"
            )
        connection = self._connected().connection
        process_id = await connection.calls.launch_process(
            inferlet=inferlet,
            input=_json(input),
            capture_outputs=capture_outputs,
            token_budget=token_budget,
            timeout=timeout,
        )
        try:
            process_id = canonical_id(process_id)
        except InvalidArgumentError:
            raise ProtocolError(
                f"launch_process of {inferlet!r} gave {len(process_id)} characters where a process id was due; check what server this is"
            ) from None
        return Process(connection, connection.session.mailbox(process_id))

    async def attach_process(self, process_id: str, *, timeout: float | None = None) -> Process:
        """Take over the events of a running process.

        What the server had buffered comes first. A 0.3/0.4 server also says "not found" of a process that another
        connection is attached to, even a dead one.

        Args:
            process_id: Id of the process, a UUID in any form.
            timeout: Seconds until the reply; the client's default.

        Raises:
            ProcessNotFoundError: No such process, or (0.3/0.4) it is attached elsewhere.
            AlreadyAttachedError: It is attached elsewhere (0.5).
            AccessDeniedError: It belongs to another user.
            InvalidArgumentError: The id is not a UUID.
        """
        connection = self._connected().connection
        process_id = canonical_id(process_id)
        await connection.calls.attach_process(process_id=process_id, timeout=timeout)
        return Process(connection, connection.session.mailbox(process_id))

    async def list_processes(self, *, timeout: float | None = None) -> list[ProcessInfo]:
        """List your running processes; a 0.5 server lists everybody's.

        Args:
            timeout: Seconds until the reply; the client's default.
        """
        return await self.rpc.list_processes(timeout=timeout)

    async def signal_process(self, process_id: str, message: str, *, timeout: float | None = None) -> None:
        """Send a text to a process of this connection. Servers never confirm it.

        Args:
            process_id: Id of the process, a UUID in any form.
            message: The text.
            timeout: Seconds until it is sent; the client's default.

        Raises:
            InvalidArgumentError: The id is not a UUID.
        """
        await self.rpc.signal_process(process_id=canonical_id(process_id), message=message, timeout=timeout)

    async def terminate_process(self, process_id: str, *, timeout: float | None = None) -> None:
        """Ask the server to stop a process, attached or not.

        Args:
            process_id: Id of the process, a UUID in any form.
            timeout: Seconds until the server confirms; the client's default.

        Raises:
            ProcessNotFoundError: It has ended, or never was.
            AccessDeniedError: It belongs to another user.
            InvalidArgumentError: The id is not a UUID.
        """
        await self.rpc.terminate_process(process_id=canonical_id(process_id), timeout=timeout)

    # ------------------------------------------------------------- MCP

    async def register_mcp_server(
        self,
        name: str,
        transport: McpTransport,
        command: str | None = None,
        args: Sequence[str] | None = None,
        url: str | None = None,
        *,
        env: Mapping[str, str] | None = None,
        cwd: str | os.PathLike[str] | None = None,
        headers: Mapping[str, str] | None = None,
        call_timeout: float = 300.0,
        timeout: float | None = None,
    ) -> None:
        """Run an MCP server here, and lend it to the inferlets that are attached to this connection.

        The server is started, initialized and then announced. Only its name and transport go to the engine: arguments,
        address and headers may hold secrets, and no engine uses them. Inferlets' calls are answered by the server
        itself: what it gives over stdio goes on as it was written. One that dies is reported to whoever waits for it
        and is started again for the next call, less and less often while it keeps dying. What it writes to standard
        error is logged by ``pie_client.mcp.stdio`` at level INFO. It is stopped with the connection, and has to be
        registered again on the next one.

        Args:
            name: Name by which inferlets find the server.
            transport: ``"stdio"`` for a program that speaks MCP over its standard input and output, ``"http"`` for a
                server that listens elsewhere (streamable HTTP; needs ``pip install 'pie-client[mcp]'``).
            command: The program; stdio only.
            args: Its arguments; none by default.
            url: Address of the server; http only.
            env: Environment variables of the program, on top of this process's.
            cwd: Working directory of the program; this process's by default.
            headers: HTTP headers that are sent with every request; http only.
            call_timeout: Seconds that one call of an inferlet may take, with a restart that it may need, after which
                the inferlet gets an error; ``math.inf`` for no limit.
            timeout: Seconds until the server is announced; the client's default. A first ``npx -y`` downloads.

        Raises:
            InvalidArgumentError: An argument can't be used, or the name is in use.
            McpServerError: The server can't be started or reached, or it does not speak MCP.
            UnsupportedError: The engine knows no MCP servers (0.5), or the extra is not installed; nothing was started.
            DeadlineError: It was not ready in time; it was stopped again.
        """
        spec = check_spec(
            name,
            transport,
            command=command,
            args=args,
            url=url,
            env=env,
            cwd=cwd,
            headers=headers,
            call_timeout=check_seconds("call_timeout", call_timeout),
        )
        server = McpServer(name, spec, call_timeout)
        await self._mcp().register(server, timeout)

    async def unregister_mcp_server(self, name: str) -> None:
        """Stop an MCP server that was registered, within about a second and a half.

        The protocol has no word for it: inferlets still see the name, and are told that it is not registered when they
        call. The name can be registered again.

        Args:
            name: Name under which it was registered.

        Raises:
            InvalidArgumentError: There is no server of that name.
        """
        await self._mcp().unregister(name)

    # ------------------------------------------------------------- other

    async def ping(self, *, timeout: float | None = None) -> None:
        """Make a round trip through the server's session.

        Args:
            timeout: Seconds until the reply; the client's default.

        Raises:
            DeadlineError: No reply in time: the session is busy, or the server gone.
        """
        await self.rpc.ping(timeout=timeout)

    async def query(self, subject: str, record: str = "", *, timeout: float | None = None) -> QueryResult:
        """Ask the server about itself.

        Args:
            subject: What to ask about; every server knows ``"model_status"``. A 0.3/0.4 server leaves any other
                unanswered, so that the call ends with DeadlineError.
            record: Not used by today's servers.
            timeout: Seconds until the reply; the client's default.

        Returns:
            A flat object; for ``"model_status"`` its keys are ``<model>.<statistic>``.

        Raises:
            InvalidRequestError: The subject is unknown (0.5).
        """
        return await self.rpc.query(subject=subject, record=record, timeout=timeout)


def _json(value: object) -> str:
    """Write an input as JSON text."""
    try:
        return json.dumps(
            {} if value is None else value, ensure_ascii=False, allow_nan=False, default=to_jsonable_python
        )
    except (TypeError, ValueError, RecursionError, PydanticSerializationError) as error:
        raise InvalidArgumentError(
            f"input can't be written as JSON: {error}; pass plain values, dataclasses or pydantic models"
        ) from error
