import asyncio
import functools
import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pie_client._generated import texts
from pie_client._generated.mcp import CANCELLED, MEMBER_ERROR, MEMBER_ID, MEMBER_METHOD, MEMBER_RESULT, PING
from pie_client._generated.models import McpCancelledParams
from pie_client.errors import McpServerError, one_line
from pie_client.logs import LimitedLog
from pie_client.mcp import messages
from pie_client.mcp.messages import Members
logger = logging.getLogger(__name__)
MAX_REPLIES = 100
NULL = 'null'
TRACE_CHARACTERS = 60
UNREADABLE_CHARACTERS = 60

@dataclass(frozen=True, slots=True)
class Answer:
    ok: bool
    text: str | None

class Peer:

    def __init__(self, name: str, send: Callable[[str], Awaitable[None]]) -> None:
        self.unreadable = ...

    async def request(self, method: str, params: str | None, *, cancellable: bool=True) -> Answer:
        ...

    async def notify(self, method: str, params: str | None=None) -> None:
        ...

    async def receive(self, text: str) -> None:
        ...

    def fail(self, failure: Callable[[], McpServerError]) -> None:
        ...
