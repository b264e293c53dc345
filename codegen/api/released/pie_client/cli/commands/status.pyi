import sys
from typing import TYPE_CHECKING, Annotated
import typer
from pie_client._generated.families import MODEL_STATUS
from pie_client.cli import options, output
from pie_client.cli.running import FailedError
from pie_client.cli.server import Server
from pie_client.errors import one_line
from pie_client.lazy import LazyModule
import asyncio
from rich import console as rich_console
from rich import live as rich_live
from rich import text as rich_text
from pie_client import models
EVERY = 1.0

@options.connecting
async def status(server: Server, word: Annotated[str, typer.Argument(metavar='WORD', help='Show statistics with this in their name.', show_default=False)]='', watch: Annotated[bool, typer.Option('--watch', '-w', help='Show them again and again.')]=False, interval: Annotated[float, typer.Option('--interval', '-i', min=0.01, help='Seconds between.')]=EVERY, as_json: Annotated[bool, typer.Option('--json', help='Write one line of JSON each time.')]=False) -> None:
    ...
