from __future__ import annotations
import asyncio
import contextvars
import functools
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from types import TracebackType
from typing import Generic, Self, TypeVar
from pie_client._generated.families import CODE_MESSAGE_TOO_BIG, CODE_NO_CLOSE_FRAME
from pie_client._generated.methods import Method
from pie_client.connection.connection import Connection, interruption
from pie_client.connection.deadline import deadline_text
from pie_client.connection.options import check_seconds
from pie_client.connection.transport import Transport
from pie_client.connection.waiting import Change
from pie_client.content import Chunk, Content
from pie_client.errors import ConnectionLostError, DeadlineError, ProcessLostError, ReconnectError
from pie_client.protocol.codec import Fields
from pie_client.protocol.routes import Route
from pie_client.protocol.shares import Share
R = TypeVar('R')
MOST_LOSSES = 3

@dataclass(slots=True, kw_only=True)
class _Request(Generic[R]):
    method: Method[object] = field(kw_only=False)
    send: Callable[[float | None], Awaitable[R]] = field(kw_only=False)
    harmless: bool = False
    again: bool = True
    progressive: bool = False
    check: Callable[[], None] = lambda: None
    begun: bool = False
    sent: bool = False
    losses: int = 0

    def may_be_repeated(self, error: ConnectionLostError) -> bool:
        ...

class RestorableConnection(Connection):
    may_suspend: Callable[[ConnectionLostError], bool] | None = None
    may_have_gaps = False

    @property
    def alive(self) -> bool:
        ...

    def resume(self, transport: Transport) -> None:
        ...

    async def restoring(self, work: Coroutine[None, None, R]) -> R:
        ...

    def drop(self) -> None:
        ...

    def give_up(self, cause: Exception, text: str) -> None:
        ...

    def was_suspended(self, seconds: float) -> bool:
        ...

    async def restored(self) -> bool:
        ...

    async def call(self, method: Method[R], build: Callable[[int], Fields], timeout: float | None) -> R:
        ...

    async def notify(self, method: Method[None], build: Callable[[], Fields], timeout: float | None) -> None:
        ...

    async def send(self, method: Method[None], encode: Callable[[], bytes], timeout: float | None) -> None:
        ...

    async def upload(self, method: Method[R], build: Callable[[int, Chunk], Fields], content: bytes | Content, timeout: float | None) -> R:
        ...

    async def transfer(self, method: Method[None], build: Callable[[Chunk], Fields], content: bytes | Content, timeout: float | None) -> None:
        ...

    async def ensure_identified(self, method: Method[object]) -> None:
        ...

    def live_processes(self) -> list[str]:
        ...

    def has_handle(self, process_id: str) -> bool:
        ...

    def ignore_process(self, process_id: str) -> None:
        ...

    def lose_process(self, process_id: str, text: str) -> None:
        ...

    def claim(self, process_id: str, share: Share | None=None) -> Route:
        ...

class _Limit:
    __slots__ = ('_expires', '_method', '_scope', '_seconds', '_too_late', '_waits')

    def __init__(self, method: Method[object], seconds: float, expires: float, too_late: Callable[[], DeadlineError]) -> None:
        ...

    async def __aenter__(self) -> Self:
        ...

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        ...

    def start(self, *, progressive: bool) -> None:
        ...

def without_advice(error: Exception) -> str:
    ...

def advice_of(error: Exception) -> str:
    ...
