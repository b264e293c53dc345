"""The opening handshake: a connection of the WebSocket library that follows no redirects, and where they lead.

Redirects are followed within the server's origin only: whatever the caller gave for this server, such as headers,
identity and password, must not reach another one.
"""

from __future__ import annotations

import logging
from typing import Any
from urllib.parse import SplitResult, urljoin, urlsplit, urlunsplit

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import InvalidHandshake, InvalidStatus
from websockets.http11 import Response

from pie_client.connection.options import address_of
from pie_client.errors import HandshakeError

MAX_REDIRECTS = 10
"""Redirects that are followed."""
STATUSES = frozenset({300, 301, 302, 303, 307, 308})
"""HTTP statuses whose Location says where to send the request again (RFC 9110, section 15.4)."""
SCHEMES = {"ws": "ws", "wss": "wss", "http": "ws", "https": "wss"}
"""Schemes of a WebSocket, by those of a Location: HTTP servers know their own only."""
SWITCHING = b"HTTP/1.1 101"
STATUS_CLASS = len(b"HTTP/1.1 1")
"""Bytes of :data:`SWITCHING` up to the first digit of the status, which all informational responses have in common."""
END_OF_HEADERS = b"\r\n\r\n"
MAX_INFORMATIONAL_SIZE = 64 << 10
"""Bytes of all informational responses that are skipped (RFC 9110, section 15.2)."""
PORTS = {"ws": 80, "wss": 443}
ADDRESS_CHARACTERS = 100
"""Most characters of another origin shown in the error."""

library_logger = logging.getLogger(f"{__name__}.library")
"""Logger of the library. Its records for debugging hold headers, tokens and payloads, so that it has none."""
library_logger.setLevel(logging.WARNING)
library_logger.addFilter(lambda record: record.levelno >= logging.WARNING)


class UpgradeRefused(InvalidHandshake):
    """The server answered the opening handshake with another response than 101."""

    def __init__(self, response: Response) -> None:
        super().__init__(f"HTTP {response.status_code}")
        self.response = response


class InformationalResponses:
    """Skips the informational responses, such as 103 Early Hints, before the response to the opening handshake.

    The library takes the first response for the final one. After too many or too large ones, nothing more is skipped.
    """

    def __init__(self) -> None:
        self._held = bytearray()
        self._searched = 0
        self._left = MAX_INFORMATIONAL_SIZE

    def skip(self, data: bytes) -> bytes | None:
        """Return what belongs to the final response, from its first byte on; None until that has begun.

        Args:
            data: The next bytes received.
        """
        held = self._held
        held += data
        while SWITCHING[:STATUS_CLASS].startswith(held[:STATUS_CLASS]) and not held.startswith(SWITCHING):
            if len(held) < len(SWITCHING):
                return None
            end = held.find(END_OF_HEADERS, self._searched)
            size = len(held) if end < 0 else end + len(END_OF_HEADERS)
            if size > self._left:
                break
            if end < 0:
                self._searched = max(0, size - len(END_OF_HEADERS))
                return None
            del held[:size]
            self._left -= size
            self._searched = 0
        return bytes(held)


class UnredirectedConnection(ClientConnection):
    """A connection of the library, which would follow a redirect with most headers to any origin."""

    _informational: InformationalResponses | None = None

    def data_received(self, data: bytes) -> None:
        """Receive bytes, without informational responses."""
        informational = self._informational
        if informational is not None:
            final = informational.skip(data)
            if final is None:
                return
            self._informational = None
            data = final
        super().data_received(data)
        # After a response that it can't parse, the library waits until the server closes the connection.
        if self.response is None and self.protocol.handshake_exc is not None:
            self.transport.abort()

    async def handshake(self, *args: Any, **named: Any) -> None:  # noqa: ANN401 - as the library passes them
        """Perform the opening handshake. Raises UpgradeRefused for a response other than 101."""
        self._informational = InformationalResponses()
        try:
            await super().handshake(*args, **named)
        except InvalidStatus as error:
            raise UpgradeRefused(error.response) from None


def redirected(uri: SplitResult, response: Response) -> SplitResult | None:
    """Return the URI that a response redirects to, or None if it does not redirect.

    Args:
        uri: The URI that was requested.
        response: The response to the opening handshake.

    Raises:
        HandshakeError: The target is in another origin, or is not the URI of a WebSocket.
    """
    status = response.status_code
    locations = response.headers.get_all("Location")
    if status not in STATUSES or not locations:
        return None
    address = address_of(uri)
    target = _target(uri, locations)
    if target is None:
        raise HandshakeError(
            f"{address} redirected to an invalid WebSocket URI; check the address", status=status
        )
    if _origin(target) != _origin(uri):
        other = address_of(target)[:ADDRESS_CHARACTERS]
        raise HandshakeError(
            f"{address} redirected to another origin, {other}, where nothing was sent; if you trust it, connect to it",
            status=status,
        )
    # With the authority of the original URI, and so with its user and password.
    return uri._replace(path=target.path, query=target.query)


def _target(uri: SplitResult, locations: list[str]) -> SplitResult | None:
    """Return the target of a redirect, with the scheme of a WebSocket; None if it is invalid."""
    location = locations[0].strip()
    if len(set(locations)) != 1 or not (location.isascii() and location.isprintable()) or " " in location:
        return None
    try:
        target = urlsplit(urljoin(urlunsplit(uri), location))
        usable = target.scheme in SCHEMES and bool(target.hostname) and target.port != 0
    except ValueError:
        return None
    return target._replace(scheme=SCHEMES[target.scheme]) if usable else None


def _origin(uri: SplitResult) -> tuple[str, str, int]:
    return uri.scheme, uri.hostname or "", uri.port or PORTS[uri.scheme]
