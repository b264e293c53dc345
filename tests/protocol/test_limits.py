"""Limits of buffered events: when receiving should pause, and which mailboxes are discarded."""

import contextlib
import functools
import logging
import tracemalloc
from collections import deque
from collections.abc import Callable

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
    CorruptEvent,
    Event,
    FileEvent,
    ProtocolError,
    ReturnEvent,
    SlowConsumerError,
    StdoutEvent,
)
from pie_client._generated import encoders, methods
from pie_client.protocol.routes import Route
from pie_client.protocol.session import Session, WriteFile
from pie_client.protocol.shares import Share, WhenFull
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

pytestmark = pytest.mark.usefixtures("temporary_files")


def test_the_oldest_mailbox_without_a_handle_is_discarded_first(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """D25"""
    monkeypatch.setattr("pie_client.protocol.backlog.UNCLAIMED_BYTES", 1000)
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
    monkeypatch.setattr("pie_client.protocol.backlog.UNCLAIMED_BYTES", 1000)
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
    monkeypatch.setattr("pie_client.protocol.backlog.UNCLAIMED_BYTES", 200)
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


def sent_while_full(
    share: int, when_full: WhenFull, *, reading: bool = False, awaited: bool = False
) -> tuple[Session, Route]:
    """Return a session and a process of which ten times its share has arrived, while reading went on."""
    session = Session(max_buffered=share, when_full=when_full, spool_above=PLENTY)
    route = claim(session, "p")
    if reading:
        assert route.pop() is None
    route.awaited += awaited
    for number in range(100):
        receive(session, stdout_frame("p", f"{number:0{share // 10}}"))
    return session, route


@pytest.mark.parametrize(
    ("when_full", "awaited"), [("drop-oldest", False), ("drop-oldest", True), ("pause", True)]
)
def test_the_oldest_events_are_dropped_where_nobody_reads_them(
    when_full: WhenFull, *, awaited: bool, caplog: pytest.LogCaptureFixture
) -> None:
    session, route = sent_while_full(10_000, when_full, awaited=awaited)
    assert not should_pause(session, waiting=awaited)
    assert 8_000 < route.held <= 10_000
    receive(session, return_frame("p"))
    *kept, end = read_all(route)
    assert end == ReturnEvent("{}")
    numbers = [int(event.value) for event in kept if isinstance(event, StdoutEvent)]
    assert numbers == list(range(route.drops, 100)), "no gap, and no error"
    assert session.routes.backlogs.dropped == route.drops
    [record] = caplog.records
    assert record.levelno == logging.WARNING
    assert "dropping unread events of process p" in record.getMessage(), "told once"


def test_a_reader_loses_nothing_below_the_total_and_is_told_of_losses_above() -> None:
    """D27"""
    session, route = sent_while_full(10_000, "pause", reading=True, awaited=True)
    assert should_pause(session, waiting=True)
    assert 70_000 < route.held <= 80_000, "eight shares are the total"
    assert route.drops > 0
    with pytest.raises(SlowConsumerError, match=f"^{route.drops} unread events of process p were dropped; "):
        route.pop()
    numbers = [int(event.value) for event in read_all(route) if isinstance(event, StdoutEvent)]
    assert numbers == list(range(route.drops, 100))


def test_with_error_all_events_are_dropped_but_not_the_result() -> None:
    session, route = sent_while_full(10_000, "error", reading=True)
    assert not should_pause(session)
    assert SECRET not in route.overflow
    assert "process p" in route.overflow
    assert len(route.overflow.splitlines()) == 1
    receive(session, return_frame("p", "7"), stdout_frame("p", "late"))
    assert route.pop() is None
    assert (route.terminal, route.held) == ((Event.Return, "7"), 0)
    assert session.routes.running() == set()


def test_the_share_of_a_handle_replaces_that_of_the_session() -> None:
    session = make_session(max_buffered=1000)
    small, large = claim(session, "p"), session.routes.claim("q", Share(100_000, "pause"))
    receive(session, stdout_frame("q", "x" * 50_000))
    assert not should_pause(session)
    receive(session, stdout_frame("p", "x" * 1000))
    assert should_pause(session)
    session.routes.claim("p", Share(5000, "pause"))
    assert not should_pause(session)
    assert (small.drops, large.drops) == (0, 0)


def test_who_waits_keeps_receiving_only_while_no_reader_is_behind() -> None:
    """A reader of a process that is full is waited for; a process that nobody reads is not."""
    session = make_session(max_buffered=1000)
    behind, _other = claim(session, "p"), claim(session, "q")
    receive(session, stdout_frame("p", "x" * 1000), stdout_frame("p", "y" * 1000))
    assert should_pause(session)
    assert not should_pause(session, waiting=True)
    assert pop(behind) == StdoutEvent("x" * 1000)
    assert should_pause(session, waiting=True)


def test_a_process_is_unread_when_nothing_was_taken_for_a_while_and_read_again_later() -> None:
    session = make_session(max_buffered=1000)
    route = claim(session, "p")
    for text in "abcd":
        receive(session, stdout_frame("p", text * 1000))
    assert pop(route) == StdoutEvent("a" * 1000)
    backlogs = session.routes.backlogs
    backlogs.suspect_readers()
    assert pop(route) == StdoutEvent("b" * 1000)
    backlogs.forget_readers()
    backlogs.suspect_readers()
    backlogs.forget_readers()
    assert not should_pause(session, waiting=True)
    assert pop(route) == StdoutEvent("c" * 1000)
    receive(session, stdout_frame("p", "e" * 1000))
    assert not should_pause(session, waiting=True), "it would keep others waiting again"
    assert pop(route) == StdoutEvent("d" * 1000)
    assert pop(route) == StdoutEvent("e" * 1000)
    assert not should_pause(session)
    for text in "fg":
        receive(session, stdout_frame("p", text * 1000))
    assert should_pause(session, waiting=True)


def test_a_reader_that_waits_is_not_taken_for_gone() -> None:
    session = make_session(max_buffered=1000)
    route = claim(session, "p")
    assert pop(route) is None
    session.routes.backlogs.suspect_readers()
    session.routes.backlogs.forget_readers()
    assert route.reading


def test_an_arriving_file_does_not_pause_what_it_needs_to_arrive() -> None:
    session = make_session(max_buffered=1000)
    claim(session, "p")
    first, second = chunk_frames("p", b"x" * 5000, b"y")
    receive(session, first)
    assert not should_pause(session), "no reader can take a part of a file"
    receive(session, second)
    assert should_pause(session)


def test_above_the_total_the_largest_backlogs_lose_events() -> None:
    """D27"""
    session = Session(max_buffered=10_000, max_buffered_total=20_000, spool_above=PLENTY)
    routes = [claim(session, name) for name in "pqrs"]
    for _ in range(12):
        for route, size in zip(routes, (900, 800, 700, 10), strict=True):
            receive(session, stdout_frame(route.process_id, "x" * size))
    assert 18_000 < session.routes.backlogs.held <= 20_000
    assert [route.drops > 0 for route in routes] == [True, True, True, False]


def test_strings_count_with_the_bytes_that_they_take() -> None:
    session = make_session(max_buffered=PLENTY)
    route = claim(session, "p")
    for text in ("a", "é", "€", "😀"):
        receive(session, stdout_frame("p", text * 10_000), stdout_frame("p", "a" * 9_999 + text))
    assert route.held >= 2 * 10_000 * (1 + 1 + 2 + 4)
    read_all(route)
    assert route.held == 0


def test_announced_files_count_with_the_memory_that_they_take() -> None:
    """D27"""
    session = make_session(max_buffered=PLENTY)
    route = claim(session, "p")
    frames = [chunk_frame("p", f"{number:064}", 0, 2, b"") for number in range(300)]
    tracemalloc.start()
    try:
        receive(session, *frames)
        taken = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert taken * 0.5 < route.held < taken * 2
    release_all(session, claim(session, "p"))
    assert buffered_bytes(session) == 0


@pytest.mark.parametrize(
    "frame", [event_frame("p", "stdout", None), notice_frame("x" * 300)], ids=["malformed", "notice"]
)
def test_corrupt_events_count(frame: bytes | str) -> None:
    """D27"""
    session = make_session(max_buffered=1000)
    box = claim(session, "p")
    for _ in range(100):
        receive(session, frame)
        assert buffered_bytes(session) <= 8000
    assert box.drops > 0


def test_the_kind_of_an_unknown_event_counts() -> None:
    """D27"""
    session = make_session(max_buffered=1000)
    claim(session, "p")
    receive(session, event_frame("p", "x" * 1500, None))
    assert should_pause(session)


def spooling_session(limit: int) -> Session:
    return Session(max_buffered=PLENTY, spool_above=100, max_spooled=limit)


def write_all(session: Session) -> None:
    """Pretend to write what waits for the disk."""
    while session.effects:
        write = session.effects.popleft()
        assert isinstance(write, WriteFile)
        batch = write.file.take_batch()
        assert write.file.spool is not None
        write.file.spool.append(batch)
        session.written(write.route, write.file, sum(map(len, batch)))


def test_a_file_larger_than_the_limit_for_files_is_lost() -> None:
    session = spooling_session(100_000)
    route = claim(session, "p")
    for index in range(11):
        receive(session, chunk_frame("p", DIGEST, index, 2**64 - 1, bytes(10_000)))
    lost, *rest = read_all(route)
    assert isinstance(lost, CorruptEvent)
    assert lost.value.endswith("it is larger than max_spooled=100000 bytes; raise max_spooled")
    assert rest == []
    assert session.routes.spooling.used == session.routes.spooling.unwritten == 0


def test_arriving_files_on_disk_are_limited_together() -> None:
    session = spooling_session(100_000)
    routes = [claim(session, name) for name in "pq"]
    for index in range(9):
        for route in routes:
            receive(session, chunk_frame(route.process_id, DIGEST, index, 2**64 - 1, bytes(10_000)))
            assert session.routes.spooling.used <= 100_000
    assert [len(read_all(route)) for route in routes] == [1, 0]


def test_unread_files_on_disk_are_limited_and_pause_before_that() -> None:
    session = spooling_session(100_000)
    route, other = claim(session, "p"), claim(session, "q")
    files = [bytes([number]) * 40_000 for number in range(3)]
    receive(session, *chunk_frames("p", files[0]))
    write_all(session)
    assert should_pause(session)
    assert not should_pause(session, waiting=True)
    for file in files[1:]:
        receive(session, *chunk_frames("q", file))
        write_all(session)
    first, second, third = *read_all(route), *read_all(other)
    # The process with the most bytes on disk loses its oldest file.
    assert [isinstance(event, FileEvent) for event in (first, second, third)] == [True, False, True]
    assert isinstance(second, CorruptEvent)
    assert "max_spooled" in second.value
    assert isinstance(third, FileEvent)
    assert third.read() == files[2]
    assert session.routes.spooling.used == session.routes.spooling.unread == 0
    assert not should_pause(session)


NAMES = st.sampled_from(["p", "q", "r"])
LIMIT = 2000
LARGEST = 4000
"""Most memory of an event or of a file of which nothing has arrived."""


class Buffers(RuleBasedStateMachine):
    """Random events and reads: the counted bytes are those of the mailboxes with handles."""

    handles = Bundle("handles")

    def __init__(self) -> None:
        super().__init__()
        self.session = make_session(max_buffered=LIMIT)
        self.boxes: dict[str, Route] = {}
        self.last_seen: dict[str, int] = {}
        self.sent = 0

    def _receive(self, frame: bytes | str, name: str) -> None:
        receive(self.session, frame)
        if name in self.boxes:
            assert buffered_bytes(self.session) <= 8 * LIMIT + LARGEST

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
        self.boxes[name] = claim(self.session, name)
        return name

    @rule(name=handles)
    def pop(self, name: str) -> None:
        try:
            event = pop(self.boxes[name]) if name in self.boxes else None
        except SlowConsumerError:
            event = None
        if isinstance(event, StdoutEvent):
            number = int(event.value.split()[0])
            assert number > self.last_seen.get(name, 0)
            self.last_seen[name] = number

    @rule(name=consumes(handles))
    def release_handle(self, name: str) -> None:
        route = self.boxes.pop(name, None) or claim(self.session, name)
        release_all(self.session, route)
        assert (route.held, route.pop()) == (0, None)

    @invariant()
    def totals_match(self) -> None:
        assert buffered_bytes(self.session) == sum(box.held for box in self.boxes.values())
        assert all(box.held >= 0 for box in self.boxes.values())

    def teardown(self) -> None:
        self.session.fail(lost)
        for box in self.boxes.values():
            with contextlib.suppress(SlowConsumerError):
                read_all(box)
            read_all(box)
            assert box.held == 0
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


def return_much(session: Session, route: Route) -> None:
    receive(session, return_frame(route.process_id, "x" * 100_000))


def hand_over(_session: Session, route: Route) -> None:
    route.handed_over = deque([StdoutEvent("x" * 100_000)])


def fail_with_a_long_text(_session: Session, route: Route) -> None:
    route.fail(functools.partial(ProtocolError, "x" * 100_000))


def lose_files(session: Session, route: Route) -> None:
    digests = [route.process_id + f"{file:092x}" for file in range(64)]
    receive(session, *[chunk_frame(route.process_id, digest, 1, 2, b"x") for digest in digests])


@pytest.mark.parametrize("hold", [return_much, hand_over, fail_with_a_long_text, lose_files])
def test_a_released_process_holds_nothing(hold: Callable[[Session, Route], None]) -> None:
    session = make_session()
    tracemalloc.start()
    try:
        for number in range(20):
            process_id = f"{number:08x}-0000-4000-8000-000000000000"
            route = claim(session, process_id)
            receive(
                session, stdout_frame(process_id, "x")
            )  # its prefix is remembered, and refers to the route
            hold(session, route)
            release_all(session, route)
            del route
        assert tracemalloc.get_traced_memory()[0] < 100_000
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
