"""The screens of docs/command-line.md as pictures. ``python -m tests.cli.pictures`` runs the commands and draws them anew."""

import asyncio
import html
import io
import re
import tempfile
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

from pie_client import PieClient
from tests.cli.commands import Runner, in_terminal
from tests.cli.transcripts import NEWEST, PAGE, UUID, shell
from tests.support.repository import ROOT

SCREENS = {
    "help": ("--help",),
    "list": ("list", "--full"),
    "status": ("status",),
}
"""Commands, by the names of their pictures in ``docs/screens``."""
COLUMNS = 100
FONT_FACES = re.compile(r"\s*@font-face \{.*?\}", re.DOTALL)
SHAPES = re.compile(r"<style>.*?</style>", re.DOTALL)
AGE = re.compile(r"\b\d+ s\b")
PROCESSES = {
    "e08d6c57-9a3e-4f60-b1c2-7d5e4a90f318": {"prompt": "hi", "max_tokens": 64},
    "517b0f2e-64d8-4c19-8e7a-2b9c3d1f6a05": "a text",
}
"""Inputs of the processes that run meanwhile, by the ids in the pictures."""


def picture(name: str) -> Path:
    """Return the file of a picture."""
    return ROOT / "docs" / "screens" / f"{name}.svg"


async def screens(folder: Path) -> dict[str, str]:
    """Run the commands in a terminal, and return what they write, with ids and ages of the page."""
    found: dict[str, str] = {}
    async with shell(folder) as running, PieClient(running.uris[NEWEST]) as client:
        processes = [await client.launch_process("wait@1.0.0", given) for given in PROCESSES.values()]
        ids = dict(zip((process.process_id for process in processes), PROCESSES, strict=True))
        runner = Runner(folder, {"PIE_URI": running.uris[NEWEST]})
        for name, arguments in SCREENS.items():
            async with in_terminal(runner, *arguments) as terminal:
                status = await terminal.end()
            assert status == 0, terminal.text
            text = UUID.sub(lambda found: ids[found[0]], terminal.text.replace("\r\n", "\n"))
            found[name] = f"$ pie-client {' '.join(arguments)}\n" + AGE.sub("7 s", text)
    return found


def drawn(name: str, screen: str) -> str:
    """Return a screen as a picture. It has the reader's own fonts, and asks no other host for any."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    console.print(Text.from_ansi(screen.rstrip()))
    svg = console.export_svg(title=f"pie-client {' '.join(SCREENS[name])}", theme=MONOKAI, unique_id=name)
    return FONT_FACES.sub("", svg)


def words(svg: str) -> list[str]:
    """Return the words in a picture, without its layout, which belongs to other packages."""
    text = html.unescape(re.sub(r"<[^>]*>", " ", SHAPES.sub("", svg)))
    return re.findall(r"[\w@.-]+", text)


async def record() -> None:
    """Draw all pictures anew."""
    with tempfile.TemporaryDirectory() as folder:
        for name, screen in (await screens(Path(folder))).items():
            picture(name).parent.mkdir(exist_ok=True)
            picture(name).write_text(drawn(name, screen), "utf-8")


def on_the_page() -> set[str]:
    """Return the names of the pictures that the page shows."""
    return set(re.findall(r"!\[[^]]+\]\(screens/(\w+)\.svg\)", PAGE.read_text("utf-8")))


if __name__ == "__main__":
    asyncio.run(record())
