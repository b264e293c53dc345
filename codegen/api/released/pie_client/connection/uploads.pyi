from __future__ import annotations
import asyncio
import contextlib
import functools
import weakref
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Protocol, TypeVar
from pie_client._generated.methods import Method
from pie_client.connection.deadline import Deadline, ProgressLock
from pie_client.connection.transport import Transport
from pie_client.content import Chunk, Content
from pie_client.errors import ConnectionLostError, DeadlineError, InvalidArgumentError, ProtocolError, interrupted_by
from pie_client.lazy import LazyModule
from pie_client.protocol.calls import PendingCall
from pie_client.protocol.codec import Fields
from pie_client.protocol.session import Session
from pie_client.connection import contents
R = TypeVar('R')
WriteChunk = Callable[[Chunk, bytes | memoryview], None]

class Channel(Protocol):

    @property
    def paused(self) -> bool:
        ...

    def update_flow(self) -> None:
        ...

    def deadline(self, method: Method[object], timeout: float | None, *, sent: bool=True) -> Deadline:
        ...

    def deadline_error(self, error: DeadlineError, call: PendingCall[R]) -> DeadlineError:
        ...

    async def ensure_identified(self, method: Method[object]) -> None:
        ...

    def close_call(self, call: PendingCall[R]) -> None:
        ...

    def keep_receiving_if_stalled(self) -> AbstractContextManager[None]:
        ...

    async def drain(self) -> None:
        ...

class Uploads:

    def __init__(self) -> None:
        self.transport = ...

    async def upload(self, method: Method[R], build: Callable[[int, Chunk], Fields], content: bytes | Content, timeout: float | None) -> R:
        ...

    async def transfer(self, method: Method[None], build: Callable[[Chunk], Fields], content: bytes | Content, timeout: float | None) -> None:
        ...
