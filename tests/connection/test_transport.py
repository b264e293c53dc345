"""Connecting: to what is no Pie server, with what is no argument, and by way of proxies."""

import asyncio
import base64
import math
import socket
import ssl
import traceback
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest

from pie_client import (
    ConnectError,
    ConnectTimeoutError,
    DeadlineError,
    HandshakeError,
    InvalidArgumentError,
    NotConnectedError,
    PieClient,
    PieError,
    models,
)
from tests.support.peers import (
    SilentWebSocket,
    Talk,
    free_port,
    hangs_up,
    in_time,
    sends,
    silent,
    tcp_peer,
    websocket_peer,
)

SECRET = "hunter2"  # noqa: S105 - looked for in error texts


def check_text(error: PieError, address: str = "") -> None:
    """Check that an error is one printable line with the address and advice, and without the secret."""
    message = str(error)
    assert "\n" not in message
    assert message.isprintable()
    assert address in message
    assert "; " in message or " must be " in message, "it says what to do"
    assert SECRET not in "".join(traceback.format_exception(error))


async def refusal(uri: str, *, open_timeout: float = 20, **options: Any) -> ConnectError:  # noqa: ANN401 - of PieClient
    """Connect to what has to be refused."""
    client = PieClient(uri, open_timeout=open_timeout, **options)
    with pytest.raises(ConnectError) as caught:
        await in_time(client.connect())
    error = caught.value
    scheme, _, rest = uri.partition("://")
    check_text(error, f"{scheme}://{rest.rpartition('@')[2].partition('/')[0]}")
    assert isinstance(error, ConnectionError), "what the guide tells users to catch"
    with pytest.raises(NotConnectedError):
        await client.ping()
    await client.close()
    return error


# ------------------------------------------------------------- addresses


@pytest.mark.parametrize(
    "uri",
    [
        "http://127.0.0.1:8080",
        "https://127.0.0.1",
        "127.0.0.1:8080",
        "localhost",
        "garbage",
        "",
        " ",
        "ws:",
        "ws://",
        "ws://:8080",
        "ws:///v1/ws",
        "ws://127.0.0.1:port",
        "ws://127.0.0.1:-1",
        "ws://127.0.0.1:0",
        "ws://127.0.0.1:65536",
        "ws://[::1",
        "ws://[v9]",
        "ws://[nonsense]:8080",
        "ws://127.0.0.1:8080#fragment",
        "ws://127.0.0.1:8080/v1/ws#fragment",
        " ws://127.0.0.1:8080",
        "ws://127.0.0.1:8080\r\nHost: other",
        "ws://127.0.0.1 :8080",
        "ws://127.0.0.1:8080/a b",
        "ws://host\x00name",
        "ws://host..name",
        f"ws://{'label' * 20}.example",
        f"http://user:{SECRET}@127.0.0.1",
        f"ws://user:{SECRET}@127.0.0.1:port",
        f"ws://user:{SECRET}@127.0.0.1:8080#fragment",
        f"ws://user:{SECRET}@",
        f"ws://{SECRET}@127.0.0.1:8080",
        f"ws://user:{SECRET}%FF@127.0.0.1:8080",
        None,
        8080,
        b"ws://127.0.0.1:8080",
        Path("ws://127.0.0.1"),
    ],
    ids=repr,
)
def test_what_is_no_websocket_uri_is_refused_at_once(uri: object) -> None:
    with pytest.raises(InvalidArgumentError, match="server_uri") as caught:
        PieClient(uri)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - the mistake
    check_text(caught.value)
    assert isinstance(caught.value, ValueError)


def test_the_error_names_an_address_of_another_scheme_without_its_credentials() -> None:
    with pytest.raises(
        InvalidArgumentError, match=r"'http://example\.org:81' does not start with ws://"
    ) as caught:
        PieClient(f"http://user:{SECRET}@example.org:81/{SECRET}?token={SECRET}")
    check_text(caught.value)


async def test_a_port_that_nobody_listens_on_is_refused() -> None:
    error = await refusal(f"ws://127.0.0.1:{free_port()}")
    assert "refused" in str(error)
    assert not isinstance(error, HandshakeError)
    assert isinstance(error.__cause__, ConnectionRefusedError)


async def test_credentials_path_and_query_of_an_address_are_not_echoed() -> None:
    await refusal(f"ws://user:{SECRET}@127.0.0.1:{free_port()}/{SECRET}?token={SECRET}")


