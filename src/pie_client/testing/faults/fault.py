"""Faults that tests have requested from an engine, and the points at which the engine applies them.

A fault is a function at one of these points: a request was read, a message is sent, a step is taken, a handshake is
answered, a close frame was received, bytes pass. The function decides whether the fault applies and calls
:meth:`Fault.take`, which counts it.
"""

import asyncio
import json
import math
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal, Self, TypeAlias, TypedDict, Unpack

from websockets.asyncio.server import ServerConnection
from websockets.http11 import Response

from pie_client._generated.families import Family
from pie_client.base import WireModel
from pie_client.connection.observing import Direction
from pie_client.errors import DeadlineError
from pie_client.protocol import codec
from pie_client.testing._generated.servers import ServerTraits
from pie_client.testing.faults.arguments import check_number

HAPPENED_SECONDS = 10.0
"""Default timeout of Fault.happened()."""
Fields: TypeAlias = Mapping[str, object]
"""Fields of a message by name."""
Until: TypeAlias = float | asyncio.Event
"""When to release what is held back: after so many seconds, or when the event is set."""
Step: TypeAlias = Literal["start", "end", "upload"]
"""A step of the engine that a fault can leave out."""
DIRECTIONS: Final[tuple[Direction, ...]] = ("sent", "received")
Ending: TypeAlias = Literal["close", "reset", "silence"]
"""How a cut ends a connection: closed without a close frame, reset, or kept open without sending anything more."""


@dataclass(frozen=True, eq=False, slots=True)
class Outgoing:
    """A message on its way to a client, as altered so far. Faults replace it by altered copies.

    Attributes:
        release: Sends it to its client, unaltered.
        message: The message before any fault, or an encoded frame, which faults do not alter.
        request: The request that it answers, or None.
        fields: Fields that are sent instead of its own, or None.
        altered_by: The faults that have altered it. Shared by its copies, so that a fault counts once for all of them.
    """

    release: "Callable[[Outgoing], None]"
    message: WireModel | bytes | str
    request: WireModel | None = None
    fields: Fields | None = None
    altered_by: "set[Fault]" = field(default_factory=set["Fault"])

    def altered(self, by: Fields | WireModel | bytes | str) -> "Outgoing":
        """Return a copy with other fields, another message that later faults count together with this one, or a frame."""
        if isinstance(by, bytes | str):
            return Outgoing(self.release, by)
        if isinstance(by, WireModel):
            return replace(self, message=by, request=None, fields=None)
        return replace(self, fields=by)

    def current_fields(self, family: Family) -> Fields:
        """Return the fields as altered so far."""
        assert isinstance(self.message, WireModel)  # noqa: S101 - faults see nothing else
        return codec.server_message_fields(self.message, family) if self.fields is None else self.fields

    def frame(self, family: Family) -> bytes | str:
        """Return the encoded frame."""
        if not isinstance(self.message, WireModel):
            return self.message
        frame = codec.encode_server_message(self.message, family)
        if self.fields is None:
            return frame
        return json.dumps(dict(self.fields)) if isinstance(frame, str) else codec.encode_fields(self.fields)


class Hooks(TypedDict, total=False):
    """What a fault does, and when. The functions are called with the fault first, even when it is used up."""

    on_request: Callable[["Fault", object, WireModel], None]
    """React to a client's request. Raises Refusal or Unanswered in place of carrying it out."""
    on_message: Callable[["Fault", Outgoing], Sequence[Outgoing] | None]
    """Return what to send in place of a message, or None to leave it unchanged."""
    on_upgrade: Callable[["Fault", ServerConnection], Awaitable[Response | None]]
    """Return the response to an opening handshake, or None to go on with it."""
    on_close: Sequence[bytes]
    """The messages that are sent in place of the answer to a close frame."""
    step: tuple[Step, str | None]
    """The step that is left out, for one program or for any."""
    stalls: bool
    """True to keep the engine from reading and sending."""
    cut: tuple[Direction, int, Ending]
    """After how many bytes a connection ends, and how."""


