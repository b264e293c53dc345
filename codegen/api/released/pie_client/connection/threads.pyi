from __future__ import annotations
import asyncio
import contextlib
from collections.abc import Callable
from typing import TypeVar, TypeVarTuple
from pie_client.errors import UnsupportedError
A = TypeVarTuple('A')
R = TypeVar('R')

def start(work: Callable[[*A], R], /, *args: *A) -> asyncio.Future[R]:
    ...

async def settle(running: asyncio.Future[R]) -> None:
    ...

async def in_thread(work: Callable[[*A], R], /, *args: *A) -> R:
    ...

def check_asyncio() -> None:
    ...
