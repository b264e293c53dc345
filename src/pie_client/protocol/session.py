"""The state of one connection to a server, without I/O: pending calls, mailboxes and attached processes.

The connection passes every received frame to :meth:`Session.receive`: the codec decodes it, a response completes its
pending call, an event or file chunk goes to the mailbox of its process, where ``Process.recv()`` finds it. The other way,
:meth:`Session.encode_request` returns the frame to send. Nothing here waits, reads a clock or runs user code.
"""

import functools
import logging
import math
import uuid
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar, cast

from pie_client._generated import refusals
from pie_client._generated.decoders import (
    EventRecord,
    FileChunkRecord,
    McpRequestRecord,
    ResponseRecord,
    ServerNoticeRecord,
    TurnDoneRecord,
)
from pie_client._generated.events import EVENT_CLASS, KIND_OF, TERMINAL
from pie_client._generated.families import MAX_CORRELATION, Family
from pie_client._generated.methods import Method
from pie_client.errors import InvalidArgumentError, PieError, ProtocolError, SlowConsumerError, one_line
from pie_client.protocol import codec, requests
from pie_client.protocol.mailbox import ByteCounter, CorruptEvent, Mailbox, PendingWrite, ProcessEvent

logger = logging.getLogger(__name__)

UNCLAIMED_BYTES = 8 << 20
"""Most bytes buffered for processes without a handle, whose launch or attach reply may still arrive."""
UNCLAIMED_MAILBOXES = 10_000
MAX_ID_CHARACTERS = 100
"""Longest process id for which events are buffered; a UUID has 36 characters."""
IGNORED_IDS = 4096
"""Released processes remembered, so that their late events don't open a new mailbox."""
MAX_UNKNOWN_TAGS = 100
"""Unknown message types that are logged, once each."""
MAX_TAG_CHARACTERS = 60
ABANDONED_CALLS = 4096
"""Cancelled launches and attaches whose late replies are recognized."""
TERMINAL_KINDS = {KIND_OF[event].value for event in TERMINAL}

R = TypeVar("R")


@dataclass(eq=False, slots=True)
class PendingCall:
    """A request whose reply has not arrived."""

    method: Method[object]
    corr_id: int
    accept: Callable[[str], None]
    reject: Callable[[PieError], None]
    notices_before: int
    """Number of server notices received when the call was opened."""
    subject: str = ""
    captures_output: bool = False
    """It launches processes whose events are sent to this connection."""
    sent: bool = False


