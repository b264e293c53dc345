"""Whom the embedded engine lets in: its answers to requests that are no WebSocket handshake of a client."""

import logging
from dataclasses import dataclass
from http import HTTPStatus

from websockets.asyncio.server import ServerConnection
from websockets.datastructures import Headers
from websockets.http11 import Request

from pie_client.testing._generated import texts
from pie_client.testing._generated.servers import ServerTraits
from pie_client.testing.http import heads

GET, HEAD = "GET", "HEAD"
KEY, VERSION, SUPPORTED_VERSION = "Sec-WebSocket-Key", "Sec-WebSocket-Version", "13"


handshakes = logging.getLogger(__name__)
"""Where the WebSocket library logs."""
FAILED = "opening handshake failed"
"""What older releases of the library (15.0 does) log as an error, with a traceback, when a client speaks no WebSocket."""


def _calmly(record: logging.LogRecord) -> bool:
    if record.msg == FAILED:
        record.levelno, record.levelname, record.exc_info = (
            logging.INFO,
            logging.getLevelName(logging.INFO),
            None,
        )
    return True


handshakes.addFilter(_calmly)


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP response that refuses a request."""

    status: HTTPStatus
    text: str = ""
    allow: str | None = None
    """Methods that there are instead of the one that was asked for."""


def hang_up_unless_handshake(connection: ServerConnection, request: Request) -> None:
    """End the connection of a request that is no handshake, as servers do that speak no other HTTP."""
    if getattr(request, "method", GET) != GET or _handshake_problem(request.headers) is not None:
        connection.transport.close()


def refusal(traits: ServerTraits, head: heads.Head) -> Answer | None:
    """Give the answer of a server with several endpoints to a request that is not let in; None for any other."""
    if head.path != traits.path:
        return Answer(HTTPStatus.NOT_FOUND)
    if head.method != GET:
        return Answer(HTTPStatus.METHOD_NOT_ALLOWED, allow=None if head.method == HEAD else f"{GET},{HEAD}")
    if (problem := _handshake_problem(head.headers)) is not None:
        return Answer(HTTPStatus.BAD_REQUEST, problem)
    if head.version != heads.HTTP_1_1:
        return Answer(HTTPStatus.UPGRADE_REQUIRED, texts.UPGRADE_NOT_POSSIBLE)
    if traits.identity_header is not None:
        first = next(iter(head.headers.get_all(traits.identity_header)), None)
        problem = _identity_problem(traits.identity_header, first)
        if problem is not None:
            return Answer(HTTPStatus.UNAUTHORIZED, problem)
    return None


def _handshake_problem(headers: Headers) -> str | None:
    if "upgrade" not in _first(headers, "Connection").lower():
        return texts.UPGRADE_MISSING
    if _first(headers, "Upgrade").lower() != "websocket":
        return texts.UPGRADE_NOT_WEBSOCKET
    if KEY not in headers:
        return texts.WEBSOCKET_KEY_MISSING
    return None if _first(headers, VERSION) == SUPPORTED_VERSION else texts.WEBSOCKET_VERSION_MISSING


def _first(headers: Headers, name: str) -> str:
    """Give the value of a header, the first where it stands there several times."""
    return next(iter(headers.get_all(name)), "")


def _identity_problem(header: str, value: str | None) -> str | None:
    if value is None:
        return texts.identity_missing(header=header)
    if not value.isascii():
        return texts.identity_not_utf8(header=header)
    if not value.strip():
        return texts.identity_empty(header=header)
    user = value.partition("/")[2] if "/" in value else value
    return None if user.strip() else texts.identity_without_user(header=header)
