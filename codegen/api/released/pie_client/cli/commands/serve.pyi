from typing import TYPE_CHECKING
import typer
from pie_client.cli import output
from pie_client.cli.running import Status
from pie_client.lazy import LazyModule
from pie_client.testing.terminal import command

def serve(context: typer.Context) -> None:
    ...