@pytest.fixture
def unresolvable(monkeypatch: pytest.MonkeyPatch) -> str:
    """A host that has no address, without asking the network."""
    resolve = socket.getaddrinfo

    def getaddrinfo(host: str, *rest: Any, **named: Any) -> Any:  # noqa: ANN401 - as the original
        if host == "pie.invalid":
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return resolve(host, *rest, **named)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return "pie.invalid"


async def test_a_host_that_does_not_resolve_is_a_connect_error(unresolvable: str) -> None:
    error = await refusal(f"ws://{unresolvable}:8080", proxy=False)
    assert "Name or service not known" in str(error)


# ------------------------------------------------------------- what is no WebSocket server

NO_WEBSOCKET = {
    "an SSH server": sends(b"SSH-2.0-OpenSSH_9.9\r\n"),
    "an SMTP server": sends(b"220 mail.example.org ESMTP\r\n"),
    "noise": sends(bytes(range(128, 256)) * 4 + b"\r\n\r\n"),
    "noise, then the end": sends(bytes(range(128, 256)) * 4, hang_up=True),
    "half a handshake, then the end": sends(b"HTTP/1.1 101 Switching Protocols\r\nUpgr", hang_up=True),
    "an upgrade to nothing": sends(b"HTTP/1.1 101 Switching Protocols\r\n\r\n"),
    "an upgrade to something else": sends(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n"
    ),
    "an upgrade with a wrong key": sends(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: nonsense\r\n\r\n"
    ),
    "an endless header": sends(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n"),
    "nothing: it closes at once": hangs_up,
}


@pytest.mark.parametrize("what", NO_WEBSOCKET)
async def test_a_server_that_speaks_something_else_is_a_handshake_error(what: str) -> None:
    async with tcp_peer(NO_WEBSOCKET[what]) as address:
        error = await refusal(f"ws://{address}")
    assert isinstance(error, HandshakeError)
    assert error.status is None


SILENT: dict[str, Talk] = {
    "nothing": silent,
    "half a handshake": sends(b"HTTP/1.1 101 Switching Protocols\r\nUpgr"),
    "noise without an end of line": sends(bytes(range(128, 256))),
    "an answer without an end": sends(b"HTTP/1.1 200 OK\r\n\r\nhello"),
}


@pytest.mark.parametrize(("scheme", "what"), [*(("ws", what) for what in SILENT), ("wss", "nothing")])
async def test_a_server_that_leaves_the_handshake_open_is_a_timeout(scheme: str, what: str) -> None:
    """D4."""
    async with tcp_peer(SILENT[what]) as address:
        error = await refusal(f"{scheme}://{address}", open_timeout=0.2)
    assert isinstance(error, ConnectTimeoutError)
    assert isinstance(error, TimeoutError)
    assert "0.2 s" in str(error)


async def test_a_connect_that_is_cancelled_leaves_the_client_usable() -> None:
    answers = iter([silent, SilentWebSocket().talk])

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await next(answers)(reader, writer)

    async with tcp_peer(talk) as address:
        client = PieClient(f"ws://{address}", open_timeout=math.inf)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.connect(), 0.05)
        with pytest.raises(NotConnectedError):
            await client.ping()
        await in_time(client.connect())
        await client.close()


async def test_a_client_connects_after_attempts_that_failed() -> None:
    async with websocket_peer() as peer:
        peer.refuse_upgrade = (HTTPStatus.SERVICE_UNAVAILABLE, "starting")
        client = PieClient(peer.uri)
        for _ in range(2):
            with pytest.raises(HandshakeError, match="503"):
                await in_time(client.connect())
        peer.refuse_upgrade = None
        async with client:
            await client.ping()


# ------------------------------------------------------------- HTTP answers


@pytest.mark.parametrize("status", [200, 400, 401, 403, 404, 426, 429, 500, 502, 503])
async def test_an_http_answer_is_a_handshake_error_with_its_status_and_body(status: int) -> None:
    """D8."""
    async with websocket_peer() as peer:
        peer.refuse_upgrade = (HTTPStatus(status), "the reason,\r\n\r\n  on lines\n")
        error = await refusal(peer.uri)
    assert isinstance(error, HandshakeError)
    assert error.status == status
    assert f"HTTP {status}" in str(error)
    assert error.body == "the reason, / on lines"
    assert error.body in str(error)


