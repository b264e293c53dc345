from __future__ import annotations
import asyncio
import collections
import contextlib
import functools
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Mapping
from typing import TypeVar
from pie_client.auth.login import Login
from pie_client.connected import Connected
from pie_client.connection.connection import Connection
from pie_client.connection.options import Settings, address_of
from pie_client.connection.reconnect import Attempts, ConnectionState, ConnectionStatus, Reconnect, follow_loss
from pie_client.connection.restorable import RestorableConnection, without_advice
from pie_client.connection.threads import check_asyncio
from pie_client.connection.transport import open_transport
from pie_client.errors import ConnectionLostError, InvalidArgumentError, NotConnectedError, PieError, ReconnectError
logger = logging.getLogger(__name__)
T = TypeVar('T')
KEPT_STATES = 100
LEVELS = ...

class States:

    def __init__(self, address: str, levels: Mapping[ConnectionStatus, int], on_state: Callable[[ConnectionState], None] | None) -> None:
        self.current = ...

    def change(self, state: ConnectionState, *, told: bool=False) -> None:
        ...

    def close(self) -> None:
        ...

    def end(self) -> None:
        ...

    async def follow(self) -> AsyncGenerator[ConnectionState]:
        ...

class _Follower:

    def __init__(self) -> None:
        ...

    def add_soon(self, state: ConnectionState) -> None:
        ...

    def add(self, state: ConnectionState) -> None:
        ...

    async def next(self) -> ConnectionState:
        ...

class Opening:

    def __init__(self) -> None:
        self.abandoned = ...
        self.claimed = ...

    @property
    def running(self) -> bool:
        ...

    @property
    def unclaimed(self) -> bool:
        ...

    async def wait(self) -> None:
        ...

    async def ended(self) -> None:
        ...

    async def close(self) -> None:
        ...

class Connector:

    def __init__(self, settings: Settings, policy: Reconnect | None, on_state: Callable[[ConnectionState], None] | None=None) -> None:
        self.current = ...
        self.states = ...

    @property
    def connected(self) -> bool:
        ...

    async def connect(self) -> None:
        ...

    async def close(self) -> None:
        ...

    def abandon(self) -> bool:
        ...
