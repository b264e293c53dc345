"""The MCP servers of one connection: announced to the engine, called by inferlets, restarted when they die."""

import asyncio
import logging
import math
import time

from pydantic import ValidationError

from pie_client._generated import texts
from pie_client._generated.mcp import INITIALIZE, INITIALIZED, VERSIONS
from pie_client._generated.methods import REGISTER_MCP_SERVER
from pie_client._generated.models import (
    McpErrorObject,
    McpImplementation,
    McpInitializeParams,
    McpInitializeResult,
    McpRequest,
)
from pie_client._version import __version__
from pie_client.connection.connection import Connection
from pie_client.errors import InvalidArgumentError, McpServerError, PieError, one_line
from pie_client.mcp import messages
from pie_client.mcp.link import Link, Spec
from pie_client.mcp.peer import Answer

logger = logging.getLogger(__name__)

CLIENT_NAME = "pie-client"
CONCURRENT_CALLS = 32
"""Calls that one server gets at once; further ones wait."""
FIRST_DELAY = 1.0
"""Seconds for which a server that died again, or could not be restarted, is not started; doubled each time."""
LONGEST_DELAY = 30.0
HEALTHY_SECONDS = 10.0
"""A server that lived for so long is restarted at once when it dies."""
REASON_CHARACTERS = 200
"""What is told of a server's own words."""


