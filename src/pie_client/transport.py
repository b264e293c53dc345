"""A WebSocket connection. The only module that knows the WebSocket library, and where its errors become ours."""

import ipaddress
import ssl as ssl_module
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit, urlunsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import (
    ConnectionClosed,
    InvalidHandshake,
    InvalidMessage,
    InvalidStatus,
    InvalidURI,
)

from pie_client._generated.families import ENDPOINT_PATH, IDENTITY_HEADERS
from pie_client.errors import (
    ConnectError,
    ConnectionLostError,
    ConnectTimeoutError,
    HandshakeError,
    InvalidArgumentError,
    one_line,
)

CLOSE_TIMEOUT = 1.0
"""Seconds to wait for the answer to a close: 0.3/0.4 servers owe it until their next write, which may never come."""
BODY_CHARACTERS = 200
"""How much of the body of an HTTP refusal goes into the error."""
MESSAGE_TOO_BIG = 1009
"""Close code of RFC 6455, section 7.4.1."""
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
            raise self._lost(error) from error

    async def receive(self) -> bytes | str:
        """Give the next frame. Raises ConnectionLostError."""
        try:
            return await self._socket.recv()
        except ConnectionClosed as error:
            raise self._lost(error) from error

    async def ping(self) -> None:
        """Send a WebSocket ping and wait for its pong: it measures the link, not the server's session."""
        try:
            await (await self._socket.ping())
        except ConnectionClosed as error:
            raise self._lost(error) from error

    async def close(self) -> None:
        """Close within about a second, whether the server answers or not."""
        await self._socket.close()

    def abort(self) -> None:
        """Drop the connection without a word."""
        self._socket.transport.abort()

    def _lost(self, error: ConnectionClosed) -> ConnectionLostError:
        if error.sent is not None and error.sent.code == MESSAGE_TOO_BIG:
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


def parse_uri(uri: str) -> SplitResult:
    """Check a server's URI and complete its path. Raises InvalidArgumentError, which shows no credentials."""
    try:
        parts = urlsplit(uri)
        address = _address(parts)
    except (ValueError, AttributeError, TypeError):
        raise InvalidArgumentError("server_uri is not a URI; write it like ws://127.0.0.1:8080") from None
    if parts.scheme not in ("ws", "wss") or not parts.hostname:
        raise InvalidArgumentError(
            f"server_uri {address} is not a WebSocket URI; write it like ws://127.0.0.1:8080"
        )
    if parts.fragment:
        raise InvalidArgumentError(
            f"server_uri {address} has a fragment, which no server would see; leave it out"
        )
    return parts._replace(path=ENDPOINT_PATH) if parts.path in ("", "/") else parts


def check_identity(identity: str) -> str:
    """Check a tenant and user for the identity header. Raises InvalidArgumentError."""
    if (
        not (identity.isascii() and identity.isprintable())
        or not identity.partition("/")[2 if "/" in identity else 0].strip()
    ):
        raise InvalidArgumentError(
            f"identity {identity!r} can't be sent; write tenant/user or user in printable ASCII"
        )
    return identity


async def open_transport(parts: SplitResult, options: Options) -> Transport:
    """Connect. Raises ConnectError: ConnectTimeoutError after ``open_timeout``, HandshakeError for what is no WebSocket."""
    address = _address(parts)
    proxy: str | bool | None = options.proxy
    if proxy is False or (proxy is True and _is_loopback(parts.hostname or "")):
        proxy = None
    headers = dict.fromkeys(IDENTITY_HEADERS, options.identity) | dict(options.headers)
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
            ssl=options.ssl,
        )
    except InvalidStatus as error:
        raise _refused(address, error) from error
    except InvalidURI as error:
        raise InvalidArgumentError(
            f"server_uri {address} is not a WebSocket URI; write it like ws://127.0.0.1:8080"
        ) from error
    except TimeoutError as error:
        raise ConnectTimeoutError(
            f"{address} did not complete the opening handshake within {options.open_timeout:g} s; check that a Pie server listens there, or raise open_timeout"
        ) from error
    except (InvalidMessage, EOFError, ConnectionResetError, BrokenPipeError) as error:
        raise HandshakeError(
            f"{address} does not speak WebSocket; check the address: is it a Pie server?"
        ) from error
    except InvalidHandshake as error:
        raise HandshakeError(
            f"{address} answered the opening handshake wrongly ({one_line(str(error))}); check the address"
        ) from error
    except OSError as error:
        reason = one_line(error.strerror or str(error))
        raise ConnectError(
            f"could not connect to {address}: {reason}; check the address and that the server runs"
        ) from error
    return Transport(socket, address, options.max_message_size)


def _refused(address: str, error: InvalidStatus) -> HandshakeError:
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


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
