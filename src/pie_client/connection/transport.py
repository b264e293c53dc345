"""A WebSocket connection. The only module that knows the WebSocket library, and where its errors become ours."""

import asyncio
import ipaddress
import re
import ssl as ssl_module
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import (
    ConnectionClosed,
    InvalidHandshake,
    InvalidMessage,
    InvalidProxy,
    InvalidStatus,
    InvalidURI,
    ProxyError,
)
from websockets.uri import parse_uri as parse_websocket_uri

from pie_client._generated.families import ENDPOINT_PATH, IDENTITY_HEADERS
from pie_client.errors import (
    ConnectError,
    ConnectionLostError,
    ConnectTimeoutError,
    HandshakeError,
    InvalidArgumentError,
    PieError,
    one_line,
)

CLOSE_TIMEOUT = 1.0
"""Seconds to wait for the answer to a close: 0.3/0.4 servers owe it until their next write, which may never come."""
BODY_CHARACTERS = 200
"""How much of the body of an HTTP refusal goes into the error."""
HEADER_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
"""A field name of RFC 9110, section 5.1."""
MESSAGE_TOO_BIG = 1009
"""Close code of RFC 6455, section 7.4.1."""
PROXY_SCHEMES = ("http", "https", "socks5h", "socks5", "socks4a", "socks4")
UNAUTHORIZED = 401
NOT_FOUND = 404


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How to connect; see PieClient for the meaning of each."""

    identity: str
    open_timeout: float
    ssl: ssl_module.SSLContext | None
    headers: Mapping[str, str]
    proxy: str | bool
    max_message_size: int


class Transport:
    """An open WebSocket."""

    def __init__(self, socket: ClientConnection, address: str, max_message_size: int) -> None:
        self._socket = socket
        self._max_message_size = max_message_size
        self.address = address
        """Where it leads, for error texts: without credentials, path and query."""

    async def send(self, frame: bytes) -> None:
        """Send a binary frame, waiting while the peer reads too slowly. Raises ConnectionLostError."""
        try:
            await self._socket.send(frame)
        except ConnectionClosed as error:
            raise self._connection_lost(error) from error

    async def receive(self) -> bytes | str:
        """Give the next frame. Raises ConnectionLostError."""
        try:
            return await self._socket.recv()
        except ConnectionClosed as error:
            raise self._connection_lost(error) from error

    async def ping(self, timeout: float) -> bool:
        """Send a WebSocket ping and tell whether its pong came in time: it measures the link, not the server's session.

        Raises ConnectionLostError.
        """
        try:
            async with asyncio.timeout(timeout):
                pong = asyncio.ensure_future(await self._socket.ping())
            # Not a timeout around it: after the event loop was blocked, pong and deadline are due at once.
            await asyncio.wait([pong], timeout=timeout)
            if pong.done():
                await pong
        except TimeoutError:
            return False
        except ConnectionClosed as error:
            raise self._connection_lost(error) from error
        return pong.done()

    async def close(self) -> None:
        """Close within about a second, whether the server answers, or even reads, or not."""
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT):
                await self._socket.close()
        except TimeoutError:
            self.abort()
            await self._socket.wait_closed()
        finally:
            self.abort()

    def abort(self) -> None:
        """Drop the connection without a word."""
        self._socket.transport.abort()

    def _connection_lost(self, error: ConnectionClosed) -> ConnectionLostError:
        if error.sent is not None and error.sent.code == MESSAGE_TOO_BIG and not error.rcvd_then_sent:
            return ConnectionLostError(
                f"connection to {self.address} closed: a message is larger than max_message_size={self._max_message_size} bytes; raise it"
            )
        if error.rcvd is not None:
            reason = f" ({one_line(error.rcvd.reason)})" if error.rcvd.reason else ""
            return ConnectionLostError(
                f"connection to {self.address} closed by the server with code {int(error.rcvd.code)}{reason}; connect again"
            )
        return ConnectionLostError(
            f"connection to {self.address} lost without a close frame; check the server, then connect again"
        )


def parse_uri(uri: object) -> SplitResult:
    """Check a server's URI and complete its path. Raises InvalidArgumentError, which shows no credentials."""
    advice = "write it like ws://127.0.0.1:8080"
    if not isinstance(uri, str):
        raise InvalidArgumentError(f"server_uri is not text but {type(uri).__name__}; {advice}")
    if any(c.isspace() or not c.isprintable() for c in uri):
        raise InvalidArgumentError(f"server_uri has spaces or control characters in it; {advice}")
    try:
        parts = urlsplit(uri)
        address = _address(parts)
        host = parts.hostname or ""
        host.encode("idna")  # as resolving it will do
    except ValueError:
        raise InvalidArgumentError(
            f"server_uri is not a URI, or its host or port is none; {advice}"
        ) from None
    if parts.scheme not in ("ws", "wss") or not host or parts.port == 0:
        shown = f" {address}" if parts.scheme and host else ""
        raise InvalidArgumentError(f"server_uri{shown} is not a WebSocket URI; {advice}")
    if parts.fragment:
        raise InvalidArgumentError(
            f"server_uri {address} has a fragment, which no server would see; leave it out"
        )
    try:
        parse_websocket_uri(uri)
        for credential in (parts.username, parts.password):
            unquote(credential or "", errors="strict")
    except (InvalidURI, ValueError):
        raise InvalidArgumentError(
            f"server_uri {address} has a user without a password, or undecodable ones; write them like ws://user:password@host, percent-encoded"
        ) from None
    return parts._replace(path=ENDPOINT_PATH) if parts.path in ("", "/") else parts


