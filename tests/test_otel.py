"""Spans and metrics of OpenTelemetry, in the in-memory exporters of its SDK."""

import asyncio
import json
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgpack
import pytest
from opentelemetry.context import Context
from opentelemetry.metrics import Meter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import HistogramDataPoint, InMemoryMetricReader, NumberDataPoint
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Span, SpanKind, StatusCode
from opentelemetry.util.types import Attributes
from pydantic import JsonValue

import pie_client.sync
from pie_client import (
    ConnectionStatus,
    DeadlineError,
    Family,
    InvalidArgumentError,
    ObservedFrame,
    PieClient,
    PieConnectionError,
    ProgramNotFoundError,
)
from pie_client.otel import OpenTelemetry
from pie_client.testing import InferletSession, LocalEngine
from tests.connection.helpers import SOON, launch, printed, until
from tests.connection.secret_session import CARRIED, PROGRAM, carry_secrets
from tests.support.peers import in_time, websocket_peer
from tests.support.repository import ROOT, run

SECRET = "hunter2"  # noqa: S105 - must be in no span and no metric


@dataclass(frozen=True)
class Kept:
    """What telemetry has kept in memory."""

    telemetry: OpenTelemetry
    traces: TracerProvider
    meters: MeterProvider
    exporter: InMemorySpanExporter
    reader: InMemoryMetricReader

    @property
    def spans(self) -> list[ReadableSpan]:
        """The spans that have ended, oldest first."""
        return sorted(self.exporter.get_finished_spans(), key=lambda span: span.start_time or 0)

    def points(self, name: str) -> list[NumberDataPoint | HistogramDataPoint]:
        data = self.reader.get_metrics_data()
        assert data is not None
        metrics = [m for r in data.resource_metrics for s in r.scope_metrics for m in s.metrics]
        found = [point for metric in metrics if metric.name == name for point in metric.data.data_points]
        return [point for point in found if isinstance(point, NumberDataPoint | HistogramDataPoint)]

    def values(self, name: str, attribute: str) -> dict[object, float]:
        """Return the values, or the counts of a histogram, of a metric by one of its attributes."""
        found = Counter[object]()
        for point in self.points(name):
            value = point.count if isinstance(point, HistogramDataPoint) else point.value
            found[(point.attributes or {}).get(attribute)] += int(value)
        return dict(found)


@pytest.fixture
def kept() -> Iterator[Kept]:
    exporter, reader = InMemorySpanExporter(), InMemoryMetricReader()
    traces, meters = TracerProvider(shutdown_on_exit=False), MeterProvider([reader], shutdown_on_exit=False)
    traces.add_span_processor(SimpleSpanProcessor(exporter))
    telemetry = OpenTelemetry(tracer_provider=traces, meter_provider=meters)
    yield Kept(telemetry, traces, meters, exporter, reader)
    traces.shutdown()
    meters.shutdown()


def serve(engine: LocalEngine) -> None:
    @engine.inferlet("talk@1.0.0")
    async def talk(session: InferletSession, input: JsonValue) -> JsonValue:
        session.print("one")
        session.print("two")
        return input

    @engine.inferlet("keep@1.0.0")
    async def keep(session: InferletSession, _input: JsonValue) -> None:
        await session.receive_file()


async def session(engine: LocalEngine, telemetry: OpenTelemetry) -> None:
    async with PieClient(engine.uri, telemetry=telemetry, headers={"x-secret": SECRET}) as client:
        process = await client.launch_process("talk@1.0.0", {"prompt": SECRET})
        await process.result()
        with pytest.raises(ProgramNotFoundError):
            await client.launch_process("missing@1.0.0", {"prompt": SECRET})
        await client.signal_process("3fa85f64-5717-4562-b3fc-2c963f66afa6", SECRET)


def id_of(span: ReadableSpan | Span) -> int:
    context = span.get_span_context()
    assert context is not None
    return context.span_id


def described(span: ReadableSpan) -> tuple[str, Mapping[str, object], StatusCode]:
    """Return a span's name, attributes that differ between requests, and status."""
    common = {"server.address", "server.port", "rpc.system.name", "rpc.method"}
    return (
        span.name,
        {name: value for name, value in (span.attributes or {}).items() if name not in common},
        span.status.status_code,
    )


