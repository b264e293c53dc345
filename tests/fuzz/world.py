"""A session, and a model that predicts what each call and each reader gets.

The model gets what the models of the schema decode; the session gets the frames. So every shortcut of the session is
compared with the general path.
"""

import contextlib
import os
import uuid
from pathlib import Path

from pie_client import CorruptEvent, FileEvent, PieError, ProtocolError, RefusedError
from pie_client._generated.decoders import (
    EventRecord,
    FileChunkRecord,
    McpRequestRecord,
    ResponseRecord,
    ServerNoticeRecord,
)
from pie_client._generated.events import EVENT_CLASS
from pie_client._generated.methods import ATTACH_PROCESS, LIST_PROCESSES, PING, QUERY, Method
from pie_client.protocol import codec
from pie_client.protocol.calls import PendingCall
from pie_client.protocol.codec import Frame, MalformedFrameError
from pie_client.protocol.items import Item, Place
from pie_client.protocol.routes import MAX_ID_CHARACTERS, Route
from pie_client.protocol.session import CheckProcesses, RelayMcpCall, Session, TerminateProcesses, WriteFile
from tests.fuzz.model import Lost, Process, Told, Transfer
from tests.protocol.helpers import lost

ROOM = 1 << 30
"""Bytes that may be unread: more than any run sends."""
ASKED: tuple[Method[object], ...] = (PING, QUERY, LIST_PROCESSES, ATTACH_PROCESS)
NOWHERE = Path(os.devnull)


def normal(process_id: str) -> str:
    """Return a process id as servers write it."""
    try:
        return str(uuid.UUID(process_id))
    except ValueError:
        return process_id


class World:
    """A session and its model.

    Args:
        process_ids: Processes with a handle.
        spool_above: Size above which a received file goes to disk.
    """

    def __init__(self, process_ids: list[str], spool_above: float) -> None:
        self.session = Session(max_buffered=ROOM, max_buffered_total=ROOM, spool_above=spool_above)
        self.routes: dict[str, Route] = {each: self.session.routes.claim(each) for each in process_ids}
        self.processes = {each: Process(spool_above) for each in process_ids}
        self.calls: dict[int, PendingCall[object]] = {}
        self.writes: list[tuple[WriteFile, Transfer | None]] = []

    # ------------------------------------------------------------- what a server does

    def receive(self, *frames: Frame) -> None:
        """Receive frames in one batch, and check what it does to calls."""
        if not self.session.alive:
            return
        if any(isinstance(frame, memoryview) for frame in frames) or self.spools:
            for frame in frames:
                self._receive([frame])
        else:
            self._receive(list(frames))

    @property
    def spools(self) -> bool:
        return self.session.routes.spooling.above(ROOM) < ROOM // 2

    def _receive(self, batch: list[Frame]) -> None:
        known = len(self.session.effects)
        malformed = self.session.malformed_frames
        records = [_decoded(frame) for frame in batch]
        self.session.receive(batch)
        assert self.session.malformed_frames - malformed == sum(
            isinstance(record, MalformedFrameError) for record in records
        )
        for record in records:
            self._predict(record)
        for effect in list(self.session.effects)[known:]:
            if isinstance(effect, WriteFile):
                process = self.processes.get(effect.route.process_id)
                transfer = None if process is None else process.newest(effect.file.digest)
                assert (transfer is None) == (process is None), (
                    "what is written is neither arriving nor unread"
                )
                self.writes.append((effect, transfer))
            else:
                assert isinstance(effect, (RelayMcpCall, CheckProcesses, TerminateProcesses))
        relayed = [r for r in records if isinstance(r, McpRequestRecord)]
        assert relayed == [
            e.request for e in list(self.session.effects)[known:] if isinstance(e, RelayMcpCall)
        ]
        self.session.effects.clear()
        self.check_counts()

    def _predict(self, record: object) -> None:
        match record:
            case EventRecord(process_id, _) | FileChunkRecord(process_id):
                if (process := self.processes.get(normal(process_id))) is not None:
                    process.receive(record)
            case ResponseRecord(corr_id, ok, text):
                if (call := self.calls.pop(corr_id, None)) is not None:
                    _check_outcome(call, ok=ok, text=text)
            case ServerNoticeRecord():
                self._predict_notice(record)
            case MalformedFrameError():
                if record.corr_id is not None and record.corr_id in self.calls:
                    assert isinstance(_error_of(self.calls.pop(record.corr_id)), ProtocolError)
                elif record.process_id is not None:
                    process = self.processes.get(normal(record.process_id))
                    if process is not None:
                        process.receive_malformed(record)
            case _:
                pass

    def _predict_notice(self, notice: ServerNoticeRecord) -> None:
        """Predict what a notice does: it concerns the only call, or the only process, if there is no doubt."""
        running = [process for process in self.processes.values() if process.receptive]
        aborted = notice.message == "stream aborted"
        if len(self.calls) == 1 and not running:
            (call,) = self.calls.values()
            self.calls.clear()
            assert isinstance(_error_of(call), PieError)
        elif len(running) == 1 and not self.calls and not aborted:
            running[0].expected.append(Lost(None))

    # ------------------------------------------------------------- what a client does

    def ask(self, method: Method[object]) -> None:
        """Send a request."""
        if self.session.alive:
            call = self.session.open_call(method)
            call.sent = True
            self.calls[call.corr_id] = call

    def cancel(self) -> None:
        """Cancel the oldest request."""
        if self.calls:
            self.session.close_call(self.calls.pop(next(iter(self.calls))))

    def read(self, process_id: str, *, put_back: bool = False) -> bool:
        """Read an event, compare it with the prediction, and return whether there was one."""
        route, process = self.routes[process_id], self.processes[process_id]
        item = route.pop()
        if item is not None and put_back:
            route.put_back(item)
            item = route.pop()
        expected = process.next()
        if expected is None:
            assert item is None, f"{item!r} was not sent"
            return False
        assert item is not None, f"{expected!r} is missing"
        _check_item(item, expected)
        return True

    def write(self, *, fail: bool) -> None:
        """Finish everything that waits for the disk; with ``fail``, the oldest without success."""
        while self.writes:
            effect, transfer = self.writes.pop(0)
            spool = effect.file.spool
            assert spool is not None
            spool.path = NOWHERE
            size = sum(map(len, effect.file.take_batch()))
            self.session.written(effect.route, effect.file, size, "the disk is full" if fail else "")
            if transfer is not None and fail:
                self.processes[effect.route.process_id].write_failed(transfer)
            elif transfer is not None:
                transfer.readable = transfer.complete
            fail = False
            for again in self.session.effects:
                assert isinstance(again, WriteFile)
                self.writes.append((again, transfer))
            self.session.effects.clear()
        self.check_counts()

    def lose_connection(self, *, gaps: bool) -> None:
        """Lose the connection and restore it, without attaching processes again."""
        if not self.session.alive:
            return
        attached = [each for each, route in self.routes.items() if route.attached]
        self.session.interrupt(lost, gaps=gaps)
        for call in self.calls.values():
            assert isinstance(_error_of(call), ConnectionError)
        self.calls.clear()
        if gaps:
            for each in attached:
                if self.processes[each].receptive or not self.processes[each].ended:
                    self.processes[each].lose_arriving()
        self.session.resume()

    def end(self) -> None:
        """End the connection, and check that every call and every reader ends with what it must get."""
        self.session.fail(lost)
        for call in self.calls.values():
            assert isinstance(_error_of(call), ConnectionError)
        for process in self.processes.values():
            process.end_connection()
        self.write(fail=False)
        for process_id, route in self.routes.items():
            while self.read(process_id):
                pass
            process = self.processes[process_id]
            assert not process.expected
            assert (route.terminal is not None) == process.ended
            assert route.ended
            assert route.held <= 0, "bytes of nothing are held"
        spooling = self.session.routes.spooling
        assert spooling.unwritten == spooling.used == spooling.unread == 0

    # ------------------------------------------------------------- what always holds

    def check_counts(self) -> None:
        """Check that what is counted is what is held."""
        spooling = self.session.routes.spooling
        assert spooling.used >= 0
        assert spooling.unwritten >= 0
        # Those without a handle too; and after the end, only the handles are left.
        on_disk = sum(route.on_disk for route in {*self.session.routes.by_id.values(), *self.routes.values()})
        assert spooling.used == on_disk, "bytes on disk"
        for route in self.routes.values():
            places = [event for event in route.events or () if isinstance(event, Place)]
            gone = sum(isinstance(place.file, CorruptEvent) for place in places)
            assert route.has_files_on_disk == (len(places) > gone)


