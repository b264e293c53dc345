import asyncio
import importlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit
from pie_client._generated.mcp import HTTP, STDIO, TRANSPORTS, McpTransport
from pie_client.connection.options import HEADER_NAME
from pie_client.errors import InvalidArgumentError, UnsupportedError
from pie_client.mcp.link import Link, Spec
from pie_client.mcp.stdio import StdioSpec
from pie_client.paths import path_text
SCHEMES = ('http', 'https')

@dataclass(frozen=True, slots=True)
class HttpSpec:
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    idle_timeout: float

    @property
    def transport(self) -> McpTransport:
        ...

    async def open(self, name: str) -> Link:
        ...

def check_spec(name: str, transport: str, *, command: str | None, args: Sequence[str] | None, url: str | None, env: Mapping[str, str] | None, inherit_env: bool, cwd: str | os.PathLike[str] | None, headers: Mapping[str, str] | None, call_timeout: float) -> Spec:
    ...
