"""The transcripts of docs/command-line.md. ``python -m tests.cli.transcripts`` runs their commands and writes the page anew."""

import asyncio
import os
import re
import signal
import tempfile
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pie_client.testing import LocalEngine
from tests.cli.commands import COMMAND, environment
from tests.support.pages import write_files
from tests.support.peers import TIMEOUT, tcp_peer
from tests.support.repository import ROOT

PAGE = ROOT / "docs" / "command-line.md"
TRANSCRIPT = re.compile(r"(<!-- transcript: (\w+) -->\n```console\n)(.*?)(```)", re.DOTALL)
UUID = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")
PROMPT = "$ "
SHOWN_IDS = (
    "e08d6c57-9a3e-4f60-b1c2-7d5e4a90f318",
    "517b0f2e-64d8-4c19-8e7a-2b9c3d1f6a05",
    "3f1c2a90-8d47-4b52-9e06-5a1b7c8d2e4f",
    "8b5d7e14-0c69-4a3f-b872-1e6f9d4c5b30",
    "c27e9d35-7f18-4e0b-a46d-3c8b5f2a9e71",
)
"""Ids of processes on the page, in the order in which they appear."""
ENDLESS = {"pie-client serve": 1, "pie-client attach": 2}
"""Commands that end by Ctrl-C, and how many lines they write before it is pressed."""
MEASURES = re.compile(r"\b\d+\.\d\d\b|\b\d+(?= s  )|(?<=\"elapsed_secs\": )\d+")
"""What differs from run to run."""
LOGIN = {"USER": "ada", "LOGNAME": "ada"}
LISTING = b'{"name": "greet", "versions": [{"num": "0.1.0"}, {"num": "0.2.0"}]}'


@dataclass
class Shell:
    """Runs the commands of the page, one after the other, in a folder.

    Attributes:
        folder: The working folder, which is the home of the user too.
        settings: Environment variables.
        places: What stands on the page, and what it is here.
    """

    folder: Path
    settings: Mapping[str, str]
    places: dict[str, str]
    _ids: list[str] = field(default_factory=list[str])

    async def run(self, transcript: str) -> str:
        """Run the commands of a transcript and return it with what they wrote."""
        commands = [line for line in transcript.splitlines() if line.startswith(PROMPT)]
        return "".join([f"{line}\n{await self._run(line.removeprefix(PROMPT))}" for line in commands])

    async def _run(self, command: str) -> str:
        lines = next((number for start, number in ENDLESS.items() if command.startswith(start)), 0)
        places = {} if command.startswith("pie-client config") else self.places
        for shown, real in {**places, **self._shown_ids()}.items():
            command = command.replace(shown, real)
        process = await asyncio.create_subprocess_exec(
            *("sh", "-c", f"exec {command}" if lines else command),
            cwd=self.folder,
            env=environment(self.folder, {} if command.startswith("pie-client config") else self.settings)
            | LOGIN
            | {"PATH": os.pathsep.join([str(COMMAND.parent), os.environ["PATH"]])},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        assert process.stdout is not None
        async with asyncio.timeout(TIMEOUT):
            out = b"".join([await process.stdout.readline() for _ in range(lines)])
            if lines:
                process.send_signal(signal.SIGINT)
            out += (await process.communicate())[0]
        return self._shown(out.decode()) + ("^C\n" if lines else "")

    def _shown(self, text: str) -> str:
        """Return an output with the ids and places of the page."""
        self._ids += dict.fromkeys(found for found in UUID.findall(text) if found not in self._ids)
        for shown, real in {**self._shown_ids(), **self.places}.items():
            text = text.replace(real, shown)
        text = re.sub(r"127\.0\.0\.1:\d+(?= \()", "127.0.0.1:8080", text)
        return text if text.endswith("\n") or not text else f"{text}\n"

    def _shown_ids(self) -> dict[str, str]:
        pairs = list(zip(SHOWN_IDS, self._ids, strict=False))
        return {**dict(pairs), **{shown[:8]: real[:8] for shown, real in pairs}}


@asynccontextmanager
async def shell(folder: Path) -> AsyncGenerator[Shell]:
    """Run an engine and a registry, and yield a shell with the files of the page."""
    write_files("docs/command-line.md", folder)
    async with LocalEngine(builtins=True, allow_scripts=True) as engine, tcp_peer(_registry) as address:
        settings = {"PIE_URI": engine.uri}
        places = {
            "http://127.0.0.1:8000": f"http://{address}",
            "--port 8080": "--port 0",
            "ws://127.0.0.1:8080": engine.uri,
            "/home/ada": str(folder),
        }
        yield Shell(folder, settings, places)


async def _registry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(
        b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%b" % (len(LISTING), LISTING)
    )
    await writer.drain()


def without_measures(text: str) -> str:
    """Return a transcript without what differs from run to run."""
    return re.sub(r" +", " ", MEASURES.sub("#", text))


async def record() -> None:
    """Write the outputs of all commands into the page."""
    page = PAGE.read_text("utf-8")
    with tempfile.TemporaryDirectory() as folder:
        async with shell(Path(folder)) as running:
            for head, _name, body, _tail in TRANSCRIPT.findall(page):
                page = page.replace(head + body, head + await running.run(body))
    PAGE.write_text(page, "utf-8")


if __name__ == "__main__":
    asyncio.run(record())
