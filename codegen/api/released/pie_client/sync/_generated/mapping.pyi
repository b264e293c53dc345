from __future__ import annotations
from collections.abc import Iterator
from types import TracebackType
from typing import Self
from pie_client.lazy import LazyModule
from pie_client.mapping import I_co, MapProgress, MapResult, T_co
TYPE_CHECKING = False
from pie_client import mapping as aio
from pie_client.sync import loop_thread

class Map(Iterator[MapResult[I_co, T_co]]):
    __slots__ = ('__weakref__', '_async', '_thread')

    def __init__(self) -> None:
        ...

    def __iter__(self) -> Self:
        ...

    def __next__(self) -> MapResult[I_co, T_co]:
        ...

    def __enter__(self) -> Self:
        ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        ...

    def close(self) -> None:
        ...

    @property
    def progress(self) -> MapProgress:
        ...
    is_interrupted = staticmethod(aio.is_interrupted)

    def __repr__(self) -> str:
        ...

    def __reduce__(self) -> str | tuple[object, ...]:
        ...
__all__ = ['Map']
