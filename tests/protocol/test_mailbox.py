"""The mailbox of one process: listeners, and the count of its bytes."""

import gc
import weakref

from blake3 import blake3

from pie_client import (
    CorruptEvent,
    PieError,
    ReturnEvent,
    SlowConsumerError,
    StdoutEvent,
)
from pie_client._generated.decoders import FileChunkRecord
from pie_client.protocol.mailbox import ByteCounter, Mailbox
from pie_client.protocol.session import Session
from tests.protocol.helpers import (
    event_frame,
    failure_of,
    read_all,
    receive,
)


class Listener:
    """Counts its calls."""

    def __init__(self) -> None:
        self.calls = 0

    def notify(self) -> None:
        self.calls += 1


def test_every_listener_is_called_on_every_change() -> None:
    box = Mailbox("p", ByteCounter())
    one, other = Listener(), Listener()
    box.add_listener(one.notify)
    box.add_listener(other.notify)
    box.put(StdoutEvent("1"))
    box.remove_listener(other.notify)
    box.put(ReturnEvent("2"))
    assert (one.calls, other.calls) == (2, 1)
    box.put(StdoutEvent("late"))
    box.pop()
    assert one.calls == 2
    box.discard()
    box.fail(lambda: PieError("gone"))
    assert one.calls == 4


def test_a_mailbox_refers_to_its_listeners_weakly() -> None:
    reader = Listener()
    box = Mailbox("p", ByteCounter())
    box.add_listener(reader.notify)
    heard = box.has_listeners
    watched = weakref.ref(reader)
    del reader
    gc.collect()
    assert watched() is None
    box.put(StdoutEvent("1"))
    assert (heard, box.has_listeners) == (True, False)


def test_a_mailbox_with_a_listener_is_not_released() -> None:
    session = Session(max_buffered=1000)
    one, other = Listener(), Listener()
    box = session.open_mailbox("p")
    box.add_listener(one.notify)
    session.open_mailbox("p").add_listener(other.notify)
    box.remove_listener(one.notify)
    session.release_mailbox(box)
    receive(session, event_frame("p", "stdout", "1"))
    assert box.pop() == StdoutEvent("1")
    box.remove_listener(other.notify)
    session.release_mailbox(box)
    receive(session, event_frame("p", "stdout", "2"))
    assert box.pop() is None


def test_the_rest_of_a_discarded_file_counts_nothing() -> None:
    budget = ByteCounter()
    box = Mailbox("p", budget)
    digest = blake3(b"ab").hexdigest()
    first, second = (
        FileChunkRecord(
            process_id="p", file_hash=digest, chunk_index=index, total_chunks=2, chunk_data=data, name=None
        )
        for index, data in enumerate((b"a", b"b"))
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
    budget = ByteCounter()
    box = Mailbox("p", budget)
    box.put(ReturnEvent("1"))
    box.fail_and_discard(lambda: SlowConsumerError("too slow"))
    assert box.pop() is None
    assert isinstance(failure_of(box), SlowConsumerError)
    assert budget.total == 0
