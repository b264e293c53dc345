"""One fault: when it can happen, how often it did, and what it holds back."""

import asyncio
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self, TypeAlias

from websockets.asyncio.server import ServerConnection
from websockets.http11 import Response

from pie_client.base import WireModel
from pie_client.errors import DeadlineError, InvalidArgumentError
from pie_client.testing.faults.message import Line, Sent
from pie_client.testing.faults.sockets import Direction, Ending

Until: TypeAlias = float | asyncio.Event
"""When something that is held goes on: after so many seconds, or when the event is set."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The request is refused with this text."""

    text: str


@dataclass(frozen=True, slots=True)
class Unanswered:
    """The request is neither carried out nor answered."""


Reaction: TypeAlias = str | Refused | Unanswered
"""What becomes of a request instead of its being carried out; a text is its result."""


OnRequest: TypeAlias = Callable[["Fault", Line, WireModel], Reaction | None]
"""Tells what becomes of a request; None where the fault does not concern it."""
OnMessage: TypeAlias = Callable[["Fault", Sent], Sequence[Sent] | None]
"""Tells what is sent in place of a message; None where the fault does not concern it."""
OnCarriedOut: TypeAlias = Callable[[WireModel], None]
"""Is told of a request that is carried out."""


class Held:
    """Something that is held back."""

    def __init__(self, release: Callable[[], None]) -> None:
        self._release: Callable[[], None] | None = release
        self.task: asyncio.Task[None] | None = None

    @property
    def done(self) -> bool:
        """It was done or given up."""
        return self._release is None

    def let_go(self) -> None:
        """Do it now, unless it was done or given up."""
        release, self._release = self._release, None
        self.give_up()
        if release is not None:
            release()

    def give_up(self) -> None:
        """Never do it."""
        self._release = None
        if self.task is not None and self.task is not asyncio.current_task():
            self.task.cancel()


class Book(Protocol):
    """Where faults are listed."""

    def add(self, fault: "Fault") -> int:
        """List a fault, and give its number: that of one that was asked for later is higher."""
        ...

    def remove(self, fault: "Fault") -> None:
        """List it no more."""
        ...

    def send_on(self, fault: "Fault", sent: Sent) -> None:
        """Send what a fault held back, as those that were asked for later leave it."""
        ...


class Fault:
    """Something that goes wrong because it was asked for.

    Use it as a context manager to have it go wrong no longer than that; otherwise it lasts until it has happened
    ``times`` times, until :meth:`stop`, or as long as the engine.

    Attributes:
        name: Name of the method of :class:`Faults` that asked for it.
        count: How often it has happened.
        number: Which of the engine's faults it is, in the order in which they were asked for.
    """

    def __init__(
        self,
        book: Book,
        name: str,
        times: int | None,
        *,
        on_request: OnRequest | None = None,
        on_message: OnMessage | None = None,
        on_carried_out: OnCarriedOut | None = None,
    ) -> None:
        if times is not None and times < 1:
            raise InvalidArgumentError(
                f"times={times} is not how often; pass 1 or more, or None for every time"
            )
        self.name = name
        self.count = 0
        self._book = book
        self._times = math.inf if times is None else times
        self._on_request = on_request
        self._on_message = on_message
        self._on_carried_out = on_carried_out
        self._over = asyncio.Event()
        self._waiters: list[asyncio.Future[None]] = []
        self._held: list[Held] = []
        self.number = book.add(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"<Fault {self.name}, happened {self.count} times>"

    @property
    def active(self) -> bool:
        """Whether it can still happen."""
        return not self._over.is_set() and self.count < self._times

    def stop(self) -> None:
        """Let it happen no more. What it holds back is sent."""
        self._over.set()
        self._book.remove(self)
        held, self._held = self._held, []
        for each in held:
            each.let_go()

    async def happened(self, times: int = 1, *, timeout: float = 10.0) -> None:
        """Wait until it has happened.

        Args:
            times: How often, since it was asked for.
            timeout: Seconds to wait.

        Raises:
            DeadlineError: It did not happen so often in time.
        """
        try:
            async with asyncio.timeout(timeout):
                while self.count < times:
                    waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
                    self._waiters.append(waiter)
                    await waiter
        except TimeoutError:
            raise DeadlineError(
                f"{self.name} happened {self.count} times within {timeout:g} s instead of {times}; do what provokes it"
            ) from None

    # ------------------------------------------------------------- for those that make it happen

    def take(self) -> bool:
        """Count that it happens; False where it can't any more."""
        if not self.active:
            return False
        self.count += 1
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)
        return True

    def concerns(self, sent: Sent) -> bool:
        """Count that it happens to a message, once for all of its copies; False where it can't any more."""
        concerned = sent.occasion.concerned
        if self.number not in concerned and self.take():
            concerned.add(self.number)
        return self.number in concerned

    def react(self, line: Line, request: WireModel) -> Reaction | None:
        """Tell what becomes of a request; None where this does not concern it."""
        return None if self._on_request is None else self._on_request(self, line, request)

    def notice(self, request: WireModel, *, carried_out: bool) -> None:
        """Take note of a request, whatever faults make of it."""
        if carried_out and self._on_carried_out is not None:
            self._on_carried_out(request)

    def replace(self, sent: Sent) -> Sequence[Sent] | None:
        """Tell what is sent in place of a message; None where this does not concern it."""
        return None if self._on_message is None else self._on_message(self, sent)

    def hold(self, release: Callable[[], None], until: Until | None = None) -> Held:
        """Do something later, at the latest when this is stopped."""
        held = Held(release)
        self._held = [each for each in self._held if not each.done] + [held]
        if until is not None:
            held.task = asyncio.create_task(_later(held, until), name=f"local engine fault {self.name}")
        return held

    def hold_back(self, sent: Sequence[Sent], until: Until | None = None) -> Held:
        """Send something later, at the latest when this is stopped."""

        def send() -> None:
            for each in sent:
                self._book.send_on(self, each)

        return self.hold(send, until)

    async def wait_over(self) -> None:
        """Wait until it is stopped, or its engine."""
        await self._over.wait()

    def end(self) -> None:
        """Stop, and drop what is held."""
        held, self._held = self._held, []
        for each in held:
            each.give_up()
        self.stop()


