from __future__ import annotations
import logging
import time
from collections.abc import Callable
from types import TracebackType
from typing import Protocol, Self, TypeVar
from pie_client._generated.calls import Caller, Fields
from pie_client._generated.methods import Method
from pie_client.content import Chunk, Content
from pie_client.errors import ConnectionLostError, DeadlineError, ReconnectError
from pie_client.logs import LimitedLog
logger = logging.getLogger(__name__)
R = TypeVar('R')

def logged_callers(caller: Caller) -> tuple[Caller, Caller]:
    ...

class _Log(Protocol):

    def log(self, level: int, text: str, /, *args: object) -> None:
        ...

class _Logged:

    def __init__(self) -> None:
        ...

    async def call(self, method: Method[R], build: Callable[[int], Fields], timeout: float | None) -> R:
        ...

    async def notify(self, method: Method[None], build: Callable[[], Fields], timeout: float | None) -> None:
        ...

    async def upload(self, method: Method[R], build: Callable[[int, Chunk], Fields], content: bytes | Content, timeout: float | None) -> R:
        ...

    async def transfer(self, method: Method[None], build: Callable[[Chunk], Fields], content: bytes | Content, timeout: float | None) -> None:
        ...

class _Outcome:
    __slots__ = ('_begin', '_log', '_success', '_tag', 'corr_id')

    def __init__(self) -> None:
        self.corr_id = ...

    def __enter__(self) -> Self:
        ...

    def __exit__(self, _type: type[BaseException] | None, error: BaseException | None, _traceback: TracebackType | None) -> None:
        ...
