"""Resolving a program's highest version, against registries on loopback that answer well or badly."""

import asyncio
import contextlib
import gzip
import math
import socketserver
import ssl
import threading
import traceback
import zlib
from collections.abc import AsyncGenerator, Callable, Generator
from pathlib import Path

import pytest

from pie_client import (
    DeadlineError,
    InvalidArgumentError,
    PieClient,
    PieError,
    ProgramNotFoundError,
    RegistryError,
)
from pie_client.programs import registry as registry_module
from tests.support.peers import TIMEOUT, Talk, free_port, hangs_up, sends, silent, tcp_peer

SHORT = 0.2
"""Seconds of a deadline that has to pass."""
THREAD = "pie_client download"
CLIENT = PieClient("ws://127.0.0.1:1", timeout=TIMEOUT)
"""Not connected: resolving a version needs no server."""
PATH = "/api/v1/inferlets/echo"
ONE_VERSION = '{"versions": [{"num": "1.0.0"}]}'


def response(body: str, status: str = "200 OK", headers: str = "") -> bytes:
    """Write an HTTP response."""
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body.encode())}\r\n{headers}\r\n{body}".encode()


def zipped(body: bytes, coding: str) -> bytes:
    """Write an HTTP response with a content coding."""
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nContent-Encoding: %s\r\n\r\n%s" % (
        len(body),
        coding.encode(),
        body,
    )


class Registry:
    """Answers each path as configured and records the requests."""

    def __init__(self, answers: dict[str, bytes]) -> None:
        self.answers = answers
        self.heads: list[str] = []

    @property
    def asked(self) -> list[str]:
        """The requested paths."""
        return [head.split()[1] for head in self.heads]

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.heads.append(head)
        writer.write(self.answers.get(head.split()[1], response("gone", "404 Not Found")))
        await writer.drain()


@contextlib.asynccontextmanager
async def registry(body: str = ONE_VERSION, prefix: str = "") -> AsyncGenerator[tuple[str, Registry]]:
    """Run a registry that knows the program ``echo``."""
    running = Registry({prefix + PATH: response(body)})
    async with tcp_peer(running.talk) as address:
        yield f"http://{address}", running


async def join_threads() -> None:
    """Wait until the threads of all downloads have ended."""
    for thread in threading.enumerate():
        if thread.name == THREAD:
            await asyncio.to_thread(thread.join, TIMEOUT)
            assert not thread.is_alive()


async def failure(url: str, name: str = "echo", *, timeout: float | None = None) -> PieError:
    """Return the error of a call that fails, after checking that it is one line with advice."""
    with pytest.raises(PieError) as caught:
        await CLIENT.resolve_version(name, url, timeout=timeout)
    message = str(caught.value)
    assert "\n" not in message
    assert "; " in message, "no advice"
    return caught.value


# ------------------------------------------------------------- choosing a version


@pytest.mark.parametrize(
    ("versions", "highest"),
    [
        (["1.9.0", "1.10.0", "1.2.30"], "1.10.0"),
        (["9.0.0", "10.0.0", "2.0.0"], "10.0.0"),
        (["1.0.9", "1.0.10"], "1.0.10"),
        (["1.0.0", "2.0.0-rc.1", "2.0.0+build", "v3.0.0", "4.0", "5", "6.0.0.0", "latest", ""], "1.0.0"),
        (["1.0.0", " 2.0.0", "2.0.0\\n", "-3.0.0", "3.0.x", f"{'9' * 5000}.0.0"], "1.0.0"),
        (['1.0.0", "yanked": false, "_": "', '2.0.0", "yanked": true, "_": "'], "1.0.0"),
        (['1.0.0", "downloads": 7, "_": "', '0.5.0", "yanked": null, "_": "'], "1.0.0"),
    ],
)
async def test_the_highest_version_that_servers_launch_is_returned(versions: list[str], highest: str) -> None:
    """D42."""
    listed = ", ".join(f'{{"num": "{version}"}}' for version in versions)
    async with registry(f'{{"name": "echo", "versions": [{listed}]}}') as (url, _):
        assert await CLIENT.resolve_version("echo", url) == f"echo@{highest}"


