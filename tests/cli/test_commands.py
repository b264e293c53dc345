"""What the command does in pipes, in terminals, without a terminal, and when it is interrupted."""

import asyncio
import io
import json
import os
import re
import signal
import socket
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat
from pydantic import JsonValue

from pie_client import PieClient, __version__, models
from pie_client.testing import InferletSession, LocalEngine
from tests.cli.commands import COMMAND, Runner, in_terminal, run
from tests.support.keys import ed25519_key
from tests.support.peers import TIMEOUT, sized_component

MANIFEST = """
[package]
name = "greet"
version = "1.0.0"

[parameters]
name = { type = "string" }
max_tokens = { type = "int", optional = true }
loud = { type = "bool", optional = true }
"""
needs_terminals = pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals are Unix's")


@pytest.mark.parametrize("family", ["0.5"])
async def test_a_command_without_a_terminal_a_home_or_input_runs_to_the_end(
    engine: LocalEngine, tmp_path: Path
) -> None:
    """D81, D82, D86"""
    process = await asyncio.create_subprocess_exec(
        *(str(COMMAND), "submit", "echo@1.0.0", "--", "--text", "ä"),
        env={"PIE_URI": engine.uri, "LC_ALL": "C", "PYTHONPATH": os.environ.get("PYTHONPATH", "")},
        cwd=tmp_path,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    async with asyncio.timeout(TIMEOUT):
        out, err = await process.communicate()
    assert (process.returncode, json.loads(out), err) == (0, {"text": "ä"}, b"")


@pytest.mark.parametrize("family", ["0.5"])
async def test_json_passes_through_pipes_of_any_encoding(command: Runner) -> None:
    """A pipe on Windows has the encoding of the locale."""
    texts = ["é 你 😀"]
    line = json.dumps(texts, ensure_ascii=False)
    for arguments in (["submit", "echo@1.0.0", "--json", "--input", "-"], ["map", "echo@1.0.0", "-"]):
        done = await command(*arguments, text=line, PYTHONIOENCODING="latin-1")
        value = json.loads(done.out)["value"]
        assert (json.loads(value) if isinstance(value, str) else value) == texts


async def test_a_key_is_used_if_the_server_asks_for_one(tmp_path: Path) -> None:
    """D85"""
    key, public = ed25519_key(tmp_path)
    async with LocalEngine(family="0.4", auth={"alice": [public]}) as engine:
        command = Runner(tmp_path, {"PIE_URI": engine.uri, "PIE_USERNAME": "alice"})
        assert (await command("ping", "--key", str(key))).status == 0
        refused = await command("ping")
    assert (refused.status, refused.out) == (4, "")
    assert "pass --key FILE, or set PIE_KEY" in refused.error


@pytest.mark.tools("ssh-agent", "ssh-add")
async def test_the_key_of_an_agent_is_used(tmp_path: Path) -> None:
    key, public = ed25519_key(tmp_path)
    async with LocalEngine(family="0.4", auth={"alice": [public]}) as engine:
        command = Runner(tmp_path, {"PIE_URI": engine.uri, "PIE_USERNAME": "alice", "PIE_KEY": "agent"})
        add = ("ssh-agent", "sh", "-c", 'ssh-add -q "$0" && exec "$@"', str(key))
        found = await command("ping", before=add)
        empty = await command("ping", before=("ssh-agent",))
    assert (found.status, found.err) == (0, "")
    assert "as alice" in found.out
    assert (empty.status, empty.out) == (4, "")
    assert empty.error == "pie-client: the ssh-agent has no usable key; add one with ssh-add"


@pytest.mark.parametrize("family", ["0.5"])
async def test_the_settings_of_the_published_client_are_used_where_there_are_no_others(
    engine: LocalEngine, tmp_path: Path
) -> None:
    """D84, D85"""
    port = engine.uri.rpartition(":")[2]
    (tmp_path / "cli_config.toml").write_text(
        f'host = "127.0.0.1"\nport = {port}\nusername = "ada"\nenable_auth = true\nprivate_key_path = "~/.ssh/id_ed25519"\n'
    )
    found = await Runner(tmp_path, {"PIE_CLI_HOME": str(tmp_path)})(
        "ping", "--json", "--count", "2", "-i", "0"
    )
    assert (found.status, found.err) == (0, "")
    assert json.loads(found.out).items() >= {"uri": engine.uri, "pings": 2}.items()


@pytest.mark.parametrize("family", ["0.5"])
async def test_files_that_a_process_sends_are_saved(
    engine: LocalEngine, command: Runner, tmp_path: Path
) -> None:
    """D87"""

    @engine.inferlet("write@1.0.0")
    async def write(session: InferletSession, input: JsonValue) -> None:
        session.send_file(b"one", "../notes.txt")
        session.send_file(b"two", "notes.txt")

    done = await command("submit", "write@1.0.0", "--save-files", "new/folder", "--json")
    assert (done.status, done.err) == (0, "")
    paths = [event.get("path") for event in map(json.loads, done.out.splitlines())]
    assert paths == ["new/folder/notes.txt", "new/folder/notes-1.txt", None]
    assert [(tmp_path / path).read_bytes() for path in paths if path] == [b"one", b"two"]


async def test_a_process_ends_with_the_reader_of_its_output(tmp_path: Path) -> None:
    async with LocalEngine(family="0.4", builtins=True, keep_detached=True) as engine:
        command = Runner(tmp_path, {"PIE_URI": engine.uri, "PIE_USERNAME": "ada"})
        async with command.started("submit", "count@1.0.0", "--input", "100000") as process:
            assert process.stdout is not None
            assert process.stderr is not None
            assert await process.stdout.readline() == b"1\n"
            process._transport.get_pipe_transport(1).close()  # type: ignore[attr-defined]  # pyright: ignore - as `head` does
            async with asyncio.timeout(TIMEOUT):
                assert await process.stderr.read() == b""
                assert await process.wait() == 128 + 13
        async with PieClient(engine.uri, username="ada") as client:
            assert await client.list_processes() == []


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is full")  # noqa: PTH110 - it is no file
async def test_a_help_that_nobody_reads_and_one_that_has_no_space_end_as_other_outputs_do(
    tmp_path: Path,
) -> None:
    command = Runner(tmp_path, {})
    full = await command("--help", before=("sh", "-c", 'exec "$0" "$@" >/dev/full'))
    assert (full.status, full.error) == (
        5,
        "pie-client: can't write to standard output: No space left on device",
    )
    silent = await command("submit", before=("sh", "-c", 'exec "$0" "$@" 2>/dev/full'))
    assert (silent.status, silent.err) == (2, "")
    unread = await command("ping", "--help", before=("sh", "-c", '{ "$0" "$@"; echo $? >&2; } | :'))
    assert unread.err == "141\n"


@needs_terminals
@pytest.mark.parametrize("family", ["0.5"])
async def test_ctrl_c_terminates_the_process_and_shows_what_it_still_sends(
    engine: LocalEngine, command: Runner
) -> None:
    @engine.inferlet("last-words@1.0.0")
    async def last_words(session: InferletSession, input: object) -> None:
        session.print("ready")
        await session.receive()

    async with in_terminal(command, "submit", "last-words@1.0.0") as terminal:
        await terminal.until("ready")
        terminal.press("\x03")
        assert await terminal.end() == 128 + signal.SIGINT
        assert "terminating process" in terminal.text
    async with PieClient(engine.uri, username=os.environ.get("USER") or "root") as client:
        assert await client.list_processes() == []


@needs_terminals
@pytest.mark.parametrize("family", ["0.4"])
async def test_a_second_ctrl_c_leaves_at_once(engine: LocalEngine, command: Runner) -> None:
    async with in_terminal(command, "submit", "count@1.0.0", "--input", "100000") as terminal:
        await terminal.until("1")
        with engine.faults.lose_reply(models.TerminateProcessRequest) as lost:
            terminal.press("\x03")
            await lost.happened()
            terminal.press("\x03")
            assert await terminal.end() == 128 + signal.SIGINT
            assert "may still run" not in terminal.text  # as after five seconds


@needs_terminals
@pytest.mark.parametrize("family", ["0.5"])
async def test_an_installation_has_a_progress_bar_in_a_terminal(command: Runner, tmp_path: Path) -> None:
    (tmp_path / "build.wasm").write_bytes(sized_component(1 << 20))
    (tmp_path / "Pie.toml").write_text(MANIFEST)
    async with in_terminal(command, "install", "build.wasm") as terminal:
        assert await terminal.end() == 0, terminal.text
    assert "build.wasm ━" in re.sub(r"\x1b\[[\d;?]*[a-zA-Z]", "", terminal.text)
    assert terminal.text.endswith("greet@1.0.0\r\n")


@pytest.mark.parametrize("family", ["0.5"])
@pytest.mark.parametrize(
    ("arguments", "text"),
    [(("status", "--watch", "--json", "-i", "0.01"), b""), (("map", "echo@1.0.0", "-"), b"1\n2\n")],
    ids=["a watch", "a map whose standard input stays open"],
)
async def test_a_signal_ends_what_has_no_end(
    command: Runner, arguments: tuple[str, ...], text: bytes
) -> None:
    async with command.started(*arguments) as process, asyncio.timeout(TIMEOUT):
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(text)
        assert all([json.loads(await process.stdout.readline()) for _ in "12"])
        process.terminate()
        assert await process.wait() == 128 + signal.SIGTERM


async def test_without_the_extra_the_command_says_how_to_get_it() -> None:
    program = (
        "import sys; sys.modules['typer'] = None; from pie_client.cli import main; sys.exit(main(['ping']))"
    )
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", program), stderr=asyncio.subprocess.PIPE
    )
    _, err = await process.communicate()
    assert (process.returncode, err) == (
        2,
        b"pie-client: typer is not installed; run: pip install 'pie-client[cli]'\n",
    )


