from __future__ import annotations
import asyncio
import math
from collections.abc import Callable, Iterable
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Self, TypeVar
from pie_client.connection.options import check_seconds
from pie_client.connection.waiting import Lock
from pie_client.errors import DeadlineError
from pie_client.protocol.calls import PendingCall
R = TypeVar('R')
EXPIRY_SECONDS = 0.01

class CallTimer:

    def __init__(self, loop: asyncio.AbstractEventLoop, calls: Iterable[PendingCall[object]], expire: Callable[[PendingCall[object]], None]) -> None:
        ...

    def watch(self, call: PendingCall[R], seconds: float, expires: float) -> None:
        ...

    def close(self) -> None:
        ...

class Deadline:

    def __init__(self, what: str, seconds: float, *, sent: bool=True, was_suspended: Callable[[float], bool] | None=None) -> None:
        self.sent = ...

    async def __aenter__(self) -> Self:
        ...

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        ...

    def extend(self) -> None:
        ...

    def disable(self) -> None:
        ...

class WaitLimit(Deadline):

    def __init__(self, failure: str, timeout: float | None) -> None:
        ...

def deadline_text(what: str, seconds: float) -> str:
    ...

class ProgressLock:

    def __init__(self) -> None:
        self.lock = ...
        self.waiting = ...

    def hold(self, deadline: Deadline) -> AbstractAsyncContextManager[None]:
        ...

    def report_progress(self) -> None:
        ...

class _Hold(AbstractAsyncContextManager[None]):

    def __init__(self) -> None:
        ...

    async def __aenter__(self) -> None:
        ...

    async def __aexit__(self, *_: object) -> None:
        ...
