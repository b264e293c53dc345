"""Connecting through a proxy, from the system's settings or from the proxy option."""

import asyncio
import base64
import contextlib
import socket
from collections.abc import AsyncGenerator, Callable
from pathlib import Path

import pytest

from pie_client import (
    ConnectError,
    ConnectTimeoutError,
    HandshakeError,
    InvalidArgumentError,
    PieClient,
)
from tests.connection.helpers import SECRET, check_text, failed_connect
from tests.support.peers import (
    Talk,
    free_port,
    hangs_up,
    sends,
    silent,
    tcp_peer,
    websocket_peer,
)
from tests.support.tools import skip_without


class HttpProxy:
    """A proxy that records requests and forwards all of them to one server."""

    def __init__(self, target: str) -> None:
        self.requests: list[str] = []
        self.target = target
        self._host, _, port = target.partition("://")[2].partition(":")
        self._port = int(port)

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        self.requests.append(head.decode())
        server_reader, server_writer = await asyncio.open_connection(self._host, self._port)
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        try:
            await asyncio.gather(copy(reader, server_writer), copy(server_reader, writer))
        finally:
            server_writer.close()


@contextlib.asynccontextmanager
async def system_proxy(proxied: Callable[[str], None]) -> AsyncGenerator[HttpProxy]:
    """Run a server and a proxy in front of it, and set the system's proxy settings to the proxy."""
    async with websocket_peer() as peer:
        proxy = HttpProxy(peer.uri)
        async with tcp_peer(proxy.talk) as address:
            proxied(f"http://{address}")
            yield proxy


async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(1 << 16):
        writer.write(data)
        await writer.drain()
    if not writer.is_closing():
        writer.write_eof()


async def test_the_systems_proxy_is_not_used_for_loopback(proxied: Callable[[str], None]) -> None:
    """D13."""
    proxied(f"http://127.0.0.1:{free_port()}")
    async with websocket_peer() as peer:
        port = peer.uri.rpartition(":")[2]
        for host in ("127.0.0.1", "localhost"):
            async with PieClient(f"ws://{host}:{port}") as client:
                await client.ping()


@pytest.mark.parametrize(
    "host",
    [
        *("127.1", "127.0.0.1.", "0x7f.1", "0177.0.0.1", "2130706433", "0.0.0.0", "0"),  # noqa: S104 - not bound
        *("[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::1%25lo]", "[::1%lo]"),
        *(
            "localhost.",
            "LocalHost",
            "a.localhost",
            "a.localhost.",
            "\uff11\uff12\uff17.0.0.1",
            "\uff4cocalhost",
        ),
        *("[::127.0.0.1]", "localhost.localdomain", "localhost6", "ip6-localhost", "IP6-loopback."),
        *(socket.gethostname(), socket.gethostname().partition(".")[0].upper()),
    ],
)
async def test_the_systems_proxy_is_never_used_for_this_machine(
    host: str, proxied: Callable[[str], None]
) -> None:
    async with system_proxy(proxied) as proxy:
        client = PieClient(f"ws://{host}:{proxy.target.rpartition(':')[2]}")
        # Not every machine resolves every form.
        with contextlib.suppress(ConnectError):
            await client.connect()
            await client.ping()
        await client.close()
    assert proxy.requests == []


async def test_the_systems_proxy_is_not_used_for_an_address_of_this_machine(
    proxied: Callable[[str], None],
) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as unused:
        try:
            unused.connect(("192.0.2.1", 9))  # nothing is sent
        except OSError:
            skip_without("no route to another machine")
        own = unused.getsockname()[0]
    async with system_proxy(proxied) as proxy:
        # Nothing listens there: the server and the proxy listen on the loopback interface.
        await failed_connect(f"ws://{own}:{proxy.target.rpartition(':')[2]}")
    assert proxy.requests == []


