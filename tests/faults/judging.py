"""Compare what came back with what the plans say. Nothing may be lost in silence, invented, repeated or reordered."""

import json
from collections.abc import Iterator, Mapping, Sequence

from pydantic import TypeAdapter

from pie_client import (
    ConnectionLostError,
    DeadlineError,
    PieConnectionError,
    PieError,
    ProcessError,
)
from tests.faults.client_work import Followed, Outcome
from tests.faults.link import Harm
from tests.faults.plans import Entry, Item
from tests.faults.schedules import Reading, Schedule, Work

TEXTS = TypeAdapter(list[str])


def problems_of(schedule: Schedule, outcome: Outcome, ledger: Mapping[str, Entry]) -> Iterator[str]:
    """Yield what the outcome of a schedule violates.

    Args:
        ledger: What the processes and uploads received, by their names.
    """
    yield from outcome.problems
    for name, error in outcome.errors:
        if not _may_raise(schedule, error):
            yield f"{name} raised {error!r}"
    if schedule.harm is not Harm.CORRUPTS:
        yield from _problems_of_calls(outcome)
    right_files = {text for f in schedule.follows for kind, text in f.plan.items if kind == "file"}
    for each in outcome.followed:
        key = each.follow.plan.key
        if schedule.harm is Harm.CORRUPTS:
            wrong = [text for kind, text in each.items if kind == "file" and text not in right_files]
            found = [f"received a wrong file {digest}" for digest in wrong]
        else:
            found = [*_problems_of_process(each)]
        for problem in (*found, *_problems_of_receipts(schedule, each, ledger.get(key, Entry()))):
            yield f"{key}: {problem}"
    for program, digest in outcome.installed.items():
        stored = ledger.get(program, Entry()).files
        if schedule.harm is Harm.CORRUPTS and (schedule.family == "0.4" or not stored):
            # Servers do not compare manifests with a digest, 0.4 servers not even programs: no client notices.
            continue
        if stored != (digest,):
            yield f"{program} was installed, and the server has {stored}"


def _may_raise(schedule: Schedule, error: BaseException) -> bool:
    if isinstance(error, (DeadlineError, TimeoutError)):
        return schedule.harm in (Harm.STALLS, Harm.CORRUPTS)
    if not isinstance(error, PieError):
        return False
    if schedule.harm is Harm.CORRUPTS:
        return True
    may_end = schedule.harm is not Harm.NONE or schedule.close_after is not None
    # A process that fails is one of the plans; _problems_of_process checks which.
    return isinstance(error, ProcessError) or (may_end and isinstance(error, PieConnectionError))


def _problems_of_process(each: Followed) -> Iterator[str]:
    plan = each.follow.plan
    expected = plan.items
    if each.follow.reading is Reading.TEXT:
        text = "".join(text for kind, text in expected if kind == "stdout")
        expected = [("stdout", text)] if text else []
    if each.corrupt:
        yield f"losses were reported: {each.corrupt}"
    if not is_prefix(each.items, expected):
        yield f"received {_shown(each.items)}, which is not the beginning of {_shown(joined(expected))}"
    whole = each.items == joined(expected) or each.follow.reading is Reading.RESULT
    for kind, value in each.ends:
        if kind == "error":
            ended_as_planned = plan.end == "fail" and value == plan.key and whole
            if not ended_as_planned and each.follow.terminate_after is None:
                yield f"ended with the error {value!r}"
        else:
            if plan.end != "return":
                yield f"returned {value!r}"
            elif not whole:
                yield f"returned after {_shown(each.items)}, which is not all of {_shown(joined(expected))}"
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
        isinstance(each.launch_error, ConnectionLostError)
        and each.launch_error.sent is False
        and entry.starts
    ):
        yield "the launch says that it was not sent, and the process ran"
    if each.items and entry.starts != 1:
        yield "it sent something and did not run"


def joined(items: Sequence[Item]) -> list[Item]:
    """Join neighbours of one stream."""
    found: list[Item] = []
    for kind, text in items:
        if found and found[-1][0] == kind and kind in ("stdout", "stderr"):
            found[-1] = (kind, found[-1][1] + text)
        else:
            found.append((kind, text))
    return found


def is_prefix(received: Sequence[Item], sent: Sequence[Item]) -> bool:
    """Return whether a receiver got nothing but the beginning of what was sent."""
    whole = joined(sent)
    if len(received) > len(whole):
        return False
    *before, last = received or [("", "")]
    if whole[: len(before)] != before:
        return False
    if not received:
        return True
    kind, text = whole[len(before)]
    if last[0] in ("stdout", "stderr"):
        return kind == last[0] and text.startswith(last[1])
    return last == (kind, text)


def _shown(items: Sequence[Item]) -> str:
    return f"{len(items)} events [{', '.join(f'{k} {t[:30]!r}+{len(t)}' for k, t in items[-3:])}]"
