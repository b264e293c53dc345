"""The command ``pie-client signal``."""

from typing import TYPE_CHECKING, Annotated

import typer

from pie_client.cli import options, output
from pie_client.cli.server import Server, ends_with_connection, find
from pie_client.lazy import LazyModule

if TYPE_CHECKING:
    from pie_client.cli import following
else:
    following = LazyModule("pie_client.cli.following")


@options.connecting
async def signal(
    server: Server,
    prefix: options.Prefix,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="The message.", show_default=False)],
    follow: Annotated[
        bool, typer.Option("--follow", help="Then show the output; always so with 0.5 servers.")
    ] = False,
) -> int | None:
    """Send a text message to a running process.

    No other client may be attached to it: servers take signals only from the connection that receives the events of the process. 0.5 servers end the process with
    that connection, so the command stays until the process ends.
    """
    async with server.client() as client:
        process = await client.attach_process(await find(client, prefix))
        async with process:
            await process.signal(text)
            await client.ping()  # the server has read the signal
            if not follow and not ends_with_connection(client):
                output.note(f"sent to process {process.process_id}")
                return None
            return await following.Follower(None, as_json=False).follow(process)
