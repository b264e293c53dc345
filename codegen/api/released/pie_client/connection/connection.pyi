from __future__ import annotations
import asyncio
import contextlib
import functools
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, TypeVar, TypeVarTuple
from pie_client._generated.calls import Calls
from pie_client._generated.decoders import McpRequestRecord
from pie_client._generated.families import NEWEST, Family
from pie_client._generated.methods import PING, Method
from pie_client.connection.background import BackgroundTasks
from pie_client.connection.callers import Wrap, callers
from pie_client.connection.deadline import CallTimer, Deadline, deadline_text
from pie_client.connection.disk import FileWriter
from pie_client.connection.flow import Flow
from pie_client.connection.keep_alive import KeepAlive
from pie_client.connection.options import check_seconds
from pie_client.connection.transport import CLOSE_TIMEOUT, Transport
from pie_client.errors import ConnectionLostError, DeadlineError, InvalidArgumentError, NotConnectedError, PieConnectionError, PieError, ReconnectError, interrupted_by
from pie_client.lazy import LazyModule
from pie_client.protocol.backlog import Backlogs
from pie_client.protocol.calls import PendingCall
from pie_client.protocol.codec import Fields, Frame
from pie_client.protocol.routes import Route
from pie_client.protocol.session import Session, WriteFile
from pie_client.protocol.shares import Share
from pie_client.connection import uploads
from pie_client.content import Chunk, Content
logger = logging.getLogger(__name__)
R = TypeVar('R')
Ts = TypeVarTuple('Ts')

class Connection:

    def __init__(self, transport: Transport, session: Session, *, timeout: float, ping_interval: float, ping_timeout: float, identify: Callable[[], Awaitable[None]], on_mcp_request: Callable[[McpRequestRecord], Coroutine[None, None, None]], on_close: Callable[[Exception | None], None], wrap: Wrap | None) -> None:
        self.paused = ...
        self.identify = ...
        self.user = ...

    async def call(self, method: Method[R], build: Callable[[int], Fields], timeout: float | None) -> R:
        ...

    async def upload(self, method: Method[R], build: Callable[[int, Chunk], Fields], content: bytes | Content, timeout: float | None) -> R:
        ...

    async def notify(self, method: Method[None], build: Callable[[], Fields], timeout: float | None) -> None:
        ...

    async def send(self, method: Method[None], encode: Callable[[], bytes], timeout: float | None) -> None:
        ...

    async def transfer(self, method: Method[None], build: Callable[[Chunk], Fields], content: bytes | Content, timeout: float | None) -> None:
        ...

    async def family(self, timeout: float | None) -> Family:
        ...

    def deadline(self, method: Method[object], timeout: float | None, *, sent: bool=True) -> Deadline:
        ...

    def was_suspended(self, seconds: float) -> bool:
        ...

    def terminate_later(self, process_id: str) -> asyncio.Task[None]:
        ...

    def deliver(self, batch: list[Frame]) -> None:
        ...

    def lost(self, error: ConnectionLostError) -> None:
        ...

    async def wait_for_change(self, route: Route) -> None:
        ...

    def after_read(self) -> None:
        ...

    def update_flow(self) -> None:
        ...

    @property
    def alive(self) -> bool:
        ...

    async def restored(self) -> bool:
        ...

    @property
    def known_family(self) -> Family | None:
        ...

    @known_family.setter
    def known_family(self, family: Family) -> None:
        ...

    def check_alive(self) -> None:
        ...

    def check_family(self, method: Method[object]) -> None:
        ...

    def is_attached(self, process_id: str) -> bool:
        ...

    def check_running(self, process_id: str) -> None:
        ...

    @property
    def backlogs(self) -> Backlogs:
        ...

    @property
    def default_share(self) -> Share:
        ...

    def claim(self, process_id: str, share: Share | None=None) -> Route:
        ...

    def release(self, route: Route, *, keep: bool=False) -> None:
        ...

    def release_later(self, route: Route) -> None:
        ...

    def keep_receiving_if_stalled(self) -> contextlib.AbstractContextManager[None]:
        ...

    async def close(self) -> None:
        ...

    def abort(self) -> None:
        ...

    def call_soon(self, function: Callable[[], object]) -> None:
        ...

    def close_call(self, call: PendingCall[R]) -> None:
        ...

    async def ensure_identified(self, method: Method[object]) -> None:
        ...

    async def drain(self) -> None:
        ...

    def deadline_error(self, error: DeadlineError, call: PendingCall[R]) -> DeadlineError:
        ...

def interruption(cause: Exception, sent: bool | None) -> PieError:
    ...