async def test_401_tells_to_pass_an_identity() -> None:
    """D8."""
    async with websocket_peer("0.5") as peer:
        body = "identity: missing `x-pie-identity` (edge must inject verified identity)"
        peer.refuse_upgrade = (HTTPStatus.UNAUTHORIZED, body)
        error = await refusal(peer.uri)
    assert "pass the identity=" in str(error)
    assert body in str(error)


async def test_404_tells_which_path_suits_every_server() -> None:
    async with websocket_peer("0.5") as peer:
        peer.refuse_upgrade = (HTTPStatus.NOT_FOUND, "")
        error = await refusal(f"{peer.uri}/ws")
    assert "/v1/ws" in str(error)


async def test_a_long_or_binary_body_does_not_swell_the_error() -> None:
    async with websocket_peer() as peer:
        peer.refuse_upgrade = (HTTPStatus.BAD_GATEWAY, "<html>\x1b[31m\x00\x7f" + "x" * 100_000)
        error = await refusal(peer.uri)
    assert isinstance(error, HandshakeError)
    assert len(str(error)) < 500
    assert error.body.startswith("<html>")


async def test_a_body_that_is_not_utf8_is_shown_as_far_as_it_goes() -> None:
    answer = b"HTTP/1.1 500 Oops\r\nContent-Length: 7\r\n\r\noops \xff\xfe"
    async with tcp_peer(sends(answer)) as address:
        error = await refusal(f"ws://{address}")
    assert isinstance(error, HandshakeError)
    assert error.status == 500
    assert error.body.startswith("oops")


# ------------------------------------------------------------- redirects


async def test_a_redirect_to_a_websocket_is_followed() -> None:
    async with websocket_peer() as first, websocket_peer() as second:
        first.redirect = f"{second.uri}/elsewhere"
        async with PieClient(first.uri) as client:
            await client.ping()
        assert [u.path for u in second.upgrades] == ["/elsewhere"]
        assert len(second.requests_of(models.PingRequest)) == 1


@pytest.mark.parametrize(
    "location", [f"http://user:{SECRET}@127.0.0.1/login", "ws://127.0.0.1:port", "ws://", "mailto:x@y"]
)
async def test_a_redirect_to_something_else_is_a_handshake_error(location: str) -> None:
    async with websocket_peer() as peer:
        peer.redirect = location
        error = await refusal(peer.uri)
    assert isinstance(error, HandshakeError)


async def test_a_redirect_in_a_circle_is_a_handshake_error() -> None:
    async with websocket_peer() as peer:
        peer.redirect = "/v1/ws"
        error = await refusal(peer.uri)
    assert isinstance(error, HandshakeError)
    assert "redirects" in str(error)


# ------------------------------------------------------------- TLS


async def test_a_server_with_tls_is_reached_with_a_context_that_trusts_it(
    server_tls: ssl.SSLContext, certificate: Path
) -> None:
    async with websocket_peer(tls=server_tls) as peer:
        trusting = ssl.create_default_context(cafile=str(certificate))
        async with PieClient(peer.uri, ssl=trusting) as client:
            await client.ping()
        assert peer.uri.startswith("wss://")


async def test_a_certificate_that_is_not_trusted_is_a_connect_error(server_tls: ssl.SSLContext) -> None:
    async with websocket_peer(tls=server_tls) as peer:
        error = await refusal(peer.uri)
    assert "certificate not trusted" in str(error)
    assert "ssl=" in str(error)


async def test_a_server_with_tls_that_is_spoken_to_without_is_a_handshake_error(
    server_tls: ssl.SSLContext,
) -> None:
    async with websocket_peer(tls=server_tls) as peer:
        error = await refusal(peer.uri.replace("wss://", "ws://"))
    assert isinstance(error, HandshakeError)
    assert "wss://" in str(error)


@pytest.mark.parametrize("what", ["a WebSocket server", "an SSH server"])
async def test_a_server_without_tls_that_is_spoken_to_with_it_is_a_connect_error(what: str) -> None:
    async with websocket_peer() as peer, tcp_peer(NO_WEBSOCKET["an SSH server"]) as address:
        plain = peer.uri.removeprefix("ws://") if what == "a WebSocket server" else address
        error = await refusal(f"wss://{plain}")
    assert "ws://" in str(error)


async def test_a_server_that_closes_in_the_middle_of_tls_is_a_connect_error() -> None:
    async with tcp_peer(hangs_up) as address:
        await refusal(f"wss://{address}")


