from __future__ import annotations
import asyncio
import contextlib
import contextvars
import os
import threading
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Generator, Iterable, Mapping, Sized
from queue import SimpleQueue
from typing import TYPE_CHECKING, Final, Generic, TypeAlias, TypeVar, cast
from pie_client.connection import contents
T = TypeVar('T')
Source: TypeAlias = bytes | os.PathLike[str] | Iterable[bytes]

class Feed(AsyncIterable[T], Generic[T]):

    def __init__(self) -> None:
        ...

    async def __aiter__(self) -> AsyncGenerator[T]:
        ...

class SizedFeed(Feed[T]):

    def __len__(self) -> int:
        ...

def as_inputs(inputs: Iterable[T]) -> Iterable[T] | AsyncIterable[T]:
    ...

def as_source(source: Source) -> contents.Source:
    ...
