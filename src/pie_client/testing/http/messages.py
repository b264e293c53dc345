"""Requests to daemons, and their responses."""

from collections.abc import AsyncIterable, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPMessage
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class DaemonRequest:
    """An HTTP request to a daemon.

    Attributes:
        method: The method, for instance ``"GET"``.
        path: The request target unchanged: path and query.
        headers: Headers; names are case-insensitive.
        body: The whole body.
    """

    method: str
    path: str
    headers: HTTPMessage
    body: bytes


@dataclass(frozen=True, slots=True)
class DaemonResponse:
    """A daemon's response to an HTTP request.

    Attributes:
        status: Status code, from 200 to 599. Default: 200.
        headers: Headers, as a mapping or as pairs. The server sets those that frame the body, and ignores them here.
        body: The body. Text is sent as UTF-8. An async iterable is streamed: each item is sent immediately.
    """

    status: int = 200
    headers: Mapping[str, str] | Sequence[tuple[str, str]] = ()
    body: bytes | str | AsyncIterable[bytes] = b""


DaemonFunction: TypeAlias = Callable[[DaemonRequest], Awaitable[DaemonResponse]]
"""A daemon: called once per HTTP request, returns the response. See :meth:`LocalEngine.daemon`."""
