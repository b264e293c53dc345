"""The embedded engine: a server on a loopback port, its programs and its processes."""

import asyncio
import contextlib
import inspect
import logging
import re
import secrets
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from types import TracebackType
from typing import Self, TypeVar

from pydantic import JsonValue
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.http11 import Request, Response

from pie_client._generated import models
from pie_client._generated.families import NEWEST, PROGRAM_PATTERN, Family
from pie_client.base import WireModel
from pie_client.errors import InvalidArgumentError
from pie_client.testing._generated import texts
from pie_client.testing._generated.servers import SERVERS, TOKEN_BYTES, UPLOAD_BYTES
from pie_client.testing.engine import options
from pie_client.testing.engine.builtins import BUILTINS
from pie_client.testing.engine.connection import Conversation, Refusal
from pie_client.testing.engine.daemons import DaemonFunction, RunningDaemon, check_h11
from pie_client.testing.engine.frames import FrameReader
from pie_client.testing.engine.identifiers import canonical_uuid, version_key
from pie_client.testing.engine.processes import RunningProcess
from pie_client.testing.engine.programs import Catalogue, RejectedProgram
from pie_client.testing.engine.reasons import line_of
from pie_client.testing.engine.trace import Observer, TracedFrame
from pie_client.testing.engine.workflows import Workflow
from pie_client.testing.faults.fault import FaultList
from pie_client.testing.faults.faults import Faults
from pie_client.testing.faults.serial_accept import AcceptQueue
from pie_client.testing.faults.sockets import CloseReply, Direction, Socket
from pie_client.testing.http import handshake
from pie_client.testing.inferlet.session import InferletFunction, InferletSession, ProcessFailure
from pie_client.testing.scripts.scripts import ScriptLimits

__all__ = ["LocalEngine", "Refusal"]

logger = logging.getLogger(__name__)

GRACE = 1.0
"""Seconds that inferlets have to end when the engine stops."""
BACKLOG = 1024
"""Connections that wait to be accepted; with fewer places, clients that come at once are held up for seconds."""
HELD_PROCESSES = 1024
"""Ended processes whose end nobody has fetched; the oldest go first."""

M = TypeVar("M", bound=WireModel)
F = TypeVar("F", bound=InferletFunction)
D = TypeVar("D", bound=DaemonFunction)


