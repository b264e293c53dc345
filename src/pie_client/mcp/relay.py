"""The MCP servers of one connection: registered with the engine, called for inferlets, restarted when they end.

Sends exactly one answer to each call that the connection receives. A server's ``Spec`` starts or reaches it.
"""

import asyncio
import logging
import math
import time
from collections.abc import Sequence

from pydantic import ValidationError

from pie_client._generated import texts
from pie_client._generated.decoders import McpRequestRecord
from pie_client._generated.mcp import INITIALIZE, INITIALIZED, VERSIONS
from pie_client._generated.methods import REGISTER_MCP_SERVER
from pie_client._generated.models import (
    McpErrorObject,
    McpImplementation,
    McpInitializeParams,
    McpInitializeResult,
)
from pie_client._version import __version__
from pie_client.common.logs import LimitedLog
from pie_client.connection.connection import Connection
from pie_client.errors import (
    DeadlineError,
    InvalidArgumentError,
    McpServerError,
    PieError,
    RefusedError,
    one_line,
)
from pie_client.mcp import messages
from pie_client.mcp.link import REGISTER_AGAIN, STOPPED, Link, Spec
from pie_client.mcp.peer import Answer

logger = logging.getLogger(__name__)

CLIENT_NAME = "pie-client"
CONCURRENT_CALLS = 32
"""Most concurrent calls of one server; further ones wait."""
FIRST_DELAY = 1.0
"""Seconds before the second restart in a row; doubled for each further one."""
LONGEST_DELAY = 30.0
HEALTHY_SECONDS = 10.0
"""A server that ran for so long counts as healthy: its next restart is immediate."""
REASON_CHARACTERS = 200
"""Most characters of a server's own text in an error."""


class McpServer:
    """A registered server, which is restarted when a call finds it ended.

    Args:
        name: Its name.
        spec: How to start or reach it.
        call_timeout: Seconds that one call may take, including a restart.
    """

    def __init__(self, name: str, spec: Spec, call_timeout: float) -> None:
        self.name = name
        self.transport = spec.transport
        self._spec = spec
        self._call_timeout = call_timeout
        self._link: Link | None = None
        self._stopped = False
        self._starting = asyncio.Lock()
        self._slots = asyncio.Semaphore(CONCURRENT_CALLS)
        self._started_at = 0.0
        self._failures = 0
        """Failed starts, and ends soon after a start, in a row."""
        self._next_start = -math.inf
        """Earliest time of the next start, by the monotonic clock."""
        self._reason = ""
        """Why the last start or run failed."""
        self.unreadable = ""
        """What the server wrote instead of messages when it was last started without success; "" if it did not."""

    async def start(self) -> Link:
        """Return the connection to the running server, starting it if it is not running.

        Raises:
            McpServerError: The server can't be started, or failed so recently that it is not tried yet.
        """
        # Concurrent calls that find the server ended share one restart, which counts as one failure if it fails.
        async with self._starting:
            if self._link is not None and self._link.ended is None:
                return self._link
            self._record_end()
            wait = self._next_start - time.monotonic()
            if wait > 0:
                raise McpServerError(
                    self.name,
                    f"{self._reason}; the next restart is possible in {wait:.1f} s",
                    "call it later",
                )
            try:
                self._link = await self._open()
            except BaseException as error:
                self._link = None
                reason = error.reason if isinstance(error, McpServerError) else "it did not start in time"
                if self.unreadable:
                    reason += f", and {self.unreadable}"
                self._record_failure(reason)
                if self.unreadable and isinstance(error, McpServerError):
                    raise McpServerError(self.name, reason, error.advice) from error
                raise
            self._started_at = time.monotonic()
            return self._link

    async def call(self, method: str, params: str) -> tuple[bool, str]:
        """Make a call and return ``ok`` and ``result`` of the mcp_response. Errors of the server are returned, not raised."""
        if not await _is_object(params):
            return _error(
                texts.CODE_MCP_PARAMS_INVALID, texts.mcp_params_invalid(method=method, server_name=self.name)
            )
        try:
            # The timeout covers waiting for a slot and a restart too: the inferlet waits for all of it.
            async with asyncio.timeout(None if self._call_timeout == math.inf else self._call_timeout):
                async with self._slots:
                    return await self._call(method, params)
        except TimeoutError:
            return _error(
                texts.CODE_MCP_SERVER_SILENT,
                texts.mcp_server_silent(
                    server_name=self.name, method=method, seconds=f"{self._call_timeout:g}"
                ),
            )

    async def stop(self) -> None:
        """Stop the server within 1.5 seconds. It is not restarted."""
        self._stopped = True
        if self._link is not None:
            await self._link.close()

    async def _call(self, method: str, params: str) -> tuple[bool, str]:
        try:
            link = await self.start()
        except McpServerError as error:
            return _error(
                texts.CODE_MCP_SERVER_UNAVAILABLE,
                texts.mcp_server_unavailable(server_name=self.name, reason=error.reason),
            )
        try:
            answer = await link.peer.request(method, params)
        except McpServerError:
            return _error(
                texts.CODE_MCP_SERVER_ENDED, texts.mcp_server_ended(server_name=self.name, method=method)
            )
        if answer.text is None:
            return _error(
                texts.CODE_MCP_ANSWER_EMPTY, texts.mcp_answer_empty(server_name=self.name, method=method)
            )
        return answer.ok, answer.text

    def _record_end(self) -> None:
        """Record, once, that the server has ended."""
        link, self._link = self._link, None
        if link is not None:
            if link.ended_at - self._started_at > HEALTHY_SECONDS:
                self._failures = 0
            self._record_failure(f"it ended soon after it was started: {link.ended}")

    def _record_failure(self, reason: str) -> None:
        """Delay the next start: not after the first failure in a row, then twice as long each time."""
        self._failures += 1
        self._reason = reason
        delay = 0.0 if self._failures == 1 else FIRST_DELAY * 2.0 ** min(self._failures - 2, 10)
        self._next_start = time.monotonic() + min(delay, LONGEST_DELAY)

    async def _open(self) -> Link:
        self.unreadable = ""
        self.check_running()
        link = await self._spec.open(self.name)
        self._link = link  # set before the server is initialized, so that stop() finds it meanwhile
        try:
            self.check_running()
            hello = McpInitializeParams(
                protocol_version=VERSIONS[-1],
                capabilities={},
                client_info=McpImplementation(name=CLIENT_NAME, version=__version__),
            )
            answer = await link.peer.request(INITIALIZE, hello.model_dump_json(), cancellable=False)
            link.use_version(_agreed_version(link, answer))
            await link.peer.notify(INITIALIZED)
        except BaseException:  # cancellation included: the child process must not outlive it
            self.unreadable = link.unreadable
            await link.close()
            raise
        return link

    def check_running(self) -> None:
        """Raise McpServerError if the server was stopped."""
        if self._stopped:
            raise McpServerError(self.name, STOPPED, REGISTER_AGAIN)


