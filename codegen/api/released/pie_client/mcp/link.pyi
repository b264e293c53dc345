import logging
import time
from typing import ClassVar, Protocol
from pie_client._generated.mcp import McpTransport
from pie_client.errors import McpServerError
from pie_client.mcp.peer import Peer
logger = logging.getLogger(__name__)
STOPPED = 'it was stopped'
REGISTER_AGAIN = 'register it again'

class Link:
    advice: ClassVar[str]

    def __init__(self) -> None:
        self.name = ...
        self.peer = ...
        self.ended = ...
        self.ended_at = ...
        self.refusal = ...
        self.closing = ...

    @property
    def unreadable(self) -> str:
        ...

    async def send(self, text: str) -> None:
        ...

    def use_version(self, version: str) -> None:
        ...

    async def close(self) -> None:
        ...

    def kill(self) -> None:
        ...

    def end(self, reason: str) -> None:
        ...

    def error(self, reason: str) -> McpServerError:
        ...

class Spec(Protocol):

    @property
    def transport(self) -> McpTransport:
        ...

    async def open(self, name: str) -> Link:
        ...
