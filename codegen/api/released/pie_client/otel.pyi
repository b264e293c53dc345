from __future__ import annotations
import contextlib
import logging
import threading
import time
import weakref
from collections import Counter
from collections.abc import Generator, Iterable, Sequence
from contextlib import AbstractContextManager
from types import TracebackType
from typing import TYPE_CHECKING, Final, cast
from pie_client._generated.calls import Caller
from pie_client._generated.decoders import PROCESS_EVENT
from pie_client._generated.events import KIND_OF
from pie_client._generated.families import EVENT, TAG
from pie_client._generated.methods import METHODS, Method
from pie_client._version import __version__
from pie_client.connection.options import Settings
from pie_client.connection.reconnect import ConnectionState, ConnectionStatus
from pie_client.connection.watched import Watched
from pie_client.errors import InvalidArgumentError
from pie_client.protocol import codec
from pie_client.protocol.backlog import Backlogs
from pie_client.protocol.codec import Frame
try:
    from opentelemetry import context as contexts
    from opentelemetry import metrics, trace
except ImportError as error:
    raise ImportError("pie_client.otel needs the opentelemetry-api package; run pip install 'pie-client[otel]'") from error
from opentelemetry.util.types import AttributeValue
logger = logging.getLogger(__name__)
__all__ = ['OpenTelemetry']
SCOPE: Final = 'pie_client'
SYSTEM: Final = 'pie'
CONNECT: Final = 'connect'
OTHER: Final = '_OTHER'
SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
DEFAULT_PORTS: Final = {'ws': 80, 'wss': 443}
EVENTS: Final = frozenset((kind.value for kind in KIND_OF.values()))
SCHEMA_URL: Final = 'https://opentelemetry.io/schemas/1.40.0'
Attributes = dict[str, 'AttributeValue']

class OpenTelemetry:

    def __init__(self, *, tracer_provider: trace.TracerProvider | None=None, meter_provider: metrics.MeterProvider | None=None) -> None:
        self.tracer_provider = ...
        self.meter_provider = ...

class _Counted:

    def __init__(self) -> None:
        self.server = ...
        self.sent = ...
        self.received = ...
        self.events = ...
        self.backlogs = ...

class _Instruments:

    def __init__(self) -> None:
        self.duration = ...
        self.states = ...
        self.lock = ...

    def counted(self, server: Attributes) -> _Counted:
        ...

def watch(telemetry: OpenTelemetry, settings: Settings) -> ClientWatch:
    ...

class ClientWatch:

    def __init__(self) -> None:
        self.tracer = ...
        self.instruments = ...
        self.server = ...

    @contextlib.contextmanager
    def guarded(self) -> Generator[None]:
        ...

    def wrap(self, caller: Caller, by_server: bool) -> Caller:
        ...

    def watch_backlogs(self, backlogs: Backlogs) -> None:
        ...

    def sent(self, connection: int, parts: Sequence[bytes | memoryview]) -> None:
        ...

    def received(self, connection: int, batch: Sequence[Frame]) -> None:
        ...

    def change(self, state: ConnectionState) -> None:
        ...

class _Request:
    __slots__ = ('_attributes', '_begin', '_current', '_span', '_watch', 'corr_id')

    def __init__(self) -> None:
        self.corr_id = ...

    def __enter__(self) -> None:
        ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        ...
