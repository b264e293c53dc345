"""The command ``pie-client types``."""

from typing import TYPE_CHECKING

import typer

from pie_client.cli import output
from pie_client.lazy import LazyModule

if TYPE_CHECKING:
    from pie_client.typed import command
else:
    command = LazyModule("pie_client.typed.command")


def types(context: typer.Context) -> None:
    """Write a Python module with typed launches of a program."""
    raise typer.Exit(command.main(context.args, name=f"{output.NAME} types"))
