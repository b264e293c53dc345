"""Looking up versions in a program registry: an HTTP server on loopback, well-behaved or not."""

import asyncio
import contextlib
import http.server
import json
import math
import socketserver
import ssl
import threading
import traceback
from collections.abc import AsyncGenerator, Callable, Generator, Iterator
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
from pie_client._generated.families import LISTING_PATH
from pie_client.programs.download import Download
from pie_client.programs.registry import LISTING_BYTES
from tests.support.peers import PATIENCE, Talk, free_port, hangs_up, says, silent, tcp_peer

SHORT = 0.2
"""Seconds of a deadline that has to pass."""
THREAD = "pie_client resolve_version"
CLIENT = PieClient("ws://127.0.0.1:1", timeout=PATIENCE)
"""Never connected: nothing listens there."""


def response(body: bytes | str, status: str = "200 OK", headers: str = "") -> bytes:
    """Write an HTTP response."""
    data = body if isinstance(body, bytes) else body.encode()
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(data)}\r\n{headers}\r\n".encode() + data


def listing(*versions: str | dict[str, object]) -> bytes:
    """Write a registry's answer; a text is a version without further fields."""
    rows = [v if isinstance(v, dict) else {"num": v, "created_at": "2026-01-01"} for v in versions]
    return response(json.dumps({"name": "echo", "versions": rows, "downloads": 7}))


class Registry:
    """Answers each path as told, and keeps what it was asked for."""

    def __init__(self, answers: dict[str, bytes]) -> None:
        self.answers = answers
        self.heads: list[str] = []

    @property
    def asked(self) -> list[str]:
        """The paths that it was asked for."""
        return [head.split()[1] for head in self.heads]

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.heads.append(head)
        writer.write(self.answers.get(head.split()[1], response("gone", "404 Not Found")))
        await writer.drain()


PATH = LISTING_PATH.format(name="echo")


@contextlib.asynccontextmanager
async def registry(answer: bytes, prefix: str = "") -> AsyncGenerator[tuple[str, Registry]]:
    """Run a registry that knows the program ``echo``."""
    running = Registry({prefix + PATH: answer})
    async with tcp_peer(running.talk) as address:
        yield f"http://{address}", running


async def no_thread_is_left() -> None:
    """Wait until the threads of all lookups have ended."""
    for thread in threading.enumerate():
        if thread.name == THREAD:
            await asyncio.to_thread(thread.join, PATIENCE)
            assert not thread.is_alive()


async def refusal(url: str, name: str = "echo", *, timeout: float | None = None) -> PieError:
    """Ask where it can't end well; check that the error is one line with advice, and that nothing goes on."""
    with pytest.raises(PieError) as caught:
        await CLIENT.resolve_version(name, url, timeout=timeout)
    message = str(caught.value)
    assert "\n" not in message
    assert "; " in message, "it says what to do"
    await no_thread_is_left()
    return caught.value


# ------------------------------------------------------------- what is chosen


@pytest.mark.parametrize(
    ("versions", "newest"),
    [
        (["0.1.0"], "0.1.0"),
        (["1.2.3", "3.1.0", "2.9.9"], "3.1.0"),
        (["0.1.0", "0.2.0", "0.3.0"], "0.3.0"),
        (["9.0.0", "10.0.0", "2.0.0"], "10.0.0"),
        (["1.9.0", "1.10.0"], "1.10.0"),
        (["1.0.9", "1.0.10"], "1.0.10"),
        (["1.0.0", "2.0.0-rc.1", "2.0.0+build", "v3.0.0", "4.0", "5", "6.0.0.0", "latest", ""], "1.0.0"),
        (["1.0.0", " 2.0.0", "2.0.0\n", "-3.0.0", "3.0.x"], "1.0.0"),
        (["1.0.0", f"{'9' * 5000}.0.0"], "1.0.0"),
        ([{"num": "1.0.0"}, {"num": "2.0.0", "yanked": True}], "1.0.0"),
        ([{"num": "1.0.0"}, {"num": "2.0.0", "yanked": False}, {"num": "1.5.0", "yanked": None}], "2.0.0"),
    ],
    ids=repr,
)
async def test_the_highest_version_that_servers_launch_is_chosen(
    versions: list[str | dict[str, object]], newest: str
) -> None:
    """D42."""
    async with registry(listing(*versions)) as (url, _):
        assert await CLIENT.resolve_version("echo", url) == f"echo@{newest}"