async def test_a_shell_can_complete_commands(tmp_path: Path) -> None:
    asked = Runner(
        tmp_path, {"_PIE_CLIENT_COMPLETE": "complete_bash", "COMP_WORDS": "pie-client te", "COMP_CWORD": "1"}
    )
    assert (await asked()).out.split() == ["terminate"]


# ------------------------------------------------------------- in this process


@pytest.fixture
def manifest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The path of a manifest; no server is known."""
    monkeypatch.setenv("PIE_CONFIG", str(tmp_path / "none.toml"))
    monkeypatch.setenv("PIE_URI", "ws://127.0.0.1:1")
    path = tmp_path / "Pie.toml"
    path.write_text(MANIFEST)
    return str(path)


def test_the_help_names_values_of_options_that_take_one(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, "submit", "--help")
    after = dict(re.findall(r"(--[\w-]+) +(?:-\w )? *([A-Z]+|<\w+>|)  ", out))
    assert [after[name] for name in ("--uri", "--timeout", "--key")] == ["URI", "SECONDS", "FILE"]
    assert [after[name] for name in ("--detach", "--trace", "--verbose", "--help")] == [""] * 4


def test_the_version_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "--version") == (0, f"pie-client {__version__}\n", "")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["pong"], "no such command 'pong'. Did you mean 'ping'"),
        (["abort", "3f1c"], "no such command 'abort'; here it is terminate"),
        (["list", "--host", "127.0.0.1"], "no such option: --host; here it is --uri ws://HOST:PORT"),
        (["ping", "--count", "0"], "invalid value for '--count' / '-c'"),
        (["ping", "--timeout", "soon"], "--timeout: 'soon' is not a number of seconds"),
        (["ping", "--timeout", "0"], "--timeout: '0' is not a number of seconds"),
        (["ping", "--token", "abc"], "no such option: --token"),  # others see the arguments of processes
        (["ping", "--uri", "127.0.0.1"], "--uri: the URI '127.0.0.1' does not start with ws:// or wss://"),
        (["submit"], "pass NAME@VERSION or --path FILE"),
        (["submit", "a@1.0.0", "--prompt", "hi"], "flags of the program go after --"),
        (["submit", "a@1.0.0", "--input", "{"], "--input is not JSON"),
        (["submit", "a@1.0.0", "--input", "[NaN]"], "--input is not JSON: NaN is not a finite number"),
        (
            ["submit", "a@1.0.0", "--input-file", "/nowhere/a.json"],
            "/nowhere/a.json: No such file or directory",
        ),
        (["submit", "a@1.0.0", "--input", "3", "--", "--a", "b"], "the input is not a JSON object"),
        (["submit", "a@1.0.0", "--input", "[" * 100_000], "--input is not JSON: it is nested too deeply"),
        (["submit", "a@1.0.0", "--", "--=1"], "'--=1' after -- is not a flag; write --name value"),
        (["submit", "a@1.0.0", "--", "hi"], "'hi' after -- is not a flag; write --name value"),
        (["submit", "a@1.0.0", "--path", "b.wasm"], "pass NAME@VERSION or --path FILE"),
        (["submit", "--path", "/nowhere/b.wasm"], "/nowhere/b.wasm is not a file"),
        (["install", "/nowhere/b.wasm"], "/nowhere/b.wasm is not a file; pass a component or a script"),
        (["check", "a@1.0.0", "-p", __file__], f"{Path(__file__).parent}/Pie.toml is not a file"),
        (["map", "a@1.0.0", "-", "--on-error", "cry"], "'cry' is not one of raise, return, skip"),
        (["map", "a@1.0.0", "a.jsonl", "-o", "a.jsonl"], "a.jsonl is named twice"),
        (["resolve", "a"], "pass --registry URL, or set PIE_REGISTRY"),
        (["config", "nope"], "no such command 'nope'; see: pie-client config --help"),
        (["config", "set", "colour", "red"], "unknown setting 'colour'; there are uri, username"),
        (["config", "set", "timeout", "soon"], "timeout: 'soon' is not a number of seconds"),
        (
            ["config", "set", "uri", "localhost"],
            "uri: the URI 'localhost' does not start with ws:// or wss://",
        ),
        (["config", "set", "identity", "a b\n"], "identity: invalid identity"),
        (["config", "set", "username", ""], "username: the value is empty"),
        (["resolve", "a", "--registry", "b"], "the registry's URL is not an http or https URL"),
    ],
)
def test_a_wrong_argument_is_one_line_and_status_2(
    arguments: list[str], reason: str, capsys: pytest.CaptureFixture[str], manifest: str
) -> None:
    status, out, err = run(capsys, *arguments)
    assert (status, out) == (2, "")
    assert reason in err
    assert err.startswith("pie-client: ")
    assert err.count("\n") == 1


@pytest.mark.parametrize("command", ["serve", "types"])
def test_commands_of_other_modules_have_one_line_errors_too(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, err = run(capsys, command, "--nope")
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(f"pie-client {command}: ")
    assert err.endswith(f"; see: pie-client {command} --help\n")
    assert run(capsys, command, "--help")[0] == 0


@pytest.mark.parametrize(
    ("flags", "reason"),
    [
        ([], "parameter 'name' is missing; add: -- --name VALUE"),
        (["--name"], "--name needs a value of type string"),
        (["--name", "Ada", "--max-tokens", "many"], "--max_tokens: 'many' is not of type int"),
        (["--name", "Ada", "--loud=perhaps"], "'perhaps' is not of type bool; write true or false"),
        (
            ["--name", "Ada", "--size", "3"],
            "no parameter 'size'; its parameters: --name, --max_tokens, --loud",
        ),
    ],
)
def test_flags_are_checked_against_the_manifest(
    flags: list[str], reason: str, capsys: pytest.CaptureFixture[str], manifest: str
) -> None:
    status, _, err = run(capsys, "submit", "greet@1.0.0", "--manifest", manifest, "--", *flags)
    assert status == 2
    assert reason in err


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ('"Ada"', "the input is not a JSON object; the program takes name, max_tokens, loud"),
        ('{"name": 3}', "parameter 'name' is not of type string: 3"),
        ('{"name": "Ada", "max_tokens": true}', "parameter 'max_tokens' is not of type int: true"),
    ],
)
def test_an_input_is_checked_against_the_manifest(
    value: str, reason: str, capsys: pytest.CaptureFixture[str], manifest: str
) -> None:
    status, _, err = run(capsys, "submit", "greet@1.0.0", "--manifest", manifest, "--input", value)
    assert status == 2
    assert reason in err


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege")
def test_a_map_does_not_overwrite_its_inputs_by_another_name(
    capsys: pytest.CaptureFixture[str], manifest: str, tmp_path: Path
) -> None:
    (tmp_path / "in.jsonl").write_text("1\n")
    (tmp_path / "link").symlink_to("in.jsonl")
    status, _, err = run(capsys, "map", "a@1.0.0", str(tmp_path / "in.jsonl"), "-o", str(tmp_path / "link"))
    assert status == 2
    assert "link is named twice" in err
    assert (tmp_path / "in.jsonl").read_text() == "1\n"


async def test_flags_become_the_input_with_the_types_of_the_manifest(tmp_path: Path) -> None:
    async with LocalEngine() as engine:

        @engine.inferlet("greet@1.0.0")
        async def greet(session: InferletSession, input: object) -> object:
            return input

        command = Runner(tmp_path, {"PIE_URI": engine.uri})
        (tmp_path / "Pie.toml").write_text(MANIFEST)
        done = await command(
            *("submit", "greet@1.0.0", "--manifest", "Pie.toml", "--input-file", "-"),
            *("--", "--name", "3", "--max-tokens=5", "--no-loud"),
            text='{"max_tokens": 1}',
        )
    assert (done.err, json.loads(done.out)) == ("", {"max_tokens": 5, "name": "3", "loud": False})


def test_an_encrypted_key_needs_a_passphrase_or_a_terminal(
    capsys: pytest.CaptureFixture[str], manifest: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    pem = Ed25519PrivateKey.generate().private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"right")
    )
    key = tmp_path / "key.pem"
    key.write_bytes(pem)
    key.chmod(0o600)
    status, _, err = run(capsys, "ping", "--key", str(key))
    assert status == 4
    assert "the key is encrypted; set PIE_KEY_PASSPHRASE" in err
    monkeypatch.setenv("PIE_KEY_PASSPHRASE", "wrong")
    status, _, err = run(capsys, "ping", "--key", str(key))
    assert status == 4
    assert "wrong passphrase or damaged key" in err
    monkeypatch.setenv("PIE_KEY_PASSPHRASE", "right")
    assert run(capsys, "ping", "--key", str(key))[0] == 3
    assert run(capsys, "ping", "--key", str(tmp_path / "none"))[0] == 4


@pytest.mark.parametrize("command", ["list", "map a@1.0.0"])
def test_a_server_that_is_away_is_status_3(
    command: str, capsys: pytest.CaptureFixture[str], manifest: str
) -> None:
    given = [manifest] if command.startswith("map") else []
    status, out, err = run(capsys, *command.split(), *given)
    assert (status, out) == (3, "")
    assert err == (
        "pie-client: could not connect to ws://127.0.0.1:1: connection refused; "
        "check the address and that the server runs\n"
    )


def test_a_registry_that_is_away_is_status_3(capsys: pytest.CaptureFixture[str], manifest: str) -> None:
    status, _, err = run(capsys, "resolve", "a", "--registry", "http://127.0.0.1:1")
    assert (status, err.count("\n")) == (3, 1)
    assert "the registry http://127.0.0.1:1 can't be reached" in err
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        _, _, err = run(capsys, "resolve", "a", "--registry", url, "--timeout", "0.1")
    assert "within 0.1 s" in err
