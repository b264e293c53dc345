"""The command ``pie-client attach``."""

from pie_client.cli import following, options, output
from pie_client.cli.server import Server, ends_with_connection, find


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