def check_options(parts: SplitResult, options: Options) -> Options:
    """Check how to connect, as far as it shows before. Raises InvalidArgumentError, which shows no credentials."""
    if not is_identity(options.identity):
        raise InvalidArgumentError(
            f"identity {options.identity!r} can't be sent; write tenant/user or user in printable ASCII"
        )
    if options.ssl is not None and parts.scheme != "wss":
        raise InvalidArgumentError(f"ssl can't be used with {_address(parts)}; write wss:// or leave ssl out")
    for name, value in options.headers.items():
        if not (is_printable(name) and is_printable(value) and HEADER_NAME.fullmatch(name)):
            raise InvalidArgumentError(
                f"headers[{name!r}] can't be sent; its name has to be a token and its value text without control characters"
            )
    if isinstance(options.proxy, str):
        try:
            proxy = urlsplit(options.proxy)
            usable = proxy.scheme in PROXY_SCHEMES and bool(proxy.hostname) and proxy.port != 0
        except ValueError:
            usable = False
        if not usable:
            raise _bad_proxy()
    return options


def as_headers(headers: object) -> dict[str, str]:
    """Copy headers; what is in them is checked with the other options. Raises InvalidArgumentError."""
    if headers is None:
        return {}
    if not isinstance(headers, Mapping):
        raise InvalidArgumentError("headers are not a mapping; write them as {name: value}")
    return dict(cast("Mapping[str, str]", headers))


def is_printable(value: object) -> bool:
    """Tell whether something is text that fits on a line."""
    return isinstance(value, str) and value.isprintable()


def is_identity(identity: object) -> bool:
    """Tell whether servers take something as tenant and user: printable ASCII with a user in it."""
    if not isinstance(identity, str) or not (identity.isascii() and identity.isprintable()):
        return False
    return bool(identity.partition("/")[2 if "/" in identity else 0].strip())


