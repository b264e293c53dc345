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
from pie_client.protocol.mailbox import Budget, CorruptEvent, Mailbox, Spill

logger = logging.getLogger(__name__)

UNCLAIMED_BYTES = 8 << 20
"""Most bytes kept for processes that nobody has asked about yet: their launch reply may be on its way."""
UNCLAIMED_BOXES = 10_000
ID_CHARACTERS = 100
"""Longest process id that is kept; a UUID has 36 in its usual form."""
FINISHED_IDS = 4096
"""Ids of processes that are remembered as finished, so that stragglers don't open a new mailbox."""
UNKNOWN_TAGS = 100
"""Unknown message types that are reported, each once."""
TAG_CHARACTERS = 60
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
    notices: int
    """How often the server had complained when the call was opened."""
    subject: str = ""
    captures: bool = False
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
        self.doubtful = False
        """The server aborted some stream without saying which: it should be asked which processes still run."""
        self.malformed = 0
        """Frames that could not be decoded."""
        self._max_buffered = max_buffered
        self._tolerated = 2 * max_buffered
        """Bytes above which backlogs are given up."""
        self._spool_above = spool_above
        self.spills: list[Spill] = []
        """What has to be written before the next frame is received."""
        self._budget = Budget()
        self._calls: dict[int, PendingCall] = {}
        self._abandoned: OrderedDict[int, PendingCall] = OrderedDict()
        """Calls that were given up although the server may still make a process ours by them, oldest first."""
        self.orphans: list[str] = []
        """Processes that such a call started, of which nobody has a handle: they should be terminated."""
        self._next = 0
        self._boxes: dict[str, Mailbox] = {}
        self._unclaimed: OrderedDict[str, Mailbox] = OrderedDict()
        self._unclaimed_budget = Budget()
        self._finished: OrderedDict[str, bool] = OrderedDict()
        """By id, whether events were dropped that a handle might have asked for."""
        self._held: set[str] = set()
        """Ids of processes that the server has attached to this connection and that have not ended."""
        self._unknown_tags: set[str] = set()
        self._notices = 0
        self._last_notice = ""
        self._failure: Callable[[bool | None], PieError] | None = None

    @property
    def full(self) -> bool:
        """More is buffered than allowed."""
        return self._budget.used > self._max_buffered

    @property
    def congested(self) -> bool:
        """More is buffered than allowed, and nobody waits for a reply."""
        return self.full and not self._calls

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

        call = PendingCall(method, self.spare_number(), accept, on_error, self._notices)
        self._calls[call.corr_id] = call
        return call

    def spare_number(self) -> int:
        """Give a correlation number that nobody waits for: what is said under it is ignored."""
        for _ in range(len(self._calls) + len(self._abandoned) + 1):
            number, self._next = self._next, self._next + 1 if self._next < MAX_CORRELATION else 0
            if number not in self._calls and number not in self._abandoned:
                return number
        raise InvalidArgumentError("every correlation number is in use; wait for some replies")

    def request(
        self, method: Method[object], build: Callable[[], WireModel], call: PendingCall | None = None
    ) -> bytes:
        """Build and encode a message for the server; raises InvalidArgumentError or UnsupportedError."""
        self.check_alive()
        self.check_family(method)
        try:
            message = build()
        except ValidationError as error:
            raise InvalidArgumentError(f"{method.tag} not sent: {codec.explain(error)}") from None
        if self.family is not None:
            for field, families in method.fields.items():
                if self.family not in families and getattr(message, field) is not None:
                    raise UnsupportedError(f"{method.tag} not sent: {_unknown(field, self.family, families)}")
        if call is not None:
            call.captures = isinstance(message, LAUNCHES) and message.capture_outputs
            if method.subject is not None:
                call.subject = str(getattr(message, method.subject))
        try:
            frame = codec.encode_request(message)
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

    def orphan(self, call: PendingCall, result: object) -> None:
        """Take note of what a call came to that nobody waits for any more: the processes that it made ours."""
        if not call.captures:
            return
        for process_id in [result] if isinstance(result, str) else cast("list[str]", result):
            self.orphans.append(process_id)
            if (box := self._unclaimed.pop(process_id, None)) is not None:
                box.discard()
            self._finish(process_id)

    def forget(self, call: PendingCall) -> None:
        """Free the number of a call that nobody waits for any more. A late reply is ignored but for its consequences."""
        if self._calls.get(call.corr_id) is call:
            del self._calls[call.corr_id]
            if call.sent and (call.captures or call.method.tag == ATTACH_PROCESS.tag):
                self._abandoned[call.corr_id] = call
                if len(self._abandoned) > ABANDONED_CALLS:
                    self._abandoned.popitem(last=False)

    def mailbox(self, process_id: str) -> Mailbox:
        """Give the mailbox of a process for a handle to read, with what has already arrived."""
        self.check_alive()
        box = self._unclaimed.pop(process_id, None)
        if box is not None:
            self._tolerated += box.size  # what came before the handle could not be read faster
        else:
            box = self._boxes.get(process_id)
            if box is None or (box.failure is not None and process_id in self._held):
                # What one that was given up had missed is missed; what comes now is not.
                box = Mailbox(process_id, self._budget, self._spool_above)
        box.claim(self._budget)
        self._boxes[process_id] = box
        dropped = self._finished.pop(process_id, False)
        if box.terminal is None and box.failure is None and not dropped:
            self._held.add(process_id)
        if dropped:
            box.fail(
                lambda: SlowConsumerError(
                    f"process {process_id} sent more than is kept before there is a handle of it, and it was dropped; see list_processes"
                )
            )
        return box

    def release(self, box: Mailbox) -> None:
        """Let go of a mailbox when nobody listens to it any more: drop what is unread, and what still comes."""
        if box.heard or box.kept:
            return
        box.discard()
        if self._boxes.get(box.process_id) is box:
            del self._boxes[box.process_id]
            self._finish(box.process_id)

    def receive(self, frame: bytes | str) -> models.McpRequest | None:
        """Route a frame. Gives a relayed MCP call, which somebody has to answer; everything else finds its own way."""
        try:
            message = codec.decode_reply(frame)
        except codec.MalformedFrameError as error:
            self._receive_malformed(error)
            return None
        if isinstance(message, EVENT_MESSAGES):
            event = event_of(message)
            if isinstance(event, TERMINAL):
                self._held.discard(_in_server_form(message.process_id))
            if box := self._box(message.process_id):
                box.put(event)
                self._settle(box)
            return None
        match message:
            case models.Response():
                self._receive_response(message)
            case models.FileChunk():
                if box := self._box(message.process_id):
                    spill = box.add_chunk(message)
                    if spill is not None:
                        self.spills.append(spill)
                    self._settle(box)
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
        boxes, self._boxes = self._boxes, {}
        self._unclaimed.clear()
        for box in boxes.values():
            box.fail(lambda: failure(None))

    def check_alive(self) -> None:
        """Raise why the conversation ended, if it did."""
        if self._failure is not None:
            raise self._failure(False)

    def holds(self, process_id: str) -> bool:
        """Tell whether the events of a process come to this connection, as far as is known, or are kept here."""
        box = self._boxes.get(process_id)
        return process_id in self._held or (box is not None and box.kept)

    def running(self) -> set[str]:
        """Give the ids of the processes that have not ended, with a handle or without."""
        return self._held | self.live()

    def live(self) -> set[str]:
        """Give the ids of the processes that have a handle and have not ended."""
        return {
            box.process_id for box in self._boxes.values() if box.terminal is None and box.failure is None
        }

    def bury(self, process_ids: set[str]) -> None:
        """End processes that the server has given up without telling which: their streams were aborted."""
        text = self._last_notice
        self._held -= process_ids
        for process_id in process_ids & self.live():
            self._boxes[process_id].fail(lambda: refusals.StreamAbortedError(text))

    def complaint_during(self, call: PendingCall) -> str:
        """Give what the server complained about while a call was open, without saying whose fault it was; "" for nothing."""
        return f"the server said: {one_line(self._last_notice)}" if self._notices > call.notices else ""

    def check_family(self, method: Method[object]) -> None:
        """Raise UnsupportedError where the server's family, as far as it is known, does not know a request."""
        if self.family is None:
            return
        if method.tag not in CAPABILITIES[self.family] or self.family in method.useless:
            useful = method.families - method.useless
            raise UnsupportedError(
                f"{method.tag} not sent: {_unknown(method.tag, self.family, useful, method.since)}"
            )

    def _receive_response(self, message: models.Response) -> None:
        call = self._calls.pop(message.corr_id, None)
        if call is None:
            logger.debug("ignoring a reply to number %d, for which nobody waits", message.corr_id)
            self._face_consequences(message)
            return
        if not message.ok:
            error = refusals.request_error(message.result)
            advice = refusals.advice_on(message.result)
            call.reject(error(call.method.tag, message.result, call.subject, advice=advice))
            return
        if call.method.tag == ATTACH_PROCESS.tag:
            self._attached(call.subject)
        try:
            call.accept(message.result)
        except ValidationError as error:
            call.reject(
                ProtocolError(f"the reply to {call.method.tag} can't be read: {codec.explain(error)}")
            )
        except ValueError as error:
            call.reject(ProtocolError(f"the reply to {call.method.tag} can't be read: {error}"))

    def _attached(self, process_id: str) -> None:
        self._finished.pop(process_id, None)  # its events may come before its mailbox is asked for
        self._held.add(process_id)

    def _face_consequences(self, message: models.Response) -> None:
        """Take note of the process that a call made ours after it was given up."""
        call = self._abandoned.pop(message.corr_id, None)
        if call is None or not message.ok:
            return
        if call.method.tag == ATTACH_PROCESS.tag:
            self._attached(call.subject)
            return
        try:
            self.orphan(call, call.method.decode(message.result))
        except ValueError:
            return

    def _receive_unknown(self, tag: str) -> None:
        tag = tag[:TAG_CHARACTERS]
        if tag not in self._unknown_tags and len(self._unknown_tags) < UNKNOWN_TAGS:
            self._unknown_tags.add(tag)
            logger.warning("ignoring messages of unknown type %r", tag)

    def _receive_malformed(self, error: codec.MalformedFrameError) -> None:
        self.malformed += 1
        logger.warning("ignoring a malformed frame: %s", error)
        if error.process is not None and error.event in TERMINAL_KINDS:
            self._held.discard(_in_server_form(error.process))
        call = self._calls.pop(error.correlation, None) if error.correlation is not None else None
        if call is not None:
            call.reject(ProtocolError(f"the reply to {call.method.tag} can't be read: {error}"))
        elif error.process is not None and (box := self._box(error.process)):
            if error.event in TERMINAL_KINDS:
                box.fail(
                    lambda: ProtocolError(f"process {box.process_id} ended, but how can't be read: {error}")
                )
            else:
                box.put(CorruptEvent(f"an event can't be read: {error}"))
            self._settle(box)

    def _receive_notice(self, message: models.ServerNotice) -> None:
        """Take a complaint that names no request: told to the one who can be meant, else kept for the next deadline."""
        error = refusals.connection_error(message.message)(message.message)
        logger.warning("%s", error)
        self._notices += 1
        self._last_notice = error.text
        live = self.live()
        if isinstance(error, refusals.StreamAbortedError):
            self.doubtful = True
        if len(self._calls) == 1 and not live:
            _, call = self._calls.popitem()
            call.reject(error)
        elif len(live) == 1 and not self._calls and not self.doubtful:
            box = self._boxes[live.pop()]
            box.put(CorruptEvent(str(error)))
            self._settle(box)

    def _box(self, process_id: str) -> Mailbox | None:
        """Give the mailbox for something that came from a process; None where nothing is kept of it."""
        box = self._boxes.get(process_id) or self._unclaimed.get(process_id)
        if box is not None:
            return box
        process_id = _in_server_form(process_id)
        if process_id in self._finished or len(process_id) > ID_CHARACTERS:
            return None
        box = self._boxes.get(process_id) or self._unclaimed.get(process_id)
        if box is None:
            box = self._unclaimed[process_id] = Mailbox(process_id, self._unclaimed_budget, self._spool_above)
        return box

    def _settle(self, box: Mailbox) -> None:
        """Keep the books after something was put into a mailbox."""
        if box.process_id in self._unclaimed:
            self._limit_unclaimed()
        if self._budget.used <= self._max_buffered:
            self._tolerated = 2 * self._max_buffered
        elif self._budget.used > self._tolerated:
            self._give_up_largest()

    def _limit_unclaimed(self) -> None:
        while len(self._unclaimed) > UNCLAIMED_BOXES or self._unclaimed_budget.used > UNCLAIMED_BYTES:
            process_id, box = self._unclaimed.popitem(last=False)
            box.discard()
            self._finish(process_id, dropped=True)
            logger.warning("dropping events of process %.40r, which nobody asked about", process_id)

    def _give_up_largest(self) -> None:
        """Drop the largest backlogs until the rest fits; a single event, however large, has no faster reader."""
        backlogs = sorted(
            (b for b in self._boxes.values() if b.backlog > 1 or b.assembling),
            key=lambda b: b.size,
            reverse=True,
        )
        for box in backlogs:
            text = (
                f"process {box.process_id} sent {box.size} bytes that were not read, and they were dropped; "
                "read its events faster, or raise max_buffered, into twice of which every file has to fit"
            )
            box.give_up(functools.partial(SlowConsumerError, text))
            if self._budget.used <= self._max_buffered:
                break
        # What is left can't be helped: looked at again when as much has come on top of it.
        self._tolerated = max(2 * self._max_buffered, self._budget.used + self._max_buffered)

    def _finish(self, process_id: str, *, dropped: bool = False) -> None:
        self._finished[process_id] = dropped
        if len(self._finished) > FINISHED_IDS:
            self._finished.popitem(last=False)


def _in_server_form(process_id: str) -> str:
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


def _unknown(what: str, family: Family, families: frozenset[Family], since: str = "") -> str:
    known = " and ".join(FAMILIES[name].title for name in sorted(families))
    if since and all(since != FAMILIES[name].releases[0] for name in families):
        known += f" from release {since} on"
    return f"{what} is not known to {FAMILIES[family].title} servers, only to {known}; do without it, or use such a server"
