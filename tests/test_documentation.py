"""Every code block of the README and of docs/ runs as a user pastes it: in a file, started with Python.

Only the server's address is replaced.
"""

import asyncio
import contextlib
import os
import re
import signal
import sys
import tomllib
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path

import pytest

from pie_client import Family, PieClient, models
from pie_client.testing import LocalEngine
from tests.support.keys import ed25519_key
from tests.support.pages import write_files
from tests.support.repository import ROOT
from tests.support.tools import need

PAGES = {
    name: (ROOT / name).read_text(encoding="utf-8")
    for name in (
        "README.md",
        "docs/index.md",
        "docs/chat.md",
        "docs/batch.md",
        "docs/mcp-tools.md",
        "docs/testing-an-application.md",
        "docs/notebooks.md",
        "docs/synchronous.md",
        "docs/timeouts.md",
        "docs/proxies-and-tls.md",
        "docs/usage.md",
        "docs/map.md",
        "docs/testing.md",
        "docs/back-pressure.md",
        "docs/reconnecting.md",
        "docs/observability.md",
    )
}
ELSEWHERE = {
    "RELEASING.md": "tests/release/test_releasing.py",
    "docs/changing-the-protocol.md": "tests/codegen/test_changing_the_protocol.py",
    "docs/command-line.md": "tests/cli/test_transcripts.py",
    "docs/fastapi.md": "tests/test_fastapi_service.py",
    "docs/other-languages.md": "tests/test_other_languages.py",
    "docs/typed-inferlets.md": "tests/typed/test_typed.py",
}
"""Pages with programs or commands that other modules run."""
BLOCK = re.compile(
    r"<!-- (snippet: (?P<name>\w+)|program|file: [\w.]+) -->\n```python\n(?P<code>.*?)```", re.DOTALL
)
OUTPUT = re.compile(r"<!-- output: (?P<name>\w+) -->\n```text\n(?P<text>.*?)```", re.DOTALL)
INPUT = re.compile(r"<!-- input: (?P<name>\w+) -->\n```text\n(?P<text>.*?)```", re.DOTALL)
PLACE = "        ...\n"
"""The line of a page's program that its other blocks replace."""
MARKED_0_4 = {"usage:batch", "usage:mcp", "usage:agent"}
"""Blocks whose text says that they need a server of the 0.4 family."""
DEADLINE = 60


@dataclass(frozen=True)
class Block:
    """A code block of a page, as the complete file that a user gets by pasting it."""

    code: str
    page: str
    family: Family = "0.5"
    authenticates: bool = False


def _blocks() -> dict[str, Block]:
    found: dict[str, Block] = {}
    for page, text in PAGES.items():
        program = ""
        for block in BLOCK.finditer(text):
            code = block["code"]
            if block[1] == "program":
                program = code
            if block["name"] is None:
                continue
            name = f"{Path(page).stem.lower()}:{block['name']}"
            if program and "asyncio.run(" not in code:
                code = program.replace(
                    PLACE, "".join(f"        {line}\n" if line else "\n" for line in code.splitlines())
                )
            authenticates = name in ("readme:authenticate", "usage:agent")
            family: Family = "0.4" if authenticates or name in MARKED_0_4 else "0.5"
            found[name] = Block(code, page, family, authenticates)
    return found


