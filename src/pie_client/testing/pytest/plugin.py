"""The pytest plugin: an embedded engine, and a client that is connected to it, as fixtures.

    @pytest.mark.pie(family="0.4", client={"timeout": 5})
    async def test_greeting(pie_engine, pie_client):
        ...

Async tests need pytest-asyncio or anyio's plugin. pytest loads this module in every run, so it imports the engine and the
client only when a fixture is used.
"""

import inspect
import sys
from collections.abc import AsyncGenerator, Callable, Mapping
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal, NoReturn, TypeAlias, TypeVar, cast, get_args

import pytest

if TYPE_CHECKING:
    from pie_client.client import PieClient
    from pie_client.testing.engine.local_engine import LocalEngine

T = TypeVar("T")
MARKER = (
    "pie(*, client={}, **engine): options of the embedded engine, such as family, auth or allow_scripts, "
    "and of the client, such as timeout, for the fixtures pie_engine and pie_client."
)
ASYNCIO_FIXTURES = "pie-asyncio"
"""Name of the plugin that holds the fixtures for pytest-asyncio."""
Scope: TypeAlias = Literal["function", "class", "module", "package", "session"]
"""Lifetimes of pytest-asyncio's event loops."""


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker and, if pytest-asyncio is installed, the fixtures that run in its event loops."""
    config.addinivalue_line("markers", MARKER)
    pytest_asyncio = sys.modules.get("pytest_asyncio.plugin")
    if pytest_asyncio is not None and config.pluginmanager.is_registered(pytest_asyncio):
        fixtures = ModuleType(ASYNCIO_FIXTURES)
        for scope in get_args(Scope):
            vars(fixtures).update(_asyncio_fixtures(scope))
        config.pluginmanager.register(fixtures, ASYNCIO_FIXTURES)


@pytest.fixture
def pie_engine(request: pytest.FixtureRequest) -> "LocalEngine":
    """An embedded engine, started in the test's event loop and stopped after it. ``@pytest.mark.pie`` sets its options."""
    name = _fixture_name("engine", _event_loop(request, "pie_engine"))
    return cast("LocalEngine", request.getfixturevalue(name))


@pytest.fixture
def pie_client(request: pytest.FixtureRequest, pie_engine: "LocalEngine") -> "PieClient":
    """A client that is connected to ``pie_engine``. ``@pytest.mark.pie(client={...})`` sets its options."""
    name = _fixture_name("client", _event_loop(request, "pie_client"))
    return cast("PieClient", request.getfixturevalue(name))


def _fixture_name(what: str, event_loop: str) -> str:
    return f"_pie_{what}_{event_loop}"


def _generators() -> (
    "tuple[Callable[..., AsyncGenerator[LocalEngine]], Callable[..., AsyncGenerator[PieClient]]]"
):
    """Return new functions that yield an engine and a client, because a decorator of fixtures may mark its function."""

    async def engine(request: pytest.FixtureRequest) -> AsyncGenerator["LocalEngine"]:
        from pie_client.testing.engine.local_engine import LocalEngine  # noqa: PLC0415 - not loaded before it is used

        options, _ = _options(request)
        async with _made("", LocalEngine, **options) as running:
            yield running

    async def client(
        request: pytest.FixtureRequest, pie_engine: "LocalEngine"
    ) -> AsyncGenerator["PieClient"]:
        from pie_client.client import PieClient  # noqa: PLC0415 - as above

        _, options = _options(request)
        async with _made("client: ", PieClient, pie_engine.uri, **options) as connected:
            yield connected

    return engine, client


_anyio_engine, _anyio_client = _generators()
anyio_engine = pytest.fixture(name=_fixture_name("engine", "anyio"))(_anyio_engine)
anyio_client = pytest.fixture(name=_fixture_name("client", "anyio"))(_anyio_client)


def _asyncio_fixtures(scope: Scope) -> dict[str, object]:
    """Return an engine and a client as fixtures in pytest-asyncio's event loop of a scope."""
    import pytest_asyncio  # noqa: PLC0415 - it may not be installed

    return {
        f"{scope}_{what}": pytest_asyncio.fixture(loop_scope=scope, name=_fixture_name(what, scope))(function)
        for what, function in zip(("engine", "client"), _generators(), strict=True)
    }


def _made(where: str, kind: Callable[..., T], *values: object, **options: object) -> T:
    """Return an engine or a client with the options of the markers, or fail the test if one is wrong."""
    from pie_client.errors import InvalidArgumentError  # noqa: PLC0415 - not loaded before a fixture is used

    try:
        return kind(*values, **options)
    except (InvalidArgumentError, TypeError) as error:
        _fail(f"the marker pie: {where}{error}")


def _options(request: pytest.FixtureRequest) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the options of engine and client; the marker closest to the test has precedence."""
    engine: dict[str, Any] = {}
    client: dict[str, Any] = {}
    for marker in reversed(list(request.node.iter_markers("pie"))):
        options: object = marker.kwargs.get("client", {})
        if marker.args or not isinstance(options, Mapping):
            example = '@pytest.mark.pie(family="0.4", client={"timeout": 5})'
            _fail(f"the marker pie takes keyword arguments, as in {example}")
        client.update(cast("Mapping[str, Any]", options))
        engine.update({name: value for name, value in marker.kwargs.items() if name != "client"})
    return engine, client


def _event_loop(request: pytest.FixtureRequest, fixture: str) -> str:
    """Return whose event loop runs the test: ``anyio``, or the scope of pytest-asyncio's loop."""
    owner: object = getattr(request, "cls", None)
    unittest = sys.modules.get("unittest")
    if unittest is not None and isinstance(owner, type) and issubclass(owner, unittest.TestCase):
        _fail(
            f"{fixture} can't be used in unittest.TestCase classes; write `async with LocalEngine()` in the test"
        )
    function: object = getattr(request, "function", None)
    function = getattr(getattr(function, "hypothesis", None), "inner_test", function)
    if not inspect.iscoroutinefunction(function):
        _fail(f"{fixture} needs an async test; write `async def`")
    marker = request.node.get_closest_marker("asyncio")
    if not request.config.pluginmanager.hasplugin(ASYNCIO_FIXTURES):
        marker = None
    if "anyio_backend" in request.fixturenames:
        if marker is not None:
            _fail(
                f"{fixture} runs in both pytest-asyncio and anyio; set asyncio_mode = strict, or remove a marker"
            )
        if request.getfixturevalue("anyio_backend_name") != "asyncio":
            _fail(f'{fixture} needs asyncio; define a fixture anyio_backend that returns "asyncio"')
        return "anyio"
    if marker is None:
        _fail(
            f"{fixture} needs an event loop: install pytest-asyncio and mark the test with pytest.mark.asyncio "
            "(or set asyncio_mode = auto), or install anyio and mark it with pytest.mark.anyio"
        )
    scope = marker.kwargs.get("loop_scope") or request.config.getini("asyncio_default_test_loop_scope")
    return str(scope)


def _fail(text: str) -> NoReturn:
    pytest.fail(text, pytrace=False)
