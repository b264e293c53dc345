"""The faults that a test can request from an engine: ``engine.faults``.

with engine.faults.never_answer(models.PingRequest) as fault:
    with pytest.raises(DeadlineError):
        await client.ping(timeout=0.1)
assert fault.count == 1

:class:`FaultList` in ``fault.py`` keeps the requested faults; the engine asks it what to do with each request and message.
"""

import asyncio
import http
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias, Unpack

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ProtocolError
from websockets.frames import Close
from websockets.http11 import Response

from pie_client._generated import models
from pie_client._generated.families import CORRELATION
from pie_client._generated.registry import BINARY_MESSAGES, EVENT_MESSAGES, TEXT_MESSAGES
from pie_client.base import WireModel
from pie_client.connection.observing import Direction
from pie_client.errors import InvalidArgumentError
from pie_client.protocol import codec
from pie_client.testing.faults.arguments import check_answered, check_number, check_program, check_until
from pie_client.testing.faults.fault import (
    DIRECTIONS,
    Ending,
    Fault,
    FaultList,
    Fields,
    Hooks,
    Outgoing,
    Until,
)
from pie_client.testing.faults.reactions import Refusal, Unanswered
from pie_client.testing.faults.sockets import FaultySocket

Alter: TypeAlias = Callable[[Fields], Sequence[Fields | WireModel | bytes | str] | None]
"""Called with the fields of a message. Returns what is sent instead, or None."""
SERVER_MESSAGES: tuple[type[WireModel], ...] = (
    *EVENT_MESSAGES,
    *BINARY_MESSAGES.values(),
    *TEXT_MESSAGES.values(),
)


