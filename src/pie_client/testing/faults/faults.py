"""What can go wrong at a server, on request: each fault has a name, happens on the real wire, and says when it did.

with engine.faults.never_answer(models.PingRequest) as fault:
with pytest.raises(DeadlineError):
await client.ping(timeout=0.1)
assert fault.count == 1
"""

import asyncio
import http
import itertools
import json
import re
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

from blake3 import blake3
from pydantic import JsonValue
from websockets.asyncio.server import ServerConnection
from websockets.http11 import Response

from pie_client._generated import models, texts
from pie_client._generated.events import EVENT_MESSAGES
from pie_client._generated.families import MAX_CORRELATION, TAG, FamilyTraits
from pie_client._generated.mcp import LIST_TOOLS
from pie_client._generated.methods import METHODS
from pie_client.base import WireModel
from pie_client.errors import InvalidArgumentError
from pie_client.protocol import codec
from pie_client.testing.engine.identifiers import canonical_uuid
from pie_client.testing.faults.delayed_reply import Countdowns
from pie_client.testing.faults.fault import (
    CloseFault,
    CutFault,
    EndFault,
    Fault,
    OnMessage,
    OnRequest,
    ProcessFault,
    Reaction,
    Refused,
    StallFault,
    StartFault,
    Unanswered,
    Until,
    UpgradeFault,
    UploadFault,
    WorkflowFault,
    check_until,
)
from pie_client.testing.faults.message import Line, Sendable, Sent
from pie_client.testing.faults.sockets import Cut, Direction, Ending, Socket

TERMINAL_MESSAGES = (models.ReturnFrame, models.ErrorFrame)
TEXT_EVENTS = (models.StdoutFrame, models.StderrFrame, models.MessageFrame, *TERMINAL_MESSAGES)
PROCESS_MESSAGES = (*EVENT_MESSAGES, models.FileChunk)
LAUNCHES = (
    models.LaunchProcessRequest,
    models.LaunchProcessesRequest,
    models.RunProcessesRequest,
    models.LaunchDaemonRequest,
)
PROCESS_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
ANSWERED = frozenset(m.model for m in METHODS.values() if m.kind in ("call", "upload"))
"""Requests that are answered."""
(VALUE,) = (
    name
    for name, field in models.UnknownFrame.model_fields.items()
    if not field.is_required() and field.default is None
)
"""Field of an event that holds what it carries."""
(FILE_NAME,) = (
    name
    for name, field in models.FileChunk.model_fields.items()
    if not field.is_required() and field.default is None
)
"""Field of a chunk that holds the file's name."""
NEVER = b"\xc1"
"""The one byte that msgpack never uses."""
UNKNOWN = "telemetry"
"""What unknown types, kinds and names are called."""
BYTES = 1 << 8

F = TypeVar("F", bound=Fault)


