"""What several tests of the command use."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from pie_client import Family
from pie_client.testing import LocalEngine
from tests.cli.commands import Runner


@pytest.fixture
async def engine(family: Family) -> AsyncIterator[LocalEngine]:
    """An embedded engine of the family, with the built-in programs."""
    async with LocalEngine(family=family, builtins=True) as running:
        yield running


@pytest.fixture
def command(engine: LocalEngine, tmp_path: Path) -> Runner:
    """Runs the command for the engine, in a folder of its own."""
    return Runner(tmp_path, {"PIE_URI": engine.uri})
