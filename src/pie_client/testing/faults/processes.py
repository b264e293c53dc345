"""Faults of processes: when they start and end, and the events that they send."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from blake3 import blake3

from pie_client._generated import models
from pie_client._generated.events import EVENT_MESSAGES
from pie_client.base import WireModel
from pie_client.errors import InvalidArgumentError
from pie_client.testing.faults.fault import Fault, Held, StepFault, Until, check_until
from pie_client.testing.faults.group import UNKNOWN, FaultGroup
from pie_client.testing.faults.message import PROCESS_MESSAGES, TERMINAL_MESSAGES, VALUE, MessageCopy

PROCESS_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class ProcessFaults(FaultGroup):
    """Faults of processes and their events."""

    def events_before_reply(self, events: int = 1, *, times: int | None = 1) -> Fault:
        """Send the reply to a launch or attach after events of the process, at the latest after its end.

        Args:
            events: How many messages of the process are sent first.
            times: How often; None for every time.
        """
        delayed = _DelayedReplies()

        def replace(fault: Fault, sent: MessageCopy) -> Sequence[MessageCopy] | None:
            message, reply = sent.message, sent.original.message
            if isinstance(reply, models.Response):
                processes = _started_by(sent.request, reply)
                if not processes or not fault.applies_to(sent):
                    return None
                return self._delay(delayed, fault, processes, sent, events)
            if not isinstance(message, PROCESS_MESSAGES):
                return None
            return delayed.pass_message(sent, message.process_id, end=isinstance(message, TERMINAL_MESSAGES))

        return self._on_message("events_before_reply", times, replace)

    def events_after_end(self, *, times: int | None = 1) -> Fault:
        """Send an event and a file of a process after its end."""

        def follow(sent: MessageCopy, message: models.ReturnFrame | models.ErrorFrame) -> list[WireModel]:
            data = b"after the end"
            late = models.StdoutFrame(process_id=message.process_id, value="after the end\n")
            chunk = models.FileChunk(
                process_id=message.process_id,
                file_hash=blake3(data).hexdigest(),
                chunk_index=0,
                total_chunks=1,
                chunk_data=data,
            )
            return [late, chunk]

        return self._after_end("events_after_end", times, follow)

    def second_terminal(self, *, times: int | None = 1) -> Fault:
        """End a process twice: with an error after it returned, or the reverse."""

        def follow(sent: MessageCopy, message: models.ReturnFrame | models.ErrorFrame) -> list[WireModel]:
            other = models.ErrorFrame if isinstance(message, models.ReturnFrame) else models.ReturnFrame
            return [other(process_id=message.process_id, value='"a second end"')]

        return self._after_end("second_terminal", times, follow)

    def unknown_event_kind(
        self, kind: str = UNKNOWN, value: str | None = "1", *, times: int | None = 1
    ) -> Fault:
        """Send an event of an unknown kind before the next event of a process.

        Args:
            kind: The kind.
            value: Its value; None leaves it out.
            times: How often; None for every time.
        """

        def replace(fault: Fault, sent: MessageCopy) -> Sequence[MessageCopy] | None:
            message = sent.message
            if not isinstance(message, PROCESS_MESSAGES) or not fault.take():
                return None
            event = sent.separate(models.UnknownFrame(process_id=message.process_id, event=kind, value=value))
            return [event if value is not None else event.without_field(VALUE), sent]

        return self._on_message("unknown_event_kind", times, replace)

    def missing_value(self, event: type[WireModel] = models.StdoutFrame, *, times: int | None = 1) -> Fault:
        """Leave out the value of an event.

        Args:
            event: Class of the event.
            times: How often; None for every time.
        """
        if event not in EVENT_MESSAGES:
            raise InvalidArgumentError(
                f"{event.__name__} is not an event; pass a class like models.StdoutFrame"
            )

        def replace(fault: Fault, sent: MessageCopy) -> Sequence[MessageCopy] | None:
            applies = isinstance(sent.message, event) and fault.applies_to(sent)
            return [sent.without_field(VALUE)] if applies else None

        return self._on_message("missing_value", times, replace)

    def split_utf8(self, *, times: int | None = 1) -> Fault:
        """Split output within a character, so that it arrives as two events with replacement characters.

        Args:
            times: How often. Output that is ASCII does not count.
        """

        def replace(fault: Fault, sent: MessageCopy) -> Sequence[MessageCopy] | None:
            message = sent.message
            if not isinstance(message, (models.StdoutFrame, models.StderrFrame)):
                return None
            place = next((i for i, c in enumerate(message.value) if not c.isascii()), None)
            if place is None or not fault.applies_to(sent):
                return None
            data = message.value.encode()
            return [
                sent.with_values(value=half.decode(errors="replace"))
                for half in (data[: place + 1], data[place + 1 :])
            ]

        return self._on_message("split_utf8", times, replace)

    def terminate_event_before_reply(self, *, times: int | None = 1) -> Fault:
        """Send the end of a terminated process before the reply to the request.

        Args:
            times: How often. The end of a process without a client is not sent; the reply is then
                held back until the fault is stopped.
        """
        delayed = _DelayedReplies()

        def replace(fault: Fault, sent: MessageCopy) -> Sequence[MessageCopy] | None:
            message, reply, request = sent.message, sent.original.message, sent.request
            if isinstance(reply, models.Response) and isinstance(request, models.TerminateProcessRequest):
                if not reply.ok or not fault.applies_to(sent):
                    return None
                return self._delay(delayed, fault, [request.process_id], sent, 1)
            if isinstance(message, TERMINAL_MESSAGES):
                return delayed.pass_message(sent, message.process_id, end=True)
            return None

        return self._on_message("terminate_event_before_reply", times, replace)

    def terminate_event_after_reply(self, until: Until, *, times: int | None = 1) -> Fault:
        """Send the end of a terminated process long after the reply to the request.

        Args:
            until: Seconds, or an event that releases the end.
            times: How often; None for every time.
        """
        check_until(until)
        return self._on_termination(
            "terminate_event_after_reply", times, lambda fault, sent: fault.hold_back([sent], until)
        )

    def terminate_event_never(self, *, times: int | None = 1) -> Fault:
        """Do not send the end of a terminated process."""
        return self._on_termination("terminate_event_never", times, lambda _fault, _sent: None)

    def never_start(self, program: str | None = None, *, times: int | None = 1) -> Fault:
        """Confirm a launch and list the process, but do not start it until it is terminated.

        Args:
            program: The program as ``name@version``; None for any.
            times: How often; None for every time.
        """
        return StepFault(self._faults, "never_start", times, "start", program)

    def never_end(self, program: str | None = None, *, times: int | None = 1) -> Fault:
        """Keep a process listed and attached when its program has ended, until it is terminated.

        Args:
            program: The program as ``name@version``; None for any.
            times: How often; None for every time.
        """
        return StepFault(self._faults, "never_end", times, "end", program)

    def lose_workflow_end(self, *, times: int | None = 1) -> Fault:
        """Do not send the end of a workflow's last process.

        Args:
            times: How many workflows. One that is cancelled does not count.
        """
        return StepFault(self._faults, "lose_workflow_end", times, "workflow end")

    def _delay(
        self,
        delayed: "_DelayedReplies",
        fault: Fault,
        processes: Sequence[str],
        reply: MessageCopy,
        messages: int,
    ) -> Sequence[MessageCopy]:
        running = {found for each in processes if (found := self._faults.running_id(each)) is not None}
        if not running:  # all their messages were sent before
            return [reply]
        delayed.add(fault, running, reply, messages)
        return []

    def _after_end(
        self,
        name: str,
        times: int | None,
        follow: Callable[[MessageCopy, models.ReturnFrame | models.ErrorFrame], list[WireModel]],
    ) -> Fault:
        """Send more messages after the end of a process."""

        def replace(fault: Fault, sent: MessageCopy) -> Sequence[MessageCopy] | None:
            message = sent.message
            if not isinstance(message, TERMINAL_MESSAGES) or not fault.applies_to(sent):
                return None
            return [sent, *map(sent.following, follow(sent, message))]

        return self._on_message(name, times, replace)

    def _on_termination(
        self, name: str, times: int | None, hold: Callable[[Fault, MessageCopy], object]
    ) -> Fault:
        """Withhold the end of a process that a client has terminated."""
        terminated: set[str] = set()

        def record(request: WireModel) -> None:
            if isinstance(request, models.TerminateProcessRequest):
                process_id = self._faults.running_id(request.process_id)
                if process_id is not None:
                    terminated.add(process_id)

        def replace(fault: Fault, sent: MessageCopy) -> Sequence[MessageCopy] | None:
            message = sent.message
            if fault.number not in sent.original.altered_by:
                if not isinstance(message, models.ErrorFrame) or message.process_id not in terminated:
                    return None
                terminated.discard(message.process_id)
                if not fault.applies_to(sent):
                    return None
            hold(fault, sent)
            return []

        return Fault(self._faults, name, times, on_message=replace, on_carried_out=record)


@dataclass(eq=False, slots=True)
class _DelayedReply:
    processes: set[str]
    copies: list[MessageCopy]
    remaining: int
    held: Held


class _DelayedReplies:
    """Replies that one fault holds back until messages of their processes have been sent."""

    def __init__(self) -> None:
        self._replies: list[_DelayedReply] = []

    def add(self, fault: Fault, processes: set[str], reply: MessageCopy, messages: int) -> None:
        """Hold back a reply for so many messages; copies of one reply wait together."""
        for delayed in self._replies:
            if delayed.copies[0].original is reply.original:
                delayed.copies.append(reply)
                return
        copies = [reply]
        self._replies.append(_DelayedReply(processes, copies, messages, fault.hold_back(copies)))

    def pass_message(self, sent: MessageCopy, process_id: str, *, end: bool) -> Sequence[MessageCopy] | None:
        """Return a message of a process with the reply that follows it, or None if there is no such reply."""
        delayed = next((each for each in self._replies if process_id in each.processes), None)
        if delayed is None:
            return None
        delayed.remaining -= 1
        if delayed.remaining > 0 and not end:
            return None
        self._replies.remove(delayed)
        if sent.receiver is not delayed.copies[0].receiver:  # another client asked; send on its connection
            delayed.held.release()
            return [sent]
        delayed.held.discard()
        return [sent, *delayed.copies]


def _started_by(request: WireModel | None, reply: models.Response) -> list[str]:
    """Return the ids of the processes whose events follow a reply."""
    if not reply.ok:
        return []
    if isinstance(request, models.AttachProcessRequest):
        return [request.process_id]
    launches = (models.LaunchProcessRequest, models.LaunchProcessesRequest)
    captured = isinstance(request, launches) and request.capture_outputs
    return PROCESS_ID.findall(reply.result) if captured else []
