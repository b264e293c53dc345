"""Limits of buffered events: when receiving should pause, and which mailboxes are discarded."""

import logging
import tracemalloc

import pytest
from blake3 import blake3
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    rule,
    run_state_machine_as_test,
)

from pie_client import (
    Event,
    SlowConsumerError,
    StdoutEvent,
)
from pie_client._generated import encoders, methods
from pie_client.protocol.routes import Route
from pie_client.protocol.session import Session, WriteFile
from tests.protocol.helpers import (
    DIGEST,
    PIECES,
    PLENTY,
    SECRET,
    buffered_bytes,
    chunk_frame,
    chunk_frames,
    claim,
    event_frame,
    failure_of,
    lost,
    make_session,
    notice_frame,
    open_call,
    pop,
    raw_frame,
    read_all,
    receive,
    release_all,
    reply_frame,
    return_frame,
    should_pause,
    stdout_frame,
)


def test_the_oldest_mailbox_without_a_handle_is_discarded_first(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """D25"""
    monkeypatch.setattr("pie_client.protocol.routes.UNCLAIMED_BYTES", 1000)
    session = make_session()
    receive(session, stdout_frame("p", SECRET * 20), stdout_frame("q", "x" * 300))
    assert not caplog.records
    receive(session, stdout_frame("r", "y" * 300))
    [record] = caplog.records
    assert record.levelno == logging.WARNING
    assert "'p'" in record.getMessage()
    assert SECRET not in record.getMessage()
    assert read_all(claim(session, "q")) == [StdoutEvent("x" * 300)]
    assert read_all(claim(session, "r")) == [StdoutEvent("y" * 300)]
    receive(session, stdout_frame("p", "z"))
    lost = claim(session, "p")
    assert read_all(lost) == []
    assert isinstance(failure_of(lost), SlowConsumerError)


def test_chunks_without_a_handle_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """D25"""
    monkeypatch.setattr("pie_client.protocol.routes.UNCLAIMED_BYTES", 1000)
    session = make_session()
    first, second = chunk_frames("p", b"x" * 950, b"y")
    receive(session, first, second)
    assert isinstance(failure_of(claim(session, "p")), SlowConsumerError)


def test_the_number_of_mailboxes_without_a_handle_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    """D25"""
    monkeypatch.setattr("pie_client.protocol.routes.UNCLAIMED_ROUTES", 3)
    session = make_session()
    receive(session, *(stdout_frame(f"p{number}", "x") for number in range(5)))
    assert [len(read_all(claim(session, f"p{number}"))) for number in range(5)] == [0, 0, 1, 1, 1]


def test_attaching_makes_new_events_readable_after_a_discard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pie_client.protocol.routes.UNCLAIMED_BYTES", 200)
    session = make_session()
    receive(session, stdout_frame("p", "x" * 300))
    asked = open_call(session, methods.ATTACH_PROCESS)
    session.encode_call(asked.call, lambda corr_id: encoders.attach_process(corr_id, "p"))
    receive(session, reply_frame(asked.call.corr_id, "Process attached"), stdout_frame("p", "buffered"))
    box = claim(session, "p")
    assert box.failure is None
    assert read_all(box) == [StdoutEvent("buffered")]


def test_the_number_of_ignored_processes_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pie_client.protocol.routes.IGNORED_ROUTES", 2)
    session = make_session()
    for name in "pqr":
        route = claim(session, name)
        receive(session, return_frame(name))
        release_all(session, route)
    receive(session, *(stdout_frame(name, "late") for name in "pqr"))
    assert [len(read_all(claim(session, name))) for name in "pqr"] == [1, 0, 0]


def test_a_released_process_is_ignored_until_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pie_client.protocol.routes.IGNORED_ROUTES", 1)
    session = make_session()
    for name in "pqr":
        release_all(session, claim(session, name))
    receive(session, *(stdout_frame(name, "late") for name in "pqr"))
    assert session.routes.running() == {"p", "q", "r"}
    assert [len(read_all(claim(session, name))) for name in "pqr"] == [0, 0, 0]


def test_receiving_should_pause_while_too_much_is_unread() -> None:
    """D27"""
    session = make_session(max_buffered=1000)
    box = claim(session, "p")
    receive(session, stdout_frame("p", "x" * 500))
    assert not should_pause(session)
    receive(session, stdout_frame("p", "x" * 500))
    assert should_pause(session)
    box.pop()
    assert not should_pause(session)


def test_receiving_should_not_pause_while_a_call_is_pending() -> None:
    session = make_session(max_buffered=1000)
    claim(session, "p")
    receive(session, stdout_frame("p", "x" * 1500))
    first, second = open_call(session), open_call(session)
    assert not should_pause(session)
    receive(session, reply_frame(first.call.corr_id))
    assert not should_pause(session)
    session.close_call(second.call)
    assert should_pause(session)


def test_an_unread_terminal_event_counts_until_its_handle_is_released() -> None:
    """D27"""
    session = make_session(max_buffered=1000)
    box = claim(session, "p")
    receive(session, return_frame("p", "x" * 1500))
    assert should_pause(session)
    release_all(session, claim(session, "p"))
    assert not should_pause(session)
    assert box.terminal is None, "a result may be large"


def test_at_twice_the_limit_the_largest_mailbox_is_discarded() -> None:
    """D27"""
    session = make_session(max_buffered=1000)
    large, small = claim(session, "p"), claim(session, "q")
    asked = open_call(session)
    for _ in range(3):
        receive(session, stdout_frame("p", SECRET * 30))
        receive(session, stdout_frame("q", "x" * 10))
    receive(session, *(stdout_frame("q", "x" * 10) for _ in range(6)))
    assert isinstance(failure_of(large), SlowConsumerError)
    assert failure_of(large) is not failure_of(large)
    assert SECRET not in str(failure_of(large))
    assert len(str(failure_of(large)).splitlines()) == 1
    assert read_all(large) == []
    assert small.failure is None
    assert len(read_all(small)) == 9
    receive(session, stdout_frame("p", "late"), return_frame("p"), reply_frame(asked.call.corr_id))
    assert read_all(large) == []
    assert asked.results == ["Pong"]
    assert buffered_bytes(session) == 0


def test_an_unread_finished_process_is_discarded_before_one_that_is_read() -> None:
    """D27"""
    session = make_session(max_buffered=1000)
    unread, live = claim(session, "p"), claim(session, "q")
    receive(session, stdout_frame("p", "x" * 1500), return_frame("p"))
    for number in range(50):
        receive(session, stdout_frame("q", f"{number}" * 100))
        assert pop(live) == StdoutEvent(f"{number}" * 100)
    receive(session, stdout_frame("q", "y" * 500))
    assert isinstance(failure_of(unread), SlowConsumerError)
    assert unread.terminal == (Event.Return, "{}")
    assert live.failure is None
    assert read_all(live) == [StdoutEvent("y" * 500)]


def test_partial_files_with_empty_chunks_count() -> None:
    """D27"""
    session = make_session(max_buffered=10_000)
    box = claim(session, "p")
    for number in range(1000):
        receive(session, chunk_frame("p", f"{number}", 0, 2, b""))
    assert isinstance(failure_of(box), SlowConsumerError)
    release_all(session, claim(session, "p"))
    assert buffered_bytes(session) == 0


@pytest.mark.parametrize(
    "frame", [event_frame("p", "stdout", None), notice_frame("x" * 300)], ids=["malformed", "notice"]
)
def test_corrupt_events_count(frame: bytes | str) -> None:
    """D27"""
    session = make_session(max_buffered=1000)
    box = claim(session, "p")
    for _ in range(50):
        receive(session, frame)
        assert buffered_bytes(session) <= 2000
    assert isinstance(failure_of(box), SlowConsumerError)


def test_the_kind_of_an_unknown_event_counts() -> None:
    """D27"""
    session = make_session(max_buffered=1000)
    claim(session, "p")
    receive(session, event_frame("p", "x" * 1500, None))
    assert should_pause(session)


NAMES = st.sampled_from(["p", "q", "r"])
LIMIT = 2000


class Buffers(RuleBasedStateMachine):
    """Random events and reads: the counted bytes are those of the mailboxes with handles."""

    handles = Bundle("handles")

    def __init__(self) -> None:
        super().__init__()
        self.session = make_session(max_buffered=LIMIT)
        self.boxes: dict[str, Route] = {}
        self.last_seen: dict[str, int] = {}
        self.sent = 0
        self.early = 0
        """Bytes that arrived before a handle existed, which the limit does not count."""

    def _receive(self, frame: bytes | str, name: str) -> None:
        receive(self.session, frame)
        if name in self.boxes:
            assert buffered_bytes(self.session) <= 2 * LIMIT + self.early

    @rule(name=NAMES, size=st.integers(0, 900))
    def send_stdout(self, name: str, size: int) -> None:
        self.sent += 1
        self._receive(stdout_frame(name, f"{self.sent} {'x' * size}"), name)

    @rule(name=NAMES, kind=st.sampled_from(["return", "error"]), value=st.sampled_from(["", "x" * 500, None]))
    def send_terminal_event(self, name: str, kind: str, value: str | None) -> None:
        self._receive(event_frame(name, kind, value), name)

    @rule(
        name=NAMES,
        digest=st.sampled_from([DIGEST, blake3(b"firstfirst").hexdigest(), "h"]),
        index=st.integers(0, 3),
        total=st.integers(1, 3),
        data=st.sampled_from([*PIECES, b"", b"x" * 700]),
    )
    def send_chunk(self, name: str, digest: str, index: int, total: int, data: bytes) -> None:
        self._receive(chunk_frame(name, digest, index, total, data), name)

    @rule(name=NAMES)
    def send_file(self, name: str) -> None:
        for frame in chunk_frames(name, *PIECES):
            self._receive(frame, name)

    @rule(name=NAMES)
    def send_malformed_event(self, name: str) -> None:
        self._receive(raw_frame(type="process_event", process_id=name, event="stdout"), name)

    @rule(text=st.sampled_from(["stream aborted", "x" * 500]))
    def send_server_error(self, text: str) -> None:
        receive(self.session, notice_frame(text))

    @rule(target=handles, name=NAMES)
    def open_handle(self, name: str) -> str:
        before = buffered_bytes(self.session)
        self.boxes[name] = claim(self.session, name)
        self.early += buffered_bytes(self.session) - before
        return name

    @rule(name=handles)
    def pop(self, name: str) -> None:
        event = pop(self.boxes[name]) if name in self.boxes else None
        if isinstance(event, StdoutEvent):
            number = int(event.value.split()[0])
            assert number > self.last_seen.get(name, 0)
            self.last_seen[name] = number

    @rule(name=consumes(handles))
    def release_handle(self, name: str) -> None:
        route = self.boxes.pop(name, None) or claim(self.session, name)
        release_all(self.session, route)
        assert (route.size, route.pop()) == (0, None)

    @invariant()
    def totals_match(self) -> None:
        assert buffered_bytes(self.session) == sum(box.size for box in self.boxes.values())
        assert all(box.size >= 0 for box in self.boxes.values())

    def teardown(self) -> None:
        self.session.fail(lost)
        for box in self.boxes.values():
            read_all(box)
            assert box.size == 0
            assert box.terminal is not None or box.failure is not None
        assert buffered_bytes(self.session) == 0


def test_the_counted_bytes_are_those_of_the_mailboxes() -> None:
    """D27"""
    run_state_machine_as_test(
        Buffers,
        settings=settings(
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow],
            max_examples=60,
            stateful_step_count=40,
        ),
    )


def test_results_of_released_processes_take_no_memory() -> None:
    session = make_session()
    tracemalloc.start()
    try:
        for number in range(100):
            process_id = f"{number:08x}-0000-4000-8000-000000000000"
            route = claim(session, process_id)
            receive(session, stdout_frame(process_id, "x"), return_frame(process_id, "x" * 100_000))
            release_all(session, route)
            del route
        assert tracemalloc.get_traced_memory()[0] < 1_000_000
    finally:
        tracemalloc.stop()


def test_receiving_should_pause_while_many_files_wait_for_the_disk() -> None:
    session = Session(max_buffered=PLENTY, spool_above=100)
    for number in range(20):
        process_id = f"{number:08x}-0000-4000-8000-000000000000"
        claim(session, process_id)
        receive(session, chunk_frames(process_id, bytes(PLENTY), b"end")[0])
    assert session.disk_is_behind
    assert not should_pause(session), "no reader can help"
    while session.effects:
        write = session.effects.popleft()
        assert isinstance(write, WriteFile)
        session.written(write.route, write.file, sum(map(len, write.file.take_batch())))
    assert not session.disk_is_behind
