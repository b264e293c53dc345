from pie_client.cli import following, options, output
from pie_client.cli.server import Server, ends_with_connection, find

@options.connecting
async def attach(server: Server, prefix: options.Prefix, save_files: options.SaveFiles=None, as_json: options.EventsAsJson=False) -> int | None:
    ...
