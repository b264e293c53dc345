"""The two servers that every scenario runs on: the embedded engine, and a real one in `nox -s engine`."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from pathlib import Path

import pytest
from _pytest.runner import runtestprotocol
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from pie_client import ParsedPrivateKey, PieClient
from pie_client.testing import LocalEngine
from tests.scenarios.programs import COMPLETION, Programs, complete
from tests.scenarios.servers import MODEL, PYTHON, EmbeddedEngine, RealEngine, ServerProcess
from tests.scenarios.shared_engine import SHARED, SharedEngine
from tests.support.peers import TIMEOUT

# `func_only`: a test may have to wait for a new engine, which has its own deadline.
REAL = pytest.param("real", marks=[pytest.mark.engine, pytest.mark.timeout(300, func_only=True)])
# Without the variables there is no parameter, so that a run that should have an engine fails rather than skips.
AVAILABLE = {PYTHON, MODEL} <= os.environ.keys()
SERVERS = ["embedded", *([REAL] if AVAILABLE else [])]

notes: list[str] = []
"""Lines for the end of the report."""


def _needs_real_engine(item: pytest.Item) -> bool:
    return AVAILABLE and item.get_closest_marker("engine") is not None


@pytest.hookimpl(wrapper=True)
def pytest_runtestloop(session: pytest.Session) -> Generator[None, object, object]:
    """Run the real engine while tests run."""
    if session.config.option.collectonly or not any(map(_needs_real_engine, session.items)):
        return (yield)
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    assert isinstance(reporter, pytest.TerminalReporter)
    with SharedEngine(reporter.write_line) as shared:
        session.config.stash[SHARED] = shared
        result = yield
    if shared.peaks:
        peak = max(shared.peaks) / 1e9
        notes.append(f"{len(shared.peaks)} real engines; the largest needed {peak:.2f} GB of memory")
    return result


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    """Repeat a test that fails on the real engine once, on a new engine.

    A real engine loses the output of one process in some hundreds, and one in some thousands never ends. A defect of the
    client fails the second time too.
    """
    if not _needs_real_engine(item):
        return None
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    reports = runtestprotocol(item, log=False, nextitem=nextitem)
    if failures := [report for report in reports if report.failed]:
        item.config.stash[SHARED].replace()
        notes.append(f"{item.name} was repeated on a new engine:\n{failures[0].longreprtext}")
        reports = runtestprotocol(item, log=False, nextitem=nextitem)
        if any(report.failed for report in reports):
            item.config.stash[SHARED].replace()
    for report in reports:
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


@pytest.fixture(params=SERVERS)
def server(request: pytest.FixtureRequest) -> str:
    """Each server in turn: ``embedded`` or ``real``."""
    name: str = request.param
    return name


@pytest.fixture
def embedded_engine() -> type[LocalEngine]:
    """The class of the embedded engine."""
    return LocalEngine


@pytest.fixture
async def uri(
    server: str, embedded_engine: type[LocalEngine], pytestconfig: pytest.Config
) -> AsyncIterator[str]:
    """The address of a server that runs no processes."""
    if server == "real":
        shared = pytestconfig.stash[SHARED]
        yield shared.uri
        await _wait_until_idle(shared.uri)
        return
    async with embedded_engine(family="0.5", allow_scripts=True) as embedded:
        embedded.inferlet(COMPLETION)(complete)
        yield embedded.uri
        await _wait_until_idle(embedded.uri)


async def _wait_until_idle(uri: str) -> None:
    """Wait until a server lists no processes: those of a closed connection may be listed for a moment."""
    async with PieClient(uri) as client, asyncio.timeout(TIMEOUT):
        while await client.list_processes():
            pass


@pytest.fixture
async def client(uri: str) -> AsyncIterator[PieClient]:
    """A connected client."""
    async with PieClient(uri, timeout=TIMEOUT) as connected:
        yield connected


@pytest.fixture(scope="session")
def private_key() -> ParsedPrivateKey:
    """A private key."""
    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return ParsedPrivateKey.parse(pem.decode())


@pytest.fixture
def programs(client: PieClient) -> Programs:
    """Installs and launches scripts under unique names."""
    return Programs(client)


@pytest.fixture
def start(server: str, pytestconfig: pytest.Config, tmp_path: Path) -> Iterator[Callable[[], ServerProcess]]:
    """Starts a server of that kind in a process of its own, which the test may stop or kill."""
    started: list[ServerProcess] = []

    def process() -> ServerProcess:
        if server == "real":
            started.append(RealEngine(pytestconfig.stash[SHARED].folder))
        else:
            started.append(EmbeddedEngine(tmp_path))
        return started[-1]

    yield process
    for each in started:
        each.kill()
        if isinstance(each, RealEngine):
            pytestconfig.stash[SHARED].peaks.append(each.peak_memory)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the notes."""
    for note in notes:
        terminalreporter.write_line(note)