# ------------------------------------------------------------- arguments

NOT_A_DURATION = [0, 0.0, -1, -math.inf, math.nan, "1", None, [1]]


@pytest.mark.parametrize("name", ["timeout", "open_timeout", "ping_interval", "ping_timeout"])
@pytest.mark.parametrize("value", NOT_A_DURATION, ids=repr)
def test_what_is_no_duration_is_refused(name: str, value: object) -> None:
    options: dict[str, Any] = {name: value}
    with pytest.raises(InvalidArgumentError, match=f"^invalid {name}=") as caught:
        PieClient("ws://127.0.0.1", **options)
    check_text(caught.value)


@pytest.mark.parametrize("value", [v for v in NOT_A_DURATION if v is not None], ids=repr)
async def test_a_call_refuses_what_is_no_duration_and_sends_nothing(value: Any) -> None:  # noqa: ANN401 - the mistake
    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        with pytest.raises(InvalidArgumentError, match=r"^invalid timeout=") as caught:
            await client.ping(timeout=value)
        check_text(caught.value)
        assert peer.requests == []
        await client.ping()


@pytest.mark.parametrize("name", ["max_message_size", "max_buffered"])
@pytest.mark.parametrize("value", [0, -1, 0.5, math.nan, math.inf, "1", None], ids=repr)
def test_what_is_no_size_is_refused(name: str, value: object) -> None:
    options: dict[str, Any] = {name: value}
    with pytest.raises(InvalidArgumentError, match=f"^invalid {name}=") as caught:
        PieClient("ws://127.0.0.1", **options)
    check_text(caught.value)


@pytest.mark.parametrize(
    "identity", ["ünï/cödé", "tenant/ü", "a/", "/", "a/ ", "", " ", "a\r\nb", "a\x00", b"a", 5], ids=repr
)
def test_an_identity_that_a_server_would_refuse_is_refused(identity: Any) -> None:  # noqa: ANN401 - the mistake
    with pytest.raises(InvalidArgumentError, match="identity") as caught:
        PieClient("ws://127.0.0.1", identity=identity)
    check_text(caught.value)


@pytest.mark.parametrize("username", ["a\r\nb", "a\x00", b"a", 5], ids=repr)
def test_a_username_that_is_no_line_of_text_is_refused(username: Any) -> None:  # noqa: ANN401 - the mistake
    with pytest.raises(InvalidArgumentError, match="username") as caught:
        PieClient("ws://127.0.0.1", username=username)
    check_text(caught.value)


@pytest.mark.parametrize(
    "headers",
    [
        {"x": f"{SECRET}\r\nx-other: y"},
        {"x": f"{SECRET}\x00"},
        {"x\n": SECRET},
        {"a b": SECRET},
        {"a:": SECRET},
        {"": SECRET},
        {"x": SECRET.encode()},
        {5: SECRET},
        [("x", SECRET)],
        f"x: {SECRET}",
    ],
    ids=repr,
)
def test_what_can_not_be_a_header_is_refused_without_showing_it(headers: Any) -> None:  # noqa: ANN401 - the mistake
    with pytest.raises(InvalidArgumentError, match="header") as caught:
        PieClient("ws://127.0.0.1", headers=headers)
    check_text(caught.value)


def test_tls_settings_for_an_address_without_tls_are_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="wss://") as caught:
        PieClient("ws://127.0.0.1", ssl=ssl.create_default_context())
    check_text(caught.value)


@pytest.mark.parametrize(
    "proxy",
    [
        "",
        "nonsense",
        "127.0.0.1:3128",
        f"ftp://user:{SECRET}@127.0.0.1",
        f"http://user:{SECRET}@127.0.0.1:port",
        f"http://user:{SECRET}@",
    ],
)
def test_what_is_no_proxy_is_refused_without_showing_its_credentials(proxy: str) -> None:
    with pytest.raises(InvalidArgumentError, match="proxy") as caught:
        PieClient("ws://example.invalid", proxy=proxy)
    check_text(caught.value)


async def test_no_timeout_at_all_can_be_asked_for() -> None:
    unlimited = math.inf
    async with (
        websocket_peer() as peer,
        PieClient(
            peer.uri,
            timeout=unlimited,
            open_timeout=unlimited,
            ping_interval=unlimited,
            ping_timeout=unlimited,
        ) as client,
    ):
        await client.ping()


