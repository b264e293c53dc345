from typing import TYPE_CHECKING, Annotated
import typer
from pie_client.cli import options, output
from pie_client.cli.server import Server, ends_with_connection, find
from pie_client.lazy import LazyModule
from pie_client.cli import following

@options.connecting
async def signal(server: Server, prefix: options.Prefix, text: Annotated[str, typer.Argument(metavar='TEXT', help='The message.', show_default=False)], follow: Annotated[bool, typer.Option('--follow', help='Then show the output; always so with 0.5 servers.')]=False) -> int | None:
    ...
