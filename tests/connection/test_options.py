"""Options and URIs that the client rejects before it connects."""

import math
import ssl
from pathlib import Path
from typing import Any

import pytest

from pie_client import (
    InvalidArgumentError,
    PieClient,
)
from tests.connection.helpers import SECRET, check_text
from tests.support.peers import (
    websocket_peer,
)


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
def test_an_invalid_server_uri_is_rejected(uri: object) -> None:
    with pytest.raises(InvalidArgumentError, match="server_uri") as caught:
        PieClient(uri)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - the mistake
    check_text(caught.value)
    assert isinstance(caught.value, ValueError)


def test_the_error_shows_the_address_without_credentials() -> None:
    with pytest.raises(
        InvalidArgumentError, match=r"'http://example\.org:81' does not start with ws://"
    ) as caught:
        PieClient(f"http://user:{SECRET}@example.org:81/{SECRET}?token={SECRET}")
    check_text(caught.value)


INVALID_DURATIONS = [0, 0.0, -1, -math.inf, math.nan, "1", None, [1]]


@pytest.mark.parametrize("name", ["timeout", "open_timeout", "ping_interval", "ping_timeout"])
def test_an_invalid_duration_is_rejected(name: str) -> None:
    for value in INVALID_DURATIONS:
        options: dict[str, Any] = {name: value}
        if name == "timeout" and value is None:  # the default
            PieClient("ws://127.0.0.1", **options)
            continue
        with pytest.raises(InvalidArgumentError, match=f"^invalid {name}=") as caught:
            PieClient("ws://127.0.0.1", **options)
        check_text(caught.value, repr(value))


async def test_a_call_with_an_invalid_timeout_sends_nothing() -> None:
    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        for value in INVALID_DURATIONS:
            options: dict[str, Any] = {"timeout": value}
            if value is not None:  # the default
                with pytest.raises(InvalidArgumentError, match=r"^invalid timeout=") as caught:
                    await client.ping(**options)
                check_text(caught.value)
        assert peer.requests == []
        await client.ping()


@pytest.mark.parametrize(("name", "more"), [("max_message_size", [None]), ("max_buffered", [])])
def test_an_invalid_size_is_rejected(name: str, more: list[object]) -> None:
    for value in (0, -1, 0.5, math.nan, math.inf, "1", *more):
        options: dict[str, Any] = {name: value}
        with pytest.raises(InvalidArgumentError, match=f"^invalid {name}=") as caught:
            PieClient("ws://127.0.0.1", **options)
        check_text(caught.value, repr(value))


@pytest.mark.parametrize(
    "identity", ["ünï/cödé", "tenant/ü", "a/", "/", "a/ ", "", " ", "a\r\nb", "a\x00", b"a", 5], ids=repr
)
def test_an_invalid_identity_is_rejected(identity: Any) -> None:  # noqa: ANN401 - the mistake
    with pytest.raises(InvalidArgumentError, match="identity") as caught:
        PieClient("ws://127.0.0.1", identity=identity)
    check_text(caught.value)


@pytest.mark.parametrize("username", ["a\r\nb", "a\x00", b"a", 5], ids=repr)
def test_an_invalid_username_is_rejected(username: Any) -> None:  # noqa: ANN401 - the mistake
    with pytest.raises(InvalidArgumentError, match="username") as caught:
        PieClient("ws://127.0.0.1", username=username)
    check_text(caught.value)


@pytest.mark.parametrize(
    "headers",
    [
        {"x": f"{SECRET}\r\nx-other: y"},
        {"x": f"{SECRET}\x00"},
        {"x": f"Bearer {SECRET}-日"},
        {"x": f"Bearer {SECRET}-é"},
        {"x": f"{SECRET}\ud800"},
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
def test_invalid_headers_are_rejected_without_showing_them(headers: Any) -> None:  # noqa: ANN401 - the mistake
    with pytest.raises(InvalidArgumentError, match="header") as caught:
        PieClient("ws://127.0.0.1", headers=headers)
    check_text(caught.value)


async def test_a_header_value_may_be_any_printable_ascii_text() -> None:
    async with websocket_peer() as peer, PieClient(peer.uri, headers={"x-name": "~ !", "x-empty": ""}):
        (upgrade,) = peer.upgrades
        assert upgrade.headers["x-name"] == "~ !"
        assert upgrade.headers["x-empty"] == ""


@pytest.mark.parametrize("context", [True, False, SECRET, 5], ids=repr)
def test_tls_settings_of_another_type_are_rejected(context: Any) -> None:  # noqa: ANN401 - the mistake
    with pytest.raises(
        InvalidArgumentError, match=f"^ssl is {type(context).__name__}, not SSLContext"
    ) as caught:
        PieClient("wss://127.0.0.1", ssl=context)
    check_text(caught.value)


@pytest.mark.parametrize("proxy", [None, 5, SECRET.encode()], ids=repr)
def test_a_proxy_of_another_type_is_rejected(proxy: Any) -> None:  # noqa: ANN401 - the mistake
    with pytest.raises(
        InvalidArgumentError, match=f"^proxy is {type(proxy).__name__}, not str or bool"
    ) as caught:
        PieClient("ws://127.0.0.1", proxy=proxy)
    check_text(caught.value)


def test_tls_settings_are_rejected_without_wss() -> None:
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
        f"http://user:{SECRET}@nul\0:3128",
        f"http://user:{SECRET}@lone\ud83e:3128",
    ],
)
def test_an_invalid_proxy_url_is_rejected_without_showing_it(proxy: str) -> None:
    with pytest.raises(InvalidArgumentError, match="proxy") as caught:
        PieClient("ws://example.invalid", proxy=proxy)
    check_text(caught.value)


async def test_timeouts_can_be_infinite() -> None:
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
