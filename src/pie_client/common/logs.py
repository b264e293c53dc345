"""Log records that a peer can cause: the first few of each kind, then their number."""

import logging
import math
import time

FIRST = 5
"""Records of a kind that are logged in each period."""
PERIOD = 60.0
"""Seconds of a period."""


class LimitedLog:
    """A log that a peer can't fill.

    Records of one format string are of one kind. In each period of a minute the first five of a kind are logged, and
    then the tenth, the hundredth and so on. Each tells how many like it were left out since the one before.

    Args:
        logger: Receives the records.
        first: Records of a kind that are logged in each period.
    """

    def __init__(self, logger: logging.Logger, first: int = FIRST) -> None:
        self._logger = logger
        self._first = first
        self._period_ends = -math.inf
        self._seen: dict[str, int] = {}
        """Records in this period, by kind."""
        self._left_out: dict[str, int] = {}
        """Records since the last one that was logged, by kind."""

    def log(self, level: int, text: str, *args: object, exc_info: bool = False) -> None:
        """Log a record, unless it is one of too many. ``text`` is its kind: a literal, so that there are few."""
        if not self._logger.isEnabledFor(level):
            return
        now = time.monotonic()
        if now >= self._period_ends:
            self._period_ends = now + PERIOD
            self._seen.clear()
        seen = self._seen[text] = self._seen.get(text, 0) + 1
        left_out = self._left_out.pop(text, 0)
        if seen > self._first and not _is_power_of_ten(seen):
            self._left_out[text] = left_out + 1
        elif left_out:
            counted = f"{text} (%d more like it were not logged)"
            self._logger.log(level, counted, *args, left_out, exc_info=exc_info, stacklevel=2)
        else:
            self._logger.log(level, text, *args, exc_info=exc_info, stacklevel=2)


def _is_power_of_ten(number: int) -> bool:
    return str(number).strip("0") == "1"
