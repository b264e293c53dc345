"""One connection of the embedded engine: reads frames, replies to requests and sends events.

What a request does is in ``requests.py``; what a frame means is in ``frames.py``. A turn is a request with all that it
causes: a 0.5 server sends ``turn_done`` when a request is done, which for a launch or attach is the end of the process.
"""

import asyncio
import contextlib
import logging
from dataclasses import dataclass

from websockets.exceptions import ConnectionClosed
from websockets.frames import CloseCode
from websockets.protocol import State

from pie_client._generated import models
from pie_client._generated.families import CORRELATION, PROCESS
from pie_client._generated.methods import METHODS
from pie_client._generated.registry import ClientMessage
from pie_client.base import WireModel
from pie_client.testing._generated import texts
from pie_client.testing._generated.servers import ABORT, QUEUED_MESSAGES
from pie_client.testing.engine.frames import UnreadableFrameError
from pie_client.testing.engine.identifiers import canonical_uuid
from pie_client.testing.engine.refusal import NoReply, Refusal
from pie_client.testing.engine.requests import RequestHandler, Result
from pie_client.testing.engine.state import EngineState
from pie_client.testing.faults.fault import Refused, Unanswered
from pie_client.testing.faults.outgoing import MessageCopy
from pie_client.testing.faults.sockets import Socket
from pie_client.testing.inferlet.mcp import McpRelay

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class QueuedFrame:
    """An entry of the queue of frames to send.

    Attributes:
        frame: The frame, or None to close the connection after the frames before it.
        message: Its message, if another client can receive it when this one disconnects; else None.
    """

    frame: bytes | str | None
    message: WireModel | None = None


