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

from pie_client import Family
from pie_client.testing import LocalEngine
from tests.cli.commands import COMMAND, environment
from tests.support.pages import write_files
from tests.support.peers import TIMEOUT, tcp_peer
from tests.support.repository import ROOT

PAGE = ROOT / "docs" / "command-line.md"
HEAD = "<!-- transcript: "
TRANSCRIPT = re.compile(rf"({HEAD}(\w+)(?: with (0\.\d))? -->\n```console\n)(.*?)(```)", re.DOTALL)
"""Its head, its name, the family of its server if that is not the newest, and its text."""
UUID = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")
URI = "ws://127.0.0.1:8080"
NEWEST: Family = "0.5"
PROMPT = "$ "
ENDLESS = {
    "pie-client serve": {"0.5": 1},
    "pie-client attach": {"0.5": 2, "0.4": 1},
}
"""Commands that end by Ctrl-C, and how many lines they write before it is pressed, by the family of the server."""
MEASURES = re.compile(r"\b\d+\.\d\d\b|\b\d+(?= s  )|(?<=\"elapsed_secs\": )\d+")
"""What differs from run to run."""
LOGIN = {"USER": "ada", "LOGNAME": "ada"}
LISTING = b'{"name": "greet", "versions": [{"num": "0.1.0"}, {"num": "0.2.0"}]}'


@dataclass
class Shell:
    """Runs the commands of the page, one after the other, in a folder.

    Attributes:
        folder: The working folder, which is the home of the user too.
        uris: Addresses of the engines, by family.
        places: Paths and addresses on the page, and those of this run.
    """

    folder: Path
    uris: Mapping[Family, str]
    places: Mapping[str, str]
    _shown_ids: list[str] = field(default_factory=list[str])
    """Ids on the page, in the order in which the transcript has them."""
    _ids: list[str] = field(default_factory=list[str])
    """Those of the run, in the same order."""

    async def run(self, transcript: str, family: Family = NEWEST) -> str:
        """Run the commands of a transcript with the server of a family, and return it with what they wrote."""
        self._shown_ids, self._ids = list(dict.fromkeys(UUID.findall(transcript))), []
        commands = [line for line in transcript.splitlines() if line.startswith(PROMPT)]
        return "".join([f"{line}\n{await self._run(line.removeprefix(PROMPT), family)}" for line in commands])

    async def _run(self, command: str, family: Family) -> str:
        lines = next((number[family] for start, number in ENDLESS.items() if command.startswith(start)), 0)
        places = {**self.places, URI: self.uris[family]}
        settings = {"PIE_URI": self.uris[family]}
        if command.startswith("pie-client config"):
            settings = {}
        else:
            for shown, real in {**places, **self._pairs()}.items():
                command = command.replace(shown, real)
        process = await asyncio.create_subprocess_exec(
            *("sh", "-c", f"exec {command}" if lines else command),
            cwd=self.folder,
            env=environment(self.folder, settings)
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
        return self._shown(out.decode(), places) + ("^C\n" if lines else "")

    def _shown(self, text: str, places: Mapping[str, str]) -> str:
        """Return an output with the ids and places of the page."""
        self._ids += dict.fromkeys(found for found in UUID.findall(text) if found not in self._ids)
        for shown, real in {**self._pairs(), **places}.items():
            text = text.replace(real, shown)
        text = re.sub(r"127\.0\.0\.1:\d+(?= \()", "127.0.0.1:8080", text)
        return text if text.endswith("\n") or not text else f"{text}\n"

    def _pairs(self) -> dict[str, str]:
        pairs = list(zip(self._shown_ids, self._ids, strict=False))
        return {**dict(pairs), **{shown[:8]: real[:8] for shown, real in pairs}}


@asynccontextmanager
async def shell(folder: Path) -> AsyncGenerator[Shell]:
    """Run an engine of each family and a registry, and yield a shell with the files of the page."""
    write_files("docs/command-line.md", folder)
    async with (
        LocalEngine(builtins=True, allow_scripts=True) as newest,
        LocalEngine(family="0.4", builtins=True, keep_detached=True) as older,
        tcp_peer(registry) as address,
    ):
        places = {
            "http://127.0.0.1:8000": f"http://{address}",
            "--port 8080": "--port 0",
            "/home/ada": str(folder),
        }
        yield Shell(folder, {"0.5": newest.uri, "0.4": older.uri}, places)


async def registry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
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
            for head, _name, family, body, _tail in TRANSCRIPT.findall(page):
                page = page.replace(head + body, head + await running.run(body, family or NEWEST))
    PAGE.write_text(page, "utf-8")


if __name__ == "__main__":
    asyncio.run(record())
