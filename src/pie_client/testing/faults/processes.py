"""Faults of processes: when they start and end, their events, files and MCP calls."""

import re
from collections.abc import Callable, Sequence
from typing import Unpack

from pie_client._generated import models
from pie_client._generated.families import PROCESS
from pie_client._generated.registry import EVENT_MESSAGES
from pie_client.base import WireModel
from pie_client.testing._generated import texts
from pie_client.testing.faults.arguments import check_number, check_program, check_until
from pie_client.testing.faults.fault import Fault, FaultList, Hooks, Outgoing, Until

TERMINAL_MESSAGES = (models.ReturnFrame, models.ErrorFrame)
"""Events that end a process."""
PROCESS_MESSAGES = (*EVENT_MESSAGES, models.FileChunk)
"""Messages of a process."""
PROCESS_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class FaultGroup:
    """Methods that request faults; each adds its fault to the list."""

    def __init__(self, faults: FaultList) -> None:
        self._faults = faults

    def _add(self, name: str, times: int | None, **hooks: Unpack[Hooks]) -> Fault:
        return Fault(self._faults, name, times, **hooks)

    def _alter(
        self,
        name: str,
        times: int | None,
        applies: Callable[[Outgoing], bool],
        alter: Callable[[Fault, Outgoing], Sequence[Outgoing]],
    ) -> Fault:
        """Send something else in place of messages."""

        def on_message(fault: Fault, sent: Outgoing) -> Sequence[Outgoing] | None:
            return alter(fault, sent) if applies(sent) and fault.take(sent) else None

        return self._add(name, times, on_message=on_message)


