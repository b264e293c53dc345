"""Measure closing and cancelling with many open things: ``python -m tests.cost [NUMBER [KIND ...]]``."""

import asyncio
import gc
import sys

from tests.cost.test_open_things import KINDS, seconds


def main() -> None:
    """Print the seconds of CPU time that each takes."""
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
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
