"""The state of one connection to a server, without I/O: pending calls and the routes of processes.

The connection passes the frames of each socket read to :meth:`Session.receive`: a response completes its pending call, an
event or file chunk goes to the mailbox of its process, where ``Process.recv()`` finds it. What the connection has to do
as a consequence is in :attr:`Session.effects`. The other way, :meth:`Session.encode` returns the frame to send. Nothing
here waits, reads a clock or runs user code.
"""

from __future__ import annotations

import functools
import logging
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeAlias, TypeVar, TypeVarTuple, cast

from pie_client._generated.decoders import (
    EventRecord,
    FileChunkRecord,
    McpRequestRecord,
    ResponseRecord,
    ServerNoticeRecord,
    TurnDoneRecord,
)
from pie_client._generated.events import TERMINAL_KINDS, Event
from pie_client._generated.families import UPLOAD_BYTES, Family
from pie_client._generated.methods import Method
from pie_client.common.logs import LimitedLog
from pie_client.errors import ConnectionLostError, PieError, ProtocolError, interrupted_by, one_line
from pie_client.lazy import LazyModule
from pie_client.protocol import codec, requests
from pie_client.protocol.backlog import SHARES
from pie_client.protocol.calls import PendingCall, PendingCalls
from pie_client.protocol.codec import Fields, Frame
from pie_client.protocol.files import PartialFile, Spooling
from pie_client.protocol.items import EVENT_BYTES, CorruptEvent, Item
from pie_client.protocol.prefixes import Prefixes, long_text_after, successful_reply, text_after
from pie_client.protocol.routes import Route, Routes
from pie_client.protocol.shares import Share, WhenFull

if TYPE_CHECKING:
    from pie_client._generated import refusals
    from pie_client.content import Chunk
else:
    refusals = LazyModule("pie_client._generated.refusals")

logger = logging.getLogger(__name__)

UNWRITTEN_BYTES = 4 << 20
"""Bytes of received files that may wait in memory for the disk before reading from the socket pauses."""
MAX_UNKNOWN_TAGS = 100
"""Unknown message types that are logged, once each."""
MAX_TAG_CHARACTERS = 60
TERMINAL_VALUES = frozenset(kind.value for kind in TERMINAL_KINDS)

R = TypeVar("R")
Ts = TypeVarTuple("Ts")


class RelayMcpCall(NamedTuple):
    """Answer the server's call of a registered MCP server."""

    request: McpRequestRecord


class WriteFile(NamedTuple):
    """Write a batch of ``file`` to disk, then call :meth:`Session.written`."""

    route: Route
    file: PartialFile


class TerminateProcesses(NamedTuple):
    """Terminate processes that a cancelled call launched: no handle can reach them."""

    process_ids: list[str]


class CheckProcesses(NamedTuple):
    """Compare the running processes with the server's list: it aborted a stream that it did not name."""


Effect: TypeAlias = RelayMcpCall | WriteFile | TerminateProcesses | CheckProcesses
"""Something that the connection has to do."""


