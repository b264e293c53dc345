"""Faults of one engine: when each can happen, how often it has happened, and what it holds back."""

import asyncio
import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, Self, TypeAlias, TypeVar

from websockets.asyncio.server import ServerConnection
from websockets.http11 import Response

from pie_client.base import WireModel
from pie_client.errors import DeadlineError, InvalidArgumentError
from pie_client.testing._generated.servers import ServerTraits
from pie_client.testing.faults.outgoing import MessageCopy, Receiver
from pie_client.testing.faults.sockets import DIRECTIONS, Cut, Direction, Ending, Socket

HAPPENED_SECONDS = 10.0
"""Default timeout of Fault.happened()."""
Until: TypeAlias = float | asyncio.Event
"""When to release what is held back: after so many seconds, or when the event is set."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The request is refused with this text."""

    text: str


@dataclass(frozen=True, slots=True)
class Unanswered:
    """The request is neither carried out nor answered."""


Reaction: TypeAlias = str | Refused | Unanswered
"""What happens to a request instead of carrying it out; a string is the result of its reply."""
OnRequest: TypeAlias = Callable[["Fault", Receiver, WireModel], Reaction | None]
"""Returns the reaction to a request, or None if the fault does not apply to it."""
OnMessage: TypeAlias = Callable[["Fault", MessageCopy], Sequence[MessageCopy] | None]
"""Returns what to send in place of a message, or None if the fault does not apply to it."""
OnObserved: TypeAlias = Callable[[WireModel, bool], None]
"""Called with every request, and whether it is carried out."""
Step: TypeAlias = Literal["start", "end", "upload", "workflow end"]
"""A step of the engine that a fault can leave out."""


class Held:
    """Something that is held back, to be released once or never."""

    def __init__(self, release: Callable[[], None]) -> None:
        self._release: Callable[[], None] | None = release
        self.timer: asyncio.Task[None] | None = None

    @property
    def done(self) -> bool:
        """Whether it was released or discarded."""
        return self._release is None

    def release(self) -> None:
        """Release it, unless it was released or discarded before."""
        release = self._release
        self.discard()
        if release is not None:
            release()

    def discard(self) -> None:
        """Never release it."""
        self._release = None
        # The timer calls release(), and must not cancel itself there.
        if self.timer is not None and self.timer is not asyncio.current_task():
            self.timer.cancel()

    async def release_at(self, until: Until) -> None:
        """Release it after some seconds or when an event is set."""
        await (until.wait() if isinstance(until, asyncio.Event) else asyncio.sleep(until))
        self.release()


