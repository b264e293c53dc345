"""What a client does once it connects: open connections, and keep the objects that work on them.

:class:`~pie_client.PieClient` loads this module on its first ``connect()``.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import math
import os
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pie_client._generated.decoders import McpRequestRecord
from pie_client._generated.families import HIGHEST_PORT
from pie_client._generated.methods import RUN_PROCESSES, SIGNAL_PROCESS
from pie_client.auth.login import Authentication, Login
from pie_client.common.paths import as_path
from pie_client.connection.connection import Connection
from pie_client.connection.deadline import Deadline
from pie_client.connection.options import Settings, check_seconds
from pie_client.connection.transport import CLOSE_TIMEOUT, Transport, open_transport
from pie_client.errors import InvalidArgumentError, NotConnectedError, PieError
from pie_client.launching import Launcher, Options, as_budgets, as_inputs, as_json
from pie_client.lazy import LazyModule
from pie_client.process import Process, set_returns
from pie_client.protocol.routes import canonical_id
from pie_client.protocol.session import Session

if TYPE_CHECKING:
    from pie_client import restoring
    from pie_client._generated.mcp import McpTransport
    from pie_client._generated.models import Manifest
    from pie_client.auth.keys import Signer
    from pie_client.connection import contents
    from pie_client.connection.restorable import RestorableConnection
    from pie_client.mcp import relay, spec
    from pie_client.programs import functions, install
    from pie_client.programs import manifest as manifests
else:
    contents = LazyModule("pie_client.connection.contents")
    functions = LazyModule("pie_client.programs.functions")
    install = LazyModule("pie_client.programs.install")
    manifests = LazyModule("pie_client.programs.manifest")
    relay = LazyModule("pie_client.mcp.relay")
    restoring = LazyModule("pie_client.restoring")
    spec = LazyModule("pie_client.mcp.spec")


class Connected:
    """An open connection and the objects that work on it."""

    def __init__(
        self,
        transport: Transport,
        settings: Settings,
        login: Login,
        kind: type[Connection] = Connection,
        on_end: Callable[[Exception | None], None] | None = None,
        apart: set[asyncio.Timeout] | None = None,
    ) -> None:
        self._settings = settings
        self._on_end = on_end
        self._apart = set[asyncio.Timeout]() if apart is None else apart
        """Scopes of the run_processes() calls of the client, to end them."""
        self.connection = kind(
            transport,
            Session(
                max_buffered=settings.max_buffered,
                max_buffered_total=settings.max_buffered_total,
                when_full=settings.when_full,
                spool_above=settings.spool_above,
                max_spooled=settings.max_spooled,
            ),
            timeout=settings.timeout,
            ping_interval=settings.ping_interval,
            ping_timeout=settings.ping_timeout,
            identify=self._identify,
            on_mcp_request=self._answer_mcp_request,
            on_close=self._handle_end,
            wrap=settings.wrap,
        )
        if settings.on_connection is not None:
            settings.on_connection(self.connection.backlogs)
        self.calls = self.connection.calls
        self.authentication = Authentication(self.connection, login)
        self.launcher = Launcher(self.connection)
        self._mcp_servers: relay.McpServers | None = None
        self.abandoned: set[asyncio.Task[None]] = set()
        """Tasks of maps that nobody holds any more, which terminate what runs. Any thread may add one at any time."""

    @functools.cached_property
    def programs(self) -> install.Programs:
        """The programs of the server."""
        return install.Programs(self.connection)

    @property
    def mcp_servers(self) -> relay.McpServers:
        """The MCP servers that are registered on this connection."""
        if self._mcp_servers is None:
            self._mcp_servers = relay.McpServers(self.connection)
        return self._mcp_servers

    async def authenticate(self, username: str, key: Signer | None, timeout: float | None) -> None:
        """Identify the session as a user."""
        await self.authentication.authenticate(username, key, timeout)

    async def auth_by_token(self, token: str, timeout: float | None) -> None:
        """Authenticate the session with the server's internal token."""
        await self.authentication.by_token(token, timeout)

    async def install_file(
        self,
        build: str | os.PathLike[str],
        manifest: str | os.PathLike[str],
        *,
        force: bool,
        progress: contents.Progress | None,
        timeout: float | None,
    ) -> str:
        """Upload and install a local build."""
        source = as_path(build)
        text, program = await manifests.read_manifest(manifest)
        return await self.programs.install(
            source, text, program, force=force, progress=progress, timeout=timeout
        )

    async def install(
        self,
        source: contents.Source,
        manifest: str | bytes | Manifest,
        *,
        force: bool,
        progress: contents.Progress | None,
        timeout: float | None,
    ) -> str:
        """Upload and install a program."""
        text, program = manifests.checked_manifest(manifest)
        return await self.programs.install(
            source, text, program, force=force, progress=progress, timeout=timeout
        )

    async def launch(self, inferlet: str, input: object, options: Options) -> Process[Any]:
        """Launch a process."""
        return await self.launcher.launch(inferlet, as_json(input), options)

    async def launch_many(
        self,
        inferlet: str,
        inputs: Iterable[object],
        budgets: Iterable[int | None] | None,
        options: Options,
    ) -> list[Process[Any]]:
        """Launch a process for each input, with one request."""
        return await self.launcher.launch_many(inferlet, as_inputs(inputs), as_budgets(budgets), options)

    async def run_many(
        self,
        inferlet: str,
        inputs: Iterable[object],
        *,
        budgets: Iterable[int | None] | None,
        timeout: float | None,
    ) -> list[str]:
        """Run a program once per input, on a connection of its own, and return all results."""
        texts, token_budgets = as_inputs(inputs), as_budgets(budgets)
        limit = math.inf if timeout is None else timeout
        async with Deadline(RUN_PROCESSES.tag, limit, sent=False) as deadline:
            await self.launcher.check_batches(RUN_PROCESSES, inferlet, None)
            async with self._second_connection() as connection:
                deadline.sent = True
                return await connection.calls.run_processes(
                    inferlet=inferlet, inputs=texts, token_budgets=token_budgets, timeout=limit
                )

    async def launch_daemon(self, inferlet: str, port: int, input: object, *, timeout: float | None) -> None:
        """Launch a daemon."""
        text = as_json(input)
        if port not in range(1, HIGHEST_PORT + 1):
            raise InvalidArgumentError(
                f"launch_daemon not sent: port={port!r} is not an integer from 1 to {HIGHEST_PORT}; pass another port"
            )
        await self.calls.launch_daemon(inferlet=inferlet, port=port, input=text, timeout=timeout)

    async def run(
        self, program: object, args: tuple[object, ...], kwargs: dict[str, object], options: Options
    ) -> Process[Any]:
        """Launch a program, or a function, which is installed first if the server lacks it."""
        if isinstance(program, str):
            if args:
                raise InvalidArgumentError(
                    f"run({program!r}) takes no positional arguments; pass its input as keyword arguments"
                )
            return await self.launch(program, kwargs, options)
        function = functions.as_function(program)
        process = await self.launch_text(function, as_json(function.input_of(args, kwargs)), options)
        set_returns(process, function.returns)
        return process

    async def launch_text(
        self, program: str | functions.Inferlet[..., object], text: str, options: Options
    ) -> Process[Any]:
        """Launch a program, or a function, which is installed first if the server lacks it, with an encoded input."""
        if isinstance(program, str):
            return await self.launcher.launch(program, text, options)
        described = program.manifest
        limit: contextlib.AbstractAsyncContextManager[object] = contextlib.nullcontext()
        if options.timeout is not None:
            # One limit for all requests: the client's default must not end one of them earlier.
            limit = Deadline(
                f"run of {described.package.name!r}",
                options.timeout,
                was_suspended=self.connection.was_suspended,
            )
            options = options._replace(timeout=math.inf)
        async with limit:
            name = await self.programs.ensure(
                program.source, described, pinned=program.pinned, timeout=options.timeout
            )
            return await self.launcher.launch(name, text, options)

    async def signal(self, process_id: str, message: str, *, timeout: float | None) -> None:
        """Send a text message to a process."""
        process_id = canonical_id(process_id)
        self.connection.check_running(process_id, SIGNAL_PROCESS.tag)
        await self.calls.signal_process(process_id=process_id, message=message, timeout=timeout)

    async def terminate(self, process_id: str, *, timeout: float | None) -> None:
        """Terminate a process."""
        await self.calls.terminate_process(process_id=canonical_id(process_id), timeout=timeout)

    async def register_mcp_server(
        self,
        name: str,
        transport: McpTransport,
        *,
        command: str | None,
        args: Sequence[str] | None,
        url: str | None,
        env: Mapping[str, str] | None,
        inherit_env: bool,
        cwd: str | os.PathLike[str] | None,
        headers: Mapping[str, str] | None,
        call_timeout: float,
        timeout: float | None,
    ) -> None:
        """Run or connect to an MCP server, and announce it."""
        checked = spec.check_spec(
            name,
            transport,
            command=command,
            args=args,
            url=url,
            env=env,
            inherit_env=inherit_env,
            cwd=cwd,
            headers=headers,
            call_timeout=check_seconds("call_timeout", call_timeout),
        )
        await self.mcp_servers.register(relay.McpServer(name, checked, call_timeout), timeout)

    @contextlib.asynccontextmanager
    async def _second_connection(self) -> AsyncGenerator[Connection]:
        """Open another connection as the same user, which ends with the client.

        Some requests block all others on their connection until the server replies. One attempt is made, and nothing
        restores the connection: what runs on it may not be run twice. A loss of the first connection does not concern it.
        """
        scope = asyncio.timeout(None)
        try:
            async with scope:
                self._apart.add(scope)
                second = (await connect(self._settings, self.authentication.login)).connection
                try:
                    yield second
                finally:
                    self._apart.discard(scope)  # a result that has arrived is returned
                    if scope.expired():
                        second.abort()
                    await second.close()
        except TimeoutError as error:
            if isinstance(error, PieError) or not scope.expired():
                raise
            raise NotConnectedError("the client was closed; connect again") from None
        finally:
            self._apart.discard(scope)

    async def close(self) -> None:
        """Close the connection and stop the MCP servers."""
        if abandoned := list(self.abandoned):
            # 0.3 and 0.4 servers keep the processes of a closed connection.
            await asyncio.wait(abandoned, timeout=CLOSE_TIMEOUT)
        servers = self._mcp_servers
        await asyncio.gather(self.connection.close(), *([] if servers is None else [servers.close()]))

    async def _identify(self) -> None:
        await self.authentication.identify()

    async def _answer_mcp_request(self, request: McpRequestRecord) -> None:
        await self.mcp_servers.answer(request)

    def _handle_end(self, cause: Exception | None) -> None:
        if self._mcp_servers is not None:
            self._mcp_servers.stop_all()
        if self._on_end is not None:
            self._on_end(cause)

    async def restore(self, connection: RestorableConnection, *, identify: bool) -> restoring.Restored:
        """Set up a new session of the server with what the lost one had: its user, its MCP servers and its processes."""
        if identify:
            async with Deadline("identification", self._settings.timeout):
                await self.authentication.identify()
        self.launcher.forget()  # another release may run now
        if "programs" in vars(self):
            self.programs.forget()
        if self._mcp_servers is not None:
            await self._mcp_servers.announce_again(restoring.HELD_DELAYS)
        return await restoring.restore_processes(connection)


async def connect(settings: Settings, login: Login) -> Connected:
    """Open a connection that is not restored when it is lost."""
    return Connected(await open_transport(settings), settings, login)
