r"""Run a Python function on every line of a text with the workers of a Dask cluster, and print the results as JSON lines.

dask scheduler & dask worker tcp://127.0.0.1:8786 &
python examples/map_dask.py README.md ws://127.0.0.1:8080 --scheduler tcp://127.0.0.1:8786
python examples/map_dask.py README.md ws://127.0.0.1:8080     # on workers of this machine

Needs `pip install distributed`, and pie-client on the workers. Each worker has a client of its own, which it keeps. Dask gives
the workers parts of the text, and gives a part whose worker has died to another one, where all its lines run again. A worker
with PIE_URI in its environment uses that server instead. Prints one object for each line that is not empty, in the order of
the text: the line's number with its result or its error. The exit status is 1 if a line has failed.
"""

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Awaitable
from pathlib import Path
from typing import cast

from distributed import Client, Worker, WorkerPlugin, get_worker
from pydantic import JsonValue

from pie_client import PieClient, PieError, Reconnect, inferlet

Outcome = dict[str, JsonValue]


@inferlet
async def describe(line: str) -> dict[str, int | str]:
    """Count the characters and words of a line, and find its longest word. Runs on the server."""
    words = line.split()
    return {"characters": len(line), "words": len(words), "longest": max(words, key=len)}


class Pie(WorkerPlugin):
    """Connects a client on each worker."""

    name = "pie"

    def __init__(self, uri: str) -> None:
        self.uri = uri

    async def setup(self, worker: Worker) -> None:
        """Connect; called when a worker joins, in its event loop."""
        uri = os.environ.get("PIE_URI", self.uri)
        self.client = PieClient(uri, reconnect=Reconnect())
        async with PieClient(uri):  # a wrong address fails at once, and not after all attempts
            pass
        await self.client.connect()

    async def teardown(self, worker: Worker) -> None:
        """Disconnect; called when a worker leaves."""
        await self.client.close()


async def run(part: list[tuple[int, str]], jobs: int) -> list[Outcome]:
    """Run the function on some numbered lines. Dask runs this in the event loop of a worker."""
    client = cast("Pie", get_worker().plugins[Pie.name]).client
    outcomes: list[Outcome] = []
    lines = [line for _, line in part]
    async with client.map(describe, lines, concurrency=jobs, retries=3, on_error="return") as results:
        async for result in results:
            outcome: Outcome = {"line": part[result.index][0]}
            if result.error is None:
                outcome["result"] = dict(result.value)
            else:
                outcome["error"] = str(result.error)
            outcomes.append(outcome)
    return outcomes


async def main(text: str, options: argparse.Namespace) -> int:
    """Distribute the parts of the text over the workers, print the results, and return the exit status."""
    lines = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    parts = [lines[first : first + options.part] for first in range(0, len(lines), options.part)]
    failed = False
    # Without an address, Dask starts a cluster in this machine.
    async with Client(options.scheduler, asynchronous=True) as cluster:  # type: ignore[no-untyped-call]  # of Dask
        await cluster.register_plugin(Pie(options.uri))
        futures = cluster.map(run, parts, jobs=options.jobs)  # pyright: ignore[reportUnknownMemberType] - of Dask
        for future in cast("list[Awaitable[list[Outcome]]]", futures):
            for outcome in await future:
                failed |= "error" in outcome
                print(json.dumps(outcome, ensure_ascii=False), flush=True)
    return int(failed)


def arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description="Run a function on every line of a text on a Dask cluster.")
    parser.add_argument("file", help="text file")
    parser.add_argument("uri", help="address of the server, as the workers reach it")
    parser.add_argument("--scheduler", help="address of the scheduler (default: a cluster on this machine)")
    parser.add_argument("--part", type=int, default=100, help="lines in a part (default: %(default)s)")
    parser.add_argument(
        "--jobs", type=int, default=8, help="lines that each worker runs concurrently (default: %(default)s)"
    )
    return parser.parse_args()


if __name__ == "__main__":
    try:
        given = arguments()
        sys.exit(asyncio.run(main(Path(given.file).read_text(encoding="utf-8"), given)))
    except (PieError, OSError) as error:
        sys.exit(f"map_dask: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
