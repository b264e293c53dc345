"""Everything at once: many clients, all kinds of work, faults of links, kills and stops of engines, in one event loop.

``python -m tests.faults.soaking`` shows progress, and at the end the figures. The exit status is 1 if anything was lost,
hung or left behind, or if memory grew.
"""

import argparse
import asyncio
import itertools
import random
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from tests.faults.engine_process import EngineProcess
from tests.faults.resources import Complaints, resources
from tests.faults.running import perform, prepared
from tests.faults.schedules import schedule_of

WORKERS: Final = 12
"""Schedules that run at the same time."""
MORTAL: Final = 0.3
"""Share of those whose engine is killed and stopped."""
SAMPLE_SECONDS: Final = 2.0
PROGRESS_SECONDS: Final = 30.0
SETTLED: Final = 0.3
"""Part of the time after which memory must not grow any more."""
GROWTH_MIB: Final = 12.0
"""Growth from then to the end, by the line through the samples, that counts as none."""
PATIENT: Final = 120.0
"""Timeout of calls, in seconds: a link that passes small pieces is slow where many share an event loop."""
FIRST_SEED: Final = 1_000_000
STATUS = Path("/proc/self/statm")
PAGE_MIB: Final = 4096 / (1 << 20)


@dataclass(frozen=True)
class Sample:
    """What the process held at a time.

    Attributes:
        at: Seconds since the beginning.
        memory: MiB of memory.
    """

    at: float
    memory: float
    tasks: int
    descriptors: int


@dataclass
class Soak:
    """What was run, and what was wrong."""

    seconds: float
    patience: float
    runs: int = 0
    clients: int = 0
    kills: int = 0
    kinds: Counter[str] = field(default_factory=Counter[str])
    samples: list[Sample] = field(default_factory=list[Sample])
    problems: list[str] = field(default_factory=list[str])

    @property
    def growth(self) -> float:
        """MiB by which memory grew after it settled."""
        settled = [s for s in self.samples if s.at >= SETTLED * self.seconds]
        if len(settled) < 10:  # too few for a line
            return 0.0
        line = statistics.linear_regression([s.at for s in settled], [s.memory for s in settled])
        return line.slope * (settled[-1].at - settled[0].at)

    def figures(self) -> Iterator[str]:
        """Yield what was done and measured, for people."""
        faults = sum(self.kinds.values())
        yield f"{self.seconds:.0f} s: {self.runs:,} schedules, {self.clients:,} clients, {faults:,} faults, {self.kills:,} kills"
        yield f"faults: {dict(self.kinds.most_common())}"
        if self.samples:
            settled = [s.memory for s in self.samples if s.at >= SETTLED * self.seconds]
            yield (
                f"memory: {self.samples[0].memory:.0f} MiB at the beginning, {min(settled):.0f} to {max(settled):.0f} MiB "
                f"after {SETTLED * self.seconds:.0f} s, where it grew by {self.growth:+.1f} MiB (at most {GROWTH_MIB:g})"
            )
            yield (
                f"most at a time: {max(s.tasks for s in self.samples)} tasks, "
                f"{max(s.descriptors for s in self.samples)} file descriptors"
            )
        yield f"{len(self.problems)} problems"


def soak(
    seconds: float, engines: EngineProcess, tell: Callable[[str], None], *, patience: float = PATIENT
) -> Soak:
    """Run schedules at the same time for some seconds, and check that nothing is left behind."""
    done = Soak(seconds, patience)
    complaints = Complaints()
    before = resources()
    with complaints.heard(), asyncio.Runner() as runner:
        runner.get_loop().set_exception_handler(complaints.of_loop)
        runner.run(_soak(done, engines, tell))
    done.problems += complaints.texts
    done.problems += [f"{n} left: {what}" for what, n in (resources() - before).items()]
    if done.growth > GROWTH_MIB:
        done.problems.append(f"memory grew by {done.growth:.1f} MiB")
    return done


async def _soak(done: Soak, engines: EngineProcess, tell: Callable[[str], None]) -> None:
    seeds, begin = itertools.count(FIRST_SEED), time.monotonic()
    sampling = asyncio.create_task(_sample(done, begin, tell))
    async with asyncio.TaskGroup() as group:
        for _ in range(WORKERS):
            group.create_task(_work(done, engines, seeds, begin + done.seconds))
    sampling.cancel()
    await asyncio.wait([sampling])
    left = asyncio.all_tasks() - {asyncio.current_task()}
    done.problems += [f"a task left: {task!r}" for task in left]


async def _work(done: Soak, engines: EngineProcess, seeds: Iterator[int], end: float) -> None:
    while time.monotonic() < end:
        seed = next(seeds)
        mortal = random.Random(seed).random() < MORTAL  # noqa: S311 - repeatable
        schedule = replace(schedule_of(seed, mortal=mortal), patience=done.patience)
        ran = await perform(schedule, engines)
        done.runs += 1
        done.clients += ran.schedule.clients
        done.kills += ran.kills
        done.kinds.update(fault.kind.name for fault in ran.happened)
        if ran.problems:
            done.problems.append(ran.report())


async def _sample(done: Soak, begin: float, tell: Callable[[str], None]) -> None:
    told = begin
    while True:
        now = time.monotonic()
        memory = int(STATUS.read_text().split()[1]) * PAGE_MIB
        descriptors = len([*Path("/proc/self/fd").iterdir()])
        done.samples.append(Sample(now - begin, memory, len(asyncio.all_tasks()), descriptors))
        if now - told >= PROGRESS_SECONDS:
            told = now
            tell(
                f"{now - begin:.0f} of {done.seconds:.0f} s: {done.runs:,} schedules, {done.kills:,} kills, "
                f"{memory:.0f} MiB, {len(done.problems)} problems"
            )
        await asyncio.sleep(SAMPLE_SECONDS)


def main() -> int:
    """Soak, and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.soaking", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600.0)
    options = parser.parse_args()
    with prepared() as engines:
        done = soak(options.seconds, engines, lambda line: print(line, flush=True))
    print("\n\n".join(done.problems))
    print("\n".join(done.figures()))
    return bool(done.problems)


if __name__ == "__main__":
    sys.exit(main())
