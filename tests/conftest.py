"""Fixtures that many tests share."""

from collections.abc import AsyncIterator

import pytest

from pie_client import Family, PieClient
from pie_client.testing import LocalEngine


@pytest.fixture(params=["0.4", "0.5"])
def family(request: pytest.FixtureRequest) -> Family:
    """Every server family in turn."""
    name: Family = request.param
    return name


@pytest.fixture
async def engine(family: Family) -> AsyncIterator[LocalEngine]:
    """An embedded engine of each family."""
    async with LocalEngine(family=family) as running:
        yield running


@pytest.fixture
async def client(engine: LocalEngine) -> AsyncIterator[PieClient]:
    """A client that is connected to the embedded engine."""
    async with PieClient(engine.uri, timeout=20) as connected:
        yield connected
