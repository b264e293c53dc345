from typing import Annotated
import typer
from pie_client.cli import options, output
from pie_client.cli.server import Server, shortened

@options.connecting
async def list_processes(server: Server, full: Annotated[bool, typer.Option('--full', help='Show whole ids.')]=False, as_json: options.AsJson=False) -> None:
    ...
