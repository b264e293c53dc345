"""What the groups of faults share: how a fault of one kind is made."""

from collections.abc import Callable, Sequence

from pie_client._generated import models
from pie_client._generated.methods import METHODS
from pie_client.base import WireModel
from pie_client.errors import InvalidArgumentError
from pie_client.testing.faults.fault import Fault, FaultList, OnMessage, OnRequest
from pie_client.testing.faults.message import MessageCopy, Sendable

ANSWERED = frozenset(m.model for m in METHODS.values() if m.kind in ("call", "upload"))
"""Classes of the requests that servers answer."""
UNKNOWN = "telemetry"
"""A type, kind and name that neither side knows."""


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


def check_answered(request: type[WireModel]) -> None:
    """Raise InvalidArgumentError unless servers answer requests of a class."""
    if request not in ANSWERED:
        raise InvalidArgumentError(
            f"{request.__name__} is not a request that servers answer; pass a class like models.PingRequest"
        )
