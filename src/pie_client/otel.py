"""OpenTelemetry spans and metrics of clients. Needs the extra: ``pip install 'pie-client[otel]'``.

    from pie_client.otel import OpenTelemetry

    telemetry = OpenTelemetry()
    async with PieClient("ws://127.0.0.1:8080", telemetry=telemetry) as client:
        ...

Names of spans and metrics follow the semantic conventions for remote procedure calls; names that these do not define begin with
``pie.``. Nothing has a payload, a key or a token.
"""

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
from pie_client.connection.state import ConnectionState, ConnectionStatus
from pie_client.connection.watched import Watched
from pie_client.errors import InvalidArgumentError
from pie_client.protocol import codec
from pie_client.protocol.backlog import Backlogs
from pie_client.protocol.codec import Frame

try:
    from opentelemetry import context as contexts
    from opentelemetry import metrics, trace
except ImportError as error:
    raise ImportError(
        "pie_client.otel needs the opentelemetry-api package; run pip install 'pie-client[otel]'"
    ) from error

if TYPE_CHECKING:
    from opentelemetry.util.types import AttributeValue

logger = logging.getLogger(__name__)

__all__ = ["OpenTelemetry"]

SCOPE: Final = "pie_client"
"""Name of the instrumentation scope."""
SYSTEM: Final = "pie"
"""Value of ``rpc.system.name``."""
CONNECT: Final = "connect"
"""Name of the span of an attempt to connect."""
OTHER: Final = "_OTHER"
"""What the conventions call a name that is not known, so that nobody can make any number of them."""
SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
"""Limits of the buckets of the durations, as in the conventions."""
DEFAULT_PORTS: Final = {"ws": 80, "wss": 443}
"""Port of a URI that has none (RFC 6455, section 3)."""
EVENTS: Final = frozenset(kind.value for kind in KIND_OF.values())
SCHEMA_URL: Final = "https://opentelemetry.io/schemas/1.40.0"
"""Release of the conventions."""

Attributes = dict[str, "AttributeValue"]


class OpenTelemetry:
    """Makes spans and metrics of clients. One may serve any number of them.

    Args:
        tracer_provider: Provides what makes the spans. Default: the global one, when a client is created.
        meter_provider: Provides what makes the metrics. Default: likewise.

    Attributes:
        tracer_provider: As given.
        meter_provider: As given.
    """

    def __init__(
        self,
        *,
        tracer_provider: trace.TracerProvider | None = None,
        meter_provider: metrics.MeterProvider | None = None,
    ) -> None:
        self.tracer_provider = tracer_provider
        self.meter_provider = meter_provider


class _Counted:
    """What the clients of one server have counted, and what the processes of their connections hold."""

    def __init__(self, server: Attributes) -> None:
        self.server = server
        self.sent = self.received = 0
        self.events: Counter[str] = Counter()
        self.backlogs: weakref.WeakSet[Backlogs] = weakref.WeakSet()


