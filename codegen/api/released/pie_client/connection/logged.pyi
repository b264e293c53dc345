from __future__ import annotations
import functools
import logging
import time
from types import TracebackType
from typing import Protocol
from pie_client._generated.calls import Caller
from pie_client._generated.methods import Method
from pie_client.connection.watched import Watched
from pie_client.errors import ConnectionLostError, DeadlineError, ReconnectError, one_line
from pie_client.logs import LimitedLog
logger = logging.getLogger(__name__)

def logged_callers(caller: Caller) -> tuple[Caller, Caller]:
    ...

class _Log(Protocol):

    def log(self, level: int, text: str, /, *args: object) -> None:
        ...

class _Outcome:
    __slots__ = ('_begin', '_log', '_success', '_tag', 'corr_id')

    def __init__(self) -> None:
        self.corr_id = ...

    def __enter__(self) -> None:
        ...

    def __exit__(self, _type: type[BaseException] | None, error: BaseException | None, _traceback: TracebackType | None) -> None:
        ...
