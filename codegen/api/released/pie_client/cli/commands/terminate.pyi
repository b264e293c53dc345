from pie_client.cli import options, output
from pie_client.cli.server import Server, find

@options.connecting
async def terminate(server: Server, prefix: options.Prefix) -> None:
    ...
