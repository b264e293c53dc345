from __future__ import annotations
import contextlib
import os
import signal
from collections.abc import Callable, Generator
from types import FrameType
from typing import TYPE_CHECKING
import asyncio
BROKEN_PIPE_STATUS = 128 + 13

class Interrupts:

    def __init__(self) -> None:
        self.signal = ...

    @contextlib.contextmanager
    def handled(self) -> Generator[None]:
        ...

    def call(self, function: Callable[[], object], loop: asyncio.AbstractEventLoop) -> None:
        ...

    @contextlib.contextmanager
    def raised(self) -> Generator[None]:
        ...
