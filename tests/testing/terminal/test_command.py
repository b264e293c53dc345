"""The engine in a terminal, as a process of its own."""

import asyncio
import contextlib
import dataclasses
import inspect
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import pytest

from pie_client import (
    Event,
    HandshakeError,
    ParsedPrivateKey,
    PieClient,
    PieConnectionError,
    ProcessError,
    ProgramNotFoundError,
    RefusedError,
)
from pie_client.testing import LocalEngine, ScriptLimits
from pie_client.testing.engine.builtins import BUILTINS
from pie_client.testing.terminal.command import main
from tests.support.keys import ed25519_key
from tests.support.peers import TIMEOUT
from tests.support.terminals import SCRIPT_MANIFEST, launch_script, terminal

APP = """
from pie_client.testing import InferletSession, LocalEngine
from words import GREETING

def register(engine: LocalEngine) -> None:
    @engine.inferlet("greet@1.0.0")
    async def greet(session: InferletSession, input: object) -> str:
        "Return a greeting."
        return f"{GREETING} {input}"
"""


@pytest.mark.parametrize(("family", "number"), [("0.4", signal.SIGINT), ("0.5", signal.SIGTERM)])
async def test_it_prints_its_uri_and_programs_and_stops_on_a_signal(family: str, number: int) -> None:
    with terminal("--family", family, "--port", "0") as engine:
        uri = engine.uri
        assert "no model runs in it" in engine.lines[0]
        programs = [engine.line().split()[0] for _ in BUILTINS]
        assert programs == list(BUILTINS)
        async with PieClient(uri) as client:
            await client.launch_process("wait@1.0.0")
            assert client.server is not None
            assert client.server.family == family
            assert engine.stop(number) == (0, "", "")


async def test_built_in_programs_do_what_they_are_named_for() -> None:
    async with LocalEngine(builtins=True) as engine, PieClient(engine.uri, timeout=TIMEOUT) as client:
        echo = await client.launch_process("echo@1.0.0", {"a": [1]})
        assert await echo.result() == {"a": [1]}

        count = await client.launch_process("count@1.0.0", 2)
        assert [text async for text in count.text()] == ["1\n", "2\n"]

        wait = await client.launch_process("wait@1.0.0")
        await wait.signal("now")
        assert await wait.result(str) == "now"

        fail = await client.launch_process("fail@1.0.0", "as asked")
        with pytest.raises(ProcessError, match="as asked"):
            await fail.wait()
        fail = await client.launch_process("fail@1.0.0")
        with pytest.raises(ProcessError, match="fail needs a text as its input"):
            await fail.wait()

        files = await client.launch_process("files@1.0.0")
        await files.transfer_file(b"some bytes")
        assert await files.recv() == (Event.Message, "ready")
        assert await files.recv() == (Event.File, b"some bytes")
        assert '"bytes": 10' in await files.wait()


async def test_it_loads_programs_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "words.py").write_text('GREETING = "hello"\n', encoding="utf-8")
    (tmp_path / "app.py").write_text(APP, encoding="utf-8")
    with terminal("--port", "0", "--no-builtins", "--load", str(tmp_path / "app.py")) as engine:
        async with PieClient(engine.uri) as client:
            assert engine.line() == "  greet@1.0.0  Return a greeting.\n"
            assert await (await client.launch_process("greet@1.0.0", "Ada")).result(str) == "hello Ada"
            with pytest.raises(ProgramNotFoundError):
                await client.launch_process("echo@1.0.0")


async def test_options_of_the_engine_reach_it(tmp_path: Path) -> None:
    limits = ["--allow-scripts", "--script-limit", "cpu_seconds=1", "--script-limit", "open_files=40"]
    with terminal("--port", "0", "--max-upload-bytes", "100", *limits) as engine:
        async with PieClient(engine.uri) as client:
            source = (
                "import os\ndef main(x):\n try:\n  while 1: n = os.open('/', 0)\n except OSError: return n"
            )
            await client.rpc.add_program(
                content=source.encode(), manifest=SCRIPT_MANIFEST, force_overwrite=True
            )
            assert await (await client.launch_process("app@1.0.0")).result(int) == 39
            with pytest.raises(RefusedError):
                await client.rpc.add_program(
                    content=bytes(101), manifest=SCRIPT_MANIFEST, force_overwrite=True
                )


async def test_pages_can_be_allowed() -> None:
    origins = ("--allowed-origins", "http://localhost:3000", "--allowed-origins", "http://a.example")
    with terminal("--port", "0", "--no-builtins", *origins) as engine:
        uri = engine.uri
        for origin in ("http://localhost:3000", "http://a.example"):
            async with PieClient(uri, headers={"Origin": origin}) as client:
                await client.ping()
        with pytest.raises(HandshakeError, match="HTTP 403"):
            await PieClient(uri, headers={"Origin": "http://b.example"}).connect()


