from __future__ import annotations
import asyncio
import atexit
import concurrent.futures
import contextlib
import functools
import os
import sys
import threading
import weakref
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from typing import Any, Protocol, TypeVar, cast
from pie_client.errors import InvalidArgumentError, NotConnectedError, UnsupportedError
T = TypeVar('T')
EXIT_SECONDS = 5.0
WAKE_SECONDS = 0.1

class _Closable(Protocol):

    async def close(self) -> None:
        ...

class LoopThread:

    def __init__(self) -> None:
        self.forked = ...

    def keep(self, client: _Closable) -> None:
        ...

    def wait(self, begin: Callable[[], Awaitable[T]]) -> T:
        ...

    def leave(self, begin: Callable[[], Awaitable[None]]) -> None:
        ...

    def do(self, work: Callable[[], T]) -> T:
        ...

    def step(self, begin: Callable[[], Awaitable[T]]) -> T:
        ...

    def iterate(self, begin: Callable[[], AsyncGenerator[T]]) -> Generator[T]:
        ...

    def stop(self) -> None:
        ...

def running() -> LoopThread:
    ...

def untyped(function: object) -> Callable[..., Any]:
    ...