class Fault:
    """A failure that a method of :class:`Faults` has requested.

    Used as a context manager, it stops at the end of its block. Otherwise it lasts until it has happened ``times``
    times, until :meth:`stop`, or until the engine stops.

    Attributes:
        name: Name of the method of :class:`Faults`.
        count: How often it has happened.
    """

    def __init__(self, faults: "FaultList", name: str, times: int | None, **hooks: Unpack[Hooks]) -> None:
        if times is not None:
            check_number("times", times, least=1)
        self.name = name
        self.count = 0
        self.hooks = hooks
        self.held: list[Outgoing] = []
        """Messages that are held back, to be sent at the latest when the fault is stopped."""
        self._faults = faults
        self._times = math.inf if times is None else times
        self.stopped = asyncio.Event()
        self._counted = asyncio.Event()
        self._timers: set[asyncio.Task[None]] = set()
        faults.requested.append(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"<Fault {self.name}, count={self.count}>"

    @property
    def active(self) -> bool:
        """Whether it can still happen."""
        return not self.stopped.is_set() and self.count < self._times

    def stop(self) -> None:
        """Stop the fault and send the messages that it holds back."""
        held, self.held = self.held, []
        later = self._faults.after(self)
        self.discard()
        for sent in held:
            self._faults.send(sent, later)

    def discard(self) -> None:
        """Stop the fault and discard the messages that it holds back."""
        self.stopped.set()
        self.held.clear()
        if self in self._faults.requested:
            self._faults.requested.remove(self)
        for timer in self._timers:
            timer.cancel()

    async def happened(self, times: int = 1, *, timeout: float | None = None) -> None:
        """Wait until it has happened.

        Args:
            times: How often, counted from when it was requested.
            timeout: Seconds to wait. Default: 10 s; ``math.inf`` for no limit.

        Raises:
            DeadlineError: It did not happen so often in time.
        """
        seconds = HAPPENED_SECONDS if timeout is None else timeout
        try:
            async with asyncio.timeout(seconds):
                while self.count < times:
                    self._counted.clear()
                    await self._counted.wait()
        except TimeoutError:
            raise DeadlineError(
                f"the count of {self.name} is {self.count} after {seconds:g} s, not {times}; "
                "check that the test triggers it, or raise timeout="
            ) from None

    # ------------------------------------------------------------- for the code that makes it happen

    def take(self, sent: Outgoing | None = None) -> bool:
        """Count one occurrence, once for all copies of a message. Return False if the fault is no longer active."""
        if sent is not None and self in sent.altered_by:
            return True
        if not self.active:
            return False
        self.count += 1
        self._counted.set()
        if sent is not None:
            sent.altered_by.add(self)
        return True

    def hold(self, sent: Outgoing, until: Until) -> None:
        """Send a message later, at the latest when the fault is stopped."""

        def release() -> None:
            self.held.remove(sent)
            self._faults.send(sent, self._faults.after(self))

        self.held.append(sent)
        self.call_at(until, release)

    def call_at(self, until: Until, function: Callable[[], None]) -> None:
        """Call a function after some seconds or when an event is set, unless the fault is stopped before."""

        async def wait() -> None:
            await (until.wait() if isinstance(until, asyncio.Event) else asyncio.sleep(until))
            function()

        timer = asyncio.create_task(wait(), name=f"local engine fault {self.name}")
        self._timers.add(timer)
        timer.add_done_callback(self._timers.discard)


class FaultList:
    """The faults of one engine in the order in which they were requested, and how the engine applies them."""

    def __init__(self, traits: ServerTraits) -> None:
        self.requested: list[Fault] = []
        self.traits = traits

    def after(self, fault: Fault) -> list[Fault]:
        """Return the faults that were requested after one."""
        return self.requested[self.requested.index(fault) + 1 :] if fault in self.requested else []

    def discard(self) -> None:
        """Stop all faults and discard the messages that they hold back."""
        for fault in list(self.requested):
            fault.discard()

    def react(self, client: object, request: WireModel) -> None:
        """Let the faults react to a request.

        Raises:
            Refusal: It is refused.
            Unanswered: It is neither carried out nor answered.
        """
        for fault in list(self.requested):
            if (react := fault.hooks.get("on_request")) is not None:
                react(fault, client, request)

    def send(self, sent: Outgoing, faults: Iterable[Fault] | None = None) -> None:
        """Send a message, altered by all faults or by some. Each alters the copies that those before it returned."""
        copies: Sequence[Outgoing] = [sent]
        for fault in list(self.requested if faults is None else faults):
            if (alter := fault.hooks.get("on_message")) is not None:
                altered: list[Outgoing] = []
                for each in copies:
                    instead = alter(fault, each) if isinstance(each.message, WireModel) else None
                    altered.extend([each] if instead is None else instead)
                copies = altered
        for each in copies:
            each.release(each)

    async def wait_while_stalled(self) -> None:
        """Wait until no fault stalls the engine."""
        while stall := next((fault for fault in self.requested if "stalls" in fault.hooks), None):
            stall.take()
            await stall.stopped.wait()

    async def respond_to_upgrade(self, connection: ServerConnection) -> Response | None:
        """Return the HTTP response to an opening handshake, or None to accept it."""
        for fault in list(self.requested):
            if (respond := fault.hooks.get("on_upgrade")) is not None and fault.take():
                response = await respond(fault, connection)
                if response is not None or connection.transport.is_closing():
                    return response
        return None

    def skips(self, step: Step, program: str | None = None) -> bool:
        """Return whether a step is left out, and count that."""
        return any(
            fault.hooks.get("step") in ((step, None), (step, program)) and fault.take()
            for fault in self.requested
        )

    def cuts(self, direction: Direction) -> list[tuple[Fault, int, Ending]]:
        """Return the faults that may end connections now."""
        cuts = [
            (fault, fault.hooks["cut"]) for fault in self.requested if "cut" in fault.hooks and fault.active
        ]
        return [(fault, after, ending) for fault, (counted, after, ending) in cuts if counted == direction]

    def replace_close(self) -> list[bytes] | None:
        """Return the messages to send instead of a close frame, or None to answer the close."""
        replies = [
            fault.hooks["on_close"] for fault in self.requested if "on_close" in fault.hooks and fault.take()
        ]
        return [message for reply in replies for message in reply] if replies else None