class Connection:
    """Serves one client: carries out its requests in order.

    Attributes:
        mcp: The MCP servers that the client has registered.
    """

    def __init__(self, state: EngineState, socket: Socket) -> None:
        self.mcp = McpRelay(self.send)
        self._state = state
        self._traits = state.traits
        self._keep_detached = state.options.keep_detached
        self._socket = socket
        self._number = state.next_connection()
        self._requests = RequestHandler(state, self)
        # Turns that go on after their reply: the id of the process whose end ends them, or None.
        self._turns: list[str | None] = []
        # In a serial family nothing is sent between a request and its reply; events wait here meanwhile.
        self._waiting: list[WireModel] | None = None
        self._replying: set[asyncio.Task[None]] = set()
        # Real 0.5 servers report malformed frames only after the first request that they could read.
        self._read_a_request = False
        self._closed = False
        self._queue: asyncio.Queue[QueuedFrame] = asyncio.Queue()
        self._sending: QueuedFrame | None = None
        self._queue_has_room = asyncio.Event()

    async def serve(self) -> None:
        """Serve the client until it disconnects."""
        writer = asyncio.create_task(self._write(), name="local engine writer")
        try:
            async for frame in self._socket:
                self._state.observe(self._number, "received", frame)
                await self._state.faults.wait_while_stalled()
                size = len(frame.encode() if isinstance(frame, str) else frame)
                await self._wait_for_room()
                if size <= self._traits.message_bytes:
                    await self._read(frame)
                else:
                    await self._refuse_size(size)
        except ConnectionClosed:
            pass
        finally:
            await self._close(writer)

    async def _close(self, writer: asyncio.Task[None]) -> None:
        if self._keep_detached:
            self.mcp.close()
        # Queued now, so that _detach_all() returns these messages to their processes too.
        self._send_waiting()
        # The writer ends first: the message that it was sending counts as unsent.
        writer.cancel()
        for task in self._replying:
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError, ConnectionClosed):
            await writer
        self._closed = True
        if self._keep_detached:
            self._detach_all()
        elif self._traits.terminates_on_disconnect:
            self._abort()
        if self._replying:
            await asyncio.wait(self._replying)

    # ------------------------------------------------------------- sending

    def send(self, message: WireModel, request: WireModel | None = None) -> None:
        """Send a message after all earlier ones. Does nothing after the client has disconnected.

        Args:
            message: The message.
            request: The request that it answers, or None.
        """
        if self._closed:
            return
        if self._waiting is not None and request is None:
            self._waiting.append(message)
            return
        for item in self._state.faults.alter(self, message, request):
            self.release(item)

    def release(self, sent: MessageCopy) -> None:
        """Send a message that no fault alters any more. Does nothing after the client has disconnected."""
        if not self._closed:
            message = sent.message if isinstance(sent.message, WireModel) else None
            kept = message if self._keep_detached else None
            self._queue.put_nowait(QueuedFrame(sent.frame(self._traits.name), kept))

    def finish_turn(self, process_id: str | None = None) -> None:
        """Report that a turn is done, in families that have turns.

        Args:
            process_id: The process whose end ends the turn, or None if the reply ended it.
        """
        if process_id in self._turns and process_id is not None:
            self._turns.remove(process_id)
        if self._traits.text_frames:
            self.send(models.TurnDone())

    def detach_if_closed(self) -> None:
        """Detach the processes of a connection that is closed but whose clean-up has not run yet."""
        # Another client can try to attach between the end of the socket and the end of serve().
        if self._keep_detached and self._socket.state is not State.OPEN:
            self._send_waiting()
            self._closed = True
            self._detach_all()

    def _send_waiting(self) -> None:
        # Faults see these messages only now, in the order in which they are sent.
        waiting, self._waiting = self._waiting, None
        for message in waiting or ():
            self.send(message)

    def _send_error(self, text: str) -> None:
        if self._traits.text_frames:
            self.send(models.ServerNotice(message=text))

    async def _write(self) -> None:
        try:
            while True:
                queued = await self._queue.get()
                self._sending = queued
                await self._state.faults.wait_while_stalled()
                self._socket.send_deferred_close()
                if queued.frame is None:
                    self._socket.close_without_code()
                    return
                await self._socket.send(queued.frame)
                self._sending = None
                self._state.observe(self._number, "sent", queued.frame)
                if self._queue.qsize() < QUEUED_MESSAGES:
                    self._queue_has_room.set()
        finally:
            self._queue_has_room.set()

    async def _wait_for_room(self) -> None:
        """Wait until the client has read enough, in a family that stops reading when its queue is full."""
        if self._traits.serial and self._queue.qsize() >= QUEUED_MESSAGES:
            self._queue_has_room.clear()
            await self._queue_has_room.wait()

    def _detach_all(self) -> None:
        """Detach all processes and return them the events that did not reach the client."""
        rest = [] if self._sending is None else [self._sending]
        while not self._queue.empty():
            rest.append(self._queue.get_nowait())
        unsent: dict[str, list[WireModel]] = {}
        for queued in rest:
            if queued.message is not None:
                unsent.setdefault(getattr(queued.message, PROCESS, ""), []).append(queued.message)
        for process in self._requests.processes.values():
            if process.client is self:
                process.detach(unsent.get(process.id, []))
                self._state.hold(process)

    # ------------------------------------------------------------- reading and replying

    async def _refuse_size(self, size: int) -> None:
        logger.info("a frame of %d bytes is too large", size)
        self._send_error(texts.request_too_large(size=size, limit=self._traits.message_bytes))
        if not self._read_a_request:
            # Real servers end a connection whose first frame is wrong, and read no more of it.
            self._queue.put_nowait(QueuedFrame(None))
            await self._socket.wait_closed()

    async def _read(self, frame: bytes | str) -> None:
        if isinstance(frame, str):
            if not self._traits.text_frames:
                return
            if frame.strip() == ABORT:
                self._abort()
                return
        try:
            request = self._state.reader.read(frame)
        except UnreadableFrameError as error:
            logger.info("ignoring a frame: %s", error)
            if self._read_a_request:
                self._send_error(texts.bad_client_frame(detail=error))
            return
        self._read_a_request = True
        if self._requests.auth.username is None and not METHODS[request.type].opens_session:
            logger.info("ignoring %s before the client has identified itself", request.type)
            return
        reaction = self._state.faults.react(self, request)
        if not isinstance(reaction, Unanswered):
            await self._schedule(request, reaction)

    async def _schedule(self, request: ClientMessage, reaction: str | Refused | None) -> None:
        """Reply to a request, or start to: a handler must not delay other requests unless the family is serial."""
        if self._traits.serial:
            self._waiting = []
            try:
                await self._reply(request, reaction)
            finally:
                self._send_waiting()
        elif reaction is None and type(request) in self._state.handlers:
            task = asyncio.create_task(self._reply_concurrently(request), name=f"local engine {request.type}")
            self._replying.add(task)
            task.add_done_callback(self._replying.discard)
        else:
            await self._reply(request, reaction)

    async def _reply_concurrently(self, request: ClientMessage) -> None:
        try:
            await self._reply(request, None)
        except Exception:
            # No one awaits this task; an error ends the connection as it does in serve().
            logger.exception("the handler of %s failed", request.type)
            await self._socket.close(CloseCode.INTERNAL_ERROR)

    async def _reply(self, request: ClientMessage, reaction: str | Refused | None) -> None:
        try:
            result = await self._result(request, reaction)
        except NoReply:
            self.finish_turn()
            return
        except Refusal as refusal:
            self._respond(request, ok=False, result=str(refusal))
            # As in real servers, the turn of a refused launch or attach goes on.
            if isinstance(request, models.AttachProcessRequest):
                self._turns.append(canonical_uuid(request.process_id))
            elif isinstance(request, models.LaunchProcessRequest):
                self._turns.append(None)
            else:
                self.finish_turn()
            return
        if result.text is not None:
            self._respond(request, ok=True, result=result.text)
        if result.keeps_turn:
            self._turns.append(result.process_id)
        # After the reply: an event must never arrive before the reply that it follows from.
        if result.then is not None:
            result.then()
        if not result.keeps_turn:
            self.finish_turn()

    async def _result(self, request: ClientMessage, reaction: str | Refused | None) -> Result:
        if isinstance(reaction, Refused):
            raise Refusal(reaction.text)
        text = await self._state.call_handler(request) if reaction is None else reaction
        return await self._requests.carry_out(request) if text is None else Result(text)

    def _respond(self, request: WireModel, *, ok: bool, result: str) -> None:
        corr_id = getattr(request, CORRELATION, None)
        if isinstance(corr_id, int):
            self.send(models.Response(corr_id=corr_id, ok=ok, result=result), request)

    def _abort(self) -> None:
        """End all turns, and the process of each."""
        turns, self._turns = self._turns, []
        for _ in turns:
            self._send_error(texts.STREAM_ABORTED)
        for process_id in turns:
            if process_id is not None and (process := self._state.processes.get(process_id)):
                process.abort(self)
