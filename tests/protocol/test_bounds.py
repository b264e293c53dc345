"""Limits hold whatever a process held before, and what a server sends costs the same however much is open or unread."""

import sys
from collections.abc import Callable

import pytest
from blake3 import blake3

from pie_client import ProcessLostError, ReturnEvent, StdoutEvent
from pie_client._generated import encoders, methods
from pie_client.protocol.session import CheckProcesses, Session, WriteFile
from pie_client.protocol.shares import Share, WhenFull
from tests.protocol.helpers import (
    PLENTY,
    chunk_frame,
    chunk_frames,
    claim,
    lost,
    make_session,
    notice_frame,
    open_call,
    read_all,
    receive,
    release_all,
    reply_frame,
    return_frame,
    stdout_frame,
)

pytestmark = pytest.mark.usefixtures("temporary_files")


def deliver(session: Session, *batch: bytes | str) -> bool:
    """Receive a batch as a connection does, and return whether it would pause then."""
    if session.routes.backlogs.over:
        session.routes.backlogs.enforce()
    session.receive(batch)
    write_all(session)
    if session.routes.backlogs.due or session.routes.backlogs.pressing:
        session.routes.survey()
    return session.should_pause(waiting=False)


def write_all(session: Session) -> None:
    """Pretend to write what waits for the disk."""
    while session.effects:
        write = session.effects.popleft()
        assert isinstance(write, WriteFile)
        batch = write.file.take_batch()
        assert write.file.spool is not None
        write.file.spool.append(batch)
        session.written(write.route, write.file, sum(map(len, batch)))


