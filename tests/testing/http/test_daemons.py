"""Daemons of the embedded engine: programs that a client of the 0.4 family starts, and that serve HTTP from then on."""

import asyncio
import http.client
import json
import logging
import socket
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest
from pydantic import JsonValue

from pie_client import (
    Family,
    InvalidArgumentError,
    InvalidProgramNameError,
    PieClient,
    ProcessError,
    ProgramNotFoundError,
    UnsupportedError,
)
from pie_client.testing import DaemonRequest, DaemonResponse, InferletSession, LocalEngine
from tests.support.peers import PATIENCE


@pytest.fixture
def family() -> Family:
    """The family that has daemons."""
    return "0.4"


class Browser:
    """One connection of the standard library's HTTP client."""

    def __init__(self, uri: str) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(uri).netloc, timeout=PATIENCE)

    async def ask(
        self, method: str, path: str, *, chunked: bool = False, **options: object
    ) -> tuple[http.client.HTTPResponse, bytes]:
        def exchange() -> tuple[http.client.HTTPResponse, bytes]:
            self._connection.request(method, path, encode_chunked=chunked, **options)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - options of the standard library's method
            response = self._connection.getresponse()
            return response, response.read()

        return await asyncio.to_thread(exchange)

    def close(self) -> None:
        self._connection.close()


@pytest.fixture
async def uri(engine: LocalEngine, client: PieClient) -> str:
    """Where a daemon listens that tells what it was asked."""

    @engine.daemon("echo@1.0.0")
    async def echo(request: DaemonRequest) -> DaemonResponse:
        seen = {
            "method": request.method,
            "path": request.path,
            "x-color": request.headers["X-COLOR"],
            "body": request.body.decode("latin-1"),
        }
        return DaemonResponse(201, {"X-Kind": "echo", "Content-Length": "1"}, json.dumps(seen))

    await client.rpc.launch_daemon(inferlet="echo@1.0.0", port=0, input="{}")
    return await engine.daemons[0].uri()


@pytest.fixture
async def browser(uri: str) -> AsyncIterator[Browser]:
    browser = Browser(uri)
    yield browser
    browser.close()


async def raw_answer(uri: str, request: bytes) -> bytes:
    """Send bytes, and give everything that comes until the connection is closed."""
    address = urlsplit(uri)
    async with asyncio.timeout(PATIENCE):
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        writer.write(request)
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
    return answer


async def test_a_daemon_answers_requests_with_its_function(browser: Browser) -> None:
    response, body = await browser.ask("PUT", "/a/b?c=d", body=b"hello\xff", headers={"x-color": "red"})
    assert (response.status, response.getheader("x-kind")) == (201, "echo")
    assert json.loads(body) == {"method": "PUT", "path": "/a/b?c=d", "x-color": "red", "body": "hello\xff"}


async def test_a_connection_serves_one_request_after_the_other(browser: Browser) -> None:
    for number in range(3):
        _, body = await browser.ask("GET", f"/{number}")
        assert json.loads(body)["path"] == f"/{number}"


async def test_a_body_in_chunks_arrives_whole(browser: Browser) -> None:
    parts = [b"one ", b"x" * 100_000, b" two"]
    headers = {"Transfer-Encoding": "chunked"}
    _, body = await browser.ask("POST", "/", chunked=True, body=iter(parts), headers=headers)
    assert json.loads(body)["body"] == b"".join(parts).decode()


async def test_a_large_body_goes_both_ways(browser: Browser) -> None:
    _, body = await browser.ask("POST", "/", body=b"y" * 20_000_000)
    assert json.loads(body)["body"] == "y" * 20_000_000


async def test_an_answer_to_head_has_no_body(browser: Browser) -> None:
    response, body = await browser.ask("HEAD", "/")
    assert (response.status, body) == (201, b"")
    assert (await browser.ask("GET", "/"))[0].status == 201


async def test_a_client_that_asks_whether_to_send_its_body_is_told_so(uri: str) -> None:
    head = b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nConnection: close\r\nContent-Length: 2\r\n\r\n"
    answer = await raw_answer(uri, head + b"hi")
    assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\n")