def _decoded(frame: Frame) -> object:
    """Return what the models of the schema make of a frame."""
    try:
        record = codec.decode_general(frame)
    except MalformedFrameError as error:
        return error
    if (
        isinstance(record, (EventRecord, FileChunkRecord))
        and len(normal(record.process_id)) > MAX_ID_CHARACTERS
    ):
        return None
    return record


def _error_of(call: PendingCall[object]) -> PieError:
    assert call.done
    assert not call.succeeded
    try:
        call.take()
    except PieError as error:
        return error
    raise AssertionError("no error")


def _check_outcome(call: PendingCall[object], *, ok: bool, text: str) -> None:
    if not ok:
        error = _error_of(call)
        assert isinstance(error, RefusedError)
        assert error.text == text
        return
    try:
        expected = call.method.decode(text)
    except ValueError:
        assert isinstance(_error_of(call), ProtocolError)
        return
    assert call.succeeded
    assert repr(call.take()) == repr(expected)


def _check_item(item: Item, expected: Told | Lost | Transfer) -> None:
    match expected:
        case Told(event):
            assert item == event or (isinstance(event, tuple) and item == EVENT_CLASS[event[0]](event[1]))
        case Lost():
            assert isinstance(item, CorruptEvent)
            assert item.value.isprintable()
            assert expected.digest is None or item.digest == "".join(
                filter(str.isalnum, expected.digest[:64])
            )
        case Transfer():
            assert isinstance(item, FileEvent)
            assert (item.name, item.digest, item.size) == (expected.name, expected.digest, len(expected.data))
            if expected.on_disk:
                assert item.path == NOWHERE
                with contextlib.suppress(OSError):
                    item.close()
            else:
                assert item.read() == expected.data
