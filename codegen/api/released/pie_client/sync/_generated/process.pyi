from __future__ import annotations
from collections.abc import Generator
from types import TracebackType
from typing import Generic, Self, overload
from pie_client._generated.events import ErrorEvent, Event, StdoutEvent
from pie_client.lazy import LazyModule
from pie_client.process import R_co, T
from pie_client.protocol.items import ProcessEvent
TYPE_CHECKING = False
import pydantic
from pie_client import process as aio
from pie_client._generated import refusals
from pie_client.connection import contents
from pie_client.sync import feeds, loop_thread, reading

class Process(Generic[R_co]):
    __slots__ = ('__weakref__', '_async', '_thread')

    def __init__(self) -> None:
        ...

    @property
    def process_id(self) -> str:
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

    def __enter__(self) -> Self:
        ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        ...

    def __iter__(self) -> Self:
        ...

    def __next__(self) -> ProcessEvent:
        ...

    def recv(self, *, timeout: float | None=None) -> tuple[Event, str | bytes]:
        ...

    def text(self) -> Generator[str]:
        ...

    def wait(self, *, timeout: float | None=None) -> str:
        ...

    @overload
    def result(self, *, timeout: float | None=None) -> R_co:
        ...

    @overload
    def result(self, as_type: type[T] | pydantic.TypeAdapter[T], *, timeout: float | None=None) -> T:
        ...

    def result(self, as_type: type[T] | pydantic.TypeAdapter[T] | None=None, *, timeout: float | None=None) -> T | R_co:
        ...

    def signal(self, message: str, *, timeout: float | None=None) -> None:
        ...

    def transfer_file(self, file_bytes: feeds.Source, *, progress: contents.Progress | None=None, timeout: float | None=None) -> None:
        ...

    def terminate(self, *, timeout: float | None=None) -> None:
        ...

    def close(self) -> None:
        ...

    def detach(self) -> str:
        ...

    def __repr__(self) -> str:
        ...

    def __reduce__(self) -> str | tuple[object, ...]:
        ...
__all__ = ['Process']
