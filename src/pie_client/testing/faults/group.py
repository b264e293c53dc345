"""The base class of the groups of faults, and checks of their arguments."""

import re
from collections.abc import Callable, Sequence

from pie_client._generated import models
from pie_client._generated.families import PROGRAM_PATTERN
from pie_client._generated.methods import METHODS
from pie_client._generated.registry import CLIENT_MESSAGES, EVENT_MESSAGES
from pie_client.base import WireModel
from pie_client.errors import InvalidArgumentError
from pie_client.testing.faults.fault import Fault, FaultList, OnMessage, OnRequest
from pie_client.testing.faults.outgoing import MessageCopy, Sendable

ANSWERED = frozenset(CLIENT_MESSAGES[m.tag] for m in METHODS.values() if m.kind in ("call", "upload"))
"""Classes of the requests that servers answer."""
UNKNOWN = "telemetry"
"""A message type, event kind and server name that the protocol does not define."""


class FaultGroup:
    """Methods that request faults; each is given the list that the faults are added to."""

    def __init__(self, faults: FaultList) -> None:
        self._faults = faults

    def _on_request(self, name: str, times: int | None, react: OnRequest) -> Fault:
        return Fault(self._faults, name, times, on_request=react)

    def _on_message(self, name: str, times: int | None, replace: OnMessage) -> Fault:
        return Fault(self._faults, name, times, on_message=replace)

    def _on_reply(
        self,
        name: str,
        request: type[WireModel],
        times: int | None,
        replace: Callable[[Fault, MessageCopy], Sequence[MessageCopy]],
        *,
        only_ok: bool = False,
    ) -> Fault:
        """Replace replies to requests of a class."""
        check_answered(request)

        def reply(fault: Fault, sent: MessageCopy) -> Sequence[MessageCopy] | None:
            message = sent.message
            if not isinstance(message, models.Response) or not isinstance(sent.request, request):
                return None
            if (only_ok and not message.ok) or not fault.applies_to(sent):
                return None
            return replace(fault, sent)

        return self._on_message(name, times, reply)

    def _insert(self, name: str, item: Sendable, times: int | None) -> Fault:
        """Send something of its own before the next message."""

        def replace(fault: Fault, sent: MessageCopy) -> Sequence[MessageCopy] | None:
            return [sent.separate(item), sent] if fault.take() else None

        return self._on_message(name, times, replace)


def check_answered(request: object) -> None:
    """Raise InvalidArgumentError unless the argument is a class of requests that servers answer."""
    if not isinstance(request, type) or request not in ANSWERED:
        raise InvalidArgumentError(
            f"{_named(request)} is not a request that servers answer; pass a class like models.PingRequest"
        )


def check_event(event: object) -> None:
    """Raise InvalidArgumentError unless the argument is a class of events."""
    if not isinstance(event, type) or event not in EVENT_MESSAGES:
        raise InvalidArgumentError(f"{_named(event)} is not an event; pass a class like models.StdoutFrame")


def check_number(name: str, number: object, *, least: int = 0) -> None:
    """Raise InvalidArgumentError unless the argument is an int that is large enough."""
    if type(number) is not int or number < least:
        raise InvalidArgumentError(f"{name}={number!r} is not a number; pass {least} or more")


def check_program(program: object) -> None:
    """Raise InvalidArgumentError unless the argument is ``name@version``."""
    if not isinstance(program, str) or not re.fullmatch(PROGRAM_PATTERN, program):
        raise InvalidArgumentError(f"{program!r} is not a program; write it as name@major.minor.patch")


def _named(model: object) -> str:
    return model.__name__ if isinstance(model, type) else repr(model)