# ------------------------------------------------------------- what is sent


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ("", "/v1/ws"),
        ("/", "/v1/ws"),
        ("?tenant=a", "/v1/ws?tenant=a"),
        ("/v1/ws", "/v1/ws"),
        ("/ws", "/ws"),
        ("/v1/ws/", "/v1/ws/"),
        ("/pie/v1/ws?a=b", "/pie/v1/ws?a=b"),
    ],
)
async def test_an_address_without_a_path_gets_the_one_that_suits_every_server(given: str, sent: str) -> None:
    async with websocket_peer() as peer, PieClient(peer.uri + given):
        assert [u.path for u in peer.upgrades] == [sent]


@pytest.mark.parametrize(
    ("options", "sent"),
    [
        ({}, "pie-client"),
        ({"username": "alice"}, "alice"),
        ({"username": "älice"}, "pie-client"),
        ({"username": ""}, "pie-client"),
        ({"username": "alice", "identity": "tenant/bob"}, "tenant/bob"),
        ({"identity": "/bob"}, "/bob"),
        ({"headers": {"X-Pie-Identity": "tenant/carol"}}, "tenant/carol"),
    ],
    ids=repr,
)
async def test_the_handshake_carries_one_identity(options: dict[str, Any], sent: str) -> None:
    async with websocket_peer() as peer, PieClient(peer.uri, **options):
        (upgrade,) = peer.upgrades
        assert upgrade.headers.get_all("x-pie-identity") == [sent]


async def test_further_headers_are_sent() -> None:
    async with websocket_peer() as peer, PieClient(peer.uri, headers={"x-trace": "abc", "cookie": "a=b"}):
        (upgrade,) = peer.upgrades
        assert upgrade.headers["x-trace"] == "abc"
        assert upgrade.headers["cookie"] == "a=b"


async def test_user_and_password_of_the_address_are_sent_as_basic_authorization() -> None:
    async with websocket_peer() as peer:
        async with PieClient(peer.uri.replace("ws://", "ws://user:password@")):
            pass
        kind, _, credentials = peer.upgrades[0].headers["authorization"].partition(" ")
    assert kind == "Basic"
    assert base64.b64decode(credentials) == b"user:password"


async def test_no_compression_and_no_subprotocol_is_offered() -> None:
    async with websocket_peer() as peer, PieClient(peer.uri):
        (upgrade,) = peer.upgrades
        assert "sec-websocket-extensions" not in upgrade.headers
        assert "sec-websocket-protocol" not in upgrade.headers


async def test_connecting_sends_no_message_yet() -> None:
    async with websocket_peer() as peer:
        async with PieClient(peer.uri):
            pass
        await peer.all_gone()
        assert peer.requests == []


# ------------------------------------------------------------- proxies


class HttpProxy:
    """A proxy that keeps what it was asked for and leads everything to one server."""

    def __init__(self, target: str) -> None:
        self.asked: list[str] = []
        self._host, _, port = target.removeprefix("ws://").partition(":")
        self._port = int(port)

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        self.asked.append(head.decode())
        far_reader, far_writer = await asyncio.open_connection(self._host, self._port)
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        try:
            await asyncio.gather(pump(reader, far_writer), pump(far_reader, writer))
        finally:
            far_writer.close()


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(1 << 16):
        writer.write(data)
        await writer.drain()
    writer.write_eof()


async def test_loopback_is_never_reached_by_the_systems_proxy(proxied: Callable[[str], None]) -> None:
    """D13."""
    proxied(f"http://127.0.0.1:{free_port()}")
    async with websocket_peer() as peer:
        port = peer.uri.rpartition(":")[2]
        for host in ("127.0.0.1", "localhost"):
            async with PieClient(f"ws://{host}:{port}") as client:
                await client.ping()


async def test_other_hosts_are_reached_by_the_systems_proxy(proxied: Callable[[str], None]) -> None:
    """D13."""
    async with websocket_peer() as peer:
        proxy = HttpProxy(peer.uri)
        async with tcp_peer(proxy.talk) as address:
            proxied(f"http://{address}")
            async with PieClient("ws://pie.invalid:8080") as client:
                await client.ping()
    assert [text.splitlines()[0] for text in proxy.asked] == ["CONNECT pie.invalid:8080 HTTP/1.1"]