async def test_a_session_makes_a_span_of_each_request_and_attempt_to_connect(
    engine: LocalEngine, kept: Kept
) -> None:
    serve(engine)
    with kept.traces.get_tracer("test").start_as_current_span("work") as work:
        await session(engine, kept.telemetry)
    *spans, last = sorted(kept.spans, key=lambda span: span.name == "work")
    assert last.name == "work"
    ok, failed = StatusCode.UNSET, StatusCode.ERROR
    assert [described(span) for span in spans] == [
        ("connect", {"pie.connection.attempt": 1}, ok),
        ("launch_process", {"pie.correlation_id": 1}, ok),
        ("auth_identify", {"pie.correlation_id": 0}, ok),
        (
            "launch_process",
            {"pie.correlation_id": 2, "error.type": "pie_client.ProgramNotFoundError"},
            failed,
        ),
        ("signal_process", {}, ok),
    ]
    port = int(engine.uri.rpartition(":")[2])
    for span in spans:
        assert span.kind is SpanKind.CLIENT
        assert span.attributes is not None
        assert (span.attributes["server.address"], span.attributes["server.port"]) == ("127.0.0.1", port)
        if span.name != "connect":
            assert span.attributes["rpc.system.name"] == "pie"
            assert span.attributes["rpc.method"] == span.name
        # The first request identifies the session.
        parent = spans[1] if span.name == "auth_identify" else work
        assert span.parent is not None
        assert span.parent.span_id == id_of(parent)
        assert not span.events
        assert span.status.description is None
    assert SECRET not in "".join(span.to_json() for span in spans)
    durations = [p for p in kept.points("rpc.client.call.duration") if isinstance(p, HistogramDataPoint)]
    examples = {example.span_id for point in durations for example in point.exemplars}
    assert examples
    assert examples <= {id_of(span) for span in spans}


async def test_metrics_count_requests_events_bytes_and_states(
    engine: LocalEngine, kept: Kept, family: Family
) -> None:
    serve(engine)
    frames: list[ObservedFrame] = []
    engine.observe(frames.append)
    await session(engine, kept.telemetry)
    async with PieClient(engine.uri, telemetry=kept.telemetry) as client:
        process = await client.launch_process("keep@1.0.0")
        await process.transfer_file(bytes(300_000))
        await process.result()
    assert kept.values("rpc.client.call.duration", "rpc.method") == {
        "auth_identify": 2,
        "launch_process": 3,
        "signal_process": 1,
        "transfer_file": 1,
    }
    assert kept.values("rpc.client.call.duration", "error.type") == {
        None: 6,
        "pie_client.ProgramNotFoundError": 1,
    }
    assert kept.values("pie.client.events", "pie.event") == {"stdout": 2, "return": 2}
    sizes = {"transmit": 0, "receive": 0}
    for frame in frames:
        sizes["transmit" if frame.direction == "sent" else "receive"] += frame.size
    counted = kept.values("pie.client.io", "network.io.direction")
    assert counted["transmit"] == sizes["transmit"]
    if family == "0.4":  # 0.5 servers send more after the last reply, which may arrive after the end
        assert counted["receive"] == sizes["receive"]
    assert kept.values("pie.client.connection.changes", "pie.connection.status") == {
        "connecting": 2,
        "ready": 2,
        "closed": 2,
    }
    text = kept.reader.get_metrics_data()
    assert SECRET not in (text.to_json() if text else "")


async def test_frames_that_the_protocol_does_not_have_are_counted_and_delivered(kept: Kept) -> None:
    async with websocket_peer() as peer, PieClient(peer.uri, telemetry=kept.telemetry) as client:
        process = await launch(client)
        before = kept.values("pie.client.io", "network.io.direction")["receive"]
        event = {"type": "process_event", "process_id": process.process_id, "value": "x"}
        frames: list[bytes | str] = [
            *(msgpack.packb({**event, "event": kind}) for kind in ("mood", 7)),
            b"\xc1 no message",
            msgpack.packb({"type": 7}),
            '{"type":"turn_done","mood":"\N{SNOWMAN}"}',
            "no message",
            msgpack.packb({**event, "event": "return"}),
        ]
        await peer.send(*frames)
        assert await process.wait(timeout=60) == "x"
        received = kept.values("pie.client.io", "network.io.direction")["receive"] - before
    assert received == sum(len(frame.encode() if isinstance(frame, str) else frame) for frame in frames)
    assert kept.values("pie.client.events", "pie.event") == {"_OTHER": 2, "return": 1}


