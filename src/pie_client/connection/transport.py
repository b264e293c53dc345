"""Open and use a WebSocket.

Sends and receives frames without parsing them. All failures are raised as errors of this package, without credentials in
their texts. The caller handles keep-alive, flow control and reconnecting.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl as ssl_module
import struct
import sys
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, cast
from urllib.parse import SplitResult, urlunsplit

from websockets.asyncio.client import connect
from websockets.exceptions import (
    ConnectionClosed,
    InvalidHandshake,
    InvalidHeader,
    InvalidMessage,
    InvalidProxy,
    InvalidURI,
    ProxyError,
    SecurityError,
)
from websockets.http11 import Response

from pie_client._generated.families import (
    CODE_MESSAGE_TOO_BIG,
    ENDPOINT_PATH,
    IDENTITY_HEADERS,
    STATUS_IDENTITY_REFUSED,
    STATUS_NO_ENDPOINT,
)
from pie_client.connection.handshake import MAX_REDIRECTS, UpgradeRefused, library_logger, redirected
from pie_client.connection.options import Settings, address_of, bad_proxy, is_this_machine
from pie_client.connection.taps import Deliver, Tap, tapped_deliver, tapped_write
from pie_client.connection.websocket import WebSocket, discard, websocket_class
from pie_client.errors import (
    ConnectError,
    ConnectionLostError,
    ConnectTimeoutError,
    HandshakeError,
    PieError,
    one_line,
)
from pie_client.lazy import LazyModule
from pie_client.protocol.codec import Frame

if not TYPE_CHECKING:
    fcntl = LazyModule("fcntl")
    termios = LazyModule("termios")
elif sys.platform != "win32":
    import fcntl
    import termios

INT = struct.Struct("i")
CLOSE_TIMEOUT = 1.0
"""Seconds to wait for the close frame of the server: 0.3 and 0.4 servers may not send it until their next message."""
BODY_CHARACTERS = 200
"""Characters of an HTTP error's body shown in the error."""
NO_CERTIFICATE = frozenset({"CERTIFICATE_REQUIRED", "HANDSHAKE_FAILURE"})
"""TLS alerts of a server that misses the client's certificate: in TLS 1.3, and in TLS 1.2, where it has other meanings too."""
BAD_CERTIFICATE = frozenset(
    {
        "UNKNOWN_CA",
        "BAD_CERTIFICATE",
        "UNSUPPORTED_CERTIFICATE",
        "CERTIFICATE_EXPIRED",
        "CERTIFICATE_REVOKED",
        "CERTIFICATE_UNKNOWN",
        "ACCESS_DENIED",
    }
)
"""TLS alerts of a server that rejects the client's certificate (RFC 8446, section 6.2)."""


class Receiver(Protocol):
    """What a transport delivers to."""

    def deliver(self, batch: list[Frame]) -> None:
        """Process the complete messages of one read from the socket, in order."""

    def lost(self, error: ConnectionLostError) -> None:
        """Process the end of the connection; called once, after the last message."""


class Progress(NamedTuple):
    """How far receiving and sending have come, to compare with an earlier time."""

    position: tuple[int, ...]
    """Changes with every byte received, and with most of those sent."""
    unsent: int
    """Bytes that were written but not sent or acknowledged yet."""

    def follows(self, earlier: Progress) -> bool:
        """Return whether anything was received, or accepted by the server, since an earlier time."""
        return self.position != earlier.position or self.unsent < earlier.unsent


