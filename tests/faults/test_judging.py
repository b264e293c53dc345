"""A client with a defect fails within a few schedules: what is lost, repeated, late, left behind or never ends is seen."""

import asyncio
import logging
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack
from typing import TypeAlias

import pytest

from pie_client import ConnectionStatus, PieClient, PieConnectionError, Process, ProcessError, ProcessEvent
from tests.faults import judging, running, schedules
from tests.faults.engine_process import EngineProcess
from tests.faults.link import HARM, Harm
from tests.faults.running import run
from tests.faults.schedules import Reading, Schedule, Work, schedule_of

Defect: TypeAlias = Callable[[pytest.MonkeyPatch, ExitStack], None]
SEEDS = range(1001, 2001)
"""Others than those of test_schedules.py: the engines, which keep what is uploaded, are the same."""
MOST = 30
"""Schedules that may be run to find a defect."""
KEPT = list[object]()


class _Nth:
    """Is true each nth time."""

    def __init__(self, n: int) -> None:
        self._n, self._count = n, 0

    def __bool__(self) -> bool:
        self._count += 1
        return self._count % self._n == 0


def _next_event(patch: pytest.MonkeyPatch, change: Callable[[Process], Awaitable[ProcessEvent]]) -> None:
    patch.setattr(Process, "__anext__", change)


def loses_events(patch: pytest.MonkeyPatch, _: ExitStack) -> None:
    right, sometimes = Process.__anext__, _Nth(5)

    async def wrong(self: Process) -> ProcessEvent:
        event = await right(self)
        return await right(self) if sometimes else event

    _next_event(patch, wrong)


def reports_gaps_for_what_it_loses(patch: pytest.MonkeyPatch, stack: ExitStack) -> None:
    loses_events(patch, stack)
    patch.setattr(Process, "possible_gaps", 1000)


def invents_a_failure(patch: pytest.MonkeyPatch, _: ExitStack) -> None:
    right = Process.wait

    async def wrong(self: Process, *, timeout: float | None = None) -> str:
        await right(self, timeout=timeout)
        raise ProcessError(self.process_id, "invented")

    patch.setattr(Process, "wait", wrong)


def invents_a_loss(patch: pytest.MonkeyPatch, _: ExitStack) -> None:
    async def wrong(self: PieClient) -> None:
        raise PieConnectionError

    patch.setattr(PieClient, "ping", wrong)


def repeats_events(patch: pytest.MonkeyPatch, _: ExitStack) -> None:
    right, sometimes = Process.__anext__, _Nth(5)
    last = dict[str, ProcessEvent]()

    async def wrong(self: Process) -> ProcessEvent:
        if self.process_id in last and sometimes:
            return last[self.process_id]
        last[self.process_id] = await right(self)
        return last[self.process_id]

    _next_event(patch, wrong)


def reorders_events(patch: pytest.MonkeyPatch, _: ExitStack) -> None:
    right, sometimes = Process.__anext__, _Nth(5)
    held = dict[str, ProcessEvent]()

    async def wrong(self: Process) -> ProcessEvent:
        if self.process_id in held:
            return held.pop(self.process_id)
        event = await right(self)
        if sometimes:
            held[self.process_id] = event
            return await right(self)
        return event

    _next_event(patch, wrong)


def ends_in_silence(patch: pytest.MonkeyPatch, _: ExitStack) -> None:
    right = Process.__anext__

    async def wrong(self: Process) -> ProcessEvent:
        try:
            return await right(self)
        except PieConnectionError:
            raise StopAsyncIteration from None

    _next_event(patch, wrong)


def hangs_after_a_loss(patch: pytest.MonkeyPatch, _: ExitStack) -> None:
    right = Process.__anext__

    async def wrong(self: Process) -> ProcessEvent:
        try:
            return await right(self)
        except PieConnectionError:
            await asyncio.Event().wait()
            raise

    _next_event(patch, wrong)


def hangs_for_ever(patch: pytest.MonkeyPatch, _: ExitStack) -> None:
    patch.setattr(running, "HANG_SECONDS", 1.0)

    async def wrong(self: PieClient, **_options: object) -> None:
        await asyncio.get_running_loop().create_future()

    patch.setattr(PieClient, "ping", wrong)


def is_late(patch: pytest.MonkeyPatch, _: ExitStack) -> None:
    patch.setattr(judging, "LATE_SECONDS", 0.3)
    right = PieClient.ping

    async def wrong(self: PieClient) -> None:
        await asyncio.sleep(4)
        await right(self)

    patch.setattr(PieClient, "ping", wrong)


def raises_other_errors(patch: pytest.MonkeyPatch, _: ExitStack) -> None:
    async def wrong(self: PieClient) -> None:
        raise KeyError

    patch.setattr(PieClient, "ping", wrong)


def launches_twice(patch: pytest.MonkeyPatch, _: ExitStack) -> None:
    right = PieClient.launch_process

    async def wrong(self: PieClient, *given: object) -> Process:
        (await right(self, *given)).close()  # type: ignore[arg-type] # passed on
        return await right(self, *given)  # type: ignore[arg-type] # passed on

    patch.setattr(PieClient, "launch_process", wrong)


def connects_after_close(patch: pytest.MonkeyPatch, _: ExitStack) -> None:
    right = PieClient.close

    async def wrong(self: PieClient) -> None:
        if self.state.status in (ConnectionStatus.CLOSED, ConnectionStatus.READY):
            await right(self)

    patch.setattr(PieClient, "close", wrong)


