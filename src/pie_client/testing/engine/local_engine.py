"""The embedded engine: a server on a loopback port that runs Python functions as inferlets."""

import asyncio
import contextlib
import inspect
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Self, TypeVar

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.http11 import Request, Response

from pie_client._generated.families import NEWEST, UPLOAD_BYTES, Family
from pie_client.base import WireModel
from pie_client.connection.observing import Observer
from pie_client.connection.threads import check_asyncio
from pie_client.errors import InvalidArgumentError
from pie_client.testing._generated.servers import ServerTraits
from pie_client.testing.engine.connection import Connection
from pie_client.testing.engine.daemons import RunningDaemon, check_h11
from pie_client.testing.engine.options import Options
from pie_client.testing.engine.state import EngineState
from pie_client.testing.engine.workflows import Workflow
from pie_client.testing.faults.arguments import check_program
from pie_client.testing.faults.catalogue import Faults
from pie_client.testing.faults.sockets import FaultySocket
from pie_client.testing.http import handshake
from pie_client.testing.http.messages import DaemonFunction
from pie_client.testing.inferlet.process import RunningProcess
from pie_client.testing.inferlet.session import InferletFunction
from pie_client.testing.scripts.scripts import ScriptLimits

logger = logging.getLogger(__name__)

GRACE = 1.0
"""Seconds that inferlets have to end when the engine stops."""
BACKLOG = 1024
"""Connections that wait to be accepted. With a smaller backlog, clients that connect together are delayed for seconds."""

M = TypeVar("M", bound=WireModel)
F = TypeVar("F", bound=InferletFunction)
D = TypeVar("D", bound=DaemonFunction)
R = TypeVar("R", bound=Callable[..., object])


