"""The embedded engine: a server on a loopback port, its programs and its processes."""

import asyncio
import contextlib
import http
import inspect
import logging
import re
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import TracebackType
from typing import Self, TypeVar

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.http11 import Request, Response

from pie_client._generated import models, texts
from pie_client._generated.families import FAMILIES, NEWEST, PROGRAM_PATTERN, TOKEN_BYTES, Family
from pie_client.base import WireModel
from pie_client.errors import InvalidArgumentError
from pie_client.testing.conversation import Conversation, Refusal
from pie_client.testing.inferlet import InferletFunction
from pie_client.testing.processes import RunningProcess

__all__ = ["LocalEngine", "Refusal"]

logger = logging.getLogger(__name__)

GRACE = 1.0
"""Seconds that inferlets have to end when the engine stops."""

M = TypeVar("M", bound=WireModel)
F = TypeVar("F", bound=InferletFunction)


class LocalEngine:
    """A server that speaks the Pie protocol on a loopback port and runs Python functions as inferlets.

    No model runs in it. Use it as an async context manager, in the event loop of the program that uses it.

    Args:
        family: Server family to imitate: ``"0.4"`` (0.3 and 0.4) or ``"0.5"``.
        users: Public keys of each user, as OpenSSH lines or PEM, for the 0.4 family; None switches authentication off.
        port: TCP port; 0 takes a free one.
    """

    model_name = "none"
    """Name under which the status of the model that does not exist is listed."""
    folder = "(no folder: programs of LocalEngine are in memory)"

    def __init__(
        self, *, family: Family = NEWEST, users: Mapping[str, Sequence[str]] | None = None, port: int = 0
    ) -> None:
        if family not in FAMILIES:
            raise InvalidArgumentError(
                f"family={family!r} is no server family; pass one of {', '.join(FAMILIES)}"
            )
        self.traits = FAMILIES[family]
        self.users = users
        self.token = secrets.token_urlsafe(TOKEN_BYTES)
        """The internal token that ``auth_by_token`` takes."""
        self.processes: dict[str, RunningProcess] = {}
        """Running processes by id."""
        self.uploads: dict[str, bytes] = {}
        """Uploaded programs by ``name@version``."""
        self._functions: dict[str, InferletFunction] = {}
        self._answers: dict[type[WireModel], Callable[[WireModel], str | Awaitable[str]]] = {}
        self._port = port
        self._server: Server | None = None
        self._stopping = asyncio.Lock()
        self._inferlets: set[asyncio.Task[models.ReturnEvent]] = set()
        self._conversations: dict[asyncio.Task[object], ServerConnection] = {}

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
        self._server = await serve(
            self._serve,
            "127.0.0.1",
            self._port,
            process_request=self._gate,
            compression=None,
            ping_interval=None,
            max_size=None,
            close_timeout=1,
        )

    async def stop(self) -> None:
        """Stop listening, break off every connection and terminate every process; waits a second for those to end."""
        async with self._stopping:
            server, self._server = self._server, None
            if server is not None:
                server.close()
            for task, socket in self._conversations.items():
                task.cancel()
                socket.transport.abort()
            for process in list(self.processes.values()):
                process.terminate()
            ending: set[asyncio.Task[object]] = {*self._conversations, *self._inferlets}
            if ending:
                _, unending = await asyncio.wait(ending, timeout=GRACE)
                for task in unending:
                    logger.warning("%s does not end although it was cancelled", task.get_name())
            if server is not None:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(GRACE):
                        await server.wait_closed()

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
        if not re.fullmatch(PROGRAM_PATTERN, program):
            raise InvalidArgumentError(f"{program!r} is no program; write it as name@major.minor.patch")

        def register(function: F) -> F:
            is_async: bool = inspect.iscoroutinefunction(function)
            if not is_async:
                raise InvalidArgumentError(f"{program!r} is not an async function; write `async def`")
            self._functions[program] = function
            return function

        return register

    def answer(self, request: type[M], handler: Callable[[M], str | Awaitable[str]]) -> None:
        """Answer every request of a class by a function instead, which gives the result's text or raises Refusal."""

        def checked(message: WireModel) -> str | Awaitable[str]:
            assert isinstance(message, request)  # noqa: S101 - the table is keyed by class
            return handler(message)

        self._answers[request] = checked

    # ------------------------------------------------------------- for conversations

    async def scripted_answer(self, message: WireModel) -> str | None:
        """Give the answer of a handler; None where there is none for this request."""
        handler = self._answers.get(type(message))
        if handler is None:
            return None
        text = handler(message)
        return await text if inspect.isawaitable(text) else text

    def has_program(self, program: str) -> bool:
        """Tell whether a name and version is there, as function or upload."""
        return program in self._functions or program in self.uploads

    def find_program(self, name: str) -> str | None:
        """Give the name and version for a name with or without version, the last one that was added."""
        if self.has_program(name):
            return name
        found = [p for p in (*self._functions, *self.uploads) if p.rpartition("@")[0] == name]
        return found[-1] if found else None

    def store_program(self, manifest: models.Manifest, data: bytes, *, force: bool) -> None:
        """Keep an upload; without ``force`` what is there stays, and nobody is told, as in the real engine."""
        program = f"{manifest.package.name}@{manifest.package.version}"
        if force or not self.has_program(program):
            self.uploads[program] = data

    def run(self, process: RunningProcess) -> None:
        """Run the function of a process; an upload has none and fails, for it can't run here."""
        process.start(self._functions.get(process.program))
        if process.task is not None:
            self._inferlets.add(process.task)
            process.task.add_done_callback(self._inferlets.discard)

    def add_process(self, process: RunningProcess) -> None:
        """List a process until its end."""
        self.processes[process.id] = process
        process.outcome.add_done_callback(lambda _: self.processes.pop(process.id, None))

    async def _serve(self, socket: ServerConnection) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - the library runs each handler in a task
        self._conversations[task] = socket
        try:
            await Conversation(self, socket).serve()
        finally:
            del self._conversations[task]

    def _gate(self, connection: ServerConnection, request: Request) -> Response | None:
        if self.traits.path is not None and request.path.partition("?")[0] != self.traits.path:
            return connection.respond(http.HTTPStatus.NOT_FOUND, "")
        header = self.traits.identity_header
        if (
            header is not None
            and (reason := _identity_problem(header, request.headers.get(header))) is not None
        ):
            return connection.respond(http.HTTPStatus.UNAUTHORIZED, reason)
        return None


def _identity_problem(header: str, value: str | None) -> str | None:
    if value is None or not value.isascii():
        return texts.identity_missing(header=header)
    if not value.strip():
        return texts.identity_empty(header=header)
    user = value.partition("/")[2] if "/" in value else value
    return None if user.strip() else texts.identity_without_user(header=header)