async def test_a_client_of_http_1_0_gets_a_closed_connection(uri: str) -> None:
    answer = await raw_answer(uri, b"GET /old HTTP/1.0\r\n\r\n")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["path"] == "/old"


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET / HTTP/3.0\r\n\r\n", 505),
        (b"GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
        (b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        (b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc", 400),
        (b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1" * 100_000, 400),
        (b"GET / HTTP/1.1\r\nContent-Length: 999999999\r\n\r\n", 413),
        (b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nfffffffff\r\n", 413),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * 70_000 + b"\r\n\r\n", 431),
    ],
)
async def test_a_request_that_cannot_be_understood_is_refused(uri: str, request_: bytes, status: int) -> None:
    assert (await raw_answer(uri, request_)).split()[1] == str(status).encode()


async def test_a_daemon_that_raises_answers_500_and_lives_on(
    engine: LocalEngine, client: PieClient, caplog: pytest.LogCaptureFixture
) -> None:
    answers: dict[str, object] = {
        "/none": None,
        "/informational": DaemonResponse(100),
        "/number": DaemonResponse(body=5),  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - what untyped functions do
        "/half": DaemonResponse(body="\ud800"),
        "/split": DaemonResponse(headers={"X-Bad": "a\r\nX-Worse: b"}),
        "/name": DaemonResponse(headers=[("bad name", "a")]),
        "/good": DaemonResponse(headers=[("Set-Cookie", "a"), ("Set-Cookie", "b")], body=b"good"),
    }

    @engine.daemon("moody@1.0.0")
    async def moody(request: DaemonRequest) -> DaemonResponse:
        return answers[request.path]  # type: ignore[return-value]  # pyright: ignore[reportReturnType] - what untyped functions do

    await client.rpc.launch_daemon(inferlet="moody@1.0.0", port=0, input="{}")
    browser = Browser(await engine.daemons[0].uri())
    for path in ("/missing", "/none", "/informational", "/number", "/half", "/split", "/name"):
        response, body = await browser.ask("GET", path)
        assert (response.status, body) == (500, b"Internal Server Error")
    assert "KeyError: '/missing'" in caplog.text
    response, body = await browser.ask("GET", "/good")
    assert (response.status, body, response.headers.get_all("Set-Cookie")) == (200, b"good", ["a", "b"])
    browser.close()


@pytest.mark.parametrize("version", ["1.0", "1.1"])
async def test_an_answer_can_come_bit_by_bit(engine: LocalEngine, client: PieClient, version: str) -> None:
    go_on = asyncio.Event()

    @engine.daemon("stream@1.0.0")
    async def stream(_request: DaemonRequest) -> DaemonResponse:
        async def bits() -> AsyncIterator[bytes]:
            yield b"first"
            await go_on.wait()
            yield b""
            yield b"last"

        return DaemonResponse(headers={"Content-Type": "text/event-stream"}, body=bits())

    await client.rpc.launch_daemon(inferlet="stream@1.0.0", port=0, input="{}")
    address = urlsplit(await engine.daemons[0].uri())
    async with asyncio.timeout(PATIENCE):
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        writer.write(f"GET / HTTP/{version}\r\nConnection: close\r\n\r\n".encode())
        await reader.readuntil(b"first")
        go_on.set()
        rest = await reader.read()
        writer.close()
        await writer.wait_closed()
    assert rest == (b"\r\n4\r\nlast\r\n0\r\n\r\n" if version == "1.1" else b"last")


async def test_an_answer_that_fails_in_the_middle_is_seen_to_be_cut_off(
    engine: LocalEngine, client: PieClient
) -> None:
    @engine.daemon("cut@1.0.0")
    async def cut(_request: DaemonRequest) -> DaemonResponse:
        async def bits() -> AsyncIterator[bytes]:
            yield b"first"
            raise RuntimeError("no more")

        return DaemonResponse(body=bits())

    await client.rpc.launch_daemon(inferlet="cut@1.0.0", port=0, input="{}")
    browser = Browser(await engine.daemons[0].uri())
    with pytest.raises((http.client.HTTPException, ConnectionError)):
        await browser.ask("GET", "/")
    browser.close()


async def test_a_daemon_outlives_its_client_and_ends_with_the_engine(
    engine: LocalEngine, family: Family
) -> None:
    cancelled = asyncio.Event()
    asked = asyncio.Event()

    @engine.daemon("slow@1.0.0")
    async def slow(request: DaemonRequest) -> DaemonResponse:
        if request.path == "/slow":
            asked.set()
            try:
                await asyncio.Event().wait()
            finally:
                cancelled.set()
        return DaemonResponse(body="quick")

    async with PieClient(engine.uri) as client:
        await client.rpc.launch_daemon(inferlet="slow@1.0.0", port=0, input="{}")
        assert await client.list_processes() == []
    uri = await engine.daemons[0].uri()
    browser = Browser(uri)
    assert (await browser.ask("GET", "/"))[1] == b"quick"
    waiting = asyncio.create_task(Browser(uri).ask("GET", "/slow"))
    async with asyncio.timeout(PATIENCE):
        await asked.wait()
        await engine.stop()
    assert cancelled.is_set()
    assert isinstance((await asyncio.gather(waiting, return_exceptions=True))[0], OSError)
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(urlsplit(uri).hostname, urlsplit(uri).port)
    browser.close()


@pytest.mark.parametrize("bit_by_bit", [False, True])
@pytest.mark.parametrize("leave", ["close", "end", "reset"])
async def test_a_call_is_cancelled_when_its_http_client_leaves(
    engine: LocalEngine, client: PieClient, leave: str, *, bit_by_bit: bool
) -> None:
    asked, cancelled = asyncio.Event(), asyncio.Event()

    async def wait() -> None:
        asked.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    async def bits() -> AsyncIterator[bytes]:
        yield b"bit"
        await wait()

    @engine.daemon("slow@1.0.0")
    async def slow(request: DaemonRequest) -> DaemonResponse:
        if request.path != "/slow":
            return DaemonResponse(body="quick")
        if not bit_by_bit:
            await wait()
        return DaemonResponse(body=bits())

    await client.rpc.launch_daemon(inferlet="slow@1.0.0", port=0, input="{}")
    uri = await engine.daemons[0].uri()
    async with asyncio.timeout(PATIENCE):
        reader, writer = await asyncio.open_connection(urlsplit(uri).hostname, urlsplit(uri).port)
        writer.write(b"GET /slow HTTP/1.1\r\n\r\n")
        await asked.wait()
        if leave == "close":
            writer.close()
        elif leave == "reset":
            writer.transport.abort()
        else:
            writer.write_eof()
            await reader.read()
        await cancelled.wait()
        writer.close()
    assert (await raw_answer(uri, b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n")).endswith(b"quick")
    assert not {task.get_name() for task in asyncio.all_tasks()} & {"daemon call", "daemon client leaves"}


async def test_a_client_that_ends_its_side_at_once_still_gets_an_answer_that_takes_no_time(uri: str) -> None:
    address = urlsplit(uri)
    async with asyncio.timeout(PATIENCE):
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        writer.write_eof()
        assert (await reader.read()).startswith(b"HTTP/1.1 201 ")
        writer.close()
        await writer.wait_closed()


@pytest.mark.parametrize("turns", [0, 1])
async def test_only_the_low_16_bits_of_the_port_count(
    engine: LocalEngine, client: PieClient, turns: int
) -> None:
    @engine.daemon("port@1.0.0")
    async def port(_request: DaemonRequest) -> DaemonResponse:
        return DaemonResponse()

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        number: int = free.getsockname()[1]
    if turns:
        await client.rpc.launch_daemon(inferlet="port@1.0.0", port=number + 65_536 * turns, input="{}")
    else:
        await client.launch_daemon("port@1.0.0", number)
    assert await engine.daemons[0].uri() == f"http://127.0.0.1:{number}"
    assert engine.daemons[0].port == number


async def test_a_port_that_is_taken_shows_only_in_the_log(
    engine: LocalEngine, client: PieClient, uri: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        await client.rpc.launch_daemon(inferlet="echo@1.0.0", port=urlsplit(uri).port or 0, input="{}")
        with pytest.raises(OSError, match="in use"):
            await engine.daemons[1].uri()
    assert f"daemon echo@1.0.0 can't listen on port {urlsplit(uri).port}" in caplog.text


async def test_an_unknown_program_is_refused_as_at_launch(client: PieClient) -> None:
    with pytest.raises(ProgramNotFoundError):
        await client.rpc.launch_daemon(inferlet="unknown@1.0.0", port=0, input="{}")
    with pytest.raises(InvalidProgramNameError):
        await client.rpc.launch_daemon(inferlet="unknown", port=0, input="{}")


async def test_a_daemon_is_no_inferlet_and_an_inferlet_no_daemon(
    engine: LocalEngine, client: PieClient, uri: str
) -> None:
    @engine.inferlet("plain@1.0.0")
    async def plain(_session: InferletSession, _input: JsonValue) -> JsonValue:
        return None

    assert await client.check_program("echo@1.0.0")
    process = await client.launch_process("echo@1.0.0")
    with pytest.raises(ProcessError, match="No 'run' interface found"):
        await process.wait(timeout=PATIENCE)
    await client.rpc.launch_daemon(inferlet="plain@1.0.0", port=0, input="{}")
    browser = Browser(await engine.daemons[1].uri())
    assert (await browser.ask("GET", "/"))[0].status == 500
    browser.close()


async def test_the_engine_can_be_stopped_before_a_daemon_listens(
    engine: LocalEngine, client: PieClient
) -> None:
    @engine.daemon("late@1.0.0")
    async def late(_request: DaemonRequest) -> DaemonResponse:
        return DaemonResponse()

    engine.run_daemon("late@1.0.0", 0)
    (daemon,) = engine.daemons
    await engine.stop()
    with pytest.raises(ConnectionAbortedError, match="stopped"):
        await daemon.uri()


async def test_a_daemon_that_swallows_its_cancellation_does_not_keep_the_engine(
    engine: LocalEngine, client: PieClient, caplog: pytest.LogCaptureFixture
) -> None:
    asked = asyncio.Event()
    release = asyncio.Event()

    @engine.daemon("stubborn@1.0.0")
    async def stubborn(_request: DaemonRequest) -> DaemonResponse:
        asked.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await release.wait()
        return DaemonResponse()

    await client.rpc.launch_daemon(inferlet="stubborn@1.0.0", port=0, input="{}")
    waiting = asyncio.create_task(raw_answer(await engine.daemons[0].uri(), b"GET / HTTP/1.1\r\n\r\n"))
    async with asyncio.timeout(PATIENCE):
        await asked.wait()
        await engine.stop()
        await asyncio.gather(waiting, return_exceptions=True)
    assert "does not end although it was cancelled" in caplog.text
    release.set()


def test_a_daemon_has_to_be_an_async_function_with_a_name_that_servers_take(family: Family) -> None:
    def plain(_request: DaemonRequest) -> DaemonResponse:
        return DaemonResponse()

    engine = LocalEngine(family=family)
    with pytest.raises(InvalidArgumentError, match="async def"):
        engine.daemon("plain@1.0.0")(plain)  # type: ignore[type-var]  # pyright: ignore[reportArgumentType] - what untyped callers do
    with pytest.raises(InvalidArgumentError, match=r"name@major\.minor\.patch"):
        engine.daemon("plain")


@pytest.mark.parametrize("family", ["0.5"])
async def test_the_new_family_has_no_daemons(engine: LocalEngine, client: PieClient, family: Family) -> None:
    await client.ping()
    with pytest.raises(UnsupportedError):
        await client.rpc.launch_daemon(inferlet="echo@1.0.0", port=0, input="{}")
