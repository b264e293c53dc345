"""Events and files: from frames to the mailbox of their process, before and after it has a handle."""

import json
import logging

import pytest
from blake3 import blake3

from pie_client import (
    ConnectionLostError,
    CorruptEvent,
    ErrorEvent,
    Event,
    FileEvent,
    MessageEvent,
    ProtocolError,
    ReturnEvent,
    StderrEvent,
    StdoutEvent,
    UnknownEvent,
    models,
)
from pie_client._generated import encoders, methods
from pie_client.protocol import codec
from tests.protocol.helpers import (
    DIGEST,
    PIECES,
    SECRET,
    buffered_bytes,
    chunk_frame,
    chunk_frames,
    claim,
    event_frame,
    failure_of,
    lost,
    make_session,
    open_call,
    raw_frame,
    read_all,
    receive,
    release_all,
    reply_frame,
    return_frame,
    stdout_frame,
)


@pytest.mark.parametrize(
    "frame",
    [b"", b"\xc1", b"\x82", b"\x80", b"\xc0", b"\x01", b"\x93\x01\x02\x03", b"\x80\x80", "", "hello", "[]"],
    ids=repr,
)
def test_a_malformed_frame_is_counted_and_skipped(frame: bytes | str) -> None:
    """D2"""
    session = make_session()
    asked = open_call(session)
    box = claim(session, "p")
    receive(session, frame, frame)
    assert session.malformed_frames == 2
    assert not asked.answered
    assert read_all(box) == []
    receive(session, reply_frame(asked.call.corr_id), stdout_frame("p", "x"))
    assert asked.results == ["Pong"]
    assert read_all(box) == [StdoutEvent("x")]


