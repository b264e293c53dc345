"""The client: connect, say who you are, and work with programs and processes."""

import asyncio
import contextlib
import math
import os
import ssl as ssl_module
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import ParamSpec, Self, TypeVar, overload

from pie_client._generated.calls import Calls
from pie_client._generated.families import DEFAULT_USER, HIGHEST_PORT
from pie_client._generated.mcp import McpTransport
from pie_client._generated.methods import RUN_PROCESSES
from pie_client._generated.models import Manifest, ProcessInfo, QueryResult
from pie_client.auth.keys import Signer, check_key
from pie_client.auth.login import Authentication, ServerInfo
from pie_client.connection.connection import Connection, check_size
from pie_client.connection.contents import Progress, Source, as_path
from pie_client.connection.deadline import check_seconds, time_limit
from pie_client.connection.transport import (
    Options,
    as_headers,
    check_options,
    is_identity,
    is_printable,
    open_transport,
    parse_uri,
)
from pie_client.errors import InvalidArgumentError, NotConnectedError
from pie_client.launching import Launcher, as_budgets, as_inputs, as_json
from pie_client.mcp.relay import McpServer, McpServers
from pie_client.mcp.spec import check_spec
from pie_client.process import Process
from pie_client.programs.functions import Inferlet
from pie_client.programs.install import Programs
from pie_client.programs.manifest import checked_manifest, read_manifest
from pie_client.programs.registry import resolve_version
from pie_client.protocol.session import Session, canonical_id

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class _Connected:
    """A connection, and what is known of its server."""

    connection: Connection
    authentication: Authentication
    programs: Programs
    launcher: Launcher
    mcp_servers: McpServers
    others: set[Connection]
    """Further connections, for what a server does nothing else beside; they end with this one."""


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
            with SlowConsumerError; a file that arrives has to fit into that, unless it goes to disk.
        spool_above: Bytes of a file from a process above which it goes to a temporary file while it arrives. Iterating
            over a process then gives a SpooledFile for it; ``recv()`` reads it into memory. By default none does.
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
        spool_above: int | None = None,
        ping_interval: float = 20.0,
        ping_timeout: float = 20.0,
    ) -> None:
        self._uri = parse_uri(server_uri)
        self._username = DEFAULT_USER if username is None else username
        if not is_printable(self._username):
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
        self._spool_above = math.inf if spool_above is None else check_size("spool_above", spool_above)
        self._ping_interval = check_seconds("ping_interval", ping_interval)
        self._ping_timeout = check_seconds("ping_timeout", ping_timeout)
        self._connecting = asyncio.Lock()
        self._closing = asyncio.Lock()
        self._closes = 0
        self._current: _Connected | None = None
        self._login: Callable[[Authentication, float | None], Awaitable[None]] | None = None

    def __repr__(self) -> str:
        state = (
            "connected" if self._current is not None and self._current.connection.session.alive else "closed"
        )
        port = f":{self._uri.port}" if self._uri.port else ""
        host = f"[{self._uri.hostname}]" if ":" in (self._uri.hostname or "") else self._uri.hostname
        return f"<PieClient {self._uri.scheme}://{host}{port} {state}>"

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
            connected = await self._open()
            if self._closes != closes:
                await connected.connection.close()
                raise NotConnectedError("the client was closed while it was connecting; connect again")
            self._login = None
            self._current = connected

    async def _open(self) -> _Connected:
        transport = await open_transport(self._uri, self._options)
        connection = Connection(
            transport,
            Session(max_buffered=self._max_buffered, spool_above=self._spool_above),
            timeout=self._timeout,
            ping_interval=self._ping_interval,
            ping_timeout=self._ping_timeout,
        )
        authentication = Authentication(connection, self._username)
        connection.identify = authentication.identify_default
        mcp_servers = McpServers(connection)
        connection.on_mcp_request = mcp_servers.answer
        others = set[Connection]()

        def end() -> None:
            mcp_servers.abandon()
            for other in list(others):
                other.abort()

        connection.on_close = end
        return _Connected(
            connection, authentication, Programs(connection), Launcher(connection), mcp_servers, others
        )

    @contextlib.asynccontextmanager
    async def _second_connection(self, first: _Connected) -> AsyncGenerator[Connection]:
        """Open another connection, as the same user, for a request that a server does nothing else beside.

        It ends with the first one.
        """
        second = await self._open()
        first.others.add(second.connection)
        try:
            first.connection.session.check_alive()
            if self._login is not None:
                await self._login(second.authentication, None)
            yield second.connection
        finally:
            first.others.discard(second.connection)
            await second.connection.close()

    async def close(self) -> None:
        """Close the connection, within about a second. Whatever still waits fails with NotConnectedError.

        MCP servers that were registered are stopped meanwhile, all at once; one that does not end by itself takes up to
        half a second more.
        """
        self._closes += 1
        await self._disconnect()

    async def _disconnect(self) -> None:
        connected, self._current = self._current, None
        try:
            async with self._closing:
                if connected is not None:
                    await asyncio.gather(connected.connection.close(), connected.mcp_servers.close())
        finally:
            if connected is not None:
                connected.connection.abort()

    @property
    def server(self) -> ServerInfo | None:
        """What is known of the server; None before the first request."""
        return self._current.authentication.server if self._current else None

    @property
    def rpc(self) -> Calls:
        """The generated layer: every request of the protocol as a typed call. Raises NotConnectedError."""
        return self._connected().connection.calls

    def _connected(self) -> _Connected:
        if self._current is None:
            raise NotConnectedError(
                "the client is not connected; use `async with PieClient(...)`, or call connect() first"
            )
        return self._current

    # ------------------------------------------------------------- authentication

    async def authenticate(
        self, username: str, private_key: Signer | None = None, *, timeout: float | None = None
    ) -> None:
        """Say who you are, and prove it where the server asks for that. Do so before any other request.

        Args:
            username: Name of the user.
            private_key: Signs the server's challenge: a ParsedPrivateKey, or one of :func:`agent_keys`. None suffices where
                authentication is switched off. 0.5 servers ask for no key; there it is not used.
            timeout: Seconds until all is done, an agent's question to its user included; the client's default.

        Raises:
            AuthenticationError: The server does not know the user or the key, or asks for a key and none was given.
            AgentError: An ssh-agent does not sign.
            DeadlineError: It was not done in time.
        """
        check_key(private_key)

        async def login(authentication: Authentication, timeout: float | None) -> None:
            await authentication.authenticate(username, private_key, timeout)

        await login(self._connected().authentication, timeout)
        self._login = login

    async def auth_by_token(self, token: str, *, timeout: float | None = None) -> None:
        """Authenticate with the server's internal token, as back ends do. Known to 0.3 and 0.4 servers.

        Args:
            token: The token that the server printed when it started.
            timeout: Seconds until the server answers; the client's default. A wrong token takes it up to three.

        Raises:
            AuthenticationError: The token is wrong, or the connection is identified already.
            UnsupportedError: The server knows no token (0.5).
        """

        async def login(authentication: Authentication, timeout: float | None) -> None:
            await authentication.by_token(token, timeout)

        await login(self._connected().authentication, timeout)
        self._login = login

    # ------------------------------------------------------------- programs

    async def resolve_version(self, name: str, registry_url: str, *, timeout: float | None = None) -> str:
        """Ask a program registry for the highest version of a program. Needs no connection to the server.

        Versions that servers do not launch are passed over: pre-releases, and those that were withdrawn.

        Args:
            name: The program's name. With an ``@`` in it it is given back as it is, and nobody is asked.
            registry_url: Where the registry is, http or https, e.g. ``"https://registry.example.org"``. The system's
                proxies are used, never for loopback.
            timeout: Seconds until all is done; the client's default.

        Returns:
            The program as ``name@version``.

        Raises:
            ProgramNotFoundError: The registry does not know it, or lists no version that servers launch.
            RegistryError: The registry can't be reached, or did not answer as it should; with the HTTP status if it gave
                one. It is no ``ConnectionError``: that is about the server.
            DeadlineError: It was not done in time.
            InvalidArgumentError: The name or the URL can't be used; nobody was asked.
        """
        return await resolve_version(name, registry_url, self._timeout if timeout is None else timeout)

    async def check_program(
        self,
        inferlet: str,
        wasm_path: str | os.PathLike[str] | None = None,
        manifest_path: str | os.PathLike[str] | None = None,
        *,
        timeout: float | None = None,
    ) -> bool:
        """Ask whether the server has a program. One that failed to compile counts as present.

        With files, their BLAKE3 hashes are sent to servers that take them (0.3 and 0.4), but no known server compares
        them: a True then comes with HashesNotComparedWarning. What can be checked here is: the manifest must be valid
        and that of this program.

        Args:
            inferlet: The program as ``name@version``.
            wasm_path: The build that should be there.
            manifest_path: The Pie.toml that should be there.
            timeout: Seconds until the reply; the client's default.

        Raises:
            InvalidArgumentError: There is no ``@`` in it, or the manifest is that of another program.
            ManifestError: The manifest can't be used.
            InvalidProgramNameError: The server does not take it as a name and version.
            OSError: A file can't be read.
        """
        programs = self._connected().programs
        if wasm_path is None and manifest_path is None:
            return await programs.has(inferlet, timeout=timeout)
        return await programs.has_as(inferlet, wasm_path, manifest_path, timeout=timeout)

    async def install_program(
        self,
        wasm_path: str | os.PathLike[str],
        manifest_path: str | os.PathLike[str],
        force_overwrite: bool = False,
        *,
        progress: Progress | None = None,
        timeout: float | None = None,
    ) -> str:
        """Upload a local build, and have it installed.

        The build is hashed and read in a thread, sent in chunks of 256 KiB, and never in memory as a whole. Installs of
        the same program wait for each other; the first error that the server reports ends the upload.

        Args:
            wasm_path: The build: a WebAssembly component or, on 0.5 servers, a script.
            manifest_path: Its Pie.toml, in UTF-8.
            force_overwrite: Replace what the server has under this name and version. Servers keep that without a
                word otherwise, so that the upload is not even begun. What another client installs under them after
                that was asked is replaced all the same: the last one wins, and nobody is told something untrue.
            progress: Called with the bytes sent and the bytes in all, after every chunk.
            timeout: Seconds without progress, counted anew after every chunk; the client's default. After the last one
                the server may compile. An install of the same program or bytes that is under way is waited for first, while it
                makes progress.

        Returns:
            The program as ``name@version``.

        Raises:
            ManifestError: The manifest can't be used; nothing was sent.
            ProgramExistsError: The server has this name and version; nothing was sent.
            UploadError, InvalidManifestError, InstallError: The server rejected it.
            InvalidArgumentError: The build changed while it was sent; nothing was completed.
            OSError: A file can't be read.
        """
        programs = self._connected().programs
        build = as_path(wasm_path)
        text, manifest = await read_manifest(manifest_path)
        return await programs.install(
            build, text, manifest, force=force_overwrite, progress=progress, timeout=timeout
        )

    async def install_program_bytes(
        self,
        program_bytes: Source,
        manifest: str | bytes | Manifest,
        force_overwrite: bool = False,
        *,
        progress: Progress | None = None,
        timeout: float | None = None,
    ) -> str:
        """Upload a program that is no file here, and have it installed. See :meth:`install_program`.

        Args:
            program_bytes: The program: bytes, or an async iterable of pieces, which are gathered first (beyond 8 MiB in a
                temporary file).
            manifest: Text of its Pie.toml, or the same as a Manifest.
            force_overwrite: Replace what the server has under this name and version.
            progress: Called with the bytes sent and the bytes in all, after every chunk.
            timeout: Seconds without progress, counted anew after every chunk; the client's default.

        Returns:
            The program as ``name@version``.

        Raises:
            ManifestError, ProgramExistsError, UploadError, InvalidManifestError, InstallError: As install_program does.
        """
        programs = self._connected().programs
        text, described = checked_manifest(manifest)
        return await programs.install(
            program_bytes, text, described, force=force_overwrite, progress=progress, timeout=timeout
        )

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
            capture_outputs: Receive the process's events. Without it the process outlives the connection, and the handle
                serves to terminate it, or to attach to it later by its id; what it prints is never to be had. Servers do
                not tell the id of such a process: 0.3 and 0.5 servers are asked for their list, in which it is found by
                white space that its input ends with.
            token_budget: Most tokens that the process may use. Known to 0.3 and 0.4 servers only.
            timeout: Seconds until the server accepts; the client's default. A first launch may download and compile.

        Raises:
            ProgramNotFoundError, InvalidProgramNameError, InstallError, InvalidManifestError: The server can't launch it.
            InvalidArgumentError: The input can't be written as JSON.
            UnsupportedError: The server's family knows no token budget; nothing was sent.
        """
        launcher = self._connected().launcher
        if not isinstance(capture_outputs, bool):  # pyright: ignore[reportUnnecessaryIsInstance] - callers without types exist
            raise InvalidArgumentError(f"capture_outputs={capture_outputs!r} is no bool; pass True or False")
        launch = launcher.launch if capture_outputs else launcher.launch_uncaptured
        return await launch(inferlet, as_json(input), budget=token_budget, timeout=timeout)

    async def launch_processes(
        self,
        inferlet: str,
        inputs: Sequence[object],
        capture_outputs: bool = True,
        token_budgets: Sequence[int | None] | None = None,
        *,
        timeout: float | None = None,
    ) -> list[Process]:
        """Start a program as many new processes with one request. Known to 0.4 servers.

        Args:
            inferlet: The program as ``name@version``.
            inputs: What each process receives, as in :meth:`launch_process`.
            capture_outputs: Receive the events of the processes, as in :meth:`launch_process`.
            token_budgets: Most tokens that each process may use; as many as inputs.
            timeout: Seconds until the server accepts; the client's default.

        Returns:
            A handle for each input, in their order.

        Raises:
            ProgramNotFoundError, InvalidProgramNameError, InstallError, InvalidManifestError: The server can't launch it.
            InvalidArgumentError: An input can't be written as JSON.
            InvalidRequestError: There are not as many budgets as inputs.
            UnsupportedError: The server knows no such request (0.3, 0.5); nothing was launched.
        """
        return await self._connected().launcher.launch_many(
            inferlet,
            as_inputs(inputs),
            capture=capture_outputs,
            budgets=as_budgets(token_budgets),
            timeout=timeout,
        )

    async def run_processes(
        self,
        inferlet: str,
        inputs: Sequence[object],
        token_budgets: Sequence[int | None] | None = None,
        *,
        timeout: float = math.inf,
    ) -> list[str]:
        """Run a program once for each input and give what all of them returned. Known to 0.4 servers.

        The server does nothing else on a connection meanwhile, so that another one is opened for it, as the same user.
        The processes send nothing else, and can't be signalled.

        Args:
            inferlet: The program as ``name@version``.
            inputs: What each process receives, as in :meth:`launch_process`.
            token_budgets: Most tokens that each process may use; as many as inputs.
            timeout: Seconds until all have ended; by default for as long as the connection lives.

        Returns:
            What each process returned, in the order of the inputs: usually JSON text.

        Raises:
            RefusedError: A process failed; its text is that of the first in the order of the inputs. The results of the
                others are lost, and they are not stopped.
            ProgramNotFoundError, InvalidProgramNameError, InstallError, InvalidManifestError: The server can't launch it.
            InvalidArgumentError: An input can't be written as JSON.
            InvalidRequestError: There are not as many budgets as inputs.
            UnsupportedError: The server knows no such request (0.3, 0.5); nothing was launched.
            ConnectError: The other connection can't be opened.
        """
        texts, budgets = as_inputs(inputs), as_budgets(token_budgets)
        connected = self._connected()
        async with time_limit(RUN_PROCESSES.tag, timeout):
            await connected.launcher.check_batches(RUN_PROCESSES, inferlet, None)
            async with self._second_connection(connected) as connection:
                return await connection.calls.run_processes(
                    inferlet=inferlet, inputs=texts, token_budgets=budgets, timeout=timeout
                )

    async def launch_daemon(
        self, inferlet: str, port: int, input: object = None, *, timeout: float | None = None
    ) -> None:
        """Start a program that serves HTTP on a port of the server's machine. Known to 0.3 and 0.4 servers.

        The server says yes before it listens, only on its loopback address, and never tells whether it could. It has no
        request to list or stop daemons; they end with the server.

        Args:
            inferlet: The program as ``name@version``.
            port: TCP port, 1 to 65535.
            input: Sent as JSON; today's servers do not pass it on.
            timeout: Seconds until the server accepts; the client's default. A first launch may download and compile.

        Raises:
            ProgramNotFoundError, InvalidProgramNameError, InstallError, InvalidManifestError: The server can't launch it.
            InvalidArgumentError: The port is none, or the input can't be written as JSON.
            UnsupportedError: The server knows no daemons (0.5); nothing was sent.
        """
        calls, given = self.rpc, as_json(input)
        if port not in range(1, HIGHEST_PORT + 1):
            raise InvalidArgumentError(
                f"launch_daemon not sent: port={port!r} is none; pass one from 1 to {HIGHEST_PORT}"
            )
        await calls.launch_daemon(inferlet=inferlet, port=port, input=given, timeout=timeout)

    @overload
    async def run(self, program: Inferlet[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Process: ...
    @overload
    async def run(self, program: str, /, **kwargs: object) -> Process: ...
    async def run(self, program: object, /, *args: object, **kwargs: object) -> Process:
        """Launch a program with keyword arguments as its input; a Python function is installed first where it is missing.

        Args:
            program: A function made a program by ``@inferlet``, or ``name@version``.
            args: Arguments of the function.
            kwargs: Arguments of the function, or the entries of the input object.

        Raises:
            InvalidArgumentError: The function can't be called like that, uses what can't travel, or an argument can't be
                written as JSON; nothing was sent.
            UnsupportedError: The server runs no Python functions (0.3, 0.4).
            ProgramNotFoundError, UploadError, InstallError: As launch_process and install_program do.
        """
        if isinstance(program, str):
            if args:
                raise InvalidArgumentError(
                    f"{program!r} takes its input as keyword arguments; name the {len(args)} that have no name"
                )
            return await self.launch_process(program, kwargs)
        if not isinstance(program, Inferlet):
            raise InvalidArgumentError(
                f"program is {type(program).__name__}; pass a function that @inferlet made a program, or name@version"
            )
        text = as_json(program.input_of(args, kwargs))
        connected = self._connected()
        name = await connected.programs.ensure(program.source, program.manifest, pinned=program.pinned)
        return await connected.launcher.launch(name, text, budget=None, timeout=None)

    async def attach_process(self, process_id: str, *, timeout: float | None = None) -> Process:
        """Give a handle of a running process, and take over its events.

        A process of this client, whose handle was dropped, closed or detached, needs no word of the server; a second
        handle shares its events with the first, each going to one of them. Otherwise what the server had buffered
        comes first. A 0.3/0.4 server also says "not found" of a process that another connection is attached to, even a
        dead one. A 0.5 server that refuses because another connection is attached still terminates the process when
        this connection ends: don't try with processes of others that should live.

        Args:
            process_id: Id of the process, a UUID in any form.
            timeout: Seconds until the reply; the client's default.

        Raises:
            ProcessNotFoundError: No such process, or (0.3/0.4) it is attached elsewhere.
            AlreadyAttachedError: It is attached elsewhere (0.5).
            AccessDeniedError: It belongs to another user.
            InvalidArgumentError: The id is not a UUID.
        """
        return await self._connected().launcher.attach(process_id, timeout=timeout)

    async def list_processes(self, *, timeout: float | None = None) -> list[ProcessInfo]:
        """List your running processes; a 0.5 server lists everybody's.

        Args:
            timeout: Seconds until the reply; the client's default.
        """
        return await self._connected().launcher.list_processes(timeout=timeout)

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
        await self._connected().mcp_servers.register(server, timeout)

    async def unregister_mcp_server(self, name: str) -> None:
        """Stop an MCP server that was registered, within about a second and a half.

        The protocol has no word for it: inferlets still see the name, and are told that it is not registered when they
        call. The name can be registered again.

        Args:
            name: Name under which it was registered.

        Raises:
            InvalidArgumentError: There is no server of that name.
        """
        await self._connected().mcp_servers.unregister(name)

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