BLOCKS = _blocks()
OUTPUTS = {
    f"{Path(page).stem.lower()}:{output['name']}": output["text"]
    for page, text in PAGES.items()
    for output in OUTPUT.finditer(text)
}
"""The whole output of a block, where a page shows it."""
INPUTS = {
    f"{Path(page).stem.lower()}:{found['name']}": found["text"]
    for page, text in PAGES.items()
    for found in INPUT.finditer(text)
}
"""What a user types into a block."""
UNORDERED = {"map:program"}
"""Blocks whose lines come in any order; they are compared sorted."""
PRINTED = {
    "readme:stream": "1\n2\n3\n4\n5\nreturned 5\n",
    "readme:result": "2\n",
    "readme:authenticate": "ServerInfo(family='0.4', title='Pie 0.3 and 0.4', username='alice')\n",
    "readme:function": "['HELLO', 'HELLO']\n",
    "readme:map": "0 0\n1 1\n2 2\n3 3\n4 4\n",
    "readme:errors": "not installed: launch_process of 'does-not-exist@0.1.0' refused: ",
    "readme:reconnect": "5\n",
    "readme:local": "hello, Ada\n",
    "index:first": "StdoutEvent",
    "chat:chat": "Hello Ada, ",
    "batch:batch": "a.txt: ",
    "mcp-tools:tools": "(<Event.Message: 'message'>, ",
    "timeouts:limits": "no result within",
    "synchronous:stream": "1\n2\n3\n3\n",
    "synchronous:function": "['HELLO']\n",
    "synchronous:map": "0 0\n1 1\n2 2\n3 3\n",
    "synchronous:threads": "['Ada', 'Grace', 'Barbara']\n",
    "usage:install": "{size} of {size} bytes\nhello, Ada\n",
    "usage:function": "['HELLO', 'HELLO']\n",
    "usage:gather": "[0, 1, 2]\n",
    "usage:batch": "['1', '2', '3']\n",
    "usage:end_with_block": "left running: []\n",
    "back-pressure:choose": "StdoutEvent(value='1\\n')\n",
    "usage:come_back": "hurry up\n",
    "usage:send_file": "(<Event.Message: 'message'>, 'ready')\n18 of 18 bytes\n{{'bytes': 18,",
    "usage:receive_file": "downloads/",
    "usage:mcp": "",
    "usage:agent": "",
    "usage:failures": "install it first\n",
    "reconnecting:again": "5\n",
    "reconnecting:policy": "ready\n",
    "reconnecting:states": "ready\n",
    "reconnecting:gaps": "3\n",
    "map:function": "0 one ['ONE']\n1 two ['TWO']\n2 three ['THREE']\n",
    "map:program": "1\n2\n3\n4\n",
    "map:leave": "running: []\n",
    "map:retries": "1\nprocess ",
    "map:progress": "1 of 3 done, 0 failed, 0 running\n2 of 3 done, 0 failed, 0 running\n3 of",
    "map:journal": "1 ['ONE'] False\n1 ['TWO'] False\n2 ['ONE'] True\n2 ['TWO'] True\n",
    "observability:session": "DEBUG pie_client.connector: ",
    "observability:service": "INFO pie_client.connector: ",
    "observability:observe": "1 -> auth_identify ",
    "observability:raw": "Pong\n",
    "observability:otel": "connect None None\n",
    "observability:context": "True True\n",
    "testing:engine": "(<Event.Message: 'message'>, 'your name?')\nhello, Ada\n",
    "testing:alter": "UnknownEvent\nCorruptEvent\nReturnEvent\n",
    "testing:faults": "no reply, but it runs: ['wait@1.0.0']\nconnection lost\n",
}
"""What each block prints, or how it begins."""


def test_every_code_block_is_run() -> None:
    assert BLOCKS.keys() == PRINTED.keys()
    assert OUTPUTS.keys() | INPUTS.keys() <= BLOCKS.keys()
    for page, text in PAGES.items():
        marked = [block for block in BLOCK.finditer(text) if block[1] != "program"]
        programs = text.count("<!-- program -->")
        assert text.count("```python\n") == len(marked) + programs, page


def test_every_page_with_programs_is_run() -> None:
    pages = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("schema/**/README.md")]
    texts = {page.relative_to(ROOT).as_posix(): page.read_text(encoding="utf-8") for page in pages}
    with_programs = {
        page for page, text in texts.items() if re.search(r"^```(python|sh|console)$", text, re.M)
    }
    assert with_programs == {page for page in PAGES if "```" in PAGES[page]} | ELSEWHERE.keys()
    for page, module in ELSEWHERE.items():
        assert Path(page).name in (ROOT / module).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", BLOCKS)
async def test_a_code_block_runs_as_pasted(name: str, tmp_path: Path) -> None:
    if name == "usage:mcp":
        need("npx")
    block = BLOCKS[name]
    (tmp_path / ".ssh").mkdir(mode=0o700)
    key, public = ed25519_key(tmp_path / ".ssh")
    auth = {"alice": [public]} if block.authenticates else None
    home = {"HOME": str(tmp_path)} if block.authenticates else {}
    async with (
        LocalEngine(
            family=block.family, auth=auth, builtins=True, allow_scripts=block.family == "0.5"
        ) as engine,
        agent(key) if name == "usage:agent" else contextlib.nullcontext(dict[str, str]()) as environment,
    ):
        code = block.code.replace("ws://127.0.0.1:8080", engine.uri)
        (tmp_path / "pasted.py").write_text(code, encoding="utf-8")
        write_files(block.page, tmp_path)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-W", "error", "pasted.py"),
            cwd=tmp_path,
            env={**os.environ, **home, **environment},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(DEADLINE):
            out, err = await process.communicate(INPUTS.get(name, "").encode())
    assert (process.returncode, err.decode()) == (0, "")
    script = tmp_path / "greet.py"
    size = script.stat().st_size if script.exists() else 0
    printed, expected = out.decode(), PRINTED[name].format(size=size)
    if name in UNORDERED:
        printed = "".join(sorted(printed.splitlines(keepends=True)))
    assert printed.startswith(expected)
    if name in OUTPUTS:
        assert _without_measures(out.decode()) == _without_measures(OUTPUTS[name])


