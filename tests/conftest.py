"""Fixtures that many tests share."""

import datetime as dt
import gc
import ipaddress
import os
import signal
import ssl
import sys
from collections.abc import AsyncIterator, Callable, Generator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from pie_client import Family, PieClient
from pie_client.connection import websocket
from pie_client.testing import LocalEngine
from tests.support.figures import figures_of
from tests.support.tools import need

PROXY_SETTINGS = (
    "http_proxy",
    "https_proxy",
    "ws_proxy",
    "wss_proxy",
    "all_proxy",
    "socks_proxy",
    "no_proxy",
)


UNTRACED = {"codegen", "cost", "defects", "faults", "fuzz", "hot_path", "support"}
"""Folders of tests that measure time, that run what is not in the package, or that repeat what other tests cover."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add options for the client's receive path that does without internals of the WebSocket library, and for long tests."""
    parser.addoption(
        "--library-receive", action="store_true", help="receive with the WebSocket library's own recv()"
    )
    parser.addoption(
        "--schedules",
        type=int,
        default=10_000,
        help="fault schedules of the long tests (default: %(default)s)",
    )
    parser.addoption(
        "--kill-schedules",
        type=int,
        default=1500,
        help="fault schedules of the long tests that kill engines (default: %(default)s, more than 1,000 kills)",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Apply the option, and have programs that tests start stop on SIGINT."""
    websocket.always_library_receive = config.getoption("--library-receive")
    # Shells start background jobs with SIGINT ignored, and every program that these start inherits that.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out long tests unless the markers ask for them."""
    if "soak" not in config.option.markexpr:
        long = [item for item in items if item.get_closest_marker("soak")]
        items[:] = [item for item in items if item not in long]
        config.hook.pytest_deselected(items=long)


def pytest_collection_finish() -> None:
    """Leave tests and modules out of garbage collections, a tenth of the time of a run."""
    gc.collect()
    gc.freeze()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show the figures of long tests."""
    if lines := sorted(figures_of(terminalreporter)):
        terminalreporter.section("figures")
        for line in lines:
            terminalreporter.line(line)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip or fail a test whose required programs are missing, before its fixtures use them."""
    need(*dict.fromkeys(tool for marker in item.iter_markers("tools") for tool in marker.args))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Run tests of some folders without the trace function of coverage, which multiplies their time."""
    trace = sys.gettrace()
    if item.path.relative_to(Path(__file__).parent).parts[0] in UNTRACED:
        sys.settrace(None)
    try:
        return (yield)
    finally:
        sys.settrace(trace)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, object, object]:
    """Report a test without collecting garbage.

    A report parses the source of the traceback. Finalizers may parse source too, for the traceback of an unhandled
    exception, and before 3.11.8 and 3.12.2 a parser that interrupts another breaks it ("AST constructor recursion depth
    mismatch", gh-106905).
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()


@pytest.fixture(scope="session", autouse=True)
def _measure_no_child_processes() -> None:
    """Measure the coverage of pytest's workers only: in the programs that tests start it would cost time and add output."""
    os.environ.pop("COVERAGE_PROCESS_CONFIG", None)


@pytest.fixture(params=["0.4", "0.5"])
def family(request: pytest.FixtureRequest) -> Family:
    """Each server family in turn."""
    name: Family = request.param
    return name


@pytest.fixture
async def engine(family: Family) -> AsyncIterator[LocalEngine]:
    """An embedded engine of the family."""
    async with LocalEngine(family=family) as running:
        yield running


@pytest.fixture
async def client(engine: LocalEngine) -> AsyncIterator[PieClient]:
    """A client connected to the embedded engine."""
    async with PieClient(engine.uri, timeout=20) as connected:
        yield connected


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with a self-signed certificate for 127.0.0.1 and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    today = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - dt.timedelta(days=1))
        .not_valid_after(today + dt.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, SHA256())
    )
    place = tmp_path_factory.mktemp("tls") / "server.pem"
    place.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + made.public_bytes(Encoding.PEM)
    )
    return place


@pytest.fixture
def server_tls(certificate: Path) -> ssl.SSLContext:
    """TLS settings of a server with the certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


@pytest.fixture
def proxied(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Return a function that sets the system's proxy settings to a URL."""

    def settings(url: str) -> None:
        for name in PROXY_SETTINGS:
            monkeypatch.delenv(name, raising=False)
            monkeypatch.delenv(name.upper(), raising=False)
        for name in ("http_proxy", "https_proxy", "ws_proxy", "all_proxy"):
            monkeypatch.setenv(name, url)
            monkeypatch.setenv(name.upper(), url)

    return settings