def _after_connecting(patch: pytest.MonkeyPatch, leave: Callable[[PieClient], object]) -> None:
    right = PieClient.connect

    async def wrong(self: PieClient) -> None:
        await right(self)
        leave(self)

    patch.setattr(PieClient, "connect", wrong)


def leaves_a_task(patch: pytest.MonkeyPatch, _: ExitStack) -> None:
    _after_connecting(patch, lambda _: KEPT.append(asyncio.create_task(asyncio.sleep(600))))


def leaves_an_exception_that_nobody_retrieves(patch: pytest.MonkeyPatch, _: ExitStack) -> None:
    _after_connecting(
        patch, lambda _: asyncio.get_running_loop().create_future().set_exception(PieConnectionError())
    )


def leaves_a_thread(patch: pytest.MonkeyPatch, stack: ExitStack) -> None:
    end = threading.Event()
    stack.callback(end.set)
    _after_connecting(patch, lambda _: threading.Thread(target=end.wait, name="left").start())


def leaves_a_file_open(patch: pytest.MonkeyPatch, stack: ExitStack) -> None:
    _after_connecting(patch, lambda _: stack.callback(os.close, os.open(os.devnull, os.O_RDONLY)))


def leaves_a_temporary_file(patch: pytest.MonkeyPatch, _: ExitStack) -> None:
    _after_connecting(patch, lambda _: os.close(tempfile.mkstemp()[0]))


def leaves_a_child(patch: pytest.MonkeyPatch, stack: ExitStack) -> None:
    def leave(_: PieClient) -> None:
        child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
        stack.enter_context(child)

    _after_connecting(patch, leave)


def leaves_an_object(patch: pytest.MonkeyPatch, _: ExitStack) -> None:
    _after_connecting(patch, KEPT.append)


def logs_an_error(patch: pytest.MonkeyPatch, _: ExitStack) -> None:
    _after_connecting(patch, lambda _: logging.getLogger("pie_client").error("left behind"))


def iterates_and_loses(schedule: Schedule) -> bool:
    """Return whether a connection ends while a client iterates."""
    return schedule.harm is Harm.ENDS and any(f.reading is Reading.ITERATE for f in schedule.follows)


def pings(schedule: Schedule) -> bool:
    return Work.PING in schedule.work


def pings_and_loses_nothing(schedule: Schedule) -> bool:
    """Return whether a client pings, and only connections that it never opens are to end."""
    few = schedule.clients == 1 and not (schedule.reconnects or schedule.keeps_detached)
    ending = {fault.connection for fault in schedule.faults if HARM[fault.kind] is Harm.ENDS}
    return pings(schedule) and few and schedule.harm is Harm.ENDS and min(ending) > 1


def awaits_a_return(schedule: Schedule) -> bool:
    """Return whether a client waits for the result of a process that returns one, and nothing disturbs it."""
    returns = [f for f in schedule.follows if f.plan.end == "return" and f.terminate_after is None]
    return schedule.harm is Harm.NONE and any(f.reading is Reading.RESULT for f in returns)


def closes_when_lost(schedule: Schedule) -> bool:
    return schedule.close_when_lost


CONCERNED: dict[Defect, Callable[[Schedule], bool]] = {
    invents_a_failure: awaits_a_return,
    invents_a_loss: pings_and_loses_nothing,
    ends_in_silence: iterates_and_loses,
    hangs_after_a_loss: iterates_and_loses,
    connects_after_close: closes_when_lost,
    hangs_for_ever: pings,
    is_late: pings,
    raises_other_errors: pings,
}
"""The schedules that use what is defect; of the others all do."""

DEFECTS: list[tuple[Defect, str]] = [
    (loses_events, "gaps"),
    (reports_gaps_for_what_it_loses, "1000 gaps were reported, of at most 0"),
    (invents_a_failure, "ended with the error 'invented'"),
    (invents_a_loss, "raised PieConnectionError"),
    (repeats_events, "not in the order"),
    (reorders_events, "not in the order"),
    (ends_in_silence, "without a last one"),
    (hangs_after_a_loss, "raised TimeoutError"),
    (hangs_for_ever, "hung:"),
    (is_late, "ping"),
    (raises_other_errors, "raised KeyError"),
    (connects_after_close, "after close(), the client is"),
    (launches_twice, "it ran 2 times"),
    (leaves_a_task, "a task left"),
    (leaves_an_exception_that_nobody_retrieves, "never retrieved"),
    (leaves_a_thread, "left: thread"),
    (leaves_a_file_open, "left: descriptor"),
    (leaves_a_temporary_file, "left: temporary file"),
    (leaves_a_child, "left: child process"),
    (leaves_an_object, "left: object of pie_client"),
    (logs_an_error, "left behind"),
]


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    """Ends what a defect has left."""
    with ExitStack() as opened:
        yield opened
    KEPT.clear()


@pytest.mark.parametrize(("defect", "problem"), DEFECTS, ids=[defect.__name__ for defect, _ in DEFECTS])
def test_a_defect_is_found_by_a_few_schedules(
    defect: Defect, problem: str, engines: EngineProcess, monkeypatch: pytest.MonkeyPatch, stack: ExitStack
) -> None:
    monkeypatch.setattr(schedules, "PATIENT", 1.0)
    defect(monkeypatch, stack)
    concerned = CONCERNED.get(defect)
    seeds = [seed for seed in SEEDS if concerned is None or concerned(schedule_of(seed))][:MOST]
    found = (text for seed in seeds for text in run(seed, engines).problems)
    assert any(problem in text for text in found), f"no schedule of {MOST} finds it"
