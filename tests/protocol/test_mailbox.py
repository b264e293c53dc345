"""The mailbox of one process: waiters, and the count of its bytes."""

import tracemalloc
from collections.abc import Callable

import pytest
from blake3 import blake3

from pie_client import (
    CorruptEvent,
    Event,
    PieError,
    ReturnEvent,
    SlowConsumerError,
    StdoutEvent,
)
from pie_client._generated.decoders import FileChunkRecord
from pie_client.protocol.files import Spooling
from pie_client.protocol.mailbox import Mailbox
from pie_client.protocol.session import Session
from pie_client.protocol.shares import Share
from tests.protocol.helpers import (
    claim,
    event_frame,
    pop,
    read_all,
    receive,
)


class Waiter:
    """Counts how often it is woken."""

    def __init__(self) -> None:
        self.woken = 0

    def done(self) -> bool:
        return self.woken > 0

    def set_result(self, _result: None) -> None:
        self.woken += 1


def test_every_waiter_is_woken_once_by_the_next_change() -> None:
    box = mailbox()
    one, other, cancelled = Waiter(), Waiter(), Waiter()
    for waiter in (one, other, cancelled):
        box.add_waiter(waiter)
    box.remove_waiter(cancelled)
    box.put((Event.Stdout, "1"))
    box.put((Event.Stdout, "2"))
    assert (one.woken, other.woken, cancelled.woken) == (1, 1, 0)


def mailbox() -> Mailbox:
    return Mailbox("p", Share(1000, "pause"), Spooling())


CHANGES: dict[str, Callable[[Mailbox], None]] = {
    "the end": lambda box: box.put((Event.Return, "1")),
    "a failure": lambda box: box.fail(lambda: PieError("gone")),
    "a discard": lambda box: box.discard(),
    "an event put back": lambda box: box.put_back((Event.Stdout, "1")),
}


@pytest.mark.parametrize("change", CHANGES)
def test_every_change_wakes(change: str) -> None:
    box, waiter = mailbox(), Waiter()
    box.add_waiter(waiter)
    CHANGES[change](box)
    assert waiter.woken == 1


def test_an_event_after_the_terminal_event_wakes_nothing() -> None:
    box, waiter = mailbox(), Waiter()
    box.put((Event.Return, "1"))
    box.add_waiter(waiter)
    box.put((Event.Stdout, "late"))
    assert waiter.woken == 0


def test_a_process_with_another_handle_is_not_released() -> None:
    session = Session(max_buffered=1000)
    route = claim(session, "p")
    assert claim(session, "p") is route
    session.routes.release(route)
    receive(session, event_frame("p", "stdout", "1"))
    assert pop(route) == StdoutEvent("1")
    session.routes.release(route)
    receive(session, event_frame("p", "stdout", "2"))
    assert pop(route) is None


def test_the_rest_of_a_discarded_file_counts_nothing() -> None:
    box = mailbox()
    digest = blake3(b"ab").hexdigest()
    first, second = (
        FileChunkRecord("p", digest, index, 2, data, None) for index, data in enumerate((b"a", b"b"))
    )
    box.add_chunk(first)
    assert box.held > 0
    box.discard()
    assert box.held == 0
    box.add_chunk(second)
    box.fail(lambda: PieError("gone"))
    [corrupt] = read_all(box)
    assert isinstance(corrupt, CorruptEvent)
    assert box.held == 0


def test_dropping_keeps_the_newest_event_and_raises_once_in_the_reader() -> None:
    box = mailbox()
    for number in range(5):
        box.put((Event.Stdout, f"{number}" * 100))
    assert box.drop_oldest(500, tell=True) == 3
    assert box.drop_oldest(0, tell=True) == 1
    box.put((Event.Return, "1"))
    with pytest.raises(SlowConsumerError, match=r"^4 unread events of process p were dropped; "):
        box.pop()
    assert read_all(box) == [StdoutEvent("4" * 100), ReturnEvent("1")]
    assert (box.drops, box.held) == (4, 0)


def test_a_reader_that_waits_for_a_file_to_be_written_is_woken_when_the_file_is_dropped() -> None:
    box = Mailbox("p", Share(1000, "pause"), Spooling(above=1))
    data = b"xyz"
    box.add_chunk(FileChunkRecord("p", blake3(data).hexdigest(), 0, 1, data, None))
    box.put((Event.Stdout, "after"))
    assert box.pop() is None
    waiter = Waiter()
    box.add_waiter(waiter)
    assert box.drop_oldest(0, tell=False) == 1
    assert waiter.woken == 1
    assert read_all(box) == [StdoutEvent("after")]


def test_dropping_without_telling_leaves_no_trace_but_the_count() -> None:
    box = mailbox()
    box.put((Event.Stdout, "x" * 500))
    box.put((Event.Return, "1"))
    assert box.drop_oldest(0, tell=False) == 1
    assert read_all(box) == [ReturnEvent("1")]
    assert box.drops == 1


@pytest.mark.parametrize("ended", [False, True])
def test_a_process_whose_events_are_ignored_keeps_its_result(*, ended: bool) -> None:
    box = mailbox()
    box.put((Event.Stdout, "1"))
    if ended:
        box.put((Event.Return, "1"))
    box.ignore_more("too slow")
    if not ended:
        box.put((Event.Stdout, "2"))
        box.put((Event.Return, "1"))
    assert box.pop() is None
    assert (box.overflow, box.terminal, box.held) == ("too slow", (Event.Return, "1"), 0)


def test_a_file_that_arrives_is_lost_only_after_all_older_events() -> None:
    box = mailbox()
    digest = blake3(b"ab").hexdigest()
    box.put((Event.Stdout, "x" * 5000))
    box.add_chunk(FileChunkRecord("p", digest, 0, 2, b"a", None))
    box.put((Event.Stdout, "y"))
    box.drop_oldest(4000, tell=False)
    assert box.held > 2000
    box.drop_oldest(1000, tell=False)
    box.add_chunk(FileChunkRecord("p", digest, 1, 2, b"b", None))
    kept, lost = read_all(box)
    assert kept == StdoutEvent("y")
    assert isinstance(lost, CorruptEvent)
    assert lost.digest == digest


def test_digests_of_lost_files_take_little_memory() -> None:
    box = mailbox()
    tracemalloc.start()
    try:
        for number in range(100):
            box.add_chunk(FileChunkRecord("p", f"{number:0200000}", 1, 2, b"", None))
            box.discard()
        assert tracemalloc.get_traced_memory()[0] < 100_000
    finally:
        tracemalloc.stop()
