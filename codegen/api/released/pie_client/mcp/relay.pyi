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
from pie_client._generated.models import McpErrorObject, McpImplementation, McpInitializeParams, McpInitializeResult
from pie_client._version import __version__
from pie_client.connection.connection import Connection
from pie_client.errors import DeadlineError, InvalidArgumentError, McpServerError, PieError, RefusedError, one_line
from pie_client.logs import LimitedLog
from pie_client.mcp import messages
from pie_client.mcp.link import REGISTER_AGAIN, STOPPED, Link, Spec
from pie_client.mcp.peer import Answer
logger = logging.getLogger(__name__)
CLIENT_NAME = 'pie-client'
CONCURRENT_CALLS = 32
FIRST_DELAY = 1.0
LONGEST_DELAY = 30.0
HEALTHY_SECONDS = 10.0
REASON_CHARACTERS = 200

class McpServer:

    def __init__(self, name: str, spec: Spec, call_timeout: float) -> None:
        self.name = ...
        self.transport = ...
        self.unreadable = ...

    async def start(self) -> Link:
        ...

    async def call(self, method: str, params: str) -> tuple[bool, str]:
        ...

    async def stop(self) -> None:
        ...

    def check_running(self) -> None:
        ...

class McpServers:

    def __init__(self, connection: Connection) -> None:
        ...

    async def register(self, server: McpServer, timeout: float | None) -> None:
        ...

    async def unregister(self, name: str) -> None:
        ...

    async def announce_again(self, delays: Sequence[float]) -> None:
        ...

    async def answer(self, request: McpRequestRecord) -> None:
        ...

    def stop_all(self) -> None:
        ...

    async def close(self) -> None:
        ...
