"""Opening a WebSocket: unreachable servers, refused handshakes, redirects, TLS, and what the handshake carries."""

import asyncio
import base64
import math
import ssl
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest

from pie_client import (
    ConnectTimeoutError,
    HandshakeError,
    NotConnectedError,
    PieClient,
    Reconnect,
)
from pie_client.connection.handshake import InformationalResponses
from tests.connection.helpers import SECRET, failed_connect
from tests.support.peers import (
    SilentWebSocket,
    Talk,
    free_port,
    hangs_up,
    in_time,
    resets,
    sends,
    silent,
    tcp_peer,
    websocket_peer,
)


async def test_a_port_without_a_listener_is_a_connect_error() -> None:
    error = await failed_connect(f"ws://127.0.0.1:{free_port()}")
    assert "refused" in str(error)
    assert not isinstance(error, HandshakeError)
    assert isinstance(error.__cause__, ConnectionRefusedError)


async def test_errors_do_not_show_credentials_path_and_query() -> None:
    await failed_connect(f"ws://user:{SECRET}@127.0.0.1:{free_port()}/{SECRET}?token={SECRET}")


async def test_a_host_that_does_not_resolve_is_a_connect_error(unresolvable: str) -> None:
    error = await failed_connect(f"ws://{unresolvable}:8080", proxy=False)
    assert "Name or service not known" in str(error)


