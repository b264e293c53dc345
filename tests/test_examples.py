"""What the README and the examples show runs as it is printed; only addresses and key paths change."""

import asyncio
import contextlib
import json
import re
import subprocess
import sys
import textwrap
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path
from typing import cast

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from pydantic import BaseModel, JsonValue

import pie_client
import pie_client.models
import pie_client.testing
from pie_client import Family
from pie_client.testing import InferletSession, LocalEngine
from tests.support.peers import COMPONENT
from tests.support.tools import need

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
USAGE = (ROOT / "docs" / "usage.md").read_text(encoding="utf-8")
SNIPPET = re.compile(r"<!-- snippet: (\w+) -->\n```python\n(.*?)```", re.DOTALL)
TESTING = (ROOT / "docs" / "testing.md").read_text(encoding="utf-8")
SNIPPETS = {
    f"{document}:{name}": code
    for document, text in (("readme", README), ("usage", USAGE), ("testing", TESTING))
    for name, code in SNIPPET.findall(text)
}
QUICKSTART = ROOT / "examples" / "quickstart.py"


def quickstart(*arguments: str) -> "subprocess.Popen[str]":
    """Start the quickstart."""
    return subprocess.Popen(  # noqa: S603 - our own example, our own interpreter
        [sys.executable, "-W", "error", str(QUICKSTART), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_the_quickstart_streams_text_and_prints_the_return_value_without_a_server() -> None:
    process = quickstart()
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    first, text, done = out.splitlines()
    assert "no model runs in it" in first
    assert text.startswith("Hello world, said the embedded engine")
    assert done.startswith('[done] {"text": "Hello world')


async def test_the_quickstart_runs_on_a_server_that_asks_for_a_key(tmp_path: Path) -> None:
    key, public = key_pair(tmp_path)
    async with LocalEngine(family="0.4", auth={"alice": [public]}) as engine:

        @engine.inferlet("shout@1.0.0")
        async def shout(session: InferletSession, input: JsonValue) -> JsonValue:
            session.send(f"{input}!")
            return session.username

        process = quickstart(engine.uri, "--inferlet", "shout@1.0.0", "--input", '"hey"', "--key", str(key))
        out, err = await asyncio.to_thread(process.communicate, timeout=60)
    assert (process.returncode, err) == (0, "")
    assert out == 'hey!\n[done] "alice"\n'


def test_the_map_over_lines_runs_without_a_server_and_reads_standard_input() -> None:
    script = QUICKSTART.with_name("map_lines.py")
    done = subprocess.run(  # noqa: S603 - our own example, our own interpreter
        [sys.executable, "-W", "error", str(script), "-", "--jobs", "2"],
        input="one two\n\nthree\n",
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0
    assert done.stdout == (
        '{"line": 1, "result": {"characters": 7, "words": 2, "longest": "one"}}\n'
        '{"line": 3, "result": {"characters": 5, "words": 1, "longest": "three"}}\n'
    )
    assert "no model runs in it" in done.stderr


async def test_the_map_over_lines_tries_again_what_has_no_result_in_time(tmp_path: Path) -> None:
    text = tmp_path / "text"
    text.write_text("1\n2\n3\n", encoding="utf-8")
    options = ("--inferlet", "echo@1.0.0", "--input", '["{}"]', "--timeout", "1", "--attempts", "2")
    async with LocalEngine(builtins=True) as engine:
        engine.faults.never_end(times=2)
        script = QUICKSTART.with_name("map_lines.py")
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-W", "error", script, text, engine.uri, *options),
            stdout=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(60):
            out, _ = await process.communicate()
        assert engine.processes == {}
    assert process.returncode == 0
    assert [json.loads(line)["result"] for line in out.splitlines()] == [["1"], ["2"], ["3"]]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["ws://127.0.0.1:1"], "could not connect to ws://127.0.0.1:1"),
        ([""], "server_uri is not a WebSocket URI"),
        (["--key", "no-such-file"], "quickstart: no-such-file: No such file or directory"),
        (["--key", "."], "quickstart: .: Is a directory"),
        (["--input", "{bad"], "quickstart: --input is not JSON: Expecting"),
        (["--inferlet", "-"], "no program"),
    ],
)
def test_the_quickstart_tells_a_mistake_in_one_line(arguments: list[str], said: str) -> None:
    process = quickstart(*arguments)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert err.startswith("quickstart: ")
    assert err.count("\n") == 1
    assert said in err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--timeout", "-1"], "error: --timeout -1 leaves no line any time"),
        (["--timeout", "0"], "error: --timeout 0 leaves no line any time"),
        (["--timeout", "nan"], "error: --timeout nan leaves no line any time"),
        (["--jobs", "0"], "error: --jobs 0 runs nothing"),
        (["--attempts", "0"], "error: --attempts 0 runs nothing"),
        (["--input", "{bad"], "error: argument --input: not JSON: Expecting"),
    ],
)
def test_the_map_over_lines_refuses_options_that_make_no_sense(arguments: list[str], said: str) -> None:
    done = map_lines("-", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_the_map_over_lines_names_a_file_that_it_cannot_read(tmp_path: Path) -> None:
    done = map_lines("no-such-file")
    assert (done.returncode, done.stderr) == (1, "map_lines: no-such-file: No such file or directory\n")
    (tmp_path / "bytes").write_bytes(b"one\n\xff\n")
    done = map_lines(str(tmp_path / "bytes"))
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("map_lines: 'utf-8' codec can't decode byte 0xff")
    assert "Traceback" not in done.stderr


def map_lines(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run the map over lines, with nothing on its standard input."""
    return subprocess.run(  # noqa: S603 - our own example, our own interpreter
        [sys.executable, "-W", "error", str(QUICKSTART.with_name("map_lines.py")), *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


async def test_the_map_over_lines_tells_in_one_line_that_its_server_is_gone(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("1\n2\n3\n", encoding="utf-8")
    async with LocalEngine() as engine:

        @engine.inferlet("drop@1.0.0")
        async def drop(session: InferletSession, input: JsonValue) -> JsonValue:
            engine.faults.drop_connection()
            return await session.receive()

        text = str(tmp_path / "text")
        done = await asyncio.to_thread(map_lines, text, engine.uri, "--inferlet", "drop@1.0.0", "--jobs", "1")
    assert (done.returncode, done.stdout) == (1, "")
    tally, said = done.stderr.splitlines()
    assert tally == "0 lines done, 0 of them failed"
    assert said.startswith("map_lines: ")
    assert "connection" in said


@pytest.mark.parametrize("example", ["quickstart.py", "map_lines.py"])
def test_an_example_tells_in_one_line_that_its_output_can_not_be_written(example: str) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    arguments = [str(ROOT / "README.md")] if example == "map_lines.py" else []
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(  # noqa: S603 - our own example, our own interpreter
            [sys.executable, str(QUICKSTART.with_name(example)), *arguments],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=60,
        )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].endswith(": output: No space left on device")
    assert "Traceback" not in done.stderr


def test_every_command_of_the_readme_is_run_by_ci() -> None:
    commands = re.findall(r"```sh\n(.*?)\n```", README, re.DOTALL)
    assert len(commands) == 2
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    assert [line for line in script if line in commands] == commands


def test_every_snippet_is_run() -> None:
    assert SNIPPETS.keys() == EXPECTED.keys()
    # test_pytest_plugin.py runs those.
    whole_files = len(re.findall(r"<!-- file: \w+\.py -->", TESTING))
    assert (README + USAGE + TESTING).count("```python") == len(SNIPPETS) + whole_files


@pytest.mark.parametrize("name", SNIPPETS)
async def test_a_snippet_runs_as_printed(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if name == "usage:mcp":
        need("npx")
    monkeypatch.chdir(tmp_path)
    key, public = key_pair(tmp_path)
    write_files(tmp_path)
    family: Family = "0.5" if name in ("usage:function", "usage:receive_file") else "0.4"
    users = {"alice": [public]} if name in ("readme:connect", "usage:agent") else None
    async with (
        LocalEngine(family=family, auth=users, allow_scripts=family == "0.5") as engine,
        registry() as registry_url,
    ):
        register_programs(engine)
        code = (
            SNIPPETS[name]
            .replace("ws://127.0.0.1:8080", engine.uri)
            .replace("~/.ssh/id_ed25519", str(key))
            .replace("https://registry.example.org", registry_url)
            .replace("/tmp/sandbox", str(tmp_path))  # noqa: S108 - it is replaced
        )
        async with pie_client.PieClient(engine.uri, timeout=90) as client:
            names: dict[str, object] = {
                **{n: getattr(pie_client.testing, n) for n in pie_client.testing.__all__},
                "BaseModel": BaseModel,
                "JsonValue": JsonValue,
                "Path": Path,
                "asyncio": asyncio,
                "models": pie_client.models,
                "client": client,
            }
            names |= {n: getattr(pie_client, n) for n in pie_client.__all__}
            if name == "usage:agent":
                names["agent_keys"] = agent_of(key)
            if name in ("usage:send_file", "usage:receive_file"):
                names["process"] = await client.launch_process("files@1.0.0")
            await run(code, names, tmp_path / "snippet.py")
    out = capsys.readouterr().out
    assert EXPECTED[name](out), out


EXPECTED: dict[str, Callable[[str], bool]] = {
    "readme:connect": lambda out: "username='alice'" in out,
    "readme:stream": lambda out: out.startswith("one two") and Path("downloads").exists(),
    "readme:result": lambda out: out == "2\n",
    "readme:install": lambda out: out == "",
    "readme:errors": lambda out: out.startswith(
        "install it first: launch_process of 'does-not-exist@0.1.0' refused"
    ),
    "readme:local": lambda out: out == "done\n",
    "usage:install": lambda out: out == "8 of 8 bytes\n",
    "usage:resolve": lambda out: out == "",
    "usage:function": lambda out: out == "['HELLO', 'HELLO']\n",
    "usage:gather": lambda out: out == "[0, 2, 4]\n",
    "usage:batch": lambda out: out == "['2', '4', '6']\n",
    "usage:come_back": lambda out: out == "KV cache reuse\n",
    "usage:send_file": lambda out: out == "",
    "usage:receive_file": lambda out: out == "downloads/photo.png\n",
    "usage:mcp": lambda out: out == "",
    "usage:agent": lambda out: out == "",
    "usage:failures": lambda out: out == "install it first\n",
    "testing:engine": lambda out: out == "hello, Ada\n",
    "testing:faults": lambda out: out == "no reply, but it runs: ['wait@1.0.0']\nlost\n",
    "testing:register": lambda out: out == "",
    "usage:engine": lambda out: out == "(<Event.Message: 'message'>, 'your name?')\nhello, Ada\n",
}


def write_files(folder: Path) -> None:
    """Write the files that snippets name."""
    (folder / "build.wasm").write_bytes(COMPONENT)
    (folder / "Pie.toml").write_text('[package]\nname = "greet"\nversion = "1.0.0"\n', encoding="utf-8")
    (folder / "photo.png").write_bytes(b"photo")


@contextlib.asynccontextmanager
async def registry() -> AsyncGenerator[str]:
    """Run a program registry that knows one program."""
    listing = b'{"versions": [{"num": "1.0.0"}]}'

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(listing) + listing
        )
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


def agent_of(key: Path) -> Callable[[], Awaitable[list[pie_client.Signer]]]:
    """Stand in for an ssh-agent, which test_agent.py runs for real."""

    async def keys() -> list[pie_client.Signer]:
        return [pie_client.ParsedPrivateKey.from_file(key)]

    return keys


def register_programs(engine: LocalEngine) -> None:
    """Give the engine what the snippets launch."""

    @engine.inferlet("text-completion@0.1.0")
    async def completion(session: InferletSession, _input: JsonValue) -> JsonValue:
        session.print("one two", end="")
        session.send_file(b"file")
        return {"text": "one two", "words": 2}

    @engine.inferlet("double@1.0.0")
    async def double(_session: InferletSession, input: JsonValue) -> JsonValue:
        assert isinstance(input, int)
        return input * 2

    @engine.inferlet("long-task@1.0.0")
    async def long_task(session: InferletSession, input: JsonValue) -> JsonValue:
        assert isinstance(input, dict)
        assert await session.receive() == "hurry up"
        return input["topic"]

    @engine.inferlet("files@1.0.0")
    async def files(session: InferletSession, _input: JsonValue) -> JsonValue:
        session.send_file(b"photo", "photo.png")
        return None


async def run(code: str, names: dict[str, object], path: Path) -> None:
    """Run a snippet as the body of an async function, in a file, where the source of its functions can be found."""
    source = "async def snippet():\n" + textwrap.indent(code, "    ")
    path.write_text(source, encoding="utf-8")
    exec(compile(source, str(path), "exec"), names)  # noqa: S102 - our own documents
    await cast("Callable[[], Awaitable[None]]", names["snippet"])()


def key_pair(folder: Path) -> tuple[Path, str]:
    """Make a private key file, and its public half as an OpenSSH line."""
    key = Ed25519PrivateKey.generate()
    path = folder / "id_ed25519"
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
    path.chmod(0o600)
    return path, key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