async def test_register_may_be_async(tmp_path: Path) -> None:
    app = APP.replace("def register", "import asyncio\nasync def register")
    app = app.replace("None:\n", "None:\n    await asyncio.sleep(0)\n")
    (tmp_path / "words.py").write_text('GREETING = "hi"\n', encoding="utf-8")
    (tmp_path / "app.py").write_text(app, encoding="utf-8")
    with terminal("--port", "0", "--no-builtins", "--load", str(tmp_path / "app.py")) as engine:
        assert engine.uri
        assert engine.line() == "  greet@1.0.0  Return a greeting.\n"


def test_a_loaded_file_may_have_the_name_of_a_standard_module(tmp_path: Path) -> None:
    app = 'import json\nassert hasattr(json, "loads")\ndef register(engine):\n    pass\n'
    (tmp_path / "asyncio.py").write_text(app, encoding="utf-8")
    with terminal("--port", "0", "--load", str(tmp_path / "asyncio.py")) as engine:
        assert engine.uri
        assert engine.stop()[::2] == (0, "")


def test_characters_that_the_output_can_not_encode_are_escaped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = APP.replace("Return a", "Grüße: a")
    (tmp_path / "words.py").write_text('GREETING = "hello"\n', encoding="utf-8")
    (tmp_path / "app.py").write_text(app, encoding="utf-8")
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    with terminal("--port", "0", "--no-builtins", "--load", str(tmp_path / "app.py")) as engine:
        assert engine.uri
        assert engine.line() == "  greet@1.0.0  Gr\\xfc\\xdfe: a greeting.\n"
        assert engine.stop() == (0, "", "")


async def test_it_exits_quietly_when_its_output_is_closed(tmp_path: Path) -> None:
    with terminal("--port", "0", "--trace", "--allow-scripts") as engine:
        async with PieClient(engine.uri) as client:
            script = await launch_script(client, tmp_path)
            assert engine.process.stdout is not None
            assert engine.process.stderr is not None
            engine.process.stdout.close()
            with contextlib.suppress(PieConnectionError):
                await client.ping()  # its trace fails
            assert await asyncio.to_thread(engine.process.wait, TIMEOUT) == 128 + signal.SIGPIPE
            assert engine.process.stderr.read() == ""
            await script.gone()


def test_an_output_that_can_not_be_written_is_reported_in_one_line() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "pie_client.testing", "--port", "0"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=TIMEOUT,
            check=False,
        )
    assert done.returncode == 1
    assert (
        done.stderr
        == "pie_client.testing: can't write to standard output: [Errno 28] No space left on device\n"
    )


async def test_it_traces_frames_without_secrets(tmp_path: Path) -> None:
    private, public = ed25519_key(tmp_path)
    (tmp_path / "keys").write_text(f"# ada's\n\n{public} ada@home\n", encoding="utf-8")
    keys = f"ada={tmp_path / 'keys'}"
    with terminal("--family", "0.4", "--port", "0", "--trace", "--authorized-keys", keys) as engine:
        uri = engine.uri
        async with PieClient(uri) as client:
            await client.authenticate("ada", ParsedPrivateKey.parse(private.read_text(encoding="utf-8")))
            process = await client.launch_process("echo@1.0.0", "x" * 100)
            await process.wait()
        code, out, err = engine.stop()
    assert (code, err) == (0, "")
    traced = [line for line in out.splitlines() if "@1.0.0 " not in line]
    stamp = r"\d\d:\d\d:\d\d\.\d\d\d 1 "
    assert all(re.match(stamp, line) for line in traced)
    shown = "\n".join(re.sub(stamp, "", line) for line in traced)
    assert '-> auth_identify corr_id=0 username="ada"' in shown
    assert re.search(
        r"-> auth_prove corr_id=1 signature=<\d+ characters> \(\d+ bytes\)$", shown, re.MULTILINE
    )
    assert "(102 characters)" in shown


@contextlib.contextmanager
def taken_port() -> Generator[int]:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port: int = holder.getsockname()[1]
        yield port


def test_a_port_in_use_is_reported_in_one_line() -> None:
    with taken_port() as port, terminal("--port", str(port)) as engine:
        out, err = engine.process.communicate(timeout=TIMEOUT)
    assert engine.process.returncode == 1
    assert (out, err) == (
        "",
        f"pie_client.testing: port {port}: Address already in use; pass another --port, or 0 for a free one\n",
    )


