"""Open and use a WebSocket. The only module that uses the WebSocket library.

Sends and receives frames without parsing them. All failures are raised as errors of this package, without credentials in
their texts. The caller handles keep-alive, flow control and reconnecting.
"""

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
    InvalidHeader,
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
"""Seconds to wait for the close frame of the server: 0.3 and 0.4 servers may not send it until their next message."""
BODY_CHARACTERS = 200
"""Characters of an HTTP error's body shown in the error."""
HEADER_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
"""Field name, RFC 9110, section 5.1."""
MESSAGE_TOO_BIG = 1009
"""Close code, RFC 6455, section 7.4.1."""
PROXY_SCHEMES = ("http", "https", "socks5h", "socks5", "socks4a", "socks4")
URI_CHARACTERS = 100
"""Characters of an invalid URI shown in the error."""
UNAUTHORIZED = 401
NOT_FOUND = 404


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Options of the opening handshake; see :class:`~pie_client.PieClient`."""

    identity: str
    open_timeout: float
    ssl: ssl_module.SSLContext | None
    headers: Mapping[str, str]
    proxy: str | bool
    max_message_size: int


class Transport:
    """An open WebSocket.

    Attributes:
        address: Scheme, host and port, for error texts: without credentials, path and query.
    """

    def __init__(self, socket: ClientConnection, address: str, max_message_size: int) -> None:
        self._socket = socket
        self._max_message_size = max_message_size
        self.address = address

    async def send(self, frame: bytes) -> None:
        """Send a binary frame; waits while the write buffer is full. Raises ConnectionLostError."""
        try:
            await self._socket.send(frame)
        except ConnectionClosed as error:
            raise self._connection_lost(error) from error

    async def receive(self) -> bytes | str:
        """Return the next message: bytes for a binary one, str for text. Raises ConnectionLostError."""
        try:
            return await self._socket.recv()
        except ConnectionClosed as error:
            raise self._connection_lost(error) from error

    async def ping(self, timeout: float) -> bool:
        """Send a WebSocket ping. Returns whether its pong arrived within ``timeout`` seconds.

        Raises ConnectionLostError. It checks the network, not the server's session.
        """
        try:
            async with asyncio.timeout(timeout):
                pong = asyncio.ensure_future(await self._socket.ping())
            # asyncio.wait, not timeout(): if the event loop was blocked, pong and deadline are due together, and a
            # timeout would win over the pong.
            await asyncio.wait([pong], timeout=timeout)
            if pong.done():
                await pong
        except TimeoutError:
            return False
        except ConnectionClosed as error:
            raise self._connection_lost(error) from error
        return pong.done()

    async def close(self) -> None:
        """Close the WebSocket within about a second, even if the server does not read or answer."""
        # The library bounds the wait for the close frame, but not that for a full write buffer.
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT):
                await self._socket.close()
        except TimeoutError:
            self.abort()
            await self._socket.wait_closed()
        finally:
            self.abort()

    def abort(self) -> None:
        """Close the TCP connection immediately, without a close frame."""
        self._socket.transport.abort()

    def _connection_lost(self, error: ConnectionClosed) -> ConnectionLostError:
        # The library closes with 1009 when a message is too large; a 1009 sent in reply is the server's.
        if error.sent is not None and error.sent.code == MESSAGE_TOO_BIG and not error.rcvd_then_sent:
            return ConnectionLostError(
                f"connection to {self.address} closed: a message exceeds max_message_size={self._max_message_size} bytes; raise it"
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
    """Split a server's URI and complete its path. Raises InvalidArgumentError, whose text shows no credentials."""
    advice = "write it like ws://127.0.0.1:8080"
    if not isinstance(uri, str):
        raise InvalidArgumentError(f"server_uri must be a str, not {type(uri).__name__}; {advice}")
    if any(c.isspace() or not c.isprintable() for c in uri):
        raise InvalidArgumentError(f"server_uri has white space or control characters; {advice}")
    shown = _without_secrets(uri)
    if not uri.lower().startswith(("ws://", "wss://")):
        raise InvalidArgumentError(f"server_uri{shown} does not start with ws:// or wss://; {advice}")
    parts = _split(uri)
    if parts is None:
        raise InvalidArgumentError(f"invalid host or port in server_uri{shown}; {advice}")
    if parts.fragment:
        raise InvalidArgumentError(f"server_uri {_address(parts)} has a fragment; leave it out")
    try:
        parse_websocket_uri(uri)
        for credential in (parts.username, parts.password):
            unquote(credential or "", errors="strict")
    except (InvalidURI, ValueError):
        raise InvalidArgumentError(
            f"invalid user or password in server_uri {_address(parts)}; write ws://user:password@host, percent-encoded"
        ) from None
    return parts._replace(path=ENDPOINT_PATH) if parts.path in ("", "/") else parts


