"""Every command, in a pipe and in a terminal. The scenarios run the same table on servers of the 0.5 family."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import JsonValue
from typer.core import TyperGroup
from typer.main import get_command

from pie_client.cli.app import app
from pie_client.testing import InferletSession, LocalEngine, ProcessFailure
from tests.cli.commands import Runner
from tests.cli.table import USER, Programs, check_rows, check_server, rows, rows_without_server
from tests.cli.transcripts import registry
from tests.support.peers import COMPONENT, tcp_peer

needs_terminals = pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals are Unix's")
long = pytest.mark.soak


def commands(group: TyperGroup, before: str = "") -> Iterator[str]:
    """Yield the names of all commands."""
    for name, command in group.commands.items():
        if isinstance(command, TyperGroup):
            yield from commands(command, f"{before}{name} ")
        else:
            yield f"{before}{name}"


def test_every_command_is_in_the_table() -> None:
    group = get_command(app)
    assert isinstance(group, TyperGroup)
    table = [*rows("0.4", Programs()), *rows_without_server("")]
    missing = [
        name for name in commands(group) if not any(f"{row.line} ".startswith(f"{name} ") for row in table)
    ]
    assert missing == []


@pytest.mark.parametrize(
    ("place", "short"),
    [
        pytest.param("pipe", True, id="pipe"),
        pytest.param("pipe", False, id="pipe, long", marks=long),
        pytest.param("terminal", False, id="terminal, long", marks=[long, needs_terminals]),
    ],
)
async def test_every_command_works_with_a_0_4_server(place: str, short: bool, tmp_path: Path) -> None:
    """D80, D83"""
    programs = Programs()
    programs.write(tmp_path)
    (tmp_path / "built.wasm").write_bytes(COMPONENT)
    async with LocalEngine(family="0.4", keep_detached=True) as engine:
        _add_programs(engine, programs)
        runner = Runner(tmp_path, {"PIE_URI": engine.uri, "PIE_USERNAME": USER})
        await check_server("0.4", programs, place, runner, short=short)


def _add_programs(engine: LocalEngine, programs: Programs) -> None:
    """Add what the scripts of the table do."""

    @engine.inferlet(programs.greet)
    async def greet(session: InferletSession, input: JsonValue) -> JsonValue:
        assert isinstance(input, dict)
        if "name" not in input:
            raise ProcessFailure("TypeError: missing argument 'name'")
        session.send_file(b"some notes")
        return f"hello, {input['name']}"

    @engine.inferlet(programs.wait)
    async def wait(session: InferletSession, input: JsonValue) -> JsonValue:
        session.print("up")
        return await session.receive()


@needs_terminals
@pytest.mark.parametrize("short", [True, pytest.param(False, marks=long)])
async def test_every_command_works_without_a_server(short: bool, tmp_path: Path) -> None:
    Programs().write(tmp_path)
    async with tcp_peer(registry) as address:
        runner = Runner(tmp_path, {"PIE_CONFIG": str(tmp_path / "config.toml")})
        await check_rows(rows_without_server(f"http://{address}"), "terminal", runner, short=short)
