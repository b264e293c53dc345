"""The attempts to open a connection, and the delays between them."""

from __future__ import annotations

import logging
import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pie_client.connection.reconnect import Reconnect
    from pie_client.errors import PieError

logger = logging.getLogger(__name__)


class Attempts:
    """The attempts to open a connection: whether and when the next one begins.

    Args:
        policy: The policy; None for a single attempt.
        now: The time, in seconds.

    Attributes:
        number: Number of attempts that have begun.
    """

    def __init__(self, policy: Reconnect | None, now: float) -> None:
        self.number = 0
        self._doublings = 0
        """How often the bound of the delay has doubled."""
        self._policy = policy
        self._began = now

    def delay(self, error: PieError, now: float) -> float | None:
        """Return the seconds until the next attempt after a loss or failure, or None if there is none."""
        policy = self._policy
        if policy is None or self.number >= policy.attempts or not _is_retried(policy, error):
            return None
        left = policy.total_time - (now - self._began)
        if left <= 0:
            return None
        # As a float power it can't overflow: the exponent is bounded.
        bound = min(policy.max_delay, policy.first_delay * 2.0 ** min(self._doublings, 64))
        self._doublings += 1
        return min(random.random() * bound, left)  # noqa: S311 - it spreads load, and is no secret

    def duration(self, now: float) -> float:
        """Return the seconds since the first attempt was due."""
        return now - self._began


def _is_retried(policy: Reconnect, error: PieError) -> bool:
    """Return what the policy says about an error; False if its function raises an exception."""
    try:
        return bool(policy.retry(error))
    except Exception:
        name = getattr(policy.retry, "__qualname__", repr(policy.retry))
        logger.exception("retry=%s raised an exception, so the client does not connect again", name)
        return False
