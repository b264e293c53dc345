"""Web pages of other sites can't use an engine or its daemons, unless they are allowed."""

import asyncio
import http.client
from collections.abc import AsyncIterator, Mapping, Sequence
from urllib.parse import urlsplit

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from pie_client import Family, InvalidArgumentError, PieClient
from pie_client.testing import DaemonRequest, DaemonResponse, LocalEngine
from tests.support.peers import TIMEOUT, free_port
from tests.support.raw import IDENTITY

PAGE = "http://localhost:3000"


async def handshake(engine: LocalEngine, *origins: str) -> tuple[int, str]:
    """Return status and body of the response to a handshake with these values of Origin."""
    headers = [*IDENTITY.items(), *(("Origin", origin) for origin in origins)]
    try:
        async with connect(f"{engine.uri}/v1/ws", additional_headers=headers):
            return 101, ""
    except InvalidStatus as error:
        return error.response.status_code, (error.response.body or b"").decode()


def own(uri: str, host: str = "127.0.0.1") -> str:
    return f"http://{host}:{urlsplit(uri).port}"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LOCALHOST", "[::1]"])
async def test_pages_of_the_engine_itself_connect(engine: LocalEngine, host: str) -> None:
    assert await handshake(engine) == (101, "")
    assert await handshake(engine, own(engine.uri, host)) == (101, "")


@pytest.mark.parametrize(
    "origins",
    [
        ["https://evil.example"],
        ["http://evil.example:{port}"],
        ["http://127.0.0.1"],
        ["http://127.0.0.1:1"],
        ["https://127.0.0.1:{port}"],
        ["http://127.0.0.1.evil.example:{port}"],
        ["http://localhost:3000"],
        ["null"],
        [""],
        ["http://[::1"],
        ["http://127.0.0.1:{port}", "https://evil.example"],
    ],
)
async def test_other_pages_are_refused(engine: LocalEngine, origins: list[str]) -> None:
    origins = [origin.format(port=urlsplit(engine.uri).port) for origin in origins]
    status, body = await handshake(engine, *origins)
    assert status == 403
    assert body == f"a page of {', '.join(origins)} may not connect; allow it with allowed_origins="
    async with PieClient(engine.uri) as client:
        await client.ping()


async def test_a_client_says_why_it_is_refused(engine: LocalEngine) -> None:
    with pytest.raises(ConnectionError, match=r"HTTP 403.*a page of https://evil.example may not connect"):
        await PieClient(engine.uri, headers={"Origin": "https://evil.example"}).connect()


@pytest.mark.parametrize(
    ("allowed", "accepted", "refused"),
    [
        ([PAGE], [PAGE, PAGE.upper()], ["http://localhost:3001", "https://localhost:3000", "null"]),
        (["https://a.example", "null"], ["https://a.example", "null"], ["https://b.example"]),
        (["*"], ["https://evil.example", "null", PAGE], []),
    ],
)
async def test_pages_can_be_allowed(
    family: Family, allowed: Sequence[str], accepted: list[str], refused: list[str]
) -> None:
    async with LocalEngine(family=family, allowed_origins=allowed) as engine:
        for origin in [*accepted, own(engine.uri)]:
            assert (await handshake(engine, origin))[0] == 101
        for origin in refused:
            assert (await handshake(engine, origin))[0] == 403


@pytest.mark.parametrize(
    "origins",
    [["localhost:3000"], ["http://localhost:3000/"], ["http://a@b"], ["http://"], [""], [1], "http://a", 1],
)
def test_an_invalid_origin_is_named(origins: object) -> None:
    with pytest.raises(InvalidArgumentError, match="invalid allowed_origins"):
        LocalEngine(allowed_origins=origins)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


# ------------------------------------------------------------- daemons


async def get(uri: str, headers: Mapping[str, str]) -> tuple[int, str]:
    """Return status and body of the response to a request."""

    def exchange() -> tuple[int, str]:
        connection = http.client.HTTPConnection(urlsplit(uri).netloc, timeout=TIMEOUT)
        try:
            connection.request("GET", "/", headers=dict(headers))
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()

    return await asyncio.to_thread(exchange)


@pytest.fixture(params=[(), (PAGE, "http://pie.example:8080")], ids=["default", "allowed"])
async def daemon(request: pytest.FixtureRequest) -> AsyncIterator[str]:
    """The address of a daemon."""
    async with LocalEngine(family="0.4", allowed_origins=request.param) as engine:

        @engine.daemon("hello@1.0.0")
        async def hello(_request: DaemonRequest) -> DaemonResponse:
            return DaemonResponse(body="hello")

        async with PieClient(engine.uri) as client:
            await client.launch_daemon("hello@1.0.0", free_port())
            yield await engine.daemons[0].uri()


async def test_a_daemon_answers_this_machine_and_its_own_pages(daemon: str) -> None:
    port = urlsplit(daemon).port
    for headers in (
        {},
        {"Origin": daemon},
        {"Host": f"localhost:{port}", "Origin": f"http://localhost:{port}"},
        {"Host": "[::1]:1"},
    ):
        assert await get(daemon, headers) == (200, "hello")


async def test_a_daemon_refuses_other_pages_and_names_that_were_rebound(daemon: str) -> None:
    port = urlsplit(daemon).port
    for headers in (
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Host": f"evil.example:{port}"},
        {"Host": f"evil.example:{port}", "Origin": f"http://evil.example:{port}"},
        {"Host": "[::1"},
    ):
        status, body = await get(daemon, headers)
        assert status == 403
        assert "allowed_origins=" in body


@pytest.mark.parametrize("daemon", [(PAGE, "http://pie.example:8080")], indirect=True)
async def test_a_daemon_answers_allowed_pages_and_hosts(daemon: str) -> None:
    for headers in ({"Origin": PAGE}, {"Host": "pie.example:8080", "Origin": "http://pie.example:8080"}):
        assert await get(daemon, headers) == (200, "hello")