def _split(uri: str) -> SplitResult | None:
    """Split a URI; returns None if its host or port is missing or invalid."""
    try:
        parts = urlsplit(uri)
        host, port = parts.hostname, parts.port
        (host or "").encode("idna")  # as resolving the host will
    except ValueError:
        return None
    return parts if host and port != 0 else None


def _without_secrets(uri: str) -> str:
    """Return scheme, host and port of a URI, which may be invalid, for an error text; "" if a password may be in them."""
    scheme, separator, rest = uri.partition("://")
    authority = re.split(r"[/?#]", rest)[0]
    if "@" in rest[len(authority) :]:  # perhaps an unquoted / in a password
        return ""
    shown = scheme + separator + authority.rpartition("@")[2]
    return f" {shown[:URI_CHARACTERS]!r}"


def check_options(parts: SplitResult, options: Options) -> Options:
    """Return the options. Raises InvalidArgumentError, whose text shows no credentials, if one can't be used."""
    if not is_identity(options.identity):
        raise InvalidArgumentError(
            f"invalid identity {options.identity!r}; write tenant/user or user in printable ASCII"
        )
    _check_tls(parts, options.ssl)
    for name, value in options.headers.items():
        _check_header(name, value)
    _check_proxy(options.proxy)
    return options


def _check_tls(parts: SplitResult, context: object) -> None:
    if context is None:
        return
    if not isinstance(context, ssl_module.SSLContext):
        raise InvalidArgumentError(
            f"ssl is {type(context).__name__}, not SSLContext; pass ssl.create_default_context(), or leave it out"
        )
    if parts.scheme != "wss":
        raise InvalidArgumentError(f"ssl= can't be used with {_address(parts)}; use wss://, or leave ssl out")


def _check_header(name: object, value: object) -> None:
    if not isinstance(name, str) or not HEADER_NAME.fullmatch(name):
        raise InvalidArgumentError(f"invalid header name {name!r}; use letters, digits and -")
    # Other text has no encoding that all releases of the WebSocket library, and all servers, agree on.
    if not isinstance(value, str) or not value.isascii() or not value.isprintable():
        raise InvalidArgumentError(f"invalid value of header {name!r}; use printable ASCII text")


def _check_proxy(proxy: object) -> None:
    if isinstance(proxy, bool):
        return
    if not isinstance(proxy, str):
        raise InvalidArgumentError(
            f"proxy is {type(proxy).__name__}, not str or bool; pass a proxy's URL, True or False"
        )
    try:
        url = urlsplit(proxy)
        usable = url.scheme in PROXY_SCHEMES and bool(url.hostname) and url.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise _bad_proxy()


def as_headers(headers: object) -> dict[str, str]:
    """Return a copy of headers; check_options checks what is in them. Raises InvalidArgumentError."""
    if headers is None:
        return {}
    if not isinstance(headers, Mapping):
        raise InvalidArgumentError(
            f"headers must be a mapping, not {type(headers).__name__}; write them as {{name: value}}"
        )
    return dict(cast("Mapping[str, str]", headers))


def is_printable(value: object) -> bool:
    """Return whether a value is printable text on one line."""
    return isinstance(value, str) and value.isprintable()


def is_identity(identity: object) -> bool:
    """Return whether a value is ``tenant/user`` or ``user`` in printable ASCII, as servers require."""
    if not isinstance(identity, str) or not (identity.isascii() and identity.isprintable()):
        return False
    return bool(identity.partition("/")[2 if "/" in identity else 0].strip())