async def test_no_proxy_is_used_where_that_is_asked_for(
    proxied: Callable[[str], None], unresolvable: str
) -> None:
    """D13."""
    async with websocket_peer() as peer:
        proxy = HttpProxy(peer.uri)
        async with tcp_peer(proxy.talk) as address:
            proxied(f"http://{address}")
            await refusal(f"ws://{unresolvable}:8080", proxy=False)
    assert proxy.asked == []


async def test_a_proxy_that_is_given_is_used_for_loopback_too(proxied: Callable[[str], None]) -> None:
    """D13."""
    proxied(f"http://127.0.0.1:{free_port()}")
    async with websocket_peer() as peer:
        proxy = HttpProxy(peer.uri)
        async with (
            tcp_peer(proxy.talk) as address,
            PieClient(peer.uri, proxy=f"http://user:{SECRET}@{address}") as client,
        ):
            await client.ping()
    (asked,) = proxy.asked
    assert asked.startswith(f"CONNECT {peer.uri.removeprefix('ws://')} HTTP/1.1\r\n")
    assert base64.b64encode(f"user:{SECRET}".encode()).decode() in asked


async def test_a_proxy_that_refuses_is_named_as_the_one_that_did() -> None:
    async with tcp_peer(sends(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")) as address:
        error = await refusal("ws://pie.invalid:8080", proxy=f"http://user:{SECRET}@{address}")
    assert not isinstance(error, HandshakeError), "the server said nothing"
    assert "407" in str(error)
    assert "proxy" in str(error)


@pytest.mark.parametrize(
    "talk", [sends(b"SSH-2.0-OpenSSH_9.9\r\n"), sends(b"\xff\r\n\r\n", hang_up=True), hangs_up]
)
async def test_a_proxy_that_is_none_is_a_connect_error(talk: Talk) -> None:
    async with tcp_peer(talk) as address:
        await refusal("ws://pie.invalid:8080", proxy=f"http://{address}")


async def test_a_silent_proxy_is_a_timeout() -> None:
    async with tcp_peer(silent) as address:
        error = await refusal("ws://pie.invalid:8080", proxy=f"http://{address}", open_timeout=0.2)
    assert isinstance(error, ConnectTimeoutError)


async def test_a_proxy_that_nobody_runs_is_a_connect_error() -> None:
    await refusal("ws://pie.invalid:8080", proxy=f"http://127.0.0.1:{free_port()}")


@pytest.mark.parametrize(
    "proxy", [f"http://user:{SECRET}@127.0.0.1/path", f"http://{SECRET}@127.0.0.1", "http://127.0.0.1?a=b"]
)
async def test_a_proxy_with_more_than_an_address_is_refused_without_showing_it(proxy: str) -> None:
    with pytest.raises(InvalidArgumentError, match="proxy") as caught:
        await PieClient("ws://pie.invalid:8080", proxy=proxy).connect()
    check_text(caught.value)


@pytest.mark.parametrize(
    "settings", [f"ftp://user:{SECRET}@127.0.0.1", f"http://user:{SECRET}@127.0.0.1:port"]
)
async def test_system_settings_that_name_no_proxy_are_a_connect_error(
    settings: str, proxied: Callable[[str], None]
) -> None:
    proxied(settings)
    error = await refusal("ws://pie.invalid:8080")
    assert "proxy" in str(error)


# ------------------------------------------------------------- a server that answers nothing


async def test_a_ping_that_is_not_answered_ends_with_its_deadline_and_the_connection_goes_on() -> None:
    """D3, D4."""
    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        await client.ping()
        peer.answers[models.PingRequest] = None
        for _ in range(3):
            with pytest.raises(DeadlineError, match=r"ping did not finish within 0\.05 s; ") as caught:
                await client.ping(timeout=0.05)
            check_text(caught.value)
            assert isinstance(caught.value, TimeoutError)
        peer.answers[models.PingRequest] = "Pong"
        # The replies that come too late are for numbers that nobody waits for any more.
        for late in peer.requests_of(models.PingRequest)[1:]:
            await peer.reply(late.corr_id, "Pong")
        await client.ping()


async def test_the_clients_own_timeout_holds_for_calls_that_give_none() -> None:
    """D4."""
    async with websocket_peer() as peer, PieClient(peer.uri, timeout=0.05) as client:
        peer.answers[models.AuthIdentifyRequest] = None
        with pytest.raises(DeadlineError, match=r"0\.05 s"):
            await in_time(client.ping())
        with pytest.raises(DeadlineError, match=r"0\.05 s"):
            await in_time(client.authenticate("alice"))
