"""The command pie-client with either server."""

import json
import uuid
from pathlib import Path

from tests.cli.commands import Runner

GREET = """
async def main(name: str, times: int = 1) -> str:
    return " ".join([f"hello, {name}"] * times)
"""
WAIT = """
from inferlet import session

async def main() -> str:
    return await session.receive()
"""
MANIFEST = """
[package]
name = "{name}"
version = "1.0.0"

[runtime]
language = "python"
entry = "main"
call = "kwargs"
"""
PARAMETERS = """
[parameters]
name = { type = "string" }
times = { type = "int", optional = true }
"""


async def test_the_command_line_installs_launches_lists_and_signals(uri: str, tmp_path: Path) -> None:
    """D80, D83"""
    command = Runner(tmp_path, {"PIE_URI": uri, "PIE_TIMEOUT": "120"})
    name = f"c{uuid.uuid4().hex[:8]}"
    (tmp_path / "greet.py").write_text(GREET)
    (tmp_path / "Pie.toml").write_text(MANIFEST.format(name=f"{name}-greet") + PARAMETERS)
    (tmp_path / "wait.py").write_text(WAIT)
    (tmp_path / "Wait.toml").write_text(MANIFEST.format(name=f"{name}-wait"))

    pinged = await command("ping", "--count", "2", "--interval", "0")
    assert (pinged.status, pinged.err) == (0, "")

    greeted = await command("submit", "--path", "greet.py", "--", "--name", "Ada", "--times", "2")
    assert greeted == type(greeted)(0, "hello, Ada hello, Ada\n", "")

    launched = await command("submit", "--path", "wait.py", "--manifest", "Wait.toml", "--detach")
    assert (launched.status, launched.err) == (0, "")
    listed = await command("list", "--full")
    assert f"{launched.out.strip()}  {name}-wait@1.0.0" in listed.out
    signalled = await command("signal", launched.out[:8], "go on")
    assert signalled == type(signalled)(0, "go on\n", "")

    status = await command("status", "kv_pages", "--json")
    assert any(key.endswith(".kv_pages_total") for key in json.loads(status.out))
