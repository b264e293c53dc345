"""When a lost connection is opened again.

Loaded when a client is created with ``reconnect=``, so without asyncio.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pie_client._generated.families import TRANSIENT_CODES, TRANSIENT_STATUSES
from pie_client.connection.options import check_function, check_seconds
from pie_client.errors import (
    ConnectionLostError,
    ConnectTimeoutError,
    DeadlineError,
    HandshakeError,
    InvalidArgumentError,
    PieConnectionError,
    PieError,
)
from pie_client.lazy import LazyModule

if TYPE_CHECKING:
    import ssl
else:
    ssl = LazyModule("ssl")


def is_transient(error: PieError) -> bool:
    """Return whether a connection that failed or was lost with this error is worth another attempt.

    That is so for a refused, reset, unreachable or timed-out connection; for HTTP status 502, 503 and 504; and for a
    loss without a close frame or with close code 1001, 1012 or 1013. It is not for other statuses such as 401, for
    TLS certificates that are not trusted, for a host name that does not exist, and for a refused login. After a loss,
    the host name is known to exist: no answer about it means that the network is down.

    Args:
        error: The error.
    """
    if isinstance(error, (ConnectTimeoutError, DeadlineError)):
        return True
    if isinstance(error, ConnectionLostError):
        return error.code in TRANSIENT_CODES
    if isinstance(error, HandshakeError) and error.status is not None:
        return error.status in TRANSIENT_STATUSES
    return isinstance(error, PieConnectionError) and any(map(_is_passing_failure, _causes(error)))


def follow_loss(error: PieError, loss: ConnectionLostError) -> None:
    """Name the loss as the first cause of a failed attempt that it led to."""
    chain = [error, *_causes(error)]
    if loss not in chain:
        chain[-1].__cause__ = loss


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause = error.__cause__
    while cause is not None:
        yield cause
        cause = cause.__cause__


def _is_passing_failure(cause: BaseException) -> bool:
    if isinstance(cause, EOFError):
        return True
    if isinstance(cause, socket.gaierror):
        return cause.errno == socket.EAI_AGAIN or isinstance(cause.__cause__, ConnectionLostError)
    if isinstance(cause, ssl.SSLError):
        return isinstance(cause, ssl.SSLEOFError)
    return isinstance(cause, OSError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconnect:
    """How a client opens its connection again: ``PieClient(..., reconnect=Reconnect())``.

    The delay before an attempt is random, between 0 and a bound that doubles with each attempt (exponential backoff with
    full jitter), so that the clients of a restarted server do not all return at once. Attempts, ``total_time`` and the bound
    of the delay begin anew after a connection that lasted ``max_delay``: a server that accepts connections and drops them at
    once is not tried for ever.

    Args:
        attempts: Most attempts in a row.
        total_time: Seconds after which no further attempt begins; ``math.inf`` for no limit.
        first_delay: Bound of the delay before the first attempt after a loss, in seconds.
        max_delay: Largest bound of a delay, in seconds.
        retry: Whether an error is worth another attempt. Called with the ConnectionLostError of the loss, then with the
            error of each failed attempt. An exception in it is logged, and counts as False. Default:
            :meth:`is_transient`.

    Raises:
        InvalidArgumentError: A value is invalid.
    """

    attempts: int = 50
    total_time: float = 300.0
    first_delay: float = 0.2
    max_delay: float = 10.0
    retry: Callable[[PieError], bool] = is_transient

    def __post_init__(self) -> None:
        _check_count("attempts", self.attempts)
        for name in ("total_time", "first_delay", "max_delay"):
            check_seconds(name, getattr(self, name))
        if self.first_delay > self.max_delay:
            raise InvalidArgumentError(
                f"first_delay={self.first_delay!r} is more than max_delay={self.max_delay!r}; raise max_delay, or lower first_delay"
            )
        check_function("retry", self.retry)

    is_transient = staticmethod(is_transient)


def _check_count(name: str, value: object) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise InvalidArgumentError(f"invalid {name}={value!r}; pass a positive integer")


def check_policy(reconnect: object) -> Reconnect:
    """Return a policy. Raises InvalidArgumentError if it is something else."""
    if isinstance(reconnect, Reconnect):
        return reconnect
    raise InvalidArgumentError(f"reconnect is {type(reconnect).__name__}; pass Reconnect(), or leave it out")
