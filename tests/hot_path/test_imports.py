"""What a program does not use is not imported."""

import json
import subprocess
import sys

import pytest

from tests.support.repository import ROOT

HEAVY = {
    *("asyncio", "blake3", "cryptography", "msgpack", "pydantic", "pydantic_core", "websockets"),
    "pie_client._generated.models",
}
"""Modules that take most of the time of an import."""
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


def test_a_session_of_pings_launches_and_events_loads_no_models() -> None:
    modules = loaded_by(SESSION)
    assert "websockets" in modules
    assert modules & {"pydantic", "pydantic_core", "pie_client._generated.models"} == set()
