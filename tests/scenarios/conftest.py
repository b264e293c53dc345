"""The two servers on which everything here runs, and what is left of them."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from pie_client import ParsedPrivateKey, PieClient, inferlet
from pie_client.testing import LocalEngine
from tests.scenarios.programs import Programs, complete
from tests.scenarios.servers import MODEL, PYTHON, EmbeddedEngine, RealEngine, ServerProcess
from tests.support.peers import PATIENCE

FIRST_LAUNCH = 120.0
"""Seconds: a real engine compiles its Python before it starts the first script."""

REAL = pytest.param("real", marks=[pytest.mark.engine, pytest.mark.timeout(300)])
SERVERS = ["embedded", *([REAL] if {PYTHON, MODEL} <= os.environ.keys() else [])]
"""A real engine is there in `nox -s engine`, which runs nothing else, and so fails where there is none."""

peaks: list[int] = []
"""Most memory of each real engine that has run, in bytes."""
notes: list[str] = []
"""What a run is to tell at its end."""


@inferlet
async def warm_up() -> None:
    """Do nothing."""


@pytest.fixture(scope="session")
def engine_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for the engines of a run, in which what one compiled is found by the next."""
    return tmp_path_factory.mktemp("engine")


@pytest.fixture(scope="session")
def real_engine(engine_folder: Path) -> Iterator[RealEngine]:
    """The real engine that most tests share; it has started a script before."""
    with RealEngine(engine_folder) as engine:
        asyncio.run(start_first_script(engine.uri))
        yield engine
        engine.stop()
    peaks.append(engine.peak_memory)


async def start_first_script(uri: str) -> None:
    """Let an engine compile its Python, so that later scripts start at once."""
    async with PieClient(uri, timeout=FIRST_LAUNCH) as client:
        await (await client.run(warm_up)).wait()


@pytest.fixture(params=SERVERS)
def server(request: pytest.FixtureRequest) -> str:
    """Each server in turn: ``embedded`` or ``real``."""
    if request.param == "real":
        request.getfixturevalue("real_engine")  # boots it outside of any event loop
    name: str = request.param
    return name


@pytest.fixture
async def uri(server: str, request: pytest.FixtureRequest) -> AsyncIterator[str]:
    """The address of a server on which nothing runs."""
    if server == "real":
        engine: RealEngine = request.getfixturevalue("real_engine")
        yield engine.uri
        await _nothing_runs(engine.uri)
        return
    async with LocalEngine(family="0.5", allow_scripts=True) as embedded:
        embedded.inferlet("compat-openai@0.1.0")(complete)
        yield embedded.uri
        await _nothing_runs(embedded.uri)


async def _nothing_runs(uri: str) -> None:
    async with PieClient(uri) as client, asyncio.timeout(PATIENCE):
        while await client.list_processes():
            pass  # what ended with its connection may be listed for a moment


@pytest.fixture
async def client(uri: str) -> AsyncIterator[PieClient]:
    """A client that is connected."""
    async with PieClient(uri, timeout=PATIENCE) as connected:
        yield connected


@pytest.fixture(scope="session")
def private_key() -> ParsedPrivateKey:
    """A private key."""
    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return ParsedPrivateKey.parse(pem.decode())


@pytest.fixture
def programs(client: PieClient) -> Programs:
    """What installs and launches scripts under names that nobody else has."""
    return Programs(client)


@pytest.fixture
def start(server: str, engine_folder: Path, tmp_path: Path) -> Iterator[Callable[[], ServerProcess]]:
    """What starts a server of that kind in a process of its own, which the test may end."""
    started: list[ServerProcess] = []

    def process() -> ServerProcess:
        made = RealEngine(engine_folder) if server == "real" else EmbeddedEngine(tmp_path)
        started.append(made)
        return made

    yield process
    for each in started:
        each.kill()
        if isinstance(each, RealEngine):
            peaks.append(each.peak_memory)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tell what the real engines needed."""
    for note in notes:
        terminalreporter.write_line(note)
    if peaks:
        terminalreporter.write_line(
            f"{len(peaks)} real engines; the largest needed {max(peaks) / 1e9:.2f} GB of memory"
        )
