"""What a fuzzer runs."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Target:
    """A check that holds for every input.

    Attributes:
        check: Raises AssertionError, or an exception that nothing may raise, for an input that shows a defect.
        seeds: Returns inputs to begin with.
        words: Parts of valid inputs.
    """

    check: Callable[[bytes], object]
    seeds: Callable[[], Iterable[bytes]]
    words: Callable[[], Iterable[bytes]]