@pytest.mark.parametrize(("scheme", "port"), [("ws", 80), ("wss", 443)])
async def test_the_port_of_an_address_without_one_is_that_of_its_scheme(
    kept: Kept, scheme: str, port: int
) -> None:
    with pytest.raises(PieConnectionError):
        await PieClient(f"{scheme}://127.0.0.1", telemetry=kept.telemetry, open_timeout=5).connect()
    [attempt] = kept.spans
    assert (attempt.attributes or {})["server.port"] == port


async def test_what_is_unread_is_measured_over_all_clients(kept: Kept) -> None:
    """Also if each client has an object of its own: the SDK knows an instrument once."""
    again = OpenTelemetry(tracer_provider=kept.traces, meter_provider=kept.meters)
    async with (
        websocket_peer() as peer,
        PieClient(peer.uri, telemetry=kept.telemetry) as first,
        PieClient(peer.uri, telemetry=again) as second,
    ):
        await first.ping()
        process = await launch(second)
        await peer.send(*(printed(process, "x" * 100) for _ in range(9)))
        await second.ping()
        held = first.buffered + second.buffered
        assert held > 900
        [value] = kept.values("pie.client.buffered", "server.address").values()
        assert value == held
        assert len([await process.recv() for _ in range(9)]) == 9
        [value] = kept.values("pie.client.buffered", "server.address").values()
        assert value == first.buffered + second.buffered < held


async def test_a_span_is_a_child_of_what_its_caller_does(engine: LocalEngine, kept: Kept) -> None:
    tracer = kept.traces.get_tracer("test")

    async def ask(client: PieClient, name: str) -> int:
        with tracer.start_as_current_span(name) as span:
            for _ in range(2):  # a request that has ended is current no more
                await client.ping()
            return span.get_span_context().span_id

    async with PieClient(engine.uri, telemetry=kept.telemetry) as client:
        await client.ping()
        kept.exporter.clear()
        parents = await asyncio.gather(*(ask(client, f"caller {n}") for n in range(9)))
    found = [span.parent.span_id for span in kept.spans if span.name == "ping" and span.parent]
    assert sorted(found) == sorted(2 * parents)


async def test_restoring_a_connection_is_a_trace_of_its_own(engine: LocalEngine, kept: Kept) -> None:
    with kept.traces.get_tracer("test").start_as_current_span("work"):
        async with PieClient(engine.uri, reconnect=SOON, telemetry=kept.telemetry) as client:
            await client.ping()
            kept.exporter.clear()
            back = asyncio.create_task(until(client, ConnectionStatus.READY, 2))
            await asyncio.sleep(0)
            engine.faults.refuse_upgrade(503)
            engine.faults.close_connection(1012)
            await in_time(back)
    refused, restored, identified = (span for span in kept.spans if span.name != "work")
    assert described(refused) == (
        "connect",
        {"pie.connection.attempt": 1, "error.type": "pie_client.HandshakeError"},
        StatusCode.ERROR,
    )
    assert described(restored) == ("connect", {"pie.connection.attempt": 2}, StatusCode.UNSET)
    assert refused.parent is None
    assert restored.parent is None
    assert identified.name == "auth_identify"
    assert identified.parent is not None
    assert identified.parent.span_id == id_of(restored)
    statuses = kept.values("pie.client.connection.changes", "pie.connection.status")
    assert statuses == {"connecting": 3, "waiting": 2, "ready": 2, "lost": 1, "closed": 1}


async def test_a_failed_request_says_whether_it_was_sent(kept: Kept) -> None:
    async with websocket_peer() as peer, PieClient(peer.uri, telemetry=kept.telemetry) as client:
        await client.ping()
        kept.exporter.clear()
        with pytest.raises(DeadlineError):
            await client.query("never answered", timeout=0.01)
        await client.send_raw({"type": "news", "text": SECRET})
    failed, raw = kept.spans
    assert described(failed)[1] == {
        "pie.correlation_id": 2,
        "error.type": "pie_client.DeadlineError",
        "pie.request.sent": True,
    }
    # Types that the protocol does not have could make any number of series.
    assert raw.name == "pie"
    assert raw.attributes is not None
    assert raw.attributes["rpc.method"] == "_OTHER"
    assert raw.attributes["rpc.method_original"] == "news"
    assert None not in kept.values("rpc.client.call.duration", "rpc.method")


