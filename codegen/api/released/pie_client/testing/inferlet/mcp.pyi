import asyncio
import itertools
import json
from collections.abc import Callable
from pydantic import JsonValue
from pie_client._generated import models
from pie_client._generated.mcp import CALL_TOOL, GET_PROMPT, LIST_PROMPTS, LIST_RESOURCES, LIST_TOOLS, READ_RESOURCE, UNSPECIFIED_CODE
from pie_client.base import WireModel
from pie_client.testing._generated import texts
from pie_client.testing.inferlet.exceptions import McpCallError

class McpRelay:

    def __init__(self) -> None:
        self.names = ...

    def answer(self, response: models.McpResponseRequest) -> None:
        ...

    def close(self) -> None:
        ...

    async def call(self, process_id: str, server: str, method: str, params: str) -> str:
        ...

class McpSession:
    __module__ = 'pie_client.testing'

    def __init__(self) -> None:
        ...

    def available_servers(self) -> list[str]:
        ...

    async def list_tools(self, server: str) -> JsonValue:
        ...

    async def call_tool(self, server: str, name: str, arguments: JsonValue=None) -> JsonValue:
        ...

    async def list_resources(self, server: str) -> JsonValue:
        ...

    async def read_resource(self, server: str, uri: str) -> JsonValue:
        ...

    async def list_prompts(self, server: str) -> JsonValue:
        ...

    async def get_prompt(self, server: str, name: str, arguments: JsonValue=None) -> JsonValue:
        ...

    async def call(self, server: str, method: str, params: str='{}') -> str:
        ...
