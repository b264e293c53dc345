"""The client's side of a JSON-RPC connection to an MCP server.

Sends requests, matches answers to them, answers the server's pings and refuses its other requests. ``stdio`` and ``http``
send and receive the texts.
"""

import asyncio
import functools
import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from pie_client._generated import texts
from pie_client._generated.mcp import (
    CANCELLED,
    MEMBER_ERROR,
    MEMBER_ID,
    MEMBER_METHOD,
    MEMBER_RESULT,
    PING,
)
from pie_client._generated.models import McpCancelledParams
from pie_client.common.logs import LimitedLog
from pie_client.errors import McpServerError, one_line
from pie_client.mcp import messages
from pie_client.mcp.messages import Members

logger = logging.getLogger(__name__)

MAX_REPLIES = 100
"""Most unsent replies to a server's own requests; further ones are dropped. A server may send requests without reading."""
NULL = "null"
TRACE_CHARACTERS = 60
UNREADABLE_CHARACTERS = 60
"""Most characters kept of a text that is not a message."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a request.

    Attributes:
        ok: It is a result, not an error.
        text: The unchanged JSON text of the result or error; None if the answer has neither.
    """

    ok: bool
    text: str | None


class Peer:
    """One side of a JSON-RPC connection: its requests with their answers, and replies to the server's requests.

    Args:
        name: Name of the server, for the log.
        send: Sends a text; raises McpServerError.

    Attributes:
        unreadable: Beginning of the first text that was not a message, on one line; "" if there was none.
    """

    def __init__(self, name: str, send: Callable[[str], Awaitable[None]]) -> None:
        self.unreadable = ""
        self._name = name
        self._send = send
        self._next = 0
        self._pending: dict[int, asyncio.Future[Answer]] = {}
        self._replies: set[asyncio.Task[None]] = set()  # and cancellations
        self._failure: Callable[[], McpServerError] | None = None
        self._log = LimitedLog(logger)

    async def request(self, method: str, params: str | None, *, cancellable: bool = True) -> Answer:
        """Send a request and wait for its answer. Cancelling also cancels the request on the server.

        Args:
            method: Name of the method.
            params: JSON text of the parameters; None for none.
            cancellable: False for a request that MCP does not allow to cancel.

        Raises:
            McpServerError: The server ended before it answered.
        """
        if self._failure is not None:
            raise self._failure()
        self._next += 1
        number = self._next
        reply: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._pending[number] = reply
        sent = False
        try:
            await self._send(messages.request(number, method, params))
            sent = True
            return await reply
        except asyncio.CancelledError:
            # MCP allows a cancellation only for a request that is still in progress.
            answered = reply.done() and not reply.cancelled()
            if sent and cancellable and not answered:
                told = McpCancelledParams(request_id=number).model_dump_json(exclude_none=True)
                self._spawn(functools.partial(self.notify, CANCELLED, told))
            raise
        finally:
            del self._pending[number]
            reply.cancel()

    async def notify(self, method: str, params: str | None = None) -> None:
        """Send a notification."""
        await self._send(messages.notification(method, params))

    async def receive(self, text: str) -> None:
        """Handle a text from the server. Invalid texts are logged and ignored."""
        try:
            # Messages are handled one after another, so the order survives the thread.
            if len(text) > messages.LONG:
                found = await asyncio.to_thread(messages.read, text)
            else:
                found = messages.read(text)
        except messages.NotJsonRpcError as error:
            reason = "MCP server %r: ignoring %d characters: %s"
            self._log.log(logging.WARNING, reason, self._name, len(text), error)
            self._keep_unreadable(text)
            return
        for members in found:
            if not self._dispatch(members):
                self._keep_unreadable(text)

    def fail(self, failure: Callable[[], McpServerError]) -> None:
        """Fail pending and future requests, and stop replying. Only the first call has an effect."""
        if self._failure is not None:
            return
        self._failure = failure
        for reply in self._pending.values():
            if not reply.done():
                reply.set_exception(failure())
                reply.exception()  # marks it as retrieved: the caller may be gone
        for task in self._replies:
            task.cancel()

    def _keep_unreadable(self, text: str) -> None:
        self.unreadable = self.unreadable or one_line(text[:UNREADABLE_CHARACTERS])

    def _dispatch(self, members: Members) -> bool:
        """Handle a message; return whether it was one."""
        number = members.get(MEMBER_ID, NULL)
        if MEMBER_METHOD in members:
            if number == NULL:
                notified = _trace(members[MEMBER_METHOD])
                self._log.log(logging.DEBUG, "MCP server %r notifies: %s", self._name, notified)
            else:
                self._reply(number, members[MEMBER_METHOD])
        elif MEMBER_ID in members:
            self._settle(number, members)
        else:
            text = "MCP server %r: ignoring a text that is not a JSON-RPC message"
            self._log.log(logging.WARNING, text, self._name)
            return False
        return True

    def _reply(self, number: str, method: str) -> None:
        """Answer a request of the server. Its ids are independent of this side's."""
        if len(self._replies) >= MAX_REPLIES:
            unread = "MCP server %r sends requests but reads no replies: not replying"
            self._log.log(logging.WARNING, unread, self._name)
            return
        if method == json.dumps(PING):
            text = messages.response(number)
        else:
            unknown = "MCP server %r requests an unsupported method: %s"
            self._log.log(logging.DEBUG, unknown, self._name, _trace(method))
            text = messages.failure(number, texts.CODE_MCP_METHOD_NOT_FOUND, texts.MCP_METHOD_NOT_FOUND)
        self._spawn(functools.partial(self._send, text))

    def _settle(self, number: str, members: Members) -> None:
        result, error = members.get(MEMBER_RESULT), members.get(MEMBER_ERROR, NULL)
        reply = self._pending.get(_number(number))
        if reply is None and number == NULL and len(self._pending) == 1:
            # JSON-RPC: the id is null if the server could not parse the request, which can only be this one.
            reply = next(iter(self._pending.values()))
        if reply is None or reply.done():
            late = "MCP server %r: ignoring an answer to id %s, not pending"
            self._log.log(logging.DEBUG, late, self._name, _trace(number))
        elif error != NULL:
            reply.set_result(Answer(ok=False, text=error))
        else:
            reply.set_result(Answer(ok=result is not None, text=result))

    def _spawn(self, work: Callable[[], Awaitable[None]]) -> None:
        task = asyncio.create_task(self._send_reply(work), name=f"pie-client MCP reply {self._name}")
        self._replies.add(task)
        task.add_done_callback(self._replies.discard)

    async def _send_reply(self, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except McpServerError as error:
            self._log.log(logging.DEBUG, "MCP server %r: message not sent: %s", self._name, error)


def _number(text: str) -> int:
    """Return the id in an answer as a number, or -1 if it is not one. Servers may send it as a string or as ``1.0``."""
    if len(text) > TRACE_CHARACTERS:
        return -1
    try:
        number = float(text.strip('"'))
        return int(number) if number.is_integer() else -1
    except ValueError:
        return -1


def _trace(text: str) -> str:
    return one_line(text, TRACE_CHARACTERS)
