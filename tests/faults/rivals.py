"""Run the same faults with several clients: ``python -m tests.faults.rivals FIRST LAST this=PYTHON 0.4.0=PYTHON …``.

Each client is an interpreter whose environment has it installed, with the families of servers that it talks to behind a
comma. All do the same work through the same program, which uses only what the user guide describes, without reconnecting,
cancelling and MCP. The exit status is 1 if the first client does not survive all. A schedule is survived if every call ends before its deadline, if no data are wrong or lost without an
error, and if nothing fails that no fault touched.
"""

import argparse
import asyncio
import contextlib
import sys
from collections import Counter
from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from blake3 import blake3
from pydantic import TypeAdapter

from pie_client import Family, PieConnectionError
from tests.faults.client_work import Followed, Outcome
from tests.faults.engine_process import EngineProcess
from tests.faults.judging import problems_of
from tests.faults.link import Harm, Link
from tests.faults.plans import PLAN, PROGRAM
from tests.faults.schedules import Follow, Reading, Schedule, Work, schedule_of
from tests.support.peers import component

CLIENT: Final = Path(__file__).parent / "guide_scenarios.py"
DEADLINES: Final = {Harm.NONE: 30.0, Harm.ENDS: 30.0, Harm.STALLS: 3.0, Harm.CORRUPTS: 3.0}
"""Seconds that one call may take. Where a server may never answer, the deadline only limits how long the run takes."""
LOST_SECONDS: Final = 90.0
"""Seconds after which a client that gives no answer at all is ended."""
AT_ONCE: Final = 12
OF_GUIDE: Final = frozenset({Work.PING, Work.LIST, Work.QUERY, Work.CHECK, Work.INSTALL})
"""Calls that all clients have."""


@dataclass
class _Process:
    launched: bool = False
    items: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    ends: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    corrupt: list[str] = field(default_factory=list[str])


@dataclass
class _Answer:
    processes: list[_Process]
    errors: list[tuple[str, bool, str]]
    seconds: float


ANSWER: Final = TypeAdapter(_Answer)
JOB: Final = TypeAdapter(dict[str, object])


def schedule_for_all(seed: int, family: Family) -> Schedule | None:
    """Return the schedule of a seed without what published clients do not have; None if it has MCP servers."""
    schedule = schedule_of(seed)
    if schedule.mcp:
        return None
    return replace(
        schedule,
        family=family,
        clients=1,
        follows=tuple(map(_for_all, schedule.follows)),
        work=tuple(work for work in schedule.work if work in OF_GUIDE),
        cancel_after=None,
        close_after=None,
        reconnects=False,
        keeps_detached=False,
        faults=tuple(replace(fault, connection=0) for fault in schedule.faults),
    )


def _for_all(follow: Follow) -> Follow:
    reading = Reading.DROP if follow.reading is Reading.DROP else Reading.RECEIVE
    return replace(follow, reading=reading, leaves_after=None)


def _job(schedule: Schedule, uri: str) -> bytes:
    plans = [
        {
            "input": PLAN.dump_python(follow.plan, mode="json"),
            "read": follow.reading is Reading.RECEIVE,
            "signals_first": follow.signals_first,
            "terminate_after": follow.terminate_after,
            "signals": {
                follow.plan.request(i): follow.plan.signal(i)
                for i, step in enumerate(follow.plan.steps)
                if step.kind == "signal"
            },
            "files": {
                follow.plan.request(i): follow.plan.data(i).hex()
                for i, step in enumerate(follow.plan.steps)
                if step.kind == "upload"
            },
        }
        for follow in schedule.follows
    ]
    return JOB.dump_json(
        {
            "uri": uri,
            "program": PROGRAM,
            "prefix": schedule.prefix,
            "deadline": DEADLINES[schedule.harm],
            "component": _component(schedule).hex(),
            "work": [work.value for work in schedule.work],
            "plans": plans,
        }
    )


def _component(schedule: Schedule) -> bytes:
    return component(blake3(schedule.prefix.encode()).digest(length=schedule.upload_bytes))


