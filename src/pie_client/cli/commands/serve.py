"""The command ``pie-client serve``."""

from typing import TYPE_CHECKING

import typer

from pie_client.cli import output
from pie_client.cli.running import Status
from pie_client.lazy import LazyModule

if TYPE_CHECKING:
    from pie_client.testing.terminal import command
else:
    command = LazyModule("pie_client.testing.terminal.command")


def serve(context: typer.Context) -> None:
    """Run an embedded engine on this machine, without a model."""
    status = command.main(context.args, name=f"{output.NAME} serve")
    raise typer.Exit(Status.REFUSED if status == 1 else status)
