"""Sessions, calls and frames that the tests of the protocol share."""

import functools
from dataclasses import dataclass
from typing import Any

import msgpack
import pytest
from blake3 import blake3

from pie_client import (
    ConnectionLostError,
    Family,
    PieError,
    ProcessEvent,
    models,
)
from pie_client._generated import methods
from pie_client._generated.events import EVENT_CLASS
from pie_client._generated.methods import Method
from pie_client.protocol import codec
from pie_client.protocol.calls import PendingCall
from pie_client.protocol.items import Item
from pie_client.protocol.mailbox import Mailbox
from pie_client.protocol.routes import Route
from pie_client.protocol.session import Session

PROCESS = "0b7e8d52-5f0c-4c1e-9a36-3f1d2c4b5a69"
SECRET = "hunter2-hunter2"  # noqa: S105 - must not appear in errors and logs
PLENTY = 1 << 20


@dataclass
class OpenCall:
    """A pending call and its outcome."""

    call: PendingCall[object]

    @property
    def answered(self) -> bool:
        return self.call.done

    @property
    def results(self) -> list[object]:
        return [self.call.result] if self.call.succeeded else []

    @functools.cached_property
    def error(self) -> PieError:
        with pytest.raises(PieError) as caught:
            self.call.take()
        return caught.value


def make_session(family: Family | None = None, *, max_buffered: int = PLENTY) -> Session:
    session = Session(max_buffered=max_buffered, spool_above=PLENTY)
    session.family = family
    return session


def open_call(session: Session, method: Method[Any] = methods.PING) -> OpenCall:
    return OpenCall(session.open_call(method))


def claim(session: Session, process_id: str) -> Route:
    """Open a handle of a process."""
    session.check_alive()
    return session.routes.claim(process_id)


def release_all(session: Session, route: Route) -> None:
    """Close every handle of a process."""
    while route.claims:
        session.routes.release(route)


def reply_frame(corr_id: int, result: str = "Pong", *, ok: bool = True) -> bytes | str:
    return codec.encode_server_message(models.Response(corr_id=corr_id, ok=ok, result=result), "0.5")


def notice_frame(text: str) -> bytes | str:
    return codec.encode_server_message(models.ServerNotice(message=text), "0.5")


def event_frame(process_id: str, kind: str, value: str | None) -> bytes:
    return raw_frame(type="process_event", process_id=process_id, event=kind, value=value)


def stdout_frame(process_id: str, value: str) -> bytes:
    return event_frame(process_id, "stdout", value)


def return_frame(process_id: str, value: str = "{}") -> bytes:
    return event_frame(process_id, "return", value)


def raw_frame(**fields: object) -> bytes:
    return msgpack.packb(fields)


def chunk_frames(process_id: str, *pieces: bytes) -> list[bytes | str]:
    """Return a file as one frame per piece."""
    digest = blake3(b"".join(pieces)).hexdigest()
    return [chunk_frame(process_id, digest, index, len(pieces), piece) for index, piece in enumerate(pieces)]


def chunk_frame(process_id: str, digest: str, index: int, total: int, data: bytes) -> bytes | str:
    chunk = models.FileChunk(
        process_id=process_id, file_hash=digest, chunk_index=index, total_chunks=1, chunk_data=data
    )
    # Changed in a copy, which is not validated.
    return codec.encode_server_message(chunk.model_copy(update={"total_chunks": total}), "0.5")


def receive(session: Session, *frames: bytes | str) -> None:
    """Receive each frame in a batch of its own, and check the limits after it, as if somebody waited elsewhere."""
    for frame in frames:
        session.receive([frame])
        session.routes.survey()
        session.routes.backlogs.enforce()


def event_of(item: Item) -> ProcessEvent:
    """Return an unread event as iterating over its process yields it."""
    return EVENT_CLASS[item[0]](item[1]) if isinstance(item, tuple) else item


def pop(box: Mailbox) -> ProcessEvent | None:
    item = box.pop()
    return None if item is None else event_of(item)


def read_all(box: Mailbox) -> list[ProcessEvent]:
    events: list[ProcessEvent] = []
    while (event := pop(box)) is not None:
        events.append(event)
    return events


def failure_of(box: Mailbox) -> PieError:
    assert box.failure is not None
    return box.failure()


def buffered_bytes(session: Session) -> int:
    return session.routes.backlogs.held


def should_pause(session: Session, *, waiting: bool = False) -> bool:
    session.routes.survey()
    return session.should_pause(waiting=waiting)


PIECES = (b"first", b"second", b"third")
DIGEST = blake3(b"".join(PIECES)).hexdigest()


def lost(sent: bool | None) -> ConnectionLostError:
    return ConnectionLostError("gone", sent=sent)
