"""Measure limits of the client: ``python -m tests.faults.measures`` on a quiet machine, or with the names of some.

Each figure is shown beside its limit. The exit status is 1 if a figure is above its limit.
"""

import argparse
import asyncio
import gc
import math
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pie_client import FileEvent, PieClient, PieConnectionError, Process
from tests.faults.mortal_engine import MortalEngine
from tests.faults.plans import PLAN, PROGRAM, Plan
from tests.support.peers import SilentWebSocket, tcp_peer
from tests.support.repository import ROOT

GIB: Final = 1 << 30
MIB: Final = 1 << 20
EVENT_BYTES: Final = 1000
WAITERS: Final = 1000
ROUNDS: Final = 20
STATUS = Path("/proc/self/status")
RESET_PEAK = Path("/proc/self/clear_refs")


@dataclass(frozen=True)
class Figure:
    """What was measured.

    Attributes:
        name: What it is, for the table of the documentation.
        value: The figure.
        limit: What it may be.
        unit: Unit of both.
        detail: What else there is to say.
    """

    name: str
    value: float
    limit: float
    unit: str
    detail: str = ""

    def __str__(self) -> str:
        verdict = "" if self.value <= self.limit else "; ABOVE THE LIMIT"
        detail = f" ({self.detail})" if self.detail else ""
        return (
            f"{self.name}: {self.value:.4g} {self.unit}, at most {self.limit:g} {self.unit}{detail}{verdict}"
        )


# ------------------------------------------------------------- memory


class _Peak:
    """The growth of memory above what was in use when it was made."""

    def __init__(self) -> None:
        gc.collect()
        RESET_PEAK.write_text("5")
        self._before = _mebibytes("VmRSS")

    def grown(self) -> float:
        """Return the peak growth so far in MiB."""
        return _mebibytes("VmHWM") - self._before


def _mebibytes(field: str) -> float:
    return int(STATUS.read_text().partition(f"{field}:")[2].split()[0]) / 1024


@contextmanager
def _fast_server() -> Generator[str]:
    """Run the server of the benchmarks, which sends faster than any client reads; yield its address."""
    pipe = subprocess.PIPE
    command = [sys.executable, str(ROOT / "benchmarks" / "server.py")]
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:  # noqa: S603 - ours
        assert process.stdout is not None
        yield f"ws://127.0.0.1:{process.stdout.readline().strip()}"
        assert process.stdin is not None
        process.stdin.close()


async def backlog_of_events() -> Figure:
    """Receive 1 GiB of events that nobody reads, because a ping is answered after them; 128 MiB may be unread."""
    with _fast_server() as uri:
        async with PieClient(uri, timeout=600) as client:
            await client.ping()
            wanted = {"events": GIB // EVENT_BYTES, "size": EVENT_BYTES}
            process = await client.launch_process("a@1.0.0", wanted)
            peak = _Peak()
            await process.signal("go")
            await client.ping()
            grown = peak.grown()
            assert await process.wait() == "{}", "the result is kept"
            detail = f"{process.dropped:,} of {wanted['events']:,} events dropped, {client.buffered / MIB:.0f} MiB unread"
    return Figure("peak memory while 1 GiB of events arrives that nobody reads", grown, 140, "MiB", detail)


async def backlog_of_files() -> Figure:
    """Receive a file of 1 GiB that nobody reads."""
    with _fast_server() as uri:
        async with PieClient(uri, timeout=600, max_spooled=2 * GIB) as client:
            await client.ping()
            process = await client.launch_process("a@1.0.0", {"file": GIB // MIB})
            peak = _Peak()
            await process.signal("go")
            await client.ping()
            assert await process.wait() == "{}"
            grown = peak.grown()
            event = await anext(process)
            assert isinstance(event, FileEvent), event
            with event:
                assert event.size == GIB
    return Figure(
        "peak memory while a file of 1 GiB arrives that nobody reads", grown, 40, "MiB", "spooled to disk"
    )


# ------------------------------------------------------------- death


async def death() -> Figure:
    """Kill a server, and wait for the last of its client's waiters to be woken."""
    rounds = list[tuple[float, float, float]]()
    with tempfile.TemporaryDirectory() as folder:
        for number in range(ROUNDS):
            with MortalEngine(
                ("0.4", "0.5")[number % 2], keeps=False, ledger=Path(folder, "ledger"), mark=""
            ) as engine:
                rounds.append(await _last_woken(engine))
    delays, first, cpu = ([1000 * of[part] for of in rounds] for part in range(3))
    return Figure(
        f"time from the death of the server to the last of {WAITERS:,} waiters woken",
        max(delays),
        50,
        "ms",
        f"the longest of {ROUNDS}; medians: {statistics.median(delays):.3g} ms, to the first {statistics.median(first):.3g} ms, CPU time {statistics.median(cpu):.3g} ms",
    )


async def _last_woken(engine: MortalEngine) -> tuple[float, float, float]:
    """Return the times to the last and the first waiter woken, and the CPU time of this process meanwhile, in seconds."""
    async with PieClient(engine.uri, timeout=math.inf) as client:
        plan = PLAN.dump_python(Plan("waits", (), "wait"), mode="json")
        processes = [await client.launch_process(PROGRAM, plan) for _ in range(WAITERS // 4)]
        # Of a stopped server the calls stay without an answer.
        engine.send(signal.SIGSTOP)
        waits = [
            wait for process in processes for wait in (process.recv(), process.wait(), _iterate(process))
        ]
        waits += [client.ping() for _ in range(WAITERS // 4)]
        woken = list[float]()
        tasks = [asyncio.create_task(_until_lost(wait, woken)) for wait in waits]
        for _ in range(10):
            await asyncio.sleep(0)
        gc.collect()
        begin, cpu = time.perf_counter(), time.process_time()
        engine.send(signal.SIGKILL)
        await asyncio.gather(*tasks)
        assert len(woken) == WAITERS
        return max(woken) - begin, min(woken) - begin, time.process_time() - cpu


async def _iterate(process: Process) -> None:
    async for _ in process:
        pass


async def _until_lost(wait: Awaitable[object], woken: list[float]) -> None:
    try:
        await wait
    except PieConnectionError:
        woken.append(time.perf_counter())


# ------------------------------------------------------------- close


async def close() -> Figure:
    """Close a client whose server never answers."""
    seconds = list[float]()
    for _ in range(5):
        server = SilentWebSocket()
        async with tcp_peer(server.talk) as address:
            client = PieClient(f"ws://{address}")
            await client.connect()
            begin = time.perf_counter()
            await client.close()
            seconds.append(time.perf_counter() - begin)
    return Figure(
        "close() of a client whose server answers nothing", max(seconds), 1.1, "s", "the longest of 5"
    )


MEASURES: Final[dict[str, Callable[[], Awaitable[Figure]]]] = {
    "backlog-of-events": backlog_of_events,
    "backlog-of-files": backlog_of_files,
    "death": death,
    "close": close,
}


def main() -> int:
    """Measure, and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.measures", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(MEASURES)}; default: all")
    names: list[str] = parser.parse_args().names
    if unknown := set(names) - set(MEASURES):
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    above = 0
    for name in names or MEASURES:
        figure = asyncio.run(_measured(MEASURES[name]))
        print(figure, flush=True)
        above += figure.value > figure.limit
    return min(above, 1)


async def _measured(measure: Callable[[], Awaitable[Figure]]) -> Figure:
    return await measure()


if __name__ == "__main__":
    sys.exit(main())
