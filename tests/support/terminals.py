"""Runs the engine in a terminal as a process of its own, and scripts in it."""

import asyncio
import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

from pie_client import Event, PieClient
from tests.support.peers import TIMEOUT

SCRIPT_MANIFEST = '[package]\nname = "app"\nversion = "1.0.0"\n[runtime]\nlanguage = "python"'
SCRIPT = """
import os, signal, time
from inferlet import session

def main(path):
    alive = open(path, "w")
    session.send("ready")
    {line}
"""
SLEEPING = "while True: time.sleep(1000)"


class Terminal:
    """A running engine and its output."""

    def __init__(self, *arguments: str) -> None:
        self.lines: list[str] = []
        self.process = subprocess.Popen(  # noqa: S603 - our own module, our own interpreter
            [sys.executable, "-W", "error", "-m", "pie_client.testing", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._timer = threading.Timer(TIMEOUT, self.process.kill)
        self._timer.start()

    def line(self) -> str:
        """Return the next line of standard output; "" at the end."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        self.lines.append(line)
        return line

    def error_line(self) -> str:
        """Return the next line of standard error; "" at the end."""
        assert self.process.stderr is not None
        return self.process.stderr.readline()

    @property
    def uri(self) -> str:
        found = re.search(r"ws://\S+", self.line())
        assert found is not None, self.lines
        return found[0]

    def stop(self, number: int = signal.SIGINT) -> tuple[int, str, str]:
        """Send a signal and return the exit status and the rest of both outputs."""
        self.process.send_signal(number)
        return self.end()

    def end(self) -> tuple[int, str, str]:
        """Wait for the end and return the exit status and the rest of both outputs."""
        out, err = self.process.communicate(timeout=TIMEOUT)
        return self.process.returncode, out, err

    def close(self) -> None:
        self._timer.cancel()
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()


@contextlib.contextmanager
def terminal(*arguments: str) -> Generator[Terminal]:
    running = Terminal(*arguments)
    try:
        yield running
    finally:
        running.close()


@dataclass(frozen=True)
class RunningScript:
    """A script that runs until it is killed.

    Attributes:
        reading: Reads a pipe that the script holds open, to its end.
    """

    reading: asyncio.Task[bytes]

    async def gone(self) -> None:
        """Wait until its process has ended."""
        async with asyncio.timeout(TIMEOUT):
            await self.reading


async def launch_script(client: PieClient, folder: Path, line: str = SLEEPING) -> RunningScript:
    """Run a script whose last line never ends; a pipe is made in the folder."""
    pipe = folder / "alive"
    os.mkfifo(pipe)
    reading = asyncio.create_task(asyncio.to_thread(pipe.read_bytes))
    await client.rpc.add_program(
        content=SCRIPT.format(line=line).encode(), manifest=SCRIPT_MANIFEST, force_overwrite=True
    )
    assert await (await client.launch_process("app@1.0.0", str(pipe))).recv() == (Event.Message, "ready")
    return RunningScript(reading)
