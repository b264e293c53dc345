"""Measure the client and the embedded engine under load: `python benchmarks/load.py`.

The engine runs in a new process for each row. First a thousand processes run on one connection, then five hundred
connections run one process each. All processes stream at the same time: each waits until the last one has started. A
missing or misplaced event counts as an error, and so does every exception. Both sides share the machine.
"""

import argparse
import asyncio
import contextlib
import resource
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from pydantic import JsonValue

from pie_client import Family, MessageEvent, PieClient, Process, ReturnEvent, StdoutEvent
from pie_client.testing import InferletSession, LocalEngine

FAMILIES: tuple[Family, ...] = ("0.4", "0.5")
PROGRAM = "stream@1.0.0"
PROCESSES = 1_000
CONNECTIONS = 500
EVENTS = 100
"""Events that each process prints."""
DEADLINE = 300.0
"""Seconds that a row may take."""
READY, GO = "ready", "go"


@dataclass
class Tally:
    """The figures of one row."""

    starting: float = 0.0
    streaming: float = 0.0
    events: int = 0
    errors: Counter[str] = field(default_factory=Counter[str])


# ------------------------------------------------------------- engine


async def stream(session: InferletSession, _input: JsonValue) -> int:
    """Wait for the start signal, then print lines and yield to other tasks."""
    session.send(READY)
    await session.receive()
    for number in range(EVENTS):
        session.print(number)
        if number % 10 == 0:
            await asyncio.sleep(0)
    return EVENTS


def peak_mebibytes() -> float:
    """Return the peak memory of this process in MiB. Linux only: getrusage uses other units elsewhere."""
    with open("/proc/self/status", encoding="ascii") as status:  # noqa: PTH123 - a fixed path
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM"))


async def serve(family: Family) -> None:
    """Serve until standard input ends; print the address first and the peak memory last."""
    async with LocalEngine(family=family) as engine:
        engine.inferlet(PROGRAM)(stream)
        print(engine.uri, peak_mebibytes(), flush=True)
        await asyncio.to_thread(sys.stdin.read)
    print(peak_mebibytes(), flush=True)


# ------------------------------------------------------------- client


async def start(client: PieClient, tally: Tally) -> Process | None:
    """Launch a process and wait for its first event."""
    try:
        process = await client.launch_process(PROGRAM, input={})
        event = await anext(aiter(process))
        if event != MessageEvent(READY):
            tally.errors[f"began with {type(event).__name__}"] += 1
    except Exception as error:  # noqa: BLE001 - every exception is counted
        tally.errors[type(error).__name__] += 1
        return None
    return process


async def read(process: Process, tally: Tally) -> None:
    """Read all events of a process."""
    expected = 0
    try:
        await process.signal(GO)
        async for event in process:
            match event:
                case StdoutEvent(text) if text == f"{expected}\n":
                    expected += 1
                case ReturnEvent():
                    pass
                case _:
                    tally.errors[f"unexpected {type(event).__name__}"] += 1
    except Exception as error:  # noqa: BLE001 - every exception is counted
        tally.errors[type(error).__name__] += 1
    tally.events += expected
    tally.errors["events missing"] += EVENTS - expected


async def run(clients: Sequence[PieClient], each: int, begun: float) -> Tally:
    """Start processes on each connection, and once all run, let them stream."""
    tally = Tally()
    started = await asyncio.gather(*(start(client, tally) for client in clients for _ in range(each)))
    middle = time.perf_counter()
    await asyncio.gather(*(read(process, tally) for process in started if process is not None))
    tally.starting, tally.streaming = middle - begun, time.perf_counter() - middle
    return tally


@contextlib.asynccontextmanager
async def connected(uri: str, number: int, tally: Counter[str]) -> AsyncGenerator[list[PieClient]]:
    """Open connections concurrently; count those that fail."""
    async with AsyncExitStack() as stack:

        async def one() -> PieClient | None:
            try:
                return await stack.enter_async_context(PieClient(uri, timeout=DEADLINE))
            except Exception as error:  # noqa: BLE001 - every exception is counted
                tally[type(error).__name__] += 1
                return None

        clients = await asyncio.gather(*(one() for _ in range(number)))
        yield [client for client in clients if client is not None]


async def measure(uri: str, connections: int, each: int) -> Tally:
    """Measure a row."""
    refused: Counter[str] = Counter()
    begin = time.perf_counter()
    async with asyncio.timeout(DEADLINE), connected(uri, connections, refused) as clients:
        tally = await run(clients, each, begin)
    tally.errors += refused
    return tally


@contextlib.contextmanager
def engine(family: Family) -> Generator[tuple[str, list[float]]]:
    """Run an engine; yield its address and a list of its memory use: at the start and, after the block, at its peak."""
    with subprocess.Popen(  # noqa: S603 - ourselves
        [sys.executable, __file__, "--serve", family],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None  # noqa: S101 - it was asked for
        try:
            uri, memory = process.stdout.readline().split()
            peaks = [float(memory)]
            yield uri, peaks
            rest, _ = process.communicate(timeout=30)
            peaks.append(float(rest))
        finally:
            process.kill()


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description="Measure the client and the embedded engine under load.")
    parser.add_argument("--processes", type=int, default=PROCESSES, help="processes on one connection")
    parser.add_argument("--connections", type=int, default=CONNECTIONS, help="concurrent connections")
    options = parser.parse_args()
    columns = (
        "family|connections|processes|s to start all|s to stream|events/s|engine: MiB idle|at peak|errors"
    )
    print(f"| {columns.replace('|', ' | ')} |\n|{'---|' * 9}", flush=True)
    for family in FAMILIES:
        for connections, each in ((1, options.processes), (options.connections, 1)):
            with engine(family) as (uri, peaks):
                tally = asyncio.run(measure(uri, connections, each))
            errors = ", ".join(f"{n} {what}" for what, n in tally.errors.items() if n) or "0"
            cells = (
                *(family, f"{connections:,}", f"{connections * each:,}"),
                *(f"{tally.starting:.2f}", f"{tally.streaming:.2f}"),
                *(f"{tally.events / tally.streaming:,.0f}", f"{peaks[0]:.0f}", f"{peaks[1]:.0f}", errors),
            )
            print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if sys.argv[1:2] == ["--serve"]:
        asyncio.run(serve(next(family for family in FAMILIES if family == sys.argv[2])))
    else:
        main()
