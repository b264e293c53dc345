"""Synchronous classes for ``pie_client.maps.mapping``.

Written by `python -m codegen generate` from the asynchronous classes; never edited.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType
from typing import Self

from pie_client.lazy import LazyModule
from pie_client.maps.mapping import I_co, MapProgress, MapResult, T_co

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which would load typing
if TYPE_CHECKING:
    from pie_client.maps import mapping as aio
    from pie_client.sync import loop_thread
else:
    aio = LazyModule("pie_client.maps.mapping")
    loop_thread = LazyModule("pie_client.sync.loop_thread")


class Map(Iterator[MapResult[I_co, T_co]]):
    """The results of a program over many inputs. :meth:`PieClient.map` returns one.

    Nothing runs before the first result is asked for. The programs that run are terminated when the iteration is left,
    however that happens: at the end of a ``with`` block, which waits for it, or when the last reference is dropped,
    as by a plain ``for``, in the background, unless the client is closed first. An interruption, as by Ctrl-C, may lose what arrives at that moment. Several threads may share one map: each result goes to one of them.
    """

    __slots__ = ("__weakref__", "_async", "_thread")

    def __init__(self, thread: loop_thread.LoopThread, asynchronous: aio.Map[I_co, T_co]) -> None:
        self._thread = thread
        self._async = asynchronous

    def __iter__(self) -> Self:
        self._thread.do(lambda: self._async.__aiter__())
        return self

    def __next__(self) -> MapResult[I_co, T_co]:
        """Wait for the next result.

        Raises:
            PieError: The error of an input, with ``on_error="raise"``, or the end of the connection. OSError and
                InvalidArgumentError: The journal can't be used.
        """
        return self._thread.step(lambda: self._async.__anext__())

    def __enter__(self) -> Self:
        self._thread.wait(lambda: self._async.__aenter__())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thread.leave(lambda: self._async.__aexit__(kind, error, trace))

    def close(self) -> None:
        """End the map: terminate what runs, and wait until the server confirms it, about five seconds at most."""
        self._thread.wait(lambda: self._async.aclose())

    @property
    def progress(self) -> MapProgress:
        """How far the map has come."""
        return self._thread.do(lambda: self._async.progress)

    is_interrupted = staticmethod(aio.is_interrupted)

    def __repr__(self) -> str:
        return repr(self._async)

    def __reduce__(self) -> str | tuple[object, ...]:
        return self._async.__reduce__()


__all__ = ["Map"]
