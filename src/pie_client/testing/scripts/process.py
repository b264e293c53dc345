"""The process in which a script runs, joined to the session of its inferlet."""

import asyncio
import contextlib
import json
import logging
import os
import signal
import socket
import sys
import tempfile
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping
from typing import Self, TypeVar

from pie_client.testing.inferlet.session import InferletSession, ProcessFailure
from pie_client.testing.scripts import keeper, runner

logger = logging.getLogger(__name__)

GRACE = 1.0
"""Seconds that a script which has ended has to be gone, and what it wrote to arrive."""
KEEPER_GRACE = 2.0
"""Seconds that the parent of a script has to end it; under load that may have to start first."""
BUFFER = 1 << 20
"""Bytes of a script's output that are read at once."""
LIBRARY_PATHS = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
"""Environment variables without which some Pythons don't start; scripts do not see them."""

T = TypeVar("T")


async def run_script(session: InferletSession, job: Mapping[str, object], source: bytes) -> str:
    """Run a script to its end and give the text that it returns. Cancelled, it kills the process.

    Raises:
        ProcessFailure: The script failed, or its process broke off.
        OSError: The process could not be started.
    """
    async with _started() as child, Conductor(session, child) as conductor:
        return await conductor.run(job, source)


class Child:
    """A process that waits for its script."""

    def __init__(self, process: asyncio.subprocess.Process, life: socket.socket) -> None:
        self.process = process
        """Its keeper, which ends as the script does."""
        self._life = life

    async def connect(self, channel: socket.socket, stdout: socket.socket, stderr: socket.socket) -> None:
        """Open the streams; ``stdout`` and ``stderr`` are what goes past Python's own, as from C."""
        self.reader, self.writer = await asyncio.open_connection(sock=channel, limit=BUFFER)
        self.stdout, self._stdout_writer = await asyncio.open_connection(sock=stdout)
        self.stderr, self._stderr_writer = await asyncio.open_connection(sock=stderr)

    def kill(self) -> None:
        """Have its keeper kill it, and what it started."""
        with contextlib.suppress(OSError):  # the keeper is gone, and with it the rest
            self._life.shutdown(socket.SHUT_RDWR)

    async def reap(self) -> None:
        """Kill it and wait until it is gone."""
        self.kill()
        try:
            await asyncio.wait_for(self.process.wait(), KEEPER_GRACE)
        except TimeoutError:  # whoever stopped the keeper: on Linux the script ends with it
            with contextlib.suppress(ProcessLookupError):
                self.process.kill()
            await self.process.wait()
        for name in ("writer", "_stdout_writer", "_stderr_writer"):
            if isinstance(writer := getattr(self, name, None), asyncio.StreamWriter):
                writer.transport.abort()


@contextlib.asynccontextmanager
async def _started() -> AsyncGenerator[Child]:
    async with contextlib.AsyncExitStack() as stack:
        folder = stack.enter_context(
            tempfile.TemporaryDirectory(prefix="pie-script-", ignore_cleanup_errors=True)
        )
        pairs = [_socket_pair(stack) for _ in range(3)]
        channel, stdout, stderr = (theirs for _, theirs in pairs)
        life, their_life = _socket_pair(stack)
        python = (sys.executable, "-I", "-S", "-B", "-X", "utf8")
        process = await asyncio.create_subprocess_exec(
            *(
                *python,
                keeper.__file__,
                str(their_life.fileno()),
                str(channel.fileno()),
                str(os.getpid()),
                folder,
            ),
            *(*python, runner.__file__),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=stdout.fileno(),
            stderr=stderr.fileno(),
            cwd=folder,
            env={name: os.environ[name] for name in LIBRARY_PATHS if name in os.environ},
            pass_fds=(channel.fileno(), their_life.fileno()),
            start_new_session=True,
        )
        child = Child(process, life)
        stack.push_async_callback(child.reap)
        for theirs in (channel, stdout, stderr, their_life):
            theirs.close()
        await child.connect(*(ours for ours, _ in pairs))
        yield child


