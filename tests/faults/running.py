"""Run schedules and return what they violate."""

import asyncio
import io
from dataclasses import dataclass

import uvloop

from tests.faults.client_work import ClientWork
from tests.faults.engine_process import EngineProcess
from tests.faults.judging import problems_of
from tests.faults.link import Fault, Link
from tests.faults.resources import Complaints, resources
from tests.faults.schedules import Schedule, schedule_of

HANG_SECONDS = 90.0
"""Seconds after which a schedule counts as hung."""

uvloop.new_event_loop().close()  # the first one opens pipes that stay


@dataclass
class Run:
    """A schedule that was run.

    Attributes:
        problems: What it violated.
        happened: The faults that happened: a fault may be at a byte that was never sent.
    """

    schedule: Schedule
    problems: list[str]
    happened: list[Fault]

    def report(self) -> str:
        """Return what was wrong, what was run, and how to run it again."""
        problems = "\n".join(f"- {problem}" for problem in self.problems)
        return (
            f"{problems}\n{self.schedule.describe()}\nRepeat it: python -m tests.faults {self.schedule.seed}"
        )


def run(seed: int, engines: EngineProcess) -> Run:
    """Run the schedule of a seed in an event loop of its own, and check that it leaves nothing behind."""
    schedule = schedule_of(seed)
    complaints = Complaints()
    before = resources()
    happened: list[Fault] = []
    with complaints.heard():
        factory = uvloop.new_event_loop if schedule.uvloop else asyncio.new_event_loop
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.get_loop().set_exception_handler(complaints.of_loop)
            problems = runner.run(_run(schedule, engines, happened))
    problems += complaints.texts
    problems += [f"{n} left: {what}" for what, n in (resources() - before).items()]
    return Run(schedule, problems, happened)


async def _run(schedule: Schedule, engines: EngineProcess, happened: list[Fault]) -> list[str]:
    problems = list[str]()
    server = engines.uris[schedule.family, schedule.keeps_detached]
    async with Link(server, schedule.faults, schedule.seed) as link:
        work = ClientWork(schedule, link.uri)
        working = asyncio.create_task(work.run(), name="the work")
        await asyncio.wait([working], timeout=HANG_SECONDS)
        if not working.done():
            problems.append(f"hung:\n{_stacks()}")
            working.cancel()
            await asyncio.wait([working])
        happened += link.happened
    mine = {asyncio.current_task(), working}
    problems += [f"a task left: {task!r}" for task in asyncio.all_tasks() - mine]
    ledger = engines.finish(schedule.prefix)
    problems += problems_of(schedule, work.outcome, ledger)
    if not working.cancelled():
        working.result()
    return problems


def _stacks() -> str:
    out = io.StringIO()
    for task in asyncio.all_tasks():
        task.print_stack(file=out)
    return out.getvalue()
