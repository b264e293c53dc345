import json
import sys
import threading
from collections.abc import AsyncGenerator, Callable, Generator, Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO, cast
import typer
from pie_client.cli import inputs, options, output, wording
from pie_client.cli.running import Status, UsageError
from pie_client.cli.server import Server
from pie_client.cli.settings import Value, seconds_of
from pie_client.errors import one_line
from pie_client.lazy import LazyModule
import asyncio
import io
from rich import console as rich_console
from rich import progress as rich_progress
from pie_client import MapProgress, MapResult, mapping
from pie_client.cli import following
JOURNAL = '.journal'
Source = ...
Target = ...
KeptIn = ...
Concurrency = Annotated[int, typer.Option('--concurrency', '-j', min=1, help='Most processes at a time.')]
Unordered = Annotated[bool, typer.Option('--unordered', help='Write each answer as soon as there is one.')]
OnError = ...
Retries = Annotated[int, typer.Option('--retries', min=0, help='How often an interrupted input may run again.')]
Limit = Annotated[str | None, typer.Option('--limit', metavar='SECONDS', help='Longest run of an input.', show_default=False)]

@options.connecting
async def map_inputs(server: Server, inferlet: options.Program, source: Source, target: Target=None, journal: KeptIn=None, concurrency: Concurrency=32, unordered: Unordered=False, on_error: OnError='return', retries: Retries=0, limit: Limit=None) -> int:
    ...

class _Answers:

    def __init__(self, target: Path | None, stack: ExitStack) -> None:
        ...

    def begin(self) -> None:
        ...

    def write(self, value: object) -> None:
        ...
