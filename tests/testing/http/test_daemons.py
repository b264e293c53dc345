"""Daemons of the embedded engine: programs that serve HTTP, launched by clients of the 0.4 family."""

import asyncio
import http.client
import json
import logging
import sys
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
from pie_client.testing import DaemonRequest, DaemonResponse, InferletSession, LocalEngine, RunningDaemon
from pie_client.testing.http.origins import AllowedOrigins
from tests.support.peers import TIMEOUT, free_port


@pytest.fixture
def family() -> Family:
    """The only family with daemons."""
    return "0.4"


class HttpClient:
    """One connection of the standard library's HTTP client."""

    def __init__(self, uri: str) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(uri).netloc, timeout=TIMEOUT)

    async def request(
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
    """The address of a daemon that responds with what it was sent."""

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
async def http_client(uri: str) -> AsyncIterator[HttpClient]:
    http_client = HttpClient(uri)
    yield http_client
    http_client.close()


async def raw_response(uri: str, request: bytes, *, half_close: bool = False) -> bytes:
    """Send bytes, and return everything received until the server closes the connection."""
    address = urlsplit(uri)
    async with asyncio.timeout(TIMEOUT):
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        writer.write(request)
        if half_close:
            writer.write_eof()
        response = await reader.read()
        writer.close()
        await writer.wait_closed()
    return response


async def test_a_daemon_receives_each_part_of_a_request(http_client: HttpClient) -> None:
    response, body = await http_client.request(
        "PUT", "/a/b?c=d", body=b"hello\xff", headers={"x-color": "red"}
    )
    assert (response.status, response.getheader("x-kind")) == (201, "echo")
    assert json.loads(body) == {"method": "PUT", "path": "/a/b?c=d", "x-color": "red", "body": "hello\xff"}


async def test_several_requests_are_served(http_client: HttpClient) -> None:
    for number in range(3):
        _, body = await http_client.request("GET", f"/{number}")
        assert json.loads(body)["path"] == f"/{number}"


async def test_a_chunked_body_is_joined(http_client: HttpClient) -> None:
    parts = [b"one ", b"x" * 100_000, b" two"]
    headers = {"Transfer-Encoding": "chunked"}
    _, body = await http_client.request("POST", "/", chunked=True, body=iter(parts), headers=headers)
    assert json.loads(body)["body"] == b"".join(parts).decode()


async def test_large_bodies_are_received_and_sent(http_client: HttpClient) -> None:
    _, body = await http_client.request("POST", "/", body=b"y" * 20_000_000)
    assert json.loads(body)["body"] == "y" * 20_000_000


async def test_the_response_to_head_has_no_body(http_client: HttpClient) -> None:
    response, body = await http_client.request("HEAD", "/")
    assert (response.status, body) == (201, b"")
    assert int(response.headers["Content-Length"]) > 0
    assert (await http_client.request("GET", "/"))[0].status == 201


async def test_a_client_that_waits_for_100_continue_receives_it(uri: str) -> None:
    address = urlsplit(uri)
    async with asyncio.timeout(TIMEOUT):
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        writer.write(
            b"POST / HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nConnection: close\r\nContent-Length: 2\r\n\r\n"
        )
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 100 ")
        writer.write(b"hi")
        assert (await reader.read()).startswith(b"HTTP/1.1 201 Created\r\n")
        writer.close()
        await writer.wait_closed()


async def test_a_request_of_http_1_0_is_served(uri: str) -> None:
    response = await raw_response(uri, b"GET /old HTTP/1.0\r\n\r\n")
    assert json.loads(response.partition(b"\r\n\r\n")[2])["path"] == "/old"


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"nonsense\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", b"400"),
    ],
)
async def test_an_invalid_request_is_refused(request_: bytes, status: bytes) -> None:
    async def never(_request: DaemonRequest) -> DaemonResponse:
        raise AssertionError("called")

    daemon = RunningDaemon("never@1.0.0", 0, never, AllowedOrigins())
    try:
        assert (await raw_response(await daemon.uri(), request_)).split()[1] == status
    finally:
        await daemon.stop()


async def test_a_daemon_that_raises_responds_500_and_continues(
    engine: LocalEngine, client: PieClient, caplog: pytest.LogCaptureFixture
) -> None:
    responses: dict[str, object] = {
        "/none": None,
        "/informational": DaemonResponse(100),
        "/number": DaemonResponse(body=5),  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - what untyped functions do
        "/surrogate": DaemonResponse(body="\ud800"),
        "/two%20lines": DaemonResponse(headers={"X-Bad": "a\r\nX-Worse: b"}),
        "/name": DaemonResponse(headers=[("bad name", "a")]),
        "/good": DaemonResponse(headers=[("Set-Cookie", "a"), ("Set-Cookie", "b")], body=b"good"),
        "/empty": DaemonResponse(204, body=b"ignored"),
    }

    @engine.daemon("moody@1.0.0")
    async def moody(request: DaemonRequest) -> DaemonResponse:
        return responses[request.path]  # type: ignore[return-value]  # pyright: ignore[reportReturnType] - what untyped functions do

    await client.rpc.launch_daemon(inferlet="moody@1.0.0", port=0, input="{}")
    http_client = HttpClient(await engine.daemons[0].uri())
    for path in ("/missing", "/none", "/informational", "/number", "/surrogate", "/two%20lines", "/name"):
        response, body = await http_client.request("GET", path)
        assert (response.status, body) == (500, b"Internal Server Error")
    assert "KeyError: '/missing'" in caplog.text
    assert "a daemon must return a DaemonResponse, not NoneType" in caplog.text
    response, body = await http_client.request("GET", "/good")
    assert (response.status, body, response.headers.get_all("Set-Cookie")) == (200, b"good", ["a", "b"])
    response, body = await http_client.request("GET", "/empty")
    assert (response.status, body, response.headers["Content-Length"]) == (204, b"", None)
    http_client.close()


