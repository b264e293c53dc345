from __future__ import annotations
import logging
from typing import Any
from urllib.parse import SplitResult, urljoin, urlsplit, urlunsplit
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import InvalidHandshake, InvalidStatus
from websockets.http11 import Response
from pie_client.connection.options import address_of
from pie_client.errors import HandshakeError
MAX_REDIRECTS = 10
STATUSES = frozenset({300, 301, 302, 303, 307, 308})
SCHEMES = {'ws': 'ws', 'wss': 'wss', 'http': 'ws', 'https': 'wss'}
SWITCHING = b'HTTP/1.1 101'
STATUS_CLASS = len(b'HTTP/1.1 1')
END_OF_HEADERS = b'\r\n\r\n'
MAX_INFORMATIONAL_SIZE = 64 << 10
PORTS = {'ws': 80, 'wss': 443}
ADDRESS_CHARACTERS = 100
library_logger = logging.getLogger(f'{__name__}.library')

class UpgradeRefused(InvalidHandshake):

    def __init__(self) -> None:
        self.response = ...

class InformationalResponses:

    def __init__(self) -> None:
        ...

    def skip(self, data: bytes) -> bytes | None:
        ...

class UnredirectedConnection(ClientConnection):

    def data_received(self, data: bytes) -> None:
        ...

    async def handshake(self, *args: Any, **named: Any) -> None:
        ...

def redirected(uri: SplitResult, response: Response) -> SplitResult | None:
    ...
