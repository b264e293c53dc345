"""One connection of the embedded engine: reads frames, replies to requests and sends events.

What a request does is in ``requests.py``. A turn is a request with all that it
causes: a 0.5 server sends ``turn_done`` when a request is done, which for a launch or attach is the end of the process.
"""

import asyncio
import contextlib
import logging

from websockets.exceptions import ConnectionClosed
from websockets.protocol import State

from pie_client._generated import models
from pie_client._generated.families import CORRELATION, PROCESS
from pie_client._generated.methods import METHODS
from pie_client._generated.registry import ClientMessage
from pie_client.base import WireModel
from pie_client.protocol import codec
from pie_client.testing._generated import texts
from pie_client.testing.engine.requests import RequestHandler, Result
from pie_client.testing.engine.state import EngineState
from pie_client.testing.faults.fault import Outgoing
from pie_client.testing.faults.reactions import Refusal, Unanswered
from pie_client.testing.faults.sockets import FaultySocket
from pie_client.testing.inferlet.mcp import McpRelay

LONG_TURNS = (models.LaunchProcessRequest, models.AttachProcessRequest)
"""Requests that are done when the process ends. If they are refused, real servers never report the end of the turn."""


class Connection:
    """A connection with one client, whose requests are carried out in order.

    Attributes:
        mcp: The MCP servers that the client has registered.
    """

    def __init__(self, state: EngineState, socket: FaultySocket) -> None:
        self.mcp = McpRelay(self.send)
        self._state = state
        self._traits = state.traits
        self._keep_detached = state.options.keep_detached
        self._socket = socket
        self._number = next(state.numbers)
        self._requests = RequestHandler(state, self)
        self._understood = False
        """Whether a request has been received."""
        self._replying: set[asyncio.Task[None]] = set()
        self._closed = False
        self._queue: asyncio.Queue[Outgoing] = asyncio.Queue()
        self._sending: Outgoing | None = None

    async def serve(self) -> None:
        """Serve the client until it disconnects."""
        writer = asyncio.create_task(self._write(), name="local engine writer")
        try:
            async for frame in self._socket:
                self._state.observe(self._number, "sent", frame)
                await self._state.faults.wait_while_stalled()
                await self._read(frame)
        except ConnectionClosed:
            pass
        finally:
            await self._close(writer)

    async def _close(self, writer: asyncio.Task[None]) -> None:
        if self._keep_detached:
            self.mcp.close()
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
            for process in self._requests.processes.values():
                if process.client is self:
                    process.terminate()
        if self._replying:
            await asyncio.wait(self._replying)

    # ------------------------------------------------------------- sending

    def send(self, message: WireModel, request: WireModel | None = None) -> None:
        """Send a message after all earlier ones. Does nothing after the client has disconnected.

        Args:
            message: The message.
            request: The request that it answers, or None.
        """
        if not self._closed:
            self._state.faults.send(Outgoing(self.release, message, request))

    def release(self, sent: Outgoing) -> None:
        """Send a message that no fault alters any more. Does nothing after the client has disconnected."""
        if not self._closed:
            self._queue.put_nowait(sent)

    def finish_turn(self) -> None:
        """Report that a turn is done, in families that have turns."""
        if self._traits.text_frames:
            self.send(models.TurnDone())

    def detach_if_closed(self) -> None:
        """Detach the processes of a connection that is closed but whose clean-up has not run yet."""
        # Another client can try to attach between the end of the socket and the end of serve().
        if self._keep_detached and self._socket.state is not State.OPEN:
            self._closed = True
            self._detach_all()

    def _send_error(self, text: str) -> None:
        if (
            self._traits.text_frames and self._understood
        ):  # real servers ignore what precedes the first request
            self.send(models.ServerNotice(message=text))

    async def _write(self) -> None:
        while True:
            self._sending = await self._queue.get()
            await self._state.faults.wait_while_stalled()
            if self._socket.silent:
                await self._socket.wait_closed()
            frame, is_open = self._sending.frame(self._traits.name), self._socket.state is State.OPEN
            try:
                await self._socket.send(frame)
            finally:
                # An open socket takes the frame at once. Then it will arrive, even if the wait for room is cancelled.
                if is_open and not self._socket.withheld:
                    self._sending = None
            if self._socket.withheld:
                await self._socket.wait_closed()
                return
            self._state.observe(self._number, "received", frame)

    def _detach_all(self) -> None:
        """Detach all processes and return them the events that did not reach the client."""
        rest = [] if self._sending is None else [self._sending]
        while not self._queue.empty():
            rest.append(self._queue.get_nowait())
        unsent: dict[str, list[WireModel]] = {}
        for sent in rest:
            if isinstance(sent.message, WireModel):
                unsent.setdefault(getattr(sent.message, PROCESS, ""), []).append(sent.message)
        for process in self._requests.processes.values():
            if process.client is self:
                process.detach(unsent.get(process.id, []))
                self._state.hold(process)

    # ------------------------------------------------------------- reading and replying

    async def _read(self, frame: bytes | str) -> None:
        """Reply to the request in a frame, or start to."""
        if isinstance(frame, str) and not self._traits.text_frames:
            return
        try:
            request = self._decode(frame)
        except codec.MalformedFrameError as error:
            self._state.log.log(logging.INFO, "ignoring a frame: %s", error)
            self._send_error(texts.bad_client_frame(detail=error))
            return
        self._understood = True
        if self._requests.auth.username is None and not METHODS[request.type].opens_session:
            text = "ignoring %s before the client has identified itself"
            self._state.log.log(logging.INFO, text, request.type)
        elif type(request) in self._state.handlers and not self._traits.serial:
            # A handler must not delay other requests.
            task = asyncio.create_task(self._reply(request), name=f"local engine {request.type}")
            self._replying.add(task)
            task.add_done_callback(self._replying.discard)
        else:
            await self._reply(request)

    def _decode(self, frame: bytes | str) -> ClientMessage:
        """Return the request in a frame. Raises MalformedFrameError."""
        # Real servers accept rarer encodings, too. The conformance tests replace this method by one that does the same.
        message = codec.decode_client_message(frame)
        if (
            isinstance(message, codec.UnknownMessage)
            or self._traits.name not in METHODS[message.type].families
        ):
            raise codec.MalformedFrameError(
                f"{message.type} is not a request of {self._traits.title} servers"
            )
        return message

    async def _reply(self, request: ClientMessage) -> None:
        try:
            result = await self._result(request)
        except Unanswered:
            return
        except Refusal as refusal:
            self._respond(request, ok=False, result=str(refusal))
            result = Result()
        if result.text is not None:
            self._respond(request, ok=True, result=result.text)
        # After the reply: an event must never arrive before the reply that it follows from.
        if result.then is not None:
            result.then()
        if not isinstance(request, LONG_TURNS):
            self.finish_turn()

    async def _result(self, request: ClientMessage) -> Result:
        """Return the result of a request. Raises Refusal and Unanswered."""
        self._state.faults.react(self, request)
        text = await self._state.call_handler(request)
        return await self._requests.carry_out(request) if text is None else Result(text)

    def _respond(self, request: ClientMessage, *, ok: bool, result: str) -> None:
        corr_id = getattr(request, CORRELATION, None)
        if isinstance(corr_id, int):
            self.send(models.Response(corr_id=corr_id, ok=ok, result=result), request)
