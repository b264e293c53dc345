"""Faults of processes: when they start and end, their events, files and MCP calls."""

import re
from collections.abc import Callable, Sequence
from typing import Unpack

from blake3 import blake3

from pie_client._generated import models
from pie_client._generated.families import PROCESS
from pie_client._generated.registry import EVENT_MESSAGES
from pie_client.base import WireModel
from pie_client.protocol import codec
from pie_client.testing._generated import texts
from pie_client.testing.faults.arguments import check_event, check_number, check_program, check_until
from pie_client.testing.faults.fault import MISSING, Fault, FaultList, Hooks, Outgoing, Until

UNKNOWN = "telemetry"
"""A message type, event kind and server name that the protocol does not define."""
TERMINAL_MESSAGES = (models.ReturnFrame, models.ErrorFrame)
"""Events that end a process."""
PROCESS_MESSAGES = (*EVENT_MESSAGES, models.FileChunk)
"""Messages of a process."""
OUTPUT = (models.StdoutFrame, models.StderrFrame)
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

    def events_after_end(self, *, times: int | None = 1) -> Fault:
        """Send an event and a file of a process after its end."""
        data = b"after the end\n"

        def follow(_fault: Fault, sent: Outgoing) -> Sequence[Outgoing]:
            process_id = getattr(sent.message, PROCESS)
            late = models.StdoutFrame(process_id=process_id, value=data.decode())
            chunk = models.FileChunk(
                process_id=process_id,
                file_hash=blake3(data).hexdigest(),
                chunk_index=0,
                total_chunks=1,
                chunk_data=data,
            )
            return [sent, sent.following(late), sent.following(chunk)]

        return self._alter("events_after_end", times, is_a(*TERMINAL_MESSAGES), follow)

    def second_terminal(self, *, times: int | None = 1) -> Fault:
        """End a process twice: with an error after it returned, or the reverse."""

        def follow(_fault: Fault, sent: Outgoing) -> Sequence[Outgoing]:
            other = models.ErrorFrame if isinstance(sent.message, models.ReturnFrame) else models.ReturnFrame
            end = other(process_id=getattr(sent.message, PROCESS), value='"a second end"')
            return [sent, sent.following(end)]

        return self._alter("second_terminal", times, is_a(*TERMINAL_MESSAGES), follow)

    def unknown_event_kind(
        self, kind: str = UNKNOWN, value: str | None = "1", *, times: int | None = 1
    ) -> Fault:
        """Send an event of an unknown kind before the next event of a process.

        Args:
            kind: The kind.
            value: Its value; None leaves it out.
            times: How often; None for every time.
        """

        def insert(_fault: Fault, sent: Outgoing) -> Sequence[Outgoing]:
            event = models.UnknownFrame(process_id=getattr(sent.message, PROCESS), event=kind, value=value)
            return [sent.inserted(codec.encode_fields(event.model_dump(exclude_none=True))), sent]

        return self._alter("unknown_event_kind", times, is_a(*PROCESS_MESSAGES), insert)

    def missing_value(self, event: type[WireModel] = models.StdoutFrame, *, times: int | None = 1) -> Fault:
        """Leave out the value of an event."""
        check_event(event)
        return self._alter(
            "missing_value", times, is_a(event), lambda _fault, sent: [sent.altered(value=MISSING)]
        )

    def split_utf8(self, *, times: int | None = 1) -> Fault:
        """Split output within a character, so that it arrives as two events with replacement characters.

        Output that is ASCII does not count.
        """

        def applies(sent: Outgoing) -> bool:
            return isinstance(sent.message, OUTPUT) and not (sent.text or "").isascii()

        def split(_fault: Fault, sent: Outgoing) -> Sequence[Outgoing]:
            data = (sent.text or "").encode()
            place = next(i for i, byte in enumerate(data, 1) if byte >= 0x80)
            return [sent.with_text(half.decode(errors="replace")) for half in (data[:place], data[place:])]

        return self._alter("split_utf8", times, applies, split)

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

    def nil_name(self, *, times: int | None = 1) -> Fault:
        """Send a file with nil for a name in each of its chunks."""
        return self._file("nil_name", times, lambda sent: [sent.altered(name=None)])

    def lose_file(self, *, times: int | None = 1) -> Fault:
        """Do not send a file of a process, as servers do with empty ones."""
        return self._file("lose_file", times, lambda _sent: [])

    def corrupt_file_chunk(self, index: int = 0, *, times: int | None = 1) -> Fault:
        """Change the bytes of a chunk, so that the file does not match its digest."""

        def corrupt(_fault: Fault, sent: Outgoing) -> Sequence[Outgoing]:
            assert isinstance(sent.current, models.FileChunk)  # noqa: S101 - see _chunk
            data = sent.current.chunk_data
            return [sent.altered(chunk_data=bytes([data[0] ^ 1]) + data[1:])]

        return self._chunk("corrupt_file_chunk", index, times, corrupt)

    def drop_file_chunk(self, index: int = 0, *, times: int | None = 1) -> Fault:
        """Leave out a chunk of a file."""
        return self._chunk("drop_file_chunk", index, times, lambda _fault, _sent: [])

    def duplicate_file_chunk(self, index: int = 0, *, times: int | None = 1) -> Fault:
        """Send a chunk of a file twice."""
        return self._chunk("duplicate_file_chunk", index, times, lambda _fault, sent: [sent, sent])

    # ------------------------------------------------------------- MCP calls

    def mcp_request_for_unknown_server(self, server: str = UNKNOWN, *, times: int | None = 1) -> Fault:
        """Send an inferlet's MCP call to a server that the client has not registered."""
        return self._call("mcp_request_for_unknown_server", times, server_name=server)

    def mcp_request_of_unknown_method(self, method: str = UNKNOWN, *, times: int | None = 1) -> Fault:
        """Send an inferlet's MCP call with a method that does not exist."""
        return self._call("mcp_request_of_unknown_method", times, method=method)

    def mcp_params_not_json(self, params: str = "{", *, times: int | None = 1) -> Fault:
        """Send an inferlet's MCP call with parameters that are not JSON."""
        return self._call("mcp_params_not_json", times, params=params)

    # ------------------------------------------------------------- how they work

    def _call(self, name: str, times: int | None, **values: str) -> Fault:
        return self._alter(
            name, times, is_a(models.McpRequest), lambda _fault, sent: [sent.altered(**values)]
        )

    def _chunk(
        self,
        name: str,
        index: int,
        times: int | None,
        alter: Callable[[Fault, Outgoing], Sequence[Outgoing]],
    ) -> Fault:
        check_number("index", index)
        return self._alter(
            name,
            times,
            lambda sent: isinstance(sent.message, models.FileChunk) and sent.message.chunk_index == index,
            alter,
        )

    def _file(self, name: str, times: int | None, alter: Callable[[Outgoing], Sequence[Outgoing]]) -> Fault:
        """Send something else in place of all chunks of a file, and count that once."""
        files: set[tuple[str, str]] = set()

        def on_message(fault: Fault, sent: Outgoing) -> Sequence[Outgoing] | None:
            chunk = sent.message
            if not isinstance(chunk, models.FileChunk):
                return None
            # Chunks have no id of their file; two files of one process with the same content follow each other.
            file = (chunk.process_id, chunk.file_hash)
            if chunk.chunk_index == 0:
                (files.add if fault.take(sent) else files.discard)(file)
            return alter(sent) if file in files else None

        return self._add(name, times, on_message=on_message)

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
