"""Sessions, calls and frames that the tests of the protocol share."""

from dataclasses import dataclass, field
from typing import Any

import msgpack
from blake3 import blake3

from pie_client import (
    ConnectionLostError,
    Family,
    PieError,
    ProcessEvent,
    models,
)
from pie_client._generated import methods
from pie_client._generated.methods import Method
from pie_client.protocol import codec
from pie_client.protocol.mailbox import Mailbox
from pie_client.protocol.session import PendingCall, Session

PROCESS = "0b7e8d52-5f0c-4c1e-9a36-3f1d2c4b5a69"
SECRET = "hunter2-hunter2"  # noqa: S105 - must not appear in errors and logs
PLENTY = 1 << 20


@dataclass
class OpenCall:
    """A pending call with its results and errors."""

    call: PendingCall
    results: list[object] = field(default_factory=list[object])
    errors: list[PieError] = field(default_factory=list[PieError])

    @property
    def answered(self) -> bool:
        return bool(self.results or self.errors)

    @property
    def error(self) -> PieError:
        [error] = self.errors
        assert not self.results
        return error


def make_session(family: Family | None = None, *, max_buffered: int = PLENTY) -> Session:
    session = Session(max_buffered=max_buffered)
    session.family = family
    return session


def open_call(session: Session, method: Method[Any] = methods.PING) -> OpenCall:
    results: list[object] = []
    errors: list[PieError] = []
    return OpenCall(session.open_call(method, results.append, errors.append), results, errors)


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
        process_id=process_id, file_hash=digest, chunk_index=index, total_chunks=total, chunk_data=data
    )
    return codec.encode_server_message(chunk, "0.5")


def receive(session: Session, *frames: bytes | str) -> None:
    for frame in frames:
        assert session.receive(frame) is None


def read_all(box: Mailbox) -> list[ProcessEvent]:
    return list(iter(box.pop, None))


def failure_of(box: Mailbox) -> PieError:
    assert box.failure is not None
    return box.failure()


def buffered_bytes(session: Session) -> int:
    return session._buffered.total  # pyright: ignore[reportPrivateUsage] - the counter is what is tested


def should_pause(session: Session) -> bool:
    # A function, because checkers would assume that the property never changes.
    return session.should_pause


PIECES = (b"first", b"second", b"third")
DIGEST = blake3(b"".join(PIECES)).hexdigest()


def lost(sent: bool | None) -> ConnectionLostError:
    return ConnectionLostError("gone", sent=sent)
