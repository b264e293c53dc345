"""What the command does in a pseudo-terminal: prompts, tables, redrawn screens, and completion by shells."""

import re
import signal
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    PublicFormat,
)

from pie_client import PieClient, __version__
from pie_client.testing import LocalEngine
from tests.cli.commands import COMMAND, Runner, in_terminal
from tests.support.tools import need

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals are Unix's")
PASSPHRASE = "a secret"  # noqa: S105 - of a key that lives as long as a test
ESCAPES = re.compile(r"\x1b\[[\d;?]*[a-zA-Z]")
SCREEN_ON, SCREEN_OFF = "\x1b[?1049h", "\x1b[?1049l"
CURSOR_OFF, CURSOR_ON = "\x1b[?25l", "\x1b[?25h"
READY = "\x1b[?2004h"
"""Shells write it when a line can be typed."""


async def test_a_terminal_is_asked_for_the_passphrase_of_a_key_and_left_as_it_was(tmp_path: Path) -> None:
    key = Ed25519PrivateKey.generate()
    file = tmp_path / "key.pem"
    file.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, BestAvailableEncryption(PASSPHRASE.encode()))
    )
    file.chmod(0o600)
    public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    (tmp_path / "in.jsonl").write_text("1\n")
    ping, mapped = ("ping",), ("map", "echo@1.0.0", "in.jsonl", "-o", "out.jsonl")
    async with LocalEngine(family="0.4", auth={"ada": [public]}, builtins=True) as engine:
        command = Runner(tmp_path, {"PIE_URI": engine.uri, "PIE_USERNAME": "ada"})
        for arguments, keys, status, said in (
            (mapped, f"{PASSPHRASE}\n", 0, "1 input answered, 0 failed"),
            (ping, "\x03", 128 + signal.SIGINT, ""),
            (ping, "\x04", 4, "set PIE_KEY_PASSPHRASE, or pass --key agent for the ssh-agent"),
        ):
            async with in_terminal(command, *arguments, "--key", file.name) as terminal:
                await terminal.until("Passphrase of key.pem: ")
                assert terminal.text == "Passphrase of key.pem: "  # nothing draws over it
                assert not terminal.echoes()
                terminal.press(keys)
                assert await terminal.end() == status, terminal.text
                assert terminal.echoes()
            assert said in terminal.text
            assert PASSPHRASE not in terminal.text


@pytest.mark.parametrize("family", ["0.5"])
async def test_a_watch_draws_on_a_screen_of_its_own_and_writes_lines_where_there_is_no_cursor(
    command: Runner,
) -> None:
    async with in_terminal(command, "status", "--watch", "-i", "0.01") as terminal:
        await terminal.until(SCREEN_ON)
        await terminal.until("VALUE")
        terminal.press("\x03")
        assert await terminal.end() == 128 + signal.SIGINT
    assert terminal.text.endswith(SCREEN_OFF)
    assert terminal.text.rindex(CURSOR_ON) > terminal.text.rindex(CURSOR_OFF)

    dumb = Runner(command.folder, {**command.settings, "TERM": "dumb"})
    async with in_terminal(dumb, "status", "kv_pages_total", "--watch", "-i", "0.01") as terminal:
        await terminal.until("0\r\nMODEL")
        terminal.press("\x03")
        assert await terminal.end() == 128 + signal.SIGINT
    assert "\x1b" not in terminal.text


@pytest.mark.parametrize("family", ["0.5"])
async def test_a_narrow_terminal_cuts_the_inputs_of_a_list_and_nothing_else(
    engine: LocalEngine, command: Runner
) -> None:
    narrow = Runner(command.folder, {**command.settings, "COLUMNS": "50"})
    async with PieClient(engine.uri) as client:
        process = await client.launch_process("wait@1.0.0", "ä" * 100)
        rows: list[str] = []
        for arguments in (("list",), ("list", "--full")):
            async with in_terminal(narrow, *arguments) as terminal:
                assert await terminal.end() == 0
            rows.append(ESCAPES.sub("", terminal.text).splitlines()[1])
    short, full = rows
    assert short.startswith(f"{process.process_id[:8]}  wait@1.0.0  internal  ")
    assert short.endswith("ä…")
    assert len(short) == 50
    assert full.startswith(f"{process.process_id}  wait@1.0.0  internal  ")
    assert full.endswith('s  "äää…')


@pytest.mark.parametrize("family", ["0.5"])
async def test_a_bar_counts_no_inputs_that_can_be_read_only_once(command: Runner) -> None:
    line = f"echo 1 | {COMMAND} map echo@1.0.0 /dev/stdin"
    async with in_terminal(command, "-c", line, program=Path("/bin/sh")) as terminal:
        assert await terminal.end() == 0
    assert '{"index": 0, "value": 1}' in terminal.text


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.tools(name)) for name in ("bash", "zsh", "fish")],
)
async def test_a_shell_completes_what_is_typed_once_the_completion_is_installed(
    name: str, tmp_path: Path
) -> None:
    (shell,) = map(Path, need(name))
    (tmp_path / ".zshrc").touch()  # else zsh asks what to write into it
    runner = Runner(tmp_path, {"PATH": f"{COMMAND.parent}:/usr/bin:/bin"})
    async with in_terminal(runner, "-c", "pie-client --install-completion; true", program=shell) as terminal:
        assert await terminal.end() == 0, terminal.text
    assert f"{name} completion installed in {tmp_path}" in terminal.text.replace("\r\n", "")
    async with in_terminal(runner, "-i", program=shell) as terminal:
        await terminal.until(READY)
        # The first one of a zsh only loads the completion.
        terminal.press("pie-client --vers\t\t\r" if name == "zsh" else "pie-client --vers\t\r")
        await terminal.until(f"pie-client {__version__}")