class Transport:
    """An open WebSocket.

    Attributes:
        address: Scheme, host and port, for error texts: without credentials, path and query.
        replaced: Whether the client connects again by itself after a loss, so that no error advises to.
    """

    replaced = False

    def __init__(self, socket: WebSocket, address: str, max_message_size: int) -> None:
        self._socket = socket
        self._write = socket.write
        self._deliver: Deliver = discard
        self._taps: tuple[int, tuple[Tap, ...]] = 0, ()
        self._max_message_size = max_message_size
        self.address = address

    def start(self, receiver: Receiver) -> None:
        """Begin delivery. What arrived before is delivered first."""
        self._socket.start(
            self._received_by(receiver.deliver),
            lambda closed: receiver.lost(self._loss(closed)),
            self._max_message_size,
        )

    def tap(self, number: int, taps: tuple[Tap, ...]) -> None:
        """Pass each frame of this connection, the client's ``number``-th, to ``taps``, and to no others."""
        self._taps = number, taps
        self._write = tapped_write(self._socket.write, *self._taps)
        if self._socket.deliver is not discard:
            self._socket.deliver = tapped_deliver(self._deliver, *self._taps)

    def _received_by(self, deliver: Deliver) -> Deliver:
        self._deliver = deliver
        return tapped_deliver(deliver, *self._taps)

    @property
    def congested(self) -> bool:
        """Whether the write buffer is above its high-water mark."""
        return self._socket.congested

    @property
    def ended(self) -> bool:
        """Whether nothing can be written any more. Messages may still be delivered."""
        try:
            self._socket.check_open()
        except ConnectionClosed:
            return True
        return False

    def write(self, *parts: bytes | memoryview, now: bool = False) -> None:
        """Queue a binary frame that consists of the parts, or write it immediately. Raises ConnectionLostError."""
        try:
            self._write(*parts, now=now)
        except ConnectionClosed as error:
            raise self._connection_lost(error) from error

    async def drain(self) -> None:
        """Wait until the write buffer is below its high-water mark, or the connection has ended."""
        await self._socket.drained()

    def check_open(self) -> None:
        """Raise ConnectionLostError if nothing can be written any more."""
        try:
            self._socket.check_open()
        except ConnectionClosed as error:
            raise self._connection_lost(error) from error

    def pause(self) -> None:
        """Stop reading from the socket. The server's pings are not answered meanwhile."""
        self._socket.pause()

    def resume(self) -> None:
        """Read from the socket again."""
        self._socket.resume()

    async def ping(self) -> None:
        """Send a WebSocket ping and wait for its pong. Raises ConnectionLostError.

        It checks the network, not the server's session.
        """
        try:
            await (await self._socket.ping())
        except ConnectionClosed as error:
            raise self._connection_lost(error) from error

    def progress(self) -> Progress:
        """Return how far receiving and sending have come."""
        transport = self._socket.transport
        return Progress(
            self._socket.position(),
            transport.get_write_buffer_size() + unsent_bytes(transport.get_extra_info("socket")),
        )

    async def close(self) -> None:
        """Close the WebSocket within about a second, even if the server does not read or answer.

        Messages that arrive meanwhile are discarded.
        """
        self._socket.discard()
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
        """Close the TCP connection immediately, without a close frame. Nothing more is delivered."""
        self._socket.discard()
        self._socket.transport.abort()

    def _loss(self, error: ConnectionClosed) -> ConnectionLostError:
        lost = self._connection_lost(error)
        lost.__cause__ = error
        return lost

    def _connection_lost(self, error: ConnectionClosed) -> ConnectionLostError:
        # The library closes with 1009 when a message is too large; a 1009 sent in reply is the server's.
        if error.sent is not None and error.sent.code == CODE_MESSAGE_TOO_BIG and not error.rcvd_then_sent:
            return ConnectionLostError(
                f"connection to {self.address} closed: a message exceeds max_message_size={self._max_message_size} bytes; raise max_message_size",
                code=CODE_MESSAGE_TOO_BIG,
            )
        if error.rcvd is not None:
            reason = f" ({one_line(error.rcvd.reason)})" if error.rcvd.reason else ""
            return ConnectionLostError(
                f"connection to {self.address} closed by the server with code {int(error.rcvd.code)}{reason}; {self.advice('check the server')}",
                code=int(error.rcvd.code),
            )
        return ConnectionLostError(
            f"connection to {self.address} lost without a close frame; {self.advice('check the server')}"
        )

    def advice(self, check: str) -> str:
        """Return what to do after a loss, beginning with what to check."""
        return check if self.replaced else f"{check}, then connect again"


