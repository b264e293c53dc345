from __future__ import annotations
import logging
import random
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING
from pie_client._generated.families import TRANSIENT_CODES, TRANSIENT_STATUSES
from pie_client.connection.options import check_function, check_seconds
from pie_client.errors import ConnectionLostError, ConnectTimeoutError, DeadlineError, HandshakeError, InvalidArgumentError, PieConnectionError, PieError
from pie_client.lazy import LazyModule
import ssl
logger = logging.getLogger(__name__)

def is_transient(error: PieError) -> bool:
    ...

def follow_loss(error: PieError, loss: ConnectionLostError) -> None:
    ...

@dataclass(frozen=True, slots=True, kw_only=True)
class Reconnect:
    attempts: int = 50
    total_time: float = 300.0
    first_delay: float = 0.2
    max_delay: float = 10.0
    retry: Callable[[PieError], bool] = is_transient

    def __post_init__(self) -> None:
        ...
    is_transient = staticmethod(is_transient)

class Attempts:

    def __init__(self, policy: Reconnect | None, now: float) -> None:
        self.number = ...

    def delay(self, error: PieError, now: float) -> float | None:
        ...

    def duration(self, now: float) -> float:
        ...

class ConnectionStatus(Enum):
    CLOSED = 'closed'
    CONNECTING = 'connecting'
    READY = 'ready'
    LOST = 'lost'
    WAITING = 'waiting'
    GAVE_UP = 'gave up'

@dataclass(frozen=True, slots=True)
class ConnectionState:
    status: ConnectionStatus
    attempt: int = 0
    delay: float = 0.0
    cause: PieError | None = None
    kept: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    may_have_gaps: bool = False

    def __str__(self) -> str:
        ...

def check_policy(reconnect: object) -> Reconnect:
    ...