class McpServers:
    """The servers registered on a connection.

    Args:
        connection: Sends registrations and answers.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._servers: dict[str, McpServer] = {}
        # The protocol can't unregister: a name that was announced stays, and is not announced again.
        self._announced: set[str] = set()
        self._unannounced: set[str] = set()
        """Names that the engine refused on the current session."""
        self._stopping: set[asyncio.Task[None]] = set()
        self._log = LimitedLog(logger)

    async def register(self, server: McpServer, timeout: float | None) -> None:
        """Start a server and register it with the engine. If that fails, stop the server and free its name."""
        try:
            await self._register(server, timeout)
        except DeadlineError as error:
            if not server.unreadable:
                raise
            raise DeadlineError(
                f"{error}: MCP server {server.name!r} {server.unreadable}", sent=error.sent
            ) from None

    async def _register(self, server: McpServer, timeout: float | None) -> None:
        connection = self._connection
        async with connection.deadline(REGISTER_MCP_SERVER, timeout):
            await connection.ensure_identified(REGISTER_MCP_SERVER)
            connection.check_family(REGISTER_MCP_SERVER)
            if server.name in self._servers:
                raise InvalidArgumentError(
                    f"an MCP server named {server.name!r} is already registered; use another name, or unregister it first"
                )
            self._servers[server.name] = server
            try:
                await server.start()
                if server.name not in self._announced:
                    await connection.calls.register_mcp_server(
                        name=server.name, transport=server.transport, timeout=math.inf
                    )
                    self._announced.add(server.name)
                # close() and unregister() may have stopped it meanwhile: then its name must not stay.
                server.check_running()
                connection.check_alive()
            except BaseException as error:
                # unregister() may have freed the name, and another register() may have taken it since.
                if self._servers.get(server.name) is server:
                    del self._servers[server.name]
                await server.stop()
                if isinstance(error, McpServerError):
                    connection.check_alive()  # a closed connection is the better explanation
                raise

    async def unregister(self, name: str) -> None:
        """Stop a server. Later calls for it get an error."""
        server = self._servers.pop(name, None)
        self._unannounced.discard(name)
        if server is None:
            raise InvalidArgumentError(f"no MCP server named {name!r} is registered; check the name")
        await server.stop()

    async def announce_again(self, delays: Sequence[float]) -> None:
        """Announce the running servers on a new session of the engine, without restarting them.

        Args:
            delays: Seconds before each further try, if the engine still has a server for the lost session.
        """
        waiting = (self._announced | self._unannounced) & self._servers.keys()
        announced: set[str] = set()
        refused: dict[str, RefusedError] = {}
        for delay in (*delays, None):
            refused.clear()
            for name in waiting:
                server = self._servers.get(name)
                if server is None:
                    continue
                try:
                    await self._connection.calls.register_mcp_server(name=name, transport=server.transport)
                    announced.add(name)
                except RefusedError as error:
                    refused[name] = error
            waiting = set(refused)
            if delay is None or not refused:
                break
            await asyncio.sleep(delay)
        self._announced, self._unannounced = announced, set(refused)
        for name, refusal in refused.items():
            text = "MCP server %.40r is not available on the restored connection: %s; unregister it, then register it again"
            logger.warning(text, name, refusal)

    async def answer(self, request: McpRequestRecord) -> None:
        """Answer a relayed call: exactly once, unless the connection is lost."""
        ok, result = await self._call(request)
        try:
            try:
                await self._send(request, ok=ok, result=result)
            except InvalidArgumentError as error:  # the result is too large for a message
                text = texts.mcp_answer_not_relayed(
                    server_name=request.server_name, method=request.method, reason=error
                )
                ok, result = _error(texts.CODE_MCP_ANSWER_NOT_RELAYED, text)
                await self._send(request, ok=ok, result=result)
        except PieError as error:
            text = "no answer sent to an MCP call of server %.40r: %s"
            self._log.log(logging.WARNING, text, request.server_name, error)

    def stop_all(self) -> None:
        """Start stopping every server, without waiting."""
        servers = list(self._servers.values())
        self._servers.clear()
        for server in servers:
            task = asyncio.create_task(server.stop(), name=f"pie-client MCP stop {server.name}")
            self._stopping.add(task)
            task.add_done_callback(self._stopping.discard)

    async def close(self) -> None:
        """Stop every server, all at the same time, within 1.5 seconds."""
        self.stop_all()
        await asyncio.gather(*self._stopping, return_exceptions=True)

    async def _send(self, request: McpRequestRecord, *, ok: bool, result: str) -> None:
        await self._connection.answers.mcp_response(corr_id=request.corr_id, ok=ok, result=result)

    async def _call(self, request: McpRequestRecord) -> tuple[bool, str]:
        server = self._servers.get(request.server_name)
        if server is None:
            return _error(
                texts.CODE_MCP_SERVER_NOT_REGISTERED,
                texts.mcp_server_not_registered(server_name=request.server_name),
            )
        try:
            return await server.call(request.method, request.params)
        except Exception:  # noqa: BLE001 - reported as a defect
            text = "an MCP call failed; this is a defect of pie-client"
            self._log.log(logging.ERROR, text, exc_info=True)
            return _error(
                texts.CODE_MCP_RELAY_FAILED,
                texts.mcp_relay_failed(method=request.method, server_name=request.server_name),
            )


def _error(code: int, message: str) -> tuple[bool, str]:
    """Return ``ok`` and ``result`` of an mcp_response with an error."""
    return False, McpErrorObject(code=code, message=message).model_dump_json(exclude_none=True)


async def _is_object(text: str) -> bool:
    if len(text) > messages.LONG:
        return await asyncio.to_thread(messages.is_object, text)
    return messages.is_object(text)


def _agreed_version(link: Link, answer: Answer) -> str:
    """Return the protocol version in the answer to ``initialize``. Raises McpServerError."""
    if not answer.ok:
        words = link.refusal or one_line((answer.text or "")[:REASON_CHARACTERS])
        reason = f"it refused the initialize request: {words}"
        if link.refusal:
            raise link.error(reason)
        raise McpServerError(link.name, reason, "check that it is an MCP server")
    try:
        version = McpInitializeResult.model_validate_json(answer.text or "").protocol_version
    except ValidationError:
        raise McpServerError(
            link.name, "its answer to initialize is not valid", "check that it is an MCP server"
        ) from None
    if version not in VERSIONS:
        raise McpServerError(
            link.name,
            f"it uses MCP version {version[:REASON_CHARACTERS]!r}",
            f"use a server that supports {' or '.join(VERSIONS)}",
        )
    return version
