import time
from typing import TYPE_CHECKING, Annotated
import typer
from pie_client.cli import options, output
from pie_client.cli.server import Server, describe
from pie_client.lazy import LazyModule
import asyncio
import statistics
INTERVAL = 1.0

@options.connecting
async def ping(server: Server, count: Annotated[int, typer.Option('--count', '-c', min=1, help='Number of pings.')]=1, interval: Annotated[float, typer.Option('--interval', '-i', min=0, help='Seconds between two.')]=INTERVAL, as_json: options.AsJson=False) -> None:
    ...
