"""However many frames a server sends, each costs the same."""

import functools
import logging
import tempfile
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgpack
import pytest
from blake3 import blake3

from pie_client.protocol.session import Session, WriteFile
from tests.cost.measuring import Work, check
from tests.cost.receiving import SHARE, Receiver
from tests.cost.samples import PROCESS, fields_of

NUMBERS = (250, 1000)
FRAME_BYTES = 12_000
"""Most memory for each frame of a sequence."""


@pytest.fixture(autouse=True)
def _temporary_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def frame(title: str, **fields: object) -> bytes:
    return msgpack.packb(fields_of(title) | fields)


def chunk(number: int, index: int, total: int, data: bytes = b"data") -> bytes:
    digest = blake3(number.to_bytes(8)).hexdigest()
    return frame("FileChunk", file_hash=digest, chunk_index=index, total_chunks=total, chunk_data=data)


def file(number: int) -> bytes:
    """Return a complete file of one chunk."""
    data = number.to_bytes(8)
    return chunk(number, 0, 1, data)


def other(number: int) -> str:
    return str(uuid.UUID(int=number))


SEQUENCES: Mapping[str, Callable[[int], Iterator[bytes]]] = {
    "events": lambda n: (frame("StdoutFrame", value="x") for _ in range(n)),
    "events of other kinds": lambda n: (frame("UnknownFrame", event=f"kind {i}") for i in range(n)),
    "events of other processes": lambda n: (frame("StdoutFrame", process_id=other(i)) for i in range(n)),
    "ends of other processes": lambda n: (frame("ReturnFrame", process_id=other(i)) for i in range(n)),
    "events behind the end": lambda n: (frame("ReturnFrame" if i == 0 else "StdoutFrame") for i in range(n)),
    "malformed events": lambda n: (frame("StdoutFrame", value=i) for i in range(n)),
    "frames that are no messages": lambda n: (msgpack.packb(i) for i in range(n)),
    "unknown messages": lambda n: (msgpack.packb({"type": f"type {i}"}) for i in range(n)),
    "unknown replies": lambda n: (frame("Response", corr_id=i) for i in range(10, n + 10)),
    "unknown refusals": lambda n: (frame("Response", corr_id=i, ok=False) for i in range(10, n + 10)),
    "one reply again and again": lambda n: (frame("Response") for _ in range(n)),
    "MCP calls": lambda n: (frame("McpRequest", corr_id=i) for i in range(n)),
    "chunks": lambda n: (chunk(0, i, n + 1, bytes(1000)) for i in range(n)),
    "chunks without bytes": lambda n: (chunk(0, i, n + 1, b"") for i in range(n)),
    "files": lambda n: (file(i) for i in range(n)),
    "files that begin": lambda n: (chunk(i, 0, 2) for i in range(n)),
    "files that begin again": lambda n: (chunk(0, 0, 2) for _ in range(n)),
    "files that do not begin": lambda n: (chunk(i, 1, 2) for i in range(n)),
    "files that take turns": lambda n: (chunk(i % 10, i // 10, n) for i in range(n)),
    "corrupt files": lambda n: (chunk(i, 0, 1, b"other bytes") for i in range(n)),
}


@pytest.mark.parametrize("name", SEQUENCES)
@pytest.mark.parametrize("attached", [True, False], ids=["handle", "no handle"])
def test_frames_in_one_batch(name: str, *, attached: bool) -> None:
    def prepare(number: int) -> Callable[[], Work]:
        frames = list(SEQUENCES[name](number))
        return lambda: Receiver(attached=attached).work(frames)

    check([(name, prepare)], NUMBERS, FRAME_BYTES)


@pytest.mark.parametrize("name", SEQUENCES)
@pytest.mark.parametrize("spool_above", [None, 0], ids=["memory", "disk"])
def test_frames_that_nobody_reads(name: str, spool_above: float | None) -> None:
    """Each in a batch of its own; what is for the disk counts as written at once, or at the end."""

    def prepare(number: int, *, late: bool) -> Callable[[], Work]:
        frames = list(SEQUENCES[name](number))

        def prepared() -> Work:
            session = Session(max_buffered=SHARE, spool_above=spool_above)
            session.routes.claim(PROCESS)
            return lambda: _receive_each(session, frames, late=late)

        return prepared

    check(
        [
            (f"{name}, written {'late' if late else 'at once'}", functools.partial(prepare, late=late))
            for late in ((False, True) if spool_above == 0 and "file" in name else (False,))
        ],
        NUMBERS,
        FRAME_BYTES,
    )


def _receive_each(session: Session, frames: list[bytes], *, late: bool) -> None:
    for each in frames:
        session.receive([each])
        if session.needs_attention:
            if not late:
                _write(session)
            if session.routes.backlogs.due:
                session.routes.survey()
    _write(session)


def _write(session: Session) -> None:
    """Act as if the disk had accepted everything."""
    for effect in list(session.effects):
        if isinstance(effect, WriteFile):
            assert effect.file.spool is not None
            effect.file.spool.path = Path(tempfile.gettempdir(), "written")
            session.written(effect.route, effect.file, sum(map(len, effect.file.take_batch())))
    session.effects.clear()


MALFORMED: Mapping[str, Callable[[int], Any]] = {
    "no messages": msgpack.packb,
    "other types": lambda i: msgpack.packb({"type": f"type {i}"}),
    "events": lambda i: frame("StdoutFrame", value=i),
    "replies": lambda i: frame("Response", ok=i),
    "files": lambda i: frame("FileChunk", chunk_index=-i),
    "MCP calls": lambda i: frame("McpRequest", params=i),
    "texts": str,
}


@pytest.mark.parametrize("kind", MALFORMED)
def test_10000_malformed_frames_make_few_log_records(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    session = Session(max_buffered=SHARE)
    batch = [MALFORMED[kind](number) for number in range(1, 1001)]
    for _ in range(10):
        session.receive(batch)
    # Five of each kind, then those whose number is a power of ten.
    assert 0 < len(caplog.records) <= 10
