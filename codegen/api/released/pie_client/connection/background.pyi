from __future__ import annotations
import asyncio
import functools
import logging
import weakref
from collections import deque
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING
from pie_client._generated.calls import Calls
from pie_client._generated.decoders import McpRequestRecord
from pie_client.errors import PieConnectionError, PieError
from pie_client.lazy import LazyModule
from pie_client.logs import LimitedLog
from pie_client.protocol.session import CheckProcesses, RelayMcpCall, Session, TerminateProcesses
from pie_client._generated import models, refusals, texts
from pie_client._generated.models import ProcessInfo
logger = logging.getLogger(__name__)
MOST_MCP_CALLS = 1024
MOST_WAITING = 8 * MOST_MCP_CALLS
MOST_REFUSALS = 1 << 16
NAME_CHARACTERS = 100
LIST_DELAYS = (0.1, 0.4, 1.6)

class BackgroundTasks:

    def __init__(self, session: Session, calls: Calls, answer: Callable[[McpRequestRecord], Coroutine[None, None, None]], on_change: Callable[[], None]) -> None:
        self.waiting = ...

    def run(self, effect: RelayMcpCall | TerminateProcesses | CheckProcesses) -> None:
        ...

    def start(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        ...

    def terminate(self, process_ids: list[str], calls: Calls) -> asyncio.Task[None]:
        ...

    def drop_answers(self) -> None:
        ...

    def cancel(self) -> list[asyncio.Task[None]]:
        ...
