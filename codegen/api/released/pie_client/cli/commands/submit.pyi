from pathlib import Path
from typing import TYPE_CHECKING, Annotated
import typer
from pie_client import PieClient
from pie_client.cli import inputs, options, output, running
from pie_client.cli.running import UsageError
from pie_client.cli.server import Server
from pie_client.errors import PieError
from pie_client.lazy import LazyModule
import asyncio
from pie_client import Process
from pie_client.cli import following
from pie_client.cli.commands import install
from pie_client.programs import manifest as manifests
Force = Annotated[bool, typer.Option('--force', '-f', help='Replace an installed program by --path.')]
Text = Annotated[str | None, typer.Option('--input', metavar='JSON', help='Input; - reads standard input.')]
InputFile = Annotated[Path | None, typer.Option('--input-file', help='File with the input as JSON; - is standard input.')]
Detach = Annotated[bool, typer.Option('--detach', '-d', help='Print the id and leave; the process goes on, its output is lost.')]
TokenBudget = Annotated[int | None, typer.Option('--token-budget', min=0, help='Most tokens of the process (0.3, 0.4).')]

@options.connecting
async def submit(server: Server, context: typer.Context, inferlet: Annotated[str | None, typer.Argument(metavar='NAME@VERSION', help='Installed program.', show_default=False)]=None, path: options.Build=None, manifest: options.Manifest=None, force: Force=False, text: Text=None, file: InputFile=None, save_files: options.SaveFiles=None, detach: Detach=False, token_budget: TokenBudget=None, as_json: options.EventsAsJson=False) -> int | None:
    ...
