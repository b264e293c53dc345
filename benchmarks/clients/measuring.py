"""What all clients measure with. Needs only the standard library; memory is read from Linux's /proc."""

import asyncio
import gc
import json
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

STATUS = Path("/proc/self/status")
RESET_PEAK = Path("/proc/self/clear_refs")
WARM_UP = 300
"""Units of work before the clock starts: the interpreter specializes code that runs often."""


def report(units: float, **figures: float) -> None:
    """Print the figures of a piece of work, each per unit except those of memory."""
    print(json.dumps({"units": units, **figures}))


class Clock:
    """The CPU and the wall-clock time since it was made, in seconds."""

    def __init__(self) -> None:
        gc.collect()
        self.wall, self.cpu = time.perf_counter(), time.process_time()

    def report(self, units: float, **figures: float) -> None:
        """Print the microseconds per unit, and further figures."""
        cpu, wall = time.process_time() - self.cpu, time.perf_counter() - self.wall
        report(units, cpu=cpu / units * 1e6, wall=wall / units * 1e6, **figures)


def mebibytes(field: str) -> float:
    """Return a figure of this process's memory: VmRSS is the current one, VmHWM the peak."""
    return int(STATUS.read_text().partition(f"{field}:")[2].split()[0]) / 1024


class Peak:
    """The growth of memory above what was in use when it was made."""

    def __init__(self) -> None:
        gc.collect()
        RESET_PEAK.write_text("5")
        self.before = mebibytes("VmRSS")

    def grown(self) -> float:
        """Return the peak growth so far in MiB."""
        return mebibytes("VmHWM") - self.before


def report_delays(nanoseconds: list[int]) -> None:
    """Print the median and the 90th percentile in microseconds."""
    deciles = statistics.quantiles(nanoseconds, n=10)
    report(len(nanoseconds), wall=deciles[4] / 1000, p90=deciles[8] / 1000)


def main(work: dict[str, Callable[..., Awaitable[None]]]) -> None:
    """Run the piece of work that the command line names: URI NAME ARGUMENTS."""
    uri, name, *arguments = sys.argv[1:]
    asyncio.run(work[name](uri, *(int(a) if a.isdigit() else a for a in arguments)))  # type: ignore[arg-type]
