import asyncio
import contextlib
import logging
from collections.abc import AsyncIterable, Coroutine, Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from http import HTTPStatus
from http.client import HTTPMessage, responses
import h11
from pie_client.logs import LimitedLog
from pie_client.testing.http.messages import DaemonFunction, DaemonRequest, DaemonResponse
from pie_client.testing.http.origins import AllowedOrigins
READ_BYTES = 1 << 16
FRAMING = frozenset({'connection', 'content-length', 'date', 'transfer-encoding'})
WITHOUT_BODY = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED})

@dataclass(eq=False, slots=True)
class HttpConnection:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    function: DaemonFunction
    allowed: AllowedOrigins
    log: LimitedLog

    async def serve(self) -> None:
        ...
