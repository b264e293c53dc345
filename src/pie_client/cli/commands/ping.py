"""The command ``pie-client ping``."""

import time
from typing import TYPE_CHECKING, Annotated

import typer

from pie_client.cli import options, output
from pie_client.cli.server import Server, describe
from pie_client.lazy import LazyModule

if TYPE_CHECKING:
    import asyncio
    import statistics
else:
    asyncio = LazyModule("asyncio")
    statistics = LazyModule("statistics")

INTERVAL = 1.0
"""Default pause between two pings, in seconds."""


@options.connecting
async def ping(
    server: Server,
    count: Annotated[int, typer.Option("--count", "-c", min=1, help="Number of pings.")] = 1,
    interval: Annotated[
        float, typer.Option("--interval", "-i", min=0, help="Seconds between two.")
    ] = INTERVAL,
    as_json: options.AsJson = False,
) -> None:
    """Check that the server answers, and how fast."""
    times: list[float] = []
    async with server.client() as client:
        try:
            for number in range(count):
                if number:
                    await asyncio.sleep(interval)
                begin = time.perf_counter()
                await client.ping()
                times.append(1000 * (time.perf_counter() - begin))
                if not as_json:
                    output.write_line(f"{server.address} ({describe(client)}): {times[-1]:.2f} ms")
        finally:
            _summarize(times, as_json=as_json, uri=server.address, count=count)


def _summarize(times: list[float], *, as_json: bool, uri: str, count: int) -> None:
    """Write the statistics of the pings."""
    if not times or (count == 1 and not as_json):
        return
    figures = {
        "min": min(times),
        "median": statistics.median(times),
        "mean": statistics.fmean(times),
        "max": max(times),
        "deviation": statistics.pstdev(times),
    }
    if as_json:
        rounded = {f"{name}_ms": round(value, 3) for name, value in figures.items()}
        output.write_json({"uri": uri, "pings": len(times), **rounded})
    else:
        shown = ", ".join(f"{name} {value:.2f}" for name, value in figures.items())
        output.write_line(f"{output.counted(len(times), 'ping')}: {shown} ms")