MISTAKES = {
    "empty": b"",
    "empty.py": b"",
    "binary.py": b"\xff\xfe",
    "broken.py": b"def register(engine):\n    1 / 0\n",
    "uses_broken.py": b"import beside\n",
    "beside.py": b"table = {}\ntable['a']\n",
    "unfinished.py": b"def register(engine):\n    print(\n",
    "exits.py": b"raise SystemExit(3)\n",
    "fails_later.py": b"import asyncio\nasync def register(engine):\n    await asyncio.sleep(0)\n    raise ValueError\n",
    "starts.py": b"async def register(engine):\n    await engine.start()\n",
    "yields.py": b"def register(engine):\n    yield\n",
}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--load", "missing.py"], "--load missing.py: no such file"),
        (["--load", "empty"], "pass one that ends in .py"),
        (["--load", "empty.py"], "no function register(engine)"),
        (
            ["--load", "broken.py"],
            "--load broken.py: ZeroDivisionError: division by zero (broken.py, line 2)",
        ),
        (["--load", "uses_broken.py"], "--load uses_broken.py: KeyError: 'a' (beside.py, line 2)"),
        (["--load", "unfinished.py"], "SyntaxError: '(' was never closed (unfinished.py, line 2)"),
        (["--load", "exits.py"], "--load exits.py: SystemExit: 3 (exits.py, line 1)"),
        (["--load", "fails_later.py"], "--load fails_later.py: ValueError (fails_later.py, line 4)"),
        (["--load", "starts.py"], "LocalEngine is running already"),
        (["--load", "yields.py"], "--load yields.py: register does nothing because of a `yield`"),
    ],
)
def test_a_mistake_is_reported_in_one_line(
    arguments: list[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "modules", {**sys.modules})
    for name, text in MISTAKES.items():
        (tmp_path / name).write_bytes(text)
    assert main(["--port", "0", *arguments]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("pie_client.testing: ")
    assert err.count("\n") == 1
    assert said in err


OPTIONS = {"auth": "--authorized-keys", "builtins": "--no-builtins", "script_limits": "--script-limit"}
"""Flags whose name differs from the option of LocalEngine that they set."""


def test_every_option_of_an_engine_has_a_flag(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["--help"])
    assert stopped.value.code == 0
    shown = set(re.findall(r"--[a-z-]+", capsys.readouterr().out))
    for name in inspect.signature(LocalEngine).parameters:
        assert OPTIONS.get(name, f"--{name.replace('_', '-')}") in shown


def test_the_help_names_every_limit_of_scripts(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    shown = capsys.readouterr().out
    assert all(field.name in shown for field in dataclasses.fields(ScriptLimits))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--port", "x"], "--port: invalid int value: 'x'"),
        (["--port", "70000"], "invalid port=70000"),
        (["--family", "0.1"], "--family: invalid choice: '0.1'"),
        (["--stop-timeout", "nan"], "--stop-timeout: pass a number of seconds from 0 to 86400"),
        (["--stop-timeout", "x"], "--stop-timeout: invalid float value: 'x'"),
        (["--stop-timeout=-1"], "--stop-timeout: pass a number of seconds"),
        (["--max-upload-bytes", "0"], "invalid max_upload_bytes=0"),
        (["--allowed-origins", "a.example"], "invalid allowed_origins"),
        (["--allow-scripts", "--script-limit", "cpu_seconds=0"], "invalid script_limits.cpu_seconds=0"),
        (["--script-limit", "colour=1"], "--script-limit: 'colour=1': write name=number, with one of "),
        (["--script-limit", "cpu_seconds=1"], "script_limits has no effect without allow_scripts"),
        (["--family", "0.4", "--allow-scripts"], 'allow_scripts has no effect with family="0.4"'),
        (["--authorized-keys", "ada=public"], 'auth has no effect with family="0.5"'),
        (["--authorized-keys", "ada"], "--authorized-keys: ada: write user=path"),
        (["--authorized-keys", "ada=missing"], "--authorized-keys: can't read missing: No such file"),
        (["--authorized-keys", "ada=binary"], "can't read binary: it is not a text file"),
        (["--authorized-keys", "ada=empty"], "empty contains no key"),
        (["--family", "0.4", "--authorized-keys", "ada=private"], "auth.ada.0: it is a private key"),
        (["--what"], "unrecognized arguments: --what"),
    ],
)
def test_wrong_arguments_exit_with_status_2(
    arguments: list[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "public").write_text(ed25519_key(tmp_path)[1], encoding="utf-8")
    (tmp_path / "private").write_bytes(b"-----BEGIN OPENSSH PRIVATE KEY-----\n")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    (tmp_path / "empty").touch()
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    printed = capsys.readouterr().err
    assert printed.startswith("python -m pie_client.testing: ")
    assert printed.endswith("; see: python -m pie_client.testing --help\n")
    assert printed.count("\n") == 1
    assert said in printed
