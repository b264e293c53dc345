"""Synchronous classes for ``pie_client.launching``.

Written by `python -m codegen generate` from the asynchronous classes; never edited.
"""

from __future__ import annotations

from typing import overload

from pie_client.launching import P, R
from pie_client.lazy import LazyModule

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which would load typing
if TYPE_CHECKING:
    import pydantic

    from pie_client import launching as aio
    from pie_client.programs import functions
    from pie_client.sync import loop_thread
    from pie_client.sync._generated import process as sync_process
else:
    functions = LazyModule("pie_client.programs.functions")
    pydantic = LazyModule("pydantic")
    aio = LazyModule("pie_client.launching")
    loop_thread = LazyModule("pie_client.sync.loop_thread")
    sync_process = LazyModule("pie_client.sync._generated.process")


class Runner:
    """Launches programs with the options that were passed to :meth:`PieClient.run_with`."""

    __slots__ = ("__weakref__", "_async", "_thread")

    def __init__(self, thread: loop_thread.LoopThread, asynchronous: aio.Runner) -> None:
        self._thread = thread
        self._async = asynchronous

    @overload
    def __call__(
        self, program: functions.Inferlet[P, R], /, *args: P.args, **kwargs: P.kwargs
    ) -> sync_process.Process[R]: ...

    @overload
    def __call__(self, program: str, /, **kwargs: object) -> sync_process.Process[pydantic.JsonValue]: ...

    def __call__(self, /, *args: object, **kwargs: object) -> sync_process.Process[object]:
        return sync_process.Process(
            self._thread, self._thread.wait(lambda: loop_thread.untyped(self._async)(*args, **kwargs))
        )

    def __repr__(self) -> str:
        return repr(self._async)


__all__ = ["Runner"]