def check_until(until: object) -> None:
    """Raises InvalidArgumentError for what is no time to wait, and no event."""
    if until is None or isinstance(until, asyncio.Event):
        return
    if isinstance(until, bool) or not isinstance(until, int | float) or not 0 <= until < math.inf:
        raise InvalidArgumentError(f"until={until!r} is no time; pass seconds from 0, or an asyncio.Event")


async def _later(held: Held, until: Until) -> None:
    if isinstance(until, asyncio.Event):
        await until.wait()
    else:
        await asyncio.sleep(until)
    held.let_go()


class CutFault(Fault):
    """The end of a connection at some byte."""

    def __init__(
        self, book: Book, name: str, times: int | None, direction: Direction, after: int, ending: Ending
    ) -> None:
        if after < 0:
            raise InvalidArgumentError(f"after_bytes={after} is no number of bytes; pass 0 or more")
        self.direction: Direction = direction
        self.after = after
        self.ending: Ending = ending
        super().__init__(book, name, times)


class StallFault(Fault):
    """A time in which the engine neither reads nor sends messages."""

    def __init__(self, book: Book, name: str, until: Until | None, on: type[WireModel] | None) -> None:
        super().__init__(book, name, None)
        self._until = until
        self._on = on
        self.stalling = False
        if on is None:
            self._begin()

    def notice(self, request: WireModel, *, carried_out: bool) -> None:
        """Begin with the request that was named."""
        super().notice(request, carried_out=carried_out)
        if self._on is not None and not self.stalling and isinstance(request, self._on):
            self._begin()

    def _begin(self) -> None:
        self.stalling = True
        if self._until is not None:
            self.hold(self.stop, self._until)


class UpgradeFault(Fault):
    """An opening handshake that fails; it hangs where there is no response."""

    def __init__(
        self,
        book: Book,
        name: str,
        times: int | None,
        respond: Callable[[ServerConnection], Response] | None,
    ) -> None:
        super().__init__(book, name, times)
        self.respond = respond


class CloseFault(Fault):
    """A close that is not answered; what ``instead`` gives is sent where it is not empty."""

    def __init__(self, book: Book, name: str, times: int | None, instead: Callable[[], bytes]) -> None:
        super().__init__(book, name, times)
        self.instead = instead


class ProcessFault(Fault):
    """A process of which something stays out."""

    def __init__(self, book: Book, name: str, times: int | None, program: str | None) -> None:
        super().__init__(book, name, times)
        self._program = program

    def holds_up(self, program: str) -> bool:
        """Tell, and count, whether this concerns a process of a program."""
        return self._program in (None, program) and self.take()


class StartFault(ProcessFault):
    """A process that never begins."""


class EndFault(ProcessFault):
    """A process that never ends by itself."""


class UploadFault(Fault):
    """An upload that is not stored."""


class WorkflowFault(Fault):
    """The end of a workflow's last process that is lost."""
