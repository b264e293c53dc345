import contextlib
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
import typer
from pie_client._generated.families import DEFAULT_URI
from pie_client.cli import options, output, settings, starting
from pie_client.cli.running import UsageError
from pie_client.lazy import LazyModule
import tomli_w
app = typer.Typer(cls=starting.Group, no_args_is_help=True, help='Show and change the settings of this command.')

@app.command('init', cls=starting.Command)
def init(force: Annotated[bool, typer.Option('--force', '-f', help='Replace an existing file.')]=False, config: options.Config=None) -> None:
    ...

@app.command('show', cls=starting.Command)
def show(as_json: options.AsJson=False, config: options.Config=None) -> None:
    ...

@app.command('set', cls=starting.Command)
def set_value(name: Annotated[str, typer.Argument(metavar='NAME', help=', '.join(settings.SETTINGS), show_default=False, autocompletion=lambda: list(settings.SETTINGS))], value: Annotated[str | None, typer.Argument(metavar='VALUE', help='Leave it out to remove the setting.', show_default=False)]=None, config: options.Config=None) -> None:
    ...
