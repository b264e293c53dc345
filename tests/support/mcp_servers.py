"""MCP servers that run as child processes: small scripts with one fault each, and helpers for their processes."""

import asyncio
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.support.peers import TIMEOUT

PACKAGE_SERVER = Path(__file__).parent / "mcp_package_server.py"
"""A server made with the official package."""

PRELUDE = """
import json, os, signal, sys, time

def note_pid():
    with open(sys.argv[1], "a") as file:
        print(os.getpid(), file=file)

def read():
    line = sys.stdin.readline()
    if not line:
        sys.exit(0)
    return json.loads(line)

def write(text):
    sys.stdout.write(text + "\\n")
    sys.stdout.flush()

def send(**members):
    write(json.dumps({"jsonrpc": "2.0", **members}))

def initialize():
    request = read()
    send(id=request["id"], result={
        "protocolVersion": request["params"]["protocolVersion"], "capabilities": {}, "serverInfo": {},
    })
    assert read()["method"] == "notifications/initialized"
    return request["params"]

note_pid()
"""


class Script:
    """A scripted server, which records the id of its process at each start."""

    def __init__(self, folder: Path, body: str) -> None:
        self._folder = Path(tempfile.mkdtemp(dir=folder))
        self._pids = self._folder / "pids"
        (self._folder / "server.py").write_text(PRELUDE + body, encoding="utf-8")

    @property
    def args(self) -> list[str]:
        """Arguments for the Python interpreter."""
        return [str(self._folder / "server.py"), str(self._pids)]

    @property
    def command(self) -> str:
        """The interpreter."""
        return sys.executable

    @property
    def pids(self) -> list[int]:
        """Ids of the processes started, oldest first."""
        return [int(line) for line in self._pids.read_text().split()] if self._pids.exists() else []

    async def started(self, number: int = 1) -> int:
        """Wait for the ``number``-th start and return the process id."""
        await until(lambda: len(self.pids) >= number)
        return self.pids[number - 1]


def lives(pid: int) -> bool:
    """Return whether a process runs; a zombie does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in ("Z", "X")


def children() -> set[int]:
    """Return the ids of all running descendants of this process."""
    parents: dict[int, int] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(path.parent.name)] = int(path.read_text().rpartition(")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
    found, queue = set[int](), [os.getpid()]
    while queue:
        parent = queue.pop()
        mine = [pid for pid, of in parents.items() if of == parent]
        queue += mine
        found |= {pid for pid in mine if lives(pid)}
    return found


async def gone(*pids: int) -> None:
    """Wait until processes have ended."""
    await until(lambda: not any(map(lives, pids)))


async def until(holds: Callable[[], bool]) -> None:
    """Wait for a state of other processes, which send no event."""
    async with asyncio.timeout(TIMEOUT):
        while not holds():  # noqa: ASYNC110 - there is no event to wait for
            await asyncio.sleep(0.01)