@pytest.mark.parametrize("name", ["echo@1.0.0", "echo@latest", "@", "a b@\n", "é@1"])
async def test_a_name_with_a_version_is_returned_unchanged_without_a_request(name: str) -> None:
    assert await CLIENT.resolve_version(name, "not a URL") == name


@pytest.mark.parametrize(
    ("prefix", "tail"), [("", "/"), ("/mirror", ""), ("/a/b%20c", "//"), ("/é", "")], ids=repr
)
async def test_the_registry_may_have_a_path_and_slashes_at_the_end(prefix: str, tail: str) -> None:
    asked = prefix.replace("é", "%C3%A9")
    async with registry(prefix=asked) as (url, running):
        assert await CLIENT.resolve_version("echo", url + prefix + tail) == "echo@1.0.0"
    assert running.asked == [asked + PATH]


async def test_a_connected_client_sends_nothing_to_its_server(client: PieClient) -> None:
    async with registry() as (url, running):
        assert await client.resolve_version("echo", url) == "echo@1.0.0"
    assert client.server is None
    (head,) = running.heads
    assert head.startswith(f"GET {PATH} HTTP/1.1\r\n")
    assert "\r\nAccept: application/json\r\n" in head
    assert "\r\nUser-Agent: pie-client/" in head


# ------------------------------------------------------------- HTTP


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_followed(status: int) -> None:
    async with registry(prefix="/moved") as (url, running):
        running.answers[PATH] = response("", f"{status} Moved", f"Location: /moved{PATH}\r\n")
        assert await CLIENT.resolve_version("echo", url) == "echo@1.0.0"
    assert running.asked == [PATH, "/moved" + PATH]


async def test_chunked_and_unbounded_bodies_are_read() -> None:
    chunks = "".join(f"1\r\n{c}\r\n" for c in ONE_VERSION)
    async with registry() as (url, running):
        running.answers[PATH] = (
            f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}0\r\n\r\n".encode()
        )
        assert await CLIENT.resolve_version("echo", url) == "echo@1.0.0"
        running.answers[PATH] = f"HTTP/1.0 200 OK\r\n\r\n{ONE_VERSION}".encode()
        assert await CLIENT.resolve_version("echo", url, timeout=math.inf) == "echo@1.0.0"


async def test_informational_answers_are_skipped() -> None:
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n"
    before = b"HTTP/1.1 100 Continue\r\n\r\n" + hints + b"HTTP/1.1 102 Processing\r\n\r\n" + hints
    async with registry() as (url, running):
        running.answers[PATH] = before + running.answers[PATH]
        assert await CLIENT.resolve_version("echo", url) == "echo@1.0.0"
        running.answers[PATH] = before + response("", "404 Not Found")
        assert isinstance(await failure(url), ProgramNotFoundError)


async def test_endless_informational_answers_are_a_registry_error() -> None:
    async with tcp_peer(sends(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 1000)) as address:
        error = await failure(f"http://{address}")
    assert isinstance(error, RegistryError)
    assert "valid HTTP" in str(error)


async def test_a_byte_order_mark_is_skipped() -> None:
    async with registry("\ufeff" + ONE_VERSION) as (url, _):
        assert await CLIENT.resolve_version("echo", url) == "echo@1.0.0"


ZIPPED = {
    "gzip": gzip.compress(ONE_VERSION.encode(), mtime=0),
    "GZIP": gzip.compress(ONE_VERSION.encode()[:9], mtime=0)
    + gzip.compress(ONE_VERSION.encode()[9:], mtime=0),
    "x-gzip": gzip.compress(ONE_VERSION.encode(), mtime=0),
    "deflate": zlib.compress(ONE_VERSION.encode()),
    "identity": ONE_VERSION.encode(),
}


@pytest.mark.parametrize("coding", ZIPPED)
async def test_a_compressed_body_is_read_although_none_was_asked_for(coding: str) -> None:
    async with tcp_peer(sends(zipped(ZIPPED[coding], coding), hang_up=True)) as address:
        assert await CLIENT.resolve_version("echo", f"http://{address}") == "echo@1.0.0"