def unsent_bytes(socket: Any) -> int:  # noqa: ANN401 - asyncio's wrapper of a socket, which has no public type
    """Return the bytes that the operating system has not sent, or that were not acknowledged; 0 where that is not known."""
    if sys.platform != "win32":
        with contextlib.suppress(ImportError, OSError, AttributeError, ValueError):
            answer: bytes = fcntl.ioctl(socket.fileno(), termios.TIOCOUTQ, bytes(INT.size))
            return int(INT.unpack(answer)[0])
    return 0


async def open_transport(settings: Settings) -> Transport:
    """Open a WebSocket, following redirects within the server's origin.

    Raises:
        ConnectError: The server can't be reached; ConnectTimeoutError after ``open_timeout``; HandshakeError if it does
            not speak WebSocket, refuses or redirects elsewhere.
    """
    loop = asyncio.get_running_loop()
    expires = loop.time() + settings.open_timeout
    uri = settings.uri
    for _ in range(1 + MAX_REDIRECTS):
        try:
            transport = await _open(settings, uri, expires - loop.time())
        except UpgradeRefused as error:
            target = redirected(uri, error.response)
            if target is None:
                raise _refusal(address_of(uri), error.response) from error
            uri = target
        else:
            settings.taps.open(transport)
            return transport
    raise HandshakeError(f"{address_of(uri)} redirected more than {MAX_REDIRECTS} times; check the address")


async def _open(settings: Settings, uri: SplitResult, seconds: float) -> Transport:
    """Open a WebSocket at a URI of the server. Raises ConnectError, or UpgradeRefused for an HTTP response."""
    address = address_of(uri)
    # A system-wide proxy can't reach this machine's loopback interface; an explicit one is used regardless.
    proxy: str | bool | None = settings.proxy
    if proxy is False or (proxy is True and is_this_machine(uri.hostname or "")):
        proxy = None
    # ssl=None would forbid wss://.
    tls: dict[str, Any] = {} if settings.ssl is None else {"ssl": settings.ssl}
    create = _Creation()
    # Pings are sent by the connection, which knows when it has paused receiving; the library does not.
    try:
        socket = await connect(
            urlunsplit(uri),
            additional_headers=_headers(settings),
            compression=None,
            open_timeout=seconds,
            close_timeout=CLOSE_TIMEOUT,
            ping_interval=None,
            max_size=settings.max_message_size,
            proxy=proxy,
            create_connection=cast("type[WebSocket]", create),
            logger=library_logger,
            **tls,
        )
    except TimeoutError as error:
        raise ConnectTimeoutError(
            f"{address} did not complete the opening handshake within {settings.open_timeout:g} s; check that a Pie server listens there, or raise open_timeout"
        ) from error
    except UpgradeRefused:
        raise
    except InvalidHeader as error:
        # Not chained: the library's text contains the header's value.
        raise HandshakeError(
            f"invalid opening handshake from {address}: missing or invalid header {error.name!r}; check the address"
        ) from None
    except (
        InvalidHandshake,
        EOFError,
        ConnectionResetError,
        ConnectionAbortedError,
        BrokenPipeError,
    ) as error:
        ended_by = create.last.ended_by if create.last else None
        raise _handshake_error(address, uri.scheme, error, ended_by) from (ended_by or error)
    except (OSError, ImportError) as error:
        raise _network_error(address, error) from error
    except (InvalidURI, InvalidProxy, ValueError) as error:
        # Not chained: the library's texts contain the URI with its credentials.
        raise _address_error(address, error, proxy) from None
    return Transport(cast("WebSocket", socket), address, settings.max_message_size)


def _headers(settings: Settings) -> dict[str, str]:
    """Return the headers of the opening handshake."""
    # Two identity headers would be ambiguous: one in headers= replaces ours.
    own = {name.lower() for name in settings.headers}
    identity = {name: settings.identity for name in IDENTITY_HEADERS if name not in own}
    return identity | dict(settings.headers)


