"""The command ``pie-client install``."""

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

if TYPE_CHECKING:
    from rich import console as rich_console
    from rich import progress as rich_progress
else:
    rich_console = LazyModule("rich.console")
    rich_progress = LazyModule("rich.progress")


@options.connecting
async def install(
    server: Server,
    build: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="The build, as --path.", show_default=False)
    ] = None,
    path: options.Build = None,
    manifest: options.Manifest = None,
    force: Annotated[bool, typer.Option("--force", "-f", help="Replace an installed program.")] = False,
) -> None:
    """Upload a build and install it."""
    file = build or path
    if file is None or None not in (build, path):
        raise UsageError("pass the file of the build, once; see: pie-client install --help")
    place = options.manifest_of(file, manifest)
    async with server.client() as client:
        try:
            output.write_line(await upload(client, file, place, force=force))
        except ProgramExistsError as error:
            raise FailedError(
                f"{place}: the server has this version already; pass --force to replace it, or raise the version"
            ) from error


async def upload(client: PieClient, path: Path, manifest: Path, *, force: bool) -> str:
    """Install a build, with a progress bar on a terminal, and return the program as ``name@version``."""
    if not output.on_terminal(sys.stderr):
        return await client.install_program(path, manifest, force)
    with rich_progress.Progress(
        rich_progress.TextColumn("{task.description}"),
        rich_progress.BarColumn(),
        rich_progress.DownloadColumn(),
        console=rich_console.Console(stderr=True),
        transient=True,
    ) as bar:
        task = bar.add_task(path.name, total=None)
        return await client.install_program(
            path, manifest, force, progress=lambda sent, total: bar.update(task, completed=sent, total=total)
        )
