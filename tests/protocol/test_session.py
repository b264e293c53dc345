"""One conversation with a server, without a socket: what was asked, what came back, and whose it is."""

import gc
import json
import logging
import pickle
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from string import Formatter
from typing import Any, cast

import msgpack
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

from codegen import schema
from pie_client._generated import events, methods, models, refusals
from pie_client._generated.families import CAPABILITIES, FAMILIES, MAX_CORRELATION, Family
from pie_client._generated.methods import Method
from pie_client.base import WireModel
from pie_client.errors import (
    ConnectionLostError,
    InvalidArgumentError,
    PieError,
    ProcessError,
    ProtocolError,
    RefusedError,
    ServerError,
    SlowConsumerError,
    UnsupportedError,
)
from pie_client.protocol import codec
from pie_client.protocol.files import FileEvent
from pie_client.protocol.mailbox import ByteCounter, CorruptEvent, Mailbox, ProcessEvent
from pie_client.protocol.session import PendingCall, Session, canonical_id
from pie_client.testing._generated import texts

ROOT = Path(__file__).parents[2]
PROCESS = "0b7e8d52-5f0c-4c1e-9a36-3f1d2c4b5a69"
SECRET = "hunter2-hunter2"  # noqa: S105 - stands for what must not be shown
PLENTY = 1 << 20


@dataclass
class Asked:
    """A call that is open, and what became of it."""

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


def _session(family: Family | None = None, *, max_buffered: int = PLENTY) -> Session:
    session = Session(max_buffered=max_buffered)
    session.family = family
    return session


def _ask(session: Session, method: Method[Any] = methods.PING) -> Asked:
    results: list[object] = []
    errors: list[PieError] = []
    return Asked(session.open_call(method, results.append, errors.append), results, errors)


def _reply(corr_id: int, result: str = texts.OK_PING, *, ok: bool = True) -> bytes | str:
    return codec.encode_server_message(models.Response(corr_id=corr_id, ok=ok, result=result), "0.5")


def _notice(text: str) -> bytes | str:
    return codec.encode_server_message(models.ServerNotice(message=text), "0.5")


def _event(process_id: str, kind: str, value: str | None) -> bytes:
    return _raw(type="process_event", process_id=process_id, event=kind, value=value)


def _stdout(process_id: str, value: str) -> bytes:
    return _event(process_id, "stdout", value)


def _return(process_id: str, value: str = "{}") -> bytes:
    return _event(process_id, "return", value)


def _raw(**fields: object) -> bytes:
    return msgpack.packb(fields)


def _chunks(process_id: str, *pieces: bytes) -> list[bytes | str]:
    """Cut a file into the given pieces."""
    digest = blake3(b"".join(pieces)).hexdigest()
    return [_chunk(process_id, digest, index, len(pieces), piece) for index, piece in enumerate(pieces)]


def _chunk(process_id: str, digest: str, index: int, total: int, data: bytes) -> bytes | str:
    chunk = models.FileChunk(
        process_id=process_id, file_hash=digest, chunk_index=index, total_chunks=total, chunk_data=data
    )
    return codec.encode_server_message(chunk, "0.5")


def _receive(session: Session, *frames: bytes | str) -> None:
    for frame in frames:
        assert session.receive(frame) is None


def _read(box: Mailbox) -> list[ProcessEvent]:
    return list(iter(box.pop, None))


def _failure(box: Mailbox) -> PieError:
    assert box.failure is not None
    return box.failure()


def _used(session: Session) -> int:
    return session._buffered.total  # pyright: ignore[reportPrivateUsage] - the books are what is tested


def _congested(session: Session) -> bool:
    return session.should_pause


def _continue_from(session: Session, corr_id: int) -> None:
    session._next_corr_id = corr_id  # pyright: ignore[reportPrivateUsage] - nobody can make 2**32 calls first


# ------------------------------------------------------------- replies


def test_replies_go_to_the_calls_whose_numbers_they_repeat() -> None:
    session = _session()
    first, second = _ask(session), _ask(session, methods.CHECK_PROGRAM)
    _receive(session, _reply(second.call.corr_id, "true"), _reply(first.call.corr_id))
    assert (first.results, second.results) == (["Pong"], [True])
    assert not first.errors
    assert not second.errors


def test_calls_that_are_open_have_different_numbers() -> None:
    session = _session()
    assert len({_ask(session).call.corr_id for _ in range(100)}) == 100


def test_a_reply_that_comes_after_its_call_was_forgotten_is_ignored() -> None:
    """D3"""
    session = _session()
    late, waiting = _ask(session), _ask(session)
    session.close_call(late.call)
    _receive(session, _reply(late.call.corr_id), _reply(waiting.call.corr_id))
    assert not late.answered
    assert waiting.results == ["Pong"]


def test_a_reply_that_nobody_asked_for_is_ignored() -> None:
    session = _session()
    asked = _ask(session)
    _receive(session, _reply(asked.call.corr_id + 1), _reply(asked.call.corr_id))
    assert asked.results == ["Pong"]


def test_the_error_of_an_upload_counts_once_however_often_it_is_repeated() -> None:
    """D40"""
    session = _session()
    upload = _ask(session, methods.ADD_PROGRAM)
    again = _reply(upload.call.corr_id, texts.FIRST_CHUNK_INDEX, ok=False)
    first = _reply(upload.call.corr_id, texts.out_of_order_chunk(expected=1, actual=2), ok=False)
    _receive(session, first, again, again, _reply(upload.call.corr_id))
    assert isinstance(upload.error, refusals.UploadError)
    assert upload.error.text == "Out-of-order chunk: expected 1, got 2"


def test_forgetting_a_call_twice_frees_no_other_call() -> None:
    session = _session()
    first = _ask(session)
    session.close_call(first.call)
    _continue_from(session, first.call.corr_id)
    second = _ask(session)
    session.close_call(first.call)
    _receive(session, _reply(second.call.corr_id))
    assert second.results == ["Pong"]


def test_numbers_start_again_at_zero_after_the_largest() -> None:
    """D9"""
    session = _session()
    _continue_from(session, MAX_CORRELATION)
    assert [_ask(session).call.corr_id for _ in range(3)] == [MAX_CORRELATION, 0, 1]


