"""The command ``pie-client attach``."""

from typing import TYPE_CHECKING

from pie_client.cli import options, output
from pie_client.cli.server import Server, ends_with_connection, find
from pie_client.lazy import LazyModule

if TYPE_CHECKING:
    from pie_client.cli import following
else:
    following = LazyModule("pie_client.cli.following")


@options.connecting
async def attach(
    server: Server,
    prefix: options.Prefix,
    save_files: options.SaveFiles = None,
    as_json: options.EventsAsJson = False,
) -> int | None:
    """Show the output of a running process, from now on.

    Ctrl-C leaves. 0.5 servers end the process then; 0.3 and 0.4 servers let it run.
    """
    async with server.client() as client:
        process = await client.attach_process(await find(client, prefix))
        output.note(f"attached to process {process.process_id}")
        if ends_with_connection(client):
            output.note("the server ends the process when this command ends")
        async with process:
            return await following.Follower(save_files, as_json=as_json).follow(process)
