"""One conversation with a server: what was asked, what came back, and whose it is.

Does no I/O, runs no user code and knows no clock: frames go in, callers and mailboxes are told. All of it can be
tested without a socket.
"""

import functools
import logging
import math
import uuid
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar, cast

from pydantic import ValidationError

from pie_client._generated import models, refusals
from pie_client._generated.events import EVENT_MESSAGES, KIND_OF, TERMINAL, event_of
from pie_client._generated.families import CAPABILITIES, FAMILIES, MAX_CORRELATION, Family
from pie_client._generated.methods import ATTACH_PROCESS, Method
from pie_client.base import WireModel
from pie_client.errors import (
    InvalidArgumentError,
    PieError,
    ProtocolError,
    SlowConsumerError,
    UnsupportedError,
    one_line,
)
from pie_client.protocol import codec
from pie_client.protocol.mailbox import ByteCounter, CorruptEvent, Mailbox, PendingWrite

logger = logging.getLogger(__name__)

UNCLAIMED_BYTES = 8 << 20
"""Most bytes kept for processes that nobody has asked about yet: their launch reply may be on its way."""
UNCLAIMED_MAILBOXES = 10_000
MAX_ID_CHARACTERS = 100
"""Longest process id that is kept; a UUID has 36 in its usual form."""
IGNORED_IDS = 4096
"""Ids of processes that are remembered as finished, so that stragglers don't open a new mailbox."""
MAX_UNKNOWN_TAGS = 100
"""Unknown message types that are reported, each once."""
MAX_TAG_CHARACTERS = 60
ABANDONED_CALLS = 4096
"""Calls that were given up and whose late replies are remembered."""
LAUNCHES = (models.LaunchProcessRequest, models.LaunchProcessesRequest)
TERMINAL_KINDS = {KIND_OF[event].value for event in TERMINAL}

R = TypeVar("R")


@dataclass(eq=False, slots=True)
class PendingCall:
    """A request that waits for its reply."""

    method: Method[object]
    corr_id: int
    accept: Callable[[str], None]
    reject: Callable[[PieError], None]
    notices_before: int
    """How often the server had complained when the call was opened."""
    subject: str = ""
    captures_output: bool = False
    """It starts processes whose events come to this connection."""
    sent: bool = False


