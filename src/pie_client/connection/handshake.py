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


class UnredirectedConnection(ClientConnection):
    """A connection of the library, which would follow a redirect with most headers to any origin."""

    async def handshake(self, *args: Any, **named: Any) -> None:  # noqa: ANN401 - as the library passes them
        """Perform the opening handshake. Raises UpgradeRefused for a response other than 101."""
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
