"""MCP calls of inferlets, which the attached client answers."""

import asyncio
import itertools
import json
from collections.abc import Callable

from pydantic import JsonValue

from pie_client._generated import models
from pie_client.base import WireModel
from pie_client.testing._generated import texts
from pie_client.testing._generated.servers import (
    MCP_CALL_TOOL,
    MCP_GET_PROMPT,
    MCP_LIST_PROMPTS,
    MCP_LIST_RESOURCES,
    MCP_LIST_TOOLS,
    MCP_READ_RESOURCE,
    MCP_UNSPECIFIED_CODE,
)
from pie_client.testing.inferlet.exceptions import McpCallError


class McpRelay:
    """The MCP servers that one client has registered, and the calls that it has not answered yet."""

    def __init__(self, send: Callable[[WireModel], None]) -> None:
        self.names: list[str] = []
        """Registered names in order, with duplicates, as in the real engine."""
        self._send = send
        self._numbers = itertools.count(1)
        self._open: dict[int, asyncio.Future[models.McpResponseRequest | None]] = {}
        self._closed = False

    def answer(self, response: models.McpResponseRequest) -> None:
        """Complete a call. A response to an unknown number is ignored."""
        reply = self._open.pop(response.corr_id, None)
        if reply is not None and not reply.done():
            reply.set_result(response)

    def close(self) -> None:
        """Fail all calls because the client has disconnected. Real servers never do that."""
        self._closed = True
        for reply in self._open.values():
            if not reply.done():
                reply.set_result(None)

    async def call(self, process_id: str, server: str, method: str, params: str) -> str:
        """Send a call to the client and return the result as JSON text. There is no timeout, as in the real engine.

        Raises:
            McpCallError: The server is not registered, the client has disconnected, or the call failed.
        """
        if server not in self.names:
            raise McpCallError(
                texts.CODE_MCP_SERVER_NOT_REGISTERED, texts.mcp_server_not_registered(server_name=server)
            )
        number = next(self._numbers)
        reply: asyncio.Future[models.McpResponseRequest | None] = asyncio.Future()
        self._open[number] = reply
        self._send(
            models.McpRequest(
                corr_id=number, process_id=process_id, server_name=server, method=method, params=params
            )
        )
        if self._closed:
            self.close()
        try:
            response = await reply
        finally:
            self._open.pop(number, None)
        if response is None:
            raise McpCallError(texts.CODE_MCP_CLIENT_GONE, texts.mcp_client_gone(server_name=server))
        if not response.ok:
            raise _parse_error(response.result)
        return response.result


class McpSession:
    """The MCP servers of the attached client: ``session.mcp``.

    Results are returned unchanged, decoded from JSON. Every method raises :class:`McpCallError` if the call fails.
    Without an attached client a call fails the process, as in the real engine.
    """

    __module__ = "pie_client.testing"

    def __init__(self, process_id: str, relay: Callable[[], McpRelay]) -> None:
        self._process_id = process_id
        self._relay = relay

    def available_servers(self) -> list[str]:
        """Return the registered names, with duplicates."""
        return list(self._relay().names)

    async def list_tools(self, server: str) -> JsonValue:
        """Return the first page of a server's tools."""
        return _json(await self.call(server, MCP_LIST_TOOLS))

    async def call_tool(self, server: str, name: str, arguments: JsonValue = None) -> JsonValue:
        """Call a tool and return its result. An error of the tool itself is part of the result.

        Args:
            server: Name of the server.
            name: Name of the tool.
            arguments: Arguments, usually an object. Default: ``{}``.
        """
        return _json(await self.call(server, MCP_CALL_TOOL, _params(name, arguments)))

    async def list_resources(self, server: str) -> JsonValue:
        """Return the first page of a server's resources."""
        return _json(await self.call(server, MCP_LIST_RESOURCES))

    async def read_resource(self, server: str, uri: str) -> JsonValue:
        """Read a resource."""
        params = models.McpResourceParams(uri=uri).model_dump_json()
        return _json(await self.call(server, MCP_READ_RESOURCE, params))

    async def list_prompts(self, server: str) -> JsonValue:
        """Return the first page of a server's prompts."""
        return _json(await self.call(server, MCP_LIST_PROMPTS))

    async def get_prompt(self, server: str, name: str, arguments: JsonValue = None) -> JsonValue:
        """Return a prompt with its arguments filled in."""
        return _json(await self.call(server, MCP_GET_PROMPT, _params(name, arguments)))

    async def call(self, server: str, method: str, params: str = "{}") -> str:
        """Call any method and return the result as JSON text.

        Args:
            server: Name of the server.
            method: MCP method.
            params: Parameters as JSON text, sent unchanged.
        """
        return await self._relay().call(self._process_id, server, method, params)


def _json(text: str) -> JsonValue:
    value: JsonValue = json.loads(text)
    return value


def _params(name: str, arguments: JsonValue) -> str:
    return models.McpNamedParams(
        name=name, arguments={} if arguments is None else arguments
    ).model_dump_json()


def _parse_error(text: str) -> McpCallError:
    """Return the error of a failed call. A text that is not an error object becomes the message."""
    try:
        error = models.McpErrorObject.model_validate_json(text)
    except ValueError:
        return McpCallError(MCP_UNSPECIFIED_CODE, text)
    data = None if error.data is None else json.dumps(error.data, ensure_ascii=False, separators=(",", ":"))
    return McpCallError(error.code, error.message, data)