class Session:
    """Match replies to pending calls and route events to mailboxes.

    Args:
        max_buffered: Bytes of unread events above which :attr:`should_pause` may be true. Above twice as many, the
            largest mailboxes are discarded and fail with SlowConsumerError.
        spool_above: Size in bytes above which a received file goes to disk.

    Attributes:
        family: Family of the server; None until it is known.
        process_check_due: The server aborted an unnamed stream; compare the open processes with its process list.
        malformed_frames: Number of frames that could not be decoded.
        pending_writes: File chunks to write to disk before the next frame is received.
        processes_to_terminate: Processes launched by cancelled calls. No handle can reach them, so terminate them.
    """

    def __init__(self, *, max_buffered: int, spool_above: float = math.inf) -> None:
        self.family: Family | None = None
        self.process_check_due = False
        self.malformed_frames = 0
        self.pending_writes: list[PendingWrite] = []
        self.processes_to_terminate: list[str] = []
        self._max_buffered = max_buffered
        self._overflow_limit = 2 * max_buffered
        """Buffered bytes above which the largest mailboxes are discarded; see _enforce_limits."""
        self._spool_above = spool_above
        self._buffered = ByteCounter()
        self._calls: dict[int, PendingCall] = {}
        self._abandoned_calls: OrderedDict[int, PendingCall] = OrderedDict()
        """Cancelled calls that may still launch or attach a process, oldest first."""
        self._next_corr_id = 0
        self._mailboxes: dict[str, Mailbox] = {}
        """Mailboxes with a handle, or detached."""
        self._unclaimed: OrderedDict[str, Mailbox] = OrderedDict()
        """Mailboxes of processes without a handle yet, oldest first."""
        self._unclaimed_bytes = ByteCounter()
        self._ignored_ids: OrderedDict[str, bool] = OrderedDict()
        """Processes whose events are ignored; the value says whether events were discarded before it had a handle."""
        self._attached_ids: set[str] = set()
        """Processes that send their events to this connection and have not ended."""
        self._unknown_tags: set[str] = set()
        self._notice_count = 0
        self._last_notice = ""
        self._failure: Callable[[bool | None], PieError] | None = None

    @property
    def over_limit(self) -> bool:
        """Whether more than ``max_buffered`` bytes are unread."""
        return self._buffered.total > self._max_buffered

    @property
    def should_pause(self) -> bool:
        """Whether receiving should pause until the application reads."""
        # Replies arrive on the same socket as events: pausing with a call pending would block its reply.
        return self.over_limit and not self._calls

    @property
    def alive(self) -> bool:
        """Whether the connection has not failed or been closed."""
        return self._failure is None

    def open_call(
        self, method: Method[R], on_result: Callable[[R], None], on_error: Callable[[PieError], None]
    ) -> PendingCall:
        """Register a call under a new correlation id. Its outcome is passed to exactly one of the callbacks."""
        self.check_alive()
        self.check_family(method)

        def accept(text: str) -> None:
            on_result(method.decode(text))

        call = PendingCall(method, self.unused_corr_id(), accept, on_error, self._notice_count)
        self._calls[call.corr_id] = call
        return call

    def unused_corr_id(self) -> int:
        """Return a correlation id that no call uses; a reply to it is ignored."""
        # Ids wrap around. Abandoned calls keep theirs, or a late reply could complete a newer call.
        for _ in range(len(self._calls) + len(self._abandoned_calls) + 1):
            corr_id = self._next_corr_id
            self._next_corr_id = corr_id + 1 if corr_id < MAX_CORRELATION else 0
            if corr_id not in self._calls and corr_id not in self._abandoned_calls:
                return corr_id
        raise InvalidArgumentError("no correlation id is free; wait for pending replies")

    def encode_request(
        self, method: Method[object], build: Callable[[], codec.Fields], call: PendingCall | None = None
    ) -> bytes:
        """Build and encode a request. Raises InvalidArgumentError or UnsupportedError."""
        self.check_alive()
        self.check_family(method)
        message = requests.build_message(method, build, self.family)
        if call is not None:
            call.captures_output = method.captures is not None and bool(message[method.captures])
            names = filter(None, (method.subject, method.subject_version))
            call.subject = "@".join(str(message[name]) for name in names)
        return requests.encode_message(method, message, self.family)

    def close_call(self, call: PendingCall) -> None:
        """Stop waiting for a reply. A late reply is ignored, except for the processes that it launched or attached."""
        # After a reply, the same id may already belong to a newer call.
        if self._calls.get(call.corr_id) is call:
            del self._calls[call.corr_id]
            # Only a request that was sent can have launched or attached something.
            if call.sent and (call.captures_output or call.method.claims):
                self._abandoned_calls[call.corr_id] = call
                if len(self._abandoned_calls) > ABANDONED_CALLS:
                    self._abandoned_calls.popitem(last=False)

    def queue_termination(self, call: PendingCall, result: object) -> None:
        """Queue the processes of a cancelled launch for termination and ignore their events."""
        if not call.captures_output:
            return
        for process_id in [result] if isinstance(result, str) else cast("list[str]", result):
            self.processes_to_terminate.append(process_id)
            if (box := self._unclaimed.pop(process_id, None)) is not None:
                box.discard()
            self._ignore_process(process_id)

    def open_mailbox(self, process_id: str) -> Mailbox:
        """Return the mailbox of a process for a new handle, with the events that have already arrived."""
        self.check_alive()
        box = self._unclaimed.pop(process_id, None)
        if box is not None:
            # No handle could have read these bytes, so they don't count towards the overflow.
            self._overflow_limit += box.size
        else:
            box = self._mailboxes.get(process_id)
            # Attached again after an overflow: the lost events stay lost, new ones are readable.
            if box is None or (box.failure is not None and process_id in self._attached_ids):
                box = Mailbox(process_id, self._buffered, self._spool_above)
        box.count_in(self._buffered)
        self._mailboxes[process_id] = box
        discarded = self._ignored_ids.pop(process_id, False)
        if discarded:
            box.fail(
                lambda: SlowConsumerError(
                    f"process {process_id} sent too much before it had a handle; its events were discarded. See list_processes"
                )
            )
        elif box.terminal is None and box.failure is None:
            self._attached_ids.add(process_id)
        return box

    def release_mailbox(self, box: Mailbox) -> None:
        """Discard a mailbox without listeners, and ignore further events of its process."""
        if box.has_listeners or box.detached:
            return
        box.discard()
        if self._mailboxes.get(box.process_id) is box:
            del self._mailboxes[box.process_id]
            self._ignore_process(box.process_id)

    def receive(self, frame: bytes | str) -> McpRequestRecord | None:
        """Process a received frame.

        Returns:
            The server's request for the caller to answer if the frame is one (a relayed MCP call), else None.
        """
        try:
            message = codec.decode(frame)
        except codec.MalformedFrameError as error:
            self._receive_malformed(error)
            return None
        if isinstance(message, EventRecord):
            event = message.event
            if isinstance(event, tuple):
                kind, text = event
                event = EVENT_CLASS[kind](text)
            # Also for a process without a mailbox: its id must not stay attached for ever.
            if isinstance(event, TERMINAL):
                self._attached_ids.discard(_normalized_id(message.process_id))
            self._put(message.process_id, event)
            return None
        match message:
            case ResponseRecord():
                self._receive_response(message)
            case FileChunkRecord():
                if box := self._mailbox_for(message.process_id):
                    write = box.add_chunk(message)
                    if write is not None:
                        self.pending_writes.append(write)
                    self._enforce_limits(box)
            case McpRequestRecord():
                return message
            case TurnDoneRecord():
                pass
            case ServerNoticeRecord():
                self._receive_notice(message)
            case _:
                self._receive_unknown(message.type)
        return None

    def fail(self, failure: Callable[[bool | None], PieError]) -> None:
        """Fail all pending calls and mailboxes. ``failure`` makes the error of each, from whether its request was sent."""
        if self._failure is not None:
            return
        self._failure = failure
        calls, self._calls = self._calls, {}
        for call in calls.values():
            call.reject(failure(call.sent))
        boxes, self._mailboxes = self._mailboxes, {}
        self._unclaimed.clear()  # no handle can read these any more
        for box in boxes.values():
            box.fail(lambda: failure(None))

    def check_alive(self) -> None:
        """Raise the error of :meth:`fail`, if it was called."""
        if self._failure is not None:
            raise self._failure(False)

    def is_attached(self, process_id: str) -> bool:
        """Return whether a process sends its events to this connection, or its detached mailbox holds some."""
        box = self._mailboxes.get(process_id)
        return process_id in self._attached_ids or (box is not None and box.detached)

    def running_processes(self) -> set[str]:
        """Return the ids of the processes that have not ended, with or without a handle."""
        return self._attached_ids | self.open_processes()

    def open_processes(self) -> set[str]:
        """Return the ids of the processes that have a mailbox and have not ended."""
        return {
            box.process_id for box in self._mailboxes.values() if box.terminal is None and box.failure is None
        }

    def fail_processes(self, process_ids: set[str]) -> None:
        """Fail the mailboxes of processes whose streams the server aborted."""
        text = self._last_notice
        self._attached_ids -= process_ids
        for process_id in process_ids & self.open_processes():
            self._mailboxes[process_id].fail(lambda: refusals.StreamAbortedError(text))

    def server_error_since(self, call: PendingCall) -> str:
        """Return the last server notice received while a call was open, or "". It may concern another request."""
        if self._notice_count == call.notices_before:
            return ""
        return one_line(self._last_notice)

    def check_family(self, method: Method[object]) -> None:
        """Raise UnsupportedError if the server's family is known and does not support a request."""
        if self.family is not None:
            requests.check_family(method, self.family)

    def _receive_response(self, message: ResponseRecord) -> None:
        # The first reply completes a call. More may follow, such as one for every chunk sent after a rejected one.
        call = self._calls.pop(message.corr_id, None)
        if call is None:
            logger.debug("ignoring a reply to corr_id %d, which is not pending", message.corr_id)
            self._handle_late_reply(message)
            return
        if not message.ok:
            error = refusals.request_error(message.result)
            advice = refusals.advice_on(message.result, self.family)
            call.reject(error(call.method.tag, message.result, call.subject, advice=advice))
            return
        if call.method.claims:
            self._record_attached(call.subject)
        try:
            call.accept(message.result)
        except ValueError as error:
            call.reject(
                ProtocolError(f"invalid reply to {call.method.tag}: {codec.describe_validation_error(error)}")
            )

    def _handle_late_reply(self, message: ResponseRecord) -> None:
        """Record the process that a cancelled call attached, or queue those that it launched for termination."""
        call = self._abandoned_calls.pop(message.corr_id, None)
        if call is None or not message.ok:
            return
        if call.method.claims:
            self._record_attached(call.subject)
            return
        try:
            self.queue_termination(call, call.method.decode(message.result))
        except ValueError:
            return

    def _record_attached(self, process_id: str) -> None:
        # Buffered events follow the reply immediately, before the caller opens the mailbox: don't ignore them.
        self._ignored_ids.pop(process_id, None)
        self._attached_ids.add(process_id)

    def _receive_unknown(self, tag: str) -> None:
        # The tag comes from the server: bound its length and the number of tags remembered.
        tag = tag[:MAX_TAG_CHARACTERS]
        if tag not in self._unknown_tags and len(self._unknown_tags) < MAX_UNKNOWN_TAGS:
            self._unknown_tags.add(tag)
            logger.warning("ignoring messages of unknown type %r", tag)

    def _receive_malformed(self, error: codec.MalformedFrameError) -> None:
        """Fail the call or process that a malformed frame belongs to, as far as it can be read."""
        self.malformed_frames += 1
        logger.warning("ignoring a malformed frame: %s", error)
        process_id, ended = error.process_id, error.event in TERMINAL_KINDS
        call = self._calls.pop(error.corr_id, None) if error.corr_id is not None else None
        if call is not None:
            call.reject(ProtocolError(f"invalid reply to {call.method.tag}: {error}"))
        elif process_id is not None and not ended:
            self._put(process_id, CorruptEvent(f"invalid event: {error}"))
        elif process_id is not None:
            self._attached_ids.discard(_normalized_id(process_id))
            if box := self._mailbox_for(process_id):
                box.fail(
                    lambda: ProtocolError(f"process {box.process_id} ended with an invalid event: {error}")
                )
                self._enforce_limits(box)

    def _receive_notice(self, message: ServerNoticeRecord) -> None:
        """Handle a server error that names no request or process.

        It fails the only pending call, or becomes an event of the only process. If several could be meant, only
        :meth:`server_error_since` reports it: blaming the wrong one would be worse than a timeout.
        """
        error = refusals.connection_error(message.message)(message.message)
        logger.warning("%s", error)
        self._notice_count += 1
        self._last_notice = error.text
        running = self.open_processes()
        # Which stream was aborted is found out by comparing process lists, so no process is blamed here.
        if isinstance(error, refusals.StreamAbortedError):
            self.process_check_due = True
        if len(self._calls) == 1 and not running:
            _, call = self._calls.popitem()
            call.reject(error)
        elif len(running) == 1 and not self._calls and not self.process_check_due:
            self._put(running.pop(), CorruptEvent(str(error)))

    def _put(self, process_id: str, event: ProcessEvent) -> None:
        if box := self._mailbox_for(process_id):
            box.put(event)
            self._enforce_limits(box)

    def _mailbox_for(self, process_id: str) -> Mailbox | None:
        """Return the mailbox of a process, a new one for an unknown process, or None if its events are ignored."""
        # Servers send ids in normal form, so the first lookup nearly always succeeds and parses no UUID.
        box = self._mailboxes.get(process_id) or self._unclaimed.get(process_id)
        if box is not None:
            return box
        process_id = _normalized_id(process_id)
        if process_id in self._ignored_ids or len(process_id) > MAX_ID_CHARACTERS:
            return None
        box = self._mailboxes.get(process_id) or self._unclaimed.get(process_id)
        if box is None:
            # Events may arrive before the launch reply that names their process: keep them for its handle.
            box = self._unclaimed[process_id] = Mailbox(process_id, self._unclaimed_bytes, self._spool_above)
        return box

    def _enforce_limits(self, box: Mailbox) -> None:
        """Check the buffer limits after something was put in a mailbox."""
        # Flow control pauses reading above max_buffered, but not while a call or reader waits. The second limit bounds
        # what arrives meanwhile; it may have been raised for events that could not be read or discarded.
        if box.process_id in self._unclaimed:
            self._limit_unclaimed()
        if not self.over_limit:
            self._overflow_limit = 2 * self._max_buffered
        elif self._buffered.total > self._overflow_limit:
            self._discard_largest_backlogs()

    def _limit_unclaimed(self) -> None:
        # Events may precede the reply that creates the handle, so they can't be refused; the oldest go first.
        while len(self._unclaimed) > UNCLAIMED_MAILBOXES or self._unclaimed_bytes.total > UNCLAIMED_BYTES:
            process_id, box = self._unclaimed.popitem(last=False)
            box.discard()
            self._ignore_process(process_id, discarded=True)
            logger.warning("discarding events of process %.40r, which has no handle", process_id)

    def _discard_largest_backlogs(self) -> None:
        # A single event, however large, is kept: the reader had no chance to read it earlier.
        backlogs = [box for box in self._mailboxes.values() if box.backlog > 1 or box.has_partial_files]
        for box in sorted(backlogs, key=lambda box: box.size, reverse=True):
            text = (
                f"{box.size} unread bytes of process {box.process_id} were discarded; read faster, "
                "or raise max_buffered (a file may take at most 2 * max_buffered)"
            )
            box.fail_and_discard(functools.partial(SlowConsumerError, text))
            if not self.over_limit:
                break
        # What is left can't be discarded. Try again after max_buffered more bytes, not at each event.
        self._overflow_limit = max(2 * self._max_buffered, self._buffered.total + self._max_buffered)

    def _ignore_process(self, process_id: str, *, discarded: bool = False) -> None:
        self._ignored_ids[process_id] = discarded
        if len(self._ignored_ids) > IGNORED_IDS:
            self._ignored_ids.popitem(last=False)


def canonical_id(process_id: str) -> str:
    """Return a process id in the form that servers send. Raises InvalidArgumentError if it is not a UUID."""
    try:
        return str(uuid.UUID(process_id))
    except (ValueError, AttributeError, TypeError):
        raise InvalidArgumentError(
            f"{process_id!r} is not a process id; pass a UUID such as process.process_id"
        ) from None


def _normalized_id(process_id: str) -> str:
    """Return a server's process id in the form of canonical_id, or unchanged if it is not a UUID."""
    try:
        return str(uuid.UUID(process_id))
    except ValueError:
        return process_id