class _Client:
    """A client's process, started again if it gives no answer."""

    def __init__(self, python: str) -> None:
        self._python = python
        self._process: asyncio.subprocess.Process | None = None

    async def answer(self, job: bytes) -> _Answer | None:
        """Return what came back, or None if nothing did."""
        pipe = asyncio.subprocess.PIPE
        if self._process is None:
            self._process = await asyncio.create_subprocess_exec(
                *(self._python, CLIENT),
                stdin=pipe,
                stdout=pipe,
                stderr=asyncio.subprocess.DEVNULL,
                limit=1 << 30,
            )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with contextlib.suppress(TimeoutError, ConnectionError):
            async with asyncio.timeout(LOST_SECONDS):
                self._process.stdin.write(job + b"\n")
                await self._process.stdin.drain()
                if line := await self._process.stdout.readline():
                    return ANSWER.validate_json(line)
        await self.stop()
        return None

    async def stop(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


@dataclass
class Score:
    """How many schedules a client survives with a family of servers, by the harm that the faults do."""

    name: str
    family: Family
    schedules: Counter[Harm] = field(default_factory=Counter[Harm])
    survived: Counter[Harm] = field(default_factory=Counter[Harm])
    hung: int = 0
    wrong: int = 0

    def row(self) -> str:
        """Return a row of the table."""
        cells = [f"{self.survived[harm]} of {self.schedules[harm]}" for harm in Harm]
        total = f"{self.survived.total()} of {self.schedules.total()}"
        return f"| {self.name} | {self.family} | {' | '.join([*cells, total, str(self.hung), str(self.wrong)])} |"


async def _judged(schedule: Schedule, client: _Client, engines: EngineProcess) -> list[str]:
    """Run a schedule, and return what it violates."""
    async with Link(engines.uris[schedule.family, False], schedule.faults, schedule.seed) as link:
        answer = await client.answer(_job(schedule, link.uri))
    ledger = engines.finish(schedule.prefix)
    if answer is None:
        return ["hung: no answer at all, or its process ended"]
    outcome = _outcome(schedule, answer)
    return [*_problems_of_time(schedule, answer), *problems_of(schedule, outcome, ledger, schedule.faults)]


def _problems_of_time(schedule: Schedule, answer: _Answer) -> Iterator[str]:
    for name, timed_out, text in answer.errors:
        if timed_out and (name == "close" or schedule.harm in (Harm.NONE, Harm.ENDS)):
            yield f"hung: {name}: {text}"


def _outcome(schedule: Schedule, answer: _Answer) -> Outcome:
    """Return the answer as the judge of the other schedules wants it."""
    followed = list[Followed]()
    # Published clients raise plain exceptions for a lost connection too, or report it as an error event.
    errors: list[tuple[str, BaseException]] = [
        (name, PieConnectionError(text)) for name, timed_out, text in answer.errors if not timed_out
    ]
    for follow, process in zip(schedule.follows, answer.processes, strict=True):
        ends = list[tuple[str, object]]()
        for kind, text in process.ends:
            if kind == "error" and text != follow.plan.key and follow.terminate_after is None:
                errors.append((follow.plan.key, PieConnectionError(text)))
            else:
                ends.append((kind, text))
        followed.append(Followed(follow, process.items, ends, process.corrupt, launched=process.launched))
    digest = blake3(_component(schedule)).hexdigest()
    failed = {name for name, _, _ in answer.errors}
    installed = (
        {}
        if "connect" in failed or Work.INSTALL.value in failed
        else {
            f"{schedule.prefix}{number}@1.0.0": digest
            for number, work in enumerate(schedule.work)
            if work is Work.INSTALL
        }
    )
    timed_out = [name for name, late, _ in answer.errors if late]
    return Outcome(followed, errors, cancelled=timed_out, installed=installed)


async def _compare(options: argparse.Namespace, engines: EngineProcess) -> AsyncGenerator[Score]:
    for argument in options.clients:
        name, _, rest = argument.partition("=")
        python, *families = rest.split(",")
        for family in families:
            score = Score(name, family)
            seeds = iter(range(options.first, options.last + 1))
            async with asyncio.TaskGroup() as group:
                for _ in range(AT_ONCE):
                    group.create_task(
                        _run_all(score, seeds, _Client(python), engines, verbose=options.verbose)
                    )
            yield score


async def _run_all(
    score: Score, seeds: Iterator[int], client: _Client, engines: EngineProcess, *, verbose: bool
) -> None:
    try:
        for seed in seeds:
            schedule = schedule_for_all(seed, score.family)
            if schedule is None:
                continue
            problems = await _judged(schedule, client, engines)
            score.schedules[schedule.harm] += 1
            score.survived[schedule.harm] += not problems
            score.hung += any(problem.startswith("hung") for problem in problems)
            score.wrong += any(not problem.startswith("hung") for problem in problems)
            if verbose and problems:
                print(f"{score.name}, {seed}:", *problems, sep="\n  ", flush=True)
    finally:
        await client.stop()


async def _main(options: argparse.Namespace) -> int:
    """Print the table, and return the number of schedules that the first client does not survive."""
    failed = 0
    with EngineProcess() as engines:
        print(
            "| client | servers | harmless faults | ends | stalls | wrong bytes | survived | hung | wrong data or error |"
        )
        print("|---|---|---|---|---|---|---|---|---|")
        async for score in _compare(options, engines):
            print(score.row(), flush=True)
            if options.clients[0].startswith(f"{score.name}="):
                failed += score.schedules.total() - score.survived.total()
    return failed


def main() -> int:
    """Compare the clients, and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.rivals", description=__doc__)
    parser.add_argument("first", type=int)
    parser.add_argument("last", type=int)
    parser.add_argument("clients", nargs="+", help="NAME=PYTHON,FAMILY[,FAMILY]")
    parser.add_argument("--verbose", action="store_true", help="show what went wrong")
    return bool(asyncio.run(_main(parser.parse_args())))


if __name__ == "__main__":
    sys.exit(main())
