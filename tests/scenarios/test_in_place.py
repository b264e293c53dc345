"""In the environment of pie-server, in the place of the published client, this client is what the server hands out."""

import json
import os
import subprocess
from pathlib import Path

import pytest

import pie_client
from tests.scenarios.servers import MODEL, REPLACED
from tests.scenarios.shared_engine import SHARED

TIMEOUT = 280
"""Seconds for an engine that boots, compiles, and generates two tokens, on a machine without a GPU."""
SCRIPT = Path(__file__).with_name("in_place.py")

pytestmark = [
    pytest.mark.engine,
    pytest.mark.skipif(REPLACED not in os.environ, reason="needs pie-server with this client: nox -s engine"),
    pytest.mark.timeout(TIMEOUT + 20, func_only=True),
]


def test_the_servers_own_connect_hands_out_this_client(
    pytestconfig: pytest.Config,
) -> None:
    folder = pytestconfig.stash[SHARED].folder
    done = subprocess.run(  # noqa: S603 - our own script
        [os.environ[REPLACED], SCRIPT, os.environ[MODEL]],
        check=False,
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        env={**os.environ, "PIE_HOME": str(folder / "home"), "XDG_RUNTIME_DIR": str(folder)},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert {"kv_pages_used", "total_batches"} <= set(found.pop("query"))
    assert found == {
        "client": ["pie_client.client", pie_client.__file__],
        "installed": True,
        "launched": ["Return", {"a": [1, "é"]}],
        "generated": 2,
        "function": ["HELLO", "HELLO"],
    }