class _Creation:
    """Creates the library's connection.

    Attributes:
        last: The connection, or None.
    """

    def __init__(self) -> None:
        self.last: WebSocket | None = None

    def __call__(self, *args: Any, **named: Any) -> WebSocket:  # noqa: ANN401 - as the library passes them
        self.last = websocket_class()(*args, **named)
        return self.last


def _handshake_error(address: str, scheme: str, error: Exception, ended_by: Exception | None) -> ConnectError:
    # In TLS 1.3 the server checks the client's certificate when the client has finished its handshake. The library
    # sees only that the connection ended; the alert is what asyncio ended it with.
    if isinstance(ended_by, ssl_module.SSLError):
        return _network_error(address, ended_by)
    if isinstance(error, ProxyError):
        return ConnectError(
            f"could not connect to {address}: {one_line(str(error))}; check proxy= or the system's proxy settings"
        )
    if isinstance(error, InvalidHandshake) and not isinstance(error, InvalidMessage):
        return HandshakeError(
            f"invalid opening handshake from {address}: {one_line(str(error))}; check the address"
        )
    cause = error.__cause__ if isinstance(error, InvalidMessage) else error
    if isinstance(cause, (EOFError, ConnectionError)):
        advice = "check that the server runs, the address and the scheme (ws:// or wss://)"
        if scheme == "wss":  # a reset may have discarded the alert
            advice += ", and whether it requires a client certificate in ssl="
        return ConnectError(f"{address} closed the connection during the opening handshake; {advice}")
    if isinstance(cause, SecurityError):
        return HandshakeError(
            f"the opening handshake from {address} exceeds a limit of the WebSocket library: {one_line(str(cause))}; shorten what the server or a proxy sends"
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
        reason, advice = _tls_failure(error)
    elif isinstance(error, ConnectionRefusedError):
        reason = "connection refused"
    else:
        reason = error.strerror or str(error)
    return ConnectError(f"could not connect to {address}: {one_line(reason)}; {advice}")


def _tls_failure(error: ssl_module.SSLError) -> tuple[str, str]:
    """Return what failed in TLS, and advice."""
    reason = error.reason or str(error)
    alert = reason.partition("ALERT_")[2]
    if alert in BAD_CERTIFICATE:
        return f"the server rejected the client's certificate ({reason})", "pass ssl= with one that it trusts"
    if alert in NO_CERTIFICATE:
        certain = "requires" if alert == "CERTIFICATE_REQUIRED" else "may require"
        return (
            f"TLS failed, the server {certain} a client certificate ({reason})",
            "pass ssl= with a context that has loaded one (load_cert_chain)",
        )
    return f"TLS failed ({reason})", "check the scheme (ws:// or wss://), or pass ssl="


def _address_error(address: str, error: Exception, proxy: str | bool | None) -> PieError:
    """Return the error for an invalid URL of a proxy, or what else the library rejects. The server's was checked before."""
    if isinstance(error, InvalidProxy) and isinstance(proxy, str):
        return bad_proxy()
    if not isinstance(error, InvalidURI) and proxy is True:
        return ConnectError(
            f"could not connect to {address}: invalid URL in the system's proxy settings; pass proxy="
        )
    return HandshakeError(f"{address} is not a valid WebSocket URI; check the address")


def _refusal(address: str, response: Response) -> HandshakeError:
    status = response.status_code
    body = one_line((response.body or b"").decode("utf-8", errors="replace"))[:BODY_CHARACTERS]
    advice = {
        STATUS_IDENTITY_REFUSED: "pass the identity= or headers= that it requires",
        STATUS_NO_ENDPOINT: f"leave the path out, or use {ENDPOINT_PATH}",
    }.get(status, "check the address, and the proxy if there is one")
    shown = f" ({body})" if body else ""
    return HandshakeError(
        f"{address} refused the WebSocket with HTTP {status}{shown}; {advice}", status=status, body=body
    )
