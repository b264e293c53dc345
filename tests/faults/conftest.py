"""The engines that schedules run on, and the seeds."""

from collections.abc import Iterator

import pytest

from tests.faults.engine_process import EngineProcess
from tests.faults.running import prepared

ORDINARY = 240
"""Schedules in every run of the tests."""
ORDINARY_KILLS = 20
"""Schedules with kills in every run of the tests."""
BLOCK = 20
"""Schedules of one ordinary test: enough to share its cost, few enough to be spread over workers."""
LONG_BLOCK = 250
"""Schedules of one long test: a line of progress each."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make blocks of seeds. Long tests begin with another seed, so that both together run more schedules."""
    long: int = metafunc.config.option.schedules
    kills: int = metafunc.config.option.kill_schedules
    for name, first, count, size in (
        ("seeds", 1, ORDINARY, BLOCK),
        ("many_seeds", ORDINARY + 1, long, LONG_BLOCK),
        ("deadly_seeds", 1, ORDINARY_KILLS, BLOCK),
        ("many_deadly_seeds", ORDINARY_KILLS + 1, kills, LONG_BLOCK),
    ):
        if name in metafunc.fixturenames:
            blocks = [range(at, min(at + size, first + count)) for at in range(first, first + count, size)]
            metafunc.parametrize(name, blocks, ids=[f"{block[0]}-{block[-1]}" for block in blocks])


@pytest.fixture(scope="package")
def engines() -> Iterator[EngineProcess]:
    """Engines in a process of their own, and everything else that runs of schedules need; starting them takes seconds."""
    with prepared() as running:
        yield running
