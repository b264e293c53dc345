"""Requests whose replies have not arrived, by their correlation ids.

A call holds its own outcome, also one that its caller has not taken yet. So whoever cancels a call can see whether the
server has already launched something for it, without a callback and without a race.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Generic, TypeVar

from pie_client._generated.families import MAX_CORRELATION
from pie_client._generated.methods import Method
from pie_client.errors import InvalidArgumentError, PieError
from pie_client.protocol.waiters import Waiter

ABANDONED_CALLS = 4096
"""Cancelled launches and attaches whose late replies are recognized."""

NO_FIELDS: Mapping[str, object] = MappingProxyType({})

R = TypeVar("R")


class PendingCall(Generic[R]):
    """A request and, once it is known, its outcome.

    Attributes:
        method: The request.
        corr_id: Its correlation id.
        notices_before: Number of server notices received when the call was opened.
        fields: The fields of the request, once it was encoded.
        sent: Whether the server may have received the request.
        done: Whether the outcome is known.
        waiter: What to wake when the outcome is known; None if nothing waits.
        seconds: Time limit of the call.
        expires: When the time limit ends, on the clock of the connection.
    """

    __slots__ = (
        "_error",
        "_failed",
        "_result",
        "corr_id",
        "done",
        "expires",
        "fields",
        "method",
        "notices_before",
        "seconds",
        "sent",
        "taken",
        "waiter",
    )

    def __init__(self, method: Method[R], corr_id: int, notices_before: int) -> None:
        self.method = method
        self.corr_id = corr_id
        self.notices_before = notices_before
        self.fields: Mapping[str, object] = NO_FIELDS
        self.sent = False
        self.done = False
        self.taken = False
        self.waiter: Waiter | None = None
        self.seconds = self.expires = math.inf
        self._result: R
        self._error: PieError | None = None
        self._failed = False

    @property
    def subject(self) -> str:
        """What the request is about, for error texts."""
        names = filter(None, (self.method.subject, self.method.subject_version))
        return "@".join(str(self.fields.get(name, "")) for name in names)

    @property
    def captures(self) -> bool:
        """Whether it launches processes whose events are sent to this connection."""
        return self.method.captures is not None and bool(self.fields.get(self.method.captures))

    def forget_payload(self) -> None:
        """Keep only the fields that :attr:`subject` and :attr:`captures` need: others may be large."""
        method = self.method
        kept = (method.subject, method.subject_version, method.captures)
        self.fields = {name: value for name, value in self.fields.items() if name in kept}

    def succeed(self, result: R) -> None:
        """Set the result, unless the outcome is known already."""
        if not self.done:
            self._result = result
            self._finish()

    def fail(self, error: PieError) -> None:
        """Set the error, unless the outcome is known already."""
        if not self.done:
            self._error = error
            self._failed = True
            self._finish()

    @property
    def succeeded(self) -> bool:
        """Whether the result is known."""
        return self.done and not self._failed

    def take(self) -> R:
        """Return the result or raise the error. The outcome must be known."""
        self.taken = True
        if self._error is not None:
            try:
                raise self._error
            finally:
                self._error = (
                    None  # its traceback refers to this call: a cycle would keep the caller's locals
                )
        return self._result

    @property
    def untaken(self) -> bool:
        """Whether there is a result that its caller has not taken."""
        return self.succeeded and not self.taken

    @property
    def result(self) -> R:
        """The result of a call that succeeded."""
        return self._result

    def _finish(self) -> None:
        self.done = True
        if self.waiter is not None and not self.waiter.done():
            self.waiter.set_result(None)


class PendingCalls:
    """The pending calls of a session, and those that were cancelled and may still launch or attach a process."""

    def __init__(self) -> None:
        self._pending: dict[int, PendingCall[object]] = {}
        self._abandoned: OrderedDict[int, PendingCall[object]] = OrderedDict()
        """Oldest first."""
        self._next_corr_id = 0

    def __len__(self) -> int:
        return len(self._pending)

    def __iter__(self) -> Iterator[PendingCall[object]]:
        return iter(list(self._pending.values()))

    def open(self, method: Method[R], notices_before: int) -> PendingCall[R]:
        """Add a call under a new correlation id. Raises InvalidArgumentError if none is free."""
        call = PendingCall(method, self.unused_corr_id(), notices_before)
        self._pending[call.corr_id] = call  # type: ignore[assignment]  # results are only stored and returned
        return call

    def unused_corr_id(self) -> int:
        """Return a correlation id that no call uses; a reply to it is ignored."""
        # Ids wrap around. Abandoned calls keep theirs, or a late reply could complete a newer call.
        pending, abandoned, corr_id = self._pending, self._abandoned, self._next_corr_id
        if corr_id in pending or corr_id in abandoned:
            taken = pending.keys() | abandoned.keys()
            if len(taken) > MAX_CORRELATION:
                raise InvalidArgumentError("no correlation id is free; wait for pending replies")
            while corr_id in taken:
                corr_id = corr_id + 1 if corr_id < MAX_CORRELATION else 0
        self._next_corr_id = corr_id + 1 if corr_id < MAX_CORRELATION else 0
        return corr_id

    def pop(self, corr_id: int) -> PendingCall[object] | None:
        """Remove and return the pending call with a correlation id."""
        return self._pending.pop(corr_id, None)

    def pop_only(self) -> PendingCall[object]:
        """Remove and return the only pending call."""
        return self._pending.popitem()[1]

    def pop_abandoned(self, corr_id: int) -> PendingCall[object] | None:
        """Remove and return the abandoned call with a correlation id."""
        return self._abandoned.pop(corr_id, None)

    def close(self, call: PendingCall[R]) -> None:
        """Stop waiting for a reply. If it may launch or attach a process, :meth:`pop_abandoned` finds the call."""
        # After a reply, the same id may already belong to a newer call.
        if self._pending.get(call.corr_id) is not call:
            return
        abandoned = self._pending.pop(call.corr_id)
        # Only a request that was sent can have launched or attached something.
        if call.sent and (call.captures or call.method.claims):
            call.forget_payload()
            self._abandoned[call.corr_id] = abandoned
            if len(self._abandoned) > ABANDONED_CALLS:
                self._abandoned.popitem(last=False)

    def clear(self) -> list[PendingCall[object]]:
        """Remove and return the pending calls, and forget the abandoned ones: no reply follows."""
        self._abandoned.clear()
        pending, self._pending = self._pending, {}
        return list(pending.values())
