"""The example that runs a map on a Dask cluster: a scheduler and two workers."""

import asyncio
import json
import sys
from contextlib import AsyncExitStack
from pathlib import Path

from distributed import Scheduler, Worker

from pie_client.testing import LocalEngine
from tests.support.peers import in_time
from tests.support.repository import ROOT


async def run_example(*arguments: str | Path) -> tuple[int | None, list[dict[str, object]], str]:
    """Run the example and return its exit status, its output and its errors."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-W", "error", ROOT / "examples" / "map_dask.py", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await in_time(process.communicate())
    return process.returncode, [json.loads(line) for line in out.splitlines()], err.decode()


async def test_the_workers_of_a_cluster_share_a_map_each_with_its_own_client(tmp_path: Path) -> None:
    text = tmp_path / "text"
    text.write_text("".join(f"line {n}\n\n" for n in range(40)), encoding="utf-8")
    used: set[int] = set()
    async with AsyncExitStack() as stack:
        engine = await stack.enter_async_context(LocalEngine(allow_scripts=True))
        engine.observe(lambda frame: used.add(frame.connection))
        scheduler = await stack.enter_async_context(Scheduler(host="127.0.0.1", dashboard_address=":0"))
        for _ in range(2):
            await stack.enter_async_context(
                Worker(scheduler.address, nthreads=1, host="127.0.0.1", dashboard_address=":0")
            )
        options = ("--scheduler", scheduler.address, "--part", "5", "--jobs", "2")
        code, outcomes, err = await run_example(text, engine.uri, *options)
    assert (code, err) == (0, "")
    assert [outcome["line"] for outcome in outcomes] == list(range(1, 81, 2))
    assert outcomes[0]["result"] == {"characters": 6, "words": 2, "longest": "line"}
    assert len(used) == 2


async def test_an_address_without_a_server_is_an_error_at_once(tmp_path: Path) -> None:
    text = tmp_path / "text"
    text.write_text("a line", encoding="utf-8")
    async with (
        Scheduler(host="127.0.0.1", dashboard_address=":0") as scheduler,
        Worker(scheduler.address, nthreads=1, host="127.0.0.1", dashboard_address=":0"),
    ):
        code, outcomes, err = await run_example(text, "ws://127.0.0.1:1", "--scheduler", scheduler.address)
    assert (code, outcomes) == (1, [])
    assert err.startswith("map_dask: could not connect to ws://127.0.0.1:1: ")
