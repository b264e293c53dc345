"""Checks of the arguments of faults. Each raises InvalidArgumentError."""

import asyncio
import math
import re

from pie_client._generated.families import PROGRAM_PATTERN
from pie_client._generated.methods import METHODS
from pie_client._generated.registry import CLIENT_MESSAGES, EVENT_MESSAGES
from pie_client.errors import InvalidArgumentError

ANSWERED = frozenset(CLIENT_MESSAGES[m.tag] for m in METHODS.values() if m.kind in ("call", "upload"))
"""Classes of the requests that servers answer."""


def check_answered(request: object) -> None:
    """Check that the argument is a class of requests that servers answer."""
    if not isinstance(request, type) or request not in ANSWERED:
        raise InvalidArgumentError(
            f"{_named(request)} is not a request that servers answer; pass a class like models.PingRequest"
        )


def check_event(event: object) -> None:
    """Check that the argument is a class of events."""
    if not isinstance(event, type) or event not in EVENT_MESSAGES:
        raise InvalidArgumentError(f"{_named(event)} is not an event; pass a class like models.StdoutFrame")


def check_number(name: str, number: object, *, least: int = 0) -> None:
    """Check that the argument is an int that is large enough."""
    if type(number) is not int or number < least:
        raise InvalidArgumentError(f"{name}={number!r} is not a number; pass {least} or more")


def check_program(program: object) -> None:
    """Check that the argument is ``name@version``."""
    if not isinstance(program, str) or not re.fullmatch(PROGRAM_PATTERN, program):
        raise InvalidArgumentError(f"{program!r} is not a program; write it as name@major.minor.patch")


def check_until(until: object) -> None:
    """Check that the argument is a number of seconds, an event or None."""
    if until is None or isinstance(until, asyncio.Event):
        return
    if isinstance(until, bool) or not isinstance(until, int | float) or not 0 <= until < math.inf:
        raise InvalidArgumentError(f"invalid until={until!r}; pass seconds from 0, or an asyncio.Event")


def _named(model: object) -> str:
    return model.__name__ if isinstance(model, type) else repr(model)
