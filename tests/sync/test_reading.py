"""Events that are handed over many at a time: cheap, in order, and found by whoever else asks for them."""

import sys
import threading
import uuid
from collections.abc import Awaitable, Callable, Iterable, Iterator
from queue import SimpleQueue

import pytest
from pydantic import JsonValue

from pie_client import (
    Event,
    ObservedFrame,
    ProcessEndedError,
    ProcessEvent,
    ReturnEvent,
    SlowConsumerError,
    StdoutEvent,
    models,
)
from pie_client.sync import PieClient, Process, reading
from pie_client.sync.loop_thread import LoopThread
from pie_client.testing import LocalEngine
from tests.support.peers import TIMEOUT, Peer, websocket_peer

MOST = 100


@pytest.fixture
def process(client: PieClient) -> Process[JsonValue]:
    """A process that has ended, and whose events have arrived: the numbers below MOST, and its return."""
    process = client.launch_process("numbers@1.0.0", MOST)
    assert process.result(timeout=TIMEOUT) == "written"
    return process


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The calls of the clients' thread from now on."""
    made: list[str] = []
    wait = LoopThread.wait

    def counted(self: LoopThread, begin: Callable[[], Awaitable[object]]) -> object:
        made.append(begin.__qualname__)
        return wait(self, begin)

    monkeypatch.setattr(LoopThread, "wait", counted)
    return made


def texts(*numbers: int) -> list[StdoutEvent]:
    return [StdoutEvent(str(number)) for number in numbers]


def test_events_that_have_arrived_need_few_calls(process: Process[JsonValue], calls: list[str]) -> None:
    assert list(process.text()) == [str(number) for number in range(MOST)]
    assert len(calls) <= 5


def test_a_slow_reader_asks_for_each_event(
    process: Process[JsonValue], calls: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "FRESH_SECONDS", 0.0)
    assert list(process) == [*texts(*range(MOST)), ReturnEvent('"written"')]
    assert len(calls) > MOST


def test_all_ways_to_receive_go_on_where_another_one_stopped(
    client: PieClient, process: Process[JsonValue]
) -> None:
    assert [next(process), next(process)] == texts(0, 1)
    assert process.recv() == (Event.Stdout, "2")
    assert next(process.text()) == "3"
    assert process.result() == "written"
    assert next(process) == texts(4)[0]
    again = client.attach_process(process.detach())
    assert list(process) == []
    assert list(again) == [*texts(*range(5, MOST)), ReturnEvent('"written"')]


def test_a_closed_handle_yields_nothing_that_was_handed_over(process: Process[JsonValue]) -> None:
    with process:
        assert next(process) == texts(0)[0]
    with pytest.raises(ProcessEndedError):
        next(process)


@pytest.mark.parametrize(("share", "most"), [(16 << 20, 64 << 10), (256 << 10, 16 << 10)])
def test_a_part_of_what_is_unread_is_handed_over_and_counts_for_its_handle(
    engine: LocalEngine, share: int, most: int
) -> None:
    with PieClient(engine.uri, max_buffered=share, timeout=TIMEOUT) as client:
        process = client.launch_process("write@1.0.0")
        process.result()
        before, one = client.buffered, 10_200
        next(process)
        assert 2 * one < before - client.buffered <= most + 2 * one
        assert before - process.buffered < one


def waits(thread: threading.Thread) -> bool:
    """Return whether a thread waits for a call."""
    frame = sys._current_frames().get(thread.ident or 0)  # pyright: ignore[reportPrivateUsage] - documented
    while frame is not None and frame.f_code.co_qualname != "Future.result":
        frame = frame.f_back
    return frame is not None


class Script:
    """A server in a thread of its own that sends events when a test says so."""

    def __init__(self, thread: LoopThread, peer: Peer) -> None:
        self.uri = peer.uri
        self._thread = thread
        self._peer = peer

    def send(self, process_id: str, events: Iterable[StdoutEvent]) -> None:
        """Send output of a process."""
        frames = [models.StdoutFrame(process_id=process_id, value=event.value) for event in events]
        self._thread.wait(lambda: self._peer.send(*frames))


@pytest.fixture
def script() -> Iterator[Script]:
    """A server that does what a test says."""
    thread, serving = LoopThread(), websocket_peer("0.5")
    yield Script(thread, thread.wait(serving.__aenter__))
    thread.wait(lambda: serving.__aexit__(None, None, None))
    thread.stop()


def test_another_handle_receives_what_the_thread_of_the_first_one_did_not_ask_for(script: Script) -> None:
    with PieClient(script.uri, timeout=TIMEOUT) as client:
        process = client.launch_process("a@1.0.0")
        process_id = process.process_id
        script.send(process_id, texts(*range(6)))
        client.ping()  # its reply comes last
        assert next(process) == texts(0)[0]
        other = client.attach_process(process_id)
        assert other.recv(timeout=TIMEOUT) == (Event.Stdout, "1")
        assert next(process) == texts(2)[0]
        process.close()
        assert [next(other) for _ in range(3)] == texts(3, 4, 5)


def test_a_gap_is_reported_behind_the_events_before_it(script: Script) -> None:
    with PieClient(script.uri, timeout=TIMEOUT, max_buffered_total=1 << 20) as client:
        process = client.launch_process("a@1.0.0")
        process_id = process.process_id
        script.send(process_id, texts(*range(6)))
        client.ping()
        assert next(process) == texts(0)[0]
        script.send(process_id, [StdoutEvent("x" * 10_000) for _ in range(300)])
        client.ping()
        assert process.dropped > 0
        assert [next(process) for _ in range(5)] == texts(*range(1, 6))
        with pytest.raises(SlowConsumerError, match=f"{process.dropped} unread events"):
            next(process)


@pytest.mark.parametrize("handles", [1, 3])
def test_of_threads_that_wait_together_none_takes_what_another_one_waits_for(
    script: Script, handles: int
) -> None:
    with PieClient(script.uri, timeout=TIMEOUT) as client:
        process = client.launch_process("a@1.0.0")
        process_id = process.process_id
        others = [client.attach_process(process_id) for _ in range(1, handles)]
        holds, all_sent = threading.Event(), threading.Event()
        received: SimpleQueue[ProcessEvent] = SimpleQueue()

        def receive(reader: Process[JsonValue]) -> None:
            received.put(next(reader))

        threads = [
            threading.Thread(target=receive, args=[reader], daemon=True)
            for reader in [process, *others] * (3 // handles)
        ]
        for thread in threads:
            thread.start()
        while not all(map(waits, threads)):
            pass

        def hold(_frame: ObservedFrame) -> None:
            holds.set()
            all_sent.wait(TIMEOUT)

        with client.observe(hold):
            script.send(str(uuid.uuid4()), texts(0))
            assert holds.wait(TIMEOUT)
            script.send(process_id, texts(*range(MOST)))
            all_sent.set()
            found = [received.get(timeout=TIMEOUT) for _ in threads]
        assert sorted(map(repr, found)) == list(map(repr, texts(0, 1, 2)))
        assert [next(process) for _ in range(3, MOST)] == texts(*range(3, MOST))
