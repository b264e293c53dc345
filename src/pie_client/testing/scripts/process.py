"""Runs a script in a process of its own and connects it to the session of its inferlet."""

import asyncio
import contextlib
import json
import logging
import os
import signal
import socket
import sys
import tempfile
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import TypeVar

from pie_client.testing.inferlet.exceptions import ProcessFailure
from pie_client.testing.inferlet.session import InferletSession, inbox_of
from pie_client.testing.scripts import runner

logger = logging.getLogger(__name__)

GRACE = 1.0
"""Seconds for a script that has closed its socket to end, and for its last output to be read."""
BUFFER = 1 << 20
"""Bytes of a script's output that are read together."""
LIBRARY_PATHS = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
"""Environment variables that some Pythons need to start; scripts do not see them."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Child:
    """The process of a script.

    Attributes:
        process: The process, in a session of its own.
        reader: Reads the frames of the script.
        writer: Writes frames to it.
        outputs: Read what is written to its standard streams without Python's, for instance from C.
    """

    process: Process
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    outputs: tuple[asyncio.StreamReader, asyncio.StreamReader]


async def run_script(session: InferletSession, job: Mapping[str, object], source: bytes) -> str:
    """Run a script to its end and return its result. Kills the process when cancelled.

    Raises:
        ProcessFailure: The script failed, or its process ended early.
        OSError: The process could not be started.
    """
    async with _started() as child:
        bridge = _Bridge(session, child)
        try:
            return await bridge.run(job, source)
        finally:
            await bridge.close()


@contextlib.asynccontextmanager
async def _started() -> AsyncGenerator[Child]:
    """Start a process that waits for its script, in an empty folder; kill it at the end of the block."""
    async with contextlib.AsyncExitStack() as stack:
        folder = tempfile.TemporaryDirectory(prefix="pie-script-", ignore_cleanup_errors=True)
        pairs = [socket.socketpair() for _ in range(3)]
        cwd = stack.enter_context(folder)
        for each in (end for pair in pairs for end in pair):
            stack.callback(each.close)
        channel, stdout, stderr = (theirs.fileno() for _, theirs in pairs)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-S", "-B", "-X", "utf8", runner.__file__),
            *(str(channel), str(os.getpid())),
            stdin=DEVNULL,
            stdout=stdout,
            stderr=stderr,
            cwd=cwd,
            env={name: os.environ[name] for name in LIBRARY_PATHS if name in os.environ},
            pass_fds=[channel],
            start_new_session=True,
        )
        stack.push_async_callback(process.wait)
        stack.callback(_kill, process)
        streams: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        for ours, theirs in pairs:
            theirs.close()
            streams.append(await asyncio.open_connection(sock=ours, limit=BUFFER))
            stack.callback(streams[-1][1].transport.abort)
        (reader, writer), (out, _), (err, _) = streams
        yield Child(process, reader, writer, (out, err))


def _kill(process: Process) -> None:
    """Kill a process and those that it has started, unless they have left its process group."""
    with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS raises the second for a zombie
        os.killpg(process.pid, signal.SIGKILL)


class _Bridge:
    """Passes on what a script and its client send to each other."""

    def __init__(self, session: InferletSession, child: Child) -> None:
        self._session = session
        self._inbox = inbox_of(session)
        self._child = child
        self._sent = 0
        self._fetching: asyncio.Task[None] | None = None
        self._tasks: list[asyncio.Task[object]] = []

    async def close(self) -> None:
        """Kill the process and stop all tasks."""
        _kill(self._child.process)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def run(self, job: Mapping[str, object], source: bytes) -> str:
        """Run the script and return its result. Raises ProcessFailure."""
        self._inbox.keep_last_file = True
        self._start(self._talk(job, source))
        writers = (self._session.print, self._session.eprint)
        copying = [self._start(_copy(*each)) for each in zip(self._child.outputs, writers, strict=True)]
        listening = self._start(self._listen())
        gone = self._start(self._child.process.wait())
        await asyncio.wait({listening, gone}, return_when=asyncio.FIRST_COMPLETED)
        # A script may close the socket before it ends: wait for its exit status, which tells why.
        if not gone.done() and listening.result() is None:
            await asyncio.wait({gone}, timeout=GRACE)
        # Processes that it has started may hold its streams open.
        _kill(self._child.process)
        await asyncio.wait({listening, *copying}, timeout=GRACE)
        end = listening.result() if listening.done() else None
        if end is None:
            raise ProcessFailure(_how_it_ended(await gone))
        kind, text = end
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
        # Files wait until the script has handled this frame: it may call receive_file then.
        self._inbox.keep_last_file = True
        self._sent += 1
        with contextlib.suppress(ConnectionError):  # the end of the process is handled in run()
            self._child.writer.write(runner.HEADER.pack(kind, len(content)) + content)
            await self._child.writer.drain()

    async def _listen(self) -> tuple[bytes, str] | None:
        """Handle the frames of the script and return the kind and text of the last one, or None if there is none."""
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                kind, length = runner.HEADER.unpack(await self._child.reader.readexactly(runner.HEADER.size))
                content = await self._child.reader.readexactly(length)
                if kind in (runner.RESULT, runner.FAILURE):
                    return kind, content.decode(errors="replace")
                if not self._handle(kind, content):
                    logger.warning("script %s wrote to the engine's socket", self._session.program)
                    break
        return None

    def _handle(self, kind: bytes, content: bytes) -> bool:
        """Handle a frame; return False if its kind is unknown."""
        if kind == runner.IDLE:
            if content == runner.COUNT.pack(self._sent) and self._fetching is None:
                self._inbox.keep_last_file = False
            return True
        self._inbox.keep_last_file = True
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


async def _copy(stream: asyncio.StreamReader, write: Callable[..., None]) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await stream.read(BUFFER):
            write(data.decode(errors="replace"), end="")


def _how_it_ended(code: int) -> str:
    if code >= 0:
        return f"the script's process exited with status {code} before its function returned"
    name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
    return f"the script's process was ended by {name} before its function returned; see the limits of ScriptLimits"
