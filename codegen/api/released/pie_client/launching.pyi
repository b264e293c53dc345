from __future__ import annotations
import asyncio
import json
import logging
import secrets
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, ParamSpec, Protocol, TypeVar, overload
from pie_client._generated.families import FAMILIES
from pie_client._generated.methods import ATTACH_PROCESS, LAUNCH_PROCESS, LAUNCH_PROCESSES, Method
from pie_client.connection.connection import Connection
from pie_client.connection.options import Settings, check_seconds, check_when_full
from pie_client.connection.probe import probe
from pie_client.connection.waiting import Lock
from pie_client.errors import InvalidArgumentError, NotAttachedError, PieError, ProtocolError, RefusedError, UnsupportedError
from pie_client.lazy import LazyModule
from pie_client.process import Process
from pie_client.protocol.routes import Dropped, Route, canonical_id
from pie_client.protocol.shares import Share, WhenFull
import pydantic
import pydantic_core
from pie_client import owned
from pie_client._generated.models import ProcessInfo
from pie_client.programs import functions
P = ParamSpec('P')
R = TypeVar('R')
logger = logging.getLogger(__name__)
WHITE_SPACE = ' \t\n\r'
MARK_CHARACTERS = 40

class Runner(Protocol):

    @overload
    async def __call__(self, program: functions.Inferlet[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Process[R]:
        ...

    @overload
    async def __call__(self, program: str, /, **kwargs: object) -> Process[pydantic.JsonValue]:
        ...

class Options(NamedTuple):
    capture: bool = True
    budget: int | None = None
    terminate_on_exit: bool = False
    max_buffered: int | None = None
    when_full: WhenFull | None = None
    timeout: float | None = None

def check_options(settings: Settings, capture_outputs: bool=True, token_budget: int | None=None, terminate_on_exit: bool=False, *, max_buffered: int | None=None, when_full: WhenFull | None=None, timeout: float | None=None) -> Options:
    ...

class Launcher:

    def __init__(self) -> None:
        ...

    def forget(self) -> None:
        ...

    async def launch(self, inferlet: str, input_text: str, options: Options) -> Process[Any]:
        ...

    async def launch_many(self, inferlet: str, input_texts: Sequence[str], budgets: list[int | None] | None, options: Options) -> list[Process[Any]]:
        ...

    async def attach(self, process_id: str, options: Options) -> Process[Any]:
        ...

    async def list_processes(self, *, timeout: float | None) -> list[ProcessInfo]:
        ...

    async def check_batches(self, method: Method[object], inferlet: str, timeout: float | None) -> None:
        ...

def as_inputs(inputs: Iterable[object]) -> list[str]:
    ...

def as_budgets(budgets: Iterable[int | None] | None) -> list[int | None] | None:
    ...

def check_many(name: str, given: object) -> None:
    ...

def as_json(value: object) -> str:
    ...