@pytest.mark.parametrize(
    "fields",
    [
        {"type": "process_event", "event": "stdout"},
        {"type": "process_event", "event": "message", "value": SECRET.encode()},
        {"type": "process_event", "event": 5, "value": SECRET},
        {"type": "process_event", "value": SECRET},
        {"type": "file", "file_hash": "h", "chunk_index": 0, "total_chunks": 1},
        {"type": "file", "file_hash": "h", "chunk_index": 0, "total_chunks": 1, "chunk_data": SECRET},
        {"type": "file", "file_hash": "h", "chunk_index": -1, "total_chunks": 1, "chunk_data": b""},
    ],
)
@pytest.mark.parametrize("with_handle", [True, False])
def test_a_malformed_event_is_a_corrupt_event_in_its_place(
    fields: dict[str, object], with_handle: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """D2"""
    session = make_session()
    if with_handle:
        claim(session, "p")
    other = claim(session, "q")
    receive(
        session,
        stdout_frame("p", "a"),
        raw_frame(process_id="p", **fields),
        stdout_frame("p", "b"),
        return_frame("p"),
    )
    box = claim(session, "p")
    [before, corrupt, after, end] = read_all(box)
    assert (before, after) == (StdoutEvent("a"), StdoutEvent("b"))
    assert isinstance(corrupt, CorruptEvent)
    assert len(corrupt.value.splitlines()) == 1
    assert SECRET not in corrupt.value + caplog.text
    assert end == ReturnEvent("{}")
    assert box.terminal == (Event.Return, "{}")
    assert read_all(other) == []
    assert session.malformed_frames == 1


@pytest.mark.parametrize("kind", ["return", "error"])
@pytest.mark.parametrize("with_handle", [True, False])
def test_a_malformed_terminal_event_ends_the_process(kind: str, with_handle: bool) -> None:
    session = make_session()
    if with_handle:
        claim(session, "p")
    receive(session, stdout_frame("p", "a"), event_frame("p", kind, None), stdout_frame("p", "b"))
    box = claim(session, "p")
    assert read_all(box) == [StdoutEvent("a")]
    assert isinstance(failure_of(box), ProtocolError)
    assert failure_of(box) is not failure_of(box)


def test_unknown_message_types_are_logged_once_each(
    caplog: pytest.LogCaptureFixture,
) -> None:
    session = make_session()
    for _ in range(3):
        receive(session, raw_frame(type="metrics"), json.dumps({"type": "hints"}), raw_frame(type="m" * 9999))
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * 3
    assert len(caplog.text) < 1000
    receive(session, *(raw_frame(type=f"type {number}") for number in range(9999)))
    assert len(caplog.records) <= 100
    assert session.malformed_frames == 0


def test_events_reach_their_process_in_order() -> None:
    session = make_session()
    one, two = claim(session, "p"), claim(session, "q")
    receive(
        session,
        stdout_frame("p", "1"),
        event_frame("q", "stderr", "2"),
        event_frame("p", "message", "3"),
        event_frame("q", "error", "Signal"),
        return_frame("p", "5"),
    )
    assert read_all(one) == [StdoutEvent("1"), MessageEvent("3"), ReturnEvent("5")]
    assert read_all(two) == [StderrEvent("2"), ErrorEvent("Signal")]


def test_an_event_of_an_unknown_kind_is_kept() -> None:
    """D28"""
    session = make_session()
    box = claim(session, "p")
    receive(session, event_frame("p", "metrics", None), event_frame("p", "file", "x"), return_frame("p"))
    assert read_all(box) == [
        UnknownEvent("metrics", None),
        UnknownEvent("file", "x"),
        ReturnEvent("{}"),
    ]


def test_events_and_files_before_the_handle_are_kept_in_order() -> None:
    """D20"""
    session = make_session()
    first, second = chunk_frames("p", b"a" * 10, b"b")
    receive(session, stdout_frame("p", "1"), first, stdout_frame("p", "2"), second, *chunk_frames("p", b"c"))
    box = claim(session, "p")
    receive(session, return_frame("p"))
    assert read_all(box) == [
        StdoutEvent("1"),
        StdoutEvent("2"),
        b"aaaaaaaaaab",
        b"c",
        ReturnEvent("{}"),
    ]


def test_a_file_may_begin_before_the_handle_and_end_after() -> None:
    """D20"""
    session = make_session()
    first, second = chunk_frames("p", b"a" * 10, b"b")
    receive(session, first)
    box = claim(session, "p")
    receive(session, second)
    assert read_all(box) == [FileEvent(b"aaaaaaaaaab")]
    assert buffered_bytes(session) == 0


def test_a_process_that_ends_before_its_handle_keeps_its_events() -> None:
    """D26"""
    session = make_session()
    receive(
        session,
        stdout_frame("p", "1"),
        return_frame("p"),
        stdout_frame("p", "late"),
        return_frame("p", "again"),
    )
    box = claim(session, "p")
    receive(session, stdout_frame("p", "later"))
    assert read_all(box) == [StdoutEvent("1"), ReturnEvent("{}")]
    assert box.terminal == (Event.Return, "{}")


def test_processes_that_end_before_their_handles_leave_nothing_behind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """D26"""
    monkeypatch.setattr("pie_client.protocol.routes.IGNORED_ROUTES", 3)
    session = make_session()
    for number in range(10):
        receive(session, stdout_frame(f"p{number}", "1"), return_frame(f"p{number}"))
        box = claim(session, f"p{number}")
        assert read_all(box) == [StdoutEvent("1"), ReturnEvent("{}")]
        assert session.routes.live() == []
        session.routes.release(box)
    assert len(session.routes.by_id) <= 3, "only the late events of a few are recognized"


@pytest.mark.parametrize("end", [return_frame("p"), event_frame("p", "error", "Signal")])
def test_events_after_the_terminal_event_are_dropped(end: bytes) -> None:
    """D25"""
    session = make_session()
    box = claim(session, "p")
    receive(
        session,
        end,
        stdout_frame("p", "late"),
        end,
        *chunk_frames("p", b"x"),
        raw_frame(type="file", process_id="p"),
    )
    assert len(read_all(box)) == 1
    release_all(session, claim(session, "p"))
    receive(session, stdout_frame("p", "later"))
    assert read_all(claim(session, "p")) == []
    assert buffered_bytes(session) == 0


def test_events_of_a_released_process_are_dropped() -> None:
    """D25"""
    session = make_session()
    box = claim(session, "p")
    receive(session, stdout_frame("p", "unread"))
    release_all(session, claim(session, "p"))
    receive(session, stdout_frame("p", "late"), *chunk_frames("p", b"x"), event_frame("p", "stdout", None))
    assert read_all(box) == []
    assert buffered_bytes(session) == 0
    assert read_all(claim(session, "p")) == []


def test_releasing_a_mailbox_twice_is_harmless() -> None:
    session = make_session()
    release_all(session, claim(session, "p"))
    release_all(session, claim(session, "p"))


def test_a_process_has_one_mailbox() -> None:
    """D30"""
    session = make_session()
    box = claim(session, "p")
    receive(session, stdout_frame("p", "1"))
    assert claim(session, "p") is box
    assert read_all(box) == [StdoutEvent("1")]
    assert buffered_bytes(session) == 0


def test_events_after_attaching_again_are_kept_for_the_new_handle() -> None:
    """D20"""
    session = make_session()
    claim(session, "p")
    release_all(session, claim(session, "p"))
    asked = open_call(session, methods.ATTACH_PROCESS)
    session.encode_call(asked.call, lambda corr_id: encoders.attach_process(corr_id, "p"))
    receive(session, stdout_frame("p", "before"))
    receive(session, reply_frame(asked.call.corr_id, "Process attached"), stdout_frame("p", "buffered"))
    assert read_all(claim(session, "p")) == [StdoutEvent("buffered")]


def test_equal_files_of_two_processes_may_be_interleaved() -> None:
    """D22"""
    session = make_session()
    one, two = claim(session, "p"), claim(session, "q")
    pieces = (b"same" * 10, b"end")
    for chunks in zip(chunk_frames("p", *pieces), chunk_frames("q", *pieces), strict=True):
        receive(session, *chunks)
    assert read_all(one) == read_all(two) == [FileEvent(b"".join(pieces))]


def test_different_files_of_one_process_may_be_interleaved() -> None:
    """D22"""
    session = make_session()
    box = claim(session, "p")
    for chunks in zip(chunk_frames("p", b"a", b"b"), chunk_frames("p", b"c", b"d"), strict=True):
        receive(session, *chunks)
    assert read_all(box) == [FileEvent(b"ab"), FileEvent(b"cd")]


def test_a_file_has_its_name_and_digest() -> None:
    session = make_session()
    box = claim(session, "p")
    digest = blake3(b"abc").hexdigest()
    chunk = models.FileChunk(
        process_id="p", file_hash=digest, chunk_index=0, total_chunks=1, chunk_data=b"abc", name="a.txt"
    )
    receive(session, codec.encode_server_message(chunk, "0.5"))
    [file] = read_all(box)
    assert isinstance(file, FileEvent)
    assert (file.read(), file.name, file.digest) == (b"abc", "a.txt", digest)


def test_one_empty_chunk_is_an_empty_file() -> None:
    session = make_session()
    box = claim(session, "p")
    receive(session, *chunk_frames("p", b""))
    [file] = read_all(box)
    assert isinstance(file, FileEvent)
    assert (file.read(), file.size) == (b"", 0)


CORRUPT_FILES = {
    "first chunk missing": [(1, 3, b"second"), (2, 3, b"third")],
    "chunk missing": [(0, 3, b"first"), (2, 3, b"third")],
    "chunk twice": [(0, 3, b"first"), (1, 3, b"second"), (1, 3, b"second"), (2, 3, b"third")],
    "chunks swapped": [(0, 3, b"first"), (2, 3, b"third"), (1, 3, b"second")],
    "chunk short": [(0, 3, b"first"), (1, 3, b"secon"), (2, 3, b"third")],
    "chunk corrupt": [(0, 3, b"first"), (1, 3, b"sEcond"), (2, 3, b"third")],
    "count changed": [(0, 3, b"first"), (1, 4, b"second"), (2, 3, b"third")],
    "index beyond the count": [(3, 3, b"first")],
    "all but the last, then the end": [(0, 3, b"first"), (1, 3, b"second")],
    "empty": [(0, 1, b"")],
}


@pytest.mark.parametrize("sent", CORRUPT_FILES.values(), ids=CORRUPT_FILES)
def test_a_corrupt_file_is_one_event(sent: list[tuple[int, int, bytes]]) -> None:
    """D21"""
    session = make_session()
    box, other = claim(session, "p"), claim(session, "q")
    for index, total, data in sent:
        receive(session, chunk_frame("p", DIGEST, index, total, data))
    receive(session, *chunk_frames("p", b"next"), *chunk_frames("q", b"other"), return_frame("p"))
    found = read_all(box)
    [corrupt] = [event for event in found if isinstance(event, CorruptEvent)]
    assert corrupt.value.startswith(f"file {DIGEST} is lost: ")
    assert len(corrupt.value.splitlines()) == 1
    assert [event for event in found if event != corrupt] == [FileEvent(b"next"), ReturnEvent("{}")]
    assert read_all(other) == [FileEvent(b"other")]
    assert buffered_bytes(session) == 0


def test_a_file_of_no_chunks_is_one_invalid_event() -> None:
    session = make_session()
    box = claim(session, "p")
    receive(session, chunk_frame("p", DIGEST, 0, 0, b"first"), *chunk_frames("p", b"next"), return_frame("p"))
    corrupt, *others = read_all(box)
    assert isinstance(corrupt, CorruptEvent)
    assert "total_chunks" in corrupt.value
    assert others == [FileEvent(b"next"), ReturnEvent("{}")]


@pytest.mark.parametrize("sent", CORRUPT_FILES.values(), ids=CORRUPT_FILES)
def test_a_corrupt_file_can_be_sent_again(sent: list[tuple[int, int, bytes]]) -> None:
    """D21"""
    session = make_session()
    box = claim(session, "p")
    for index, total, data in sent:
        receive(session, chunk_frame("p", DIGEST, index, total, data))
    receive(session, *chunk_frames("p", *PIECES), *chunk_frames("p", *PIECES))
    whole = FileEvent(b"".join(PIECES))
    [corrupt, first, second] = read_all(box)
    assert isinstance(corrupt, CorruptEvent)
    assert first == second == whole
    assert buffered_bytes(session) == 0


@pytest.mark.parametrize("digest", ["", "h", "0" * 63 + "g", DIGEST.upper(), f"{SECRET}\nx", "z" * 9999])
def test_a_file_with_an_invalid_digest_is_a_corrupt_event(digest: str) -> None:
    """D21"""
    session = make_session()
    box = claim(session, "p")
    receive(session, chunk_frame("p", digest, 0, 1, b"x"), *chunk_frames("p", b"next"))
    [corrupt, following] = read_all(box)
    assert isinstance(corrupt, CorruptEvent)
    assert len(corrupt.value.splitlines()) == 1
    assert len(corrupt.value) < 200
    assert following == FileEvent(b"next")


def test_a_partial_file_is_a_corrupt_event_before_the_terminal_event() -> None:
    """D21"""
    session = make_session()
    box = claim(session, "p")
    first, _ = chunk_frames("p", b"a", b"b")
    receive(session, first, stdout_frame("p", "x"), return_frame("p"))
    [before, corrupt, end] = read_all(box)
    assert before == StdoutEvent("x")
    assert isinstance(corrupt, CorruptEvent)
    assert end == ReturnEvent("{}")
    assert buffered_bytes(session) == 0


def test_events_can_be_read_after_the_connection_is_lost() -> None:
    """D24"""
    session = make_session()
    box = claim(session, "p")
    first, _ = chunk_frames("p", b"a", b"b")
    receive(session, stdout_frame("p", "1"), first)
    session.fail(lost)
    assert read_all(box) == [StdoutEvent("1")]
    error = failure_of(box)
    assert isinstance(error, ConnectionLostError)
    assert error.sent is None
    assert error is not failure_of(box)
    assert buffered_bytes(session) == 0


def test_a_finished_process_is_not_failed_by_a_lost_connection() -> None:
    """D23"""
    session = make_session()
    box = claim(session, "p")
    receive(session, return_frame("p"))
    session.fail(lost)
    assert box.failure is None
    assert read_all(box) == [ReturnEvent("{}")]
