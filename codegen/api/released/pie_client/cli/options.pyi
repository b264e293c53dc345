import inspect
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any, Concatenate, ParamSpec
import typer
from pie_client.cli import running, settings
from pie_client.cli.server import Server
from pie_client.interrupts import Interrupts
P = ParamSpec('P')
PANEL = 'Connection'

def setting_option(name: str) -> Any:
    ...
Config = ...
Verbose = ...
Trace = ...
AsJson = Annotated[bool, typer.Option('--json', help='Write JSON.')]
FLAGS = tuple((name for name, setting in settings.SETTINGS.items() if not setting.secret and name != 'registry'))
DEFAULTS = {'verbose': 0, 'trace': False}

def connecting(function: Callable[Concatenate[Server, P], Awaitable[int | None]]) -> Callable[..., None]:
    ...
Build = ...
Manifest = ...

def manifest_of(build: Path, manifest: Path | None) -> Path:
    ...
Prefix = Annotated[str, typer.Argument(metavar='ID', help='Id of the process, or its unique beginning.', show_default=False)]
Registry = Annotated[str | None, setting_option('registry')]
Timeout = Annotated[str | None, setting_option('timeout')]
SaveFiles = Annotated[Path | None, typer.Option('--save-files', metavar='DIR', help='Save the files that the program sends.')]
EventsAsJson = Annotated[bool, typer.Option('--json', help='Write each event as one line of JSON.')]
Program = Annotated[str, typer.Argument(metavar='NAME@VERSION', help='Program.', show_default=False)]
PASSED_ON = {'ignore_unknown_options': True, 'allow_extra_args': True, 'help_option_names': list[str]()}