@pytest.mark.parametrize("name", ["echo@1.0.0", "echo@latest", "@", "a b@\n", "é@1"])
@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "no url"])
async def test_a_name_with_a_version_is_given_back_and_nobody_is_asked(name: str, url: str) -> None:
    assert await CLIENT.resolve_version(name, url) == name


@pytest.mark.parametrize("tail", ["", "/", "//"])
@pytest.mark.parametrize("prefix", ["", "/mirror", "/a/b%20c"])
async def test_the_registry_may_lie_below_a_path_and_end_with_slashes(prefix: str, tail: str) -> None:
    async with registry(listing("1.0.0"), prefix) as (url, running):
        assert await CLIENT.resolve_version("echo", url + prefix + tail) == "echo@1.0.0"
    assert running.asked == [prefix + PATH]


async def test_the_registry_is_told_who_asks_and_for_what() -> None:
    async with registry(listing("1.0.0")) as (url, running):
        await CLIENT.resolve_version("echo", url)
    (head,) = running.heads
    assert head.startswith(f"GET {PATH} HTTP/1.1\r\n")
    assert "\r\nAccept: application/json\r\n" in head
    assert "\r\nUser-Agent: pie-client/" in head


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_followed(status: int) -> None:
    async with registry(listing("1.0.0"), "/moved") as (url, running):
        running.answers[PATH] = response("", f"{status} Moved", f"Location: /moved{PATH}\r\n")
        assert await CLIENT.resolve_version("echo", url) == "echo@1.0.0"
    assert running.asked == [PATH, "/moved" + PATH]


async def test_a_chunked_answer_is_read() -> None:
    body = listing("1.0.0").partition(b"\r\n\r\n")[2]
    chunks = b"".join(b"%x\r\n%b\r\n" % (1, body[i : i + 1]) for i in range(len(body)))
    answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n"
    async with registry(answer) as (url, _):
        assert await CLIENT.resolve_version("echo", url) == "echo@1.0.0"


async def test_an_answer_that_ends_with_the_connection_is_read() -> None:
    answer = b"HTTP/1.0 200 OK\r\n\r\n" + listing("1.0.0").partition(b"\r\n\r\n")[2]
    async with registry(answer) as (url, _):
        assert await CLIENT.resolve_version("echo", url, timeout=math.inf) == "echo@1.0.0"


async def test_many_lookups_at_once_each_get_their_answer() -> None:
    answers = {LISTING_PATH.format(name=f"p{i}"): listing(f"{i}.0.0") for i in range(40)}
    async with tcp_peer(Registry(answers).talk) as address:
        asked = (CLIENT.resolve_version(f"p{i}", f"http://{address}") for i in range(40))
        assert await asyncio.gather(*asked) == [f"p{i}@{i}.0.0" for i in range(40)]


# ------------------------------------------------------------- proxies and TLS


async def test_loopback_is_never_reached_by_the_systems_proxy(proxied: Callable[[str], None]) -> None:
    """D13."""
    proxied(f"http://127.0.0.1:{free_port()}")
    async with registry(listing("1.0.0")) as (url, _):
        assert await CLIENT.resolve_version("echo", url) == "echo@1.0.0"
        assert await CLIENT.resolve_version("echo", url.replace("127.0.0.1", "localhost")) == "echo@1.0.0"


async def test_other_hosts_are_reached_by_the_systems_proxy(proxied: Callable[[str], None]) -> None:
    """D13."""
    whole = f"http://registry.invalid{PATH}"
    proxy = Registry({whole: listing("1.0.0")})
    async with tcp_peer(proxy.talk) as address:
        proxied(f"http://{address}")
        assert await CLIENT.resolve_version("echo", "http://registry.invalid") == "echo@1.0.0"
    assert proxy.asked == [whole]


