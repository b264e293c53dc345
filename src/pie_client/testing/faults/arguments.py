"""Checks of the arguments of faults. Each raises InvalidArgumentError."""

import asyncio

from pie_client._generated.methods import METHODS
from pie_client._generated.registry import CLIENT_MESSAGES
from pie_client.connection.options import check_seconds
from pie_client.errors import InvalidArgumentError
from pie_client.programs.manifest import PROGRAM

ANSWERED = frozenset(CLIENT_MESSAGES[m.tag] for m in METHODS.values() if m.kind in ("call", "upload"))
"""Classes of the requests that servers answer."""


def check_answered(request: object) -> None:
    """Check that the argument is a class of requests that servers answer."""
    if not isinstance(request, type) or request not in ANSWERED:
        name = request.__name__ if isinstance(request, type) else repr(request)
        raise InvalidArgumentError(
            f"{name} is not a request that servers answer; pass a class like models.PingRequest"
        )


def check_number(name: str, number: object, *, least: int = 0) -> None:
    """Check that the argument is an int that is large enough."""
    if type(number) is not int or number < least:
        raise InvalidArgumentError(f"invalid {name}={number!r}; pass an integer of {least} or more")


def check_program(program: object) -> None:
    """Check that the argument is ``name@version``."""
    if not isinstance(program, str) or not PROGRAM.fullmatch(program):
        raise InvalidArgumentError(f"{program!r} is not a program; write it as name@major.minor.patch")


def check_until(until: float | asyncio.Event) -> None:
    """Check that the argument is a number of seconds or an event."""
    if not isinstance(until, asyncio.Event):
        check_seconds("until", until)
