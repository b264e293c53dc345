"""MCP as inferlets of the embedded engine see it: calls that the attached client answers."""

import asyncio
import json
from collections.abc import Callable
from typing import NoReturn, Protocol, cast

from pydantic import JsonValue, ValidationError

from pie_client._generated import models
from pie_client._generated.families import MAX_CORRELATION
from pie_client._generated.mcp import (
    CALL_TOOL,
    GET_PROMPT,
    LIST_PROMPTS,
    LIST_RESOURCES,
    LIST_TOOLS,
    READ_RESOURCE,
    UNSPECIFIED_CODE,
)
from pie_client.base import WireModel
from pie_client.protocol import codec
from pie_client.testing._generated import texts

CODE_BITS = 32
"""The engine cuts error codes to so many bits."""


class McpCallError(Exception):
    """An MCP call failed, as inferlets see it.

    Attributes:
        code: JSON-RPC error code, cut to 32 bits.
        message: What went wrong.
        data: More about it, as JSON text; None for nothing.
    """

    __module__ = "pie_client.testing"

    def __init__(self, code: int, message: str, data: str | None = None) -> None:
        super().__init__(f"{message} (code {code})")
        self.code = code
        self.message = message
        self.data = data


class McpRelay:
    """The MCP servers that one client has announced, and the calls for them that it has not answered yet."""

    def __init__(self, push: Callable[[WireModel], None]) -> None:
        self.names: list[str] = []
        """Announced names in order; duplicates stay, as in the real engine."""
        self._push = push
        self._next = 0
        self._open: dict[int, asyncio.Future[models.McpResponseRequest]] = {}
        self._gone = False

    def register(self, name: str) -> None:
        """Note an announcement. Nothing of it is looked at."""
        self.names.append(name)

    def answer(self, response: models.McpResponseRequest) -> None:
        """Take a client's answer; one to a number that is not open is ignored."""
        reply = self._open.pop(response.corr_id, None)
        if reply is not None and not reply.done():
            reply.set_result(response)

    def close(self) -> None:
        """Note that the client is gone and known to be, which real servers never notice."""
        self._gone = True
        for reply in self._open.values():
            reply.cancel()
        self._open.clear()

    async def call(self, process_id: str, server: str, method: str, params: str) -> str:
        """Have the client answer a call; waits for ever, as the real engine does. Raises McpCallError."""
        if server not in self.names:
            raise McpCallError(
                texts.CODE_MCP_SERVER_NOT_REGISTERED, texts.mcp_server_not_registered(server_name=server)
            )
        gone = McpCallError(texts.CODE_MCP_CLIENT_GONE, texts.mcp_client_gone(server_name=server))
        if self._gone:
            raise gone
        self._next = self._next + 1 if self._next < MAX_CORRELATION else 1
        number = self._next
        reply: asyncio.Future[models.McpResponseRequest] = asyncio.get_running_loop().create_future()
        self._open[number] = reply
        try:
            self._push(
                models.McpRequest(
                    corr_id=number, process_id=process_id, server_name=server, method=method, params=params
                )
            )
            await asyncio.wait({reply})
        finally:
            self._open.pop(number, None)
        if reply.cancelled():
            raise gone
        response = reply.result()
        if not response.ok:
            raise _lenient(response.result)
        return response.result


class Caller(Protocol):
    """A process, which may have a client that runs MCP servers."""

    id: str

    def relay(self) -> McpRelay | None:
        """Give the relay of the client that is attached now; None without one."""
        ...

    def trap(self, detail: str) -> NoReturn:
        """End the process, as the engine does when a program calls it where that can't be."""
        ...


class McpSession:
    """What an inferlet can do with the MCP servers of its client.

    Results are the servers' own, as JSON. Without an attached client every call ends the process, as in the real engine.
    """

    def __init__(self, process: Caller) -> None:
        self._process = process

    def available_servers(self) -> list[str]:
        """Names that the client has announced; one that was announced twice is there twice."""
        return list(self._relay().names)

    async def list_tools(self, server: str) -> JsonValue:
        """List a server's tools, the first page. Raises McpCallError."""
        return _json(await self.call(server, LIST_TOOLS))

    async def call_tool(self, server: str, name: str, arguments: JsonValue = None) -> JsonValue:
        """Run a tool. Raises McpCallError; an error of the tool itself stands in the result.

        Args:
            server: Name of the server.
            name: Name of the tool.
            arguments: Its arguments, an object as a rule; ``{}`` where None.
        """
        return _json(await self.call(server, CALL_TOOL, _named(name, arguments)))

    async def list_resources(self, server: str) -> JsonValue:
        """List a server's resources, the first page. Raises McpCallError."""
        return _json(await self.call(server, LIST_RESOURCES))

    async def read_resource(self, server: str, uri: str) -> JsonValue:
        """Read a resource. Raises McpCallError."""
        params = models.McpResourceParams(uri=uri).model_dump_json()
        return _json(await self.call(server, READ_RESOURCE, params))

    async def list_prompts(self, server: str) -> JsonValue:
        """List a server's prompts, the first page. Raises McpCallError."""
        return _json(await self.call(server, LIST_PROMPTS))

    async def get_prompt(self, server: str, name: str, arguments: JsonValue = None) -> JsonValue:
        """Have a prompt filled in. Raises McpCallError."""
        return _json(await self.call(server, GET_PROMPT, _named(name, arguments)))

    async def call(self, server: str, method: str, params: str = "{}") -> str:
        """Make any call; ``params`` and what it gives are JSON texts, untouched. Raises McpCallError."""
        return await self._relay().call(self._process.id, server, method, params)

    def _relay(self) -> McpRelay:
        relay = self._process.relay()
        if relay is None:
            self._process.trap(texts.mcp_without_client(process_id=self._process.id))
        return relay


def _json(text: str) -> JsonValue:
    value: JsonValue = json.loads(text)
    return value


def _named(name: str, arguments: JsonValue) -> str:
    try:
        params = models.McpNamedParams(name=name, arguments={} if arguments is None else arguments)
    except ValidationError as error:
        text = texts.mcp_arguments_invalid(detail=codec.describe_validation_error(error))
        raise McpCallError(texts.CODE_MCP_ARGUMENTS_INVALID, text) from None
    return params.model_dump_json()


def _lenient(text: str) -> McpCallError:
    """Read an error answer, whatever it is."""
    try:
        value: object = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        return McpCallError(UNSPECIFIED_CODE, text)
    error = cast("dict[str, object]", value)
    fields = models.McpErrorObject.model_fields
    code, message, data = (error.get(name) for name in fields)
    if not isinstance(code, int) or isinstance(code, bool):
        code = UNSPECIFIED_CODE
    half = 1 << (CODE_BITS - 1)
    return McpCallError(
        (code + half) % (2 * half) - half,
        message if isinstance(message, str) else text,
        None if data is None else json.dumps(data, ensure_ascii=False, separators=(",", ":")),
    )
