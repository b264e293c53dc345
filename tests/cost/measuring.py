"""Measure how the time and memory of some work grow with the size of its input."""

import gc
import math
import time
import tracemalloc
from collections.abc import Callable, Iterable
from typing import NamedTuple, TypeAlias

SMALL = 5_000
"""Size of the smaller input, in bytes or characters: a frame of it is received as a view of the buffer, as longer ones are."""
LARGE = 4 * SMALL
FACTOR = 8
"""Most times as long that an input of four times the size may take: linear work takes 4 times as long, quadratic 16 times."""
FLOOR = 0.00005
"""Seconds of CPU time that never count as too much: less than that is the noise of a loaded machine."""
LEAST_RUNS, MOST_RUNS = 2, 60
"""Noise only adds time, so the least of several runs counts. Work that seems too slow is measured more often."""
LONG_SECONDS = 0.005
"""Work that takes longer is measured less often."""

Work = Callable[[], object]
Prepare: TypeAlias = Callable[[int], Callable[[], Work]]
"""Returns, for a size, what prepares the work on an input of that size."""
Cases: TypeAlias = Iterable[tuple[str, Prepare]]

OBJECT_BYTES = 150
"""Most memory for each byte that arrives: an empty map takes one byte in msgpack and 72 in Python, and a frame that the fast
decoders leave to the models is unpacked twice. Larger frames than these may not have many values."""
CONSTANT = 100_000
"""Memory that does not depend on what arrives."""


class Growth(NamedTuple):
    """CPU seconds of work on an input, and on one of four times the size."""

    small: float
    large: float

    @property
    def linear(self) -> bool:
        return self.large <= FACTOR * self.small + FLOOR


def growth(small: Callable[[], Work], large: Callable[[], Work]) -> Growth:
    """Measure how CPU time grows.

    Args:
        small: Prepares the work on the smaller input, for one run; this is not measured.
        large: Prepares the work on the larger one.
    """
    found = Growth(math.inf, math.inf)
    for run in range(1, MOST_RUNS + 1):
        found = Growth(min(found.small, _seconds(small())), min(found.large, _seconds(large())))
        if found.linear and (run >= LEAST_RUNS or (run > 1 and found.small > LONG_SECONDS)):
            break
    return found


def _seconds(work: Work) -> float:
    # The collector's time depends on everything else that is alive.
    gc.collect(0)
    gc.disable()
    try:
        start = time.thread_time()
        work()
        return time.thread_time() - start
    finally:
        gc.enable()


def peak_bytes(work: Work) -> int:
    """Return the most memory that some work allocates at a time."""
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        work()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


def check(cases: Cases, sizes: tuple[int, int] = (SMALL, LARGE), most_bytes: float = OBJECT_BYTES) -> None:
    """Check that time and memory of every case grow at most in proportion; fail with all that grow faster.

    Args:
        cases: Names and works.
        sizes: A small size and one of four times as much, in what the cases count.
        most_bytes: Most memory for each of it.
    """
    problems: list[str] = []
    for name, prepare in cases:
        small, large = (prepare(size) for size in sizes)
        small()()  # loads what is loaded on first use
        found = growth(small, large)
        # Memory that the system gives in pages, and caches, make a step at one size. Quadratic work fails at both.
        if not found.linear and not growth(large, prepare(4 * sizes[1])).linear:
            problems.append(
                f"{name}: {found.small * 1000:.2f} ms, with four times the size {found.large * 1000:.2f} ms"
            )
        peak = peak_bytes(large())
        if peak > most_bytes * sizes[1] + CONSTANT:
            problems.append(f"{name}: {peak / sizes[1]:.0f} bytes of memory for each")
    assert not problems, "\n".join(["", *problems])
