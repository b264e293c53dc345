"""What a seed stands for: the work of a client, and what goes wrong with its connections."""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final

from pie_client import Family
from tests.faults.engine_process import FAMILIES
from tests.faults.link import HARM, OF_FRAMES, OF_LINKS, Direction, Fault, Harm, Kind
from tests.faults.plans import End, Plan, Step, StepKind

HEAD_BYTES: Final = 300
"""About the bytes of an opening handshake, in either direction."""
EVENT_BYTES: Final = 130
"""About the bytes of an event or request without its text."""
PATIENT: Final = 20.0
"""Timeout of calls whose connection lives or dies, in seconds: it passes only if the client hangs."""
IMPATIENT: Final = 0.15
"""Timeout of calls whose replies a fault may withhold, in seconds."""
FROZEN_MILLISECONDS: Final = 400
"""Milliseconds for which a frozen engine is stopped: longer than impatient calls wait."""
RECONNECTED: Final = (
    *(Kind.PIECES, Kind.DELAY, Kind.REORDER, Kind.FRAGMENT, Kind.STALL),
    *2 * (Kind.CUT, Kind.RESET, Kind.HALF_CLOSE),
)
"""Faults of clients that connect again."""
DEADLY: Final[tuple[Kind, ...]] = (
    *3 * (Kind.KILL,),
    Kind.STOP,
    Kind.FREEZE,
    Kind.KILL_MCP,
    Kind.PIECES,
    Kind.CUT,
)
DEADLY_RECONNECTED: Final[tuple[Kind, ...]] = (*3 * (Kind.KILL,), Kind.STOP, Kind.PIECES, Kind.CUT)
"""Faults of an engine in a process of its own."""


class Reading(Enum):
    """How a client follows a process."""

    ITERATE = "async for"
    RECEIVE = "recv()"
    TEXT = "text()"
    RESULT = "result()"
    BOTH = "async for and wait()"
    DROP = "not at all: the handle is dropped"


class Work(Enum):
    """A call that runs while processes do."""

    PING = "ping"
    LIST = "list_processes"
    QUERY = "query"
    CHECK = "check_program"
    INSTALL = "install_program_bytes"
    RUN = "run_processes"
    LAUNCH_MANY = "launch_processes"


@dataclass(frozen=True)
class Follow:
    """A process, and what the client does with it.

    Attributes:
        signals_first: Send the signals before they are asked for.
        terminate_after: Number of events after which it is terminated; None for never.
        leaves_after: Number of events after which the client is closed, and another one attaches; None for never.
    """

    plan: Plan
    reading: Reading
    signals_first: bool
    terminate_after: int | None
    leaves_after: int | None = None


@dataclass(frozen=True)
class Schedule:
    """The work of a client, and what goes wrong.

    Attributes:
        clients: Number of clients, which share the processes and calls.
        follows: Processes that run at the same time.
        work: Calls that run at the same time.
        upload_bytes: Size of the installed program.
        cancel_after: Turns of the event loop after which one of the calls is cancelled; None for never.
        close_after: Events after which the client is closed although work goes on; None for never.
        close_when_lost: Whether it is closed when it is about to connect again.
        mcp: Whether the client runs an MCP server.
        keep_alive: Whether the client sends pings, and soon gives up without an answer.
        spool_above: Size above which files go to disk.
        max_buffered: Share of each process in the client's memory; above it the connection pauses.
        uvloop: Whether the client runs on uvloop.
        reconnects: Whether the client opens a lost connection again.
        keeps_detached: Whether the server keeps processes without a client.
        mortal: Whether the engine is in a process of its own that can be killed.
        patience: Timeout of each call where none may pass, in seconds.
    """

    seed: int
    family: Family
    clients: int
    follows: tuple[Follow, ...]
    work: tuple[Work, ...]
    upload_bytes: int
    cancel_after: int | None
    close_after: int | None
    mcp: bool
    keep_alive: bool
    spool_above: int | None
    max_buffered: int
    uvloop: bool
    reconnects: bool
    keeps_detached: bool
    mortal: bool
    faults: tuple[Fault, ...]
    patience: float
    close_when_lost: bool

    @property
    def prefix(self) -> str:
        """What the names of its processes and programs begin with."""
        return f"s{self.seed}-"

    @property
    def harm(self) -> Harm:
        """The most that its faults do."""
        return max(
            (HARM[fault.kind] for fault in self.faults), key=lambda harm: harm.value, default=Harm.NONE
        )

    def has(self, kind: Kind) -> bool:
        """Return whether a kind of fault is among its faults."""
        return any(fault.kind is kind for fault in self.faults)

    @property
    def timeout(self) -> float:
        """Timeout of each call, in seconds."""
        return IMPATIENT if self.harm in (Harm.STALLS, Harm.CORRUPTS) else self.patience

    def describe(self) -> str:
        """Return what happens, for people."""
        lines = [f"seed {self.seed}: family {self.family}, {'uvloop' if self.uvloop else 'asyncio'}"]
        for follow in self.follows:
            steps = " ".join(f"{step.kind}:{step.size}" for step in follow.plan.steps)
            lines.append(
                f"  {follow.plan.key} {steps} then {follow.plan.end}; read by {follow.reading.value}"
            )
            if follow.terminate_after is not None:
                lines[-1] += f", terminated after {follow.terminate_after} events"
            if follow.signals_first:
                lines[-1] += ", signals first"
            if follow.leaves_after is not None:
                lines[-1] += f", by another client after {follow.leaves_after} events"
        lines.append(f"  meanwhile {', '.join(work.value for work in self.work) or 'nothing'}")
        lines += [
            f"  {name} {value}"
            for name in (
                "clients",
                "cancel_after",
                "close_after",
                "close_when_lost",
                "mcp",
                "keep_alive",
                "spool_above",
                "upload_bytes",
                "max_buffered",
                "reconnects",
                "keeps_detached",
                "mortal",
            )
            if (value := getattr(self, name)) not in (None, False)
        ]
        lines += [f"  {fault}" for fault in self.faults]
        return "\n".join(lines)


