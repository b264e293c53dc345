import asyncio
import base64
import contextlib
import io
import json
import linecache
import os
import selectors
import signal
import socket
import sys
import threading
import types
from collections import deque
from collections.abc import Callable
from traceback import TracebackException
from typing import Any, BinaryIO, Final, NoReturn, TypeAlias
MESSAGE: Final = 'message'
FILE: Final = 'file'
WANTS_FILE: Final = 'wants file'
STDOUT: Final = 'stdout'
STDERR: Final = 'stderr'
RESULT: Final = 'result'
FAILURE: Final = 'failure'
WRITE_BYTES: Final = 1 << 20
NEEDS_MODEL: Final = ('chat', 'eta', 'grammar', 'mask', 'media', 'model', 'reasoning', 'tokenizer', 'tools')
Send: TypeAlias = Callable[[str, str], None]

class Stream(io.RawIOBase):

    def __init__(self) -> None:
        self.name = ...

    def writable(self) -> bool:
        ...

    def write(self, data: Any, /) -> int:
        ...

class Selector(selectors.DefaultSelector):
    on_idle: Callable[[], None]

    def select(self, timeout: float | None=None) -> list[tuple[selectors.SelectorKey, int]]:
        ...

class Session:

    def __init__(self) -> None:
        self.returned = ...

    @property
    def waits(self) -> bool:
        ...

    def set_return(self, value: Any) -> None:
        ...

    def get_return_value(self) -> Any:
        ...

    def send(self, message: Any) -> None:
        ...

    def send_file(self, data: Any) -> None:
        ...

    async def receive(self) -> str:
        ...

    async def receive_file(self) -> bytes:
        ...

    def take(self, kind: str, value: str | None) -> None:
        ...

    def trap(self, detail: str) -> NoReturn:
        ...

    def end(self, kind: str, value: str) -> NoReturn:
        ...

def add_package(session: Session) -> None:
    ...

def encode(value: Any) -> str:
    ...

def parse(text: str) -> Any:
    ...

def describe(error: BaseException) -> str:
    ...

def limit(limits: dict[str, int]) -> None:
    ...

def isolate(send: Send, filename: str, source: str) -> types.ModuleType:
    ...

async def run(job: dict[str, Any], module: types.ModuleType, session: Session) -> tuple[str, str]:
    ...

def refuse(*_args: object, **_options: object) -> NoReturn:
    ...

def listen(lines: BinaryIO, loop: asyncio.AbstractEventLoop, session: Session) -> None:
    ...

def main() -> None:
    ...
