from typing import TYPE_CHECKING
from pie_client.cli import options, output
from pie_client.cli.server import Server, ends_with_connection, find
from pie_client.lazy import LazyModule
from pie_client.cli import following

@options.connecting
async def attach(server: Server, prefix: options.Prefix, save_files: options.SaveFiles=None, as_json: options.EventsAsJson=False) -> int | None:
    ...