class McpServer:
    """A server that is kept running while it is registered.

    Args:
        name: Its name.
        spec: How to start or reach it.
        call_timeout: Seconds that one call may take, with the restart that it may need.
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
        self._born = 0.0
        self._falls = 0
        """How often in a row it could not be started, or died soon after it was."""
        self._again = -math.inf
        """When it may be started again."""
        self._reason = ""

    async def start(self) -> Link:
        """Give the running server; starts it, and not too often.

        Raises:
            McpServerError: It can't be started now.
        """
        async with self._starting:
            if self._link is not None and self._link.ended is None:
                return self._link
            self._count_death()
            wait = self._again - time.monotonic()
            if wait > 0:
                raise McpServerError(self.name, f"{self._reason}; it is not tried again for {wait:.1f} s")
            try:
                self._link = await self._open()
            except BaseException as error:
                self._link = None
                self._fall(error.reason if isinstance(error, McpServerError) else "it did not start in time")
                raise
            self._born = time.monotonic()
            return self._link

    async def call(self, method: str, params: str) -> tuple[bool, str]:
        """Make a call; gives what an mcp_response says. Never raises over what the server does."""
        if not await _is_object(params):
            text = texts.mcp_params_invalid(method=method, server_name=self.name)
            return False, error_text(texts.CODE_MCP_PARAMS_INVALID, text)
        try:
            async with asyncio.timeout(None if self._call_timeout == math.inf else self._call_timeout):
                async with self._slots:
                    return await self._answered(method, params)
        except TimeoutError:
            text = texts.mcp_server_silent(
                server_name=self.name, method=method, seconds=f"{self._call_timeout:g}"
            )
            return False, error_text(texts.CODE_MCP_SERVER_SILENT, text)

    async def stop(self) -> None:
        """Stop it, within a second and a half."""
        self._stopped = True
        if self._link is not None:
            await self._link.close()

    async def _answered(self, method: str, params: str) -> tuple[bool, str]:
        try:
            link = await self.start()
        except McpServerError as error:
            text = texts.mcp_server_unavailable(server_name=self.name, reason=error.reason)
            return False, error_text(texts.CODE_MCP_SERVER_UNAVAILABLE, text)
        try:
            answer = await link.peer.request(method, params)
        except McpServerError:
            text = texts.mcp_server_ended(server_name=self.name, method=method)
            return False, error_text(texts.CODE_MCP_SERVER_ENDED, text)
        if answer.text is None:
            text = texts.mcp_answer_empty(server_name=self.name, method=method)
            return False, error_text(texts.CODE_MCP_ANSWER_EMPTY, text)
        return answer.ok, answer.text

    def _count_death(self) -> None:
        """Take note, once, that the server has died."""
        link, self._link = self._link, None
        if link is not None:
            if link.ended_at - self._born > HEALTHY_SECONDS:
                self._falls = 0
            self._fall(f"it died soon after it was started: {link.ended}")

    def _fall(self, reason: str) -> None:
        """Put the next start off: not after the first failure, then longer each time."""
        self._falls += 1
        self._reason = reason
        delay = 0.0 if self._falls == 1 else FIRST_DELAY * 2.0 ** min(self._falls - 2, 10)
        self._again = time.monotonic() + min(delay, LONGEST_DELAY)

    async def _open(self) -> Link:
        self.check_running()
        link = await self._spec.open(self.name)
        self._link = link  # so that it is stopped with the others while it starts
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
        except BaseException:
            await link.close()
            raise
        return link

    def check_running(self) -> None:
        """Raise McpServerError when it was stopped."""
        if self._stopped:
            raise McpServerError(self.name, "it was stopped")


class McpServers:
    """The servers that are registered on a connection.

    Args:
        connection: Carries announcements and answers.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._servers: dict[str, McpServer] = {}
        self._announced: set[str] = set()
        self._ending: set[asyncio.Task[None]] = set()

    async def register(self, server: McpServer, timeout: float | None) -> None:
        """Start a server and announce it; whatever fails, nothing of it stays."""
        connection = self._connection
        async with connection.deadline(REGISTER_MCP_SERVER, timeout):
            connection.session.check_alive()
            await connection.identify()
            connection.session.check_family(REGISTER_MCP_SERVER)
            if server.name in self._servers:
                raise InvalidArgumentError(
                    f"an MCP server is registered as {server.name!r} already; take another name, or unregister it first"
                )
            self._servers[server.name] = server
            try:
                await server.start()
                if server.name not in self._announced:
                    await connection.calls.register_mcp_server(
                        name=server.name, transport=server.transport, timeout=math.inf
                    )
                    self._announced.add(server.name)
                server.check_running()
                connection.session.check_alive()
            except BaseException as error:
                if self._servers.get(server.name) is server:
                    del self._servers[server.name]
                await server.stop()
                if isinstance(error, McpServerError):
                    connection.session.check_alive()  # which would be why
                raise

    async def unregister(self, name: str) -> None:
        """Stop a server; calls for it are refused from here on."""
        server = self._servers.pop(name, None)
        if server is None:
            raise InvalidArgumentError(f"no MCP server is registered as {name!r}")
        await server.stop()

    async def answer(self, request: McpRequest) -> None:
        """Answer a relayed call, exactly once as long as there is a connection."""
        ok, result = await self._outcome(request)
        try:
            try:
                await self._send(request, ok=ok, result=result)
            except InvalidArgumentError as error:
                text = texts.mcp_answer_not_relayed(
                    server_name=request.server_name, method=request.method, reason=error
                )
                await self._send(
                    request, ok=False, result=error_text(texts.CODE_MCP_ANSWER_NOT_RELAYED, text)
                )
        except PieError as error:
            logger.warning("an MCP call for %.40r is not answered: %s", request.server_name, error)

    def abandon(self) -> None:
        """Begin to stop every server: the connection is gone."""
        servers = list(self._servers.values())
        self._servers.clear()
        for server in servers:
            task = asyncio.create_task(server.stop(), name=f"pie-client MCP stop {server.name}")
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)

    async def close(self) -> None:
        """Stop every server, all at once, within a second and a half."""
        self.abandon()
        await asyncio.gather(*self._ending, return_exceptions=True)

    async def _send(self, request: McpRequest, *, ok: bool, result: str) -> None:
        await self._connection.calls.mcp_response(corr_id=request.corr_id, ok=ok, result=result)

    async def _outcome(self, request: McpRequest) -> tuple[bool, str]:
        server = self._servers.get(request.server_name)
        if server is None:
            text = texts.mcp_server_not_registered(server_name=request.server_name)
            return False, error_text(texts.CODE_MCP_SERVER_NOT_REGISTERED, text)
        try:
            return await server.call(request.method, request.params)
        except Exception:
            logger.exception("an MCP call failed; this is a defect of pie-client")
            text = texts.mcp_relay_failed(method=request.method, server_name=request.server_name)
            return False, error_text(texts.CODE_MCP_RELAY_FAILED, text)


def error_text(code: int, message: str) -> str:
    """Write an error as an mcp_response carries it."""
    return McpErrorObject(code=code, message=message).model_dump_json(exclude_none=True)


async def _is_object(text: str) -> bool:
    if len(text) > messages.LONG:
        return await asyncio.to_thread(messages.is_object, text)
    return messages.is_object(text)


def _agreed_version(link: Link, answer: Answer) -> str:
    """Read the answer to initialize; raises McpServerError."""
    if not answer.ok:
        words = link.refusal or one_line((answer.text or "")[:REASON_CHARACTERS])
        raise McpServerError(link.name, f"it refused to be initialized: {words}")
    try:
        version = McpInitializeResult.model_validate_json(answer.text or "").protocol_version
    except ValidationError:
        raise McpServerError(
            link.name, "its answer to initialize can't be read; check that it speaks MCP"
        ) from None
    if version not in VERSIONS:
        raise McpServerError(
            link.name, f"it speaks version {version[:REASON_CHARACTERS]!r} of MCP, not {', '.join(VERSIONS)}"
        )
    return version
