"""MCP servers that run as child processes and communicate over standard input and output.

A message is a line of JSON text. What goes to standard error is logged. The whole process group is stopped with the server.
"""

import asyncio
import contextlib
import logging
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

from pie_client._generated.families import FAMILIES
from pie_client._generated.mcp import STDIO, McpTransport
from pie_client.common.logs import LimitedLog
from pie_client.errors import McpServerError, one_line
from pie_client.mcp.link import STOPPED, Link
from pie_client.mcp.peer import UNREADABLE_CHARACTERS

logger = logging.getLogger(__name__)

STDIN, STDOUT, STDERR = 0, 1, 2
BYTE_ORDER_MARK = "\ufeff"
EXIT_SECONDS = 1.0
"""Seconds that a server has to exit after its standard input was closed."""
TERMINATE_SECONDS = 0.3
"""Seconds that it has to exit after SIGTERM."""
REAP_SECONDS = 1.0
"""Seconds to wait for the exit status of a killed process."""
DRAIN_SECONDS = 1.0
"""Seconds to read the rest of the output of an exited server: another process may still hold the pipe open."""
UNREAD_BYTES = 1 << 20
"""Bytes of unhandled messages above which reading from the server pauses."""
LINE_BYTES = 4 * max(traits.frame_bytes for traits in FAMILIES.values())
"""Longest line of a server. No answer of a quarter of that can be relayed, but an error can be told about it."""
STDERR_LINE = 2000
"""Most bytes logged of a line of standard error."""
STDERR_LINES = 1000
"""Lines of standard error that are logged in each minute; further ones are counted."""


SAFE_VARIABLES = (
    (
        *("APPDATA", "HOMEDRIVE", "HOMEPATH", "LOCALAPPDATA", "PATH", "PATHEXT", "PROCESSOR_ARCHITECTURE"),
        *("SYSTEMDRIVE", "SYSTEMROOT", "TEMP", "USERNAME", "USERPROFILE"),
    )
    if sys.platform == "win32"
    else ("HOME", "LOGNAME", "PATH", "SHELL", "TERM", "USER")
)
"""Environment variables that MCP clients pass to servers by convention, as the official packages do: none holds a secret."""


@dataclass(frozen=True, slots=True)
class StdioSpec:
    """A program to start. Its arguments and environment may contain secrets, so that ``repr`` leaves them out."""

    command: str
    args: Sequence[str] = field(default=(), repr=False)
    env: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    cwd: str | None = None
    inherit_env: bool = False
    """Whether the program gets all variables of this process, and not only :data:`SAFE_VARIABLES`."""

    @property
    def transport(self) -> McpTransport:
        """The transport of the messages."""
        return STDIO

    async def open(self, name: str) -> Link:
        """Start the program."""
        environment = {**(os.environ if self.inherit_env else _safe_environment()), **self.env}
        command = self.command
        if sys.platform == "win32":  # finds .cmd files, such as npx, by their full path only
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
                start_new_session=True,  # npx starts further processes, which must be stopped too
            )
        except NotImplementedError as error:  # asyncio.SelectorEventLoop on Windows
            what = f"can't start {self.command!r}: this event loop starts no processes"
            raise McpServerError(name, what, "use asyncio's default one") from error
        except BaseException as error:
            child.kill()
            if not isinstance(error, (OSError, ValueError)):
                raise
            what = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            raise McpServerError(
                name, f"can't start {self.command!r}: {what}", "check command= and cwd="
            ) from error
        return child


def _safe_environment() -> dict[str, str]:
    values = {name: os.environ.get(name) for name in SAFE_VARIABLES}
    # A value that starts so is a shell function, which a server's shell would define.
    return {name: value for name, value in values.items() if value is not None and not value.startswith("()")}


