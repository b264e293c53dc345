"""What the README and the examples show runs as it is printed; only addresses and key paths change."""

import asyncio
import re
import subprocess
import sys
import textwrap
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import cast

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from pydantic import BaseModel, JsonValue

import pie_client
import pie_client.testing
from pie_client.testing import InferletSession, LocalEngine

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SNIPPETS = dict(re.findall(r"<!-- snippet: (\w+) -->\n```python\n(.*?)```", README, re.DOTALL))
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
    async with LocalEngine(family="0.4", users={"alice": [public]}) as engine:

        @engine.inferlet("shout@1.0.0")
        async def shout(session: InferletSession, input: JsonValue) -> JsonValue:
            session.send(f"{input}!")
            return session.username

        process = quickstart(engine.uri, "--inferlet", "shout@1.0.0", "--input", '"hey"', "--key", str(key))
        out, err = await asyncio.to_thread(process.communicate, timeout=60)
    assert (process.returncode, err) == (0, "")
    assert out == 'hey!\n[done] "alice"\n'


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["ws://127.0.0.1:1"], "could not connect to ws://127.0.0.1:1"),
        ([""], "server_uri is not a WebSocket URI"),
        (["--key", "no-such-file"], "no-such-file"),
        (["--input", "{bad"], "Expecting"),
    ],
)
def test_the_quickstart_tells_a_mistake_in_one_line(arguments: list[str], said: str) -> None:
    process = quickstart(*arguments)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert err.startswith("quickstart: ")
    assert err.count("\n") == 1
    assert said in err


def test_the_script_for_a_real_engine_starts_as_printed() -> None:
    script = ROOT / "tests" / "engine_by_hand.py"
    done = subprocess.run(  # noqa: S603 - our own script, our own interpreter
        [sys.executable, str(script), "--help"], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert f"python {script.relative_to(ROOT)}" in (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


def test_every_command_of_the_readme_is_run_by_ci() -> None:
    commands = re.findall(r"```sh\n(.*?)\n```", README, re.DOTALL)
    assert len(commands) == 2
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    assert [line for line in script if line in commands] == commands


@pytest.mark.parametrize("name", ["connect", "stream", "result", "talk", "errors", "local"])
async def test_a_snippet_of_the_readme_runs(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    key, public = key_pair(tmp_path)
    async with LocalEngine(family="0.4", users={"alice": [public]} if name == "connect" else None) as engine:
        register_programs(engine)
        code = (
            SNIPPETS[name].replace("ws://127.0.0.1:8080", engine.uri).replace("~/.ssh/id_ed25519", str(key))
        )
        async with pie_client.PieClient(engine.uri) as client:
            names: dict[str, object] = {
                **vars(pie_client.testing),
                "BaseModel": BaseModel,
                "JsonValue": JsonValue,
                "client": client,
            }
            names |= {n: getattr(pie_client, n) for n in pie_client.__all__}
            if name == "talk":
                names["process"] = await client.launch_process("waiting@1.0.0")
            await run(code, names)
    out = capsys.readouterr().out
    assert EXPECTED[name](out), out


EXPECTED: dict[str, Callable[[str], bool]] = {
    "connect": lambda out: "username='alice'" in out,
    "stream": lambda out: out.startswith("one two") and Path("downloads").exists(),
    "result": lambda out: out == "2\n",
    "talk": lambda out: out == "",
    "errors": lambda out: out.startswith(
        "install it first: launch_process of 'does-not-exist@0.1.0' refused"
    ),
    "local": lambda out: out == "done\n",
}


def register_programs(engine: LocalEngine) -> None:
    """Give the engine what the snippets launch."""

    @engine.inferlet("text-completion@0.1.0")
    async def completion(session: InferletSession, _input: JsonValue) -> JsonValue:
        session.print("one two", end="")
        session.send_file(b"file")
        return {"text": "one two", "words": 2}

    @engine.inferlet("waiting@1.0.0")
    async def waiting(session: InferletSession, _input: JsonValue) -> JsonValue:
        while True:
            await session.receive()


async def run(code: str, names: dict[str, object]) -> None:
    """Run a snippet as the body of an async function."""
    source = "async def snippet():\n" + textwrap.indent(code, "    ")
    exec(compile(source, "README.md", "exec"), names)  # noqa: S102 - our own README
    await cast("Callable[[], Awaitable[None]]", names["snippet"])()


def key_pair(folder: Path) -> tuple[Path, str]:
    """Make a private key file, and its public half as an OpenSSH line."""
    key = Ed25519PrivateKey.generate()
    path = folder / "id_ed25519"
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
    path.chmod(0o600)
    return path, key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
