"""Faults of processes: when they start and end, and the events that they send."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from blake3 import blake3

from pie_client._generated import models
from pie_client._generated.families import PROCESS
from pie_client.base import WireModel
from pie_client.testing.faults.fault import Fault, Held, StepFault, Until, check_until
from pie_client.testing.faults.group import UNKNOWN, FaultGroup, check_event, check_number, check_program
from pie_client.testing.faults.outgoing import PROCESS_MESSAGES, TERMINAL_MESSAGES, VALUE, MessageCopy

PROCESS_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class ProcessFaults(FaultGroup):
    """Faults of processes and their events."""

    def events_before_reply(self, events: int = 1, *, times: int | None = 1) -> Fault:
        """Send the reply to a launch or attach after events of the process, at the latest after its end.

        Args:
            events: How many messages of the process are sent first.
            times: How often; None for every time.
        """
        check_number("events", events, least=1)
        return self._delay_reply("events_before_reply", times, _started_by, events, PROCESS_MESSAGES)

    def events_after_end(self, *, times: int | None = 1) -> Fault:
        """Send an event and a file of a process after its end."""

        def follow(message: models.ReturnFrame | models.ErrorFrame) -> list[WireModel]:
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

        def follow(message: models.ReturnFrame | models.ErrorFrame) -> list[WireModel]:
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
        """Leave out the value of an event."""
        check_event(event)

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
        return self._delay_reply("terminate_event_before_reply", times, _terminated_by, 1, TERMINAL_MESSAGES)

    def terminate_event_after_reply(self, until: Until, *, times: int | None = 1) -> Fault:
        """Send the end of a terminated process long after the reply to the request."""
        check_until(until)
        return self._on_termination(
            "terminate_event_after_reply", times, lambda fault, sent: fault.hold_back([sent], until)
        )

    def terminate_event_never(self, *, times: int | None = 1) -> Fault:
        """Do not send the end of a terminated process."""
        return self._on_termination("terminate_event_never", times, lambda _fault, _sent: None)

    def never_start(self, program: str | None = None, *, times: int | None = 1) -> Fault:
        """Confirm a launch and list the process, but do not start it until it is terminated."""
        if program is not None:
            check_program(program)
        return StepFault(self._faults, "never_start", times, "start", program)

    def never_end(self, program: str | None = None, *, times: int | None = 1) -> Fault:
        """Keep a process listed and attached when its program has ended, until it is terminated."""
        if program is not None:
            check_program(program)
        return StepFault(self._faults, "never_end", times, "end", program)

    def lose_workflow_end(self, *, times: int | None = 1) -> Fault:
        """Do not send the end of a workflow's last process.

        Args:
            times: How many workflows. One that is cancelled does not count.
        """
        return StepFault(self._faults, "lose_workflow_end", times, "workflow end")

    def _delay_reply(
        self,
        name: str,
        times: int | None,
        processes_of: Callable[[WireModel | None, models.Response], Sequence[str]],
        messages: int,
        counted: tuple[type[WireModel], ...],
    ) -> Fault:
        """Send a reply after so many messages of its processes, at the latest after the end of one."""
        delayed: list[_DelayedReply] = []

        def replace(fault: Fault, sent: MessageCopy) -> Sequence[MessageCopy] | None:
            reply = sent.original.message
            if isinstance(reply, models.Response):
                processes = processes_of(sent.request, reply) if reply.ok else ()
                if not processes or not fault.applies_to(sent):
                    return None
                return hold(fault, sent, {self._faults.running_id(each) for each in processes} - {None})
            process_id = getattr(sent.message, PROCESS, None)
            found = next((each for each in delayed if process_id in each.processes), None)
            if found is None or not isinstance(sent.message, counted):
                return None
            found.remaining -= 1
            if found.remaining > 0 and not isinstance(sent.message, TERMINAL_MESSAGES):
                return None
            delayed.remove(found)
            if sent.receiver is not found.copies[0].receiver:  # another client is attached now
                found.held.release()
                return [sent]
            found.held.discard()
            return [sent, *found.copies]

        def hold(fault: Fault, reply: MessageCopy, running: set[str | None]) -> Sequence[MessageCopy]:
            if not running:  # all messages of the processes were sent before
                return [reply]
            for each in delayed:
                if each.copies[0].original is reply.original:
                    each.copies.append(reply)
                    return []
            copies = [reply]
            delayed.append(_DelayedReply(running, copies, messages, fault.hold_back(copies)))
            return []

        return self._on_message(name, times, replace)

    def _after_end(
        self,
        name: str,
        times: int | None,
        follow: Callable[[models.ReturnFrame | models.ErrorFrame], list[WireModel]],
    ) -> Fault:
        """Send more messages after the end of a process."""

        def replace(fault: Fault, sent: MessageCopy) -> Sequence[MessageCopy] | None:
            message = sent.message
            if not isinstance(message, TERMINAL_MESSAGES) or not fault.applies_to(sent):
                return None
            return [sent, *map(sent.following, follow(message))]

        return self._on_message(name, times, replace)

    def _on_termination(
        self, name: str, times: int | None, hold: Callable[[Fault, MessageCopy], object]
    ) -> Fault:
        """Withhold the end of a process that a client has terminated."""
        terminated: set[str] = set()

        def record(request: WireModel, carried_out: bool) -> None:
            if carried_out and isinstance(request, models.TerminateProcessRequest):
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

        return Fault(self._faults, name, times, on_message=replace, on_observed=record)


@dataclass(eq=False, slots=True)
class _DelayedReply:
    """A reply that waits for messages of its processes, in one or more copies."""

    processes: set[str | None]
    copies: list[MessageCopy]
    remaining: int
    held: Held


def _started_by(request: WireModel | None, reply: models.Response) -> Sequence[str]:
    """Return the ids of the processes whose events follow a reply."""
    if isinstance(request, models.AttachProcessRequest):
        return [request.process_id]
    launches = (models.LaunchProcessRequest, models.LaunchProcessesRequest)
    captured = isinstance(request, launches) and request.capture_outputs
    return PROCESS_ID.findall(reply.result) if captured else []


def _terminated_by(request: WireModel | None, _reply: models.Response) -> Sequence[str]:
    return [request.process_id] if isinstance(request, models.TerminateProcessRequest) else []
