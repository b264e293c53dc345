"""The command ``pie-client resolve``."""

from typing import Annotated

import typer

from pie_client import PieClient
from pie_client._generated.families import DEFAULT_URI
from pie_client.cli import options, output, running, settings
from pie_client.cli.running import UsageError
from pie_client.cli.settings import seconds_of
from pie_client.common.interrupts import Interrupts


def resolve(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Program without version.", show_default=False)],
    registry: options.Registry = None,
    timeout: options.Timeout = None,
    config: options.Config = None,
    verbose: options.Verbose = 0,
) -> None:
    """Show the latest version of a program in a registry.

    Needs no server.
    """

    async def work(_interrupts: Interrupts) -> None:
        values = settings.resolve({"registry": registry, "timeout": timeout}, config)
        if (url := values.get("registry")) is None:
            raise UsageError("no program registry; pass --registry URL, or set PIE_REGISTRY")
        client = PieClient(DEFAULT_URI, timeout=seconds_of(values["timeout"]))
        output.write_line(await client.resolve_version(name, url.text))

    raise typer.Exit(running.run(work, verbose=verbose))
