from __future__ import annotations
import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar
from pie_client.process import Process
from pie_client.protocol.items import ProcessEvent
from pie_client.protocol.routes import Route
from pie_client.sync.loop_thread import LoopThread
T = TypeVar('T')
MOST_BYTES: Final = 64 << 10
SHARE_PART: Final = 16
FRESH_SECONDS: Final = 0.5

class Reading:
    __slots__ = ('_calls', '_fresh_until', '_process', '_thread')

    def __init__(self, thread: LoopThread, process: Process[object]) -> None:
        ...

    def wait(self, begin: Callable[[], Awaitable[T]]) -> T:
        ...

    def leave(self, begin: Callable[[], Awaitable[None]]) -> None:
        ...

    def do(self, work: Callable[[], T]) -> T:
        ...

    def step(self, begin: Callable[[], Awaitable[ProcessEvent]]) -> ProcessEvent:
        ...
