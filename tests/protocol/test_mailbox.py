"""The mailbox of one process: waiters, and the count of its bytes."""

from collections.abc import Callable

import pytest
from blake3 import blake3

from pie_client import (
    CorruptEvent,
    Event,
    PieError,
    SlowConsumerError,
    StdoutEvent,
)
from pie_client._generated.decoders import FileChunkRecord
from pie_client.protocol.mailbox import Ledger, Mailbox
from pie_client.protocol.session import Session
from tests.protocol.helpers import (
    claim,
    event_frame,
    failure_of,
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
    box = Mailbox(Ledger())
    one, other, cancelled = Waiter(), Waiter(), Waiter()
    for waiter in (one, other, cancelled):
        box.add_waiter(waiter)
    box.remove_waiter(cancelled)
    box.put((Event.Stdout, "1"))
    box.put((Event.Stdout, "2"))
    assert (one.woken, other.woken, cancelled.woken) == (1, 1, 0)


CHANGES: dict[str, Callable[[Mailbox], None]] = {
    "the end": lambda box: box.put((Event.Return, "1")),
    "a failure": lambda box: box.fail(lambda: PieError("gone")),
    "a discard": lambda box: box.discard(),
    "an event put back": lambda box: box.put_back((Event.Stdout, "1")),
}


@pytest.mark.parametrize("change", CHANGES)
def test_every_change_wakes(change: str) -> None:
    box, waiter = Mailbox(Ledger()), Waiter()
    box.add_waiter(waiter)
    CHANGES[change](box)
    assert waiter.woken == 1


def test_an_event_after_the_terminal_event_wakes_nothing() -> None:
    box, waiter = Mailbox(Ledger()), Waiter()
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
    budget = Ledger()
    box = Mailbox(budget)
    digest = blake3(b"ab").hexdigest()
    first, second = (
        FileChunkRecord("p", digest, index, 2, data, None) for index, data in enumerate((b"a", b"b"))
    )
    box.add_chunk(first)
    assert budget.total == box.size > 0
    box.discard()
    assert budget.total == box.size == 0
    box.add_chunk(second)
    box.fail(lambda: PieError("gone"))
    [corrupt] = read_all(box)
    assert isinstance(corrupt, CorruptEvent)
    assert budget.total == box.size == 0


def test_discarded_events_of_a_finished_process_raise() -> None:
    budget = Ledger()
    box = Mailbox(budget)
    box.put((Event.Return, "1"))
    box.fail_and_discard(lambda: SlowConsumerError("too slow"))
    assert box.pop() is None
    assert isinstance(failure_of(box), SlowConsumerError)
    assert budget.total == 0
