"""The command ``pie-client terminate``."""

from pie_client.cli import options, output
from pie_client.cli.server import Server, find


@options.connecting
async def terminate(server: Server, prefix: options.Prefix) -> None:
    """Terminate a running process."""
    async with server.client() as client:
        process_id = await find(client, prefix)
        await client.terminate_process(process_id)
    output.write_line(f"{process_id} terminated")