class Fault:
    """A failure that a method of :class:`Faults` has requested.

    Used as a context manager, it stops at the end of its block. Otherwise it lasts until it has happened ``times``
    times, until :meth:`stop`, or until the engine stops.

    Attributes:
        name: Name of the method of :class:`Faults`.
        count: How often it has happened.
        number: Position among the engine's faults, in the order in which they were requested.
    """

    def __init__(
        self,
        faults: "FaultList",
        name: str,
        times: int | None,
        *,
        on_request: OnRequest | None = None,
        on_message: OnMessage | None = None,
        on_observed: OnObserved | None = None,
    ) -> None:
        if times is not None and (type(times) is not int or times < 1):
            raise InvalidArgumentError(
                f"times={times!r} is not a number; pass 1 or more, or None for every time"
            )
        self.name = name
        self.count = 0
        self._faults = faults
        self._times = math.inf if times is None else times
        self.on_request = on_request
        self.on_message = on_message
        self.on_observed = on_observed
        self._stopped = asyncio.Event()
        self._counted = asyncio.Event()
        self._held: list[Held] = []
        self.number = faults.add(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"<Fault {self.name}, count={self.count}>"

    @property
    def active(self) -> bool:
        """Whether it can still happen."""
        return not self._stopped.is_set() and self.count < self._times

    def stop(self) -> None:
        """Stop the fault and send the messages that it holds back."""
        self._end(Held.release)

    def discard(self) -> None:
        """Stop the fault and discard the messages that it holds back."""
        self._end(Held.discard)

    def _end(self, finish: Callable[[Held], None]) -> None:
        self._stopped.set()
        self._faults.remove(self)
        held, self._held = self._held, []
        for each in held:
            finish(each)

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
            async with asyncio.timeout(None if seconds == math.inf else seconds):
                while self.count < times:
                    self._counted.clear()
                    await self._counted.wait()
        except TimeoutError:
            raise DeadlineError(
                f"the count of {self.name} is {self.count} after {seconds:g} s, not {times}; "
                "check that the test triggers it, or raise timeout="
            ) from None

    # ------------------------------------------------------------- for the code that makes it happen

    def take(self) -> bool:
        """Count one occurrence and return True, or return False if the fault is no longer active."""
        if not self.active:
            return False
        self.count += 1
        self._counted.set()
        return True

    def applies_to(self, sent: MessageCopy) -> bool:
        """Return whether it alters a message, and count that once for all copies of the message."""
        altered_by = sent.original.altered_by
        if self.number not in altered_by and self.take():
            altered_by.add(self.number)
        return self.number in altered_by

    def hold(self, release: Callable[[], None], until: Until | None = None) -> Held:
        """Call a function later, at the latest when the fault is stopped."""
        held = Held(release)
        self._held = [each for each in self._held if not each.done] + [held]
        if until is not None:
            held.timer = asyncio.create_task(held.release_at(until), name=f"local engine fault {self.name}")
        return held

    def hold_back(self, messages: Sequence[MessageCopy], until: Until | None = None) -> Held:
        """Send messages later, at the latest when the fault is stopped."""
        return self.hold(lambda: self._faults.send_after(self, messages), until)

    async def wait_stopped(self) -> None:
        """Wait until the fault is stopped."""
        await self._stopped.wait()


class StepFault(Fault):
    """Leaves out a step of the engine, for one program or for any."""

    def __init__(
        self, faults: "FaultList", name: str, times: int | None, step: Step, program: str | None = None
    ) -> None:
        super().__init__(faults, name, times)
        self.step = step
        self.program = program


class CutFault(Fault):
    """Ends a connection after some bytes."""

    def __init__(
        self, faults: "FaultList", name: str, times: int | None, where: tuple[Direction, int], ending: Ending
    ) -> None:
        # Checked first, because the constructor of Fault adds it to the list.
        self.direction: Direction = where[0]
        self.after = where[1]
        if self.direction not in DIRECTIONS:
            raise InvalidArgumentError(
                f"direction={self.direction!r}; pass {' or '.join(map(repr, DIRECTIONS))}"
            )
        if type(self.after) is not int or self.after < 0:
            raise InvalidArgumentError(f"after_bytes={self.after!r} is not a number; pass 0 or more")
        self.ending: Ending = ending
        super().__init__(faults, name, times)


class StallFault(Fault):
    """A time in which the engine neither reads nor sends messages.

    Attributes:
        begin_on: Class of the request at which it begins; None after that.
    """

    def __init__(
        self, faults: "FaultList", name: str, until: Until | None, begin_on: type[WireModel] | None
    ) -> None:
        super().__init__(faults, name, None, on_observed=self._observe)
        self._until = until
        self.begin_on = begin_on
        if begin_on is None:
            self._begin()

    def _observe(self, request: WireModel, _carried_out: bool) -> None:
        if self.begin_on is not None and isinstance(request, self.begin_on):
            self._begin()

    def _begin(self) -> None:
        self.begin_on = None
        if self._until is not None:
            self.hold(self.stop, self._until)


class UpgradeFault(Fault):
    """An opening handshake that is answered with an HTTP response, or hangs if ``respond`` is None."""

    respond: Callable[[ServerConnection], Response] | None = None


class CloseFault(Fault):
    """A close that is not answered; what ``instead`` returns is sent, unless it is empty."""

    instead: Callable[[], bytes] = bytes


F = TypeVar("F", bound=Fault)


class FaultList:
    """The faults of one engine, in the order in which they were requested, and what the engine asks of them.

    Args:
        traits: Facts of the server family.
        running_id: Returns a process id in its canonical form, or None if the process can't send events any more.

    Attributes:
        sockets: Open connections, oldest first.
    """

    def __init__(self, traits: ServerTraits, running_id: Callable[[str], str | None]) -> None:
        self.sockets: dict[Socket, None] = {}
        self.traits = traits
        self.running_id = running_id
        self._faults: list[Fault] = []
        self._numbers = itertools.count()

    def add(self, fault: Fault) -> int:
        """Apply a fault from now on, after those before it, and return its number."""
        self._faults.append(fault)
        return next(self._numbers)

    def remove(self, fault: Fault) -> None:
        """Stop applying a fault."""
        if fault in self._faults:
            self._faults.remove(fault)

    def stop(self) -> None:
        """Stop all faults and send the messages that they hold back."""
        for fault in list(self._faults):
            fault.stop()

    def discard(self) -> None:
        """Stop all faults and discard the messages that they hold back."""
        for fault in list(self._faults):
            fault.discard()

    def react(self, receiver: Receiver, request: WireModel) -> Reaction | None:
        """Return what happens to a request instead of carrying it out, or None."""
        found: Reaction | None = None
        for fault in list(self._faults):
            if found is None and fault.on_request is not None:
                found = fault.on_request(fault, receiver, request)
        # Observers see ignored requests, too: a stall can begin at a request that another fault ignores.
        for fault in list(self._faults):
            if fault.on_observed is not None:
                fault.on_observed(request, found is None)
        return found

    def alter(
        self, receiver: Receiver, message: WireModel, request: WireModel | None
    ) -> Iterable[MessageCopy]:
        """Return what to send in place of a message; ``request`` is the request that it answers, if any."""
        return _apply(self._faults, MessageCopy.of(receiver, message, request))

    def send_after(self, fault: Fault, held: Iterable[MessageCopy]) -> None:
        """Send messages that a fault held back, as altered by the faults requested after it."""
        # Faults requested before this one have altered the message already.
        for each in held:
            for sent in _apply([f for f in self._faults if f.number > fault.number], each):
                sent.receiver.release(sent)

    async def wait_while_stalled(self) -> None:
        """Wait until no fault stalls the engine."""
        while stall := next((s for s in self._active(StallFault) if s.begin_on is None), None):
            stall.take()
            await stall.wait_stopped()

    async def respond_to_upgrade(self, connection: ServerConnection) -> Response | None:
        """Return the HTTP response to an opening handshake, or None to accept it."""
        for fault in self._active(UpgradeFault):
            if not fault.take():
                continue
            if fault.respond is not None:
                return fault.respond(connection)
            # The handshake hangs until the fault is stopped or the client disconnects.
            ends = [asyncio.create_task(connection.wait_closed()), asyncio.create_task(fault.wait_stopped())]
            try:
                await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
                if ends[0].done():
                    return None
            finally:
                for end in ends:
                    end.cancel()
        return None

    def would_skip(self, step: Step, program: str | None = None) -> bool:
        """Return whether a step would be left out now, without counting it."""
        return any(True for _ in self._skipping(step, program))

    def skips(self, step: Step, program: str | None = None) -> bool:
        """Return whether a step is left out, and count that."""
        return any(fault.take() for fault in self._skipping(step, program))

    def _skipping(self, step: Step, program: str | None) -> Iterable[Fault]:
        return (f for f in self._active(StepFault) if f.step == step and f.program in (None, program))

    def cuts(self) -> Iterable[Cut]:
        """Return what may end connections now."""
        return self._active(CutFault)

    def ignored_close(self) -> Callable[[], Sequence[bytes]] | None:
        """Return a function that makes the frames to send instead of a close, or None to answer the close."""
        taken = [fault for fault in self._active(CloseFault) if fault.take()]
        return (lambda: [frame for fault in taken if (frame := fault.instead())]) if taken else None

    def _active(self, kind: type[F]) -> list[F]:
        return [fault for fault in self._faults if isinstance(fault, kind) and fault.active]


def _apply(faults: Iterable[Fault], first: MessageCopy) -> Iterable[MessageCopy]:
    # Each fault sees the copies that the earlier faults returned. A fault inserts encoded frames, and must not alter them.
    copies = [first]
    for fault in list(faults):
        if (replace := fault.on_message) is not None:
            altered: list[MessageCopy] = []
            for sent in copies:
                instead = replace(fault, sent) if isinstance(sent.message, WireModel) else None
                altered.extend([sent] if instead is None else instead)
            copies = altered
    return copies


def check_until(until: object) -> None:
    """Raise InvalidArgumentError unless the argument is a number of seconds, an event or None."""
    if until is None or isinstance(until, asyncio.Event):
        return
    if isinstance(until, bool) or not isinstance(until, int | float) or not 0 <= until < math.inf:
        raise InvalidArgumentError(f"invalid until={until!r}; pass seconds from 0, or an asyncio.Event")