@contextlib.contextmanager
def tls_registry(answer: bytes, tls: ssl.SSLContext) -> Generator[str]:
    """Run a registry with TLS, in threads of its own, which answers everything alike."""

    class Answer(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while self.rfile.readline().strip():
                pass
            self.wfile.write(answer)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Answer) as server:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
        with serving(server):
            yield f"https://127.0.0.1:{server.server_address[1]}"


@contextlib.contextmanager
def serving(server: socketserver.BaseServer) -> Generator[None]:
    """Let a server serve in a thread."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join(PATIENCE)


async def test_a_certificate_that_the_system_trusts_is_accepted(
    server_tls: ssl.SSLContext, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with tls_registry(listing("1.0.0"), server_tls) as url:
        assert await CLIENT.resolve_version("echo", url) == "echo@1.0.0"


async def test_a_certificate_that_the_system_does_not_trust_is_a_registry_error(
    server_tls: ssl.SSLContext,
) -> None:
    with tls_registry(listing("1.0.0"), server_tls) as url:
        error = await refusal(url)
    assert isinstance(error, RegistryError)
    assert f"the registry {url} can't be reached" in str(error)
    assert "certificate" in str(error)


async def test_a_redirect_that_leaves_tls_is_not_followed(
    server_tls: ssl.SSLContext, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    async with registry(listing("1.0.0")) as (plain, running):
        answer = response("", "302 Found", f"Location: {plain}{PATH}\r\n")
        with tls_registry(answer, server_tls) as url:
            error = await refusal(url)
    assert isinstance(error, RegistryError)
    assert "redirects from https to http" in str(error)
    assert running.asked == []


# ------------------------------------------------------------- what goes wrong


async def test_an_unknown_program_is_named_with_the_registry() -> None:
    async with registry(listing("1.0.0")) as (url, _):
        error = await refusal(url, "ecko")
    assert isinstance(error, ProgramNotFoundError)
    assert error.subject == "ecko"
    assert f"resolve_version of 'ecko' refused: the registry {url} has no such program" in str(error)


@pytest.mark.parametrize(
    "versions", [[], ["1.0.0-rc.1", "latest"], [{"num": "1.0.0", "yanked": True}]], ids=repr
)
async def test_a_program_without_a_version_that_servers_launch_is_not_found(
    versions: list[str | dict[str, object]],
) -> None:
    async with registry(listing(*versions)) as (url, _):
        error = await refusal(url)
    assert isinstance(error, ProgramNotFoundError)
    assert f"the registry {url} lists no version of it that servers launch, among {len(versions)}" in str(
        error
    )


@pytest.mark.parametrize("status", [400, 401, 403, 410, 418, 429, 500, 502, 503, 304, 300])
async def test_another_status_is_a_registry_error_that_tells_it(status: int) -> None:
    async with registry(response("<h1>secret\n", f"{status} Oh")) as (url, _):
        error = await refusal(url)
    assert isinstance(error, RegistryError)
    assert not isinstance(error, ConnectionError)
    assert error.status == status
    assert f"the registry {url} answered with HTTP status {status}" in str(error)
    assert "secret" not in str(error)


async def test_a_redirect_to_itself_is_given_up() -> None:
    async with registry(response("", "302 Found", f"Location: {PATH}\r\n")) as (url, running):
        error = await refusal(url)
    assert isinstance(error, RegistryError)
    assert error.status == 302
    assert len(running.asked) < 20


@pytest.mark.parametrize(
    "place",
    [
        "file:///etc/passwd",
        "ftp://127.0.0.1/x",
        "data:,{}",
        "http://",
        "http://[",
        "http://127.0.0.1:0/",
        "http://h:x/",
    ],
)
async def test_a_redirect_to_somewhere_else_than_http_is_a_registry_error(place: str) -> None:
    async with registry(response("", "302 Found", f"Location: {place}\r\n")) as (url, _):
        assert isinstance(await refusal(url), RegistryError)


@pytest.mark.parametrize("body", ["<!doctype html><h1>Welcome</h1>", "", "{", '{"versions": [', "\ufeff{}"])
async def test_what_is_no_json_is_a_registry_error(body: str) -> None:
    async with registry(response(body)) as (url, _):
        error = await refusal(url)
    assert isinstance(error, RegistryError)
    assert f"the registry {url} answered with something that is no JSON" in str(error)
    assert "Welcome" not in "".join(traceback.format_exception(error))


@pytest.mark.parametrize(
    "body",
    [
        "[]",
        "{}",
        "null",
        '"1.0.0"',
        '{"versions": null}',
        '{"versions": {"num": "1.0.0"}}',
        '{"versions": ["1.0.0"]}',
        '{"versions": [{}]}',
        '{"versions": [{"num": 1}]}',
        '{"versions": [{"num": "1.0.0", "yanked": "yes"}]}',
        '{"latest_version": "1.0.0"}',
    ],
)
async def test_json_that_is_no_listing_is_a_registry_error(body: str) -> None:
    async with registry(response(body)) as (url, _):
        error = await refusal(url)
    assert isinstance(error, RegistryError)
    assert f"the registry {url} answered with something that is no list of versions: " in str(error)


@pytest.mark.parametrize(
    ("talk", "reason"),
    [
        (hangs_up, "can't be reached"),
        (says(b"SSH-2.0-OpenSSH_9.2\r\n", hang_up=True), "does not speak HTTP as it should"),
        (
            says(b"HTTP/1.1 200 " + b"x" * 70000 + b"\r\n\r\n", hang_up=True),
            "does not speak HTTP as it should",
        ),
        (
            says(b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 200 + b"\r\n", hang_up=True),
            "does not speak HTTP as it should",
        ),
        (says(b"HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n{", hang_up=True), "broke off in the middle"),
        (
            says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{", hang_up=True),
            "broke off in the middle",
        ),
        (
            says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", hang_up=True),
            "broke off in the middle",
        ),
    ],
)
async def test_a_peer_that_does_not_speak_http_is_a_registry_error(talk: Talk, reason: str) -> None:
    async with tcp_peer(talk) as address:
        error = await refusal(f"http://{address}")
    assert isinstance(error, RegistryError)
    assert f"the registry http://{address} {reason}" in str(error)


async def test_a_port_where_nobody_listens_is_a_registry_error() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    error = await refusal(url)
    assert isinstance(error, RegistryError)
    assert not isinstance(error, ConnectionError)
    assert f"the registry {url} can't be reached" in str(error)


class Endless:
    """A peer that sends a beginning, and then the same bytes until it is hung up on."""

    def __init__(self, beginning: bytes, rest: bytes = b"") -> None:
        self.beginning = beginning
        self.rest = rest
        self.sent = 0

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(self.beginning)
        while self.rest:
            writer.write(self.rest)
            await writer.drain()
            self.sent += len(self.rest)
        await reader.read()


GIGABYTE = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n"


@pytest.mark.parametrize("beginning", [GIGABYTE, b"HTTP/1.1 200 OK\r\n\r\n"])
async def test_an_endless_answer_is_cut_off(beginning: bytes) -> None:
    endless = Endless(beginning, b" " * 65536)
    async with tcp_peer(endless.talk) as address:
        error = await refusal(f"http://{address}")
    assert isinstance(error, RegistryError)
    assert f"answered with more than {LISTING_BYTES} bytes" in str(error)
    assert endless.sent < LISTING_BYTES + (64 << 20), "what lies in the buffers of both sides"


async def test_an_endless_body_of_a_redirect_is_not_read() -> None:
    async with registry(listing("1.0.0")) as (url, _):
        head = f"HTTP/1.1 302 Found\r\nContent-Length: 1000000000\r\nLocation: {url}{PATH}\r\n\r\n"
        endless = Endless(head.encode(), b" " * 65536)
        async with tcp_peer(endless.talk) as address:
            assert await CLIENT.resolve_version("echo", f"http://{address}") == "echo@1.0.0"


@pytest.mark.parametrize(
    "name", ["", " echo", "echo ", "a/b", "../x", "é", "-a", "_a", "a.b", "a\n", "a%2fb", None, 5]
)
async def test_a_name_that_no_program_has_is_refused_and_nobody_is_asked(name: object) -> None:
    async with registry(listing("1.0.0")) as (url, running):
        with pytest.raises(InvalidArgumentError, match="resolve_version not sent") as caught:
            await CLIENT.resolve_version(name, url)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - the mistake
    assert "\n" not in str(caught.value)
    assert running.asked == []


@pytest.mark.parametrize(
    "url",
    [
        *(
            "",
            "registry",
            "//registry.invalid",
            "ftp://registry.invalid",
            "file:///etc",
            "ws://registry.invalid",
        ),
        *(
            "http://",
            "http:///x",
            "http://:80",
            "http://a:0",
            "http://a:99999",
            "http://a:b",
            "http://[::1",
            "http://a..b",
        ),
        *(
            "http://a b",
            "http://a\n",
            "http://a/\x00",
            "http://a?token=hunter2",
            "http://a#hunter2",
            "http://a/?",
        ),
        *("http://user:hunter2@a", "http://hunter2@a", None, 5, b"http://a"),
    ],
)
async def test_what_is_no_url_of_a_registry_is_refused_without_showing_secrets(url: object) -> None:
    with pytest.raises(InvalidArgumentError, match="registry_url") as caught:
        await CLIENT.resolve_version("echo", url)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - the mistake
    assert "\n" not in str(caught.value)
    assert "hunter2" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("timeout", [0, -1, "soon", True])
async def test_a_timeout_that_is_no_duration_is_refused(timeout: object) -> None:
    with pytest.raises(InvalidArgumentError, match="is not a duration"):
        await CLIENT.resolve_version("echo", "http://a", timeout=timeout)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - the mistake


# ------------------------------------------------------------- time


class Drip:
    """A peer that sends a beginning, and then a byte whenever the one before is on its way."""

    def __init__(self, beginning: bytes = b"", drop: bytes = b" ") -> None:
        self.beginning = beginning
        self.drop = drop
        self.dripping = asyncio.Event()
        self.hung_up_on = asyncio.Event()

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        gone = asyncio.ensure_future(reader.read(-1))
        try:
            writer.write(self.beginning)
            while not gone.done():
                writer.write(self.drop)
                await writer.drain()
                self.dripping.set()
                await asyncio.wait({gone}, timeout=0.01)
        finally:
            gone.cancel()
            self.hung_up_on.set()

    async def is_left(self) -> None:
        """Wait until it was hung up on; on a slow machine a deadline may pass before it is even reached."""
        if self.dripping.is_set():
            await asyncio.wait_for(self.hung_up_on.wait(), PATIENCE)


DRIPS = {
    "the headers": (b"HTTP/1.1 200 OK\r\nX: ", b"x"),
    "the body": (b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", b" "),
    "a chunk": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffff\r\n", b" "),
    "continuing": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
}


@pytest.mark.parametrize("what", DRIPS)
async def test_a_registry_that_drips_is_given_up_at_the_deadline(what: str) -> None:
    """D42."""
    drip = Drip(*DRIPS[what])
    async with tcp_peer(drip.talk) as address:
        error = await refusal(f"http://{address}", timeout=SHORT)
        await drip.is_left()
    assert isinstance(error, DeadlineError)
    assert f"the registry http://{address} did not answer within {SHORT} s" in str(error)


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_registry_that_never_answers_is_given_up_at_the_deadline(scheme: str) -> None:
    """D42; with https, it is the handshake that is never answered."""
    async with tcp_peer(silent) as address:
        assert isinstance(await refusal(f"{scheme}://{address}", timeout=SHORT), DeadlineError)


async def test_a_proxy_that_drips_is_given_up_at_the_deadline(proxied: Callable[[str], None]) -> None:
    drip = Drip(b"HTTP/1.1 200 OK\r\nX: ", b"x")
    async with tcp_peer(drip.talk) as address:
        proxied(f"http://{address}")
        error = await refusal("https://registry.invalid", timeout=SHORT)
        await drip.is_left()
    assert isinstance(error, DeadlineError)


async def test_the_clients_timeout_holds_by_default() -> None:
    async with tcp_peer(silent) as address:
        with pytest.raises(DeadlineError, match=r"did not answer within 0\.2 s"):
            await PieClient("ws://127.0.0.1:1", timeout=SHORT).resolve_version("echo", f"http://{address}")
    await no_thread_is_left()


class SlowRegistry(http.server.ThreadingHTTPServer):
    """A registry in threads of its own, which answers when it may, and with 503 when it never may."""

    def __init__(self) -> None:
        self.asked = asked = threading.Event()
        self.may_answer = may_answer = threading.Event()

        class Answer(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked.set()
                allowed = may_answer.wait(PATIENCE)
                body = listing("1.0.0").partition(b"\r\n\r\n")[2]
                with contextlib.suppress(ConnectionError):
                    self.send_response(200 if allowed else 503)
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        super().__init__(("127.0.0.1", 0), Answer)


@pytest.fixture
def slow_registry() -> Iterator[SlowRegistry]:
    """A running registry that answers when it may."""
    with SlowRegistry() as server, serving(server):
        yield server
        server.may_answer.set()


async def test_other_tasks_go_on_while_the_registry_thinks(slow_registry: SlowRegistry) -> None:
    """D42: the registry answers only after another task of the loop has let it."""

    async def allow() -> None:
        assert await asyncio.to_thread(slow_registry.asked.wait, PATIENCE)
        slow_registry.may_answer.set()

    url = f"http://127.0.0.1:{slow_registry.server_port}"
    found, _ = await asyncio.gather(CLIENT.resolve_version("echo", url), allow())
    assert found == "echo@1.0.0"


@pytest.mark.parametrize("what", DRIPS)
async def test_cancelling_returns_at_once_and_hangs_up(what: str) -> None:
    drip = Drip(*DRIPS[what])
    async with tcp_peer(drip.talk) as address:
        asking = asyncio.create_task(CLIENT.resolve_version("echo", f"http://{address}", timeout=math.inf))
        await asyncio.wait_for(drip.dripping.wait(), PATIENCE)
        asking.cancel()
        await asyncio.wait({asking}, timeout=PATIENCE)
        assert asking.cancelled()
        await asyncio.wait_for(drip.hung_up_on.wait(), PATIENCE)
        await no_thread_is_left()


async def test_cancelling_at_any_moment_leaves_nothing(slow_registry: SlowRegistry) -> None:
    url = f"http://127.0.0.1:{slow_registry.server_port}"
    for turns in range(20):
        asking = asyncio.create_task(CLIENT.resolve_version("echo", url))
        for _ in range(turns):
            await asyncio.sleep(0)
        asking.cancel()
        await asyncio.wait({asking}, timeout=PATIENCE)
        assert asking.cancelled()
    await no_thread_is_left()


def test_a_loop_that_ends_meanwhile_is_not_held_up(slow_registry: SlowRegistry) -> None:
    async def leave() -> None:
        url = f"http://127.0.0.1:{slow_registry.server_port}"
        asking = asyncio.create_task(CLIENT.resolve_version("echo", url))
        assert await asyncio.to_thread(slow_registry.asked.wait, PATIENCE)
        assert not asking.done()

    asyncio.run(leave())
    assert not slow_registry.may_answer.is_set()


async def test_a_connected_client_can_ask_too(client: PieClient) -> None:
    async with registry(listing("1.0.0")) as (url, _):
        assert await client.resolve_version("echo", url) == "echo@1.0.0"
    assert client.server is None, "nothing was sent to the server"


def test_a_download_that_was_aborted_before_it_ran_connects_to_nobody(slow_registry: SlowRegistry) -> None:
    download = Download(
        f"http://127.0.0.1:{slow_registry.server_port}/", headers={}, limit=1, seconds=PATIENCE
    )
    download.abort()
    with pytest.raises(OSError, match="given up"):
        download.run()
    assert not slow_registry.asked.is_set()