class LocalEngine:
    """A server that speaks the Pie protocol on a loopback port and runs Python functions as inferlets.

    No model runs in it. Use it as an async context manager, in the event loop of the program that uses it.

    Programs are functions, registered with :meth:`inferlet` and :meth:`daemon`.

    It differs from real servers on purpose in this: of a WASM upload only the layout is checked, and it does not run;
    programs are never fetched from a registry; all events of a workflow's processes arrive, where real servers lose the
    last ones more often than not (``faults.lose_workflow_end``); an event never comes before the reply that it follows
    from; and the words of the libraries that read TOML and JSON for real servers are others.

    Args:
        family: Server family to imitate: ``"0.4"`` (0.3 and 0.4) or ``"0.5"``.
        auth: Public keys of each user, as OpenSSH lines or PEM, for the 0.4 family; None switches authentication off.
        port: TCP port; 0 takes a free one.
        keep_detached: What becomes of the processes of a connection that ends. By default what real servers do:
            those of the 0.4 family stay attached to the connection that is gone and their output is lost; those of
            the 0.5 family are terminated. With True what Pie's documentation promises, in either family: they go on,
            and their events are buffered, the newest 4096 of each process, until a client of the same user attaches.
            One that has ended can be attached to until its terminal event was sent to a client; it is not listed.
        allow_scripts: Whether an upload whose manifest says ``[runtime] language = "python"`` runs, in the 0.5
            family, as on a real engine: its source in a process of its own, by this Python, with the standard library
            and the part of the ``inferlet`` package that needs no model. Only for sources that you trust. By default
            the process of a script fails, as it does for WASM, which can't run here; the 0.4 family has no scripts.
            Needs POSIX.
        script_limits: What each process of a script may use.
        max_upload_bytes: Largest program or file that a client may upload; by default 256 MiB, as on real servers.
        imitate_delays: Whether clients of the 0.4 family wait where real servers let them wait for nothing: a wrong token
            is refused after 1 to 3 seconds, in which nothing else happens on the connection, and a WebSocket close is
            answered only together with the next event. By default neither takes time.
        serial_accept: Whether connections of the 0.4 family are accepted one after the other, as by real servers: one
            that sends nothing keeps all later ones from their opening handshake, until it leaves. By default none waits
            for another.
        builtins: Whether it has the programs of :mod:`pie_client.testing.engine.builtins`: echo, count, wait, fail and files.

    Raises:
        InvalidArgumentError: An option has a value that it can't have, a key is one that no server takes, or an option
            has no effect: in this family, or without ``allow_scripts``.
    """

    model_name = "none"
    """Name under which the status of the model that does not exist is listed."""
    folder = "(no folder: programs of LocalEngine are in memory)"
    _reader_class = FrameReader
    _catalogue_class = Catalogue
    """What reads frames and uploads; the tests replace both by exact imitations of a real server."""

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
        imitate_delays: bool = False,
        serial_accept: bool = False,
        builtins: bool = False,
    ) -> None:
        options.check(
            family=family,
            auth=auth,
            port=port,
            max_upload_bytes=max_upload_bytes,
            script_limits=script_limits,
            flags={
                "keep_detached": keep_detached,
                "allow_scripts": allow_scripts,
                "imitate_delays": imitate_delays,
                "serial_accept": serial_accept,
                "builtins": builtins,
            },
        )
        self.traits = SERVERS[family]
        self.reader = self._reader_class(family)
        self.keep_detached = keep_detached
        self.imitate_delays = imitate_delays
        self.serial_accept = serial_accept
        self.max_upload_bytes = max_upload_bytes
        self.auth = auth
        self.token = secrets.token_urlsafe(TOKEN_BYTES)
        """The internal token that ``auth_by_token`` takes."""
        self.processes: dict[str, RunningProcess] = {}
        """Running processes by id."""
        self.held: dict[str, RunningProcess] = {}
        """Ended processes by id whose terminal event waits for a client, with ``keep_detached``."""
        self.workflows: dict[str, Workflow] = {}
        """Workflows that have not ended, by id."""
        self._functions: dict[str, InferletFunction] = dict(BUILTINS) if builtins else {}
        self._daemon_functions: dict[str, DaemonFunction] = {}
        self._daemons: list[RunningDaemon] = []
        self._catalogue = self._catalogue_class(
            self.traits,
            stands_in=lambda program: program in self._functions or program in self._daemon_functions,
            folder=self.folder,
            limits=(script_limits or ScriptLimits()) if allow_scripts else None,
        )
        self._answers: dict[type[WireModel], Callable[[WireModel], str | Awaitable[str]]] = {}
        self._port = port
        self._server: Server | None = None
        self._stopping = asyncio.Lock()
        self._inferlets: set[asyncio.Task[models.ReturnFrame]] = set()
        self._conversations: set[asyncio.Task[object]] = set()
        self._connections = 0
        self._observers: list[Observer] = []
        self.fault_list = FaultList(self.traits, self._running_id)
        self.faults = Faults(self.fault_list)
        """Makes the engine fail on request: each of its methods requests one fault."""

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen. Raises OSError when the port is taken, RuntimeError when it listens already."""
        if self._server is not None:
            raise RuntimeError("LocalEngine is running already; stop it first")
        largest = self.traits.refused_frame_bytes
        members = {
            "faults": self.fault_list,
            "accept_queue": AcceptQueue() if self.serial_accept else None,
            "close_reply": self._close_reply(),
            "max_frame_bytes": self.traits.frame_bytes if largest is None else None,
        }
        self._server = await serve(
            self._serve,
            "127.0.0.1",
            self._port,
            process_request=self._process_request,
            server_header=None,
            create_connection=type("EngineSocket", (Socket,), members),
            open_timeout=None,  # faults.hang_upgrade has no limit
            compression=None,
            ping_interval=None,
            max_size=largest or self.traits.message_bytes,
            close_timeout=1,
            logger=handshake.logger,
            backlog=BACKLOG,
        )

    async def stop(self) -> None:
        """Stop listening, break off every connection and terminate every process; waits a second for those to end.

        A warning is logged for each inferlet that goes on although it was cancelled, and names it and its process; such
        a one goes on until its event loop ends. ``asyncio.run`` cancels it once more, and waits for it without limit.
        """
        for task in await self.end():
            logger.warning("%s does not end although it was cancelled", task.get_name())

    async def end(self) -> set[asyncio.Task[object]]:
        """Stop, and give what does not end rather than log it."""
        async with self._stopping:
            server, self._server = self._server, None
            if server is not None:
                server.close()
            self.fault_list.discard()
            for task in self._conversations:
                task.cancel()
            for socket in list(self.fault_list.sockets):
                socket.kill()
            workflows = [w.task for w in self.workflows.values() if w.task is not None]
            for task in workflows:
                task.cancel()
            for process in list(self.processes.values()):
                process.terminate()
            daemons, self._daemons = self._daemons, []
            calls = await asyncio.gather(*(daemon.stop() for daemon in daemons))
            unending: set[asyncio.Task[object]] = {task for tasks in calls for task in tasks}
            ending: set[asyncio.Task[object]] = {*self._conversations, *self._inferlets, *workflows}
            if ending:
                unending |= (await asyncio.wait(ending, timeout=GRACE))[1]
            if server is not None:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(GRACE):
                        await server.wait_closed()
            self.held.clear()
        return unending

    @property
    def uri(self) -> str:
        """Where it listens, for :class:`PieClient`. Raises RuntimeError before it was started."""
        if self._server is None:
            raise RuntimeError("LocalEngine is not running; use `async with LocalEngine() as engine`")
        port: int = next(iter(self._server.sockets)).getsockname()[1]
        return f"ws://127.0.0.1:{port}"

    def inferlet(self, program: str) -> Callable[[F], F]:
        """Make an async function a program: ``@engine.inferlet("name@1.0.0")``.

        The function gets its :class:`InferletSession` and the launch input as JSON. What it returns becomes the
        return event, written as JSON; an exception becomes the error event.
        """
        _check_program(program)

        def register(function: F) -> F:
            _check_async(program, function)
            self._functions[program] = function
            return function

        return register

    def daemon(self, program: str) -> Callable[[D], D]:
        """Make an async function a program that serves HTTP: ``@engine.daemon("name@1.0.0")``.

        A client of the 0.4 family starts it with ``launch_daemon``; the 0.5 family has no daemons. It listens on the
        loopback interface until the engine stops. The function gets a :class:`DaemonRequest` and returns a
        :class:`DaemonResponse`, once per request; an exception becomes status 500 and is logged. It is cancelled when
        the HTTP client leaves, or ends its side of the connection, before the response is there.

        Raises:
            InvalidArgumentError: The name is not one that servers take, or the function is not async.
            UnsupportedError: h11 is not installed; ``pip install 'pie-client[testing]'`` installs it.
        """
        check_h11()
        _check_program(program)

        def register(function: D) -> D:
            _check_async(program, function)
            self._daemon_functions[program] = function
            return function

        return register

    @property
    def programs(self) -> Mapping[str, str]:
        """The functions that are programs, by ``name@version``, with the first line of what they say about themselves."""
        functions = {**self._functions, **self._daemon_functions}
        return {
            name: (inspect.getdoc(function) or "").partition("\n")[0] for name, function in functions.items()
        }

    @property
    def uploads(self) -> Mapping[str, bytes]:
        """Uploaded programs by ``name@version``, without those that were refused."""
        return self._catalogue.contents

    @property
    def daemons(self) -> tuple[RunningDaemon, ...]:
        """The daemons that were launched, in that order; also those that could not get their port."""
        return tuple(self._daemons)

    def answer(self, request: type[M], handler: Callable[[M], str | Awaitable[str]]) -> None:
        """Answer every request of a class by a function instead, which gives the result's text or raises Refusal."""

        def checked(message: WireModel) -> str | Awaitable[str]:
            assert isinstance(message, request)  # noqa: S101 - the table is keyed by class
            return handler(message)

        self._answers[request] = checked

    def observe(self, observer: Observer) -> None:
        """Call a function with every frame that was received or sent, as a :class:`TracedFrame`.

        It must not block, and it sees secrets: :func:`describe` leaves those out.
        """
        self._observers.append(observer)

    # ------------------------------------------------------------- for conversations

    def next_connection(self) -> int:
        """Give the number of a new connection, from 1."""
        self._connections += 1
        return self._connections

    def observed(self, connection: int, direction: Direction, frame: bytes | str) -> None:
        """Tell the observers of a frame."""
        for observer in self._observers:
            try:
                observer(TracedFrame(connection, direction, frame, self.traits.name))
            except Exception:
                logger.exception("an observer of frames failed")

    def scripts(self, message: WireModel) -> bool:
        """Tell whether a handler answers a request."""
        return type(message) in self._answers

    async def scripted_answer(self, message: WireModel) -> str | None:
        """Give the answer of a handler; None where there is none for this request. Raises Refusal."""
        handler = self._answers.get(type(message))
        if handler is None:
            return None
        try:
            given = handler(message)
            text = await given if inspect.isawaitable(given) else given
        except Refusal:
            raise
        except (Exception, SystemExit, KeyboardInterrupt) as error:
            logger.exception("the handler that answers %s failed", type(message).__name__)
            raise Refusal(f"engine.answer for {type(message).__name__} failed: {line_of(error)}") from error
        if type(text) is not str:  # what handlers without types may give
            raise Refusal(
                f"engine.answer for {type(message).__name__} gave {type(text).__name__}; give the result's text"
            )
        return text

    def has_program(self, program: str) -> bool:
        """Tell whether a name and version is there, as function or upload."""
        return any(program in table for table in self._programs())

    def find_program(self, name: str) -> str | None:
        """Give the name and version for a name with or without version: then of its highest one."""
        if self.has_program(name):
            return name
        found = [p for table in self._programs() for p in table if p.rpartition("@")[0] == name]
        return max(found, key=version_key, default=None)

    def check_runnable(self, program: str) -> None:
        """Raises Refusal for an upload that is kept although it can't be installed, as real servers do."""
        if program in self._catalogue:
            try:
                self._catalogue.install(program)
            except RejectedProgram as error:
                raise Refusal(str(error)) from error

    def _programs(self) -> tuple[Collection[str], ...]:
        return self._functions, self._daemon_functions, self._catalogue

    def store_program(self, manifest: models.Manifest, data: bytes, *, force: bool) -> None:
        """Keep an upload; without ``force`` what is there stays, and nobody is told, as in the real engine.

        Raises:
            Refusal: It can't be installed.
        """
        if self.fault_list.skips("upload"):
            return
        try:
            self._catalogue.keep(manifest, data, replaces=force)
        except RejectedProgram as error:
            raise Refusal(str(error)) from error

    def run(self, process: RunningProcess) -> None:
        """Run the function or script of a process; any other upload fails, for it can't run here."""
        if self.fault_list.skips("start", process.program):
            return
        function = self._functions.get(process.program)
        if function is None and process.program in self._daemon_functions:
            function = _without_run
        function = function or self._catalogue.function(process.program)
        process.start(function, stays=lambda: self.fault_list.skips("end", process.program))
        if process.task is not None:
            self._inferlets.add(process.task)
            process.task.add_done_callback(self._inferlets.discard)

    def run_daemon(self, program: str, port: int) -> None:
        """Start a daemon; whether it gets its port shows only in the log, as in the real engine."""
        function = self._daemon_functions.get(program)
        self._daemons.append(RunningDaemon(program, port, function, max_body_bytes=self.max_upload_bytes))

    def add_process(self, process: RunningProcess) -> None:
        """List a process until its end."""
        self.processes[process.id] = process
        process.outcome.add_done_callback(lambda _: self._ended(process))

    def hold(self, process: RunningProcess) -> None:
        """Keep a process that has ended for the client that will fetch its end; any other process is left alone."""
        if process.unfetched:
            self.held[process.id] = process
            if len(self.held) > HELD_PROCESSES:
                del self.held[next(iter(self.held))]

    def _running_id(self, process_id: str) -> str | None:
        """Return a process id in its canonical form, or None if the process can't send events any more."""
        found = canonical_uuid(process_id)
        return found if found in self.processes or found in self.held else None

    def _ended(self, process: RunningProcess) -> None:
        del self.processes[process.id]
        self.hold(process)

    async def _serve(self, socket: ServerConnection) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - the library runs each handler in a task
        self._conversations.add(task)
        assert isinstance(socket, Socket)  # noqa: S101 - create_connection makes them
        socket.handshake_done()
        try:
            await Conversation(self, socket).serve()
        finally:
            self._conversations.discard(task)

    def _close_reply(self) -> CloseReply:
        if self.traits.drops_closed:
            return "drop"
        return "defer" if self.imitate_delays else "answer"

    async def _process_request(self, connection: ServerConnection, request: Request) -> Response | None:
        refusal = handshake.refusal(self.traits, connection, request)
        return refusal or await self.fault_list.respond_to_upgrade(connection)


def _check_program(program: str) -> None:
    if not re.fullmatch(PROGRAM_PATTERN, program):
        raise InvalidArgumentError(f"{program!r} is no program; write it as name@major.minor.patch")


def _check_async(program: str, function: Callable[..., object]) -> None:
    if not inspect.iscoroutinefunction(function):
        raise InvalidArgumentError(f"{program!r} is not an async function; write `async def`")


async def _without_run(_session: InferletSession, _input: JsonValue) -> object:
    raise ProcessFailure(texts.NO_RUN_INTERFACE)
