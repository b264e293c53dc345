"""Every line of the tables in docs/migrating.md does what the page says, on a server of its family."""

import ast
import asyncio
import inspect
import json
import re
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import NamedTuple

import pytest

import pie_client
from pie_client import Family, FileEvent, ParsedPrivateKey, PieClient, inferlet
from pie_client.testing import DaemonRequest, DaemonResponse, LocalEngine
from tests.published.comparing import RELEASES, recorded
from tests.published.test_signatures import reasons
from tests.support.keys import ed25519_key
from tests.support.peers import TIMEOUT, component, free_port
from tests.support.repository import ROOT

PAGE = (ROOT / "docs" / "migrating.md").read_text("utf-8")
MANIFEST = '[package]\nname = "{name}"\nversion = "1.0.0"\n'


class Row(NamedTuple):
    """A line of a table."""

    code: str
    releases: tuple[str, ...]
    error: str | None = None
    """How the error begins that the code raises now, with its class."""
    now: str | None = None
    """What works instead."""


def rows() -> Iterator[Row]:
    """Yield the lines of both tables."""
    for line in PAGE.splitlines():
        cells = [cell.strip() for cell in line.split("|")[1:-1]]
        if len(cells) in {3, 5} and cells[0].startswith("`"):
            releases = tuple(r for r, cell in zip(RELEASES, cells[1:3], strict=True) if cell == "yes")
            yield Row(cells[0].strip("`"), releases, *(cell.strip("`") for cell in cells[3:]))


ROWS = list(rows())


@inferlet
async def shout(text: str) -> str:
    """Shout."""
    return text.upper()


SHOUT = shout.manifest.model_copy(
    update={"package": shout.manifest.package.model_copy(update={"version": "1.0.0"})}
)
"""The manifest of the function, installed under another version than the one that is derived from it."""


class Script:
    """The place where lines run: what they name exists when they name it."""

    def __init__(self, client: PieClient, engine: LocalEngine, folder: Path) -> None:
        self._client = client
        self._names: dict[str, object] = {
            **{name: getattr(pie_client, name) for name in dir(pie_client)},
            "client": client,
            "uri": engine.uri,
            "token": engine.token,
            "shout": shout,
            "json": json,
            "Path": Path,
            "python": sys.executable,
            "mcp_server": str(ROOT / "tests/support/mcp_package_server.py"),
            "installed": ("old.wasm", "old.toml"),
        }
        self._makers: dict[str, Callable[[], Awaitable[object]]] = {
            "process": self._process,
            "info": self._info,
            "file": self._file,
            "port": self._port,
            "key": self._key,
        }
        (folder / "old.wasm").write_bytes(component(b"old"))
        (folder / "old.toml").write_text(MANIFEST.format(name="old"))

    async def _process(self) -> object:
        return await self._client.launch_process("files@1.0.0")

    async def _info(self) -> object:
        await self._client.launch_process("wait@1.0.0")
        return (await self._client.list_processes())[0]

    async def _file(self) -> object:
        process = await self._client.launch_process("files@1.0.0")
        await process.recv()
        await process.transfer_file(b"some bytes")
        return next(value for _, value in [await process.recv()] if isinstance(value, FileEvent))

    async def _key(self) -> object:
        return ParsedPrivateKey.from_file("~/.ssh/id_ed25519")

    async def _port(self) -> object:
        return free_port()

    async def run(self, code: str) -> None:
        """Run a line, as the body of an async function of a module."""
        compiled = compile(code, code, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        for name, make in self._makers.items():
            if name in compiled.co_names and name not in self._names:
                self._names[name] = await make()
        if "text" in compiled.co_names:  # of a process that ends
            self._names["process"] = await self._client.launch_process("count@1.0.0", 3)
        if "run" in compiled.co_names:
            await self._client.install_program_bytes(shout.source.encode(), SHOUT, True)
        if "installed" in compiled.co_names:
            await self._client.install_program("old.wasm", "old.toml", force_overwrite=True)
        result: object = eval(compiled, self._names)  # noqa: S307 - lines of our own page
        if inspect.isawaitable(result):
            await result


async def serve(request: DaemonRequest) -> DaemonResponse:
    """Answer a request."""
    return DaemonResponse(body=request.body)


async def outcome(script: Script, code: str) -> str | None:
    """Run a line and return the error that it raises, with its class."""
    try:
        async with asyncio.timeout(TIMEOUT):
            await script.run(code)
    except Exception as error:  # noqa: BLE001 - every failure is reported
        return f"{type(error).__name__}: {error}"
    return None


def agree(error: str | None, expected: str | None) -> bool:
    """Return whether an error, if there is one, begins as expected, and is a single line."""
    if error is None or expected is None:
        return error is expected
    begin = ".*".join(map(re.escape, expected.split("…")))
    return re.match(begin, error) is not None and "\n" not in error


@pytest.mark.parametrize("release", RELEASES)
async def test_every_line_of_the_page_works_or_fails_as_it_says(
    release: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".ssh").mkdir(mode=0o700)
    ed25519_key(tmp_path / ".ssh")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    Path("greet.wasm").write_bytes(component(b"greet"))
    Path("Pie.toml").write_text(MANIFEST.format(name="greet"))
    unexpected: dict[str, str | None] = {}
    async with AsyncExitStack() as stack:
        family: Family = "0.4" if release == "0.4.0" else "0.5"
        engine = await stack.enter_async_context(
            LocalEngine(family=family, builtins=True, allow_scripts=family == "0.5")
        )
        if family == "0.4":
            engine.daemon("serve@1.0.0")(serve)
        for row in ROWS:
            if release not in row.releases:
                continue
            async with PieClient(engine.uri, timeout=TIMEOUT) as client:
                script = Script(client, engine, tmp_path)
                outcomes = {row.code: row.error} | ({row.now: None} if row.now else {})
                for code, expected in outcomes.items():
                    found = await outcome(script, code)
                    if not agree(found, expected):
                        unexpected[code] = found
    assert unexpected == {}, json.dumps(unexpected, indent=1)


@pytest.mark.parametrize("release", RELEASES)
def test_the_page_has_every_name_that_is_not_missing_for_a_reason(release: str) -> None:
    missing = {line.removesuffix(" is missing") for line in reasons() if line.endswith(" is missing")}
    wanted: set[str] = set()
    for name, published in recorded(release)["names"].items():
        if f"pie_client.{name}" not in missing:
            wanted.add(name)
            members = {*published.get("methods", ()), *published.get("attributes", ())}
            wanted |= {each for each in members if f"{name}.{each}" not in missing and "__" not in each}
    written = {word for row in ROWS if release in row.releases for word in re.findall(r"\w+", row.code)}
    assert wanted - written == set()
