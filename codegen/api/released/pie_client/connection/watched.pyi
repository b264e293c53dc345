from __future__ import annotations
from collections.abc import Callable
from types import TracebackType
from typing import Protocol, TypeAlias, TypeVar
from pie_client._generated.calls import Caller, Fields
from pie_client._generated.methods import Method
from pie_client.content import Chunk, Content
R = TypeVar('R')

class Watch(Protocol):
    corr_id: int | None

    def __enter__(self) -> object:
        ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None, /) -> None:
        ...
Begin: TypeAlias = Callable[[Method[object], bool], Watch]

class Watched:

    def __init__(self, caller: Caller, begin: Begin) -> None:
        ...

    async def call(self, method: Method[R], build: Callable[[int], Fields], timeout: float | None) -> R:
        ...

    async def notify(self, method: Method[None], build: Callable[[], Fields], timeout: float | None) -> None:
        ...

    async def upload(self, method: Method[R], build: Callable[[int, Chunk], Fields], content: bytes | Content, timeout: float | None) -> R:
        ...

    async def transfer(self, method: Method[None], build: Callable[[Chunk], Fields], content: bytes | Content, timeout: float | None) -> None:
        ...