async def test_ctrl_c_leaves_the_chat_while_it_waits_for_a_line(tmp_path: Path) -> None:
    async with LocalEngine(allow_scripts=True) as engine, asyncio.timeout(DEADLINE):
        code = BLOCKS["chat:chat"].code.replace("ws://127.0.0.1:8080", engine.uri)
        (tmp_path / "chat.py").write_text(code, encoding="utf-8")
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-W", "error", "chat.py"),
            cwd=tmp_path,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"hello\n")
        await process.stdout.readuntil(b"1. You said: hello\n")
        process.send_signal(signal.SIGINT)
        assert await process.wait() == 0  # standard input is still open
        out, err = await process.communicate()
        async with PieClient(engine.uri) as client:
            assert await client.list_processes() == []
    assert (out, err) == (b"", b"")


def _without_measures(text: str) -> str:
    """Return a text without durations, ports and ids of processes."""
    text = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "-", text)
    return re.sub(r"[0-9.]+ ms", "- ms", re.sub(r"127\.0\.0\.1:[0-9]+", "127.0.0.1:-", text))


@pytest.mark.parametrize("name", ["readme:reconnect", "reconnecting:again"])
async def test_a_loop_that_launches_again_outlives_a_restart_that_is_slower_than_its_timeout(
    name: str,
) -> None:
    async with asyncio.timeout(DEADLINE):
        async with LocalEngine(builtins=True) as engine:
            port = int(engine.uri.rpartition(":")[2])
            code = BLOCKS[name].code.replace("ws://127.0.0.1:8080", engine.uri)
            code = code.replace("Reconnect()", "Reconnect(attempts=1000, max_delay=0.2), timeout=2")
            with engine.faults.lose_reply(models.LaunchProcessRequest) as fault:
                process = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-u", "-W", "error", "-c", code), stdout=asyncio.subprocess.PIPE
                )
                await fault.happened()
        assert process.stdout is not None
        assert (await process.stdout.readline()).startswith(b"launching it again: launch_process sent, but")
        assert (await process.stdout.readline()).startswith(b"the server is still away: launch_process not")
        async with LocalEngine(builtins=True, port=port):
            out, _ = await process.communicate()
    assert (process.returncode, out) == (0, b"5\n")


async def test_the_engine_in_a_terminal_loads_the_file_of_the_page(tmp_path: Path) -> None:
    write_files("docs/testing.md", tmp_path)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "pie_client.testing", "--port", "0", "--no-builtins", "--load", "app.py"),
        cwd=tmp_path,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    async with asyncio.timeout(DEADLINE):
        await process.stdout.readline()
        assert await process.stdout.readline() == b"  greet@1.0.0  Return a greeting.\n"
        process.terminate()
        assert await process.wait() == 0


def test_every_command_of_the_readme_is_run_by_ci() -> None:
    commands = re.findall(r"```sh\n(.*?)\n```", PAGES["README.md"], re.DOTALL)
    assert len(commands) == 2
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    assert [line for line in script if line in commands] == commands


def test_the_readme_names_every_extra() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    named = re.findall(r"^\| `(\w+)` \|", PAGES["README.md"], re.MULTILINE)
    assert sorted(named) == sorted(project["optional-dependencies"])


def test_every_local_link_leads_to_a_file() -> None:
    for page in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), ROOT / "schema/README.md"]:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[\w-]*)?\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


@contextlib.asynccontextmanager
async def agent(key: Path) -> AsyncGenerator[dict[str, str]]:
    """Run an ssh-agent with one key; yields the environment that leads to it."""
    need("ssh-agent", "ssh-add")
    socket = key.parent / "agent"
    process = await asyncio.create_subprocess_exec(
        *("ssh-agent", "-D", "-a", str(socket)), stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(DEADLINE):
            await process.stdout.readline()  # it listens
        environment = {"SSH_AUTH_SOCK": str(socket)}
        adding = await asyncio.create_subprocess_exec(
            *("ssh-add", "-q", str(key)), env={**os.environ, **environment}
        )
        async with asyncio.timeout(DEADLINE):
            assert await adding.wait() == 0
        yield environment
    finally:
        process.terminate()
        await process.wait()
