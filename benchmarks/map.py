"""Compare `client.map` with `asyncio.gather` and a semaphore: `python benchmarks/map.py`.

The engine runs in a process of its own. The ways take turns, and each ratio is the median of those of all rounds. Prints the
time and the processor time per input, and how much memory an endless map takes as it goes on.
"""

import argparse
import asyncio
import contextlib
import itertools
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Generator
from pathlib import Path

from pie_client import PieClient

PROGRAM = "echo@1.0.0"
Way = Callable[[PieClient, int, int], Awaitable[list[int]]]
"""A function that runs the program on so many inputs, so many at a time."""


async def gathered(client: PieClient, count: int, concurrency: int) -> list[int]:
    """Run the program as one writes it by hand."""
    slots = asyncio.Semaphore(concurrency)

    async def run(number: int) -> int:
        async with slots:
            process = await client.launch_process(PROGRAM, number)
            return await process.result(int)

    return await asyncio.gather(*map(run, range(count)))


async def mapped(client: PieClient, count: int, concurrency: int) -> list[int]:
    """Run the program with a map."""
    return [r.value async for r in client.map(PROGRAM, range(count), int, concurrency=concurrency)]


async def journaled(client: PieClient, count: int, concurrency: int) -> list[int]:
    """Run the program with a map that has a journal in the present folder."""
    with tempfile.TemporaryDirectory(dir=".") as folder:
        path = Path(folder, "journal")
        results = client.map(PROGRAM, range(count), int, concurrency=concurrency, journal=path)
        return [result.value async for result in results]


WAYS: dict[str, Way] = {"gather": gathered, "map": mapped, "map with a journal": journaled}


@contextlib.contextmanager
def engine() -> Generator[str]:
    """Run an engine in a process of its own, and yield its address."""
    command = [sys.executable, "-m", "pie_client.testing", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - this interpreter
        try:
            assert process.stdout is not None  # noqa: S101 - for type checkers
            found = re.search(r"ws://\S+", process.stdout.readline())
            assert found is not None, "the engine does not start"  # noqa: S101 - a benchmark
            yield found[0]
        finally:
            process.terminate()


def memory() -> float:
    """Return the memory of this process, in MiB. Linux only."""
    status = Path("/proc/self/status").read_text("utf-8")
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


async def main(options: argparse.Namespace) -> None:
    """Measure and print."""
    took: dict[str, list[tuple[float, float]]] = {name: [] for name in WAYS}
    with engine() as uri:
        async with PieClient(uri) as client:
            for _ in range(options.rounds):
                for name, way in WAYS.items():
                    wall, cpu = time.perf_counter(), time.process_time()
                    assert await way(client, options.count, options.concurrency) == list(range(options.count))  # noqa: S101 - a benchmark
                    took[name].append((time.perf_counter() - wall, time.process_time() - cpu))
            for name, times in took.items():
                for what, kind in ((0, "time"), (1, "processor time")):
                    each = statistics.median(t[what] for t in times) / options.count
                    ratio = statistics.median(
                        t[what] / g[what] for t, g in zip(times, took["gather"], strict=True)
                    )
                    print(f"{name}: {kind} {each * 1e6:.0f} µs per input, {ratio:.2f} times that of gather")
            async with client.map(PROGRAM, itertools.count(), int) as results:
                async for result in results:
                    if result.index % options.endless == options.endless // 2:
                        print(f"memory after {result.index} inputs: {memory():.1f} MiB")
                    if result.index > 4 * options.endless:
                        break


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Compare client.map with asyncio.gather and a semaphore.")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--count", type=int, default=2000, help="inputs (default: %(default)s)")
    parser.add_argument("--concurrency", type=int, default=32)
    parser.add_argument(
        "--endless", type=int, default=10_000, help="inputs between two measurements of memory"
    )
    asyncio.run(main(parser.parse_args()))
