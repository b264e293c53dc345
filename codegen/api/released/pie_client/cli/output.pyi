from __future__ import annotations
import contextlib
import io
import json
import os
import sys
from collections.abc import Generator, Iterable, Sequence
from typing import TYPE_CHECKING, Literal, TextIO
from pie_client.errors import one_line
from pie_client.lazy import LazyModule
import rich.cells as rich_cells
import rich.console as rich_console
import rich.table as rich_table
NAME = 'pie-client'
WIDE = 100000
GAP = 2

class OutputClosedError(Exception):
    ...

def prepare() -> None:
    ...

def write(text: str) -> None:
    ...

@contextlib.contextmanager
def writing() -> Generator[None]:
    ...

def write_line(text: str) -> None:
    ...

def write_json(value: object) -> None:
    ...

def write_error(text: str) -> None:
    ...

def note(text: str) -> None:
    ...

def end_line() -> None:
    ...

def table(headers: Sequence[str], rows: Iterable[Sequence[object]], *, right: Sequence[str]=(), cut: str='') -> str:
    ...

def counted(number: int, noun: str) -> str:
    ...

def on_terminal(stream: TextIO | None) -> bool:
    ...