class Child(asyncio.SubprocessProtocol, Link):
    """A running child process."""

    advice = f"read its standard error, which {__name__} logs at level INFO"

    def __init__(self, name: str) -> None:
        Link.__init__(self, name)
        self._transport: asyncio.SubprocessTransport | None = None
        self._stdin: asyncio.WriteTransport | None = None
        # It pauses reading from the server at twice its limit.
        self._output = asyncio.StreamReader(limit=UNREAD_BYTES // 2)
        self._complete = False
        """Nothing more is added to the output."""
        self._lines = LineBuffer()
        self._stderr_lines = LineBuffer(STDERR_LINE)
        self._stderr_log = LimitedLog(logger, STDERR_LINES)
        self._exited = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()
        # Without it all waiting senders would write as soon as the first one may.
        self._sending = asyncio.Lock()
        self._stopping: asyncio.Task[None] | None = None
        self._reader: asyncio.Task[None] | None = None

    # ------------------------------------------------------------- Link

    @property
    def unreadable(self) -> str:
        """What the server wrote instead of messages, or without the end of a line."""
        start = one_line(self._lines.start[:UNREADABLE_CHARACTERS].decode("utf-8", "replace"))
        unfinished = f"wrote {start!r} without the end of a line" if start else ""
        return super().unreadable or unfinished

    async def send(self, text: str) -> None:
        """Write a line, after waiting until the server has read most of the earlier ones."""
        async with self._sending:
            await self._writable.wait()
            if self.ended is not None or self._stdin is None or self._stdin.is_closing():
                if self.ended is None:
                    await self._exits_within(EXIT_SECONDS)
                raise self.error(self.ended or self._end_or("it closed its standard input"))
            self._stdin.write(text.encode() + b"\n")

    def end(self, reason: str) -> None:
        """Record the end, and wake senders that wait for the server to read."""
        super().end(reason)
        self._writable.set()

    async def close(self) -> None:
        """Close standard input, then send SIGTERM, then SIGKILL, until the server exits."""
        self.closing = True
        self.end(STOPPED)
        if self._stopping is None:
            self._stopping = asyncio.create_task(self._stop(), name=f"pie-client MCP stop {self.name}")
        try:
            # Shielded: several callers may wait for the same stop, and cancelling one must not end it half-way.
            await asyncio.shield(self._stopping)
        except asyncio.CancelledError:
            self.kill()
            raise

    def kill(self) -> None:
        """Kill the child and the processes that it started."""
        self.closing = True
        self.end(STOPPED)
        if not self._exited.is_set():
            self._signal(hard=True)
        if self._stdin is not None and self._stdin.get_write_buffer_size():
            self._stdin.abort()  # close() would wait until the server has read everything
        if self._transport is not None:
            self._transport.close()
        self._finish()

    async def _stop(self) -> None:
        try:
            if self._stdin is not None:
                self._stdin.close()
            if not await self._exits_within(EXIT_SECONDS):
                self._signal(hard=False)
                await self._exits_within(TERMINATE_SECONDS)
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
        """Send SIGKILL (``hard``) or SIGTERM to the child's process group, which contains only its own processes."""
        if self._transport is None:
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if sys.platform == "win32":
                self._transport.kill()
            else:
                os.killpg(self._transport.get_pid(), signal.SIGKILL if hard else signal.SIGTERM)

    # ------------------------------------------------------------- asyncio.SubprocessProtocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Store the pipes and start reading."""
        self._transport = cast("asyncio.SubprocessTransport", transport)
        self._stdin = cast("asyncio.WriteTransport", self._transport.get_pipe_transport(STDIN))
        self._output.set_transport(cast("asyncio.ReadTransport", self._transport.get_pipe_transport(STDOUT)))
        self._reader = asyncio.create_task(self._read(), name=f"pie-client MCP server {self.name}")

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        """Store output, log standard error."""
        if fd == STDERR:
            self._log(self._stderr_lines.feed(data))
        elif not self._complete:  # a pipe may still deliver data after _finish(), which StreamReader refuses
            self._output.feed_data(data)

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        """Handle the end of a pipe."""
        if fd == STDOUT:
            self._finish()
        elif fd == STDERR:
            self._log(self._stderr_lines.finish())
        else:
            self._writable.set()

    def pause_writing(self) -> None:
        """Make senders wait while the server does not read."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """Wake senders that wait."""
        self._writable.set()

    def process_exited(self) -> None:
        """Record the exit, and kill the processes that the child left running."""
        # Processes that the child has started may still be in its group.
        self._signal(hard=True)
        self._exited.set()
        # Output may still be in the pipe, and a process outside the group may hold the pipe open without end.
        asyncio.get_running_loop().call_later(DRAIN_SECONDS, self._finish)

    # ------------------------------------------------------------- reading

    def _finish(self) -> None:
        """End the output: only what has arrived is still handled."""
        self._complete = True
        self._output.feed_eof()

    async def _read(self) -> None:
        lines = self._lines
        while data := await self._output.read(UNREAD_BYTES):
            await self._receive(lines.feed(data))
            if lines.size > LINE_BYTES:
                self.end(f"it wrote a line of more than {LINE_BYTES} bytes")
                self.kill()
                return
        await self._receive(lines.finish())
        # The output may end before the exit is known.
        await self._exits_within(DRAIN_SECONDS)
        self.end(self._end_or("it closed its standard output"))
        self.kill()

    def _end_or(self, otherwise: str) -> str:
        """Return how the server exited, which explains more than a closed pipe; ``otherwise`` if it runs."""
        status = self._transport.get_returncode() if self._transport is not None else None
        if status is None:
            return otherwise
        return f"it exited with status {status}" if status >= 0 else f"it exited on signal {-status}"

    async def _receive(self, lines: list[bytes]) -> None:
        for line in lines:
            # Some runtimes begin their output, or each write, with a byte order mark.
            text = line.decode("utf-8", "replace").removeprefix(BYTE_ORDER_MARK)
            if text and self.ended is None:
                await self.peer.receive(text)

    def _log(self, lines: list[bytes]) -> None:
        for line in lines:
            text = one_line(line.decode("utf-8", "replace"))
            self._stderr_log.log(logging.INFO, "MCP server %r: %s", self.name, text)


class LineBuffer:
    """A buffer that assembles lines from pieces. Unlike those of ``StreamReader.readline`` they may have any length.

    Args:
        keep: Most bytes kept of a line; None for all.

    Attributes:
        size: Bytes kept of the current line.
    """

    def __init__(self, keep: int | None = None) -> None:
        self.size = 0
        self._keep = keep
        self._parts: list[bytes] = []

    @property
    def start(self) -> bytes:
        """The beginning of the current line."""
        return self._parts[0] if self._parts else b""

    def feed(self, data: bytes) -> list[bytes]:
        """Add a piece and return the non-empty lines that it completes, without their line endings."""
        *ends, rest = data.split(b"\n")
        found: list[bytes] = []
        for end in ends:
            self._add(end)
            found += self.finish()
        self._add(rest)
        return found

    def finish(self) -> list[bytes]:
        """Return what there is of the current line, unless it is empty."""
        line = b"".join(self._parts).removesuffix(b"\r")
        self._parts.clear()
        self.size = 0
        return [line] if line else []

    def _add(self, piece: bytes) -> None:
        if self._keep is not None:
            piece = piece[: self._keep - self.size]
        if piece:
            self._parts.append(piece)
            self.size += len(piece)
