"""Run schedules and return what they violate."""

import asyncio
import gc
import io
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import uvloop

from tests.faults.client_work import ClientWork, Outcome
from tests.faults.engine_process import EngineProcess
from tests.faults.judging import problems_of
from tests.faults.link import Act, Fault, Link
from tests.faults.mortal_engine import MortalEngine, start_forks
from tests.faults.resources import Complaints, resources
from tests.faults.schedules import Schedule, schedule_of

HANG_SECONDS = 90.0
"""Seconds after which a schedule counts as hung."""

WARM_UP = range(-3, 0)
"""Seeds of schedules that are run and not judged."""

uvloop.new_event_loop().close()  # the first one opens pipes that stay


@dataclass
class Run:
    """A schedule that was run.

    Attributes:
        problems: What it violated.
        happened: The faults that happened: a fault may be at a byte that was never sent.
        kills: How often its engine was killed.
    """

    schedule: Schedule
    problems: list[str] = field(default_factory=list[str])
    happened: list[Fault] = field(default_factory=list[Fault])
    kills: int = 0

    def report(self) -> str:
        """Return what was wrong, what was run, and how to run it again."""
        problems = "\n".join(f"- {problem}" for problem in self.problems)
        arguments = f"{'--kills ' if self.schedule.mortal else ''}{self.schedule.seed}"
        return f"{problems}\n{self.schedule.describe()}\nRepeat it: python -m tests.faults {arguments}"


@contextmanager
def prepared() -> Generator[EngineProcess]:
    """Run the engines, with a folder for temporary files, and exclude all objects so far from what may be left."""
    start_forks()  # has a temporary folder that stays
    before = tempfile.tempdir
    with EngineProcess() as engines, tempfile.TemporaryDirectory() as folder:
        tempfile.tempdir = folder
        try:
            for seed in WARM_UP:  # for what is imported and made once
                run(seed, engines)
                run(seed, engines, mortal=True)
            gc.collect()
            gc.freeze()
            yield engines
        finally:
            gc.unfreeze()
            tempfile.tempdir = before


def run(seed: int, engines: EngineProcess, *, mortal: bool = False) -> Run:
    """Run the schedule of a seed in an event loop of its own, and check that it leaves nothing behind."""
    schedule = schedule_of(seed, mortal=mortal)
    complaints = Complaints()
    before = resources()
    with complaints.heard():
        factory = uvloop.new_event_loop if schedule.uvloop else asyncio.new_event_loop
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.get_loop().set_exception_handler(complaints.of_loop)
            done = runner.run(_run_alone(schedule, engines))
    done.problems += complaints.texts
    done.problems += [f"{n} left: {what}" for what, n in (resources() - before).items()]
    return done


async def _run_alone(schedule: Schedule, engines: EngineProcess) -> Run:
    done = await perform(schedule, engines)
    left = asyncio.all_tasks() - {asyncio.current_task()}
    done.problems += [f"a task left: {task!r}" for task in left]
    return done


async def perform(schedule: Schedule, engines: EngineProcess) -> Run:
    """Run a schedule in the running event loop, perhaps beside others, and judge what came back."""
    done = Run(schedule)
    if schedule.mortal:
        path = Path(tempfile.gettempdir(), f"ledger-{schedule.prefix}")
        keeps = schedule.keeps_detached
        with MortalEngine(schedule.family, keeps=keeps, ledger=path, mark=schedule.prefix) as engine:
            outcome = await _work(done, engine.uri, engine.act)
            ledger = engine.finish()
            done.kills = engine.kills
    else:
        outcome = await _work(done, engines.uris[schedule.family, schedule.keeps_detached])
        ledger = engines.finish(schedule.prefix)
    done.problems += problems_of(schedule, outcome, ledger, done.happened)
    return done


async def _work(done: Run, server: str, act: Act | None = None) -> Outcome:
    schedule = done.schedule
    async with Link(server, schedule.faults, schedule.seed, act) as link:
        work = ClientWork(schedule, link.uri)
        working = asyncio.create_task(work.run(), name="the work")
        await asyncio.wait([working], timeout=max(HANG_SECONDS, 3 * schedule.patience))
        if not working.done():
            done.problems.append(f"hung:\n{_stacks()}")
            working.cancel()
            await asyncio.wait([working])
        done.happened += link.happened
    if not working.cancelled():
        working.result()
    return work.outcome


def _stacks() -> str:
    out = io.StringIO()
    for task in asyncio.all_tasks():
        task.print_stack(file=out)
    return out.getvalue()
