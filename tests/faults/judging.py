"""Compare what came back with what the plans say. Nothing may be lost in silence, invented, repeated or reordered."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from pydantic import TypeAdapter

from pie_client import (
    AlreadyAttachedError,
    ConnectionLostError,
    DeadlineError,
    McpServerError,
    PieConnectionError,
    PieError,
    ProcessError,
    ProcessNotFoundError,
    ReconnectError,
    RefusedError,
)
from tests.faults.client_work import REGISTER, REGISTER_SECONDS, Followed, Outcome
from tests.faults.link import HARM, Fault, Harm, Kind
from tests.faults.plans import Entry, Item, cut
from tests.faults.schedules import Reading, Schedule, Work

OUTPUT_BYTES = {"0.4": 4096, "0.5": None}
"""Bytes after which servers cut what a process prints."""
LATE_SECONDS = 15.0
"""Seconds that a part of the work may take besides its timeouts, on a machine with other work."""
TEXTS = TypeAdapter(list[str])


def problems_of(
    schedule: Schedule, outcome: Outcome, ledger: Mapping[str, Entry], happened: Sequence[Fault]
) -> Iterator[str]:
    """Yield what the outcome of a schedule violates.

    Args:
        happened: The faults that happened: one at a byte that was never sent excuses nothing.
        ledger: What the processes and uploads received, by their names.
    """
    yield from outcome.problems
    for name, error in outcome.errors:
        if not _may_raise(schedule, name, error, happened):
            yield f"{name} raised {error!r}"
    yield from _problems_of_ends(schedule, outcome)
    if schedule.harm is not Harm.CORRUPTS:
        yield from _problems_of_calls(outcome)
    right_files = {text for f in schedule.follows for kind, text in f.plan.items if kind == "file"}
    for each in outcome.followed:
        key = each.follow.plan.key
        if schedule.harm in (Harm.NONE, Harm.ENDS) and each.gaps > (most := _most_gaps(each, happened)):
            yield f"{key}: {each.gaps} gaps were reported, of at most {most}"
        if schedule.harm is Harm.CORRUPTS:
            wrong = [text for kind, text in each.items if kind == "file" and text not in right_files]
            found = [f"received a wrong file {digest}" for digest in wrong]
        else:
            found = [*_problems_of_process(schedule, each)]
        for problem in (*found, *_problems_of_receipts(schedule, each, ledger.get(key, Entry()))):
            yield f"{key}: {problem}"
    for program, digest in outcome.installed.items():
        if schedule.mortal:
            continue  # an engine that is killed loses its programs
        stored = ledger.get(program, Entry()).files
        if schedule.harm is Harm.CORRUPTS and (schedule.family == "0.4" or not stored):
            # Servers do not compare manifests with a digest, 0.4 servers not even programs: no client notices.
            continue
        if stored != (digest,):
            yield f"{program} was installed, and the server has {stored}"


def _problems_of_ends(schedule: Schedule, outcome: Outcome) -> Iterator[str]:
    """Yield which parts of the work did not end as they must: in time, with a result or an error, and once."""
    for name, seconds in outcome.seconds.items():
        if seconds > LATE_SECONDS + (REGISTER_SECONDS if name == REGISTER else 3 * schedule.timeout):
            yield f"{name} took {seconds:.1f} s, with timeouts of {schedule.timeout:g} s"
    told = {name for name, _ in outcome.errors} | set(outcome.cancelled)
    for each in outcome.followed:
        key = each.follow.plan.key
        if each.launched and not each.ends and key not in told and each.follow.reading is not Reading.DROP:
            yield f"{key}: the events stopped without a last one or an error"
        if each.late or sum(kind in ("return", "error") for kind, _ in each.ends) > 1:
            yield f"{key}: received {each.late} events after the last one"
    returned = Counter(f"{work.value} {number}" for work, number, _ in outcome.results)
    for number, work in enumerate(schedule.work):
        name = f"{work.value} {number}"
        if name in outcome.seconds and returned[name] != (name not in told):
            yield f"{name} returned {returned[name]} times, and raised {[e for n, e in outcome.errors if n == name]}"


def _most_gaps(each: Followed, happened: Sequence[Fault]) -> int:
    """Return after how many losses of a connection, or changes of the client, events of a process may be missing."""
    return sum(HARM[fault.kind] is Harm.ENDS for fault in happened) + (each.follow.leaves_after is not None)


def _may_raise(schedule: Schedule, name: str, error: BaseException, happened: Sequence[Fault]) -> bool:
    if isinstance(error, (DeadlineError, TimeoutError)):
        return schedule.harm in (Harm.STALLS, Harm.CORRUPTS)
    if not isinstance(error, PieError):
        return False
    if schedule.harm is Harm.CORRUPTS:
        return True
    if isinstance(error, (ProcessNotFoundError, AlreadyAttachedError)):
        # The end of a process precedes the refusal to terminate it, unless they are reordered or a connection is between.
        return (
            schedule.reconnects
            or any(follow.leaves_after is not None for follow in schedule.follows)
            or any(fault.kind is Kind.REORDER for fault in schedule.faults)
        )
    if isinstance(error, McpServerError):
        return schedule.has(Kind.KILL_MCP)
    if isinstance(error, ProcessError):
        # _problems_of_process checks whether it was to fail; those of a batch never are.
        return any(name == follow.plan.key for follow in schedule.follows)
    may_end = (
        schedule.harm is Harm.STALLS  # an answer to a ping may be late even if it is not withheld
        or any(HARM[fault.kind] is not Harm.NONE for fault in happened)
        or schedule.close_after is not None
        or schedule.close_when_lost
    )
    ends = (PieConnectionError, RefusedError) if schedule.reconnects else PieConnectionError
    return may_end and isinstance(error, ends)


def _problems_of_process(schedule: Schedule, each: Followed) -> Iterator[str]:
    plan = each.follow.plan
    sent = cut(plan.items, OUTPUT_BYTES[schedule.family])
    if each.follow.reading is Reading.TEXT:
        sent = [item for item in sent if item[0] == "stdout"]
    if each.corrupt and not each.gaps:
        yield f"losses were reported: {each.corrupt}"
    gaps = gaps_in(each.items, sent)
    if gaps is None:
        yield f"received {_shown(each.items)}, which is not in the order of {_shown(sent)}"
    elif gaps > each.gaps:
        yield f"received {_shown(each.items)} of {_shown(sent)}: {gaps} gaps, {each.gaps} reported"
    whole = each.follow.reading is Reading.RESULT or each.items[-1:] == sent[-1:] or each.gaps > (gaps or 0)
    for kind, value in each.ends:
        if kind in ("error", "raised"):
            ended_as_planned = plan.end == "fail" and value == plan.key and whole
            calls_killed = schedule.has(Kind.KILL_MCP) and any(step.kind == "mcp" for step in plan.steps)
            if not (ended_as_planned or calls_killed) and each.follow.terminate_after is None:
                yield f"ended with the error {value!r}"
        else:
            if plan.end != "return":
                yield f"returned {value!r}"
            elif not whole:
                yield f"returned after {_shown(each.items)}, which is not all of {_shown(sent)}"
            returned = json.loads(str(value)) if kind == "return" else value
            if returned != plan.result and kind != "text":
                yield f"returned {value!r} instead of {plan.result!r}"


def _problems_of_calls(outcome: Outcome) -> Iterator[str]:
    for work, _, result in outcome.results:
        if work in (Work.RUN, Work.LAUNCH_MANY):
            texts = TEXTS.validate_python(result)
            right = [json.loads(text)["steps"] for text in texts] == [2, 2, 2]
        else:
            right = result is not False
        if not right:
            yield f"{work.value} returned {result!r}"


def _problems_of_receipts(schedule: Schedule, each: Followed, entry: Entry) -> Iterator[str]:
    plan = each.follow.plan
    digests = [plan.digest(i) for i, step in enumerate(plan.steps) if step.kind == "upload"]
    if set(entry.files) - set(digests):
        yield f"the process received a wrong file: {entry.files}"
    if schedule.harm is Harm.CORRUPTS:
        return
    signals = [plan.signal(i) for i, step in enumerate(plan.steps) if step.kind == "signal"]
    if list(entry.signals) != signals[: len(entry.signals)]:
        yield f"the process received the signals {entry.signals}"
    if list(entry.files) != digests[: len(entry.files)]:
        yield f"the process received the files {entry.files}"
    if entry.starts > 1:
        yield f"it ran {entry.starts} times"
    if (
        isinstance(each.launch_error, (ConnectionLostError, ReconnectError))
        and each.launch_error.sent is False
        and entry.starts
    ):
        yield "the launch says that it was not sent, and the process ran"
    if each.items and entry.starts != 1:
        yield "it sent something and did not run"


def gaps_in(received: Sequence[Item], sent: Sequence[Item]) -> int | None:
    """Return the number of gaps before what was received, or None if something was not sent, or in another order."""
    at = gaps = 0
    for item in received:
        if item not in sent[at:]:
            return None
        found = sent.index(item, at)
        gaps += found > at
        at = found + 1
    return gaps


def _shown(items: Sequence[Item]) -> str:
    return f"{len(items)} events [{', '.join(f'{k} {t[:30]!r}+{len(t)}' for k, t in items[-3:])}]"