def schedule_of(seed: int, *, mortal: bool = False) -> Schedule:
    """Return the schedule of a seed.

    Args:
        mortal: Whether faults of processes happen too: the engine is killed or stopped.
    """
    rng = random.Random(f"mortal {seed}" if mortal else seed)  # noqa: S311 - repeatable
    family = rng.choice(FAMILIES)
    reconnects = rng.random() < (0.6 if mortal else 0.2)
    mcp = family == "0.4" and rng.random() < (0.15 if mortal else 0.04)
    keeps_detached = rng.random() < (0.7 if reconnects else 0.15)
    leaves = keeps_detached and not reconnects
    loses = reconnects or leaves
    kinds = _kinds_of_steps(mcp=mcp and not loses, loses=loses)
    follows = tuple(_follow(rng, f"s{seed}-{i}", kinds) for i in range(rng.choice((1, 1, 2, 3, 5))))
    if loses:
        follows = tuple(map(_terminates_first, follows))
    if leaves:
        follows = tuple(_leaves(rng, follow) for follow in follows)
    known = [w for w in Work if family == "0.4" or w not in (Work.RUN, Work.LAUNCH_MANY)]
    work = tuple(rng.choice(known) for _ in range(rng.choice((0, 1, 2, 4, 8))))
    upload_bytes = round(_log_uniform(rng, 50, 900_000))
    clients = 1 if mcp else rng.choice((1, 1, 1, 1, 2, 3))
    faults = _faults(rng, _sizes(follows, work, upload_bytes), reconnects=reconnects, mortal=mortal)
    if loses or clients > 1 or Work.RUN in work:
        which = (0, 0, 0, 1, 2) if mortal else (0, 0, 1, 2, 3)
        faults = [replace(fault, connection=rng.choice(which)) for fault in faults]
    return Schedule(
        seed,
        family,
        clients,
        follows,
        work,
        upload_bytes,
        cancel_after=rng.randint(0, 60) if rng.random() < 0.15 else None,
        close_after=rng.randint(0, 12) if rng.random() < 0.1 else None,
        mcp=mcp,
        keep_alive=rng.random() < 0.15,
        spool_above=rng.choice((1, 1000, 300_000)) if rng.random() < 0.4 else None,
        max_buffered=rng.choice((16 << 20, 16 << 20, 16 << 20, 200_000, 10_000)),
        uvloop=rng.random() < 0.2,
        reconnects=reconnects,
        keeps_detached=keeps_detached,
        mortal=mortal,
        faults=tuple(faults),
        patience=PATIENT,
        close_when_lost=reconnects and rng.random() < 0.15,
    )


