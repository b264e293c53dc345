"""One side of a JSON-RPC connection with an MCP server, over anything that carries texts."""

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
from pie_client.errors import McpServerError
from pie_client.mcp import messages
from pie_client.mcp.messages import Members

logger = logging.getLogger(__name__)

REPLIES = 100
"""Replies to a server's own requests that may wait for it to read; those beyond are dropped."""
NULL = "null"
TRACE_CHARACTERS = 60


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered to a request: the JSON text of its result or its error, as it was; None where it gave neither."""

    ok: bool
    text: str | None


class Peer:
    """Matches a server's answers to requests, and answers what the server asks.

    Args:
        name: Name of the server, for the log.
        send: Sends a text, and raises McpServerError where that can't be done.
    """

    def __init__(self, name: str, send: Callable[[str], Awaitable[None]]) -> None:
        self._name = name
        self._send = send
        self._next = 0
        self._pending: dict[int, asyncio.Future[Answer]] = {}
        self._errands: set[asyncio.Task[None]] = set()
        self._failure: Callable[[], McpServerError] | None = None

    async def request(self, method: str, params: str | None, *, cancellable: bool = True) -> Answer:
        """Send a request and wait for its answer, however long; tell the server when nobody waits any more.

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
        """Take what the server sent; never raises over it."""
        try:
            if len(text) > messages.LONG:
                found = await asyncio.to_thread(messages.read, text)
            else:
                found = messages.read(text)
        except messages.NotJsonRpcError as error:
            logger.warning("MCP server %r: ignoring %d characters: %s", self._name, len(text), error)
            return
        for members in found:
            self._dispatch(members)

    def fail(self, failure: Callable[[], McpServerError]) -> None:
        """End it: nothing more is received, and whoever waits is told."""
        if self._failure is not None:
            return
        self._failure = failure
        for reply in self._pending.values():
            if not reply.done():
                reply.set_exception(failure())
                reply.exception()  # marks it as seen, should the caller be gone
        for task in self._errands:
            task.cancel()

    def _dispatch(self, members: Members) -> None:
        number = members.get(MEMBER_ID, NULL)
        if MEMBER_METHOD in members:
            if number == NULL:
                logger.debug("MCP server %r notifies: %s", self._name, _trace(members[MEMBER_METHOD]))
            else:
                self._reply(number, members[MEMBER_METHOD])
        elif MEMBER_ID in members:
            self._settle(number, members)
        else:
            logger.warning("MCP server %r: ignoring something that is no JSON-RPC message", self._name)

    def _reply(self, number: str, method: str) -> None:
        """Answer a request of the server. Its numbers have nothing to do with ours."""
        if len(self._errands) >= REPLIES:
            logger.warning("MCP server %r asks but does not read: not answering it", self._name)
            return
        if method == json.dumps(PING):
            text = messages.response(number)
        else:
            logger.debug("MCP server %r asks for what is not offered: %s", self._name, _trace(method))
            text = messages.failure(number, texts.CODE_MCP_METHOD_NOT_FOUND, texts.MCP_METHOD_NOT_FOUND)
        self._spawn(functools.partial(self._send, text))

    def _settle(self, number: str, members: Members) -> None:
        result, error = members.get(MEMBER_RESULT), members.get(MEMBER_ERROR, NULL)
        reply = self._pending.get(_number(number))
        if reply is None and number == NULL and len(self._pending) == 1:
            reply = next(iter(self._pending.values()))  # it could not read the one request that it has
        if reply is None or reply.done():
            logger.debug(
                "MCP server %r answers number %s, for which nobody waits", self._name, _trace(number)
            )
        elif error != NULL:
            reply.set_result(Answer(ok=False, text=error))
        else:
            reply.set_result(Answer(ok=result is not None, text=result))

    def _spawn(self, work: Callable[[], Awaitable[None]]) -> None:
        task = asyncio.create_task(_quietly(self._name, work), name=f"pie-client MCP errand {self._name}")
        self._errands.add(task)
        task.add_done_callback(self._errands.discard)


async def _quietly(name: str, work: Callable[[], Awaitable[None]]) -> None:
    try:
        await work()
    except McpServerError as error:
        logger.debug("MCP server %r is not told: %s", name, error)


def _number(text: str) -> int:
    """Give a number of ours from an answer, which may hold it as a string or with a fraction; -1 where it is none."""
    if len(text) > TRACE_CHARACTERS:
        return -1
    try:
        number = float(text.strip('"'))
        return int(number) if number.is_integer() else -1
    except ValueError:
        return -1


def _trace(text: str) -> str:
    return text[:TRACE_CHARACTERS]
