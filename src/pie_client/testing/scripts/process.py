"""Run a script in a process of its own, connected to the session of its inferlet."""

import asyncio
import base64
import contextlib
import json
import logging
import os
import signal
import socket
import sys
import tempfile
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator, Callable, Mapping

from pie_client.connection.threads import settle
from pie_client.testing.inferlet.exceptions import ProcessFailure
from pie_client.testing.inferlet.session import InferletSession, process_of
from pie_client.testing.scripts import runner

logger = logging.getLogger(__name__)

LINE_BYTES = 1 << 40
"""Largest line that is read from a script; its memory is limited otherwise."""
LIBRARY_PATHS = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
"""Environment variables that some Pythons need to start; scripts do not see them."""


async def run_script(session: InferletSession, job: Mapping[str, object]) -> str:
    """Run a script to its end and return its result. Kills the process when cancelled.

    Raises:
        ProcessFailure: The script failed, or its process ended early.
        OSError: The process could not be started.
    """
    async with _started(job) as (process, reader, writer):
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
            end = await _listen(session, reader, send_file)
            if end is not None:
                return _result(*end)
            _kill(process)  # in case it has only closed the socket
            raise ProcessFailure(_how_it_ended(await exited))
        finally:
            inbox.forward_file = None
            signals.cancel()


@contextlib.asynccontextmanager
async def _started(
    job: Mapping[str, object],
) -> AsyncGenerator[tuple[Process, asyncio.StreamReader, asyncio.StreamWriter]]:
    """Start a script in an empty folder; kill it at the end of the block."""
    ours, theirs = socket.socketpair()
    folder = tempfile.TemporaryDirectory(prefix="pie-script-", ignore_cleanup_errors=True)
    with folder as cwd, ours, theirs:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-S", "-B", "-X", "utf8", runner.__file__, str(theirs.fileno())),
            stdin=PIPE,
            cwd=cwd,
            env={name: os.environ[name] for name in LIBRARY_PATHS if name in os.environ},
            pass_fds=[theirs.fileno()],
            start_new_session=True,
        )
        try:
            theirs.close()
            assert process.stdin is not None  # noqa: S101 - it is a pipe
            process.stdin.write(json.dumps(job).encode())
            process.stdin.close()
            reader, writer = await asyncio.open_connection(sock=ours, limit=LINE_BYTES)
            try:
                yield process, reader, writer
            finally:
                writer.transport.abort()
        finally:
            _kill(process)
            # Also if it is cancelled meanwhile: a process whose end nobody waits for stays as a zombie.
            await settle(asyncio.ensure_future(process.wait()))


def _kill(process: Process) -> None:
    """Kill a process and those that it has started, unless they have left its process group."""
    with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS raises the second for a zombie
        os.killpg(process.pid, signal.SIGKILL)


async def _listen(
    session: InferletSession, reader: asyncio.StreamReader, send_file: Callable[[bytes | None], None]
) -> tuple[str, str] | None:
    """Handle the lines of a script and return the kind and value of the last one, or None if there is none."""
    with contextlib.suppress(ConnectionError):
        while (line := await reader.readline()).endswith(b"\n"):
            try:
                kind, value = json.loads(line)
            except (ValueError, TypeError):
                logger.warning("script %s wrote to the engine's socket", session.program)
                return None
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


def _result(kind: str, text: str) -> str:
    if kind == runner.FAILURE:
        raise ProcessFailure(text)
    return text


def _how_it_ended(code: int) -> str:
    if code >= 0:
        return f"the script's process exited with status {code} before its function returned"
    name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
    return f"the script's process was ended by {name} before its function returned; see the limits of ScriptLimits"
