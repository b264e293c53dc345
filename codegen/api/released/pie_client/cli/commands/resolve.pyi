from typing import Annotated
import typer
from pie_client import PieClient
from pie_client._generated.families import DEFAULT_URI
from pie_client.cli import options, output, running, settings
from pie_client.cli.running import UsageError
from pie_client.cli.settings import seconds_of
from pie_client.interrupts import Interrupts

def resolve(name: Annotated[str, typer.Argument(metavar='NAME', help='Program without version.', show_default=False)], registry: options.Registry=None, timeout: options.Timeout=None, config: options.Config=None, verbose: options.Verbose=0) -> None:
    ...
