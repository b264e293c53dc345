"""MCP servers that are children of this process and speak over standard input and output."""

import asyncio
import contextlib
import logging
import os
import shutil
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

from pie_client._generated.mcp import STDIO, McpTransport
from pie_client.errors import McpServerError, one_line
from pie_client.mcp.link import Lines, Link

logger = logging.getLogger(__name__)

STDIN, STDOUT, STDERR = 0, 1, 2
POLITE_SECONDS = 1.0
"""Time that a server has to end after its standard input was closed."""
FIRM_SECONDS = 0.3
"""Time that it has to end after it was asked to terminate."""
REAP_SECONDS = 1.0
"""Time within which the end of a killed process is seen."""
DRAIN_SECONDS = 1.0
"""Time within which what an ended server had written is read, should somebody else still hold its output open."""
UNREAD_BYTES = 1 << 20
"""Bytes of unread messages above which the server has to wait."""
STDERR_LINE = 2000
"""Bytes that are logged of a line of standard error."""


@dataclass(frozen=True, slots=True)
class StdioSpec:
    """A program to start. Its arguments and environment may hold secrets, so they are not shown."""

    command: str
    args: Sequence[str] = field(default=(), repr=False)
    env: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    cwd: str | None = None

    @property
    def transport(self) -> McpTransport:
        """What carries the messages."""
        return STDIO

    async def open(self, name: str) -> Link:
        """Start the program."""
        environment = {**os.environ, **self.env}
        command = self.command
        if sys.platform == "win32":  # where only the full path finds .cmd files such as npx
            command = shutil.which(command, path=environment.get("PATH")) or command
        child = Child(name)
        try:
            await asyncio.get_running_loop().subprocess_exec(
                lambda: child,
                command,
                *self.args,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=environment,
                cwd=self.cwd,
                start_new_session=True,  # npx and its like start further processes, which have to end too
            )
        except BaseException as error:
            child.kill()
            if not isinstance(error, (OSError, ValueError)):
                raise
            what = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            raise McpServerError(
                name, f"{self.command!r} can't be started: {what} (command= or cwd=)"
            ) from error
        return child


class Child(asyncio.SubprocessProtocol, Link):
    """A running child process."""

    def __init__(self, name: str) -> None:
        Link.__init__(self, name)
        self._transport: asyncio.SubprocessTransport | None = None
        self._stdin: asyncio.WriteTransport | None = None
        self._stdout: asyncio.ReadTransport | None = None
        self._stdout_lines = Lines(self._put)
        self._stderr_lines = Lines(self._log, STDERR_LINE)
        self._inbox: deque[bytes] = deque()
        self._unread = 0
        self._filled = asyncio.Event()
        self._complete = False
        """Nothing comes into the inbox any more."""
        self._exited = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()
        self._sending = asyncio.Lock()
        self._stopping: asyncio.Task[None] | None = None
        self._reader: asyncio.Task[None] | None = None

    # ------------------------------------------------------------- Link

    async def send(self, text: str) -> None:
        """Write a line, once the server has read most of what was written before."""
        async with self._sending:
            await self._writable.wait()
            if self.ended is not None or self._stdin is None or self._stdin.is_closing():
                if self.ended is None:
                    await self._exits_within(POLITE_SECONDS)  # then it is known how it ended
                raise McpServerError(self.name, self.ended or "it closed its standard input")
            self._stdin.write(text.encode() + b"\n")

    def end(self, reason: str) -> None:
        """Note that it ended; nobody waits for it to read any more."""
        super().end(reason)
        self._writable.set()

    async def close(self) -> None:
        """Close standard input, ask to terminate, kill: whichever ends it."""
        self.closing = True
        self.end("it was stopped")
        if self._stopping is None:
            self._stopping = asyncio.create_task(self._stop(), name=f"pie-client MCP stop {self.name}")
        try:
            await asyncio.shield(self._stopping)
        except asyncio.CancelledError:
            self.kill()
            raise

    def kill(self) -> None:
        """Kill the child and whatever it started."""
        self.closing = True
        self.end("it was killed")
        if not self._exited.is_set():
            self._signal(hard=True)
        if self._stdin is not None and self._stdin.get_write_buffer_size():
            self._stdin.abort()  # closing it would wait until everything was read
        if self._transport is not None:
            self._transport.close()
        self._finish()

    async def _stop(self) -> None:
        try:
            if self._stdin is not None:
                self._stdin.close()
            if not await self._exits_within(POLITE_SECONDS):
                self._signal(hard=False)
                await self._exits_within(FIRM_SECONDS)
        finally:
            self.kill()
            await self._exits_within(REAP_SECONDS)
            if self._reader is not None:
                await self._reader

    async def _exits_within(self, seconds: float) -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._exited.wait()
        return self._exited.is_set()

    def _signal(self, *, hard: bool) -> None:
        """Signal the child's whole process group, which is its own."""
        if self._transport is None:
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if sys.platform == "win32":
                self._transport.kill()
            else:
                os.killpg(self._transport.get_pid(), signal.SIGKILL if hard else signal.SIGTERM)

    # ------------------------------------------------------------- asyncio.SubprocessProtocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the pipes."""
        self._transport = cast("asyncio.SubprocessTransport", transport)
        self._stdin = cast("asyncio.WriteTransport", self._transport.get_pipe_transport(STDIN))
        self._stdout = cast("asyncio.ReadTransport", self._transport.get_pipe_transport(STDOUT))
        self._reader = asyncio.create_task(self._read(), name=f"pie-client MCP server {self.name}")

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        """Take output."""
        (self._stdout_lines if fd == STDOUT else self._stderr_lines).feed(data)

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        """Note that a pipe was closed."""
        match fd:
            case 1:
                self._finish()
            case 2:
                self._stderr_lines.finish()
            case _:
                self._writable.set()

    def pause_writing(self) -> None:
        """Make senders wait: the server does not read."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """Let them go on."""
        self._writable.set()

    def process_exited(self) -> None:
        """Note the end of the child, and end what it has left behind."""
        self._signal(hard=True)
        self._exited.set()
        # Its output may still be in the pipe, and somebody outside its group may hold the pipe open.
        asyncio.get_running_loop().call_later(DRAIN_SECONDS, self._finish)

    # ------------------------------------------------------------- reading

    def _put(self, line: bytes) -> None:
        if self._complete:
            return
        self._inbox.append(line)
        self._unread += len(line)
        self._filled.set()
        if self._unread > UNREAD_BYTES and self._stdout is not None:
            self._stdout.pause_reading()

    def _finish(self) -> None:
        """Note that no more output comes."""
        self._stdout_lines.finish()
        self._complete = True
        self._filled.set()

    async def _read(self) -> None:
        while True:
            await self._filled.wait()
            while self._inbox:
                line = self._inbox.popleft()
                if self.ended is None:
                    await self.peer.receive(line.decode("utf-8", "replace"))
                self._unread -= len(line)
                if self._unread <= UNREAD_BYTES and self._stdout is not None:
                    self._stdout.resume_reading()
            if self._complete:
                break
            self._filled.clear()
        await self._exits_within(DRAIN_SECONDS)
        status = self._transport.get_returncode() if self._transport is not None else None
        if status is None:
            self.end("it closed its standard output")
        else:
            how = f"with status {status}" if status >= 0 else f"by signal {-status}"
            self.end(f"it ended {how}; its standard error is in the log")
        self.kill()

    def _log(self, line: bytes) -> None:
        logger.info("MCP server %r: %s", self.name, one_line(line.decode("utf-8", "replace")))
