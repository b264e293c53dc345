"""The command ``pie-client serve``."""

import typer

from pie_client.cli import output
from pie_client.lazy import LazyModule

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pie_client.testing.terminal import command
else:
    command = LazyModule("pie_client.testing.terminal.command")

SETTINGS = {"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": list[str]()}


def serve(context: typer.Context) -> None:
    """Run an embedded engine on this machine, without a model."""
    raise typer.Exit(command.main(context.args, name=f"{output.NAME} serve"))