@pytest.mark.parametrize("version", ["1.0", "1.1"])
async def test_a_response_can_be_streamed(engine: LocalEngine, client: PieClient, version: str) -> None:
    resume = asyncio.Event()

    @engine.daemon("stream@1.0.0")
    async def stream(_request: DaemonRequest) -> DaemonResponse:
        async def parts() -> AsyncIterator[bytes]:
            yield b"first"
            await resume.wait()
            yield b""
            yield b"last"

        return DaemonResponse(headers={"Content-Type": "text/event-stream"}, body=parts())

    await client.rpc.launch_daemon(inferlet="stream@1.0.0", port=0, input="{}")
    address = urlsplit(await engine.daemons[0].uri())
    async with asyncio.timeout(TIMEOUT):
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        writer.write(f"GET / HTTP/{version}\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        await reader.readuntil(b"first")
        resume.set()
        rest = await reader.read()
        writer.close()
        await writer.wait_closed()
    assert rest == (b"\r\n4\r\nlast\r\n0\r\n\r\n" if version == "1.1" else b"last")


@pytest.mark.parametrize("error", [RuntimeError("no more"), FileNotFoundError("no more")])
async def test_a_streamed_response_that_fails_is_cut_off_and_logged(
    engine: LocalEngine, client: PieClient, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    @engine.daemon("cut@1.0.0")
    async def cut(_request: DaemonRequest) -> DaemonResponse:
        async def parts() -> AsyncIterator[bytes]:
            yield b"first"
            raise error

        return DaemonResponse(body=parts())

    await client.rpc.launch_daemon(inferlet="cut@1.0.0", port=0, input="{}")
    http_client = HttpClient(await engine.daemons[0].uri())
    with pytest.raises((http.client.HTTPException, ConnectionError)):
        await http_client.request("GET", "/")
    http_client.close()
    assert "a daemon failed in the middle of a response" in caplog.text


async def test_a_daemon_runs_after_its_client_left_until_the_engine_stops(
    engine: LocalEngine, family: Family
) -> None:
    cancelled = asyncio.Event()
    called = asyncio.Event()

    @engine.daemon("slow@1.0.0")
    async def slow(request: DaemonRequest) -> DaemonResponse:
        if request.path == "/slow":
            called.set()
            try:
                await asyncio.Event().wait()
            finally:
                cancelled.set()
        return DaemonResponse(body="quick")

    async with PieClient(engine.uri) as client:
        await client.rpc.launch_daemon(inferlet="slow@1.0.0", port=0, input="{}")
        assert await client.list_processes() == []
    uri = await engine.daemons[0].uri()
    http_client = HttpClient(uri)
    assert (await http_client.request("GET", "/"))[1] == b"quick"
    waiting = asyncio.create_task(HttpClient(uri).request("GET", "/slow"))
    async with asyncio.timeout(TIMEOUT):
        await called.wait()
        await engine.stop()
    assert cancelled.is_set()
    assert isinstance((await asyncio.gather(waiting, return_exceptions=True))[0], OSError)
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(urlsplit(uri).hostname, urlsplit(uri).port)
    http_client.close()


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("leave", ["close", "half-close", "reset"])
async def test_a_call_is_cancelled_when_its_http_client_leaves(
    engine: LocalEngine, client: PieClient, leave: str, *, streamed: bool
) -> None:
    called, cancelled = asyncio.Event(), asyncio.Event()

    async def wait() -> None:
        called.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    async def parts() -> AsyncIterator[bytes]:
        yield b"part"
        await wait()

    @engine.daemon("slow@1.0.0")
    async def slow(request: DaemonRequest) -> DaemonResponse:
        if request.path != "/slow":
            return DaemonResponse(body="quick")
        if not streamed:
            await wait()
        return DaemonResponse(body=parts())

    await client.rpc.launch_daemon(inferlet="slow@1.0.0", port=0, input="{}")
    uri = await engine.daemons[0].uri()
    async with asyncio.timeout(TIMEOUT):
        reader, writer = await asyncio.open_connection(urlsplit(uri).hostname, urlsplit(uri).port)
        writer.write(b"GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await called.wait()
        if leave == "close":
            writer.close()
        elif leave == "reset":
            writer.transport.abort()
        else:
            writer.write_eof()
            await reader.read()
        await cancelled.wait()
        writer.close()
    assert (await raw_response(uri, b"GET / HTTP/1.0\r\n\r\n")).endswith(b"quick")
    assert not {task.get_name() for task in asyncio.all_tasks()} & {"daemon call", "daemon client leaves"}


async def test_a_client_that_half_closes_still_receives_an_immediate_response(uri: str) -> None:
    request = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
    assert (await raw_response(uri, request, half_close=True)).startswith(b"HTTP/1.1 201 ")


async def test_only_the_low_16_bits_of_the_port_count(engine: LocalEngine, client: PieClient) -> None:
    @engine.daemon("port@1.0.0")
    async def port(_request: DaemonRequest) -> DaemonResponse:
        return DaemonResponse()

    number = free_port()
    await client.rpc.launch_daemon(inferlet="port@1.0.0", port=number + 65_536, input="{}")
    assert await engine.daemons[0].uri() == f"http://127.0.0.1:{number}"
    assert engine.daemons[0].port == number


async def test_a_port_in_use_is_logged_only(
    engine: LocalEngine, client: PieClient, uri: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        await client.rpc.launch_daemon(inferlet="echo@1.0.0", port=urlsplit(uri).port or 0, input="{}")
        with pytest.raises(OSError, match="in use"):
            await engine.daemons[1].uri()
    assert f"daemon echo@1.0.0 can't listen on port {urlsplit(uri).port}" in caplog.text


async def test_a_daemon_of_an_unknown_program_is_refused(client: PieClient) -> None:
    with pytest.raises(ProgramNotFoundError):
        await client.rpc.launch_daemon(inferlet="unknown@1.0.0", port=0, input="{}")
    with pytest.raises(InvalidProgramNameError):
        await client.rpc.launch_daemon(inferlet="unknown", port=0, input="{}")


async def test_a_daemon_does_not_run_as_an_inferlet_nor_the_reverse(
    engine: LocalEngine, client: PieClient, uri: str
) -> None:
    @engine.inferlet("plain@1.0.0")
    async def plain(_session: InferletSession, _input: JsonValue) -> JsonValue:
        return None

    assert await client.check_program("echo@1.0.0")
    process = await client.launch_process("echo@1.0.0")
    with pytest.raises(ProcessError, match="No 'run' interface found"):
        await process.wait(timeout=TIMEOUT)
    await client.rpc.launch_daemon(inferlet="plain@1.0.0", port=0, input="{}")
    http_client = HttpClient(await engine.daemons[1].uri())
    with pytest.raises(ConnectionError):  # real servers close the connection without a response
        await http_client.request("GET", "/")
    http_client.close()


async def test_a_daemon_can_be_stopped_before_it_listens() -> None:
    async def late(_request: DaemonRequest) -> DaemonResponse:
        return DaemonResponse()

    daemon = RunningDaemon("late@1.0.0", 0, late, AllowedOrigins())
    await daemon.stop()
    with pytest.raises(ConnectionAbortedError, match="stopped"):
        await daemon.uri()


async def test_stop_does_not_wait_for_a_daemon_that_suppresses_its_cancellation(
    engine: LocalEngine, client: PieClient, caplog: pytest.LogCaptureFixture
) -> None:
    called = asyncio.Event()
    release = asyncio.Event()

    @engine.daemon("stubborn@1.0.0")
    async def stubborn(_request: DaemonRequest) -> DaemonResponse:
        called.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await release.wait()
        return DaemonResponse()

    await client.rpc.launch_daemon(inferlet="stubborn@1.0.0", port=0, input="{}")
    waiting = asyncio.create_task(raw_response(await engine.daemons[0].uri(), b"GET / HTTP/1.0\r\n\r\n"))
    async with asyncio.timeout(TIMEOUT):
        await called.wait()
        await engine.stop()
        await asyncio.gather(waiting, return_exceptions=True)
    assert "does not end although it was cancelled" in caplog.text
    release.set()


def test_a_daemon_must_be_an_async_function_with_a_valid_program_name(family: Family) -> None:
    def plain(_request: DaemonRequest) -> DaemonResponse:
        return DaemonResponse()

    engine = LocalEngine(family=family)
    with pytest.raises(InvalidArgumentError, match="async def"):
        engine.daemon("plain@1.0.0")(plain)  # type: ignore[type-var]  # pyright: ignore[reportArgumentType] - what untyped callers do
    with pytest.raises(InvalidArgumentError, match=r"name@major\.minor\.patch"):
        engine.daemon("plain")


@pytest.mark.parametrize("family", ["0.5"])
async def test_the_0_5_family_has_no_daemons(engine: LocalEngine, client: PieClient, family: Family) -> None:
    await client.ping()
    with pytest.raises(UnsupportedError):
        await client.rpc.launch_daemon(inferlet="echo@1.0.0", port=0, input="{}")


def test_registering_a_daemon_without_h11_names_the_extra(
    family: Family, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "h11", None)
    with pytest.raises(UnsupportedError, match=r"pip install 'pie-client\[testing\]'"):
        LocalEngine(family=family).daemon("echo@1.0.0")
