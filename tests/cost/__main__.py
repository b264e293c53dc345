"""Measure closing and cancelling with many open things: ``python -m tests.cost [NUMBER [KIND ...]]``.

The first lines tell what asyncio alone takes for as many tasks, each of which waits for a future.
"""

import asyncio
import gc
import sys
import time

from tests.cost.test_open_things import KINDS, seconds


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


def main() -> None:
    """Print the seconds of CPU time that each takes."""
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    for cancel in (False, True):
        gc.collect()
        what = "cancel" if cancel else "wake"
        print(f"{what} {number} tasks of asyncio: {asyncio.run(bare_seconds(number, cancel=cancel)):.2f} s")
    for kind in sys.argv[2:] or KINDS:
        for cancel in (False, True):
            gc.collect()
            spent = asyncio.run(seconds(kind, number, cancel=cancel))
            what = "cancel" if cancel else "close"
            print(
                f"{what} {number} {kind}: {spent.returned:.2f} s, all ended after {spent.ended:.2f} s",
                flush=True,
            )


if __name__ == "__main__":
    main()