class LocalEngine:
    """A server that speaks the Pie protocol on a loopback port and runs Python functions as inferlets.

    It runs no model. Use it as an async context manager, in the event loop of the program that uses it. Register
    programs with :meth:`inferlet` and :meth:`daemon`.

    It differs from real servers in this: WebAssembly is accepted and does not run; only the header of the upload is
    checked. Programs are not fetched from a registry: the 0.4 family answers as if one had refused them. All output of a
    workflow's processes arrives, while real servers lose the end of about one in three (``faults.alter`` can drop it). A
    terminated process ends once, while real 0.4 servers sometimes end one twice (``faults.alter`` can add an end). An event
    never arrives before the reply that it follows from. Error texts that real servers take from a TOML, JSON, msgpack or
    WebAssembly library are worded differently. Delays of real 0.4 servers (before they refuse a wrong token, answer a
    close or accept a second client) are not imitated; use faults such as ``delay``, ``never_answer_close`` and
    ``hang_upgrade``.

    Args:
        family: Server family: ``"0.4"`` (Pie 0.3 and 0.4) or ``"0.5"``.
        auth: Public keys by user name, as OpenSSH lines or PEM, in the 0.4 family. Default: authentication is disabled.
        port: TCP port. Default: a free one.
        keep_detached: Whether processes keep running when their client disconnects. Their events, the newest 4096 of
            each, are then buffered until a client of the same user attaches. An ended process can be attached to until
            its terminal event was sent; it is not listed. Default: as on real servers, processes of the 0.5 family are
            terminated, and those of the 0.4 family can't be attached again and lose their output.
        allow_scripts: Whether uploaded Python scripts run, in the 0.5 family. Each runs in a process of its own, with
            this Python, its standard library and the part of the ``inferlet`` package that needs no model. Allow only
            sources that you trust. Needs POSIX. Default: the process of a script fails.
        script_limits: Limits of each script's process.
        max_upload_bytes: Largest program or file that a client may upload. Default: 256 MiB, as on real servers.
        allowed_origins: Origins of web pages that may connect to the engine and its daemons, such as
            ``http://localhost:3000``; ``"*"`` for all. Pages of other origins are refused with HTTP status 403, and so
            are a daemon's requests whose Host is neither this machine nor that of an allowed origin. Clients other
            than browsers send no origin and are not affected. Default: only the engine's own.
        builtins: Whether the programs ``echo@1.0.0``, ``count@1.0.0``, ``wait@1.0.0``, ``fail@1.0.0`` and
            ``files@1.0.0`` are registered.

    Attributes:
        faults: Makes the engine fail on request. Each of its methods requests one fault.

    Raises:
        InvalidArgumentError: An option has an invalid value, or has no effect in the family or without another option.
    """

    # The conformance tests replace these two by classes that imitate a real server byte by byte.
    _state_class = EngineState
    _connection_class = Connection

    def __init__(
        self,
        *,
        family: Family = NEWEST,
        auth: Mapping[str, Sequence[str]] | None = None,
        port: int = 0,
        keep_detached: bool = False,
        allow_scripts: bool = False,
        script_limits: ScriptLimits | None = None,
        max_upload_bytes: int = UPLOAD_BYTES,
        allowed_origins: Sequence[str] = (),
        builtins: bool = False,
    ) -> None:
        # By their names, before there are other local ones: Options has the same, and checks them.
        given = {name: value for name, value in locals().items() if name in Options.model_fields}
        options = Options.of(**given)
        self._state = self._state_class(options)
        self._sockets: dict[FaultySocket, None] = {}
        self.faults = Faults(self._state.faults, self._sockets)
        self._server: Server | None = None
        self._stopping = asyncio.Lock()
        self._connections: set[asyncio.Task[object]] = set()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Start listening.

        Raises:
            OSError: The port is in use.
            RuntimeError: The engine is running already.
            UnsupportedError: No asyncio event loop runs.
        """
        check_asyncio()
        if self._server is not None:
            raise RuntimeError("LocalEngine is running already; stop it first")
        members = {
            "faults": self._state.faults,
            "open": self._sockets,
            "drops_closed": self.traits.drops_closed,
        }
        self._server = await serve(
            self._serve,
            "127.0.0.1",
            self._state.options.port,
            process_request=self._process_request,
            server_header=None,
            create_connection=type("EngineSocket", (FaultySocket,), members),
            open_timeout=None,  # faults.hang_upgrade has no limit
            compression=None,
            ping_interval=None,
            max_size=self.traits.message_bytes,
            close_timeout=1,
            logger=handshake.logger,
            backlog=BACKLOG,
        )

    async def stop(self) -> None:
        """Stop listening, close every connection and terminate every process. Waits up to a second for inferlets.

        A warning with the names of inferlet and process is logged for each inferlet that ignores its cancellation.
        It keeps running until its event loop ends: ``asyncio.run`` cancels it again and waits for it without a limit.
        """
        async with self._stopping:
            server, self._server = self._server, None
            if server is not None:
                server.close()
            self._state.faults.discard()
            for task in self._connections:
                task.cancel()
            for socket in list(self._sockets):
                socket.transport.abort()  # also a silent one
            for task in await self._state.stop(self._connections, GRACE):
                logger.warning("%s does not end although it was cancelled", task.get_name())
            if server is not None:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(GRACE):
                        await server.wait_closed()

    @property
    def uri(self) -> str:
        """The URI for :class:`PieClient`. Raises RuntimeError if the engine is not running."""
        if self._server is None:
            raise RuntimeError("LocalEngine is not running; use `async with LocalEngine() as engine`")
        port: int = next(iter(self._server.sockets)).getsockname()[1]
        return f"ws://127.0.0.1:{port}"

    @property
    def traits(self) -> ServerTraits:
        """Facts of the server family."""
        return self._state.traits

    @property
    def connections(self) -> int:
        """Number of open connections."""
        return len(self._sockets)

    @property
    def token(self) -> str:
        """The internal token that ``auth_by_token`` accepts, in the 0.4 family."""
        return self._state.token

    @property
    def processes(self) -> Mapping[str, RunningProcess]:
        """Running processes by id."""
        return self._state.processes

    @property
    def workflows(self) -> Mapping[str, Workflow]:
        """Running workflows by id."""
        return self._state.workflows

    @property
    def programs(self) -> Mapping[str, str]:
        """First line of the docstring of each registered function, by ``name@version``."""
        programs = self._state.programs
        return {
            name: (inspect.getdoc(function) or "").partition("\n")[0]
            for name, function in {**programs.functions, **programs.daemons}.items()
        }

    @property
    def uploads(self) -> Mapping[str, bytes]:
        """Content of the uploaded programs that were not refused, by ``name@version``."""
        return self._state.programs.contents

    @property
    def daemons(self) -> tuple[RunningDaemon, ...]:
        """The launched daemons in order, including those that can't listen on their port."""
        return tuple(self._state.daemons)

    def inferlet(self, program: str) -> Callable[[F], F]:
        """Register an async function as a program: ``@engine.inferlet("name@1.0.0")``.

        The function is called with its :class:`InferletSession` and the launch input, decoded from JSON. Its result is
        sent as the return event, encoded as JSON. An exception is sent as the error event.

        Raises:
            InvalidArgumentError: The name is invalid, or the function is not async.
        """
        return self._register(program, self._state.programs.functions)

    def daemon(self, program: str) -> Callable[[D], D]:
        """Register an async function as a program that serves HTTP: ``@engine.daemon("name@1.0.0")``.

        A client of the 0.4 family starts it with ``launch_daemon``; the 0.5 family has no daemons. It listens on the
        loopback interface until the engine stops. The function is called with a :class:`DaemonRequest` and returns a
        :class:`DaemonResponse`. An exception is logged and answered with status 500. The call is cancelled if the HTTP
        client disconnects, or shuts down its side of the connection, before the function has returned.

        Raises:
            InvalidArgumentError: The name is invalid, or the function is not async.
            UnsupportedError: h11 is not installed; ``pip install 'pie-client[testing]'`` installs it.
        """
        check_h11()
        return self._register(program, self._state.programs.daemons)

    def _register(self, program: str, programs: dict[str, Any]) -> Callable[[R], R]:
        check_program(program)

        def register(function: R) -> R:
            is_async = inspect.iscoroutinefunction(function)
            if not is_async:
                raise InvalidArgumentError(
                    f"the function for {program!r} is not async; define it with async def"
                )
            programs[program] = function
            return function

        return register

    def answer(self, request: type[M], handler: Callable[[M], str | Awaitable[str]]) -> None:
        """Answer every request of a class with a function instead.

        Args:
            request: Class of the request, for example ``models.PingRequest``.
            handler: Called with the request. Returns the text of the result, or raises :class:`Refusal`.
        """
        self._state.handlers[request] = handler

    def observe(self, observer: Observer) -> None:
        """Call a function with every frame, as :meth:`PieClient.observe` of the client does with ``redact=False``.

        It must not block.
        """
        self._state.observers.append(observer)

    async def _serve(self, socket: ServerConnection) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - the library runs each handler in a task
        self._connections.add(task)
        assert isinstance(socket, FaultySocket)  # noqa: S101 - create_connection makes them
        try:
            await self._connection_class(self._state, socket).serve()
        finally:
            self._connections.discard(task)

    async def _process_request(self, connection: ServerConnection, request: Request) -> Response | None:
        refusal = handshake.refusal(self.traits, self._state.allowed_origins, connection, request)
        return refusal or await self._state.faults.respond_to_upgrade(connection)