class _Instruments:
    """The instruments of a meter provider, which knows each once. What is counted often is read when it is exported."""

    def __init__(self, provider: metrics.MeterProvider) -> None:
        meter = provider.get_meter(SCOPE, __version__, SCHEMA_URL)
        self.duration = meter.create_histogram(
            "rpc.client.call.duration",
            "s",
            "Duration of requests.",
            explicit_bucket_boundaries_advisory=SECONDS,
        )
        self.states = meter.create_counter(
            "pie.client.connection.changes", "{change}", "States of connections entered."
        )
        meter.create_observable_counter(
            "pie.client.events", [self._observe_events], "{event}", "Events of processes received."
        )
        meter.create_observable_counter(
            "pie.client.io", [self._observe_bytes], "By", "Bytes of frames sent and received."
        )
        meter.create_observable_up_down_counter(
            "pie.client.buffered", [self._observe_memory], "By", "Memory that unread events take."
        )
        self._servers: dict[tuple[tuple[str, AttributeValue], ...], _Counted] = {}
        self.lock = threading.Lock()
        """Held while what is counted changes, or is read by the thread of an exporter."""

    def counted(self, server: Attributes) -> _Counted:
        """Return what the clients of a server count."""
        with self.lock:
            return self._servers.setdefault(tuple(server.items()), _Counted(server))

    def _observe_events(self, _options: metrics.CallbackOptions) -> Iterable[metrics.Observation]:
        with self.lock:
            return [
                metrics.Observation(number, {**each.server, "pie.event": kind})
                for each in self._servers.values()
                for kind, number in each.events.items()
            ]

    def _observe_bytes(self, _options: metrics.CallbackOptions) -> Iterable[metrics.Observation]:
        with self.lock:
            return [
                metrics.Observation(size, {**each.server, "network.io.direction": direction})
                for each in self._servers.values()
                for direction, size in (("transmit", each.sent), ("receive", each.received))
            ]

    def _observe_memory(self, _options: metrics.CallbackOptions) -> Iterable[metrics.Observation]:
        with self.lock:
            return [
                metrics.Observation(sum(backlogs.held for backlogs in each.backlogs), each.server)
                for each in self._servers.values()
            ]


_instruments: weakref.WeakKeyDictionary[metrics.MeterProvider, _Instruments] = weakref.WeakKeyDictionary()
_instruments_lock = threading.Lock()


def _instruments_of(provider: metrics.MeterProvider) -> _Instruments:
    # The callback of a second instrument of one name would never be called.
    with _instruments_lock:
        found = _instruments.get(provider)
        if found is None:
            found = _instruments[provider] = _Instruments(provider)
    return found


def watch(telemetry: OpenTelemetry, settings: Settings) -> ClientWatch:
    """Make spans and metrics of the connections that are opened with some settings."""
    given = cast("object", telemetry)
    if not isinstance(given, OpenTelemetry):
        raise InvalidArgumentError(
            f"invalid telemetry={given!r}; pass a pie_client.otel.OpenTelemetry, or leave it out"
        )
    found = ClientWatch(telemetry, settings)
    settings.wrap = found.wrap
    settings.on_connection = found.watch_backlogs
    settings.taps.add(found)
    return found


class ClientWatch:
    """Makes the spans and metrics of one client: of its requests, frames and states."""

    def __init__(self, telemetry: OpenTelemetry, settings: Settings) -> None:
        self.tracer = trace.get_tracer(SCOPE, __version__, telemetry.tracer_provider, SCHEMA_URL)
        self.instruments = _instruments_of(telemetry.meter_provider or metrics.get_meter_provider())
        self.server: Attributes = {"server.address": settings.uri.hostname or ""}
        port = settings.uri.port or DEFAULT_PORTS.get(settings.uri.scheme)
        if port is not None:
            self.server["server.port"] = port
        self._counted = self.instruments.counted(self.server)
        self._attempt: trace.Span | None = None
        self._restores = False
        self._failed = False

    @contextlib.contextmanager
    def guarded(self) -> Generator[None]:
        """Log the first exception of what the application has added to the SDK, such as a span processor."""
        try:
            yield
        except Exception:
            if not self._failed:
                self._failed = True
                logger.exception("a span or metric could not be made; the next failures are not logged")

    # ------------------------------------------------------------- requests

    def wrap(self, caller: Caller, by_server: bool) -> Caller:
        """Return a caller that makes a span of each request: one without a parent if the server causes them."""
        return Watched(caller, lambda method, _replied: _Request(self, method, alone=by_server))

    def watch_backlogs(self, backlogs: Backlogs) -> None:
        """Measure what the processes of a connection hold, while there is the connection."""
        with self.instruments.lock:
            self._counted.backlogs.add(backlogs)

    # ------------------------------------------------------------- frames

    def sent(self, connection: int, parts: Sequence[bytes | memoryview]) -> None:
        """Count the bytes of a frame."""
        with self.instruments.lock:
            self._counted.sent += sum(map(len, parts))

    def received(self, connection: int, batch: Sequence[Frame]) -> None:
        """Count the bytes and events of some frames."""
        size = sum(len(frame.encode()) if isinstance(frame, str) else len(frame) for frame in batch)
        kinds = [kind for frame in batch if (kind := _event_of(frame)) is not None]
        with self.instruments.lock:
            self._counted.received += size
            self._counted.events.update(kinds)

    # ------------------------------------------------------------- states

    def change(self, state: ConnectionState) -> None:
        """Count a state, and make a span of each attempt to connect."""
        self._restores = state.status is ConnectionStatus.LOST or (
            self._restores and state.status in (ConnectionStatus.WAITING, ConnectionStatus.CONNECTING)
        )
        attempt, self._attempt = self._attempt, None
        with self.guarded():
            self.instruments.states.add(1, {**self.server, "pie.connection.status": state.status.value})
            if attempt is not None:
                if state.cause is not None:
                    _fail(attempt, state.cause)
                attempt.end()
        if state.status is ConnectionStatus.CONNECTING:
            with self.guarded():
                self._begin_attempt(state.attempt)

    def _begin_attempt(self, number: int) -> None:
        # A lost connection is restored long after what has connected it.
        parent = contexts.Context() if self._restores else None
        attributes: Attributes = {**self.server, "pie.connection.attempt": number}
        self._attempt = self.tracer.start_span(CONNECT, parent, trace.SpanKind.CLIENT, attributes)
        # The attempt has a task of its own, whose context ends with it. Requests that restore the session become children.
        contexts.attach(trace.set_span_in_context(self._attempt))


