"""The engine in a terminal, as a process of its own."""

import asyncio
import contextlib
import dataclasses
import inspect
import itertools
import os
import re
import signal
import socket
import subprocess
import sys
import textwrap
from collections.abc import AsyncGenerator, Generator
from pathlib import Path

import msgpack
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from pie_client import (
    Event,
    ParsedPrivateKey,
    PieClient,
    ProcessError,
    ProgramNotFoundError,
    RefusedError,
    models,
)
from pie_client._generated.registry import ClientMessage
from pie_client.protocol import codec
from pie_client.testing import LocalEngine, ScriptLimits, TracedFrame, describe
from pie_client.testing.engine.builtins import BUILTINS
from pie_client.testing.faults.sockets import Direction
from pie_client.testing.terminal.command import main
from tests.support.peers import PATIENCE
from tests.support.terminals import SCRIPT_MANIFEST, launch_script, terminal

APP = """
from pie_client.testing import InferletSession, LocalEngine
from words import GREETING

def register(engine: LocalEngine) -> None:
    @engine.inferlet("greet@1.0.0")
    async def greet(session: InferletSession, input: object) -> str:
        "Greet whoever is named."
        return f"{GREETING} {input}"
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("family", ["0.4", "0.5"])
async def test_it_says_where_it_is_and_what_it_has_and_stops_cleanly(family: str, number: int) -> None:
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


@contextlib.asynccontextmanager
async def address_of_builtins(*, in_terminal: bool) -> AsyncGenerator[str]:
    if in_terminal:
        with terminal("--port", "0") as engine:
            yield engine.uri
    else:
        async with LocalEngine(builtins=True) as engine:
            yield engine.uri


@pytest.mark.parametrize("in_terminal", [True, False], ids=["in a terminal", "in a test"])
async def test_its_programs_do_what_they_are_named_for(*, in_terminal: bool) -> None:
    async with (
        address_of_builtins(in_terminal=in_terminal) as uri,
        PieClient(uri, timeout=PATIENCE) as client,
    ):
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

        files = await client.launch_process("files@1.0.0")
        assert await files.recv() == (Event.Message, "ready")
        await files.transfer_file(b"some bytes")
        assert await files.recv() == (Event.File, b"some bytes")
        assert '"bytes": 10' in await files.wait()


async def test_it_loads_programs_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "words.py").write_text('GREETING = "hello"\n', encoding="utf-8")
    (tmp_path / "app.py").write_text(APP, encoding="utf-8")
    with terminal("--port", "0", "--no-builtins", "--load", str(tmp_path / "app.py")) as engine:
        async with PieClient(engine.uri) as client:
            assert engine.line() == "  greet@1.0.0  Greet whoever is named.\n"
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


async def test_a_function_that_registers_may_be_async(tmp_path: Path) -> None:
    app = "import asyncio\nasync def register(engine):\n    await asyncio.sleep(0)\n" + textwrap.indent(
        APP.partition("None:\n")[2].replace("{GREETING}", "hi"), ""
    )
    (tmp_path / "app.py").write_text(app.replace(": InferletSession", ""), encoding="utf-8")
    with terminal("--port", "0", "--no-builtins", "--load", str(tmp_path / "app.py")) as engine:
        async with PieClient(engine.uri) as client:
            assert engine.line() == "  greet@1.0.0  Greet whoever is named.\n"
            assert await (await client.launch_process("greet@1.0.0", "Ada")).result(str) == "hi Ada"


def test_a_file_may_be_named_as_a_module_that_others_use(tmp_path: Path) -> None:
    app = 'import json\nassert hasattr(json, "loads")\ndef register(engine):\n    pass\n'
    (tmp_path / "asyncio.py").write_text(app, encoding="utf-8")
    with terminal("--port", "0", "--load", str(tmp_path / "asyncio.py")) as engine:
        assert engine.uri
        assert engine.stop()[::2] == (0, "")


def test_what_the_output_can_not_express_is_escaped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = APP.replace("Greet whoever", "Grüße whoever")
    (tmp_path / "words.py").write_text('GREETING = "hello"\n', encoding="utf-8")
    (tmp_path / "app.py").write_text(app, encoding="utf-8")
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    with terminal("--port", "0", "--no-builtins", "--load", str(tmp_path / "app.py")) as engine:
        assert engine.uri
        assert engine.line() == "  greet@1.0.0  Gr\\xfc\\xdfe whoever is named.\n"
        assert engine.stop() == (0, "", "")


@pytest.mark.skipif(os.name != "posix", reason="pipes of others are not watched there")
async def test_it_ends_quietly_when_nobody_reads_its_output_any_more(tmp_path: Path) -> None:
    with terminal("--port", "0", "--trace", "--allow-scripts") as engine:
        async with PieClient(engine.uri) as client:
            script = await launch_script(client, tmp_path)
            assert engine.process.stdout is not None
            assert engine.process.stderr is not None
            engine.process.stdout.close()
            assert await asyncio.to_thread(engine.process.wait, PATIENCE) == 128 + signal.SIGPIPE
            assert engine.process.stderr.read() == ""
            await script.gone()


def test_output_that_can_not_be_written_is_told_in_one_line() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "pie_client.testing", "--port", "0"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr == "pie_client.testing: standard output can't be written: No space left on device\n"


async def test_it_traces_frames_without_secrets(tmp_path: Path) -> None:
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()
    public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    (tmp_path / "keys").write_text(f"# ada's\n\n{public} ada@home\n", encoding="utf-8")
    keys = f"ada={tmp_path / 'keys'}"
    with terminal("--family", "0.4", "--port", "0", "--trace", "--authorized-keys", keys) as engine:
        uri = engine.uri
        async with PieClient(uri) as client:
            await client.authenticate("ada", ParsedPrivateKey.parse(private))
            process = await client.launch_process("echo@1.0.0", "x" * 100)
            await process.wait()
        code, out, err = engine.stop()
    assert (code, err) == (0, "")
    traced = [line for line in out.splitlines() if "@1.0.0 " not in line]
    stamp = r"\d\d:\d\d:\d\d\.\d\d\d 1 "
    assert all(re.match(stamp, line) for line in traced)
    shown = "\n".join(re.sub(stamp, "", line) for line in traced)
    assert '-> auth_identify corr_id=0 username="ada"' in shown
    assert re.search(r"-> auth_prove corr_id=1 \(other fields hidden\)$", shown, re.MULTILINE)
    assert "(102 characters)" in shown


async def test_a_trace_that_nobody_reads_holds_nobody_up() -> None:
    with terminal("--port", "0", "--no-builtins", "--trace") as engine:
        async with PieClient(engine.uri, timeout=PATIENCE) as client:
            for _ in range(4):
                await asyncio.gather(*(client.ping() for _ in range(1000)))
            async with asyncio.timeout(PATIENCE):
                while "left out" not in (line := await asyncio.to_thread(engine.line)):
                    assert line != ""
            found = re.fullmatch(
                r"\((\d+) frames are left out here, for they were not read in time\)\n", line
            )
            assert found is not None
            assert len(engine.lines) - 2 + int(found[1]) >= 8000
            await client.ping()
            assert "ping" in "".join([await asyncio.to_thread(engine.line) for _ in range(3)])


async def test_it_stops_although_nobody_reads_its_trace() -> None:
    with terminal("--port", "0", "--no-builtins", "--trace") as engine:
        async with PieClient(engine.uri, timeout=PATIENCE) as client:
            for _ in range(2):
                await asyncio.gather(*(client.ping() for _ in range(1000)))
        engine.process.send_signal(signal.SIGINT)
        assert await asyncio.to_thread(engine.process.wait, PATIENCE) == 0
        assert re.fullmatch(
            r"pie_client\.testing: standard output is not read: \d+ lines are lost\n", engine.complaint()
        )


@pytest.mark.parametrize(
    "statement", ["sys.stdout.close()", "sys.stdout = None", "sys.stdout = open(os.devnull)"]
)
async def test_a_loaded_file_may_do_what_it_likes_with_standard_output(
    statement: str, tmp_path: Path
) -> None:
    app = tmp_path / "app.py"
    app.write_text(f"import os, sys\ndef register(engine):\n    {statement}\n", encoding="utf-8")
    with terminal("--port", "0", "--no-builtins", "--load", str(app)) as engine:
        async with PieClient(engine.uri, timeout=PATIENCE) as client:
            await client.ping()
        code, _, err = engine.stop()
    assert (code, "Traceback" in err) == (0, False)


def test_secrets_are_not_described() -> None:
    token = "s3cret"  # noqa: S105 - what has to be hidden
    messages: list[ClientMessage] = [
        models.AuthByTokenRequest(corr_id=1, token=token),
        models.AuthProveRequest(corr_id=1, signature=token),
        models.RegisterMcpServerRequest(
            corr_id=1, name="fs", transport="stdio", command="x", args=[token], url=token
        ),
    ]
    for message in messages:
        line = describe(TracedFrame(3, "received", codec.encode_client_message(message)))
        assert line == f"3 -> {message.type} corr_id=1 (other fields hidden)"


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (b"\xc1", "malformed: invalid msgpack in a frame of 1 bytes"),
        (codec.encode_fields({"type": "new", "colour": 1}), "1 <- \"new\" (unknown type; fields: 'colour')"),
        ('{"type":"turn_done"}', "1 <- turn_done"),
        (
            codec.encode_server_message(
                models.FileChunk(
                    process_id="3fa85f64-5717-4562-b3fc-2c963f66afa6",
                    file_hash="0" * 64,
                    chunk_index=0,
                    total_chunks=1,
                    chunk_data=bytes(1000),
                ),
                "0.5",
            ),
            "chunk_data=<1000 bytes>",
        ),
        (
            codec.encode_server_message(models.Response(corr_id=1, ok=True, result="a\nb\x1b"), "0.5"),
            '1 <- response corr_id=1 ok=True result="a\\nb\\u001b"',
        ),
    ],
)
def test_a_frame_is_described_on_one_line(data: bytes | str, line: str) -> None:
    described = describe(TracedFrame(1, "sent", data))
    assert line in described
    assert described.isprintable()


def test_of_many_fields_the_first_are_described() -> None:
    many = {f"key{number}": number for number in range(20_000)}
    directions: tuple[Direction, ...] = ("received", "sent")
    for direction, tag in itertools.product(directions, ("new", "ping", "response", "x" * 9000)):
        data = codec.encode_fields({"type": tag, "corr_id": 1, "ok": True, "result": "", **many})
        line = describe(TracedFrame(1, direction, data))
        assert len(line) < 1000
        if tag == "new":
            assert line.endswith("... and 19983 more)")


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (
            {"type": "auth_by_token", "corr_id": 7, "token": "s3cret"},
            "1 -> auth_by_token corr_id=7 (other fields hidden)",
        ),
        ({"type": "auth_by_token", "corr_id": "s3cret"}, "1 -> (malformed: "),
        (["auth_by_token", 7, "s3cret"], "1 -> (malformed: "),
    ],
)
def test_a_frame_is_described_without_secrets(content: object, line: str) -> None:
    data = msgpack.packb(content)
    assert data is not None
    described = describe(TracedFrame(1, "received", data))
    assert described.startswith(line)
    assert "s3cret" not in described


@contextlib.contextmanager
def taken_port() -> Generator[int]:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port: int = holder.getsockname()[1]
        yield port


def test_a_port_in_use_is_told_in_one_line() -> None:
    with taken_port() as port, terminal("--port", str(port)) as engine:
        out, err = engine.process.communicate(timeout=PATIENCE)
    assert engine.process.returncode == 1
    assert (out, err) == (
        "",
        f"pie_client.testing: port {port} is in use; pass another --port, or 0 for a free one\n",
    )


MISTAKES = {
    "empty": b"",
    "empty.py": b"",
    "binary.py": b"\xff\xfe",
    "private": b"-----BEGIN OPENSSH PRIVATE KEY-----\n",
    "broken.py": b"def register(engine):\n    1 / 0\n",
    "uses_broken.py": b"import beside\n",
    "beside.py": b"table = {}\ntable['a']\n",
    "unfinished.py": b"def register(engine):\n    print(\n",
    "exits.py": b"raise SystemExit(3)\n",
    "exits_saying.py": b"raise SystemExit('one\\ntwo')\n",
    "fails_later.py": b"import asyncio\nasync def register(engine):\n    await asyncio.sleep(0)\n    raise ValueError\n",
    "unspeakable.py": b"class Odd(Exception):\n    def __str__(self): raise ValueError\ndef register(engine):\n    raise Odd\n",
    "starts.py": b"async def register(engine):\n    await engine.start()\n",
    "yields.py": b"def register(engine):\n    yield\n",
    "yields_later.py": b"async def register(engine):\n    yield\n",
    "cancels.py": b"import asyncio\nasync def register(engine):\n    raise asyncio.CancelledError\n",
}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--family", "0.5", "--authorized-keys", "ada=keys"], "pass --family 0.4"),
        (["--family", "0.4", "--authorized-keys", "ada"], "write it as user=path"),
        (["--family", "0.4", "--authorized-keys", "ada=missing"], "missing can't be used: No such file"),
        (["--family", "0.4", "--authorized-keys", "ada=empty"], "it contains no key"),
        (["--family", "0.4", "--authorized-keys", "ada=broken.py"], "key 1 in it is not a public key"),
        (["--family", "0.4", "--authorized-keys", "ada=private"], "it is a private key"),
        (["--family", "0.4", "--authorized-keys", "ada=binary.py"], "it is not a text file"),
        (["--family", "0.5", "--imitate-delays"], "pass --family 0.4"),
        (["--family", "0.4", "--allow-scripts"], "pass --family 0.5"),
        (["--script-limit", "cpu_seconds=1"], "without --allow-scripts"),
        (["--load", "missing.py"], "--load missing.py can't be read: No such file or directory"),
        (["--load", "."], "can't be read: Is a directory"),
        (["--load", "empty"], "pass one that ends in .py"),
        (["--load", "empty.py"], "it has no function register(engine)"),
        (["--load", "broken.py"], "--load broken.py: ZeroDivisionError: division by zero (line 2)"),
        (["--load", "uses_broken.py"], "--load uses_broken.py: KeyError: 'a' (beside.py, line 2)"),
        (["--load", "unfinished.py"], "--load unfinished.py: SyntaxError: '(' was never closed (line 2)"),
        (["--load", "exits.py"], "--load exits.py: it exited with status 3 (line 1)"),
        (["--load", "exits_saying.py"], "--load exits_saying.py: it exited: one / two (line 1)"),
        (["--load", "fails_later.py"], "--load fails_later.py: ValueError (line 4)"),
        (["--load", "unspeakable.py"], "Odd: (Odd.__str__ failed with ValueError) (line 4)"),
        (["--load", "starts.py"], "--load starts.py: register has started the engine at ws://127.0.0.1:"),
        (["--load", "yields.py"], "--load yields.py: register has a `yield` in it"),
        (["--load", "yields_later.py"], "--load yields_later.py: register has a `yield` in it"),
        (["--load", "cancels.py"], "--load cancels.py: CancelledError (line 3)"),
    ],
)
def test_a_mistake_is_told_in_one_line(
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
"""Flags that are named otherwise than the option of LocalEngine that they set."""


def test_every_option_of_an_engine_has_a_flag(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["--help"])
    assert stopped.value.code == 0
    shown = set(re.findall(r"--[a-z-]+", capsys.readouterr().out))
    for name in inspect.signature(LocalEngine).parameters:
        assert OPTIONS.get(name, f"--{name.replace('_', '-')}") in shown


def test_every_limit_of_a_script_has_a_name_in_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    shown = capsys.readouterr().out
    assert all(field.name in shown for field in dataclasses.fields(ScriptLimits))


@pytest.mark.parametrize(
    "arguments",
    [
        ["--port", "9" * 5000],
        ["--max-upload-bytes", "9" * 5000],
        ["--script-limit", "cpu_seconds=" + "9" * 5000],
        ["--script-limit", "x" * 5000],
        ["--port", "x"],
        ["--port", "70000"],
        ["--family", "0.1"],
        ["--max-upload-bytes", "0"],
        ["--script-limit", "cpu_seconds=-1"],
        ["--script-limit", "colour=1"],
        ["--what"],
    ],
)
def test_wrong_arguments_are_explained(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    said = capsys.readouterr().err
    assert "usage: python -m pie_client.testing" in said
    line = said.splitlines()[-1]
    assert "; " in line or "choose from" in line or "unrecognized" in line, line
    assert len(line) < 300
