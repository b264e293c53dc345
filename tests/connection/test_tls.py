"""Whom the client trusts. Nothing is sent to a server with a wrong certificate, and nothing secret to a proxy."""

import asyncio
import datetime as dt
import ssl
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

from pie_client import PieClient, PieConnectionError, Reconnect
from tests.connection.helpers import SECRET, failed_connect
from tests.connection.test_proxies import HttpProxy
from tests.support.certificates import Authority
from tests.support.peers import Peer, in_time, tcp_peer, websocket_peer

GIVEN = {"Authorization": SECRET}


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """An authority that the clients of these tests trust."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def trusting(authority: Authority) -> ssl.SSLContext:
    """TLS settings of a client that trusts the authority."""
    return ssl.create_default_context(cafile=str(authority.path))


def serving(certificate: Path) -> ssl.SSLContext:
    """Return TLS settings of a server with a certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


async def test_a_certificate_of_a_trusted_authority_is_accepted(
    authority: Authority, trusting: ssl.SSLContext
) -> None:
    async with (
        websocket_peer(tls=serving(authority.issue())) as peer,
        PieClient(peer.uri, ssl=trusting) as client,
    ):
        await client.ping()


@pytest.mark.parametrize(
    ("host", "age", "reason"),
    [
        ("127.0.0.2", dt.timedelta(), "IP address mismatch"),
        ("pie.example", dt.timedelta(), "IP address mismatch"),
        ("127.0.0.1", dt.timedelta(days=30), "expired"),
        ("127.0.0.1", dt.timedelta(days=-30), "not yet valid"),
    ],
)
async def test_a_certificate_for_another_host_or_time_is_refused(
    host: str, age: dt.timedelta, reason: str, authority: Authority, trusting: ssl.SSLContext
) -> None:
    async with websocket_peer(tls=serving(authority.issue(host, age=age))) as peer:
        error = await failed_connect(peer.uri, ssl=trusting, headers=GIVEN)
        assert peer.upgrades == []
    assert reason in str(error)


async def test_the_name_of_the_uri_counts_not_where_it_leads(
    authority: Authority, trusting: ssl.SSLContext
) -> None:
    async with websocket_peer(tls=serving(authority.issue())) as peer:
        named = peer.uri.replace("127.0.0.1", "localhost")
        error = await failed_connect(named, ssl=trusting)
        assert peer.upgrades == []
    assert "Hostname mismatch" in str(error)


def up_to_1_1(context: ssl.SSLContext) -> ssl.SSLContext:
    """Restrict TLS settings to versions before 1.2."""
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    return context


async def test_versions_before_1_2_are_refused(authority: Authority, trusting: ssl.SSLContext) -> None:
    async with websocket_peer(tls=up_to_1_1(serving(authority.issue()))) as peer:
        for context in (trusting, None):
            await failed_connect(peer.uri, ssl=context)
        assert peer.upgrades == []
        # They are refused by the client: one that allows them connects.
        async with PieClient(peer.uri, ssl=up_to_1_1(trusting)) as client:
            await client.ping()


async def test_a_proxy_that_answers_for_the_server_is_refused(
    trusting: ssl.SSLContext, tmp_path: Path
) -> None:
    foreign = Authority(tmp_path)
    async with websocket_peer(tls=serving(foreign.issue())) as between:
        proxy = HttpProxy(between.uri.replace("wss", "ws"))
        async with tcp_peer(proxy.talk) as address:
            error = await failed_connect(
                "wss://127.0.0.1:1", ssl=trusting, headers=GIVEN, proxy=f"http://{address}"
            )
        assert len(proxy.requests) == 1
        assert between.upgrades == []
    assert "certificate not trusted" in str(error)


async def test_a_proxy_learns_only_where_the_server_is(
    authority: Authority, trusting: ssl.SSLContext, proxied: Callable[[str], None]
) -> None:
    async with websocket_peer(tls=serving(authority.issue("pie.invalid"))) as peer:
        proxy = HttpProxy(peer.uri.replace("wss", "ws"))
        async with tcp_peer(proxy.talk) as address:
            proxied(f"http://user:password@{address}")
            uri = f"wss://user:{SECRET}@pie.invalid:8080/{SECRET}?{SECRET}"
            headers = {"X-Api-Key": SECRET, "Cookie": SECRET}
            async with PieClient(uri, ssl=trusting, headers=headers, identity=SECRET) as client:
                await client.ping()
        (request,) = proxy.requests
        (upgrade,) = peer.upgrades
    names = {line.partition(":")[0].lower() for line in request.splitlines()[1:] if line}
    assert names == {"host", "user-agent", "proxy-authorization"}
    assert SECRET not in request
    assert "Proxy-Authorization" not in upgrade.headers
    assert upgrade.headers["X-Api-Key"] == SECRET


async def test_the_certificate_is_checked_again_when_the_connection_is_restored(
    authority: Authority, trusting: ssl.SSLContext, tmp_path: Path
) -> None:
    tls = serving(authority.issue())
    policy = Reconnect(attempts=2, first_delay=0.01, max_delay=0.01)
    async with websocket_peer(tls=tls) as peer:
        async with PieClient(peer.uri, ssl=trusting, headers=GIVEN, reconnect=policy) as client:
            await client.ping()
            tls.load_cert_chain(Authority(tmp_path).issue())  # another server at the same address
            await lose(peer)
            with pytest.raises(PieConnectionError, match="certificate not trusted"):
                await in_time(client.ping())
        assert len(peer.upgrades) == 1


async def lose(peer: Peer) -> None:
    """Lose the connection of the client."""
    peer.hang_up()
    await peer.all_gone()
    await asyncio.sleep(0)


async def test_cookies_are_not_kept() -> None:
    heads: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(
            b"HTTP/1.1 302 Found\r\nLocation: /again\r\nSet-Cookie: a=b; Path=/\r\nContent-Length: 0\r\n\r\n"
        )
        await reader.read()

    async with tcp_peer(talk) as address:
        await failed_connect(f"ws://{address}")
    assert len(heads) > 1
    assert not any(b"cookie" in head.lower() for head in heads)
