import typer
from pie_client.cli import output
from pie_client.lazy import LazyModule
TYPE_CHECKING = False
from pie_client.testing.terminal import command
SETTINGS = {'ignore_unknown_options': True, 'allow_extra_args': True, 'help_option_names': list[str]()}

def serve(context: typer.Context) -> None:
    ...
