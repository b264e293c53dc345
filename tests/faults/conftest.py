"""The engines that schedules run on, and the seeds."""

import gc
import tempfile
from collections.abc import Iterator

import pytest

from tests.faults.engine_process import EngineProcess

ORDINARY = 240
"""Schedules in every run of the tests."""
BLOCK = 20
"""Schedules of one ordinary test: enough to share its cost, few enough to be spread over workers."""
LONG_BLOCK = 250
"""Schedules of one long test: a line of progress each."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make blocks of seeds. Long tests begin with another seed, so that both together run more schedules."""
    long: int = metafunc.config.option.schedules
    for name, first, count, size in (
        ("seeds", 1, ORDINARY, BLOCK),
        ("many_seeds", ORDINARY + 1, long, LONG_BLOCK),
    ):
        if name in metafunc.fixturenames:
            blocks = [range(at, min(at + size, first + count)) for at in range(first, first + count, size)]
            metafunc.parametrize(name, blocks, ids=[f"{block[0]}-{block[-1]}" for block in blocks])


@pytest.fixture(scope="module")
def engines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineProcess]:
    """Engines in a process of their own; temporary files go to a folder of its own, and only new objects are collected."""
    with pytest.MonkeyPatch.context() as patch, EngineProcess() as running:
        patch.setattr(tempfile, "tempdir", str(tmp_path_factory.mktemp("temporary")))
        gc.collect()
        gc.freeze()
        yield running
        gc.unfreeze()
