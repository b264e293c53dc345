from __future__ import annotations
import asyncio
from collections.abc import AsyncGenerator
from enum import Enum
from types import TracebackType
from typing import TYPE_CHECKING, Generic, NoReturn, Self, TypeVar, cast, overload
from pie_client._generated.events import EVENT_CLASS, KIND_OF, ErrorEvent, Event, NamedEvent, StdoutEvent, UnknownEvent
from pie_client._generated.methods import TRANSFER_FILE
from pie_client.connection.connection import Connection
from pie_client.connection.deadline import WaitLimit
from pie_client.copies import refuse
from pie_client.errors import CorruptEventError, Gone, ProcessEndedError, ProtocolError, SlowConsumerError
from pie_client.lazy import LazyModule
from pie_client.protocol.files import FileBytes, FileEvent, in_memory
from pie_client.protocol.items import EVENT_BYTES, CorruptEvent, Named, ProcessEvent
from pie_client.protocol.routes import Dropped, Route
import pydantic
import typing_extensions
from pie_client import results
from pie_client._generated import refusals
from pie_client.connection import contents
R_co = typing_extensions.TypeVar('R_co', covariant=True, default=object)
T = TypeVar('T')

class _End(Enum):
    OPEN = 'open'
    CLOSED = 'closed'
    DETACHED = 'detached'
    RECEIVED = 'received'

class Process(Generic[R_co]):
    __slots__ = ('__weakref__', '_connection', '_end', '_returns', '_route')

    def __init__(self) -> None:
        ...

    def __del__(self) -> None:
        ...

    def __reduce__(self) -> NoReturn:
        ...

    @property
    def process_id(self) -> str:
        ...

    def __repr__(self) -> str:
        ...

    @property
    def possible_gaps(self) -> int:
        ...

    @property
    def buffered(self) -> int:
        ...

    @property
    def dropped(self) -> int:
        ...

    async def __aenter__(self) -> Self:
        ...

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        ...

    def __aiter__(self) -> Self:
        ...

    async def __anext__(self) -> ProcessEvent:
        ...

    async def recv(self, *, timeout: float | None=None) -> tuple[Event, str | bytes]:
        ...

    async def text(self) -> AsyncGenerator[str]:
        ...

    async def wait(self, *, timeout: float | None=None) -> str:
        ...

    @overload
    async def result(self, *, timeout: float | None=None) -> R_co:
        ...

    @overload
    async def result(self, as_type: type[T] | pydantic.TypeAdapter[T], *, timeout: float | None=None) -> T:
        ...

    async def result(self, as_type: type[T] | pydantic.TypeAdapter[T] | None=None, *, timeout: float | None=None) -> T | R_co:
        ...

    async def signal(self, message: str, *, timeout: float | None=None) -> None:
        ...

    async def transfer_file(self, file_bytes: contents.Source, *, progress: contents.Progress | None=None, timeout: float | None=None) -> None:
        ...

    async def terminate(self, *, timeout: float | None=None) -> None:
        ...

    def close(self) -> None:
        ...

    def detach(self) -> str:
        ...
GONE = Gone('no Process.output: result() keeps no output; read the events with `async for`, or text()')

def set_returns(process: Process, annotation: object) -> None:
    ...