class ProcessFaults(FaultGroup):
    """Faults of processes: when they start and end, their events, files and MCP calls."""

    # ------------------------------------------------------------- events

    def events_before_reply(self, events: int = 1, *, times: int | None = 1) -> Fault:
        """Send the reply to a launch or attach after events of the process, at the latest after its end.

        Args:
            events: How many messages of the process are sent first.
            times: How often; None for every time.
        """
        check_number("events", events, least=1)
        return self._delay_reply("events_before_reply", times, _started_by, events, PROCESS_MESSAGES)

    def second_terminal(self, *, times: int | None = 1) -> Fault:
        """End a process twice: with an error after it returned, or the reverse."""

        def follow(_fault: Fault, sent: Outgoing) -> Sequence[Outgoing]:
            other = models.ErrorFrame if isinstance(sent.message, models.ReturnFrame) else models.ReturnFrame
            end = other(process_id=getattr(sent.message, PROCESS), value='"a second end"')
            return [sent, sent.altered(end)]

        return self._alter("second_terminal", times, is_a(*TERMINAL_MESSAGES), follow)

    def terminate_event_before_reply(self, *, times: int | None = 1) -> Fault:
        """Send the end of a terminated process before the reply to the request.

        The end of a process without a client is not sent; the reply is then held back until the fault is stopped.
        """
        return self._delay_reply("terminate_event_before_reply", times, _terminated_by, 1, TERMINAL_MESSAGES)

    def terminate_event_after_reply(self, until: Until | None, *, times: int | None = 1) -> Fault:
        """Send the end of a terminated process long after the reply to the request, or never.

        Args:
            until: Seconds, or an event, after which it is sent; None for never.
            times: How often; None for every time.
        """
        if until is not None:
            check_until(until)
        terminated: set[str] = set()

        def applies(sent: Outgoing) -> bool:
            process_id = getattr(sent.message, PROCESS, "")
            if getattr(sent.message, "value", None) == texts.PROCESS_TERMINATED:
                terminated.add(process_id)
            return isinstance(sent.message, TERMINAL_MESSAGES) and process_id in terminated

        def withhold(fault: Fault, sent: Outgoing) -> Sequence[Outgoing]:
            if until is not None:
                fault.hold(sent, until)
            return []

        return self._alter("terminate_event_after_reply", times, applies, withhold)

    # ------------------------------------------------------------- steps

    def never_start(self, program: str | None = None, *, times: int | None = 1) -> Fault:
        """Confirm a launch and list the process, but do not start it until it is terminated."""
        if program is not None:
            check_program(program)
        return self._add("never_start", times, step=("start", program))

    def never_end(self, program: str | None = None, *, times: int | None = 1) -> Fault:
        """Keep a process listed and attached when its program has ended, until it is terminated."""
        if program is not None:
            check_program(program)
        return self._add("never_end", times, step=("end", program))

    def lose_workflow_end(self, *, times: int | None = 1) -> Fault:
        """Do not send the end of a workflow's last process. A workflow that is cancelled does not count."""
        return self._add("lose_workflow_end", times, step=("workflow end", None))

    # ------------------------------------------------------------- files

    def lose_file(self, *, times: int | None = 1) -> Fault:
        """Do not send a file of a process, as servers do with empty ones."""
        files: set[tuple[str, str]] = set()

        def on_message(fault: Fault, sent: Outgoing) -> Sequence[Outgoing] | None:
            chunk = sent.message
            if not isinstance(chunk, models.FileChunk):
                return None
            # Chunks have no id of their file; two files of one process with the same content follow each other.
            file = (chunk.process_id, chunk.file_hash)
            if chunk.chunk_index == 0:
                (files.add if fault.take(sent) else files.discard)(file)
            return [] if file in files else None

        return self._add("lose_file", times, on_message=on_message)

    def corrupt_file_chunk(self, index: int = 0, *, times: int | None = 1) -> Fault:
        """Change the bytes of a chunk, so that the file does not match its digest."""
        check_number("index", index)

        def applies(sent: Outgoing) -> bool:
            return isinstance(sent.message, models.FileChunk) and sent.message.chunk_index == index

        def corrupt(_fault: Fault, sent: Outgoing) -> Sequence[Outgoing]:
            assert isinstance(sent.message, models.FileChunk)  # noqa: S101 - see above
            data = sent.message.chunk_data
            fields = sent.current_fields(self._faults.traits.name)
            return [sent.altered({**fields, "chunk_data": bytes([data[0] ^ 1]) + data[1:]})]

        return self._alter("corrupt_file_chunk", times, applies, corrupt)

    # ------------------------------------------------------------- how they work

    def _delay_reply(
        self,
        name: str,
        times: int | None,
        processes_of: Callable[[models.Response, WireModel | None], set[str]],
        events: int,
        counted: tuple[type[WireModel], ...],
    ) -> Fault:
        """Send a reply after so many messages of its processes, at the latest after the end of one."""
        delayed: dict[Outgoing, tuple[set[str], int]] = {}
        ended: set[str] = set()

        def on_message(fault: Fault, sent: Outgoing) -> Sequence[Outgoing] | None:
            message = sent.message
            if isinstance(message, models.Response):
                processes = processes_of(message, sent.request)
                # After the end of the processes, all their messages were sent before.
                if not message.ok or not processes or not fault.take(sent) or processes <= ended:
                    return None
                fault.hold(sent)
                delayed[sent] = processes, events
                return []
            process_id = getattr(message, PROCESS, "")
            if isinstance(message, TERMINAL_MESSAGES):
                ended.add(process_id)
            due: list[Outgoing] = []
            for reply, (processes, remaining) in list(delayed.items()):
                if isinstance(message, counted) and process_id in processes:
                    delayed[reply] = processes, remaining - 1
                    if remaining == 1 or isinstance(message, TERMINAL_MESSAGES):
                        del delayed[reply]
                        fault.held.remove(reply)
                        due.append(reply)
            return [sent, *due]

        return self._add(name, times, on_message=on_message)


def is_a(*models: type[WireModel]) -> Callable[[Outgoing], bool]:
    """Return a function that tells whether a message is of a class."""
    return lambda sent: isinstance(sent.message, models)


def _started_by(reply: models.Response, request: WireModel | None) -> set[str]:
    """Return the ids of the processes whose events follow a reply."""
    if isinstance(request, models.AttachProcessRequest):
        return {request.process_id.lower()}
    launches = (models.LaunchProcessRequest, models.LaunchProcessesRequest)
    captured = isinstance(request, launches) and request.capture_outputs
    return set(PROCESS_ID.findall(reply.result)) if captured else set()


def _terminated_by(_reply: models.Response, request: WireModel | None) -> set[str]:
    return {request.process_id.lower()} if isinstance(request, models.TerminateProcessRequest) else set()
