"""The command ``pie-client check``."""

import warnings

from pie_client.cli import options, output
from pie_client.cli.running import Status
from pie_client.cli.server import Server
from pie_client.errors import HashesNotComparedWarning


@options.connecting
async def check(
    server: Server,
    inferlet: options.Program,
    path: options.Build = None,
    manifest: options.Manifest = None,
) -> int:
    """Check whether the server has a program.

    The exit status is 0 if it has, and 1 if not.
    """
    place = manifest if path is None else options.manifest_of(path, manifest)
    async with server.client() as client:
        with warnings.catch_warnings(record=True, category=HashesNotComparedWarning):
            warnings.simplefilter("always", HashesNotComparedWarning)
            found = await client.check_program(inferlet, path, place)
    output.write_line(f"{inferlet} is {'' if found else 'not '}installed")
    if found and path is not None:
        output.note("the server compares no files, so its build may differ from yours")
    return Status.OK if found else Status.FAILED
