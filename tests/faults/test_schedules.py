"""Clients over links that cut, stall, corrupt, delay and reorder what passes, at bytes that seeds choose; killed engines.

Every call and every handle ends in time, with a result or a PieError. What arrived is the beginning of what was sent: in
order, once, and each file whole or reported lost. Nothing ran twice. Tasks, threads, sockets, child processes and temporary
files are back where they began, and neither Python nor asyncio complains.
"""

from collections.abc import Callable
from typing import TypeAlias

import pytest

from tests.faults.engine_process import EngineProcess
from tests.faults.running import Run, run
from tests.support.figures import FIGURES

Record: TypeAlias = Callable[[str, object], None]


def check(seeds: range, engines: EngineProcess, *, mortal: bool = False) -> list[Run]:
    """Run the schedules of some seeds; fail with all that were violated."""
    runs = [run(seed, engines, mortal=mortal) for seed in seeds]
    failed = [done.report() for done in runs if done.problems]
    assert not failed, "\n\n".join([f"{len(failed)} of {len(seeds)} schedules failed", *failed])
    return runs


def figures(runs: list[Run]) -> str:
    """Return what happened, for people."""
    faults, kills = sum(len(done.happened) for done in runs), sum(done.kills for done in runs)
    return f"{len(runs)} schedules, {faults} faults" + (f", {kills} kills" if kills else "")


def test_faulty_links_lose_nothing_hang_nothing_and_leak_nothing(
    seeds: range, engines: EngineProcess
) -> None:
    """D2, D3, D4, D20, D21, D22, D24."""
    check(seeds, engines)


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_many_faulty_links_lose_nothing_hang_nothing_and_leak_nothing(
    many_seeds: range, engines: EngineProcess, record_property: Record
) -> None:
    record_property(FIGURES, figures(check(many_seeds, engines)))


def test_killed_and_stopped_engines_lose_nothing_hang_nothing_and_leak_nothing(
    deadly_seeds: range, engines: EngineProcess
) -> None:
    runs = check(deadly_seeds, engines, mortal=True)
    assert sum(done.kills for done in runs) >= 12


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_many_killed_and_stopped_engines_lose_nothing_hang_nothing_and_leak_nothing(
    many_deadly_seeds: range, engines: EngineProcess, record_property: Record
) -> None:
    runs = check(many_deadly_seeds, engines, mortal=True)
    record_property(FIGURES, figures(runs))
    assert sum(done.kills for done in runs) >= 0.7 * len(runs)
