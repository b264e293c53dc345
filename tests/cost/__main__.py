"""Measure closing and cancelling with many open things: ``python -m tests.cost [KIND ...]`` on a quiet machine.

The first lines tell what asyncio alone takes for as many tasks, each of which waits for a future. The exit status is 1 if
something takes longer than ``LIMIT``.
"""

import argparse
import asyncio
import gc
import sys
import time

from tests.cost.test_open_things import KINDS, READ_MCP_CALLS, seconds

NUMBERS = {"uploads": 20_000, "mcp_calls": READ_MCP_CALLS}
"""How many things of a kind are open unless an argument tells; of the others 100,000."""
LIMIT = 1.5
"""Most seconds of CPU time until all have ended."""


async def bare_seconds(number: int, *, cancel: bool) -> float:
    """End tasks that wait for a future each, by its result or by cancelling them, and return how long that takes."""
    futures = [asyncio.get_running_loop().create_future() for _ in range(number)]
    tasks = [asyncio.create_task(_wait(future)) for future in futures]
    await asyncio.sleep(0)
    gc.disable()
    try:
        begun = time.process_time()
        if cancel:
            for task in reversed(tasks):
                task.cancel()
        else:
            for future in futures:
                future.set_result(None)
        await asyncio.wait(tasks)
        return time.process_time() - begun
    finally:
        gc.enable()


async def _wait(future: asyncio.Future[None]) -> None:
    await future


def main() -> int:
    """Print the seconds of CPU time that each takes, and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.cost", description=__doc__)
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=f"of {', '.join(KINDS)}; default: all")
    parser.add_argument("--number", type=int, help="how many are open; default: 100,000 of most kinds")
    options = parser.parse_args()
    if unknown := set(options.kinds) - set(KINDS):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; choose from {', '.join(KINDS)}")
    given: int | None = options.number
    number = given or 100_000
    for cancel in (False, True):
        gc.collect()
        what = "cancel" if cancel else "wake"
        bare = asyncio.run(bare_seconds(number, cancel=cancel))
        print(f"{what} {number} tasks of asyncio: {bare:.2f} s", flush=True)
    above = 0
    for kind in options.kinds or KINDS:
        number = given or NUMBERS.get(kind, 100_000)
        for cancel in (False, True):
            gc.collect()
            spent = asyncio.run(seconds(kind, number, cancel=cancel))
            what = "cancel" if cancel else "close"
            verdict = "" if spent.ended <= LIMIT else "; ABOVE THE LIMIT"
            print(
                f"{what} {number} {kind}: {spent.returned:.2f} s, all ended after {spent.ended:.2f} s, at most {LIMIT:g} s{verdict}",
                flush=True,
            )
            above += spent.ended > LIMIT
    return min(above, 1)


if __name__ == "__main__":
    sys.exit(main())
