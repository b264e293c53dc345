"""Redirects of the opening handshake: followed within the server's origin, refused elsewhere."""

import base64
import itertools
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest

from pie_client import HandshakeError, PieClient
from pie_client.connection.handshake import MAX_REDIRECTS
from tests.connection.helpers import SECRET, failed_connect
from tests.support.peers import sends, tcp_peer, websocket_peer

GIVEN = {"X-Api-Key": SECRET, "Cookie": SECRET, "Proxy-Authorization": SECRET}


@pytest.mark.parametrize(
    ("location", "path"),
    [
        ("/elsewhere", "/elsewhere"),
        ("ws?a=b", "/v1/ws?a=b"),
        ("{peer}/v2/ws", "/v2/ws"),
        ("http://{address}/v2/ws/", "/v2/ws/"),
        ("HTTP://{address}", "/"),
        ("//{address}/x#fragment", "/x"),
        (f"ws://other:{SECRET}@{{address}}/x", "/x"),
    ],
)
async def test_a_redirect_within_the_origin_is_followed_with_headers_and_password(
    location: str, path: str
) -> None:
    async with websocket_peer() as peer:
        address = peer.uri.removeprefix("ws://")
        peer.redirects = iter([[location.format(peer=peer.uri, address=address)]])
        uri = f"ws://user:password@{address}"
        async with PieClient(uri, headers=GIVEN, identity="tenant/user") as client:
            await client.ping()
        first, second = peer.upgrades
    assert second.path == path
    assert second.headers["Authorization"] == "Basic " + base64.b64encode(b"user:password").decode()
    for name in (*GIVEN, "x-pie-identity"):
        assert second.headers[name] == first.headers[name]


@pytest.mark.parametrize(
    "location",
    [
        "ws://127.0.0.1:{other}/v1/ws",
        "http://127.0.0.1:{other}/v1/ws",
        "wss://127.0.0.1:{own}/v1/ws",
        "https://127.0.0.1:{own}/v1/ws",
        "ws://localhost:{own}/v1/ws",
        "//127.0.0.1:{other}/v1/ws",
        f"ws://user:{SECRET}@127.0.0.1:{{other}}/{SECRET}?{SECRET}",
        "ws://127.0.0.1",
    ],
)
async def test_a_redirect_to_another_origin_is_refused_and_nothing_is_sent_there(location: str) -> None:
    reached: list[bytes] = []
    async with websocket_peer() as peer, websocket_peer() as other:
        other.on_data = lambda: reached.append(b"")
        ports = {"own": peer.uri.rpartition(":")[2], "other": other.uri.rpartition(":")[2]}
        target = location.format(**ports)
        peer.redirects = itertools.repeat([target])
        error = await failed_connect(
            peer.uri, headers=GIVEN | {"Authorization": SECRET}, identity="tenant/user"
        )
        assert len(peer.upgrades) == 1
        assert other.upgrades == []
    assert reached == []
    assert isinstance(error, HandshakeError)
    assert error.status == 302
    scheme = "wss" if location.startswith(("wss", "https")) else "ws"
    host = target.partition("//")[2].partition("/")[0].rpartition("@")[2]
    assert f"redirected to another origin, {scheme}://{host}, " in str(error)


async def test_a_redirect_from_tls_to_plain_text_is_refused(
    server_tls: ssl.SSLContext, certificate: Path
) -> None:
    async with websocket_peer(tls=server_tls) as peer, websocket_peer() as plain:
        peer.redirects = itertools.repeat([plain.uri])
        trusting = ssl.create_default_context(cafile=str(certificate))
        error = await failed_connect(peer.uri, ssl=trusting, headers=GIVEN)
        assert plain.upgrades == []
    assert plain.uri in str(error)


@pytest.mark.parametrize(
    "locations",
    [
        ["ws://127.0.0.1:port"],
        ["mailto:x@y"],
        [f"ftp://user:{SECRET}@127.0.0.1/{SECRET}"],
        ["/a b"],
        ["/\xe9"],
        ["/v1/ws", "/v2/ws"],
        ["ws://[::1/"],
    ],
)
async def test_a_redirect_to_an_invalid_uri_is_a_handshake_error(locations: list[str]) -> None:
    async with websocket_peer() as peer:
        peer.redirects = itertools.repeat(locations)
        error = await failed_connect(peer.uri)
        assert len(peer.upgrades) == 1
    assert isinstance(error, HandshakeError)
    assert "redirected to an invalid WebSocket URI" in str(error)


async def test_a_redirect_loop_ends() -> None:
    async with websocket_peer() as peer:
        peer.redirects = itertools.repeat(["/v1/ws"])
        error = await failed_connect(peer.uri)
        assert len(peer.upgrades) == 1 + MAX_REDIRECTS
    assert isinstance(error, HandshakeError)
    assert "redirected more than 10 times" in str(error)


async def test_a_redirect_without_a_location_is_a_refusal() -> None:
    async with websocket_peer() as peer:
        peer.redirects = iter([()])
        error = await failed_connect(peer.uri)
    assert "refused the WebSocket with HTTP 302" in str(error)


async def test_a_proxy_that_redirects_is_a_connect_error(proxied: Callable[[str], None]) -> None:
    async with websocket_peer() as other:
        answer = f"HTTP/1.1 302 Found\r\nLocation: {other.uri}\r\nContent-Length: 0\r\n\r\n"
        async with tcp_peer(sends(answer.encode())) as address:
            proxied(f"http://user:{SECRET}@{address}")
            error = await failed_connect("ws://pie.invalid:8080", headers=GIVEN)
        assert other.upgrades == []
    assert "302" in str(error)
    assert "proxy" in str(error)
