import asyncio
import contextlib
import inspect
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Self, TypeVar
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.http11 import Request, Response
from pie_client._generated.families import NEWEST, UPLOAD_BYTES, Family
from pie_client.base import WireModel
from pie_client.connection.observing import Observer
from pie_client.connection.threads import check_asyncio
from pie_client.errors import InvalidArgumentError
from pie_client.testing._generated.servers import ServerTraits
from pie_client.testing.engine.connection import Connection
from pie_client.testing.engine.daemons import RunningDaemon, check_h11
from pie_client.testing.engine.options import Options
from pie_client.testing.engine.state import EngineState
from pie_client.testing.engine.workflows import Workflow
from pie_client.testing.faults.arguments import check_program
from pie_client.testing.faults.catalogue import Faults
from pie_client.testing.faults.sockets import FaultySocket
from pie_client.testing.http import handshake
from pie_client.testing.http.messages import DaemonFunction
from pie_client.testing.inferlet.process import RunningProcess
from pie_client.testing.inferlet.session import InferletFunction
from pie_client.testing.scripts.scripts import ScriptLimits
logger = logging.getLogger(__name__)
GRACE = 1.0
BACKLOG = 1024
M = TypeVar('M', bound=WireModel)
F = TypeVar('F', bound=InferletFunction)
D = TypeVar('D', bound=DaemonFunction)
R = TypeVar('R', bound=Callable[..., object])

class LocalEngine:

    def __init__(self, *, family: Family=NEWEST, auth: Mapping[str, Sequence[str]] | None=None, port: int=0, keep_detached: bool=False, allow_scripts: bool=False, script_limits: ScriptLimits | None=None, max_upload_bytes: int=UPLOAD_BYTES, allowed_origins: Sequence[str]=(), builtins: bool=False) -> None:
        self.faults = ...

    async def __aenter__(self) -> Self:
        ...

    async def __aexit__(self, *_error: object) -> None:
        ...

    async def start(self) -> None:
        ...

    async def stop(self) -> None:
        ...

    @property
    def uri(self) -> str:
        ...

    @property
    def traits(self) -> ServerTraits:
        ...

    @property
    def connections(self) -> int:
        ...

    @property
    def token(self) -> str:
        ...

    @property
    def processes(self) -> Mapping[str, RunningProcess]:
        ...

    @property
    def workflows(self) -> Mapping[str, Workflow]:
        ...

    @property
    def programs(self) -> Mapping[str, str]:
        ...

    @property
    def uploads(self) -> Mapping[str, bytes]:
        ...

    @property
    def daemons(self) -> tuple[RunningDaemon, ...]:
        ...

    def inferlet(self, program: str) -> Callable[[F], F]:
        ...

    def daemon(self, program: str) -> Callable[[D], D]:
        ...

    def answer(self, request: type[M], handler: Callable[[M], str | Awaitable[str]]) -> None:
        ...

    def observe(self, observer: Observer) -> None:
        ...
