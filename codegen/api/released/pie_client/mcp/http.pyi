import asyncio
import logging
import math
from collections.abc import AsyncIterable, Mapping
from contextvars import ContextVar
from typing import Protocol, TypeAlias, cast
from urllib.parse import urljoin, urlsplit
import anyio
import httpx2
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.message import ClientMessageMetadata, SessionMessage
from mcp.types import JSONRPCMessage
from pydantic import TypeAdapter, ValidationError
from pie_client._generated.mcp import VERSION_HEADER
from pie_client.connection.options import address_of, is_this_machine
from pie_client.errors import McpServerError
from pie_client.logs import LimitedLog
from pie_client.mcp.link import STOPPED, Link
logger = logging.getLogger(__name__)
CLOSE_SECONDS = 1.0
NOT_FOUND = 404
ERRORS = 400
LIBRARY_LOGGERS = ...

class _WriteStream(Protocol):

    async def send(self, item: SessionMessage, /) -> None:
        ...

class HttpLink(Link):
    advice = 'check url= and headers=, and that the server runs'

    def __init__(self, name: str, url: str, headers: Mapping[str, str], idle_timeout: float) -> None:
        ...

    async def open(self) -> None:
        ...

    async def send(self, text: str) -> None:
        ...

    def use_version(self, version: str) -> None:
        ...

    async def close(self) -> None:
        ...

    def kill(self) -> None:
        ...