def calls_of(function: Callable[[], object]) -> int:
    """Return the number of calls that a function makes, of functions in Python and in C."""
    count = 0

    def profile(_frame: object, event: str, _argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(profile)
    try:
        function()
    finally:
        sys.setprofile(None)
    return count


# --------------------------------------------------------------------- limits


@pytest.mark.parametrize("when_full", ["pause", "drop-oldest", "error"])
def test_a_small_share_holds_although_the_process_held_nothing_when_the_limits_were_checked(
    when_full: WhenFull,
) -> None:
    session = make_session()
    session.routes.survey()
    route = session.routes.claim("p", Share(4096, when_full))
    session.routes.survey()
    most = 0
    for number in range(1000):
        if deliver(session, stdout_frame("p", f"{number:01000}")):
            break
        most = max(most, route.held)
    assert most < 4096 + 4096 // 16 + 1200
    assert route.held < 2 * 4096


@pytest.mark.parametrize("when_full", ["pause", "drop-oldest"])
def test_files_on_disk_stay_below_their_limit(when_full: WhenFull) -> None:
    """D27"""
    session = Session(max_buffered=PLENTY, when_full=when_full, spool_above=1000, max_spooled=100_000)
    route = claim(session, "p")
    pauses = False
    for number in range(200):
        pauses = deliver(session, *chunk_frames("p", number.to_bytes() * 2500))
        if pauses:
            break
        assert session.routes.spooling.used <= 100_000 + 100_000 // 16 + 2500
    assert pauses == (when_full == "pause")
    if pauses:
        assert session.routes.spooling.unread <= 25_000 + 100_000 // 16 + 2500
    read_all(route)
    assert session.routes.spooling.used == session.routes.spooling.unread == route.on_disk == 0


def test_losing_a_file_costs_the_same_however_many_events_are_unread() -> None:
    def cost(unread: int) -> int:
        session = Session(max_buffered=PLENTY, when_full="drop-oldest", spool_above=1000, max_spooled=100_000)
        route = claim(session, "p")
        receive(session, *[stdout_frame("p", "x")] * unread)
        files = [chunk_frames("p", number.to_bytes(2) * 1250) for number in range(300)]
        calls = calls_of(lambda: [deliver(session, *file) for file in files])
        assert route.drops > 250
        return calls

    assert cost(20_000) < 1.5 * cost(20)


def test_many_small_shares_do_not_make_the_checks_frequent(monkeypatch: pytest.MonkeyPatch) -> None:
    session = make_session()
    for number in range(2000):
        session.routes.claim(f"p{number}", Share(4096, "pause"))
    surveys = 0
    survey = session.routes.survey

    def count_and_survey() -> None:
        nonlocal surveys
        surveys += 1
        survey()

    monkeypatch.setattr(session.routes, "survey", count_and_survey)
    for number in range(1000):
        deliver(session, stdout_frame(f"p{number}", "x"))
    assert 0 < surveys < 50


# --------------------------------------------------------------------- cost


def notices_with(handles: int, *, ended: bool) -> int:
    """Return the number of calls that 50 notices cost."""
    session = make_session("0.5")
    for number in range(handles):
        claim(session, f"p{number}")
        if ended:
            receive(session, return_frame(f"p{number}"))
    batch = [notice_frame("no worker available"), notice_frame("stream aborted")] * 25
    session.receive(batch)  # logs, and looks once at each process that has ended
    return calls_of(lambda: session.receive(batch))


@pytest.mark.parametrize("ended", [False, True], ids=["running", "ended"])
def test_a_notice_costs_the_same_however_many_handles_are_open(*, ended: bool) -> None:
    assert notices_with(400, ended=ended) <= notices_with(100, ended=ended) + 10


def test_notices_of_an_aborted_stream_ask_for_one_check() -> None:
    session = make_session("0.5")
    session.receive([notice_frame("stream aborted")] * 100)
    assert list(session.effects) == [CheckProcesses()]


def survey_with(unread: int) -> int:
    """Return the number of calls that a survey costs while unread files on disk press."""
    session = Session(max_buffered=PLENTY, spool_above=1000, max_spooled=10_000)
    claim(session, "p")
    claim(session, "q")
    assert deliver(session, *chunk_frames("p", bytes(5000)))
    session.receive([stdout_frame("q", "x")] * unread)
    return calls_of(session.routes.survey)


def test_a_check_costs_the_same_however_much_is_unread_while_files_press() -> None:
    assert survey_with(400) == survey_with(100)


# --------------------------------------------------------------------- handles


def attach(session: Session, process_id: str) -> bytes | str:
    """Ask the server to attach a process, and return its reply."""
    asked = open_call(session, methods.ATTACH_PROCESS)
    session.encode_call(asked.call, lambda corr_id: encoders.attach_process(corr_id, process_id))
    return reply_frame(asked.call.corr_id, "Process attached")


def test_an_earlier_handle_goes_on_when_its_process_is_attached_again_after_an_overflow() -> None:
    session = make_session()
    first = session.routes.claim("p", Share(4096, "error"))
    for _ in range(3):
        receive(session, stdout_frame("p", "x" * 4096))
    assert first.overflow
    second = session.routes.claim("p", Share(PLENTY, "error"))
    receive(session, stdout_frame("p", "again"), return_frame("p"))
    assert first.terminal == second.terminal
    assert first.terminal is not None
    assert read_all(second) == [StdoutEvent("again"), ReturnEvent("{}")]


def test_an_earlier_handle_ends_with_the_connection_although_its_process_was_attached_again() -> None:
    session = make_session()
    first = session.routes.claim("p", Share(4096, "error"))
    for _ in range(3):
        receive(session, stdout_frame("p", "x" * 4096))
    claim(session, "p")
    session.fail(lost)
    assert first.failure is not None


def test_a_process_that_was_taken_for_lost_goes_on_when_the_server_gives_it_back() -> None:
    session = make_session()
    first = claim(session, "p")
    receive(session, stdout_frame("p", "before"))
    session.routes.fail(["p"], lambda: ProcessLostError("gone"))
    receive(session, attach(session, "p"), stdout_frame("p", "at once"))
    second = claim(session, "p")
    assert first.failure is second.failure is None
    assert read_all(second) == [StdoutEvent("before"), StdoutEvent("at once")]
    assert [route.process_id for route in session.routes.live()] == ["p"]
    release_all(session, second)
    assert session.routes.live() == []


def test_processes_that_only_the_lost_connection_knew_are_forgotten() -> None:
    session = Session(max_buffered=PLENTY, spool_above=1000)
    handle = claim(session, "p")
    digest = blake3(bytes(4000)).hexdigest()
    receive(session, stdout_frame("q", "x"), chunk_frame("q", digest, 0, 2, bytes(2000)))
    write_all(session)
    assert session.routes.spooling.used
    session.interrupt(lost, gaps=False)
    # The reply that names a process may have been the last thing received.
    assert read_all(session.routes.claim("q"))
    receive(session, stdout_frame("r", "x"), chunk_frame("r", digest, 0, 2, bytes(2000)))
    write_all(session)
    session.resume()
    assert list(session.routes.by_id) == ["p", "q"]
    release_all(session, session.routes.by_id["q"])
    assert session.routes.spooling.used == session.routes.spooling.unwritten == 0
    assert session.routes.by_id["p"] is handle
