"""Signals that ask a command to end."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Generator
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio

BROKEN_PIPE_STATUS = 128 + 13
"""Exit status of a command that SIGPIPE ends, as shells report it."""


class Interrupts:
    """Signals that ask a command to end. Until :meth:`call` the first one raises KeyboardInterrupt; a second one exits at once.

    Attributes:
        signal: The first one, or None.
    """

    def __init__(self) -> None:
        self.signal: int | None = None
        self._function: Callable[[], object] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    @contextlib.contextmanager
    def handled(self) -> Generator[None]:
        """Handle signals in a block, which is entered in the main thread."""
        numbers = {signal.SIGINT, signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGINT)}
        ignored = {number for number in numbers if signal.getsignal(number) is signal.SIG_IGN}  # by nohup
        handlers = {number: signal.signal(number, self._handle) for number in numbers - ignored}
        try:
            yield
        finally:
            if self.signal is None:  # else they are handled until the interpreter has joined all threads
                for number, handler in handlers.items():
                    signal.signal(number, handler)

    def call(self, function: Callable[[], object], loop: asyncio.AbstractEventLoop) -> None:
        """Call a function in an event loop at the first signal, from now on."""
        self._function, self._loop = function, loop

    @contextlib.contextmanager
    def raised(self) -> Generator[None]:
        """Raise KeyboardInterrupt at the first signal in a block that keeps the event loop from running, such as a prompt."""
        function, self._function = self._function, None
        try:
            yield
        finally:
            self._function = function

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        if self.signal is not None:
            os._exit(128 + number)
        self.signal = number
        if self._function is None:
            raise KeyboardInterrupt
        self._call_soon(self._function)

    def _call_soon(self, function: Callable[[], object]) -> None:
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # it is closed
                self._loop.call_soon_threadsafe(function)