async def test_nothing_that_a_session_carries_is_in_a_span_or_metric(tmp_path: Path, kept: Kept) -> None:
    with kept.traces.get_tracer("test").start_as_current_span("work"):
        secrets = await carry_secrets(tmp_path, lambda uri: PieClient(uri, telemetry=kept.telemetry))
    metrics = kept.reader.get_metrics_data()
    assert metrics is not None
    text = "".join([*(span.to_json() for span in kept.spans), metrics.to_json()])
    assert "auth_prove" in text
    for secret in (*CARRIED, PROGRAM, *secrets):
        assert secret not in text
    # What the server causes belongs to no caller.
    [answer] = [span for span in kept.spans if span.name == "mcp_response"]
    assert answer.parent is None


@pytest.mark.parametrize("fails", ["on_start", "on_end"])
async def test_a_span_processor_that_fails_is_logged_once_and_harms_nothing(
    engine: LocalEngine, kept: Kept, fails: str, caplog: pytest.LogCaptureFixture
) -> None:
    class Failing(SpanProcessor):
        def on_start(self, span: Span, parent_context: Context | None = None) -> None:
            if fails == "on_start":
                raise LookupError("no place")

        def on_end(self, span: ReadableSpan) -> None:
            if fails == "on_end":
                raise LookupError("no place")

    kept.traces.add_span_processor(Failing())
    async with PieClient(engine.uri, reconnect=SOON, telemetry=kept.telemetry) as client:
        await client.ping()
        back = asyncio.create_task(until(client, ConnectionStatus.READY, 2))
        await asyncio.sleep(0)
        engine.faults.close_connection(1012)
        await in_time(back)
        await client.ping()
    [record] = [each for each in caplog.records if each.name == "pie_client.otel"]
    assert record.getMessage() == "a span or metric could not be made; the next failures are not logged"
    assert kept.values("rpc.client.call.duration", "rpc.method")["ping"] == 2


def test_clients_that_threads_create_at_once_share_the_instruments() -> None:
    """The SDK would never call the callbacks of a second instrument of one name."""

    class Counting(MeterProvider):
        meters = 0

        def get_meter(
            self,
            name: str,
            version: str | None = None,
            schema_url: str | None = None,
            attributes: Attributes | None = None,
        ) -> Meter:
            self.meters += 1
            threading.Event().wait(0.001)  # let the other threads run
            return super().get_meter(name, version, schema_url, attributes)

    provider, barrier = Counting(shutdown_on_exit=False), threading.Barrier(4)

    def create() -> None:
        barrier.wait()
        PieClient("ws://127.0.0.1", telemetry=OpenTelemetry(meter_provider=provider))

    threads = [threading.Thread(target=create) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert provider.meters == 1
    provider.shutdown()


def test_other_telemetry_is_refused() -> None:
    text = "invalid telemetry=7; pass a pie_client.otel.OpenTelemetry, or leave it out"
    with pytest.raises(InvalidArgumentError, match=text):
        PieClient("ws://127.0.0.1", telemetry=7)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - refused


def test_without_the_package_the_import_says_what_to_install() -> None:
    script = "import sys; sys.modules['opentelemetry'] = None; import json, pie_client\ntry:\n    import pie_client.otel\nexcept ImportError as error:\n    print(json.dumps(str(error)))"
    done = run(["-c", script], ROOT)
    text = "pie_client.otel needs the opentelemetry-api package; run pip install 'pie-client[otel]'"
    assert json.loads(done.stdout) == text


async def test_a_span_of_the_synchronous_client_is_a_child_of_what_its_thread_does(
    engine: LocalEngine, kept: Kept
) -> None:
    def work() -> None:
        with (
            kept.traces.get_tracer("test").start_as_current_span("work"),
            pie_client.sync.PieClient(engine.uri, telemetry=kept.telemetry) as client,
        ):
            client.ping()

    await asyncio.to_thread(work)
    [ping], [outer] = ([span for span in kept.spans if span.name == name] for name in ("ping", "work"))
    assert ping.parent is not None
    assert ping.parent.span_id == id_of(outer)
