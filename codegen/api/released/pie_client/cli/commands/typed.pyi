from typing import TYPE_CHECKING
import typer
from pie_client.cli import output
from pie_client.lazy import LazyModule
from pie_client.typed import command

def types(context: typer.Context) -> None:
    ...
