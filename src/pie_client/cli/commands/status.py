"""The command ``pie-client status``."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from pie_client._generated.families import MODEL_STATUS
from pie_client.cli import options, output
from pie_client.cli.running import FailedError
from pie_client.cli.server import Server
from pie_client.errors import one_line
from pie_client.lazy import LazyModule

if TYPE_CHECKING:
    import asyncio

    from rich import console as rich_console
    from rich import live as rich_live
    from rich import text as rich_text

    from pie_client import models
else:
    asyncio = LazyModule("asyncio")
    rich_console = LazyModule("rich.console")
    rich_live = LazyModule("rich.live")
    rich_text = LazyModule("rich.text")

EVERY = 1.0
"""Default pause of --watch, in seconds."""


@options.connecting
async def status(
    server: Server,
    word: Annotated[
        str,
        typer.Argument(metavar="WORD", help="Show statistics with this in their name.", show_default=False),
    ] = "",
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Show them again and again.")] = False,
    interval: Annotated[float, typer.Option("--interval", "-i", min=0.01, help="Seconds between.")] = EVERY,
    as_json: Annotated[bool, typer.Option("--json", help="Write one line of JSON each time.")] = False,
) -> None:
    """Show the statistics of the server's models."""
    async with server.client() as client:

        async def statistics() -> "models.QueryResult":
            found = await client.query(MODEL_STATUS)
            return {name: value for name, value in found.items() if word in name}

        if not watch:
            found = await statistics()
            if word and not found:
                raise FailedError(
                    f"no statistic has {one_line(word)!r} in its name; see: {output.NAME} status"
                )
            _show(found, as_json=as_json)
            return
        console = rich_console.Console()
        has_cursor = output.on_terminal(sys.stdout) and console.is_terminal and not console.is_dumb_terminal
        if as_json or not has_cursor:
            while True:
                _show(await statistics(), as_json=as_json)
                await asyncio.sleep(interval)
        live = rich_live.Live(console=console, auto_refresh=False, screen=True)
        with output.writing(), live as screen:
            while True:
                screen.update(rich_text.Text.from_ansi(_table(await statistics())), refresh=True)
                await asyncio.sleep(interval)


def _show(found: "models.QueryResult", *, as_json: bool) -> None:
    if as_json:
        output.write_json(found)
    else:
        output.write(_table(found))


def _table(found: "models.QueryResult") -> str:
    rows: list[tuple[str, str, object]] = []
    for name, value in found.items():
        model, _, statistic = name.partition(".")
        rows.append((model, statistic, value))
    return output.table(("MODEL", "STATISTIC", "VALUE"), rows, right=("VALUE",))
