"""Every line of the tables in docs/migrating.md does what the page says, on a server of its family."""

import ast
import asyncio
import inspect
import json
import re
import shlex
import sys
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import NoReturn

import pytest

import pie_client
from pie_client import Family, FileEvent, ParsedPrivateKey, PieClient, inferlet
from pie_client.cli import main
from pie_client.testing import DaemonRequest, DaemonResponse, LocalEngine
from tests.cli.test_in_this_process import running
from tests.published.comparing import RELEASES, recorded
from tests.published.failing import NOTHING, Servers, outcomes
from tests.published.page import agree, error_in, errors_of, table
from tests.published.test_signatures import reasons
from tests.support.keys import ed25519_key
from tests.support.peers import TIMEOUT, component, free_port
from tests.support.repository import ROOT

DIFFERENT, SAME = table("What is different"), table("The same")
MANIFEST = '[package]\nname = "{name}"\nversion = "1.0.0"\n'


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
            "identity": "tenant/user",
            "token": engine.token,
            "shout": shout,
            "json": json,
            "Path": Path,
            "python": sys.executable,
            "mcp_server": str(ROOT / "tests/support/mcp_package_server.py"),
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
        if "async for" in code:  # of a process that ends
            self._names["process"] = await self._client.launch_process("count@1.0.0", 3)
        if "run" in compiled.co_names:
            await self._client.install_program_bytes(shout.source.encode(), SHOUT, True)
        if "old.wasm" in code:
            await self._client.install_program("old.wasm", "old.toml", force_overwrite=True)
        result: object = eval(compiled, self._names)  # noqa: S307 - lines of our own page
        if inspect.isawaitable(result):
            await result


async def serve(request: DaemonRequest) -> DaemonResponse:
    """Answer a request."""
    return DaemonResponse(body=request.body)


async def outcome(script: Script, code: str) -> str:
    """Run a line and return the error that it raises, with its class, or NOTHING."""
    try:
        async with asyncio.timeout(TIMEOUT):
            await script.run(code)
    except Exception as error:  # noqa: BLE001 - every failure is reported
        return f"{type(error).__name__}: {error}"
    return NOTHING


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
    unexpected: dict[str, str] = {}
    async with AsyncExitStack() as stack:
        family: Family = "0.4" if release == "0.4.0" else "0.5"
        engine = await stack.enter_async_context(
            LocalEngine(family=family, builtins=True, allow_scripts=family == "0.5")
        )
        if family == "0.4":
            engine.daemon("serve@1.0.0")(serve)
        for row in (row for row in (*DIFFERENT, *SAME) if release in row.releases):
            async with PieClient(engine.uri, timeout=TIMEOUT) as client:
                script = Script(client, engine, tmp_path)
                now, error = (cell.strip("`") for cell in row.cells or (row.code, NOTHING))
                for code, expected in {row.code: error, now: NOTHING}.items():
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
    lines = [row.code for row in (*DIFFERENT, *SAME) if release in row.releases]
    written = {word for line in lines for word in re.findall(r"\w+", line)}
    assert wanted - written == set()


@pytest.mark.parametrize("release", RELEASES)
async def test_every_error_is_of_the_class_that_the_page_names(release: str) -> None:
    """`nox -s interop` compares the column before it with the published clients."""
    family: Family = "0.4" if release == "0.4.0" else "0.5"
    async with (
        LocalEngine(family=family, builtins=True) as engine,
        LocalEngine(family="0.4", auth={"alice": []}) as guarded,
    ):
        expected = {row.code: error_in(row.cells[1]) for row in errors_of(release)}
        assert await outcomes(Servers(engine.uri, guarded.uri), [*expected]) == expected


def test_the_command_says_what_to_write_and_that_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ed25519_key(tmp_path)
    monkeypatch.setenv("PIE_CONFIG", str(tmp_path / "none.toml"))
    monkeypatch.chdir(tmp_path)
    with running(LocalEngine(family="0.4", builtins=True, keep_detached=True)) as engine:
        monkeypatch.setenv("PIE_URI", engine.uri)
        assert main(["submit", "wait@1.0.0", "--detach"]) == 0
        process_id = capsys.readouterr().out[:8]
        for row in table("The command"):
            write, says = (cell.strip("`") for cell in row.cells)
            assert main(shlex.split(row.code)[1:]) == 2, row.code
            assert agree(capsys.readouterr().err.removeprefix("pie-client: ").rstrip(), says), row.code
            for name, value in {
                "3f1c": process_id,
                "ws://127.0.0.1:8080": engine.uri,
                "~/.ssh": str(tmp_path),
            }.items():
                write = write.replace(name, value)
            assert main(shlex.split(write)[1:]) == 0, capsys.readouterr().err
            capsys.readouterr()


async def test_run_calls_no_method_that_a_subclass_overrides() -> None:
    class Subclass(PieClient):
        async def _unexpected(self, *args: object, **options: object) -> NoReturn:
            raise AssertionError((args, options))

        launch_process = check_program = install_program_bytes = _unexpected

    async with LocalEngine(allow_scripts=True) as engine, Subclass(engine.uri) as client:
        process = await client.run(shout, text="hello")
        assert await process.result() == "HELLO"