class Session:
    """Matches replies to requests and routes events to processes.

    Args:
        max_buffered: Bytes of unread events above which :attr:`congested` asks the reader to pause; at twice as much
            the largest mailbox is given up with SlowConsumerError.
        spool_above: Bytes of a file above which it belongs on disk.
    """

    def __init__(self, *, max_buffered: int, spool_above: float = math.inf) -> None:
        self.family: Family | None = None
        self.process_check_due = False
        """The server aborted some stream without saying which: it should be asked which processes still run."""
        self.malformed_frames = 0
        """Frames that could not be decoded."""
        self._max_buffered = max_buffered
        self._overflow_limit = 2 * max_buffered
        """Bytes above which backlogs are given up."""
        self._spool_above = spool_above
        self.pending_writes: list[PendingWrite] = []
        """What has to be written before the next frame is received."""
        self._buffered = ByteCounter()
        self._calls: dict[int, PendingCall] = {}
        self._abandoned_calls: OrderedDict[int, PendingCall] = OrderedDict()
        """Calls that were given up although the server may still make a process ours by them, oldest first."""
        self.processes_to_terminate: list[str] = []
        """Processes that such a call started, of which nobody has a handle: they should be terminated."""
        self._next_corr_id = 0
        self._mailboxes: dict[str, Mailbox] = {}
        self._unclaimed: OrderedDict[str, Mailbox] = OrderedDict()
        self._unclaimed_bytes = ByteCounter()
        self._ignored_ids: OrderedDict[str, bool] = OrderedDict()
        """By id, whether events were dropped that a handle might have asked for."""
        self._attached_ids: set[str] = set()
        """Ids of processes that the server has attached to this connection and that have not ended."""
        self._unknown_tags: set[str] = set()
        self._notice_count = 0
        self._last_notice = ""
        self._failure: Callable[[bool | None], PieError] | None = None

    @property
    def over_limit(self) -> bool:
        """More is buffered than allowed."""
        return self._buffered.total > self._max_buffered

    @property
    def should_pause(self) -> bool:
        """More is buffered than allowed, and nobody waits for a reply."""
        return self.over_limit and not self._calls

    @property
    def alive(self) -> bool:
        """The conversation goes on."""
        return self._failure is None

    def open_call(
        self, method: Method[R], on_result: Callable[[R], None], on_error: Callable[[PieError], None]
    ) -> PendingCall:
        """Reserve a correlation number; the reply, or why there is none, goes to one of the callbacks."""
        self.check_alive()
        self.check_family(method)

        def accept(text: str) -> None:
            on_result(method.decode(text))

        call = PendingCall(method, self.unused_corr_id(), accept, on_error, self._notice_count)
        self._calls[call.corr_id] = call
        return call

    def unused_corr_id(self) -> int:
        """Give a correlation number that nobody waits for: what is said under it is ignored."""
        for _ in range(len(self._calls) + len(self._abandoned_calls) + 1):
            number, self._next_corr_id = (
                self._next_corr_id,
                self._next_corr_id + 1 if self._next_corr_id < MAX_CORRELATION else 0,
            )
            if number not in self._calls and number not in self._abandoned_calls:
                return number
        raise InvalidArgumentError("every correlation number is in use; wait for some replies")

    def encode_request(
        self, method: Method[object], build: Callable[[], WireModel], call: PendingCall | None = None
    ) -> bytes:
        """Build and encode a message for the server; raises InvalidArgumentError or UnsupportedError."""
        self.check_alive()
        self.check_family(method)
        try:
            message = build()
        except ValidationError as error:
            raise InvalidArgumentError(
                f"{method.tag} not sent: {codec.describe_validation_error(error)}"
            ) from None
        if self.family is not None:
            for field, families in method.fields.items():
                if self.family not in families and getattr(message, field) is not None:
                    raise UnsupportedError(
                        f"{method.tag} not sent: {_unsupported(field, self.family, families)}"
                    )
        if call is not None:
            call.captures_output = isinstance(message, LAUNCHES) and message.capture_outputs
            if method.subject is not None:
                call.subject = str(getattr(message, method.subject))
        try:
            frame = codec.encode_client_message(message)
        except UnicodeEncodeError:
            raise InvalidArgumentError(
                f"{method.tag} not sent: a text holds half of a surrogate pair, which UTF-8 can't express"
            ) from None
        limit = (
            FAMILIES[self.family].frame_bytes
            if self.family
            else min(f.frame_bytes for f in FAMILIES.values())
        )
        if len(frame) > limit:
            raise InvalidArgumentError(
                f"{method.tag} not sent: {len(frame)} bytes are more than the {limit} that the server reads; send less, or send a file"
            )
        return frame

    def queue_termination(self, call: PendingCall, result: object) -> None:
        """Take note of what a call came to that nobody waits for any more: the processes that it made ours."""
        if not call.captures_output:
            return
        for process_id in [result] if isinstance(result, str) else cast("list[str]", result):
            self.processes_to_terminate.append(process_id)
            if (box := self._unclaimed.pop(process_id, None)) is not None:
                box.discard()
            self._ignore_process(process_id)

    def close_call(self, call: PendingCall) -> None:
        """Free the number of a call that nobody waits for any more. A late reply is ignored but for its consequences."""
        if self._calls.get(call.corr_id) is call:
            del self._calls[call.corr_id]
            if call.sent and (call.captures_output or call.method.tag == ATTACH_PROCESS.tag):
                self._abandoned_calls[call.corr_id] = call
                if len(self._abandoned_calls) > ABANDONED_CALLS:
                    self._abandoned_calls.popitem(last=False)

    def open_mailbox(self, process_id: str) -> Mailbox:
        """Give the mailbox of a process for a handle to read, with what has already arrived."""
        self.check_alive()
        box = self._unclaimed.pop(process_id, None)
        if box is not None:
            self._overflow_limit += box.size  # what came before the handle could not be read faster
        else:
            box = self._mailboxes.get(process_id)
            if box is None or (box.failure is not None and process_id in self._attached_ids):
                # What one that was given up had missed is missed; what comes now is not.
                box = Mailbox(process_id, self._buffered, self._spool_above)
        box.count_in(self._buffered)
        self._mailboxes[process_id] = box
        dropped = self._ignored_ids.pop(process_id, False)
        if box.terminal is None and box.failure is None and not dropped:
            self._attached_ids.add(process_id)
        if dropped:
            box.fail(
                lambda: SlowConsumerError(
                    f"process {process_id} sent more than is kept before there is a handle of it, and it was dropped; see list_processes"
                )
            )
        return box

    def release_mailbox(self, box: Mailbox) -> None:
        """Let go of a mailbox when nobody listens to it any more: drop what is unread, and what still comes."""
        if box.has_listeners or box.detached:
            return
        box.discard()
        if self._mailboxes.get(box.process_id) is box:
            del self._mailboxes[box.process_id]
            self._ignore_process(box.process_id)

    def receive(self, frame: bytes | str) -> models.McpRequest | None:
        """Route a frame. Gives a relayed MCP call, which somebody has to answer; everything else finds its own way."""
        try:
            message = codec.decode_server_message(frame)
        except codec.MalformedFrameError as error:
            self._receive_malformed(error)
            return None
        if isinstance(message, EVENT_MESSAGES):
            event = event_of(message)
            if isinstance(event, TERMINAL):
                self._attached_ids.discard(_normalized_id(message.process_id))
            if box := self._mailbox_for(message.process_id):
                box.put(event)
                self._enforce_limits(box)
            return None
        match message:
            case models.Response():
                self._receive_response(message)
            case models.FileChunk():
                if box := self._mailbox_for(message.process_id):
                    spill = box.add_chunk(message)
                    if spill is not None:
                        self.pending_writes.append(spill)
                    self._enforce_limits(box)
            case models.McpRequest():
                return message
            case models.TurnDone():
                pass
            case models.ServerNotice():
                self._receive_notice(message)
            case _:
                self._receive_unknown(message.type)
        return None

    def fail(self, failure: Callable[[bool | None], PieError]) -> None:
        """End the conversation. ``failure`` makes the error of each waiter, told whether its request had left."""
        if self._failure is not None:
            return
        self._failure = failure
        calls, self._calls = self._calls, {}
        for call in calls.values():
            call.reject(failure(call.sent))
        boxes, self._mailboxes = self._mailboxes, {}
        self._unclaimed.clear()
        for box in boxes.values():
            box.fail(lambda: failure(None))

    def check_alive(self) -> None:
        """Raise why the conversation ended, if it did."""
        if self._failure is not None:
            raise self._failure(False)

    def is_attached(self, process_id: str) -> bool:
        """Tell whether the events of a process come to this connection, as far as is known, or are kept here."""
        box = self._mailboxes.get(process_id)
        return process_id in self._attached_ids or (box is not None and box.detached)

    def running_processes(self) -> set[str]:
        """Give the ids of the processes that have not ended, with a handle or without."""
        return self._attached_ids | self.open_processes()

    def open_processes(self) -> set[str]:
        """Give the ids of the processes that have a handle and have not ended."""
        return {
            box.process_id for box in self._mailboxes.values() if box.terminal is None and box.failure is None
        }

    def fail_processes(self, process_ids: set[str]) -> None:
        """End processes that the server has given up without telling which: their streams were aborted."""
        text = self._last_notice
        self._attached_ids -= process_ids
        for process_id in process_ids & self.open_processes():
            self._mailboxes[process_id].fail(lambda: refusals.StreamAbortedError(text))

    def server_error_since(self, call: PendingCall) -> str:
        """Give what the server complained about while a call was open, without saying whose fault it was; "" for nothing."""
        return (
            f"server error: {one_line(self._last_notice)}" if self._notice_count > call.notices_before else ""
        )

    def check_family(self, method: Method[object]) -> None:
        """Raise UnsupportedError where the server's family, as far as it is known, does not know a request."""
        if self.family is None:
            return
        if method.tag not in CAPABILITIES[self.family] or self.family in method.useless:
            useful = method.families - method.useless
            raise UnsupportedError(
                f"{method.tag} not sent: {_unsupported(method.tag, self.family, useful, method.since)}"
            )

    def _receive_response(self, message: models.Response) -> None:
        call = self._calls.pop(message.corr_id, None)
        if call is None:
            logger.debug("ignoring a reply to number %d, for which nobody waits", message.corr_id)
            self._handle_late_reply(message)
            return
        if not message.ok:
            error = refusals.request_error(message.result)
            advice = refusals.advice_on(message.result)
            call.reject(error(call.method.tag, message.result, call.subject, advice=advice))
            return
        if call.method.tag == ATTACH_PROCESS.tag:
            self._record_attached(call.subject)
        try:
            call.accept(message.result)
        except ValidationError as error:
            call.reject(
                ProtocolError(
                    f"the reply to {call.method.tag} can't be read: {codec.describe_validation_error(error)}"
                )
            )
        except ValueError as error:
            call.reject(ProtocolError(f"the reply to {call.method.tag} can't be read: {error}"))

    def _record_attached(self, process_id: str) -> None:
        self._ignored_ids.pop(process_id, None)  # its events may come before its mailbox is asked for
        self._attached_ids.add(process_id)

    def _handle_late_reply(self, message: models.Response) -> None:
        """Take note of the process that a call made ours after it was given up."""
        call = self._abandoned_calls.pop(message.corr_id, None)
        if call is None or not message.ok:
            return
        if call.method.tag == ATTACH_PROCESS.tag:
            self._record_attached(call.subject)
            return
        try:
            self.queue_termination(call, call.method.decode(message.result))
        except ValueError:
            return

    def _receive_unknown(self, tag: str) -> None:
        tag = tag[:MAX_TAG_CHARACTERS]
        if tag not in self._unknown_tags and len(self._unknown_tags) < MAX_UNKNOWN_TAGS:
            self._unknown_tags.add(tag)
            logger.warning("ignoring messages of unknown type %r", tag)

    def _receive_malformed(self, error: codec.MalformedFrameError) -> None:
        self.malformed_frames += 1
        logger.warning("ignoring a malformed frame: %s", error)
        if error.process is not None and error.event in TERMINAL_KINDS:
            self._attached_ids.discard(_normalized_id(error.process))
        call = self._calls.pop(error.correlation, None) if error.correlation is not None else None
        if call is not None:
            call.reject(ProtocolError(f"the reply to {call.method.tag} can't be read: {error}"))
        elif error.process is not None and (box := self._mailbox_for(error.process)):
            if error.event in TERMINAL_KINDS:
                box.fail(
                    lambda: ProtocolError(f"process {box.process_id} ended, but how can't be read: {error}")
                )
            else:
                box.put(CorruptEvent(f"an event can't be read: {error}"))
            self._enforce_limits(box)

    def _receive_notice(self, message: models.ServerNotice) -> None:
        """Take a complaint that names no request: told to the one who can be meant, else kept for the next deadline."""
        error = refusals.connection_error(message.message)(message.message)
        logger.warning("%s", error)
        self._notice_count += 1
        self._last_notice = error.text
        open_processes = self.open_processes()
        if isinstance(error, refusals.StreamAbortedError):
            self.process_check_due = True
        if len(self._calls) == 1 and not open_processes:
            _, call = self._calls.popitem()
            call.reject(error)
        elif len(open_processes) == 1 and not self._calls and not self.process_check_due:
            box = self._mailboxes[open_processes.pop()]
            box.put(CorruptEvent(str(error)))
            self._enforce_limits(box)

    def _mailbox_for(self, process_id: str) -> Mailbox | None:
        """Give the mailbox for something that came from a process; None where nothing is kept of it."""
        box = self._mailboxes.get(process_id) or self._unclaimed.get(process_id)
        if box is not None:
            return box
        process_id = _normalized_id(process_id)
        if process_id in self._ignored_ids or len(process_id) > MAX_ID_CHARACTERS:
            return None
        box = self._mailboxes.get(process_id) or self._unclaimed.get(process_id)
        if box is None:
            box = self._unclaimed[process_id] = Mailbox(process_id, self._unclaimed_bytes, self._spool_above)
        return box

    def _enforce_limits(self, box: Mailbox) -> None:
        """Keep the books after something was put into a mailbox."""
        if box.process_id in self._unclaimed:
            self._limit_unclaimed()
        if self._buffered.total <= self._max_buffered:
            self._overflow_limit = 2 * self._max_buffered
        elif self._buffered.total > self._overflow_limit:
            self._drop_largest_backlogs()

    def _limit_unclaimed(self) -> None:
        while len(self._unclaimed) > UNCLAIMED_MAILBOXES or self._unclaimed_bytes.total > UNCLAIMED_BYTES:
            process_id, box = self._unclaimed.popitem(last=False)
            box.discard()
            self._ignore_process(process_id, dropped=True)
            logger.warning("dropping events of process %.40r, which nobody asked about", process_id)

    def _drop_largest_backlogs(self) -> None:
        """Drop the largest backlogs until the rest fits; a single event, however large, has no faster reader."""
        backlogs = sorted(
            (b for b in self._mailboxes.values() if b.backlog > 1 or b.has_partial_files),
            key=lambda b: b.size,
            reverse=True,
        )
        for box in backlogs:
            text = (
                f"process {box.process_id} sent {box.size} bytes that were not read, and they were dropped; "
                "read its events faster, or raise max_buffered, into twice of which every file has to fit"
            )
            box.fail_and_discard(functools.partial(SlowConsumerError, text))
            if self._buffered.total <= self._max_buffered:
                break
        # What is left can't be helped: looked at again when as much has come on top of it.
        self._overflow_limit = max(2 * self._max_buffered, self._buffered.total + self._max_buffered)

    def _ignore_process(self, process_id: str, *, dropped: bool = False) -> None:
        self._ignored_ids[process_id] = dropped
        if len(self._ignored_ids) > IGNORED_IDS:
            self._ignored_ids.popitem(last=False)


def _normalized_id(process_id: str) -> str:
    """Give a process id in the form that servers send; what is no UUID stays as it is."""
    try:
        return str(uuid.UUID(process_id))
    except ValueError:
        return process_id


def canonical_id(process_id: str) -> str:
    """Give a process id in the form that servers send; raises InvalidArgumentError when it is not a UUID."""
    try:
        return str(uuid.UUID(process_id))
    except (ValueError, AttributeError, TypeError):
        raise InvalidArgumentError(
            f"{process_id!r} is not a process id; it has to be a UUID, as in process.process_id"
        ) from None


def _unsupported(what: str, family: Family, families: frozenset[Family], since: str = "") -> str:
    known = " and ".join(FAMILIES[name].title for name in sorted(families))
    if since and all(since != FAMILIES[name].releases[0] for name in families):
        known += f" from release {since} on"
    return f"{what} is not known to {FAMILIES[family].title} servers, only to {known}; do without it, or use such a server"