class _Request:
    """Makes the span and the duration of a request in a ``with`` block."""

    __slots__ = ("_attributes", "_begin", "_current", "_span", "_watch", "corr_id")

    def __init__(self, client: ClientWatch, method: Method[object], *, alone: bool) -> None:
        known = method.tag in METHODS
        self._watch = client
        self._attributes: Attributes = {
            "rpc.system.name": SYSTEM,
            "rpc.method": method.tag if known else OTHER,
            **client.server,
        }
        parent = contexts.Context() if alone else None
        name = method.tag if known else SYSTEM
        self._span: trace.Span = trace.INVALID_SPAN
        with client.guarded():
            self._span = client.tracer.start_span(name, parent, trace.SpanKind.CLIENT, self._attributes)
        if not known:
            self._span.set_attribute("rpc.method_original", method.tag)
        self._begin = time.perf_counter()
        self.corr_id: int | None = None
        self._current: AbstractContextManager[trace.Span]

    def __enter__(self) -> None:
        # Its exception is not recorded, because its text may quote the server, which may quote a payload.
        self._current = trace.use_span(self._span, record_exception=False, set_status_on_exception=False)
        self._current.__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self.corr_id is not None:
            self._span.set_attribute("pie.correlation_id", self.corr_id)
        if error is not None:
            self._attributes["error.type"] = _fail(self._span, error)
            sent: object = getattr(error, "sent", None)
            if isinstance(sent, bool):
                self._span.set_attribute("pie.request.sent", sent)
        # Before the span is no longer the current one, so that exemplars of the histogram name it.
        with self._watch.guarded():
            self._watch.instruments.duration.record(time.perf_counter() - self._begin, self._attributes)
        self._current.__exit__(kind, error, traceback)
        with self._watch.guarded():
            self._span.end()


def _fail(span: trace.Span, error: BaseException) -> str:
    """Mark a span as failed, and return the type of the error."""
    cls = type(error)
    name = cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"
    span.set_attribute("error.type", name)
    span.set_status(trace.StatusCode.ERROR)
    return name


def _event_of(frame: Frame) -> str | None:
    """Return the kind of the event in a frame; None if it holds none."""
    if isinstance(frame, str):
        return None
    try:
        fields = codec.decode_map(frame, bounded=len(frame) >= codec.LARGE_BYTES)
    except codec.MalformedFrameError:
        return None
    if fields.get(TAG) != PROCESS_EVENT:
        return None
    event = fields.get(EVENT)
    return event if isinstance(event, str) and event in EVENTS else OTHER
