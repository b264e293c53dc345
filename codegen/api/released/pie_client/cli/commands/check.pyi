import warnings
from pie_client.cli import options, output
from pie_client.cli.running import Status
from pie_client.cli.server import Server
from pie_client.errors import HashesNotComparedWarning

@options.connecting
async def check(server: Server, inferlet: options.Program, path: options.Build=None, manifest: options.Manifest=None) -> int:
    ...