def test_numbers_that_are_in_use_are_passed_over() -> None:
    """D9"""
    session = _session()
    slow = [_ask(session) for _ in range(3)]
    _continue_from(session, MAX_CORRELATION)
    assert [_ask(session).call.corr_id for _ in range(2)] == [MAX_CORRELATION, 3]
    _receive(session, *(_reply(asked.call.corr_id) for asked in slow))
    assert all(asked.results == ["Pong"] for asked in slow)


@pytest.mark.parametrize(
    ("method", "result"),
    [
        (methods.CHECK_PROGRAM, "maybe"),
        (methods.CHECK_PROGRAM, '"true"'),
        (methods.CHECK_PROGRAM, "1"),
        (methods.QUERY, SECRET),
        (methods.QUERY, f'{{"{SECRET}": '),
        (methods.QUERY, "[]"),
        (methods.QUERY, "[" * 100_000),
        (methods.LAUNCH_PROCESSES, "[1]"),
        (methods.RUN_PROCESSES, f'["{SECRET}", null]'),
        (methods.LIST_PROCESSES, f'[{{"id": 5, "username": "{SECRET}"}}]'),
        (methods.LIST_PROCESSES, ""),
    ],
)
def test_a_result_that_cannot_be_read_is_a_protocol_error(method: Method[Any], result: str) -> None:
    """D32"""
    session = _session()
    asked = _ask(session, method)
    _receive(session, _reply(asked.call.corr_id, result))
    assert isinstance(asked.error, ProtocolError)
    assert method.tag in str(asked.error)
    assert SECRET not in str(asked.error)
    assert len(str(asked.error).splitlines()) == 1
    later = _ask(session)
    _receive(session, _reply(later.call.corr_id))
    assert later.results == ["Pong"]


# ------------------------------------------------------------- refusals

WITH_CLASS = [row for row in schema.load(ROOT / "schema").errors.texts if row.error_class]
SCOPES = {row.name: row.scope for row in schema.load(ROOT / "schema").errors.classes}


def _said(row: schema.ErrorText) -> tuple[str, type[PieError]]:
    """Give a failure text in a server's words, and the class that the schema says it is."""
    error = getattr(refusals, row.error_class or "")
    words: str | Callable[..., str] = getattr(texts, row.id.upper(), None) or getattr(texts, row.id)
    if isinstance(words, str):
        return words, error
    places = {name for _, name, _, _ in Formatter().parse(row.text) if name}
    return words(**{name: f"some {name}\nof it" for name in places}), error


def _texts_of(scope: str) -> list[Any]:
    rows = [row for row in WITH_CLASS if row.error_class and SCOPES[row.error_class] == scope]
    return [pytest.param(*_said(row), id=row.id) for row in rows]


@pytest.mark.parametrize(("text", "expected"), _texts_of("request"))
def test_a_refusal_becomes_the_error_of_its_text(text: str, expected: type[RefusedError]) -> None:
    """D8"""
    session = _session()
    asked = _ask(session, methods.TERMINATE_PROCESS)
    session.encode_request(
        methods.TERMINATE_PROCESS,
        lambda: models.TerminateProcessRequest(corr_id=asked.call.corr_id, process_id=PROCESS),
        asked.call,
    )
    _receive(session, _reply(asked.call.corr_id, text, ok=False))
    error = asked.error
    assert type(error) is expected
    assert isinstance(error, RefusedError)
    assert (error.request, error.subject, error.text) == ("terminate_process", PROCESS, text)
    assert str(error).startswith(f"terminate_process of '{PROCESS}' refused: ")
    assert str(error).endswith(refusals.advice_on(text) or expected.advice)
    assert len(str(error).splitlines()) == 1


def test_a_refusal_in_unknown_words_keeps_them() -> None:
    session = _session()
    asked = _ask(session)
    _receive(session, _reply(asked.call.corr_id, "the moon is full\n\n  today ", ok=False))
    assert type(asked.error) is RefusedError
    assert asked.error.text == "the moon is full\n\n  today "
    assert str(asked.error) == "ping refused: the moon is full / today"
    assert asked.error.subject == ""


@pytest.mark.parametrize(("text", "expected"), _texts_of("process"))
def test_the_words_of_a_failed_process_become_the_error_of_its_text(
    text: str, expected: type[ProcessError]
) -> None:
    assert refusals.process_error(text) is expected


@pytest.mark.parametrize(
    "error",
    [
        refusals.ProcessNotFoundError("attach_process", "Process not found", PROCESS),
        refusals.FrameTooLargeError("request too large"),
        refusals.ProcessTerminatedError(PROCESS, "Signal"),
    ],
)
def test_errors_survive_pickling(error: PieError) -> None:
    twin = pickle.loads(pickle.dumps(error))  # noqa: S301 - written in the same line
    assert type(twin) is type(error)
    assert str(twin) == str(error)
    assert vars(twin) == vars(error)


# ------------------------------------------------------------- requests


def test_a_request_that_cannot_be_built_leaves_nothing_pending() -> None:
    """D10"""
    session = _session(max_buffered=10)
    _receive(session, _stdout("p", "x"))
    session.open_mailbox("p")
    asked = _ask(session, methods.SIGNAL_PROCESS)
    with pytest.raises(InvalidArgumentError) as caught:
        session.encode_request(
            methods.SIGNAL_PROCESS,
            lambda: models.SignalProcessRequest.model_validate({"process_id": 5, "message": SECRET}),
            asked.call,
        )
    assert "signal_process not sent: process_id" in str(caught.value)
    assert SECRET not in str(caught.value)
    session.close_call(asked.call)
    assert _congested(session), "a pending call would keep it from being so"
    _receive(session, _reply(asked.call.corr_id))
    assert not asked.answered


def test_text_that_utf8_cannot_express_is_an_invalid_argument() -> None:
    """D10"""
    with pytest.raises(InvalidArgumentError, match=r"signal_process not sent: .*surrogate"):
        _session().encode_request(
            methods.SIGNAL_PROCESS,
            lambda: models.SignalProcessRequest(process_id=PROCESS, message="\ud83e"),
        )


