"""The pytest plugin: an embedded engine and a client of it as fixtures.

    @pytest.mark.pie(family="0.4", client={"timeout": 5})
    async def test_greeting(pie_engine, pie_client):
        ...

Async tests have to be run by pytest-asyncio or by anyio's plugin. pytest loads this module in every run, so that it
imports nothing before a fixture is used.
"""

import inspect
import sys
from collections.abc import AsyncGenerator, Mapping
from typing import TYPE_CHECKING, cast

import pytest

if TYPE_CHECKING:
    from pie_client.client import PieClient
    from pie_client.testing.engine.local_engine import LocalEngine

MARKER = (
    "pie(*, client={}, **engine): options of the embedded engine, such as family, auth or allow_scripts, "
    "and of the client, such as timeout, for the fixtures pie_engine and pie_client."
)


def pytest_configure(config: pytest.Config) -> None:
    """Announce the marker; add what runs fixtures in pytest-asyncio's loop where that is installed."""
    config.addinivalue_line("markers", MARKER)
    pytest_asyncio = sys.modules.get("pytest_asyncio.plugin")
    if pytest_asyncio is not None and config.pluginmanager.is_registered(pytest_asyncio):
        from pie_client.testing.pytest import plugin_asyncio  # noqa: PLC0415 - needs pytest-asyncio

        config.pluginmanager.register(plugin_asyncio, "pie-asyncio")


@pytest.fixture
def pie_engine(request: pytest.FixtureRequest) -> "LocalEngine":
    """An embedded engine, started in the test's event loop and stopped after it. ``@pytest.mark.pie`` sets its options."""
    runner = _runner(request, "pie_engine")
    return cast("LocalEngine", request.getfixturevalue(fixture_name("engine", runner)))


@pytest.fixture
def pie_client(request: pytest.FixtureRequest, pie_engine: "LocalEngine") -> "PieClient":
    """A client that is connected to ``pie_engine``. ``@pytest.mark.pie(client={...})`` sets its options."""
    runner = _runner(request, "pie_client")
    return cast("PieClient", request.getfixturevalue(fixture_name("client", runner)))


def fixture_name(what: str, runner: str) -> str:
    """Give the name of the fixture behind a public one; ``runner`` is anyio, or the scope of pytest-asyncio's loop."""
    return f"_pie_{what}_{runner}"


@pytest.fixture(name=fixture_name("engine", "anyio"))
async def anyio_engine(request: pytest.FixtureRequest) -> AsyncGenerator["LocalEngine"]:
    """An engine in anyio's event loop."""
    async with make_engine(request) as engine:
        yield engine


@pytest.fixture(name=fixture_name("client", "anyio"))
async def anyio_client(
    request: pytest.FixtureRequest, pie_engine: "LocalEngine"
) -> AsyncGenerator["PieClient"]:
    """A client in anyio's event loop."""
    async with make_client(request, pie_engine) as client:
        yield client


def make_engine(request: pytest.FixtureRequest) -> "LocalEngine":
    """Make the engine that a test's marker describes."""
    from pie_client.errors import InvalidArgumentError  # noqa: PLC0415 - only where it is used
    from pie_client.testing.engine.local_engine import LocalEngine  # noqa: PLC0415 - only where it is used

    options, theirs = _options(request)
    _check("an option of the engine", options, LocalEngine)
    if theirs:
        from pie_client.client import PieClient  # noqa: PLC0415 - only where it is used

        _check("an option of the client", theirs, PieClient)
    try:
        return LocalEngine(**options)  # type: ignore[arg-type] # the user's own values, checked by name
    except InvalidArgumentError as error:
        pytest.fail(f"the marker pie: {error}", pytrace=False)


def make_client(request: pytest.FixtureRequest, engine: "LocalEngine") -> "PieClient":
    """Make the client that a test's marker describes."""
    from pie_client.client import PieClient  # noqa: PLC0415 - only where it is used
    from pie_client.errors import InvalidArgumentError  # noqa: PLC0415 - only where it is used

    _, options = _options(request)
    _check("an option of the client", options, PieClient)
    try:
        return PieClient(engine.uri, **options)  # type: ignore[arg-type] # the user's own values, checked by name
    except InvalidArgumentError as error:
        pytest.fail(f"the marker pie: client: {error}", pytrace=False)


def _options(request: pytest.FixtureRequest) -> tuple[dict[str, object], dict[str, object]]:
    """Give the options of engine and client; a marker that is nearer to the test goes before one that is further."""
    engine: dict[str, object] = {}
    client: dict[str, object] = {}
    for marker in reversed(list(request.node.iter_markers("pie"))):
        given = dict(marker.kwargs)
        theirs: object = given.pop("client", {})
        if marker.args or not isinstance(theirs, Mapping):
            pytest.fail(
                'the marker is written like @pytest.mark.pie(family="0.4", client={"timeout": 5})',
                pytrace=False,
            )
        client.update(cast("Mapping[str, object]", theirs))
        engine.update(given)
    return engine, client


def _check(what: str, options: Mapping[str, object], called: type) -> None:
    known = {name for name, p in inspect.signature(called).parameters.items() if p.kind is p.KEYWORD_ONLY}
    for name in options.keys() - known:
        pytest.fail(
            f"the marker pie: {name!r} is not {what}; there are {', '.join(sorted(known))}", pytrace=False
        )


def _runner(request: pytest.FixtureRequest, fixture: str) -> str:
    """Tell who runs the test's event loop, as it stands in the names of the fixtures above."""
    owner: object = getattr(request, "cls", None)
    unittest = sys.modules.get("unittest")
    if unittest is not None and isinstance(owner, type) and issubclass(owner, unittest.TestCase):
        pytest.fail(
            f"{fixture} can't be used in unittest.TestCase classes; write `async with LocalEngine()` in the test, "
            "or make the class a plain one",
            pytrace=False,
        )
    function: object = getattr(request, "function", None)
    function = getattr(getattr(function, "hypothesis", None), "inner_test", function)
    if not inspect.iscoroutinefunction(function):
        pytest.fail(f"{fixture} is for tests that are async functions; write `async def`", pytrace=False)
    marker = request.node.get_closest_marker("asyncio")
    by_asyncio = marker is not None and request.config.pluginmanager.hasplugin("pie-asyncio")
    if "anyio_backend" in request.fixturenames:
        if by_asyncio:
            pytest.fail(
                f"{fixture}: both pytest-asyncio and anyio run this test; set asyncio_mode = strict, or drop a marker",
                pytrace=False,
            )
        if request.getfixturevalue("anyio_backend_name") != "asyncio":
            pytest.fail(
                f'{fixture} needs asyncio; write a fixture anyio_backend that returns "asyncio"',
                pytrace=False,
            )
        return "anyio"
    if marker is None or not by_asyncio:
        pytest.fail(
            f"{fixture} needs an event loop: install pytest-asyncio and mark the test with pytest.mark.asyncio "
            "(or set asyncio_mode = auto), or install anyio and mark it with pytest.mark.anyio",
            pytrace=False,
        )
    scope: object = marker.kwargs.get("loop_scope") or request.config.getini(
        "asyncio_default_test_loop_scope"
    )
    return str(scope)
