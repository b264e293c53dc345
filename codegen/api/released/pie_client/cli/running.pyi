from __future__ import annotations
import contextlib
import logging
import signal
import sys
from collections.abc import Callable, Coroutine, Generator
from enum import IntEnum
from typing import TYPE_CHECKING
from pie_client.cli import output, wording
from pie_client.errors import DeadlineError, HandshakeError, InvalidArgumentError, InvalidKeyError, PieConnectionError, PieError, ProcessError, RegistryError, one_line
from pie_client.interrupts import BROKEN_PIPE_STATUS, Interrupts
from pie_client.lazy import LazyModule
import asyncio
import traceback
from pie_client._generated import families, refusals

class Status(IntEnum):
    OK = 0
    FAILED = 1
    USAGE = 2
    CONNECTION = 3
    AUTHENTICATION = 4
    REFUSED = 5
LEVELS = (logging.WARNING, logging.INFO, logging.DEBUG)

class UsageError(Exception):
    ...

class FailedError(Exception):

    def __init__(self) -> None:
        self.status = ...

def run(work: Callable[[Interrupts], Coroutine[object, object, int | None]], *, verbose: int=0) -> int:
    ...

def guarded(work: Callable[[], int | None], interrupts: Interrupts | None=None, *, verbose: int=0) -> int:
    ...