@pytest.mark.parametrize(
    ("body", "coding", "reason"),
    [
        (ONE_VERSION.encode(), "gzip", "damaged"),
        (ZIPPED["gzip"][:-9], "gzip", "cut off"),
        (b"", "br", "'br'"),
        (b"", "gzip, gzip", "'gzip, gzip'"),
        (gzip.compress(bytes(registry_module.LISTING_BYTES + 1), mtime=0), "gzip", "more than"),
    ],
)
async def test_an_unreadable_compressed_body_is_a_registry_error(
    body: bytes, coding: str, reason: str
) -> None:
    async with tcp_peer(sends(zipped(body, coding), hang_up=True)) as address:
        error = await failure(f"http://{address}")
    assert isinstance(error, RegistryError)
    assert reason in str(error)


async def test_concurrent_calls_each_get_their_own_answer() -> None:
    answers = {f"/api/v1/inferlets/p{i}": response(ONE_VERSION.replace("1.0", f"{i}.0")) for i in range(40)}
    async with tcp_peer(Registry(answers).talk) as address:
        asked = (CLIENT.resolve_version(f"p{i}", f"http://{address}") for i in range(40))
        assert await asyncio.gather(*asked) == [f"p{i}@{i}.0.0" for i in range(40)]


async def test_loopback_bypasses_the_systems_proxy(proxied: Callable[[str], None]) -> None:
    """D13."""
    proxied(f"http://127.0.0.1:{free_port()}")
    async with registry() as (url, _):
        assert await CLIENT.resolve_version("echo", url) == "echo@1.0.0"
        assert await CLIENT.resolve_version("echo", url.replace("127.0.0.1", "localhost")) == "echo@1.0.0"


@pytest.mark.parametrize(
    "host",
    ["127.1", "0x7f000001", "2130706433", "[::]", "[::ffff:127.0.0.1]", "localhost.", "a.localhost"],
)
async def test_loopback_bypasses_the_systems_proxy_however_it_is_written(
    host: str, proxied: Callable[[str], None]
) -> None:
    proxy = Registry({})
    async with tcp_peer(proxy.talk) as address, registry() as (url, running):
        proxied(f"http://{address}")
        port = url.rpartition(":")[2]
        # Not every machine resolves every form.
        with contextlib.suppress(RegistryError):
            assert await CLIENT.resolve_version("echo", f"http://{host}:{port}") == "echo@1.0.0"
            assert running.asked == [PATH]
    assert proxy.heads == []


async def test_the_password_of_a_proxy_does_not_follow_a_redirect(proxied: Callable[[str], None]) -> None:
    async with registry() as (url, running):
        proxy = Registry(
            {f"http://registry.invalid{PATH}": response("", "302 Found", f"Location: {url}{PATH}\r\n")}
        )
        async with tcp_peer(proxy.talk) as address:
            proxied(f"http://user:password@{address}")
            assert await CLIENT.resolve_version("echo", "http://registry.invalid") == "echo@1.0.0"
    assert "proxy-authorization: basic" in proxy.heads[0].lower()
    assert "proxy-authorization" not in running.heads[0].lower()


async def test_other_hosts_are_reached_through_the_systems_proxy(proxied: Callable[[str], None]) -> None:
    """D13."""
    whole = f"http://registry.invalid{PATH}"
    proxy = Registry({whole: response(ONE_VERSION)})
    async with tcp_peer(proxy.talk) as address:
        proxied(f"http://{address}")
        assert await CLIENT.resolve_version("echo", "http://registry.invalid") == "echo@1.0.0"
    assert proxy.asked == [whole]


@contextlib.contextmanager
def tls_registry(answer: bytes, tls: ssl.SSLContext) -> Generator[str]:
    """Run a registry with TLS, in threads, that gives the same answer to every request."""

    class Answer(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while self.rfile.readline().strip():
                pass
            self.wfile.write(answer)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Answer) as server:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"https://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join(TIMEOUT)


