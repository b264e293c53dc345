"""The command ``pie-client list``."""

from typing import Annotated

import typer

from pie_client.cli import options, output
from pie_client.cli.server import Server, shortened


@options.connecting
async def list_processes(
    server: Server,
    full: Annotated[bool, typer.Option("--full", help="Show whole ids.")] = False,
    as_json: options.AsJson = False,
) -> None:
    """List the running processes.

    0.3 and 0.4 servers list those of this user, 0.5 servers those of all users. The oldest comes first.
    """
    async with server.client() as client:
        found = sorted(await client.list_processes(), key=lambda process: -process.elapsed_secs)
    if as_json:
        output.write_json([process.model_dump(mode="json") for process in found])
        return
    ids = [process.id for process in found]
    shown = ids if full else shortened(ids)
    rows = [
        (short, process.program, process.username, f"{process.elapsed_secs} s", process.input.strip())
        for short, process in zip(shown, found, strict=True)
    ]
    output.write(output.table(("ID", "PROGRAM", "USER", "AGE", "INPUT"), rows, right=("AGE",), cut="INPUT"))
