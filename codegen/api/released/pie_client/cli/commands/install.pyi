import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
import typer
from pie_client import PieClient
from pie_client.cli import options, output
from pie_client.cli.running import FailedError, UsageError
from pie_client.cli.server import Server
from pie_client.errors import ProgramExistsError
from pie_client.lazy import LazyModule
from rich import console as rich_console
from rich import progress as rich_progress

@options.connecting
async def install(server: Server, build: Annotated[Path | None, typer.Argument(metavar='FILE', help='The build, as --path.', show_default=False)]=None, path: options.Build=None, manifest: options.Manifest=None, force: Annotated[bool, typer.Option('--force', '-f', help='Replace an installed program.')]=False) -> None:
    ...

async def upload(client: PieClient, path: Path, manifest: Path, *, force: bool) -> str:
    ...
