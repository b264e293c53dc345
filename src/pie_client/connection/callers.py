"""Choose what the requests of a connection go through: the log if it is on, and what an application asks for."""

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
"""Returns a caller that sends requests by another one; those that the server causes, if the second argument is True."""


def callers(caller: Caller, wrap: Wrap | None) -> tuple[Caller, Caller]:
    """Return what sends the requests of a connection, and those that the server causes, of which few are logged."""
    answering = caller
    if request_logger.isEnabledFor(logging.DEBUG):
        caller, answering = logged.logged_callers(caller)
    return (caller, answering) if wrap is None else (wrap(caller, False), wrap(answering, True))