def _faults(rng: random.Random, sizes: tuple[int, int], *, reconnects: bool, mortal: bool) -> list[Fault]:
    if mortal:
        kinds = DEADLY_RECONNECTED if reconnects else DEADLY
        # Most of them near the beginning: a client does less where the engine dies.
        sizes = (sizes[0] // 2, sizes[1] // 2)
        further = [_fault(rng, *sizes, kinds) for _ in range(rng.choice((0, 1, 2, 3)))]
        return [_fault(rng, *sizes, (Kind.KILL,)), *further]
    kinds = RECONNECTED if reconnects else OF_LINKS
    number = rng.choice((1, 1, 2, 3, 4) if reconnects else (0, 1, 1, 1, 1, 2, 3))
    return [_fault(rng, *sizes, kinds) for _ in range(number)]


def _kinds_of_steps(*, mcp: bool, loses: bool) -> tuple[StepKind, ...]:
    kinds: tuple[StepKind, ...] = ("print", "print", "print", "eprint", "message", "file")
    # What is sent to a process, or asks for it, may be lost with the connection, and the process would wait for it.
    sent: tuple[StepKind, ...] = () if loses else ("signal", "upload")
    called: tuple[StepKind, ...] = ("mcp",) if mcp else ()
    return kinds + sent + called


def _terminates_first(follow: Follow) -> Follow:
    """Return the same, terminated at once: events that it would be terminated after may be lost."""
    return follow if follow.terminate_after is None else replace(follow, terminate_after=0)


def _leaves(rng: random.Random, follow: Follow) -> Follow:
    """Return the same, continued by another client, if it is followed event by event."""
    if follow.reading not in (Reading.ITERATE, Reading.RECEIVE) or rng.random() < 0.3:
        return follow
    return replace(follow, leaves_after=rng.randint(0, len(follow.plan.items)))


def _follow(rng: random.Random, key: str, kinds: tuple[StepKind, ...]) -> Follow:
    reading = rng.choice((*Reading, Reading.ITERATE, Reading.RECEIVE))
    # Only a client that reads messages knows when to send a file.
    reads_messages = reading in (Reading.ITERATE, Reading.RECEIVE, Reading.BOTH)
    usable: list[StepKind] = [kind for kind in kinds if reads_messages or kind != "upload"]
    steps = tuple(_step(rng, rng.choice(usable)) for _ in range(rng.choice((0, 1, 3, 6, 12, 30))))
    end: End = rng.choice(("return", "return", "return", "fail", "wait"))
    plan = Plan(key, steps, end)
    terminated = end == "wait" or rng.random() < 0.1
    terminate_after = rng.randint(0, len(plan.items)) if terminated else None
    return Follow(plan, reading, rng.random() < 0.5, terminate_after)


def _step(rng: random.Random, kind: StepKind) -> Step:
    match kind:
        case "print" | "eprint" | "message":
            return Step(kind, round(_log_uniform(rng, 1, 20_000)))
        case "file" | "upload":
            return Step(kind, round(_log_uniform(rng, 1, 600_000)))
        case _:
            return Step(kind)


def _sizes(follows: tuple[Follow, ...], work: tuple[Work, ...], upload_bytes: int) -> tuple[int, int]:
    """Return about the bytes that a client sends and receives."""
    sent = received = HEAD_BYTES + EVENT_BYTES
    for follow in follows:
        sent += 2 * EVENT_BYTES + 40 * len(follow.plan.steps)
        received += 2 * EVENT_BYTES
        for step in follow.plan.steps:
            if step.kind == "upload":
                sent += step.size
            else:
                received += step.size
            received += EVENT_BYTES
    for each in work:
        sent += EVENT_BYTES + (upload_bytes if each is Work.INSTALL else 0)
        received += EVENT_BYTES
    return sent, received


def _fault(rng: random.Random, sent: int, received: int, kinds: Sequence[Kind]) -> Fault:
    kind = rng.choice(kinds)
    direction = Direction.DOWN if kind in OF_FRAMES else rng.choice(tuple(Direction))
    size = sent if direction is Direction.UP else received
    # Half of the positions are in the first messages, where most of a connection's states are.
    position = round(_log_uniform(rng, 1, size) if rng.random() < 0.5 else rng.uniform(0, size * 1.1))
    if kind in (Kind.STOP, Kind.FREEZE):
        amount = round(_log_uniform(rng, 1, 100)) if kind is Kind.STOP else FROZEN_MILLISECONDS
    else:
        amount = round(_log_uniform(rng, 1, size if HARM[kind] is Harm.NONE else 300))
    return Fault(kind, direction, 0, position, amount)


def _log_uniform(rng: random.Random, low: float, high: float) -> float:
    return math.exp(rng.uniform(math.log(low), math.log(high)))
