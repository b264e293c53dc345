"""Runs the installed command in a pipe or a pseudo-terminal, as a process of its own."""

import asyncio
import contextlib
import os
import re
import signal
import sys
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from pie_client.cli import main
from tests.support.peers import TIMEOUT

COMMAND = Path(sys.executable).with_name("pie-client")
COVERAGE = "COVERAGE_PROCESS_CONFIG"
MEASURED = {name: value for name, value in os.environ.items() if name == COVERAGE}
"""Read while tests are collected, before the variable is removed: these programs are part of the package."""
SETTINGS = ("PIE_", "XDG_", "COLUMNS", "NO_COLOR", "FORCE_COLOR", "TERM", "HOME")
"""Beginnings of the names of variables that change what the command does."""


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Run the command in this process, and return its status and both outputs."""
    status = main(arguments)
    out, err = capsys.readouterr()
    return status, out, err


@dataclass(frozen=True)
class Done:
    """A command that has ended."""

    status: int | None
    out: str
    err: str

    @property
    def error(self) -> str:
        """The only line on standard error."""
        (line,) = self.err.splitlines()
        return line


def environment(home: Path, settings: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a command: that of the tests without a user's settings."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(SETTINGS)}
    return {**inherited, **MEASURED, "HOME": str(home), "PYTHONWARNINGS": "error", **settings}


@dataclass(frozen=True)
class Runner:
    """Runs commands in a folder.

    Attributes:
        folder: The working folder, which is the home of the user too.
        settings: Environment variables.
    """

    folder: Path
    settings: Mapping[str, str]

    async def __call__(
        self, *arguments: str, text: str | None = None, before: Sequence[str] = (), **settings: str
    ) -> Done:
        """Run a command and return its outputs.

        Args:
            arguments: Those of the command.
            text: Its standard input, which is at its end by default.
            before: A program that runs the command, with its arguments.
            settings: More environment variables.
        """
        async with self.started(*arguments, before=before, **settings) as process, asyncio.timeout(TIMEOUT):
            out, err = await process.communicate(None if text is None else text.encode())
            return Done(process.returncode, out.decode(), err.decode())

    @contextlib.asynccontextmanager
    async def started(
        self, *arguments: str, before: Sequence[str] = (), **settings: str
    ) -> AsyncGenerator[asyncio.subprocess.Process]:
        """Start a command with pipes; at the end of the block it is killed if it still runs."""
        process = await asyncio.create_subprocess_exec(
            *(*before, str(COMMAND), *arguments),
            cwd=self.folder,
            env=environment(self.folder, {**self.settings, **settings}),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()


class Terminal:
    """A command in a pseudo-terminal of 100 columns.

    Attributes:
        text: What it has written so far.
    """

    def __init__(self, process: asyncio.subprocess.Process, master: int) -> None:
        self.text = ""
        self._process = process
        self._master = master

    async def until(self, word: str | re.Pattern[str]) -> None:
        """Wait until it has written a word, or something that a pattern finds in its lines."""
        async with asyncio.timeout(TIMEOUT):
            while not (
                word in self.text if isinstance(word, str) else word.search(self.text.replace("\r\n", "\n"))
            ):
                part = await asyncio.to_thread(self._read)
                assert part, f"it has ended: {self.text}"
                self.text += part

    def echoes(self) -> bool:
        """Return whether it shows what is typed."""
        import termios  # noqa: PLC0415 - not on Windows

        flags: int = termios.tcgetattr(self._master)[3]
        return bool(flags & termios.ECHO)

    def press(self, keys: str) -> None:
        r"""Write to the terminal; ``\x03`` is Ctrl-C."""
        os.write(self._master, keys.encode())

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        self.press("\x03")

    async def end(self) -> int | None:
        """Wait for its end and return its status."""
        async with asyncio.timeout(TIMEOUT):
            while part := await asyncio.to_thread(self._read):
                self.text += part
            await self._process.wait()
        return self._process.returncode

    def _read(self) -> str:
        try:
            return os.read(self._master, 1 << 16).decode(errors="replace")
        except OSError:  # Linux: the other side was closed
            return ""


@contextlib.asynccontextmanager
async def in_terminal(runner: Runner, *arguments: str, program: Path = COMMAND) -> AsyncGenerator[Terminal]:
    """Run a command in a pseudo-terminal, which is its controlling terminal."""
    import fcntl  # noqa: PLC0415 - not on Windows
    import pty  # noqa: PLC0415
    import struct  # noqa: PLC0415
    import termios  # noqa: PLC0415

    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
    process = await asyncio.create_subprocess_exec(
        *_with_terminal([str(program), *arguments]),
        cwd=runner.folder,
        env=environment(runner.folder, {"TERM": "xterm-256color", **runner.settings}),
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
    )
    os.close(slave)
    try:
        yield Terminal(process, master)
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
        os.close(master)


class Pipe(Terminal):
    """A command whose outputs share a pipe, as ``2>&1 | cat`` does."""

    def interrupt(self) -> None:
        """Send the signal of Ctrl-C."""
        self._process.send_signal(signal.SIGINT)


@contextlib.asynccontextmanager
async def in_pipe(runner: Runner, *arguments: str) -> AsyncGenerator[Pipe]:
    """Run a command whose outputs share a pipe. Its standard input is at its end."""
    reader, writer = os.pipe()
    process = await asyncio.create_subprocess_exec(
        *(str(COMMAND), *arguments),
        cwd=runner.folder,
        env=environment(runner.folder, runner.settings),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=writer,
        stderr=writer,
    )
    os.close(writer)
    try:
        yield Pipe(process, reader)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        os.close(reader)


def _with_terminal(command: Sequence[str]) -> list[str]:
    """Return a program that makes its standard input the controlling terminal, so that Ctrl-C reaches it."""
    claim = "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"
    return [sys.executable, "-S", "-E", "-c", claim, *command]
