"""The command ``pie-client submit``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pie_client import PieClient
from pie_client.cli import inputs, options, output, running
from pie_client.cli.running import UsageError
from pie_client.cli.server import Server
from pie_client.errors import PieError
from pie_client.lazy import LazyModule

if TYPE_CHECKING:
    import asyncio

    from pie_client import Process
    from pie_client.cli import following
    from pie_client.cli.commands import install
    from pie_client.programs import manifest as manifests
else:
    asyncio = LazyModule("asyncio")
    following = LazyModule("pie_client.cli.following")
    install = LazyModule("pie_client.cli.commands.install")
    manifests = LazyModule("pie_client.programs.manifest")


Force = Annotated[bool, typer.Option("--force", "-f", help="Replace an installed program by --path.")]
Text = Annotated[str | None, typer.Option("--input", metavar="JSON", help="Input; - reads standard input.")]
InputFile = Annotated[
    Path | None, typer.Option("--input-file", help="File with the input as JSON; - is standard input.")
]
Detach = Annotated[
    bool,
    typer.Option("--detach", "-d", help="Print the id and leave; the process goes on, its output is lost."),
]
TokenBudget = Annotated[
    int | None, typer.Option("--token-budget", min=0, help="Most tokens of the process (0.3, 0.4).")
]


@options.connecting
async def submit(
    server: Server,
    context: typer.Context,
    inferlet: Annotated[
        str | None, typer.Argument(metavar="NAME@VERSION", help="Installed program.", show_default=False)
    ] = None,
    path: options.Build = None,
    manifest: options.Manifest = None,
    force: Force = False,
    text: Text = None,
    file: InputFile = None,
    save_files: options.SaveFiles = None,
    detach: Detach = False,
    token_budget: TokenBudget = None,
    as_json: options.EventsAsJson = False,
) -> int | None:
    """Launch a program and show its output.

    Flags after -- become the input: pie-client submit text-completion@0.1.0 -- --prompt hi --max-tokens 64

    Ctrl-C terminates the process; a second one leaves at once.
    """
    if (inferlet is None) == (path is None):
        raise UsageError("pass NAME@VERSION or --path FILE; see: pie-client submit --help")
    place = manifest if path is None else options.manifest_of(path, manifest)
    parameters = None if place is None else inputs.read_parameters(place)
    given = inputs.make_input(text, file, context.obj, parameters)
    async with server.client() as client:
        if path is not None and place is not None:
            inferlet = await _installed(client, path, place, force=force)
        process = await client.launch_process(
            inferlet or "",
            given,
            capture_outputs=not detach,
            token_budget=token_budget,
            terminate_on_exit=not detach,
        )
        if detach:
            _show_id(process.process_id, as_json=as_json)
            return None
        async with process:
            return await _follow(server, process, following.Follower(save_files, as_json=as_json))


async def _installed(client: PieClient, path: Path, manifest: Path, *, force: bool) -> str:
    """Install a build unless the server has its version, and return the program."""
    _, program = await manifests.read_manifest(manifest)
    if not force and await client.check_program(program):
        output.note(f"{program} is installed already, so that is launched; --force replaces it by {path}")
        return program
    return await install.upload(client, path, manifest, force=force)


def _show_id(process_id: str, *, as_json: bool) -> None:
    if as_json:
        output.write_json({"process_id": process_id or None})
    elif process_id:
        output.write_line(process_id)
    else:
        output.note("the process ended before its id was known")


async def _follow(server: Server, process: "Process[object]", follower: "following.Follower") -> int:
    """Show the events of a process. The first signal terminates it, and what it still sends is shown for a while."""
    following_it = asyncio.create_task(follower.follow(process))

    async def end() -> None:
        output.end_line()
        output.note(f"terminating process {process.process_id}; press Ctrl-C again to leave at once")
        try:
            async with asyncio.timeout(following.END_SECONDS):
                await process.terminate()
                await asyncio.wait({following_it})
        except (TimeoutError, PieError) as error:
            reason = str(error) or f"it did not end within {following.END_SECONDS:.0f} s"
            output.note(f"process {process.process_id} may still run: {reason}; see: pie-client list")
        finally:
            following_it.cancel()

    ending: list[asyncio.Task[None]] = []
    server.interrupts.call(lambda: ending.append(asyncio.create_task(end())), following_it.get_loop())
    try:
        return await following_it
    except PieError:
        if not ending:
            raise
        return running.Status.OK  # the signal decides
    finally:
        for task in ending:
            await asyncio.wait({task})
