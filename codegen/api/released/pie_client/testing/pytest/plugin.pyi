import inspect
import sys
from collections.abc import AsyncGenerator, Callable, Mapping
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal, NoReturn, TypeAlias, TypeVar, cast, get_args
import pytest
from pie_client.client import PieClient
from pie_client.testing.engine.local_engine import LocalEngine
T = TypeVar('T')
MARKER = ...
ASYNCIO_FIXTURES = 'pie-asyncio'
Scope: TypeAlias = Literal['function', 'class', 'module', 'package', 'session']

def pytest_configure(config: pytest.Config) -> None:
    ...

@pytest.fixture
def pie_engine(request: pytest.FixtureRequest) -> 'LocalEngine':
    ...

@pytest.fixture
def pie_client(request: pytest.FixtureRequest, pie_engine: 'LocalEngine') -> 'PieClient':
    ...
_anyio_engine, _anyio_client = _generators()
anyio_engine = pytest.fixture(name=_fixture_name('engine', 'anyio'))(_anyio_engine)
anyio_client = pytest.fixture(name=_fixture_name('client', 'anyio'))(_anyio_client)
