from collections.abc import Callable
from typing import Annotated
import typer
from pie_client import __version__
from pie_client.cli import output, running, starting
from pie_client.cli.commands import attach, check, configuration, install, mapping, ping, processes, resolve, serve, signalling, status, submit, terminate
app = ...
COMMANDS: dict[str, Callable[..., object]] = ...

def run(arguments: list[str]) -> int:
    ...