async def test_certificates_are_checked_against_those_of_the_system(
    server_tls: ssl.SSLContext, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tls_registry(response(ONE_VERSION), server_tls) as url:
        error = await failure(url)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert await CLIENT.resolve_version("echo", url) == "echo@1.0.0"
    assert isinstance(error, RegistryError)
    assert f"the registry {url} can't be reached" in str(error)
    assert "certificate" in str(error)


async def test_a_redirect_from_https_to_http_is_not_followed(
    server_tls: ssl.SSLContext, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    async with registry() as (plain, running):
        answer = response("", "302 Found", f"Location: {plain}{PATH}\r\n")
        with tls_registry(answer, server_tls) as url:
            error = await failure(url)
    assert isinstance(error, RegistryError)
    assert "redirects from https to http" in str(error)
    assert running.asked == []


# ------------------------------------------------------------- errors


async def test_an_unknown_program_is_named_with_the_registry() -> None:
    async with registry() as (url, _):
        error = await failure(url, "ecko")
    assert isinstance(error, ProgramNotFoundError)
    assert error.subject == "ecko"
    assert f"resolve_version of 'ecko' refused: the registry {url} has no such program" in str(error)


@pytest.mark.parametrize("listed", ["", '{"num": "1.0.0-rc.1"}', '{"num": "1.0.0", "yanked": true}'])
async def test_a_program_without_a_version_that_servers_launch_is_not_found(listed: str) -> None:
    async with registry(f'{{"versions": [{listed}]}}') as (url, _):
        error = await failure(url)
    assert isinstance(error, ProgramNotFoundError)
    assert f"none of the {len(listed) and 1} versions in the registry {url} can be launched" in str(error)


@pytest.mark.parametrize("status", [300, 304, 400, 401, 410, 429, 500, 503])
async def test_another_http_status_is_a_registry_error_with_that_status(status: int) -> None:
    async with registry() as (url, running):
        running.answers[PATH] = response("<h1>secret\n", f"{status} Oh")
        error = await failure(url)
    assert isinstance(error, RegistryError)
    assert not isinstance(error, ConnectionError)
    assert error.status == status
    assert f"the registry {url} answered with HTTP status {status}" in str(error)
    assert "secret" not in str(error)


@pytest.mark.parametrize(
    "location",
    [
        *(PATH, "file:///etc/passwd", "ftp://127.0.0.1/x", "data:,{}"),
        *("http://", "http://[", "http://127.0.0.1:0/", "http://h:x/"),
    ],
)
async def test_a_redirect_that_leads_nowhere_is_a_registry_error(location: str) -> None:
    async with registry() as (url, running):
        running.answers[PATH] = response("", "302 Found", f"Location: {location}\r\n")
        assert isinstance(await failure(url), RegistryError)
    assert len(running.asked) < 20


@pytest.mark.parametrize(
    ("body", "what"),
    [
        *((body, "JSON") for body in ("<h1>Welcome</h1>", "", '{"versions": [')),
        *((body, "a list of versions (") for body in ("[]", "{}", "null", '{"versions": null}')),
        ('{"versions": ["1.0.0"]}', "a list of versions (versions.0: "),
        ('{"versions": [{}]}', "a list of versions (versions.0.num: "),
        ('{"versions": [{"num": 1}]}', "a list of versions (versions.0.num: "),
        ('{"versions": [{"num": "1.0.0", "yanked": "yes"}]}', "a list of versions (versions.0.yanked: "),
    ],
)
async def test_a_body_that_is_not_a_listing_is_a_registry_error(body: str, what: str) -> None:
    async with registry(body) as (url, _):
        error = await failure(url)
    assert isinstance(error, RegistryError)
    assert f"the registry {url} answered with something that is not {what}" in str(error)
    assert "Welcome" not in "".join(traceback.format_exception(error))


@pytest.mark.parametrize(
    ("talk", "reason"),
    [
        (hangs_up, "can't be reached"),
        (sends(b"SSH-2.0-OpenSSH_9.2\r\n", hang_up=True), "valid HTTP (BadStatusLine)"),
        (sends(b"HTTP/1.1 200 " + b"x" * 70000 + b"\r\n\r\n", hang_up=True), "valid HTTP (LineTooLong)"),
        (sends(b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 200 + b"\r\n", hang_up=True), "valid HTTP"),
        (sends(b"HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n{", hang_up=True), "(IncompleteRead)"),
        (
            sends(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{", hang_up=True),
            "(IncompleteRead)",
        ),
    ],
)
async def test_a_peer_that_breaks_http_is_a_registry_error(talk: Talk, reason: str) -> None:
    async with tcp_peer(talk) as address:
        error = await failure(f"http://{address}")
    assert isinstance(error, RegistryError)
    assert str(error).startswith(f"the registry http://{address} ")
    assert reason in str(error)


async def test_a_port_without_a_listener_is_a_registry_error() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    error = await failure(url)
    assert isinstance(error, RegistryError)
    assert not isinstance(error, ConnectionError)
    assert f"the registry {url} can't be reached" in str(error)


@pytest.mark.parametrize(
    "name", ["", " echo", "echo ", "a/b", "../x", "é", "-a", "_a", "a.b", "a\n", "a%2fb", None, 5]
)
async def test_an_invalid_program_name_is_refused_without_a_request(name: object) -> None:
    async with registry() as (url, running):
        with pytest.raises(InvalidArgumentError, match="resolve_version not sent") as caught:
            await CLIENT.resolve_version(name, url)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - the mistake
    assert "\n" not in str(caught.value)
    assert running.asked == []


@pytest.mark.parametrize(
    ("url", "what"),
    [
        *((url, "is not an http") for url in ("", "registry", "//r.invalid", "ftp://u:hunter2@r.invalid")),
        *((url, "is not an http") for url in ("u:hunter2@a", None, 5, b"http://a")),
        *((url, "invalid host or port") for url in ("http://", "http:///x", "http://:80", "http://a:0")),
        *((url, "invalid host or port") for url in ("http://a:99999", "http://a:b", "http://[::1")),
        *((url, "or a space") for url in ("http://a..b", "http://a b", "http://a\n", "http://a/\x00")),
        *((url, "query or fragment") for url in ("http://a?x=hunter2", "https://a#hunter2", "http://a/?")),
        *((url, "user, password") for url in ("http://u:hunter2@a", "HTTPS://hunter2@a/x", "http://h:99@a")),
    ],
)
async def test_an_invalid_registry_url_is_refused_without_showing_secrets(url: object, what: str) -> None:
    with pytest.raises(InvalidArgumentError, match=f"registry_url.*{what}|{what}.*registry_url") as caught:
        await CLIENT.resolve_version("echo", url)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - the mistake
    assert "\n" not in str(caught.value)
    assert "hunter2" not in "".join(traceback.format_exception(caught.value))


# ------------------------------------------------------------- limits


class Endless:
    """Sends a beginning, then the same bytes until the client hangs up.

    Args:
        beginning: Sent first.
        rest: Sent again and again.
        pause: Seconds between two of them.
    """

    def __init__(self, beginning: bytes, rest: bytes = b" " * 65536, pause: float = 0.0) -> None:
        self.beginning = beginning
        self.rest = rest
        self.pause = pause
        self.sent = 0
        self.started = asyncio.Event()
        self.client_gone = asyncio.Event()

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        gone = asyncio.ensure_future(reader.read())
        try:
            writer.write(self.beginning)
            while not gone.done():
                writer.write(self.rest)
                await writer.drain()
                self.sent += len(self.rest)
                self.started.set()
                await asyncio.wait({gone}, timeout=self.pause)
        finally:
            gone.cancel()
            self.client_gone.set()


HEAD = b"HTTP/1.1 200 OK\r\n"
SLOW_HEADERS = (HEAD + b"X: ", b"x", 0.01)
SLOW_BODIES = {
    "bounded": (HEAD + b"Content-Length: 1000000\r\n\r\n", b" ", 0.01),
    "chunked": (HEAD + b"Transfer-Encoding: chunked\r\n\r\nfffff\r\n", b" ", 0.01),
    "unbounded": (HEAD + b"\r\n", b" ", 0.01),
}


@pytest.mark.parametrize("head", [HEAD + b"Content-Length: 1000000000\r\n\r\n", HEAD + b"\r\n"])
async def test_a_body_above_the_limit_is_not_read_to_its_end(
    head: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry_module, "LISTING_BYTES", 100_000)
    endless = Endless(head)
    async with tcp_peer(endless.talk) as address:
        error = await failure(f"http://{address}")
        await asyncio.wait_for(endless.client_gone.wait(), TIMEOUT)
    assert isinstance(error, RegistryError)
    assert "answered with more than 100000 bytes" in str(error)


async def test_the_body_of_a_redirect_is_not_read() -> None:
    async with registry() as (url, _):
        head = f"HTTP/1.1 302 Found\r\nContent-Length: 1000000000\r\nLocation: {url}{PATH}\r\n\r\n"
        endless = Endless(head.encode())
        async with tcp_peer(endless.talk) as address:
            assert await CLIENT.resolve_version("echo", f"http://{address}") == "echo@1.0.0"


@pytest.mark.parametrize("body", SLOW_BODIES)
async def test_the_deadline_is_for_the_whole_answer(body: str) -> None:
    """D42: each piece comes in time, all of them don't."""
    endless = Endless(*SLOW_BODIES[body])
    async with tcp_peer(endless.talk) as address:
        error = await failure(f"http://{address}", timeout=SHORT)
        if endless.started.is_set():  # on a slow machine the deadline may pass before the request arrives
            await asyncio.wait_for(endless.client_gone.wait(), TIMEOUT)
        await join_threads()
    assert isinstance(error, DeadlineError)
    assert f"the registry http://{address} did not answer within {SHORT} s" in str(error)


async def test_the_deadline_is_for_headers_too() -> None:
    """D42."""
    endless = Endless(*SLOW_HEADERS)
    async with tcp_peer(endless.talk) as address:
        assert isinstance(await failure(f"http://{address}", timeout=SHORT), DeadlineError)
    await join_threads()


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_silent_registry_ends_with_the_clients_timeout(scheme: str) -> None:
    """D42; with https, the TLS handshake is not answered."""
    async with tcp_peer(silent) as address:
        with pytest.raises(DeadlineError, match=r"did not answer within 0\.2 s"):
            await PieClient("ws://127.0.0.1:1", timeout=SHORT).resolve_version(
                "echo", f"{scheme}://{address}"
            )
        await join_threads()


@pytest.mark.parametrize("timeout", [0, True])
async def test_a_timeout_that_is_not_a_duration_is_refused(timeout: float) -> None:
    with pytest.raises(InvalidArgumentError, match="timeout="):
        await CLIENT.resolve_version("echo", "http://a", timeout=timeout)


@pytest.mark.parametrize("body", SLOW_BODIES)
async def test_cancelling_returns_immediately_and_closes_the_connection(body: str) -> None:
    """D42: other tasks run meanwhile, or this one could not cancel."""
    endless = Endless(*SLOW_BODIES[body])
    async with tcp_peer(endless.talk) as address:
        asking = asyncio.create_task(CLIENT.resolve_version("echo", f"http://{address}", timeout=math.inf))
        await asyncio.wait_for(endless.started.wait(), TIMEOUT)
        asking.cancel()
        await asyncio.wait({asking}, timeout=TIMEOUT)
        assert asking.cancelled()
        await asyncio.wait_for(endless.client_gone.wait(), TIMEOUT)
        await join_threads()


async def test_cancelling_returns_immediately_from_a_silent_registry() -> None:
    async with tcp_peer(silent) as address:
        for turns in range(20):
            asking = asyncio.create_task(
                CLIENT.resolve_version("echo", f"http://{address}", timeout=math.inf)
            )
            for _ in range(turns):
                await asyncio.sleep(0)
            asking.cancel()
            await asyncio.wait({asking}, timeout=TIMEOUT)
            assert asking.cancelled()
    await join_threads()


def test_an_event_loop_that_ends_during_a_download_is_not_delayed() -> None:
    async def leave(url: str) -> asyncio.Task[str]:
        asking = asyncio.create_task(CLIENT.resolve_version("echo", url))
        await asyncio.sleep(0)
        assert any(thread.name == THREAD for thread in threading.enumerate())
        return asking

    with socketserver.TCPServer(("127.0.0.1", 0), socketserver.BaseRequestHandler) as never_accepts:
        asking = asyncio.run(leave(f"http://127.0.0.1:{never_accepts.server_address[1]}"))
        assert asking.cancelled()
    for thread in threading.enumerate():
        if thread.name == THREAD:
            thread.join(TIMEOUT)
            assert not thread.is_alive()