@pytest.mark.parametrize("tag", sorted(CAPABILITIES["0.4"] - CAPABILITIES["0.5"]))
def test_a_request_that_the_family_does_not_know_is_not_sent(tag: str) -> None:
    session = _session("0.5")
    with pytest.raises(
        UnsupportedError, match=rf"^{tag} needs a Pie (0\.3 or )?0\.4 server; this is Pie 0\.5"
    ):
        _ask(session, methods.METHODS[tag])

    def build() -> WireModel:
        raise AssertionError("there is no need to build it")

    with pytest.raises(UnsupportedError):
        session.encode_request(methods.METHODS[tag], build)
    assert _ask(session).call.corr_id == 0


@pytest.mark.parametrize(
    ("method", "given"),
    [
        (methods.LAUNCH_PROCESS, {"token_budget": 0}),
        (methods.CHECK_PROGRAM, {"wasm_hash": ""}),
        (methods.CHECK_PROGRAM, {"manifest_hash": "h"}),
    ],
)
def test_a_field_that_the_family_does_not_know_is_not_sent(
    method: Method[Any], given: dict[str, Any]
) -> None:
    common = {
        "corr_id": 0,
        "inferlet": "a",
        "input": "",
        "capture_outputs": True,
        "name": "a",
        "version": "1",
    }
    [name] = given
    new, old = _session("0.5"), _session("0.4")
    with pytest.raises(
        UnsupportedError,
        match=f"^{name} of {method.tag} needs a Pie 0.3 or 0.4 server; this is Pie 0.5. Leave it out",
    ):
        new.encode_request(method, lambda: method.model.model_validate(common | given))
    new.encode_request(method, lambda: method.model.model_validate(common | {name: None}))
    frame = old.encode_request(method, lambda: method.model.model_validate(common | given))
    assert msgpack.unpackb(frame)[name] == given[name]


@pytest.mark.parametrize("family", [None, *FAMILIES])
def test_a_frame_larger_than_the_server_reads_is_not_sent(family: Family | None) -> None:
    smallest = min(traits.frame_bytes for traits in FAMILIES.values())
    limit = FAMILIES[family].frame_bytes if family else smallest
    session = _session(family)

    def signal(message: str) -> bytes:
        return session.encode_request(
            methods.SIGNAL_PROCESS, lambda: models.SignalProcessRequest(process_id=PROCESS, message=message)
        )

    envelope = len(signal("x" * 70_000)) - 70_000
    assert len(signal("x" * (limit - envelope))) == limit
    with pytest.raises(InvalidArgumentError, match=f"signal_process not sent: {limit + 1} bytes") as caught:
        signal(SECRET + "x" * (limit + 1 - envelope - len(SECRET)))
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        PROCESS.upper(),
        PROCESS.replace("-", ""),
        f"{{{PROCESS}}}",
        f"urn:uuid:{PROCESS}",
    ],
)
def test_every_form_of_a_process_id_means_the_one_that_servers_send(text: str) -> None:
    assert canonical_id(text) == PROCESS


@pytest.mark.parametrize("value", ["", "p", PROCESS + "\n0", 5, None, b"p"])
def test_what_is_not_a_process_id_is_an_invalid_argument(value: object) -> None:
    """D29"""
    with pytest.raises(InvalidArgumentError, match="is not a process id") as caught:
        canonical_id(cast("str", value))
    assert len(str(caught.value).splitlines()) == 1


# ------------------------------------------------------------- malformed frames


@pytest.mark.parametrize(
    "frame",
    [b"", b"\xc1", b"\x82", b"\x80", b"\xc0", b"\x01", b"\x93\x01\x02\x03", b"\x80\x80", "", "hello", "[]"],
    ids=repr,
)
def test_a_malformed_frame_is_counted_and_the_conversation_goes_on(frame: bytes | str) -> None:
    """D2"""
    session = _session()
    asked = _ask(session)
    box = session.open_mailbox("p")
    _receive(session, frame, frame)
    assert session.malformed_frames == 2
    assert not asked.answered
    assert _read(box) == []
    _receive(session, _reply(asked.call.corr_id), _stdout("p", "x"))
    assert asked.results == ["Pong"]
    assert _read(box) == [events.StdoutEvent("x")]


@pytest.mark.parametrize(
    "fields",
    [
        {"type": "response", "ok": True},
        {"type": "response", "ok": 1, "result": SECRET},
        {"type": "response", "ok": True, "result": SECRET.encode()},
        {"ok": True, "result": SECRET},
    ],
)
def test_a_malformed_reply_is_a_protocol_error_of_its_call(
    fields: dict[str, object], caplog: pytest.LogCaptureFixture
) -> None:
    """D2"""
    session = _session()
    asked, other = _ask(session), _ask(session)
    _receive(session, _raw(corr_id=asked.call.corr_id, **fields))
    assert isinstance(asked.error, ProtocolError)
    assert str(asked.error).startswith("invalid reply to ping: ")
    assert SECRET not in str(asked.error) + caplog.text
    assert not other.answered
    _receive(session, _reply(asked.call.corr_id), _reply(other.call.corr_id))
    assert len(asked.errors) == 1
    assert other.results == ["Pong"]