async def open_transport(parts: SplitResult, options: Options) -> Transport:
    """Connect. Raises ConnectError: ConnectTimeoutError after ``open_timeout``, HandshakeError for what is no WebSocket."""
    address = _address(parts)
    proxy: str | bool | None = options.proxy
    if proxy is False or (proxy is True and is_loopback(parts.hostname or "")):
        proxy = None
    given = {name.lower() for name in options.headers}
    headers = {name: options.identity for name in IDENTITY_HEADERS if name not in given} | dict(
        options.headers
    )
    # Given as None, it would forbid wss://.
    tls: dict[str, Any] = {} if options.ssl is None else {"ssl": options.ssl}
    try:
        socket = await connect(
            urlunsplit(parts),
            additional_headers=headers,
            compression=None,
            open_timeout=options.open_timeout,
            close_timeout=CLOSE_TIMEOUT,
            ping_interval=None,
            max_size=options.max_message_size,
            proxy=proxy,
            **tls,
        )
    except InvalidStatus as error:
        raise _refused_upgrade(address, error) from error
    except TimeoutError as error:
        raise ConnectTimeoutError(
            f"{address} did not complete the opening handshake within {options.open_timeout:g} s; check that a Pie server listens there, or raise open_timeout"
        ) from error
    except ProxyError as error:
        raise ConnectError(
            f"could not connect to {address}: {one_line(str(error))}; check proxy= or the system's proxy settings"
        ) from error
    except ImportError as error:
        raise ConnectError(
            f"could not connect to {address}: {one_line(str(error))}; install it, or pass proxy=False"
        ) from error
    except (InvalidMessage, EOFError, ConnectionResetError, BrokenPipeError) as error:
        tls_hint = " with TLS" if parts.scheme == "wss" else ""
        raise HandshakeError(
            f"{address} does not speak WebSocket{tls_hint}; check the address, and whether it is ws:// or wss://"
        ) from error
    except InvalidHandshake as error:
        raise HandshakeError(
            f"{address} answered the opening handshake wrongly ({one_line(str(error))}); check the address"
        ) from error
    except ssl_module.SSLCertVerificationError as error:
        raise ConnectError(
            f"could not connect to {address}: its certificate is not trusted ({one_line(error.verify_message)}); pass ssl= with a context that trusts it"
        ) from error
    except ssl_module.SSLError as error:
        raise ConnectError(
            f"could not connect to {address}: TLS failed ({one_line(error.reason or str(error))}); check whether it is ws:// or wss://, or pass ssl="
        ) from error
    except OSError as error:
        refused = isinstance(error, ConnectionRefusedError)
        reason = "connection refused" if refused else one_line(error.strerror or str(error))
        raise ConnectError(
            f"could not connect to {address}: {reason}; check the address and that the server runs"
        ) from error
    except (InvalidURI, InvalidProxy, ValueError) as error:
        # Of these the library's texts have credentials in them, so that they are not chained.
        raise _unusable_address(address, error, proxy) from None
    return Transport(socket, address, options.max_message_size)


def _unusable_address(address: str, error: Exception, proxy: str | bool | None) -> PieError:
    """Tell of an address that turned up on the way; the server's own was checked before."""
    if isinstance(error, InvalidProxy) and isinstance(proxy, str):
        return _bad_proxy()
    if not isinstance(error, InvalidURI) and proxy is True:
        return ConnectError(
            f"could not connect to {address}: the system's proxy settings, or a redirect, name no usable address; pass proxy=, or check the server's address"
        )
    return HandshakeError(
        f"{address} redirected the opening handshake to what is no WebSocket URI; check the address"
    )


def _bad_proxy() -> InvalidArgumentError:
    return InvalidArgumentError("proxy is not the URL of a proxy; write it like http://127.0.0.1:3128")


def _refused_upgrade(address: str, error: InvalidStatus) -> HandshakeError:
    status = error.response.status_code
    body = one_line((error.response.body or b"").decode("utf-8", errors="replace"))[:BODY_CHARACTERS]
    advice = {
        UNAUTHORIZED: "pass the identity= or headers= that it asks for",
        NOT_FOUND: f"no WebSocket is at that path: leave the path out, or use {ENDPOINT_PATH}",
    }.get(status, "check the address, and any proxy on the way")
    said = f" ({body})" if body else ""
    return HandshakeError(
        f"{address} refused the WebSocket with HTTP {status}{said}; {advice}", status=status, body=body
    )


def _address(parts: SplitResult) -> str:
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{host}" + (f":{parts.port}" if parts.port is not None else "")


def is_loopback(host: str) -> bool:
    """Whether a host is this machine, whatever its proxy settings say."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
