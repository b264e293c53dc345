"""Fixtures of the pytest plugin for pytest-asyncio: a pair for each scope that the event loop of a test can have."""

from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

import pytest
import pytest_asyncio

from pie_client.testing.pytest import plugin

if TYPE_CHECKING:
    from pie_client.client import PieClient
    from pie_client.testing.engine.local_engine import LocalEngine

Scope: TypeAlias = Literal["function", "class", "module", "package", "session"]
"""How long a test's event loop lives."""


def _fixtures(scope: Scope) -> dict[str, object]:
    @pytest_asyncio.fixture(loop_scope=scope, name=plugin.fixture_name("engine", scope))
    async def engine(request: pytest.FixtureRequest) -> AsyncGenerator["LocalEngine"]:
        async with plugin.make_engine(request) as running:
            yield running

    @pytest_asyncio.fixture(loop_scope=scope, name=plugin.fixture_name("client", scope))
    async def client(
        request: pytest.FixtureRequest, pie_engine: "LocalEngine"
    ) -> AsyncGenerator["PieClient"]:
        async with plugin.make_client(request, pie_engine) as connected:
            yield connected

    return {f"{scope}_engine": engine, f"{scope}_client": client}


for _scope in get_args(Scope):
    globals().update(_fixtures(_scope))
