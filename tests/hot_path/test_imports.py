"""A program imports only the modules that it uses."""

import json
import subprocess
import sys

import pytest

from tests.support.repository import ROOT

HEAVY = {
    *("asyncio", "blake3", "cryptography", "msgpack", "pydantic", "pydantic_core", "websockets"),
    *("pie_client._generated.models", "pie_client.errors"),  # errors load typing
}
"""Modules that take most of the time of an import."""
MANIFEST = """
[package]
name = "greet"
version = "1.2.3"
authors = ["Ada"]
license = "MIT"

[parameters]
loud = { type = "bool", optional = true }

[dependencies]
words = "0.1.0"
"""
SESSION = """
from pie_client import ReturnEvent
from tests.hot_path.scripted_peer import run_with_peer

async def session(client, peer):
    await client.ping()
    process = await client.launch_process("a@1.0.0", input={"prompt": "Hello"})
    for kind, text in [("stdout", "one"), ("stderr", "two"), ("message", "three"), ("return", "{}")]:
        peer.send({"type": "process_event", "process_id": process.process_id, "event": kind, "value": text})
    await process.recv()
    assert [event async for event in process][-1] == ReturnEvent("{}")

run_with_peer(session)
"""

INSTALL = (
    """
import pathlib, tempfile
from tests.hot_path.scripted_peer import run_with_peer

MANIFEST = """
    + repr(MANIFEST)
    + """

async def session(client, peer):
    with tempfile.TemporaryDirectory() as folder:
        build, manifest = pathlib.Path(folder, "build.wasm"), pathlib.Path(folder, "Pie.toml")
        build.write_bytes(bytes(100_000))
        manifest.write_text(MANIFEST)
        assert await client.install_program(build, manifest) == "greet@1.2.3"
    assert await client.install_program_bytes(bytes(100), MANIFEST) == "greet@1.2.3"
    assert not await client.check_program("greet@1.2.3")

run_with_peer(session)
"""
)


def loaded_by(program: str) -> set[str]:
    """Return the modules that a program has imported at its end, in an interpreter of its own."""
    done = subprocess.run(  # noqa: S603 - programs of this module
        [sys.executable, "-c", f"{program}\nimport json, sys\nprint(json.dumps(list(sys.modules)))"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        check=True,
        timeout=60,
    )
    return set(json.loads(done.stdout))


@pytest.mark.parametrize("statement", ["import pie_client", "from pie_client import PieClient"])
def test_importing_loads_no_library(statement: str) -> None:
    modules = loaded_by(statement)
    assert "pie_client" in modules
    assert modules & HEAVY == set()


@pytest.mark.parametrize("program", [SESSION, INSTALL], ids=["events", "installs"])
def test_an_ordinary_session_loads_no_models(program: str) -> None:
    modules = loaded_by(program)
    assert "websockets" in modules
    assert modules & {"pydantic", "pydantic_core", "pie_client._generated.models"} == set()
    assert modules & {"pie_client.connection.observing", "pie_client._generated.shown"} == set()
    assert modules & {"pie_client.connection.restorable", "pie_client.connection.reconnect"} == set()
    assert not [name for name in modules if name.startswith(("opentelemetry", "pie_client.otel"))]
