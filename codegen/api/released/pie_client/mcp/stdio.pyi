import asyncio
import contextlib
import logging
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast
from pie_client._generated.families import FAMILIES
from pie_client._generated.mcp import STDIO, McpTransport
from pie_client.errors import McpServerError, one_line
from pie_client.logs import LimitedLog
from pie_client.mcp.link import STOPPED, Link
from pie_client.mcp.peer import UNREADABLE_CHARACTERS
logger = logging.getLogger(__name__)
STDIN, STDOUT, STDERR = (0, 1, 2)
BYTE_ORDER_MARK = '\ufeff'
EXIT_SECONDS = 1.0
TERMINATE_SECONDS = 0.3
REAP_SECONDS = 1.0
DRAIN_SECONDS = 1.0
UNREAD_BYTES = 1 << 20
LINE_BYTES = 4 * max((traits.frame_bytes for traits in FAMILIES.values()))
STDERR_LINE = 2000
STDERR_LINES = 1000
SAFE_VARIABLES = ...

@dataclass(frozen=True, slots=True)
class StdioSpec:
    command: str
    args: Sequence[str] = field(default=(), repr=False)
    env: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    cwd: str | None = None
    inherit_env: bool = False

    @property
    def transport(self) -> McpTransport:
        ...

    async def open(self, name: str) -> Link:
        ...

class Child(asyncio.SubprocessProtocol, Link):
    advice = f'read its standard error, which {__name__} logs at level INFO'

    def __init__(self) -> None:
        ...

    @property
    def unreadable(self) -> str:
        ...

    async def send(self, text: str) -> None:
        ...

    def end(self, reason: str) -> None:
        ...

    async def close(self) -> None:
        ...

    def kill(self) -> None:
        ...

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        ...

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        ...

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        ...

    def pause_writing(self) -> None:
        ...

    def resume_writing(self) -> None:
        ...

    def process_exited(self) -> None:
        ...

class LineBuffer:

    def __init__(self, keep: int | None=None) -> None:
        self.size = ...

    @property
    def start(self) -> bytes:
        ...

    def feed(self, data: bytes) -> list[bytes]:
        ...

    def finish(self) -> list[bytes]:
        ...
