from __future__ import annotations
import asyncio
import contextlib
import math
import os
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Callable, Coroutine, Iterable, Sized
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Generic, Literal, NoReturn, Protocol, Self, TypeAlias, TypeVar, cast
from pie_client import results
from pie_client._generated.refusals import StreamAbortedError
from pie_client.connection.options import check_function, check_seconds
from pie_client.connection.threads import settle
from pie_client.connection.threads import start as start_thread
from pie_client.copies import refuse
from pie_client.errors import ConnectionLostError, DeadlineError, InvalidArgumentError, PieConnectionError, PieError
from pie_client.inputs import Inputs
from pie_client.launching import Options, as_json
from pie_client.lazy import LazyModule
from pie_client.owned import EXIT_SECONDS
from pie_client.paths import as_path
from pie_client.programs.functions import as_function
from pie_client import journal as journals
from pie_client.connected import Connected
T = TypeVar('T')
I_co = TypeVar('I_co', covariant=True)
I_contra = TypeVar('I_contra', contravariant=True)
T_co = TypeVar('T_co', covariant=True)
AHEAD = 2
UNREAD_BYTES = 1 << 20
ON_ERROR = ('raise', 'return', 'skip')
OnError: TypeAlias = Literal['raise', 'return', 'skip']

class MapFunction(Protocol[I_contra, T_co]):

    @property
    def program(self) -> str:
        ...

    def __call__(self, input: I_contra, /) -> Coroutine[object, object, T_co]:
        ...

@dataclass(frozen=True, slots=True)
class MapResult(Generic[I_co, T_co]):
    index: int
    input: I_co
    error: PieError | None = None
    text: str = ''
    replayed: bool = False

    @property
    def value(self) -> T_co:
        ...

@dataclass(frozen=True, slots=True, kw_only=True)
class MapProgress:
    done: int
    failed: int
    retried: int
    running: int
    replayed: int
    total: int | None

def is_interrupted(error: PieError) -> bool:
    ...

class Map(AsyncIterator[MapResult[I_co, T_co]]):
    __slots__ = ('__weakref__', '_work')

    def __init__(self) -> None:
        ...

    def __aiter__(self) -> Self:
        ...

    async def __anext__(self) -> MapResult[I_co, T_co]:
        ...

    async def __aenter__(self) -> Self:
        ...

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        ...

    async def aclose(self) -> None:
        ...

    @property
    def progress(self) -> MapProgress:
        ...
    is_interrupted = staticmethod(is_interrupted)

    def __repr__(self) -> str:
        ...

    def __reduce__(self) -> NoReturn:
        ...

    def __del__(self) -> None:
        ...

class Plan:

    def __init__(self) -> None:
        self.function = ...
        self.program = ...
        self.concurrency = ...
        self.retries = ...
        self.retry = ...
        self.timeout = ...
        self.on_error = ...
        self.ordered = ...
        self.on_progress = ...
        self.journal = ...
        self.options = ...

    def encode(self, value: object) -> str:
        ...

    def decode(self, process_id: str, text: str) -> object:
        ...

class _Work:

    def __init__(self) -> None:
        self.plan = ...

    async def next_result(self) -> MapResult[object, object]:
        ...

    async def stop(self) -> None:
        ...

    def abandon(self) -> None:
        ...

    def progress(self) -> MapProgress:
        ...

def start(connected: Connected, plan: Plan, inputs: Iterable[object] | AsyncIterable[object]) -> Map[object, object]:
    ...