async def test_the_systems_proxy_is_not_used_for_names_of_loopback_in_the_hosts_file(
    proxied: Callable[[str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unresolvable: str
) -> None:
    hosts = tmp_path / "hosts"
    hosts.write_text(f"203.0.113.9 a.pie.invalid\n\n127.0.1.1\tbox {unresolvable.upper()} # b.pie.invalid\n")
    monkeypatch.setattr("pie_client.connection.options.HOSTS_FILE", str(hosts))
    async with system_proxy(proxied) as proxy:
        await failed_connect(f"ws://{unresolvable}:8080")
        assert proxy.requests == []
        for other in ("a.pie.invalid", "b.pie.invalid"):
            async with PieClient(f"ws://{other}:8080") as client:
                await client.ping()
    assert len(proxy.requests) == 2


@pytest.mark.parametrize(
    "host", ["127.0.0.1.pie.invalid", "localhost.invalid", "[::ffff:203.0.113.1]", "[::203.0.113.1]", "10.1"]
)
async def test_the_systems_proxy_is_used_for_hosts_that_look_like_this_machine(
    host: str, proxied: Callable[[str], None]
) -> None:
    async with system_proxy(proxied) as proxy, PieClient(f"ws://{host}:8080") as client:
        await client.ping()
    assert len(proxy.requests) == 1


async def test_the_systems_proxy_is_used_for_other_hosts(proxied: Callable[[str], None]) -> None:
    """D13."""
    async with system_proxy(proxied) as proxy, PieClient("ws://pie.invalid:8080") as client:
        await client.ping()
    assert [text.splitlines()[0] for text in proxy.requests] == ["CONNECT pie.invalid:8080 HTTP/1.1"]


async def test_proxy_false_ignores_the_systems_proxy(
    proxied: Callable[[str], None], unresolvable: str
) -> None:
    """D13."""
    async with system_proxy(proxied) as proxy:
        await failed_connect(f"ws://{unresolvable}:8080", proxy=False)
    assert proxy.requests == []


async def test_an_explicit_proxy_is_used_for_loopback(proxied: Callable[[str], None]) -> None:
    """D13."""
    proxied(f"http://127.0.0.1:{free_port()}")
    async with websocket_peer() as peer:
        proxy = HttpProxy(peer.uri)
        async with (
            tcp_peer(proxy.talk) as address,
            PieClient(peer.uri, proxy=f"http://user:{SECRET}@{address}") as client,
        ):
            await client.ping()
    (request,) = proxy.requests
    assert request.startswith(f"CONNECT {peer.uri.removeprefix('ws://')} HTTP/1.1\r\n")
    assert base64.b64encode(f"user:{SECRET}".encode()).decode() in request


async def test_the_error_of_a_refusing_proxy_names_it() -> None:
    async with tcp_peer(sends(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")) as address:
        error = await failed_connect("ws://pie.invalid:8080", proxy=f"http://user:{SECRET}@{address}")
    assert not isinstance(error, HandshakeError), "the server was not reached"
    assert "407" in str(error)
    assert "proxy" in str(error)


@pytest.mark.parametrize(
    "talk", [sends(b"SSH-2.0-OpenSSH_9.9\r\n"), sends(b"\xff\r\n\r\n", hang_up=True), hangs_up]
)
async def test_a_server_that_is_not_a_proxy_is_a_connect_error(talk: Talk) -> None:
    async with tcp_peer(talk) as address:
        await failed_connect("ws://pie.invalid:8080", proxy=f"http://{address}")


async def test_a_silent_proxy_is_a_timeout() -> None:
    async with tcp_peer(silent) as address:
        error = await failed_connect("ws://pie.invalid:8080", proxy=f"http://{address}", open_timeout=0.2)
    assert isinstance(error, ConnectTimeoutError)


async def test_a_proxy_that_does_not_run_is_a_connect_error() -> None:
    await failed_connect("ws://pie.invalid:8080", proxy=f"http://127.0.0.1:{free_port()}")


@pytest.mark.parametrize(
    "proxy", [f"http://user:{SECRET}@127.0.0.1/path", f"http://{SECRET}@127.0.0.1", "http://127.0.0.1?a=b"]
)
async def test_a_proxy_url_with_a_path_or_user_only_is_rejected(proxy: str) -> None:
    with pytest.raises(InvalidArgumentError, match="proxy") as caught:
        await PieClient("ws://pie.invalid:8080", proxy=proxy).connect()
    check_text(caught.value)


@pytest.mark.parametrize(
    "settings", [f"ftp://user:{SECRET}@127.0.0.1", f"http://user:{SECRET}@127.0.0.1:port"]
)
async def test_invalid_proxy_settings_of_the_system_are_a_connect_error(
    settings: str, proxied: Callable[[str], None]
) -> None:
    proxied(settings)
    error = await failed_connect("ws://pie.invalid:8080")
    assert "proxy" in str(error)
