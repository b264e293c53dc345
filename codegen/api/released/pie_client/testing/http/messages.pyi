from collections.abc import AsyncIterable, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPMessage
from typing import TypeAlias

@dataclass(frozen=True, slots=True)
class DaemonRequest:
    method: str
    path: str
    headers: HTTPMessage
    body: bytes

@dataclass(frozen=True, slots=True)
class DaemonResponse:
    status: int = 200
    headers: Mapping[str, str] | Sequence[tuple[str, str]] = ()
    body: bytes | str | AsyncIterable[bytes] = b''
DaemonFunction: TypeAlias = Callable[[DaemonRequest], Awaitable[DaemonResponse]]