async def open_transport(parts: SplitResult, options: Options) -> Transport:
    """Open a WebSocket.

    Raises:
        ConnectError: The server can't be reached; ConnectTimeoutError after ``open_timeout``; HandshakeError if it does
            not speak WebSocket or refuses.
    """
    address = _address(parts)
    # A system-wide proxy can't reach this machine's loopback interface; an explicit one is used regardless.
    proxy: str | bool | None = options.proxy
    if proxy is False or (proxy is True and is_loopback(parts.hostname or "")):
        proxy = None
    # Two identity headers would be ambiguous: one in headers= replaces ours.
    own = {name.lower() for name in options.headers}
    headers = {name: options.identity for name in IDENTITY_HEADERS if name not in own}
    # ssl=None would forbid wss://.
    tls: dict[str, Any] = {} if options.ssl is None else {"ssl": options.ssl}
    # Pings are sent by the connection, which knows when it has paused receiving; the library does not.
    try:
        socket = await connect(
            urlunsplit(parts),
            additional_headers=headers | dict(options.headers),
            compression=None,
            open_timeout=options.open_timeout,
            close_timeout=CLOSE_TIMEOUT,
            ping_interval=None,
            max_size=options.max_message_size,
            proxy=proxy,
            **tls,
        )
    except TimeoutError as error:
        raise ConnectTimeoutError(
            f"{address} did not complete the opening handshake within {options.open_timeout:g} s; check that a Pie server listens there, or raise open_timeout"
        ) from error
    except InvalidHeader as error:
        # Not chained: the library's text contains the header's value.
        raise HandshakeError(
            f"invalid opening handshake from {address}: missing or invalid header {error.name!r}; check the address"
        ) from None
    except (InvalidHandshake, EOFError, ConnectionResetError, BrokenPipeError) as error:
        raise _handshake_error(address, parts.scheme, error) from error
    except (OSError, ImportError) as error:
        raise _network_error(address, error) from error
    except (InvalidURI, InvalidProxy, ValueError) as error:
        # Not chained: the library's texts contain the URI with its credentials.
        raise _address_error(address, error, proxy) from None
    return Transport(socket, address, options.max_message_size)


def _handshake_error(address: str, scheme: str, error: Exception) -> ConnectError:
    if isinstance(error, InvalidStatus):
        return _refusal(address, error)
    if isinstance(error, ProxyError):
        return ConnectError(
            f"could not connect to {address}: {one_line(str(error))}; check proxy= or the system's proxy settings"
        )
    if isinstance(error, InvalidHandshake) and not isinstance(error, InvalidMessage):
        return HandshakeError(
            f"invalid opening handshake from {address}: {one_line(str(error))}; check the address"
        )
    tls = " with TLS" if scheme == "wss" else ""
    return HandshakeError(
        f"{address} does not speak WebSocket{tls}; check the address and the scheme (ws:// or wss://)"
    )


def _network_error(address: str, error: OSError | ImportError) -> ConnectError:
    advice = "check the address and that the server runs"
    if isinstance(error, ImportError):  # the package for SOCKS proxies
        reason, advice = str(error), "install it, or pass proxy=False"
    elif isinstance(error, ssl_module.SSLCertVerificationError):
        reason = f"certificate not trusted ({error.verify_message})"
        advice = "pass ssl= with a context that trusts it"
    elif isinstance(error, ssl_module.SSLError):
        reason = f"TLS failed ({error.reason or error})"
        advice = "check the scheme (ws:// or wss://), or pass ssl="
    elif isinstance(error, ConnectionRefusedError):
        reason = "connection refused"
    else:
        reason = error.strerror or str(error)
    return ConnectError(f"could not connect to {address}: {one_line(reason)}; {advice}")


def _address_error(address: str, error: Exception, proxy: str | bool | None) -> PieError:
    """Return the error for an invalid URL of a proxy or redirect. The server's own was checked before."""
    if isinstance(error, InvalidProxy) and isinstance(proxy, str):
        return _bad_proxy()
    if not isinstance(error, InvalidURI) and proxy is True:
        return ConnectError(
            f"could not connect to {address}: invalid URL in the system's proxy settings or a redirect; pass proxy=, or check the server's address"
        )
    return HandshakeError(f"{address} redirected to an invalid WebSocket URI; check the address")


def _bad_proxy() -> InvalidArgumentError:
    return InvalidArgumentError("invalid proxy URL; write it like http://127.0.0.1:3128")


def _refusal(address: str, error: InvalidStatus) -> HandshakeError:
    status = error.response.status_code
    body = one_line((error.response.body or b"").decode("utf-8", errors="replace"))[:BODY_CHARACTERS]
    advice = {
        UNAUTHORIZED: "pass the identity= or headers= that it requires",
        NOT_FOUND: f"leave the path out, or use {ENDPOINT_PATH}",
    }.get(status, "check the address, and the proxy if there is one")
    shown = f" ({body})" if body else ""
    return HandshakeError(
        f"{address} refused the WebSocket with HTTP {status}{shown}; {advice}", status=status, body=body
    )


def _address(parts: SplitResult) -> str:
    # IPv6 addresses lose their brackets in parts.hostname.
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{host}" + (f":{parts.port}" if parts.port is not None else "")


def is_loopback(host: str) -> bool:
    """Return whether a host is the loopback interface, which proxies never serve."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
