"""Wrap what sends the requests of a connection: in the log of requests if DEBUG is on, and in telemetry."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from pie_client._generated.calls import Caller
from pie_client.lazy import LazyModule

if TYPE_CHECKING:
    from pie_client.connection import logged
else:
    logged = LazyModule("pie_client.connection.logged")

request_logger = logging.getLogger(f"{__package__}.logged")

Wrap: TypeAlias = Callable[[Caller, bool], Caller]
"""Wraps a caller. The second argument: whether it sends the requests that the server causes, such as MCP answers."""


def callers(caller: Caller, wrap: Wrap | None) -> tuple[Caller, Caller]:
    """Return two callers: for the requests of a connection, and for those that the server causes, of which few are logged."""
    answering = caller
    if request_logger.isEnabledFor(logging.DEBUG):
        caller, answering = logged.logged_callers(caller)
    return (caller, answering) if wrap is None else (wrap(caller, False), wrap(answering, True))