class Session:
    """Match replies to pending calls and route events to mailboxes.

    Args:
        max_buffered: Bytes of each process that may be unread; see :mod:`~pie_client.protocol.backlog`.
        max_buffered_total: Bytes of all processes that may be unread; None for eight times ``max_buffered``.
        when_full: What happens when more of a process is unread.
        spool_above: Size in bytes above which a received file goes to disk; None for a suitable one.
        max_spooled: Most bytes of a file, and of all files on disk that are arriving or unread.

    Attributes:
        calls: The pending calls.
        routes: The processes.
        effects: What the connection has to do, oldest first. It removes what it does.
        family: Family of the server; None until it is known.
        malformed_frames: Number of frames that could not be decoded.
    """

    def __init__(
        self,
        *,
        max_buffered: int,
        max_buffered_total: int | None = None,
        when_full: WhenFull = "pause",
        spool_above: float | None = None,
        max_spooled: float = UPLOAD_BYTES,
    ) -> None:
        self.calls = PendingCalls()
        total = SHARES * max_buffered if max_buffered_total is None else max_buffered_total
        spooling = Spooling(spool_above, max_spooled)
        self.routes = Routes(Share(max_buffered, when_full), total, spooling)
        self._backlogs = self.routes.backlogs
        self.effects: deque[Effect] = deque()
        self.family: Family | None = None
        self.malformed_frames = 0
        self._prefixes = Prefixes(self.routes.by_id)
        self._log = LimitedLog(logger)
        self._unknown_tags: set[str] = set()
        self._notice_count = 0
        self._last_notice = ""
        self._failure: Callable[[bool | None], PieError] | None = None
        self._interrupted = False

    @property
    def needs_attention(self) -> bool:
        """Whether there are effects, or flow control has to decide about reading from the socket."""
        return self._backlogs.due or bool(self.effects or self.routes.spooling.unwritten)

    def should_pause(self, *, waiting: bool) -> bool:
        """Return whether reading from the socket should pause until the application reads events.

        Args:
            waiting: Whether somebody waits for an event or the end of a process.
        """
        # Replies arrive on the same socket as events: pausing with a call pending would block its reply.
        return not self.calls and self._backlogs.should_pause(waiting=waiting)

    @property
    def disk_is_behind(self) -> bool:
        """Whether reading from the socket should pause until the disk has caught up."""
        return self.routes.spooling.unwritten > UNWRITTEN_BYTES

    @property
    def alive(self) -> bool:
        """Whether the connection has not failed or been closed."""
        return self._failure is None

    @property
    def ended(self) -> bool:
        """Whether the connection has failed or been closed, and :meth:`resume` will not follow."""
        return self._failure is not None and not self._interrupted

    # ------------------------------------------------------------- calls

    def open_call(self, method: Method[R]) -> PendingCall[R]:
        """Register a call under a new correlation id."""
        if self._failure is not None:
            self.check_alive(method.tag)
        if self.family is not None:
            requests.check_family(method, self.family)
        return self.calls.open(method, self._notice_count)

    def encode_call(self, call: PendingCall[R], build: Callable[[int], Fields]) -> bytes:
        """Return the frame of a call. Raises InvalidArgumentError or UnsupportedError."""
        call.fields, frame = requests.encode(call.method, build, (call.corr_id,), self.family)
        return frame

    def encode(self, method: Method[object], build: Callable[[*Ts], Fields], *arguments: *Ts) -> bytes:
        """Return the frame of a request without a reply. Raises InvalidArgumentError or UnsupportedError."""
        self.check_alive(method.tag)
        self.check_family(method)
        return requests.encode(method, build, arguments, self.family)[1]

    def encode_chunk(
        self, method: Method[object], build: Callable[[Chunk], Fields], chunk: Chunk, data: bytes | memoryview
    ) -> tuple[Fields, *tuple[bytes | memoryview, ...]]:
        """Return the fields of a chunk without its bytes, and the parts of its frame. Raises InvalidArgumentError."""
        return requests.encode_chunk(method, build, chunk, data, self.family)

    def close_call(self, call: PendingCall[R]) -> None:
        """Stop waiting for a reply. A late reply is ignored, except for the processes that it launched or attached."""
        self.calls.close(call)
        # Race: the reply arrived, but the caller was cancelled before it resumed. Without this, a launched process
        # would run without a handle.
        if call.untaken:
            self._terminate_launched(call, call.result)

    def server_error_since(self, call: PendingCall[R]) -> str:
        """Return the last server notice received while a call was open, or "". It may concern another request."""
        if self._notice_count == call.notices_before:
            return ""
        return one_line(self._last_notice)

    def check_family(self, method: Method[object]) -> None:
        """Raise UnsupportedError if the server's family is known and does not support a request."""
        if self.family is not None:
            requests.check_family(method, self.family)

    def check_alive(self, request: str = "") -> None:
        """Raise the error of :meth:`fail`, if it was called: of a request that was not sent, named in its text."""
        if (error := self.failure(sent=False, request=request)) is not None:
            raise error

    def failure(self, *, sent: bool, request: str = "") -> PieError | None:
        """Return the error of a request that was interrupted by the end of the connection, or None if it is alive."""
        if self._failure is None:
            return None
        error = self._failure(sent)
        if isinstance(error, ConnectionLostError):
            cause = error.__cause__
            error = interrupted_by(error, sent=sent, request=request)
            error.__cause__ = cause
        return error

    def fail(self, failure: Callable[[bool | None], PieError]) -> None:
        """Fail all pending calls and mailboxes. ``failure`` makes the error of each, from whether its request was sent."""
        if self._failure is not None and not self._interrupted:
            return
        self._interrupted = False
        self._fail_calls(failure)
        self.routes.close(lambda: failure(None))

    def interrupt(self, failure: Callable[[bool | None], PieError], *, gaps: bool) -> None:
        """Fail all pending calls, and expect nothing of any process, until :meth:`resume`; see Routes.interrupt."""
        self._interrupted = True
        self._fail_calls(failure)
        self.routes.interrupt(gaps=gaps)

    def resume(self) -> None:
        """Go on after :meth:`interrupt`, with a new session of the server, which may be of another family."""
        self._interrupted = False
        self._failure = None
        self.family = None
        self.routes.resume()

    def _fail_calls(self, failure: Callable[[bool | None], PieError]) -> None:
        self._failure = failure
        for call in self.calls.clear():
            error = self.failure(sent=call.sent, request=call.method.tag)
            assert error is not None  # noqa: S101 - the session has failed
            call.fail(error)

    # ------------------------------------------------------------- received frames

    def receive(self, batch: Sequence[Frame]) -> None:
        """Process the frames of a socket read."""
        self._backlogs.count(batch)
        prefixes = self._prefixes
        known, size = prefixes.known, prefixes.size
        for frame in batch:
            # Nearly every frame of a stream differs from an earlier one in its text only.
            if type(frame) is bytes:
                prefix = known.get(frame[:size])
                if prefix is None:
                    if (reply := successful_reply(frame)) is not None:
                        self._succeed(*reply)
                        continue
                    prefix = prefixes.find(frame)
                    size = prefixes.size
                    # The first event of a process, or its last one.
                    if (
                        prefix is not None
                        and (prefix[0].events is None or prefix[1] in TERMINAL_KINDS)
                        and prefix[0].receptive
                        and (text := text_after(frame, size)) is not None
                    ):
                        self._add(*prefix, text)
                        continue
                if prefix is not None and (text := text_after(frame, size)) is not None:
                    route, kind = prefix
                    if route.receptive and (events := route.events) is not None:
                        events.append((kind, text))
                        route.held += EVENT_BYTES + text.__sizeof__()
                        if route.waiter is not None:
                            route.wake()
                        continue
            self._receive_frame(frame)
            size = prefixes.size

    def _receive_large(self, frame: memoryview) -> bool:
        """Process a large frame, and return whether it has a known prefix."""
        prefix = self._prefixes.find(frame)
        if prefix is None or (text := long_text_after(frame, self._prefixes.size)) is None:
            return False
        route, kind = prefix
        if not route.receptive:
            return False
        self._add(route, kind, text)
        return True

    def _add(self, route: Route, kind: Event, text: str) -> None:
        """Add an event to a route that takes some."""
        if kind in TERMINAL_KINDS:
            route.attached = False  # all that Routes.record_end() does for a route that takes events
        route.put((kind, text))

    def written(self, route: Route, file: PartialFile, size: int, reason: str = "") -> None:
        """Handle the end of a write of ``size`` bytes to disk, and ``reason`` if it failed."""
        if (again := route.written(file, size, reason)) is not None:
            self._write(route, again)

    def fail_processes(self, process_ids: set[str]) -> None:
        """Fail the mailboxes of processes whose streams the server aborted."""
        text = self._last_notice
        for process_id in process_ids:
            message = f"the server dropped process {process_id} ({one_line(text)}); launch it again"
            self.routes.fail([process_id], functools.partial(refusals.StreamAbortedError, text, message))

    def _receive_frame(self, frame: Frame) -> None:
        """Process a frame that is large or has no known prefix."""
        if type(frame) is memoryview and self._receive_large(frame):
            return
        try:
            message = codec.decode(frame)
        except codec.MalformedFrameError as error:
            self._receive_malformed(error)
            return
        match message:
            case ResponseRecord(corr_id, ok, text):
                (self._succeed if ok else self._refuse)(corr_id, text)
            case EventRecord(process_id, event):
                route = self._put(process_id, event)
                if isinstance(event, tuple) and route is not None:
                    self._prefixes.add(frame, process_id, route, *event)
            case FileChunkRecord():
                self._receive_chunk(message)
            case McpRequestRecord():
                self.effects.append(RelayMcpCall(message))
            case TurnDoneRecord():
                pass
            case ServerNoticeRecord():
                self._receive_notice(message)
            case _:
                self._receive_unknown(message.type)

    # The first reply completes a call. More may follow, such as one for every chunk sent after a rejected one.

    def _succeed(self, corr_id: int, text: str) -> None:
        """Complete the call that a reply to a successful request belongs to."""
        call = self.calls.pop(corr_id)
        if call is None:
            self._receive_late_reply(corr_id, text)
            return
        method = call.method
        if method.claims:
            self.routes.record_attached(call.subject)
        try:
            call.succeed(method.decode(text))
        except ValueError as error:
            call.fail(
                ProtocolError(f"invalid reply to {method.tag}: {codec.describe_validation_error(error)}")
            )

    def _refuse(self, corr_id: int, text: str) -> None:
        """Fail the call that a reply to a refused request belongs to."""
        call = self.calls.pop(corr_id)
        if call is None:
            self._log.log(logging.DEBUG, "ignoring a refusal of corr_id %d, which is not pending", corr_id)
            self.calls.pop_abandoned(corr_id)
            return
        error = refusals.request_error(text)
        advice = refusals.advice_on(text, self.family, call.method.tag)
        call.fail(error(call.method.tag, text, call.subject, advice=advice))

    def _receive_late_reply(self, corr_id: int, text: str) -> None:
        """Record the process that a cancelled call attached, or terminate those that it launched."""
        self._log.log(logging.DEBUG, "ignoring a reply to corr_id %d, which is not pending", corr_id)
        call = self.calls.pop_abandoned(corr_id)
        if call is None:
            return
        if call.method.claims:
            self.routes.record_attached(call.subject)
            return
        try:
            result = call.method.decode(text)
        except ValueError:
            return
        self._terminate_launched(call, result)

    def _terminate_launched(self, call: PendingCall[R], result: object) -> None:
        """Have the processes of a cancelled launch terminated, and ignore their events."""
        if not call.captures:
            return
        process_ids = [result] if isinstance(result, str) else cast("list[str]", result)
        for process_id in process_ids:
            self.routes.ignore(process_id)
        self.effects.append(TerminateProcesses(process_ids))

    def _receive_chunk(self, chunk: FileChunkRecord) -> None:
        route = self.routes.find(chunk.process_id)
        if route is not None and (file := route.add_chunk(chunk)) is not None:
            self._write(route, file)

    def _write(self, route: Route, file: PartialFile) -> None:
        self.effects.append(WriteFile(route, file))

    def _receive_unknown(self, tag: str) -> None:
        # The tag comes from the server: bound its length and the number of tags remembered.
        tag = tag[:MAX_TAG_CHARACTERS]
        if tag not in self._unknown_tags and len(self._unknown_tags) < MAX_UNKNOWN_TAGS:
            self._unknown_tags.add(tag)
            self._log.log(logging.WARNING, "ignoring messages of unknown type %r", tag)

    def _receive_malformed(self, error: codec.MalformedFrameError) -> None:
        """Fail the call or process that a malformed frame belongs to, as far as it can be read."""
        self.malformed_frames += 1
        self._log.log(logging.WARNING, "ignoring a malformed frame: %s", error)
        process_id = error.process_id
        call = self.calls.pop(error.corr_id) if error.corr_id is not None else None
        if call is not None:
            call.fail(ProtocolError(f"invalid reply to {call.method.tag}: {error}"))
        elif process_id is not None and error.event not in TERMINAL_VALUES:
            self._put(process_id, CorruptEvent(f"invalid event: {error}; the process keeps running"))
        elif process_id is not None:
            self.routes.record_end(process_id)
            if (route := self.routes.find(process_id)) is not None:
                route.fail(
                    lambda: ProtocolError(f"process {route.process_id} ended with an invalid event: {error}")
                )

    def _receive_notice(self, message: ServerNoticeRecord) -> None:
        """Handle a server error that names no request or process.

        It fails the only pending call, or becomes an event of the only process. If several could be meant, only
        :meth:`server_error_since` reports it: blaming the wrong one would be worse than a timeout.
        """
        error = refusals.connection_error(message.message)(message.message)
        # Without its text, which may quote the payload of a frame that the server could not read.
        text = "the server reported an error of no certain request: %s, %d characters"
        self._log.log(logging.WARNING, text, type(error).__name__, len(message.message))
        self._notice_count += 1
        self._last_notice = error.text
        live = self.routes.live(most=2)
        # Which stream was aborted is found out by comparing process lists, so no process is blamed here.
        aborted = isinstance(error, refusals.StreamAbortedError)
        if aborted:
            self._check_processes()
        if len(self.calls) == 1 and not live:
            self.calls.pop_only().fail(error)
        elif len(live) == 1 and not self.calls and not aborted:
            live[0].put(CorruptEvent(str(error)))

    def _check_processes(self) -> None:
        # Several in one batch are one check for whoever runs them; many notices in a row take no memory.
        if not self.effects or not isinstance(self.effects[-1], CheckProcesses):
            self.effects.append(CheckProcesses())

    def _put(self, process_id: str, item: Item) -> Route | None:
        """Add an event to the mailbox of its process, and return its route unless its events are ignored."""
        # Also for a process whose events are ignored: its id must not stay attached for ever.
        if type(item) is tuple and item[0] in TERMINAL_KINDS:
            self.routes.record_end(process_id)
        route = self.routes.find(process_id)
        if route is not None:
            route.put(item)
        return route