class Faults:
    """The faults that can be requested from an engine: ``engine.faults``.

    Every method requests one failure and returns it as a :class:`Fault`. The failure happens at the next opportunity,
    with any client. Used as a context manager, the fault stops at the end of its block. Several faults are applied in
    the order in which they were requested. Arguments that several methods take:

    * ``times``: at how many opportunities it happens; None for every one.
    * ``request``: class of the request, for instance ``models.PingRequest``.
    * ``of``: class of the message, or of the request whose reply it is.
    * ``until``: seconds, or an event, after which what is held back is sent.
    * ``program``: the program as ``name@version``; None for any.
    * ``index``: which chunk of a file, from 0.
    """

    def __init__(self, faults: FaultList, sockets: Mapping[FaultySocket, None]) -> None:
        self._faults = faults
        self._sockets = sockets

    def stop(self) -> None:
        """Stop all faults and send the messages that they hold back. Connections that were ended stay so."""
        for fault in list(self._faults.requested):
            fault.stop()

    # ------------------------------------------------------------- requests and replies

    def never_answer(self, request: type[WireModel], *, times: int | None = 1) -> Fault:
        """Ignore a request: neither carry it out nor answer it. An upload is ignored with all of its chunks.

        Servers do so before a client has identified itself, with frames that they can't read, and with requests that
        they do not know.
        """
        check_answered(request)
        ignored: set[tuple[object, int]] = set()

        def react(fault: Fault, client: object, message: WireModel) -> None:
            if isinstance(message, request):
                key = client, getattr(message, CORRELATION)
                if not isinstance(message, models.AddProgramRequest) or message.chunk_index == 0:
                    (ignored.add if fault.take() else ignored.discard)(key)
                if key in ignored:
                    raise Unanswered

        return self._add("never_answer", times, on_request=react)

    def lose_reply(self, request: type[WireModel], *, times: int | None = 1) -> Fault:
        """Carry out a request, but do not send its reply."""
        check_answered(request)
        return self._alter("lose_reply", times, [request], lambda _fields: [])

    def delay(self, of: type[WireModel], until: Until, *, times: int | None = 1) -> Fault:
        """Send a reply or event late, possibly after the client's timeout. Everything else is sent meanwhile."""
        check_until(until)
        applies = _concerning([of])

        def hold(fault: Fault, sent: Outgoing) -> Sequence[Outgoing] | None:
            if not applies(sent) or not fault.take(sent):
                return None
            fault.hold(sent, until)
            return []

        return self._add("delay", times, on_message=hold)

    def refuse(self, request: type[WireModel], text: str, *, times: int | None = 1) -> Fault:
        """Refuse a request with the text of an error; the client's exception depends on it."""
        check_answered(request)

        def react(fault: Fault, _client: object, message: WireModel) -> None:
            if isinstance(message, request) and fault.take():
                raise Refusal(text)

        return self._add("refuse", times, on_request=react)

    def swallow_upload(self, *, times: int | None = 1) -> Fault:
        """Confirm an upload without storing the program."""
        return self._add("swallow_upload", times, step=("upload", None))

    # ------------------------------------------------------------- processes

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

    # ------------------------------------------------------------- messages

    def alter(self, function: Alter, *of: type[WireModel], times: int | None = 1) -> Fault:
        """Send what a function returns in place of a message.

        Args:
            function: Called with the fields of the message. Returns what is sent: fields, messages, or binary or text
                frames, however malformed. None leaves the message unchanged, and does not count.
            of: Classes of the messages, or of requests whose replies they are. Default: any message.
            times: How often; None for every time.
        """
        return self._alter("alter", times, of or SERVER_MESSAGES, function)

    def corrupt_file_chunk(self, index: int = 0, *, times: int | None = 1) -> Fault:
        """Change the bytes of a chunk, so that the file does not match its digest."""
        check_number("index", index)

        def corrupt(fields: Fields) -> Sequence[Fields] | None:
            chunk = models.FileChunk.model_validate(fields)
            changed = bytes([chunk.chunk_data[0] ^ 1]) + chunk.chunk_data[1:]
            return [{**fields, "chunk_data": changed}] if chunk.chunk_index == index else None

        return self._alter("corrupt_file_chunk", times, [models.FileChunk], corrupt)

    # ------------------------------------------------------------- connections

    def refuse_upgrade(self, status: int = 503, body: str = "", *, times: int | None = 1) -> Fault:
        """Answer the opening handshake with an HTTP error status, for instance 401 or 404, and a body of plain text."""
        try:
            known = http.HTTPStatus(status)
        except ValueError:
            raise InvalidArgumentError(f"status={status} is not an HTTP status; pass one like 503") from None

        async def refuse(_fault: Fault, connection: ServerConnection) -> Response:
            return connection.respond(known, body)

        return self._add("refuse_upgrade", times, on_upgrade=refuse)

    def hang_upgrade(self, *, times: int | None = 1) -> Fault:
        """Do not complete the opening handshake until the fault is stopped."""

        async def hang(fault: Fault, connection: ServerConnection) -> None:
            ends = [asyncio.create_task(connection.wait_closed()), asyncio.create_task(fault.stopped.wait())]
            try:
                await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for end in ends:
                    end.cancel()

        return self._add("hang_upgrade", times, on_upgrade=hang)

    def drop_connection(
        self,
        after_bytes: int = 0,
        direction: Direction = "sent",
        *,
        reset: bool = False,
        times: int | None = 1,
    ) -> Fault:
        """End the TCP connection without a close frame, at any byte.

        Bytes are counted from now on in open connections, and from the opening handshake on in new ones.

        Args:
            after_bytes: Bytes that still pass; with 0 an open connection is dropped immediately.
            direction: Which bytes are counted: those ``"sent"`` or ``"received"`` by the engine.
            reset: Whether to reset the connection instead of ending it. What was sent just before may be lost then.
            times: How often; None for every time.
        """
        return self._cut("drop_connection", times, after_bytes, direction, "reset" if reset else "close")

    def close_connection(self, code: int = 1012, reason: str = "", *, times: int | None = 1) -> Fault:
        """Close open connections with a close frame, as a server that shuts down in an orderly way does.

        Args:
            code: The close code (RFC 6455, section 7.4), for instance 1012 for a restart.
            reason: The reason in the close frame.
            times: How many of the connections that are open now; None for each.
        """
        try:
            Close(code, reason).check()
        except ProtocolError as error:
            raise InvalidArgumentError(f"code={code} is not a close code; pass one like 1012") from error
        fault = self._add("close_connection", times)
        for socket in list(self._sockets):
            if fault.take():
                socket.closing = asyncio.create_task(socket.close(code, reason))
        return fault

    def silent_peer(
        self, after_bytes: int = 0, direction: Direction = "sent", *, times: int | None = 1
    ) -> Fault:
        """Send nothing any more, not even pongs and close frames, but keep the TCP connection open.

        Bytes are counted as by :meth:`drop_connection`.
        """
        return self._cut("silent_peer", times, after_bytes, direction, "silence")

    def never_answer_close(self, message: WireModel | None = None, *, times: int | None = 1) -> Fault:
        """Do not answer the client's close frame, and keep the connection open.

        Args:
            message: A message to send instead, such as an MCP call; None for none.
            times: How often; None for every time.
        """
        instead = [] if message is None else [codec.encode_fields(message.model_dump())]
        return self._add("never_answer_close", times, on_close=instead)

    def stall_all(self, until: Until | None = None) -> Fault:
        """Read and send nothing for a while on any connection, as during an installation; pings are answered.

        Args:
            until: Seconds, or an event that ends the stall; None for as long as the fault lasts.
        """
        if until is not None:
            check_until(until)
        stall = self._add("stall_all", None, stalls=True)
        if until is not None:
            stall.call_at(until, stall.stop)
        return stall

    # ------------------------------------------------------------- how they work

    def _add(self, name: str, times: int | None, **hooks: Unpack[Hooks]) -> Fault:
        return Fault(self._faults, name, times, **hooks)

    def _alter(self, name: str, times: int | None, of: Sequence[type[WireModel]], function: Alter) -> Fault:
        """Send something else in place of messages."""
        applies, family = _concerning(of), self._faults.traits.name

        def on_message(fault: Fault, sent: Outgoing) -> Sequence[Outgoing] | None:
            if not applies(sent) or not (fault.active or fault in sent.altered_by):
                return None
            instead = function(sent.current_fields(family))
            return None if instead is None or not fault.take(sent) else list(map(sent.altered, instead))

        return self._add(name, times, on_message=on_message)

    def _cut(self, name: str, times: int | None, after: int, direction: Direction, ending: Ending) -> Fault:
        """End connections after some bytes."""
        if direction not in DIRECTIONS:
            raise InvalidArgumentError(f"direction={direction!r}; pass {' or '.join(map(repr, DIRECTIONS))}")
        check_number("after_bytes", after)
        fault = self._add(name, times, cut=(direction, after, ending))
        for socket in list(self._sockets):
            socket.apply_due_cuts()
        return fault


def _concerning(of: Sequence[type[WireModel]]) -> Callable[[Outgoing], bool]:
    """Return whether a message is of some classes, or the reply to a request of one. Raises InvalidArgumentError."""
    requests = tuple(each for each in of if each not in SERVER_MESSAGES)
    for request in requests:
        check_answered(request)

    def is_meant(sent: Outgoing) -> bool:
        is_reply = isinstance(sent.message, models.Response) and isinstance(sent.request, requests)
        return is_reply or isinstance(sent.message, tuple(of))

    return is_meant
