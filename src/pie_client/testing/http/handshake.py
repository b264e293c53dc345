"""WebSocket handshakes that a server family refuses; the WebSocket library checks everything else."""

import logging
from http import HTTPStatus

from websockets.asyncio.server import ServerConnection
from websockets.http11 import Request, Response

from pie_client._generated.families import STATUS_IDENTITY_REFUSED, STATUS_NO_ENDPOINT
from pie_client.testing._generated import texts
from pie_client.testing._generated.servers import ServerTraits
from pie_client.testing.http.origins import AllowedOrigins

logger = logging.getLogger(__name__)
"""Logger of the WebSocket library. Its records for debugging hold headers, tokens and payloads, so that it has none."""
logger.setLevel(logging.INFO)

# websockets 15 logs each port probe under this text, as an error with a traceback.
logger.addFilter(lambda record: record.levelno >= logging.INFO and record.msg != "opening handshake failed")


def refusal(
    traits: ServerTraits, allowed: AllowedOrigins, connection: ServerConnection, request: Request
) -> Response | None:
    """Return the response that refuses a handshake, or None to accept it."""
    port: int = connection.local_address[1]
    if (foreign := allowed.refusal(request.headers.get_all("Origin"), port)) is not None:
        return connection.respond(HTTPStatus.FORBIDDEN, foreign)
    if traits.path is not None and request.path.partition("?")[0] != traits.path:
        return connection.respond(STATUS_NO_ENDPOINT, "")
    header = traits.identity_header
    if header is not None and (error := _identity_error(header, request.headers.get_all(header))) is not None:
        return connection.respond(STATUS_IDENTITY_REFUSED, error)
    return None


def _identity_error(header: str, values: list[str]) -> str | None:
    if not values:
        return texts.identity_missing(header=header)
    if not values[0]:
        return texts.identity_empty(header=header)
    tenant, slash, user = values[0].partition("/")
    return None if (user if slash else tenant) else texts.identity_without_user(header=header)