OTHER_SERVERS = {
    "SSH": sends(b"SSH-2.0-OpenSSH_9.9\r\n"),
    "SMTP": sends(b"220 mail.example.org ESMTP\r\n"),
    "binary data": sends(bytes(range(128, 256)) * 4 + b"\r\n\r\n"),
    "an upgrade without a protocol": sends(b"HTTP/1.1 101 Switching Protocols\r\n\r\n"),
    "an upgrade to another protocol": sends(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n"
    ),
    "an upgrade with a wrong key": sends(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: nonsense\r\n\r\n"
    ),
    "an upgrade with a secret in a header": sends(
        f"HTTP/1.1 101 Switching Protocols\r\nUpgrade: {SECRET}\r\nConnection: Upgrade\r\n\r\n".encode()
    ),
    "an endless header": sends(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n"),
}


@pytest.mark.parametrize("what", OTHER_SERVERS)
async def test_a_server_without_websocket_is_a_handshake_error(what: str) -> None:
    async with tcp_peer(OTHER_SERVERS[what]) as address:
        error = await failed_connect(f"ws://{address}")
    assert isinstance(error, HandshakeError)
    assert error.status is None


CLOSING: dict[str, Talk] = {
    "at once": hangs_up,
    "with a reset": resets,
    "after half a handshake": sends(b"HTTP/1.1 101 Switching Protocols\r\nUpgr", hang_up=True),
    "after binary data": sends(bytes(range(128, 256)) * 4, hang_up=True),
}


@pytest.mark.parametrize(("scheme", "when"), [*(("ws", when) for when in CLOSING), ("wss", "with a reset")])
async def test_a_server_that_closes_during_the_handshake_is_a_connect_error(scheme: str, when: str) -> None:
    """A server that was just killed or starts resets connections; it may speak WebSocket."""
    async with tcp_peer(CLOSING[when]) as address:
        error = await failed_connect(f"{scheme}://{address}")
    assert not isinstance(error, HandshakeError)
    assert "closed the connection during the opening handshake" in str(error)


TOO_LONG = {
    "a header of 9 kB": (b"X: " + b"x" * 9000 + b"\r\n", ("8192 bytes", "line too long")),
    "150 headers": (b"X: x\r\n" * 150, ("128 headers", "too many HTTP headers")),
}


@pytest.mark.parametrize("what", TOO_LONG)
async def test_a_handshake_that_exceeds_a_limit_is_an_error_that_names_the_limit(what: str) -> None:
    headers, limits = TOO_LONG[what]  # the text depends on the library's release
    async with tcp_peer(SilentWebSocket(headers=headers).talk) as address:
        error = await failed_connect(f"ws://{address}")
    assert isinstance(error, HandshakeError)
    assert any(limit in str(error) for limit in limits)


LIMITS = {
    "a header of 9 kB": (TOO_LONG["a header of 9 kB"][0] + b"\r\n", "exceeds a limit"),
    "a header of 2 MB without an end": (b"X: " + b"x" * 2_000_000, "exceeds a limit"),
    "150 headers": (TOO_LONG["150 headers"][0] + b"\r\n", "exceeds a limit"),
    "a line that is no header": (b"nonsense\r\n\r\n", "does not speak WebSocket"),
}


@pytest.mark.parametrize("what", LIMITS)
async def test_an_unusable_handshake_fails_at_once_and_finally_although_the_server_stays_connected(
    what: str,
) -> None:
    sent, text = LIMITS[what]

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\n" + sent)
        await asyncio.Event().wait()

    async with tcp_peer(talk) as address:
        error = await failed_connect(f"ws://{address}", open_timeout=math.inf)
    assert isinstance(error, HandshakeError)
    assert text in str(error)
    assert not Reconnect.is_transient(error)


HINT = b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n"


@pytest.mark.parametrize("before", [HINT, b"HTTP/1.1 100 Continue\r\n\r\n", HINT * 100])
async def test_informational_responses_before_the_handshake_are_skipped(before: bytes) -> None:
    async with (
        tcp_peer(SilentWebSocket(before=before).talk) as address,
        PieClient(f"ws://{address}") as client,
    ):
        assert client.connected


async def test_endless_informational_responses_are_refused() -> None:
    async with tcp_peer(SilentWebSocket(before=HINT * 2000).talk) as address:
        error = await failed_connect(f"ws://{address}", open_timeout=math.inf)
    assert "HTTP 103" in str(error)


@pytest.mark.parametrize(
    "final", [b"HTTP/1.1 101 Switching Protocols\r\n", b"HTTP/1.1 200 OK\r\n", b"SSH-2.0"]
)
def test_informational_responses_are_skipped_however_they_arrive(final: bytes) -> None:
    data = HINT * 2 + final
    for size in range(1, len(data)):
        responses = InformationalResponses()
        rest = b""
        for start in range(0, len(data), size):
            piece = data[start : start + size]
            rest = rest + piece if rest else responses.skip(piece) or b""
        assert rest == final


SILENT: dict[str, Talk] = {
    "nothing": silent,
    "half a handshake": sends(b"HTTP/1.1 101 Switching Protocols\r\nUpgr"),
    "binary data without a line": sends(bytes(range(128, 256))),
    "an endless body": sends(b"HTTP/1.1 200 OK\r\n\r\nhello"),
}


@pytest.mark.parametrize(("scheme", "what"), [*(("ws", what) for what in SILENT), ("wss", "nothing")])
async def test_an_incomplete_handshake_times_out(scheme: str, what: str) -> None:
    """D4."""
    async with tcp_peer(SILENT[what]) as address:
        error = await failed_connect(f"{scheme}://{address}", open_timeout=0.2)
    assert isinstance(error, ConnectTimeoutError)
    assert isinstance(error, TimeoutError)
    assert "0.2 s" in str(error)


async def test_the_client_can_connect_after_a_cancelled_attempt() -> None:
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


async def test_the_client_can_connect_after_failed_attempts() -> None:
    async with websocket_peer() as peer:
        peer.refuse_upgrade = (HTTPStatus.SERVICE_UNAVAILABLE, "starting")
        client = PieClient(peer.uri)
        for _ in range(2):
            with pytest.raises(HandshakeError, match="503"):
                await in_time(client.connect())
        peer.refuse_upgrade = None
        async with client:
            await client.ping()


@pytest.mark.parametrize("status", [200, 400, 401, 403, 404, 426, 429, 500, 502, 503])
async def test_an_http_error_is_a_handshake_error_with_status_and_body(status: int) -> None:
    """D8."""
    async with websocket_peer() as peer:
        peer.refuse_upgrade = (HTTPStatus(status), "the reason,\r\n\r\n  on lines\n")
        error = await failed_connect(peer.uri)
    assert isinstance(error, HandshakeError)
    assert error.status == status
    assert f"HTTP {status}" in str(error)
    assert error.body == "the reason, / on lines"
    assert error.body in str(error)


async def test_status_401_advises_to_pass_an_identity() -> None:
    """D8."""
    async with websocket_peer("0.5") as peer:
        body = "identity: missing `x-pie-identity` (edge must inject verified identity)"
        peer.refuse_upgrade = (HTTPStatus.UNAUTHORIZED, body)
        error = await failed_connect(peer.uri)
    assert "pass the identity=" in str(error)
    assert body in str(error)


async def test_status_404_advises_another_path() -> None:
    async with websocket_peer("0.5") as peer:
        peer.refuse_upgrade = (HTTPStatus.NOT_FOUND, "")
        error = await failed_connect(f"{peer.uri}/ws")
    assert "/v1/ws" in str(error)


async def test_a_long_body_is_cut_and_made_printable() -> None:
    async with websocket_peer() as peer:
        peer.refuse_upgrade = (HTTPStatus.BAD_GATEWAY, "<html>\x1b[31m\x00\x7f" + "x" * 100_000)
        error = await failed_connect(peer.uri)
    assert isinstance(error, HandshakeError)
    assert len(str(error)) < 500
    assert error.body.startswith("<html>")


async def test_a_body_that_is_not_utf8_is_shown_with_replacements() -> None:
    answer = b"HTTP/1.1 500 Oops\r\nContent-Length: 7\r\n\r\noops \xff\xfe"
    async with tcp_peer(sends(answer)) as address:
        error = await failed_connect(f"ws://{address}")
    assert isinstance(error, HandshakeError)
    assert error.status == 500
    assert error.body.startswith("oops")


async def test_a_tls_server_is_reached_with_a_context_that_trusts_it(
    server_tls: ssl.SSLContext, certificate: Path
) -> None:
    """D13."""
    async with websocket_peer(tls=server_tls) as peer:
        trusting = ssl.create_default_context(cafile=str(certificate))
        async with PieClient(peer.uri, ssl=trusting) as client:
            await client.ping()
        assert peer.uri.startswith("wss://")


async def test_an_untrusted_certificate_is_a_connect_error(server_tls: ssl.SSLContext) -> None:
    async with websocket_peer(tls=server_tls) as peer:
        error = await failed_connect(peer.uri)
    assert "certificate not trusted" in str(error)
    assert "ssl=" in str(error)


async def test_ws_to_a_tls_server_advises_wss(server_tls: ssl.SSLContext) -> None:
    async with websocket_peer(tls=server_tls) as peer:
        error = await failed_connect(peer.uri.replace("wss://", "ws://"))
    assert "wss://" in str(error)


@pytest.mark.parametrize("what", ["a WebSocket server", "SSH"])
async def test_wss_to_a_server_without_tls_is_a_connect_error(what: str) -> None:
    async with websocket_peer() as peer, tcp_peer(OTHER_SERVERS["SSH"]) as address:
        plain = peer.uri.removeprefix("ws://") if what == "a WebSocket server" else address
        error = await failed_connect(f"wss://{plain}")
    assert "ws://" in str(error)


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
async def test_a_uri_without_a_path_gets_the_default_path(given: str, sent: str) -> None:
    """D15."""
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
async def test_the_handshake_has_one_identity_header(options: dict[str, Any], sent: str) -> None:
    async with websocket_peer() as peer, PieClient(peer.uri, **options):
        (upgrade,) = peer.upgrades
        assert upgrade.headers.get_all("x-pie-identity") == [sent]


async def test_extra_headers_are_sent() -> None:
    """D13."""
    async with websocket_peer() as peer, PieClient(peer.uri, headers={"x-trace": "abc", "cookie": "a=b"}):
        (upgrade,) = peer.upgrades
        assert upgrade.headers["x-trace"] == "abc"
        assert upgrade.headers["cookie"] == "a=b"


async def test_user_and_password_of_the_uri_are_sent_as_basic_authorization() -> None:
    async with websocket_peer() as peer:
        async with PieClient(peer.uri.replace("ws://", "ws://user:password@")):
            pass
        kind, _, credentials = peer.upgrades[0].headers["authorization"].partition(" ")
    assert kind == "Basic"
    assert base64.b64decode(credentials) == b"user:password"


async def test_the_handshake_offers_no_compression_and_no_subprotocol() -> None:
    async with websocket_peer() as peer, PieClient(peer.uri):
        (upgrade,) = peer.upgrades
        assert "sec-websocket-extensions" not in upgrade.headers
        assert "sec-websocket-protocol" not in upgrade.headers


async def test_connecting_sends_no_message() -> None:
    async with websocket_peer() as peer:
        async with PieClient(peer.uri):
            pass
        await peer.all_gone()
        assert peer.requests == []