class Faults:
    """What goes wrong at an engine, on request: ``engine.faults``.

    Every method asks for one fault and gives it as a :class:`Fault`. It goes wrong the next time that it can, or
    ``times`` times, or every time with ``times=None``; as a context manager it ends with its block at the latest.
    A fault concerns whichever client comes first. Several may be asked for at once; they are applied in that order.
    """

    def __init__(self, traits: FamilyTraits, runs: Callable[[str], bool]) -> None:
        self.sockets: dict[Socket, None] = {}
        """Connections, oldest first."""
        self._traits = traits
        self._runs = runs
        """Tells whether events of the process with an id are still to come."""
        self._faults: list[Fault] = []
        self._numbers = itertools.count()

    def stop(self) -> None:
        """Let nothing go wrong any more. What is held back is sent; connections that are gone or dead stay so."""
        for fault in list(self._faults):
            fault.stop()

    # ------------------------------------------------------------- replies

    def never_answer(self, request: type[WireModel], *, times: int | None = 1) -> Fault:
        """A request is ignored: it is neither carried out nor answered.

        Servers do so before a client has identified itself, with frames that they can't read and with requests that
        they do not know.

        Args:
            request: Class of the request. One that travels in chunks is ignored with all of its chunks.
            times: How often; None for every time.
        """
        _check_answered(request)
        ignored: set[tuple[Line, int]] = set()

        def react(fault: Fault, line: Line, message: WireModel) -> Reaction | None:
            if not isinstance(message, request):
                return None
            if isinstance(message, models.AddProgramRequest):
                upload = (line, message.corr_id)
                if upload in ignored and message.chunk_index > 0:
                    return Unanswered()
                ignored.discard(upload)
                if not fault.take():
                    return None
                ignored.add(upload)
                return Unanswered()
            return Unanswered() if fault.take() else None

        return self._on_request("never_answer", times, react)

    def lose_reply(self, request: type[WireModel], *, times: int | None = 1) -> Fault:
        """A request is carried out, but its reply never comes.

        Args:
            request: Class of the request.
            times: How often; None for every time.
        """
        return self._on_reply("lose_reply", request, times, lambda _fault, _sent, _reply: [])

    def delay(self, request: type[WireModel], until: Until, *, times: int | None = 1) -> Fault:
        """A reply comes late, perhaps when nobody waits for it any more; everything else goes on meanwhile.

        Args:
            request: Class of the request.
            until: Seconds, or an event that lets the reply go.
            times: How often; None for every time.
        """
        check_until(until)

        def replace(fault: Fault, sent: Sent, _reply: models.Response) -> Sequence[Sent]:
            fault.hold_back([sent], until)
            return []

        return self._on_reply("delay", request, times, replace)

    def duplicate_reply(self, request: type[WireModel], *, times: int | None = 1) -> Fault:
        """A request is answered twice under the same number, as servers do with the chunks of an upload that failed.

        Args:
            request: Class of the request.
            times: How often; None for every time.
        """
        return self._on_reply("duplicate_reply", request, times, lambda _fault, sent, _reply: [sent, sent])

    def reply_to_unknown_number(
        self, number: int = MAX_CORRELATION, *, ok: bool = True, result: str = "", times: int | None = 1
    ) -> Fault:
        """A reply comes under a number that nobody has asked with, before the next message.

        Args:
            number: The number.
            ok: Whether it says that something succeeded.
            result: Its text.
            times: How often; None for every time.
        """
        stray = models.Response(corr_id=number, ok=ok, result=result)
        return self._insert("reply_to_unknown_number", stray, times)

    def empty_launch_id(self, *, times: int | None = 1) -> Fault:
        """A launch is confirmed without the id of the process, although its output was asked for.

        Args:
            times: How often; None for every time.
        """

        def replace(_fault: Fault, sent: Sent, reply: models.Response) -> Sequence[Sent]:
            return [sent.altered(models.Response(corr_id=reply.corr_id, ok=True, result=""))]

        return self._on_reply("empty_launch_id", models.LaunchProcessRequest, times, replace, only_ok=True)

    def attached_elsewhere(self, *, times: int | None = 1) -> Fault:
        """An attach is refused as though another connection held the process; 0.4 servers say that it is not found.

        Args:
            times: How often; None for every time.
        """
        text = texts.PROCESS_NOT_FOUND if self._traits.hides_attached else texts.CANNOT_ATTACH

        def react(fault: Fault, _line: Line, message: WireModel) -> Reaction | None:
            if isinstance(message, models.AttachProcessRequest) and fault.take():
                return Refused(text)
            return None

        return self._on_request("attached_elsewhere", times, react)

    def swallow_upload(self, *, times: int | None = 1) -> Fault:
        """An upload is confirmed, but nothing was stored.

        Args:
            times: How often; None for every time.
        """
        return UploadFault(self, "swallow_upload", times)

    def broken_program(self, program: str, *, times: int | None = None) -> Fault:
        """A program is there when it is looked for, and can't be launched.

        Args:
            program: The program as ``name@version``.
            times: How many launches fail; by default every one.
        """

        def react(fault: Fault, _line: Line, message: WireModel) -> Reaction | None:
            if isinstance(message, models.CheckProgramRequest):
                meant = f"{message.name}@{message.version}" == program
                return json.dumps(obj=True) if meant and fault.active else None
            if isinstance(message, LAUNCHES) and _is_program(message.inferlet, program) and fault.take():
                return Refused(texts.compile_failed(detail="asked for as a fault"))
            return None

        return self._on_request("broken_program", times, react)

    # ------------------------------------------------------------- processes

    def events_before_reply(self, events: int = 1, *, times: int | None = 1) -> Fault:
        """The reply to a launch or attach comes after events of the process, or after its end where it sends fewer.

        Args:
            events: How many messages of the process come first.
            times: How often; None for every time.
        """
        waiting = Countdowns()

        def replace(fault: Fault, sent: Sent) -> Sequence[Sent] | None:
            message, reply = sent.message, sent.occasion.message
            if isinstance(reply, models.Response):
                processes = _followed_by(sent.request, reply)
                if not processes or not fault.concerns(sent):
                    return None
                return self._behind(waiting, fault, processes, sent, events)
            if not isinstance(message, PROCESS_MESSAGES):
                return None
            return waiting.passing(sent, message.process_id, end=isinstance(message, TERMINAL_MESSAGES))

        return self._on_message("events_before_reply", times, replace)

    def events_after_end(self, *, times: int | None = 1) -> Fault:
        """An event and a file of a process come after its end.

        Args:
            times: After how many ends; None for every one.
        """

        def follow(sent: Sent, message: models.ReturnFrame | models.ErrorFrame) -> Sequence[Sent]:
            late = models.StdoutFrame(process_id=message.process_id, value="after the end\n")
            data = b"after the end"
            chunk = models.FileChunk(
                process_id=message.process_id,
                file_hash=blake3(data).hexdigest(),
                chunk_index=0,
                total_chunks=1,
                chunk_data=data,
            )
            return [sent, sent.along(late), sent.along(chunk)]

        return self._at_end("events_after_end", times, follow)

    def second_terminal(self, *, times: int | None = 1) -> Fault:
        """A process ends twice, the second time the other way: with an error after it returned, or the reverse.

        Args:
            times: How many processes; None for every one.
        """

        def follow(sent: Sent, message: models.ReturnFrame | models.ErrorFrame) -> Sequence[Sent]:
            other = models.ErrorFrame if isinstance(message, models.ReturnFrame) else models.ReturnFrame
            return [sent, sent.along(other(process_id=message.process_id, value='"a second end"'))]

        return self._at_end("second_terminal", times, follow)

    def unknown_event_kind(
        self, kind: str = UNKNOWN, value: str | None = "1", *, times: int | None = 1
    ) -> Fault:
        """A process sends an event of a kind that nobody knows, before its next event.

        Args:
            kind: The kind.
            value: What it carries; None leaves it out.
            times: How often; None for every time.
        """

        def replace(fault: Fault, sent: Sent) -> Sequence[Sent] | None:
            message = sent.message
            if not isinstance(message, PROCESS_MESSAGES) or not fault.take():
                return None
            event = sent.apart(models.UnknownFrame(process_id=message.process_id, event=kind, value=value))
            return [event if value is not None else event.without_field(VALUE), sent]

        return self._on_message("unknown_event_kind", times, replace)

    def missing_value(self, event: type[WireModel] = models.StdoutFrame, *, times: int | None = 1) -> Fault:
        """An event lacks its value.

        Args:
            event: Class of the event.
            times: How often; None for every time.
        """
        if event not in EVENT_MESSAGES:
            raise InvalidArgumentError(f"{event.__name__} is no event; pass a class like models.StdoutFrame")

        def replace(fault: Fault, sent: Sent) -> Sequence[Sent] | None:
            concerned = isinstance(sent.message, event) and fault.concerns(sent)
            return [sent.without_field(VALUE)] if concerned else None

        return self._on_message("missing_value", times, replace)

    def split_utf8(self, *, times: int | None = 1) -> Fault:
        """Output is cut within a character, so that both halves arrive as replacement characters, in two events.

        Args:
            times: How often; None for every time. Output that is all ASCII does not count.
        """

        def replace(fault: Fault, sent: Sent) -> Sequence[Sent] | None:
            message = sent.message
            if not isinstance(message, (models.StdoutFrame, models.StderrFrame)):
                return None
            place = next((i for i, c in enumerate(message.value) if not c.isascii()), None)
            if place is None or not fault.concerns(sent):
                return None
            data, cut = message.value.encode(), len(message.value[:place].encode()) + 1
            halves = (data[:cut].decode(errors="replace"), data[cut:].decode(errors="replace"))
            return [sent.altered(type(message)(process_id=message.process_id, value=half)) for half in halves]

        return self._on_message("split_utf8", times, replace)

    def terminate_event_before_reply(self, *, times: int | None = 1) -> Fault:
        """A process that is terminated ends before the reply to the request comes.

        Args:
            times: How often; None for every time. Processes that no client is attached to do not end visibly, and the
                reply stays out.
        """
        waiting = Countdowns()

        def replace(fault: Fault, sent: Sent) -> Sequence[Sent] | None:
            message, reply, request = sent.message, sent.occasion.message, sent.request
            if isinstance(reply, models.Response) and isinstance(request, models.TerminateProcessRequest):
                if not reply.ok or not fault.concerns(sent):
                    return None
                return self._behind(waiting, fault, frozenset([_canonical(request.process_id)]), sent, 1)
            if isinstance(message, TERMINAL_MESSAGES):
                return waiting.passing(sent, message.process_id, end=True)
            return None

        return self._on_message("terminate_event_before_reply", times, replace)

    def terminate_event_after_reply(self, until: Until, *, times: int | None = 1) -> Fault:
        """A process that is terminated ends long after the reply to the request.

        Args:
            until: Seconds, or an event that lets the end go.
            times: How often; None for every time.
        """
        check_until(until)

        def late(fault: Fault, sent: Sent) -> None:
            fault.hold_back([sent], until)

        return self._after_termination("terminate_event_after_reply", times, late)

    def terminate_event_never(self, *, times: int | None = 1) -> Fault:
        """A process is terminated, and its end never told.

        Args:
            times: How often; None for every time.
        """
        return self._after_termination("terminate_event_never", times, lambda _fault, _sent: None)

    def never_start(self, program: str | None = None, *, times: int | None = 1) -> Fault:
        """A launch is confirmed and the process listed, but it never begins, as where a server waits for room.

        It can be terminated.

        Args:
            program: The program as ``name@version``; any, where None.
            times: How often; None for every time.
        """
        return StartFault(self, "never_start", times, program)

    def never_end(self, program: str | None = None, *, times: int | None = 1) -> Fault:
        """A process never ends: its program does, but it stays listed, attached and without an end until it is terminated.

        Args:
            program: The program as ``name@version``; any, where None.
            times: How many processes; None for every one.
        """
        return EndFault(self, "never_end", times, program)

    def lose_workflow_end(self, *, times: int | None = 1) -> Fault:
        """The end of a workflow's last process never comes, as where a server has forgotten the workflow by then.

        Args:
            times: How many workflows; None for every one. One that is cancelled does not count.
        """
        return WorkflowFault(self, "lose_workflow_end", times)

    # ------------------------------------------------------------- files

    def nil_name(self, *, times: int | None = 1) -> Fault:
        """A file has nil for a name, which stands in each of its chunks.

        Args:
            times: How many files; None for every one.
        """
        return self._whole_file("nil_name", times, lambda sent: [sent.with_fields({FILE_NAME: None})])

    def lose_file(self, *, times: int | None = 1) -> Fault:
        """A file that a process sends never comes, as real servers do with empty ones.

        Args:
            times: How many files; None for every one.
        """
        return self._whole_file("lose_file", times, lambda _sent: [])

    def corrupt_file_chunk(self, index: int = 0, *, times: int | None = 1) -> Fault:
        """The bytes of a file's chunk are not those that were sent, so that the file does not match its digest.

        Args:
            index: Which chunk, from 0.
            times: How many files; None for every one.
        """

        def replace(sent: Sent, chunk: models.FileChunk) -> Sequence[Sent]:
            wrong = bytes([(chunk.chunk_data[0] + 1) % BYTES]) + chunk.chunk_data[1:]
            corrupt = models.FileChunk(
                process_id=chunk.process_id,
                file_hash=chunk.file_hash,
                chunk_index=chunk.chunk_index,
                total_chunks=chunk.total_chunks,
                chunk_data=wrong,
                name=chunk.name,
            )
            return [sent.altered(corrupt)]

        return self._chunk("corrupt_file_chunk", index, times, replace)

    def drop_file_chunk(self, index: int = 0, *, times: int | None = 1) -> Fault:
        """A chunk of a file never comes.

        Args:
            index: Which chunk, from 0.
            times: How many files; None for every one.
        """
        return self._chunk("drop_file_chunk", index, times, lambda _sent, _chunk: [])

    def duplicate_file_chunk(self, index: int = 0, *, times: int | None = 1) -> Fault:
        """A chunk of a file comes twice.

        Args:
            index: Which chunk, from 0.
            times: How many files; None for every one.
        """
        return self._chunk("duplicate_file_chunk", index, times, lambda sent, _chunk: [sent, sent])

    # ------------------------------------------------------------- MCP

    def mcp_request_for_unknown_server(self, server: str = UNKNOWN, *, times: int | None = 1) -> Fault:
        """An inferlet's MCP call names a server that the client never announced.

        Args:
            server: The name that stands in place of the right one.
            times: How many calls; None for every one.
        """
        return self._mcp("mcp_request_for_unknown_server", times, server=server)

    def mcp_request_of_unknown_method(self, method: str = UNKNOWN, *, times: int | None = 1) -> Fault:
        """An inferlet's MCP call is of a method that does not exist.

        Args:
            method: The method that stands in place of the right one.
            times: How many calls; None for every one.
        """
        return self._mcp("mcp_request_of_unknown_method", times, method=method)

    def mcp_params_not_json(self, params: str = "{", *, times: int | None = 1) -> Fault:
        """The parameters of an inferlet's MCP call are no JSON.

        Args:
            params: The text that stands in place of the right one.
            times: How many calls; None for every one.
        """
        return self._mcp("mcp_params_not_json", times, params=params)

    def mcp_request_after_close(self, server: str = UNKNOWN, *, times: int | None = 1) -> Fault:
        """An MCP call comes after the client's close frame, which is not answered.

        Args:
            server: Name of the server that is called.
            times: How many connections; None for every one.
        """

        def call() -> bytes:
            message = models.McpRequest(
                corr_id=1, process_id=str(uuid.uuid4()), server_name=server, method=LIST_TOOLS, params="{}"
            )
            return codec.encode_fields(message.model_dump())

        return CloseFault(self, "mcp_request_after_close", times, call)

    # ------------------------------------------------------------- messages

    def unknown_message_type(self, tag: str = UNKNOWN, *, times: int | None = 1) -> Fault:
        """A message of a type that nobody knows comes before the next message.

        Args:
            tag: The type.
            times: How often; None for every time.
        """
        return self._insert("unknown_message_type", codec.encode_fields({TAG: tag}), times)

    def extra_keys(self, keys: Mapping[str, JsonValue] | None = None, *, times: int | None = 1) -> Fault:
        """A binary message has keys that nobody knows.

        Args:
            keys: What is added; by default something of every JSON type.
            times: How many messages; None for every one.
        """
        added = {UNKNOWN: {"list": [1, 2.5, "text", True, None]}} if keys is None else dict(keys)

        def replace(fault: Fault, sent: Sent) -> Sequence[Sent] | None:
            if not isinstance(sent.message, WireModel) or isinstance(sent.frame(self._traits.name), str):
                return None
            return [sent.with_fields(added)] if fault.concerns(sent) else None

        return self._on_message("extra_keys", times, replace)

    def oversize_message(
        self, size: int, of: type[WireModel] = models.ReturnFrame, *, times: int | None = 1
    ) -> Fault:
        """A message is huge: its text is filled up with spaces, which JSON does not mind.

        Args:
            size: Bytes that the text has at least.
            of: Class of the event, or of the request whose reply it is.
            times: How often; None for every time. Events whose value is missing do not count.
        """
        if of not in EVENT_MESSAGES:
            _check_answered(of)

        def replace(fault: Fault, sent: Sent) -> Sequence[Sent] | None:
            message = sent.message
            if isinstance(message, models.Response):
                if not isinstance(sent.request, of) or not fault.concerns(sent):
                    return None
                text = _filled(message.result, size)
                return [sent.altered(models.Response(corr_id=message.corr_id, ok=message.ok, result=text))]
            if not isinstance(message, TEXT_EVENTS) or not isinstance(message, of) or VALUE in sent.removed:
                return None
            if not fault.concerns(sent):
                return None
            text = _filled(message.value, size)
            return [sent.altered(type(message)(process_id=message.process_id, value=text))]

        return self._on_message("oversize_message", times, replace)

    def text_frame(self, content: WireModel | str | None = None, *, times: int | None = 1) -> Fault:
        """A text frame comes before the next message, as 0.5 servers send them.

        Args:
            content: A message such as ``models.ServerNotice(message="...")``, or any text, JSON or not; by default the
                end of a turn.
            times: How often; None for every time.
        """
        message = models.TurnDone() if content is None else content
        frame = message.model_dump_json() if isinstance(message, WireModel) else message
        return self._insert("text_frame", frame, times)

    def malformed_frame(self, frame: bytes = NEVER, *, times: int | None = 1) -> Fault:
        """A binary frame that can't be decoded comes before the next message.

        Args:
            frame: Its bytes; by default one that msgpack never uses.
            times: How often; None for every time.
        """
        return self._insert("malformed_frame", frame, times)

    # ------------------------------------------------------------- connections

    def refuse_upgrade(self, status: int = 503, body: str = "", *, times: int | None = 1) -> Fault:
        """The opening handshake is answered with an HTTP status instead of a WebSocket.

        Args:
            status: The status, for instance 401 or 404.
            body: What is said with it, as plain text.
            times: How often; None for every time.
        """
        try:
            known = http.HTTPStatus(status)
        except ValueError:
            raise InvalidArgumentError(f"status={status} is no HTTP status; pass one like 503") from None
        return UpgradeFault(self, "refuse_upgrade", times, lambda connection: connection.respond(known, body))

    def hang_upgrade(self, *, times: int | None = 1) -> Fault:
        """The opening handshake is never completed; it goes on when the fault is stopped.

        Args:
            times: How often; None for every time.
        """
        return UpgradeFault(self, "hang_upgrade", times, None)

    def drop_connection(
        self,
        after_bytes: int = 0,
        direction: Direction = "sent",
        *,
        reset: bool = False,
        times: int | None = 1,
    ) -> Fault:
        """The TCP connection ends without a close frame, at any byte.

        Bytes are counted from now on in connections that are open, and from the opening handshake in new ones.

        Args:
            after_bytes: Bytes that still pass; with 0 an open connection is dropped at once.
            direction: Which bytes are counted: those ``"sent"`` or ``"received"`` by the engine.
            reset: Whether TCP resets it, rather than ends it. What was sent just before may be lost then.
            times: How many connections; None for every one.
        """
        ending: Ending = "reset" if reset else "close"
        return self._cut("drop_connection", times, direction, after_bytes, ending)

    def silent_peer(
        self, after_bytes: int = 0, direction: Direction = "sent", *, times: int | None = 1
    ) -> Fault:
        """The peer is dead although TCP is not: nothing comes any more, no pong and no answer to a close.

        Args:
            after_bytes: Bytes that still pass, counted as by :meth:`drop_connection`.
            direction: Which bytes are counted.
            times: How many connections; None for every one.
        """
        return self._cut("silent_peer", times, direction, after_bytes, "silence")

    def never_answer_close(self, *, times: int | None = 1) -> Fault:
        """The client's close frame is not answered, and the connection stays open.

        Args:
            times: How many connections; None for every one.
        """
        return CloseFault(self, "never_answer_close", times, lambda: b"")

    def stall_all(self, until: Until | None = None, *, on: type[WireModel] | None = None) -> Fault:
        """Nothing is read or sent for a while, on any connection, as while a server installs; pings are answered.

        Args:
            until: Seconds, or an event that lets all go on; None for as long as the fault lasts.
            on: Class of the request with which it begins, before its reply; None to begin now.
        """
        if on is not None and on not in ANSWERED:
            raise _no_request(on)
        check_until(until)
        return StallFault(self, "stall_all", until, on)

    # ------------------------------------------------------------- for the engine

    def add(self, fault: Fault) -> int:
        """Apply a fault from now on, after those that are there; gives its number."""
        self._faults.append(fault)
        return next(self._numbers)

    def remove(self, fault: Fault) -> None:
        """Apply a fault no more."""
        if fault in self._faults:
            self._faults.remove(fault)

    def end(self) -> None:
        """Drop everything: the engine stops."""
        for fault in list(self._faults):
            fault.end()

    def reaction(self, line: Line, request: WireModel) -> Reaction | None:
        """Tell what becomes of a request; None where nothing goes wrong with it."""
        reactions = (fault.react(line, request) for fault in list(self._faults))
        found = next((reaction for reaction in reactions if reaction is not None), None)
        for fault in list(self._faults):
            fault.notice(request, carried_out=found is None)
        return found

    def altered(self, line: Line, message: WireModel, request: WireModel | None) -> Iterable[Sent]:
        """Give what is sent in place of a message, which may answer a request."""
        return self._through(self._faults, Sent.first(line, message, request))

    def send_on(self, fault: Fault, sent: Sent) -> None:
        """Send what a fault held back, as those that were asked for later leave it."""
        for item in self._through([f for f in self._faults if f.number > fault.number], sent):
            item.line.release(item)

    def _through(self, faults: Iterable[Fault], sent: Sent) -> Iterable[Sent]:
        items = [sent]
        for fault in list(faults):
            after: list[Sent] = []
            for item in items:
                instead = fault.replace(item) if isinstance(item.message, WireModel) else None
                after.extend([item] if instead is None else instead)
            items = after
        return items

    async def passage(self) -> None:
        """Wait while all is stalled."""
        while stall := next((s for s in self._of(StallFault) if s.stalling), None):
            stall.take()
            await stall.wait_over()

    async def at_upgrade(self, connection: ServerConnection) -> Response | None:
        """Give the response that an opening handshake gets instead of the right one; None for that."""
        for fault in self._of(UpgradeFault):
            if not fault.take():
                continue
            if fault.respond is not None:
                return fault.respond(connection)
            ends = [
                asyncio.ensure_future(connection.wait_closed()),
                asyncio.ensure_future(fault.wait_over()),
            ]
            try:
                await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
                if ends[0].done():
                    return None
            finally:
                for end in ends:
                    end.cancel()
        return None

    def keeps_from_starting(self, program: str) -> bool:
        """Tell whether a process never begins."""
        return self._hold_up(StartFault, program)

    def keeps_from_ending(self, program: str) -> bool:
        """Tell whether a process whose program has ended never does."""
        return self._hold_up(EndFault, program)

    def _hold_up(self, kind: type[ProcessFault], program: str) -> bool:
        return any(fault.holds_up(program) for fault in self._of(kind))

    def loses_upload(self) -> bool:
        """Tell whether an upload is not stored."""
        return any(fault.take() for fault in self._of(UploadFault))

    def may_lose_workflow_end(self) -> bool:
        """Tell whether the end of a workflow's last process would be lost now."""
        return bool(self._of(WorkflowFault))

    def loses_workflow_end(self) -> bool:
        """Tell whether the end of a workflow's last process is lost."""
        return any(fault.take() for fault in self._of(WorkflowFault))

    def cuts(self) -> Iterable[Cut]:
        """Give what may end connections now."""
        return self._of(CutFault)

    def ignored_close(self) -> Callable[[], Sequence[bytes]] | None:
        """Tell whether a close is not answered: gives what makes the messages that are sent instead."""
        taken = [fault for fault in self._of(CloseFault) if fault.take()]
        return (lambda: [frame for fault in taken if (frame := fault.instead())]) if taken else None

    # ------------------------------------------------------------- kinds of faults

    def _of(self, kind: type[F]) -> list[F]:
        return [fault for fault in self._faults if isinstance(fault, kind) and fault.active]

    def _on_request(self, name: str, times: int | None, react: OnRequest) -> Fault:
        return Fault(self, name, times, on_request=react)

    def _on_message(self, name: str, times: int | None, replace: OnMessage) -> Fault:
        return Fault(self, name, times, on_message=replace)

    def _on_reply(
        self,
        name: str,
        request: type[WireModel],
        times: int | None,
        replace: Callable[[Fault, Sent, models.Response], Sequence[Sent]],
        *,
        only_ok: bool = False,
    ) -> Fault:
        _check_answered(request)

        def reply(fault: Fault, sent: Sent) -> Sequence[Sent] | None:
            message = sent.message
            if not isinstance(message, models.Response) or not isinstance(sent.request, request):
                return None
            if (only_ok and not message.ok) or not fault.concerns(sent):
                return None
            return replace(fault, sent, message)

        return self._on_message(name, times, reply)

    def _behind(
        self, waiting: Countdowns, fault: Fault, processes: frozenset[str], reply: Sent, messages: int
    ) -> Sequence[Sent]:
        """Keep a reply until messages of its processes have passed, which they have where those are gone."""
        if not any(self._runs(process_id) for process_id in processes):
            return [reply]
        return waiting.wait(fault, processes, reply, messages)

    def _insert(self, name: str, item: Sendable, times: int | None) -> Fault:
        def replace(fault: Fault, sent: Sent) -> Sequence[Sent] | None:
            return [sent.apart(item), sent] if fault.take() else None

        return self._on_message(name, times, replace)

    def _at_end(
        self,
        name: str,
        times: int | None,
        follow: Callable[[Sent, models.ReturnFrame | models.ErrorFrame], Sequence[Sent]],
    ) -> Fault:
        def replace(fault: Fault, sent: Sent) -> Sequence[Sent] | None:
            message = sent.message
            if not isinstance(message, TERMINAL_MESSAGES) or not fault.concerns(sent):
                return None
            return follow(sent, message)

        return self._on_message(name, times, replace)

    def _after_termination(self, name: str, times: int | None, late: Callable[[Fault, Sent], None]) -> Fault:
        asked: set[str] = set()

        def note(request: WireModel) -> None:
            if isinstance(request, models.TerminateProcessRequest):
                process_id = _canonical(request.process_id)
                if self._runs(process_id):
                    asked.add(process_id)

        def replace(fault: Fault, sent: Sent) -> Sequence[Sent] | None:
            message = sent.message
            if fault.number not in sent.occasion.concerned:
                if not isinstance(message, models.ErrorFrame) or message.process_id not in asked:
                    return None
                asked.discard(message.process_id)
                if not fault.concerns(sent):
                    return None
            late(fault, sent)
            return []

        return Fault(self, name, times, on_message=replace, on_carried_out=note)

    def _chunk(
        self,
        name: str,
        index: int,
        times: int | None,
        change: Callable[[Sent, models.FileChunk], Sequence[Sent]],
    ) -> Fault:
        def replace(fault: Fault, sent: Sent) -> Sequence[Sent] | None:
            message = sent.message
            if not isinstance(message, models.FileChunk) or message.chunk_index != index:
                return None
            return change(sent, message) if fault.concerns(sent) else None

        return self._on_message(name, times, replace)

    def _whole_file(self, name: str, times: int | None, change: Callable[[Sent], Sequence[Sent]]) -> Fault:
        concerned: set[tuple[str, str]] = set()

        def replace(fault: Fault, sent: Sent) -> Sequence[Sent] | None:
            message = sent.message
            if not isinstance(message, models.FileChunk):
                return None
            file = (message.process_id, message.file_hash)
            if file in concerned:
                sent.occasion.concerned.add(fault.number)
            elif message.chunk_index == 0 and fault.concerns(sent):
                concerned.add(file)
            if message.chunk_index == message.total_chunks - 1:
                concerned.discard(file)
            return change(sent) if fault.number in sent.occasion.concerned else None

        return self._on_message(name, times, replace)

    def _mcp(
        self,
        name: str,
        times: int | None,
        *,
        server: str | None = None,
        method: str | None = None,
        params: str | None = None,
    ) -> Fault:
        def replace(fault: Fault, sent: Sent) -> Sequence[Sent] | None:
            message = sent.message
            if not isinstance(message, models.McpRequest) or not fault.concerns(sent):
                return None
            wrong = models.McpRequest(
                corr_id=message.corr_id,
                process_id=message.process_id,
                server_name=message.server_name if server is None else server,
                method=message.method if method is None else method,
                params=message.params if params is None else params,
            )
            return [sent.altered(wrong)]

        return self._on_message(name, times, replace)

    def _cut(self, name: str, times: int | None, direction: Direction, after: int, ending: Ending) -> Fault:
        cut = CutFault(self, name, times, direction, after, ending)
        for socket in list(self.sockets):
            socket.look_at_cuts()
        return cut


def _check_answered(request: type[WireModel]) -> None:
    if request not in ANSWERED:
        raise _no_request(request)


def _no_request(given: type[WireModel]) -> InvalidArgumentError:
    return InvalidArgumentError(
        f"{given.__name__} is no request that servers answer; pass a class like models.PingRequest"
    )


def _followed_by(request: WireModel | None, reply: models.Response) -> frozenset[str]:
    """Give the ids of the processes whose events follow a reply."""
    if not reply.ok:
        return frozenset()
    if isinstance(request, models.AttachProcessRequest):
        return frozenset([_canonical(request.process_id)])
    launches = (models.LaunchProcessRequest, models.LaunchProcessesRequest)
    captured = isinstance(request, launches) and request.capture_outputs
    return frozenset(PROCESS_ID.findall(reply.result)) if captured else frozenset()


def _filled(text: str, size: int) -> str:
    return text + " " * (size - len(text.encode()))


def _is_program(meant: str, program: str) -> bool:
    return meant in (program, program.rpartition("@")[0])


def _canonical(process_id: str) -> str:
    """Give a process id as the engine writes it; what is none stays as it is."""
    return canonical_uuid(process_id) or process_id
