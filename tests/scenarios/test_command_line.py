"""Every command of pie-client with either server of the 0.5 family. `tests/cli` runs the same table on a 0.4 server."""

import sys
from pathlib import Path

import pytest

from tests.cli.commands import Runner
from tests.cli.table import USER, Programs, check_server
from tests.scenarios.conftest import AVAILABLE, REAL

PLACES = [
    ("embedded", "terminal"),  # the transcripts of docs/command-line.md run the commands in a pipe
    pytest.param("embedded", "pipe", marks=pytest.mark.soak),
    *(pytest.param("real", place, marks=REAL.marks) for place in ("terminal", "pipe") if AVAILABLE),
]


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals are Unix's")
@pytest.mark.parametrize(("server", "place"), PLACES, indirect=["server"])
async def test_every_command_works_with_a_0_5_server(
    server: str, place: str, uri: str, tmp_path: Path
) -> None:
    """D80, D83"""
    programs = Programs()
    programs.write(tmp_path)
    runner = Runner(tmp_path, {"PIE_URI": uri, "PIE_USERNAME": USER, "PIE_TIMEOUT": "120"})
    await check_server("0.5", programs, place, runner, short=(server, place) == ("embedded", "terminal"))