def test_a_malformed_relayed_call_does_not_fail_the_request_with_its_number() -> None:
    session = _session()
    asked = _ask(session)
    box = session.open_mailbox("p")
    _receive(session, _raw(type="mcp_request", corr_id=asked.call.corr_id, process_id="p"))
    assert not asked.answered
    [event] = _read(box)
    assert isinstance(event, CorruptEvent)


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
@pytest.mark.parametrize("claimed", [True, False])
def test_a_malformed_event_is_an_event_of_its_process_in_its_place(
    fields: dict[str, object], claimed: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """D2"""
    session = _session()
    if claimed:
        session.open_mailbox("p")
    other = session.open_mailbox("q")
    _receive(session, _stdout("p", "a"), _raw(process_id="p", **fields), _stdout("p", "b"), _return("p"))
    box = session.open_mailbox("p")
    [before, broken, after, end] = _read(box)
    assert (before, after) == (events.StdoutEvent("a"), events.StdoutEvent("b"))
    assert isinstance(broken, CorruptEvent)
    assert len(broken.value.splitlines()) == 1
    assert SECRET not in broken.value + caplog.text
    assert end == box.terminal == events.ReturnEvent("{}")
    assert _read(other) == []
    assert session.malformed_frames == 1


@pytest.mark.parametrize("kind", ["return", "error"])
@pytest.mark.parametrize("claimed", [True, False])
def test_a_process_whose_end_cannot_be_read_has_ended_all_the_same(kind: str, claimed: bool) -> None:
    session = _session()
    if claimed:
        session.open_mailbox("p")
    _receive(session, _stdout("p", "a"), _event("p", kind, None), _stdout("p", "b"))
    box = session.open_mailbox("p")
    assert _read(box) == [events.StdoutEvent("a")]
    assert isinstance(_failure(box), ProtocolError)
    assert _failure(box) is not _failure(box)


def test_messages_of_an_unknown_type_are_reported_once_each_and_not_in_full(
    caplog: pytest.LogCaptureFixture,
) -> None:
    session = _session()
    for _ in range(3):
        _receive(session, _raw(type="metrics"), json.dumps({"type": "hints"}), _raw(type="m" * 9999))
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * 3
    assert len(caplog.text) < 1000
    _receive(session, *(_raw(type=f"type {number}") for number in range(9999)))
    assert len(caplog.records) <= 100
    assert session.malformed_frames == 0


# ------------------------------------------------------------- notices


@pytest.mark.parametrize(("text", "expected"), _texts_of("connection"))
def test_a_notice_fails_the_only_call_when_no_process_can_be_meant(
    text: str, expected: type[ServerError]
) -> None:
    """D14"""
    session = _session("0.5")
    asked = _ask(session)
    _receive(session, _notice(text))
    assert type(asked.error) is expected
    assert isinstance(asked.error, ServerError)
    assert asked.error.text == text
    assert len(str(asked.error).splitlines()) == 1


def test_a_notice_goes_to_the_only_process_when_no_call_can_be_meant() -> None:
    """D14"""
    session = _session("0.5")
    box = session.open_mailbox("p")
    _receive(session, _notice("no worker available"))
    [event] = _read(box)
    assert isinstance(event, CorruptEvent)
    assert event.value.startswith("server error: no worker available")


def test_a_process_that_has_ended_cannot_be_meant_by_a_notice() -> None:
    session = _session("0.5")
    ended, lost, live = session.open_mailbox("p"), session.open_mailbox("q"), session.open_mailbox("r")
    _receive(session, _return("p"), _event("q", "return", None))
    assert _read(ended) == [events.ReturnEvent("{}")]
    _receive(session, _notice("no worker available"))
    assert len(_read(live)) == 1
    _receive(session, _return("r"))
    asked = _ask(session)
    _receive(session, _notice("stream aborted"))
    assert isinstance(asked.error, refusals.StreamAbortedError)
    assert _read(ended) == _read(lost) == []


def test_after_an_aborted_stream_the_processes_that_the_server_no_longer_lists_end() -> None:
    """D14"""
    session = _session("0.5")
    ended, gone, running = session.open_mailbox("p"), session.open_mailbox("q"), session.open_mailbox("r")
    _receive(session, _return("p"), _notice("stream aborted"))
    assert session.process_check_due
    assert session.open_processes() == {"q", "r"}
    session.fail_processes({"p", "q", "never heard of"})
    assert isinstance(_failure(gone), refusals.StreamAbortedError)
    assert ended.failure is None
    assert running.failure is None


@pytest.mark.parametrize(("calls", "processes"), [(1, 1), (2, 0), (0, 2), (0, 0)])
def test_a_notice_that_may_mean_several_is_told_to_none(calls: int, processes: int) -> None:
    """D14"""
    session = _session("0.5")
    asked = [_ask(session) for _ in range(calls)]
    boxes = [session.open_mailbox(f"{number}") for number in range(processes)]
    _receive(session, _notice("no worker available"))
    assert not any(one.answered for one in asked)
    assert not any(_read(box) for box in boxes)


def test_a_notice_that_was_told_to_none_is_kept_for_the_next_deadline() -> None:
    """D14"""
    session = _session("0.5")
    before = _ask(session)
    during = _ask(session)
    box = session.open_mailbox("p")
    assert session.server_error_since(before.call) == ""
    _receive(session, _notice("no worker\navailable"))
    after = _ask(session)
    assert not before.answered
    assert not during.answered
    assert _read(box) == []
    assert session.server_error_since(before.call) == "no worker / available"
    assert session.server_error_since(during.call) == "no worker / available"
    assert session.server_error_since(after.call) == ""


def test_the_end_of_a_turn_means_nothing() -> None:
    session = _session("0.5")
    asked = _ask(session)
    _receive(session, codec.encode_server_message(models.TurnDone(), "0.5"))
    assert not asked.answered
    assert session.malformed_frames == 0


def test_a_relayed_call_is_handed_out() -> None:
    call = models.McpRequest(corr_id=0, process_id="p", server_name="fs", method="tools/list", params="{}")
    session = _session("0.4")
    asked = _ask(session)
    assert session.receive(codec.encode_server_message(call, "0.4")) == call
    assert not asked.answered


# ------------------------------------------------------------- events


def test_events_go_to_the_process_that_they_name_in_their_order() -> None:
    session = _session()
    one, two = session.open_mailbox("p"), session.open_mailbox("q")
    _receive(
        session,
        _stdout("p", "1"),
        _event("q", "stderr", "2"),
        _event("p", "message", "3"),
        _event("q", "error", "Signal"),
        _return("p", "5"),
    )
    assert _read(one) == [events.StdoutEvent("1"), events.MessageEvent("3"), events.ReturnEvent("5")]
    assert _read(two) == [events.StderrEvent("2"), events.ErrorEvent("Signal")]


def test_an_event_of_an_unknown_kind_is_kept_and_ends_nothing() -> None:
    """D28"""
    session = _session()
    box = session.open_mailbox("p")
    _receive(session, _event("p", "metrics", None), _event("p", "file", "x"), _return("p"))
    assert _read(box) == [
        events.UnknownEvent("metrics", None),
        events.UnknownEvent("file", "x"),
        events.ReturnEvent("{}"),
    ]


def test_what_comes_before_the_handle_is_kept_in_order_with_its_files() -> None:
    """D20"""
    session = _session()
    first, second = _chunks("p", b"a" * 10, b"b")
    _receive(session, _stdout("p", "1"), first, _stdout("p", "2"), second, *_chunks("p", b"c"))
    box = session.open_mailbox("p")
    _receive(session, _return("p"))
    assert _read(box) == [
        events.StdoutEvent("1"),
        events.StdoutEvent("2"),
        b"aaaaaaaaaab",
        b"c",
        events.ReturnEvent("{}"),
    ]


def test_a_file_may_begin_before_the_handle_and_end_after() -> None:
    """D20"""
    session = _session()
    first, second = _chunks("p", b"a" * 10, b"b")
    _receive(session, first)
    box = session.open_mailbox("p")
    _receive(session, second)
    assert _read(box) == [b"aaaaaaaaaab"]
    assert _used(session) == 0


def test_a_process_that_ends_before_its_handle_is_made_gives_everything() -> None:
    """D26"""
    session = _session()
    _receive(session, _stdout("p", "1"), _return("p"), _stdout("p", "late"), _return("p", "again"))
    box = session.open_mailbox("p")
    _receive(session, _stdout("p", "later"))
    assert _read(box) == [events.StdoutEvent("1"), events.ReturnEvent("{}")]
    assert box.terminal == events.ReturnEvent("{}")


@pytest.mark.parametrize("end", [_return("p"), _event("p", "error", "Signal")])
def test_whatever_follows_the_end_of_a_process_is_dropped(end: bytes) -> None:
    """D25"""
    session = _session()
    box = session.open_mailbox("p")
    _receive(session, end, _stdout("p", "late"), end, *_chunks("p", b"x"), _raw(type="file", process_id="p"))
    assert len(_read(box)) == 1
    session.release_mailbox(session.open_mailbox("p"))
    _receive(session, _stdout("p", "later"))
    assert _read(session.open_mailbox("p")) == []
    assert _used(session) == 0


def test_events_of_a_process_that_was_let_go_are_dropped() -> None:
    session = _session()
    box = session.open_mailbox("p")
    _receive(session, _stdout("p", "unread"))
    session.release_mailbox(session.open_mailbox("p"))
    _receive(session, _stdout("p", "late"), *_chunks("p", b"x"), _event("p", "stdout", None))
    assert _read(box) == []
    assert _used(session) == 0
    assert _read(session.open_mailbox("p")) == []


def test_letting_go_of_an_unknown_process_is_no_error() -> None:
    session = _session()
    session.release_mailbox(session.open_mailbox("p"))
    session.release_mailbox(session.open_mailbox("p"))


def test_a_process_has_one_mailbox_however_often_it_is_asked_for() -> None:
    """D30"""
    session = _session()
    box = session.open_mailbox("p")
    _receive(session, _stdout("p", "1"))
    assert session.open_mailbox("p") is box
    assert _read(box) == [events.StdoutEvent("1")]
    assert _used(session) == 0


def test_events_that_follow_a_renewed_attachment_are_kept_until_its_handle_is_made() -> None:
    """D20"""
    session = _session()
    session.open_mailbox("p")
    session.release_mailbox(session.open_mailbox("p"))
    asked = _ask(session, methods.ATTACH_PROCESS)
    session.encode_request(
        methods.ATTACH_PROCESS,
        lambda: models.AttachProcessRequest(corr_id=asked.call.corr_id, process_id="p"),
        asked.call,
    )
    _receive(session, _stdout("p", "before"))
    _receive(session, _reply(asked.call.corr_id, texts.OK_ATTACH_PROCESS), _stdout("p", "buffered"))
    assert _read(session.open_mailbox("p")) == [events.StdoutEvent("buffered")]


# ------------------------------------------------------------- what nobody asked about


def test_the_oldest_of_what_nobody_asked_about_goes_first(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """D25"""
    monkeypatch.setattr("pie_client.protocol.session.UNCLAIMED_BYTES", 1000)
    session = _session()
    _receive(session, _stdout("p", SECRET * 20), _stdout("q", "x" * 300))
    assert not caplog.records
    _receive(session, _stdout("r", "y" * 300))
    [record] = caplog.records
    assert record.levelno == logging.WARNING
    assert "'p'" in record.getMessage()
    assert SECRET not in record.getMessage()
    assert _read(session.open_mailbox("q")) == [events.StdoutEvent("x" * 300)]
    assert _read(session.open_mailbox("r")) == [events.StdoutEvent("y" * 300)]
    _receive(session, _stdout("p", "z"))
    lost = session.open_mailbox("p")
    assert _read(lost) == []
    assert isinstance(_failure(lost), SlowConsumerError)


def test_chunks_that_nobody_asked_about_count_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """D25"""
    monkeypatch.setattr("pie_client.protocol.session.UNCLAIMED_BYTES", 1000)
    session = _session()
    first, second = _chunks("p", b"x" * 950, b"y")
    _receive(session, first, second)
    assert isinstance(_failure(session.open_mailbox("p")), SlowConsumerError)


def test_the_number_of_processes_that_nobody_asked_about_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """D25"""
    monkeypatch.setattr("pie_client.protocol.session.UNCLAIMED_MAILBOXES", 3)
    session = _session()
    _receive(session, *(_stdout(f"p{number}", "x") for number in range(5)))
    assert [len(_read(session.open_mailbox(f"p{number}"))) for number in range(5)] == [0, 0, 1, 1, 1]


def test_an_attachment_makes_up_for_what_was_dropped_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pie_client.protocol.session.UNCLAIMED_BYTES", 200)
    session = _session()
    _receive(session, _stdout("p", "x" * 300))
    asked = _ask(session, methods.ATTACH_PROCESS)
    session.encode_request(
        methods.ATTACH_PROCESS,
        lambda: models.AttachProcessRequest(corr_id=asked.call.corr_id, process_id="p"),
        asked.call,
    )
    _receive(session, _reply(asked.call.corr_id, texts.OK_ATTACH_PROCESS), _stdout("p", "buffered"))
    box = session.open_mailbox("p")
    assert box.failure is None
    assert _read(box) == [events.StdoutEvent("buffered")]


def test_only_so_many_ended_processes_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pie_client.protocol.session.IGNORED_IDS", 2)
    session = _session()
    for name in "pqr":
        session.open_mailbox(name)
        session.release_mailbox(session.open_mailbox(name))
    _receive(session, *(_stdout(name, "late") for name in "pqr"))
    assert [len(_read(session.open_mailbox(name))) for name in "pqr"] == [1, 0, 0]


# ------------------------------------------------------------- files


def test_equal_files_of_two_processes_may_be_interleaved() -> None:
    """D22"""
    session = _session()
    one, two = session.open_mailbox("p"), session.open_mailbox("q")
    pieces = (b"same" * 10, b"end")
    for chunks in zip(_chunks("p", *pieces), _chunks("q", *pieces), strict=True):
        _receive(session, *chunks)
    assert _read(one) == _read(two) == [b"".join(pieces)]


def test_different_files_of_one_process_may_be_interleaved() -> None:
    """D22"""
    session = _session()
    box = session.open_mailbox("p")
    for chunks in zip(_chunks("p", b"a", b"b"), _chunks("p", b"c", b"d"), strict=True):
        _receive(session, *chunks)
    assert _read(box) == [b"ab", b"cd"]


def test_a_file_carries_its_name_and_its_digest() -> None:
    session = _session()
    box = session.open_mailbox("p")
    digest = blake3(b"abc").hexdigest()
    chunk = models.FileChunk(
        process_id="p", file_hash=digest, chunk_index=0, total_chunks=1, chunk_data=b"abc", name="a.txt"
    )
    _receive(session, codec.encode_server_message(chunk, "0.5"))
    [file] = _read(box)
    assert isinstance(file, FileEvent)
    assert (file, file.name, file.digest) == (b"abc", "a.txt", digest)


def test_an_empty_file_in_one_empty_chunk_is_a_file() -> None:
    session = _session()
    box = session.open_mailbox("p")
    _receive(session, *_chunks("p", b""))
    [file] = _read(box)
    assert file == b""
    assert isinstance(file, FileEvent)


PIECES = (b"first", b"second", b"third")
DIGEST = blake3(b"".join(PIECES)).hexdigest()
BROKEN_FILES = {
    "first chunk missing": [(1, 3, b"second"), (2, 3, b"third")],
    "chunk missing": [(0, 3, b"first"), (2, 3, b"third")],
    "chunk twice": [(0, 3, b"first"), (1, 3, b"second"), (1, 3, b"second"), (2, 3, b"third")],
    "chunks swapped": [(0, 3, b"first"), (2, 3, b"third"), (1, 3, b"second")],
    "chunk short": [(0, 3, b"first"), (1, 3, b"secon"), (2, 3, b"third")],
    "chunk corrupt": [(0, 3, b"first"), (1, 3, b"sEcond"), (2, 3, b"third")],
    "count changed": [(0, 3, b"first"), (1, 4, b"second"), (2, 3, b"third")],
    "count zero": [(0, 0, b"firstsecondthird")],
    "index beyond the count": [(3, 3, b"first")],
    "all but the last, then the end": [(0, 3, b"first"), (1, 3, b"second")],
    "empty": [(0, 1, b"")],
}


@pytest.mark.parametrize("sent", BROKEN_FILES.values(), ids=BROKEN_FILES)
def test_a_broken_file_is_one_event_and_the_process_goes_on(sent: list[tuple[int, int, bytes]]) -> None:
    """D21"""
    session = _session()
    box, other = session.open_mailbox("p"), session.open_mailbox("q")
    for index, total, data in sent:
        _receive(session, _chunk("p", DIGEST, index, total, data))
    _receive(session, *_chunks("p", b"next"), *_chunks("q", b"other"), _return("p"))
    found = _read(box)
    [broken] = [event for event in found if isinstance(event, CorruptEvent)]
    assert broken.value.startswith(f"file {DIGEST} is lost: ")
    assert len(broken.value.splitlines()) == 1
    assert [event for event in found if event != broken] == [b"next", events.ReturnEvent("{}")]
    assert _read(other) == [b"other"]
    assert _used(session) == 0


@pytest.mark.parametrize("sent", BROKEN_FILES.values(), ids=BROKEN_FILES)
def test_a_broken_file_arrives_when_it_is_sent_again(sent: list[tuple[int, int, bytes]]) -> None:
    """D21"""
    session = _session()
    box = session.open_mailbox("p")
    for index, total, data in sent:
        _receive(session, _chunk("p", DIGEST, index, total, data))
    _receive(session, *_chunks("p", *PIECES), *_chunks("p", *PIECES))
    whole = b"".join(PIECES)
    [broken, first, second] = _read(box)
    assert isinstance(broken, CorruptEvent)
    assert first == second == whole
    assert _used(session) == 0


@pytest.mark.parametrize("digest", ["", "h", "0" * 63 + "g", DIGEST.upper(), f"{SECRET}\nx", "z" * 9999])
def test_a_file_with_an_impossible_digest_is_broken_and_named_in_one_short_line(digest: str) -> None:
    """D21"""
    session = _session()
    box = session.open_mailbox("p")
    _receive(session, _chunk("p", digest, 0, 1, b"x"), *_chunks("p", b"next"))
    [broken, following] = _read(box)
    assert isinstance(broken, CorruptEvent)
    assert len(broken.value.splitlines()) == 1
    assert len(broken.value) < 200
    assert following == b"next"


def test_the_file_that_an_end_cuts_off_is_told_before_the_end() -> None:
    """D21"""
    session = _session()
    box = session.open_mailbox("p")
    first, _ = _chunks("p", b"a", b"b")
    _receive(session, first, _stdout("p", "x"), _return("p"))
    [before, broken, end] = _read(box)
    assert before == events.StdoutEvent("x")
    assert isinstance(broken, CorruptEvent)
    assert end == events.ReturnEvent("{}")
    assert _used(session) == 0


# ------------------------------------------------------------- flow


def test_it_is_congested_while_more_is_unread_than_allowed() -> None:
    """D27"""
    session = _session(max_buffered=1000)
    box = session.open_mailbox("p")
    _receive(session, _stdout("p", "x" * 500))
    assert not _congested(session)
    _receive(session, _stdout("p", "x" * 500))
    assert _congested(session)
    box.pop()
    assert not _congested(session)


def test_it_is_not_congested_while_somebody_waits_for_a_reply() -> None:
    session = _session(max_buffered=1000)
    session.open_mailbox("p")
    _receive(session, _stdout("p", "x" * 1500))
    first, second = _ask(session), _ask(session)
    assert not _congested(session)
    _receive(session, _reply(first.call.corr_id))
    assert not _congested(session)
    session.close_call(second.call)
    assert _congested(session)


def test_the_unread_end_of_a_process_counts_until_its_handle_is_gone() -> None:
    """D27"""
    session = _session(max_buffered=1000)
    box = session.open_mailbox("p")
    _receive(session, _return("p", "x" * 1500))
    assert _congested(session)
    session.release_mailbox(session.open_mailbox("p"))
    assert not _congested(session)
    assert box.terminal == events.ReturnEvent("x" * 1500)


def test_at_twice_the_limit_the_process_with_most_unread_is_given_up() -> None:
    """D27"""
    session = _session(max_buffered=1000)
    large, small = session.open_mailbox("p"), session.open_mailbox("q")
    asked = _ask(session)
    for _ in range(3):
        _receive(session, _stdout("p", SECRET * 30))
        _receive(session, _stdout("q", "x" * 10))
    _receive(session, *(_stdout("q", "x" * 10) for _ in range(6)))
    assert isinstance(_failure(large), SlowConsumerError)
    assert _failure(large) is not _failure(large)
    assert SECRET not in str(_failure(large))
    assert len(str(_failure(large)).splitlines()) == 1
    assert _read(large) == []
    assert small.failure is None
    assert len(_read(small)) == 9
    _receive(session, _stdout("p", "late"), _return("p"), _reply(asked.call.corr_id))
    assert _read(large) == []
    assert asked.results == ["Pong"]
    assert _used(session) == 0


def test_an_ended_process_that_nobody_reads_is_given_up_before_a_live_one_that_is_read() -> None:
    """D27"""
    session = _session(max_buffered=1000)
    unread, live = session.open_mailbox("p"), session.open_mailbox("q")
    _receive(session, _stdout("p", "x" * 1500), _return("p"))
    for number in range(50):
        _receive(session, _stdout("q", f"{number}" * 100))
        assert live.pop() == events.StdoutEvent(f"{number}" * 100)
    _receive(session, _stdout("q", "y" * 500))
    assert isinstance(_failure(unread), SlowConsumerError)
    assert unread.terminal == events.ReturnEvent("{}")
    assert live.failure is None
    assert _read(live) == [events.StdoutEvent("y" * 500)]


def test_unfinished_files_count_even_when_their_chunks_are_empty() -> None:
    """D27"""
    session = _session(max_buffered=10_000)
    box = session.open_mailbox("p")
    for number in range(1000):
        _receive(session, _chunk("p", f"{number}", 0, 2, b""))
    assert isinstance(_failure(box), SlowConsumerError)
    session.release_mailbox(session.open_mailbox("p"))
    assert _used(session) == 0


@pytest.mark.parametrize(
    "frame", [_event("p", "stdout", None), _notice("x" * 300)], ids=["malformed", "notice"]
)
def test_what_is_told_of_bad_frames_counts(frame: bytes | str) -> None:
    """D27"""
    session = _session(max_buffered=1000)
    box = session.open_mailbox("p")
    for _ in range(50):
        _receive(session, frame)
        assert _used(session) <= 2000
    assert isinstance(_failure(box), SlowConsumerError)


def test_the_kind_of_an_unknown_event_counts() -> None:
    """D27"""
    session = _session(max_buffered=1000)
    session.open_mailbox("p")
    _receive(session, _event("p", "x" * 1500, None))
    assert _congested(session)


# ------------------------------------------------------------- the end


def _lost(sent: bool | None) -> ConnectionLostError:
    return ConnectionLostError("gone", sent=sent)


def test_when_the_connection_ends_every_call_gets_an_error_of_its_own() -> None:
    """D24"""
    session = _session()
    asked = [_ask(session) for _ in range(3)]
    asked[1].call.sent = True
    session.fail(_lost)
    errors = [cast("ConnectionLostError", one.error) for one in asked]
    assert [error.sent for error in errors] == [False, True, False]
    assert len(set(map(id, errors))) == 3


def test_when_the_connection_ends_what_had_arrived_can_still_be_read() -> None:
    """D24"""
    session = _session()
    box = session.open_mailbox("p")
    first, _ = _chunks("p", b"a", b"b")
    _receive(session, _stdout("p", "1"), first)
    session.fail(_lost)
    assert _read(box) == [events.StdoutEvent("1")]
    error = _failure(box)
    assert isinstance(error, ConnectionLostError)
    assert error.sent is None
    assert error is not _failure(box)
    assert _used(session) == 0


def test_a_process_that_had_ended_is_not_failed_by_the_end_of_the_connection() -> None:
    """D23"""
    session = _session()
    box = session.open_mailbox("p")
    _receive(session, _return("p"))
    session.fail(_lost)
    assert box.failure is None
    assert _read(box) == [events.ReturnEvent("{}")]


def test_after_the_end_nothing_can_be_asked() -> None:
    """D7"""
    session = _session()
    session.fail(_lost)
    attempts: list[Callable[[], object]] = [
        session.check_alive,
        lambda: _ask(session),
        lambda: session.open_mailbox("p"),
        lambda: session.encode_request(methods.PING, lambda: models.PingRequest(corr_id=0)),
    ]
    for attempt in attempts:
        with pytest.raises(ConnectionLostError) as caught:
            attempt()
        assert caught.value.sent is False


def test_only_the_first_end_counts() -> None:
    session = _session()
    asked = _ask(session)
    box = session.open_mailbox("p")
    session.fail(lambda _sent: PieError("first"))
    session.fail(lambda _sent: PieError("second"))
    assert str(asked.error) == str(_failure(box)) == "first"
    with pytest.raises(PieError, match="first"):
        session.check_alive()


def test_a_reply_that_comes_after_the_end_is_ignored() -> None:
    """D3"""
    session = _session()
    asked = _ask(session)
    session.fail(_lost)
    _receive(session, _reply(asked.call.corr_id))
    assert isinstance(asked.error, ConnectionLostError)


# ------------------------------------------------------------- mailbox


class Reader:
    """Counts how often it is woken."""

    def __init__(self) -> None:
        self.woken = 0

    def wake(self) -> None:
        self.woken += 1


def test_every_reader_is_woken_by_every_change() -> None:
    box = Mailbox("p", ByteCounter())
    one, other = Reader(), Reader()
    box.add_listener(one.wake)
    box.add_listener(other.wake)
    box.put(events.StdoutEvent("1"))
    box.remove_listener(other.wake)
    box.put(events.ReturnEvent("2"))
    assert (one.woken, other.woken) == (2, 1)
    box.put(events.StdoutEvent("late"))
    box.pop()
    assert one.woken == 2
    box.discard()
    box.fail(lambda: PieError("gone"))
    assert one.woken == 4


def test_a_mailbox_does_not_keep_its_reader_alive() -> None:
    reader = Reader()
    box = Mailbox("p", ByteCounter())
    box.add_listener(reader.wake)
    heard = box.has_listeners
    watched = weakref.ref(reader)
    del reader
    gc.collect()
    assert watched() is None
    box.put(events.StdoutEvent("1"))
    assert (heard, box.has_listeners) == (True, False)


def test_a_mailbox_that_somebody_still_listens_to_is_not_released() -> None:
    session = Session(max_buffered=1000)
    one, other = Reader(), Reader()
    box = session.open_mailbox("p")
    box.add_listener(one.wake)
    session.open_mailbox("p").add_listener(other.wake)
    box.remove_listener(one.wake)
    session.release_mailbox(box)
    _receive(session, _event("p", "stdout", "1"))
    assert box.pop() == events.StdoutEvent("1")
    box.remove_listener(other.wake)
    session.release_mailbox(box)
    _receive(session, _event("p", "stdout", "2"))
    assert box.pop() is None


def test_the_rest_of_a_file_that_was_given_up_changes_no_books() -> None:
    budget = ByteCounter()
    box = Mailbox("p", budget)
    digest = blake3(b"ab").hexdigest()
    first, second = (
        models.FileChunk(process_id="p", file_hash=digest, chunk_index=index, total_chunks=2, chunk_data=data)
        for index, data in enumerate((b"a", b"b"))
    )
    box.add_chunk(first)
    assert budget.total == box.size > 0
    box.discard()
    assert budget.total == box.size == 0
    box.add_chunk(second)
    box.fail(lambda: PieError("gone"))
    [broken] = _read(box)
    assert isinstance(broken, CorruptEvent)
    assert budget.total == box.size == 0


def test_what_is_given_up_is_told_also_when_the_process_has_ended() -> None:
    budget = ByteCounter()
    box = Mailbox("p", budget)
    box.put(events.ReturnEvent("1"))
    box.fail_and_discard(lambda: SlowConsumerError("too slow"))
    assert box.pop() is None
    assert isinstance(_failure(box), SlowConsumerError)
    assert budget.total == 0


NAMES = st.sampled_from(["p", "q", "r"])
LIMIT = 2000


class Books(RuleBasedStateMachine):
    """Whatever happens, the bytes that count as unread are those of the mailboxes that handles hold."""

    held = Bundle("held")

    def __init__(self) -> None:
        super().__init__()
        self.session = _session(max_buffered=LIMIT)
        self.boxes: dict[str, Mailbox] = {}
        self.last_seen: dict[str, int] = {}
        self.sent = 0
        self.early = 0

    def _tell(self, frame: bytes | str, name: str) -> None:
        _receive(self.session, frame)
        if name in self.boxes:
            assert _used(self.session) <= 2 * LIMIT + self.early

    @rule(name=NAMES, size=st.integers(0, 900))
    def print(self, name: str, size: int) -> None:
        self.sent += 1
        self._tell(_stdout(name, f"{self.sent} {'x' * size}"), name)

    @rule(name=NAMES, kind=st.sampled_from(["return", "error"]), value=st.sampled_from(["", "x" * 500, None]))
    def end(self, name: str, kind: str, value: str | None) -> None:
        self._tell(_event(name, kind, value), name)

    @rule(
        name=NAMES,
        digest=st.sampled_from([DIGEST, blake3(b"firstfirst").hexdigest(), "h"]),
        index=st.integers(0, 3),
        total=st.integers(1, 3),
        data=st.sampled_from([*PIECES, b"", b"x" * 700]),
    )
    def send_chunk(self, name: str, digest: str, index: int, total: int, data: bytes) -> None:
        self._tell(_chunk(name, digest, index, total, data), name)

    @rule(name=NAMES)
    def send_file(self, name: str) -> None:
        for frame in _chunks(name, *PIECES):
            self._tell(frame, name)

    @rule(name=NAMES)
    def break_event(self, name: str) -> None:
        self._tell(_raw(type="process_event", process_id=name, event="stdout"), name)

    @rule(text=st.sampled_from(["stream aborted", "x" * 500]))
    def complain(self, text: str) -> None:
        _receive(self.session, _notice(text))

    @rule(target=held, name=NAMES)
    def take_handle(self, name: str) -> str:
        before = _used(self.session)
        self.boxes[name] = self.session.open_mailbox(name)
        self.early += _used(self.session) - before
        return name

    @rule(name=held)
    def read(self, name: str) -> None:
        event = self.boxes[name].pop() if name in self.boxes else None
        if isinstance(event, events.StdoutEvent):
            number = int(event.value.split()[0])
            assert number > self.last_seen.get(name, 0)
            self.last_seen[name] = number

    @rule(name=consumes(held))
    def drop_handle(self, name: str) -> None:
        box = self.boxes.pop(name, None)
        self.session.release_mailbox(box or self.session.open_mailbox(name))
        assert box is None or (box.size, box.pop()) == (0, None)

    @invariant()
    def books_balance(self) -> None:
        assert _used(self.session) == sum(box.size for box in self.boxes.values())
        assert all(box.size >= 0 for box in self.boxes.values())

    def teardown(self) -> None:
        self.session.fail(_lost)
        for box in self.boxes.values():
            _read(box)
            assert box.size == 0
            assert box.terminal is not None or box.failure is not None
        assert _used(self.session) == 0


def test_the_books_balance_whatever_happens() -> None:
    """D27"""
    run_state_machine_as_test(
        Books,
        settings=settings(
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow],
            max_examples=60,
            stateful_step_count=40,
        ),
    )
