from __future__ import annotations
from typing import overload
from pie_client.launching import P, R
from pie_client.lazy import LazyModule
TYPE_CHECKING = False
import pydantic
from pie_client import launching as aio
from pie_client.programs import functions
from pie_client.sync import loop_thread
from pie_client.sync._generated import process as sync_process

class Runner:
    __slots__ = ('__weakref__', '_async', '_thread')

    def __init__(self) -> None:
        ...

    @overload
    def __call__(self, program: functions.Inferlet[P, R], /, *args: P.args, **kwargs: P.kwargs) -> sync_process.Process[R]:
        ...

    @overload
    def __call__(self, program: str, /, **kwargs: object) -> sync_process.Process[pydantic.JsonValue]:
        ...

    def __call__(self, /, *args: object, **kwargs: object) -> sync_process.Process[object]:
        ...

    def __repr__(self) -> str:
        ...
__all__ = ['Runner']
