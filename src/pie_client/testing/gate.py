"""Whom the embedded engine lets in: its answers to requests that are no WebSocket handshake of a client."""

import logging
from http import HTTPStatus

from websockets.asyncio.server import ServerConnection
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from pie_client._generated import texts
from pie_client._generated.families import FamilyTraits

GET = "GET"
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


def refusal(traits: FamilyTraits, connection: ServerConnection, request: Request) -> Response | None:
    """Give the answer to a request that is not let in; None for any other, and where the connection was ended instead."""
    if traits.path is None:
        if getattr(request, "method", GET) != GET or _handshake_problem(request.headers) is not None:
            connection.transport.close()  # servers that speak no HTTP but this handshake answer nothing else
    else:
        if request.path.partition("?")[0] != traits.path:
            return connection.respond(HTTPStatus.NOT_FOUND, "")
        if (
            getattr(request, "method", GET) != GET
        ):  # releases of the library before 16 refuse other methods themselves
            return connection.respond(HTTPStatus.METHOD_NOT_ALLOWED, "")
        if (problem := _handshake_problem(request.headers)) is not None:
            return connection.respond(HTTPStatus.BAD_REQUEST, problem)
    if traits.identity_header is not None:
        first = next(iter(request.headers.get_all(traits.identity_header)), None)
        problem = _identity_problem(traits.identity_header, first)
        if problem is not None:
            return connection.respond(HTTPStatus.UNAUTHORIZED, problem)
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