def _socket_pair(stack: contextlib.AsyncExitStack) -> tuple[socket.socket, socket.socket]:
    ours, theirs = socket.socketpair()
    stack.callback(ours.close)
    stack.callback(theirs.close)
    return ours, theirs


class Conductor:
    """Carries what a script and its client have to say to each other."""

    def __init__(self, session: InferletSession, child: Child) -> None:
        self._session = session
        self._child = child
        self._sent = 0
        self._fetching: asyncio.Task[None] | None = None
        self._tasks: list[asyncio.Task[object]] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_error: object) -> None:
        self._child.kill()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def run(self, job: Mapping[str, object], source: bytes) -> str:
        """Run the script, and give what it returns. Raises ProcessFailure."""
        self._session.holds_files = True
        self._start(self._talk(job, source))
        leftovers = [
            self._start(self._copy(self._child.stdout, self._session.print)),
            self._start(self._copy(self._child.stderr, self._session.eprint)),
        ]
        listening = self._start(self._listen())
        gone = self._start(self._child.process.wait())
        await asyncio.wait({listening, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not gone.done() and listening.result() is None:
            await asyncio.wait({gone}, timeout=GRACE)
        self._child.kill()
        await asyncio.wait({listening, *leftovers}, timeout=GRACE)
        end = listening.result() if listening.done() else None
        if end is None:
            raise ProcessFailure(_how_it_ended(await gone))
        kind, content = end
        text = content.decode(errors="replace")
        if kind == runner.FAILURE:
            raise ProcessFailure(text)
        return text

    def _start(self, work: Coroutine[object, object, T]) -> asyncio.Task[T]:
        task = asyncio.create_task(work, name=f"script {self._session.program}")
        self._tasks.append(task)
        return task

    async def _talk(self, job: Mapping[str, object], source: bytes) -> None:
        await self._send(runner.START, json.dumps(job).encode())
        await self._send(runner.SOURCE, source)
        while True:
            await self._send(runner.SIGNAL, (await self._session.receive()).encode())

    async def _send(self, kind: bytes, content: bytes) -> None:
        self._session.holds_files = True  # it will not be idle before it has looked at this
        self._sent += 1
        with contextlib.suppress(ConnectionError):  # its end is noticed elsewhere
            self._child.writer.write(runner.HEADER.pack(kind, len(content)) + content)
            await self._child.writer.drain()

    async def _copy(self, stream: asyncio.StreamReader, write: Callable[..., None]) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await stream.read(BUFFER):
                write(data.decode(errors="replace"), end="")

    async def _listen(self) -> tuple[bytes, bytes] | None:
        """Hand on what the script says until its last word; None when it ends without one."""
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                kind, length = runner.HEADER.unpack(await self._child.reader.readexactly(runner.HEADER.size))
                content = await self._child.reader.readexactly(length)
                if kind in (runner.RESULT, runner.FAILURE):
                    return kind, content
                if not self._hand_on(kind, content):
                    logger.warning("script %s wrote to the engine's socket", self._session.program)
                    break
        return None

    def _hand_on(self, kind: bytes, content: bytes) -> bool:
        if kind == runner.IDLE:
            if content == runner.COUNT.pack(self._sent) and self._fetching is None:
                self._session.holds_files = False
            return True
        self._session.holds_files = True
        match kind:
            case runner.STDOUT:
                self._session.print(content.decode(errors="replace"), end="")
            case runner.STDERR:
                self._session.eprint(content.decode(errors="replace"), end="")
            case runner.SIGNAL:
                self._session.send(content.decode(errors="replace"))
            case runner.FILE:
                self._session.send_file(content)
            case runner.WANTS_FILE:
                self._fetching = self._start(self._fetch_file())
            case _:
                return False
        return True

    async def _fetch_file(self) -> None:
        try:
            kind, content = runner.FILE, await self._session.receive_file()
        except RuntimeError:
            kind, content = runner.NO_FILE, b""
        self._fetching = None
        await self._send(kind, content)


def _how_it_ended(code: int) -> str:
    if code >= 0:
        return f"the script's process exited with status {code} before its function returned"
    name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
    return f"the script's process was ended by {name} before its function returned; see the limits of ScriptLimits"
