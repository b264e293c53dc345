"""Script programs of the embedded engine: uploaded Python source, run in processes of their own."""

import asyncio
import base64
import contextlib
import json
import os
import signal
import socket
import sys
import tempfile
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from typing import Annotated, TypeAlias

from pydantic import Field, JsonValue

from pie_client._generated import models
from pie_client._generated.families import SCRIPT_RUNTIME
from pie_client.connection.threads import settle
from pie_client.testing._generated import texts
from pie_client.testing._generated.servers import SCRIPT_DEFAULT_ENTRY
from pie_client.testing.faults.reactions import Refusal
from pie_client.testing.inferlet.exceptions import ProcessFailure
from pie_client.testing.inferlet.session import InferletSession, RawResult, process_of
from pie_client.testing.scripts import runner

Limit: TypeAlias = Annotated[int, Field(ge=1, le=1 << 62)]
"""A size or limit; operating systems reject larger ones."""
SUPPORTED = os.name == "posix"
"""Whether this system can run scripts: they need process groups and sockets that a child inherits."""
LINE_BYTES = 1 << 40
"""Largest line that is read from a script; its memory is limited otherwise."""
EXIT_SECONDS = 5.0
"""Time for the process of a script to exit after it has closed its socket."""
LIBRARY_PATHS = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
"""Environment variables that some Pythons need to start; scripts do not see them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptLimits:
    """What each process of a script may use, as far as the operating system can limit it.

    The limits stop mistakes, not attackers: a script can read what its user can read. Only root's scripts can start
    threads and processes; in real engines none can.

    Attributes:
        memory_bytes: Address space.
        cpu_seconds: Processor time, in whole seconds.
        open_files: Open files and sockets.
        file_bytes: Size of a file that it writes.
    """

    memory_bytes: Limit = 4 << 30
    cpu_seconds: Limit = 600
    open_files: Limit = 64
    file_bytes: Limit = 64 << 20

    def by_name(self) -> dict[str, int]:
        """Return the limits by their names in the module ``resource``."""
        return {
            "RLIMIT_AS": self.memory_bytes,
            "RLIMIT_CPU": self.cpu_seconds,
            "RLIMIT_NOFILE": self.open_files,
            "RLIMIT_FSIZE": self.file_bytes,
            "RLIMIT_NPROC": 0,
            "RLIMIT_CORE": 0,
        }


def check_script(program: str, language: str, data: bytes) -> None:
    """Refuse source that is not UTF-8, or in a language that does not run here. Raises Refusal."""
    try:
        data.decode()
    except UnicodeDecodeError as error:
        text = texts.script_not_utf8(program=program, language=language, detail=error.reason)
        raise Refusal(text) from error
    if language != SCRIPT_RUNTIME["language"]:
        detail = "LocalEngine runs Python scripts only"
        raise Refusal(texts.no_language_component(language=language, detail=detail))


@dataclass(frozen=True, slots=True)
class Script:
    """A program that is Python source.

    Attributes:
        program: The program as ``name@version``.
        source: Its source, in UTF-8.
        runtime: The runtime section of its manifest.
        limits: Limits of its processes.
    """

    program: str
    source: bytes
    runtime: models.ManifestRuntime
    limits: ScriptLimits

    async def run(self, session: InferletSession, _input: JsonValue) -> RawResult:
        """Run it in a process of its own and return its result.

        The process is killed when this is cancelled.

        Raises:
            ProcessFailure: It failed, or its process ended early or could not be started.
        """
        entry = self.runtime.entry or SCRIPT_DEFAULT_ENTRY
        job = {
            "source": self.source.decode(),
            "filename": f"{self.program.partition('@')[0]}.py",
            "entry": entry,
            "keywords": self.runtime.call == SCRIPT_RUNTIME["call"],
            "input": session.input_text,
            "limits": self.limits.by_name(),
            "without_entry": texts.script_without_entry(program=self.program, entry=entry),
            "needs_object": texts.script_needs_object(program=self.program),
            "trapped": texts.call_error(detail=""),
            "no_file": texts.SCRIPT_RECEIVES_NO_FILE,
        }
        try:
            async with _started() as (process, reader, writer):
                writer.write(json.dumps(job).encode() + b"\n")
                kind, text = await _serve(session, process, reader, writer)
        except OSError as error:
            reason = f"can't start a process for the script {self.program}: {error.strerror}"
            raise ProcessFailure(reason) from error
        if kind == runner.FAILURE:
            raise ProcessFailure(text)
        return RawResult(text)


@contextlib.asynccontextmanager
async def _started() -> AsyncGenerator[tuple[Process, asyncio.StreamReader, asyncio.StreamWriter]]:
    """Start the runner in an empty folder, with a socket to it; kill it at the end of the block."""
    ours, theirs = socket.socketpair()
    folder = tempfile.TemporaryDirectory(prefix="pie-script-", ignore_cleanup_errors=True)
    with folder as cwd, ours, theirs:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-S", "-B", "-X", "utf8", runner.__file__, str(theirs.fileno())),
            stdin=DEVNULL,
            cwd=cwd,
            env={name: os.environ[name] for name in LIBRARY_PATHS if name in os.environ},
            pass_fds=[theirs.fileno()],
            start_new_session=True,
        )
        try:
            theirs.close()
            reader, writer = await asyncio.open_connection(sock=ours, limit=LINE_BYTES)
            try:
                yield process, reader, writer
            finally:
                writer.transport.abort()
        finally:
            _kill(process)
            # Also if it is cancelled meanwhile: a process whose end nobody waits for stays as a zombie.
            await settle(asyncio.ensure_future(process.wait()))


async def _serve(
    session: InferletSession, process: Process, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> tuple[str, str]:
    """Connect a script to its session until it ends. Return the kind and value of its last line.

    Raises:
        ProcessFailure: Its process ended without one.
    """
    inbox = process_of(session).inbox

    def send(kind: str, value: str | None) -> None:
        writer.write(json.dumps([kind, value]).encode() + b"\n")

    def send_file(data: bytes | None) -> None:
        send(runner.FILE, None if data is None else base64.b64encode(data).decode())

    async def send_signals() -> None:
        while True:
            send(runner.MESSAGE, await session.receive())

    # The script itself knows whether it waits for a file.
    inbox.forward_file = send_file
    signals = asyncio.create_task(send_signals(), name=f"script {session.program}")
    # Processes that it has started may hold the socket open.
    exited = asyncio.create_task(process.wait())
    exited.add_done_callback(lambda _: _kill(process))
    try:
        if (end := await _listen(session, reader, send_file)) is None:
            await asyncio.wait({exited}, timeout=EXIT_SECONDS)
            _kill(process)  # in case it has only closed the socket
            raise ProcessFailure(_how_it_ended(await exited))
        return end
    finally:
        inbox.forward_file = None
        signals.cancel()


async def _listen(
    session: InferletSession, reader: asyncio.StreamReader, send_file: Callable[[bytes | None], None]
) -> tuple[str, str] | None:
    """Handle the lines of a script and return the kind and value of the last one, or None if there is none."""
    with contextlib.suppress(ConnectionError):
        while (line := await reader.readline()).endswith(b"\n"):
            kind, value = json.loads(line)
            match kind:
                case runner.STDOUT:
                    session.print(value, end="")
                case runner.STDERR:
                    session.eprint(value, end="")
                case runner.MESSAGE:
                    session.send(value)
                case runner.FILE:
                    session.send_file(base64.b64decode(value))
                case runner.WANTS_FILE:
                    if process_of(session).client is None:
                        send_file(None)
                case _:
                    return kind, value
    return None


def _kill(process: Process) -> None:
    """Kill a process and those that it has started, unless they have left its process group."""
    if sys.platform != "win32":
        with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS raises the second for a zombie
            os.killpg(process.pid, signal.SIGKILL)


def _how_it_ended(code: int) -> str:
    if code >= 0:
        return f"the script's process exited with status {code} before its function returned"
    name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
    return f"the script's process was ended by {name} before its function returned; see the limits of ScriptLimits"
