"""Pending calls of a session: correlation ids, late and malformed replies, and the end of the connection."""

from collections.abc import Callable
from typing import Any, cast

import pytest

from pie_client import (
    ConnectionLostError,
    CorruptEvent,
    DeadlineError,
    PieError,
    ProtocolError,
    StdoutEvent,
    models,
)
from pie_client._generated import encoders, methods, refusals
from pie_client._generated.families import MAX_CORRELATION
from pie_client._generated.methods import Method
from pie_client.protocol import codec
from pie_client.protocol.session import RelayMcpCall, Session, TerminateProcesses
from tests.protocol.helpers import (
    SECRET,
    OpenCall,
    claim,
    failure_of,
    lost,
    make_session,
    open_call,
    raw_frame,
    read_all,
    receive,
    reply_frame,
    stdout_frame,
)


def set_next_corr_id(session: Session, corr_id: int) -> None:
    session.calls._next_corr_id = corr_id  # pyright: ignore[reportPrivateUsage] - 2**32 calls would take too long


def test_replies_complete_the_calls_with_their_corr_ids() -> None:
    session = make_session()
    first, second = open_call(session), open_call(session, methods.CHECK_PROGRAM)
    receive(session, reply_frame(second.call.corr_id, "true"), reply_frame(first.call.corr_id))
    assert (first.results, second.results) == (["Pong"], [True])


def test_open_calls_have_different_corr_ids() -> None:
    session = make_session()
    assert len({open_call(session).call.corr_id for _ in range(100)}) == 100


def test_a_reply_to_a_closed_call_is_ignored() -> None:
    """D3"""
    session = make_session()
    late, waiting = open_call(session), open_call(session)
    session.close_call(late.call)
    receive(session, reply_frame(late.call.corr_id), reply_frame(waiting.call.corr_id))
    assert not late.answered
    assert waiting.results == ["Pong"]


def test_a_reply_with_an_unknown_corr_id_is_ignored() -> None:
    session = make_session()
    asked = open_call(session)
    receive(session, reply_frame(asked.call.corr_id + 1), reply_frame(asked.call.corr_id))
    assert asked.results == ["Pong"]


def test_only_the_first_error_of_an_upload_counts() -> None:
    """D40"""
    session = make_session()
    upload = open_call(session, methods.ADD_PROGRAM)
    again = reply_frame(upload.call.corr_id, "First chunk index must be 0", ok=False)
    first = reply_frame(upload.call.corr_id, "Out-of-order chunk: expected 1, got 2", ok=False)
    receive(session, first, again, again, reply_frame(upload.call.corr_id))
    assert isinstance(upload.error, refusals.UploadError)
    assert upload.error.text == "Out-of-order chunk: expected 1, got 2"


def test_closing_a_call_twice_does_not_close_another() -> None:
    session = make_session()
    first = open_call(session)
    session.close_call(first.call)
    set_next_corr_id(session, first.call.corr_id)
    second = open_call(session)
    session.close_call(first.call)
    receive(session, reply_frame(second.call.corr_id))
    assert second.results == ["Pong"]


def test_corr_ids_wrap_around_to_zero() -> None:
    """D9"""
    session = make_session()
    set_next_corr_id(session, MAX_CORRELATION)
    assert [open_call(session).call.corr_id for _ in range(3)] == [MAX_CORRELATION, 0, 1]


def test_corr_ids_in_use_are_skipped() -> None:
    """D9"""
    session = make_session()
    slow = [open_call(session) for _ in range(3)]
    set_next_corr_id(session, MAX_CORRELATION)
    assert [open_call(session).call.corr_id for _ in range(2)] == [MAX_CORRELATION, 3]
    receive(session, *(reply_frame(asked.call.corr_id) for asked in slow))
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
def test_an_invalid_result_is_a_protocol_error(method: Method[Any], result: str) -> None:
    """D32"""
    session = make_session()
    asked = open_call(session, method)
    receive(session, reply_frame(asked.call.corr_id, result))
    assert isinstance(asked.error, ProtocolError)
    assert method.tag in str(asked.error)
    assert SECRET not in str(asked.error)
    assert len(str(asked.error).splitlines()) == 1
    later = open_call(session)
    receive(session, reply_frame(later.call.corr_id))
    assert later.results == ["Pong"]


@pytest.mark.parametrize(
    "fields",
    [
        {"type": "response", "ok": True},
        {"type": "response", "ok": 1, "result": SECRET},
        {"type": "response", "ok": True, "result": SECRET.encode()},
        {"ok": True, "result": SECRET},
    ],
)
def test_a_malformed_reply_fails_its_call(
    fields: dict[str, object], caplog: pytest.LogCaptureFixture
) -> None:
    """D2"""
    session = make_session()
    asked, other = open_call(session), open_call(session)
    receive(session, raw_frame(corr_id=asked.call.corr_id, **fields))
    assert isinstance(asked.error, ProtocolError)
    assert str(asked.error).startswith("invalid reply to ping: ")
    assert SECRET not in str(asked.error) + caplog.text
    assert not other.answered
    receive(session, reply_frame(asked.call.corr_id), reply_frame(other.call.corr_id))
    assert other.results == ["Pong"]


def test_a_malformed_mcp_request_does_not_fail_the_call_with_its_corr_id() -> None:
    session = make_session()
    asked = open_call(session)
    box = claim(session, "p")
    receive(session, raw_frame(type="mcp_request", corr_id=asked.call.corr_id, process_id="p"))
    assert not asked.answered
    [event] = read_all(box)
    assert isinstance(event, CorruptEvent)


def test_turn_done_is_ignored() -> None:
    session = make_session("0.5")
    asked = open_call(session)
    receive(session, codec.encode_server_message(models.TurnDone(), "0.5"))
    assert not asked.answered
    assert session.malformed_frames == 0


def test_an_mcp_request_is_to_be_relayed() -> None:
    call = models.McpRequest(corr_id=0, process_id="p", server_name="fs", method="tools/list", params="{}")
    session = make_session("0.4")
    asked = open_call(session)
    receive(session, codec.encode_server_message(call, "0.4"))
    [effect] = session.effects
    assert isinstance(effect, RelayMcpCall)
    assert (effect.request.server_name, effect.request.method, effect.request.params) == (
        "fs",
        "tools/list",
        "{}",
    )
    assert not asked.answered


def test_a_lost_connection_fails_every_call_with_its_own_error() -> None:
    """D24"""
    session = make_session()
    asked = [open_call(session) for _ in range(3)]
    asked[1].call.sent = True
    session.fail(lost)
    errors = [cast("ConnectionLostError", one.error) for one in asked]
    assert [error.sent for error in errors] == [False, True, False]
    assert len(set(map(id, errors))) == 3


def test_a_failed_session_raises_on_every_use() -> None:
    """D7"""
    session = make_session()
    session.fail(lost)
    attempts: list[Callable[[], object]] = [
        session.check_alive,
        lambda: open_call(session),
        lambda: claim(session, "p"),
        lambda: session.encode(methods.PING, lambda: encoders.ping(0)),
    ]
    for attempt in attempts:
        with pytest.raises(ConnectionLostError) as caught:
            attempt()
        assert caught.value.sent is False


def test_only_the_first_failure_counts() -> None:
    session = make_session()
    asked = open_call(session)
    box = claim(session, "p")
    session.fail(lambda _sent: PieError("first"))
    session.fail(lambda _sent: PieError("second"))
    assert str(asked.error) == str(failure_of(box)) == "first"
    with pytest.raises(PieError, match="first"):
        session.check_alive()


def test_a_reply_after_the_failure_is_ignored() -> None:
    """D3"""
    session = make_session()
    asked = open_call(session)
    session.fail(lost)
    receive(session, reply_frame(asked.call.corr_id))
    assert isinstance(asked.error, ConnectionLostError)


LAUNCHED = "0b7e8d52-5f0c-4c1e-9a36-3f1d2c4b5a69"


def open_launch(session: Session, *, captures: bool = True) -> OpenCall:
    """Open a call that was sent and launches a process."""
    asked = open_call(session, methods.LAUNCH_PROCESS)
    session.encode_call(
        asked.call, lambda corr_id: encoders.launch_process(corr_id, "a@1.0.0", "{}", captures, None)
    )
    asked.call.sent = True
    return asked


def test_a_process_whose_launch_was_cancelled_after_the_reply_is_terminated() -> None:
    session = make_session()
    asked = open_launch(session)
    receive(session, reply_frame(asked.call.corr_id, LAUNCHED), stdout_frame(LAUNCHED, "unread"))
    session.close_call(asked.call)
    assert list(session.effects) == [TerminateProcesses([LAUNCHED])]
    assert read_all(claim(session, LAUNCHED)) == []


def test_a_process_whose_launch_was_cancelled_before_the_reply_is_terminated() -> None:
    session = make_session()
    asked = open_launch(session)
    session.close_call(asked.call)
    assert not session.effects
    receive(session, reply_frame(asked.call.corr_id, LAUNCHED))
    assert list(session.effects) == [TerminateProcesses([LAUNCHED])]


def test_a_cancelled_launch_keeps_no_input_while_its_reply_may_arrive() -> None:
    session = make_session()
    asked = open_launch(session)
    assert "{}" in asked.call.fields.values()
    session.close_call(asked.call)
    assert "{}" not in asked.call.fields.values()
    assert asked.call.subject == "a@1.0.0"


def test_no_reply_to_a_cancelled_launch_is_expected_after_its_session_was_lost() -> None:
    session = make_session()
    asked = open_launch(session)
    session.close_call(asked.call)
    session.interrupt(lost, gaps=False)
    session.resume()
    receive(session, reply_frame(asked.call.corr_id, LAUNCHED))
    assert not session.effects


def test_a_late_launch_reply_with_the_id_of_another_process_leaves_its_handle_alone() -> None:
    session = make_session()
    route = claim(session, LAUNCHED)
    asked = open_launch(session)
    session.close_call(asked.call)
    receive(session, reply_frame(asked.call.corr_id, LAUNCHED), stdout_frame(LAUNCHED, "more"))
    assert read_all(route) == [StdoutEvent("more")]


@pytest.mark.parametrize("reason", ["taken", "not captured", "not sent", "refused"])
def test_nothing_is_terminated_if_nothing_is_out_of_reach(reason: str) -> None:
    session = make_session()
    asked = open_launch(session, captures=reason != "not captured")
    asked.call.sent = reason != "not sent"
    if reason == "taken":
        receive(session, reply_frame(asked.call.corr_id, LAUNCHED))
        assert asked.call.take() == LAUNCHED
    session.close_call(asked.call)
    receive(session, reply_frame(asked.call.corr_id, LAUNCHED, ok=reason != "refused"))
    assert not session.effects


def test_the_first_outcome_of_a_call_counts() -> None:
    answered, expired = open_call(make_session()).call, open_call(make_session()).call
    answered.succeed("Pong")
    answered.fail(DeadlineError("too late"))
    assert answered.take() == "Pong"
    expired.fail(DeadlineError("too late"))
    expired.succeed("Pong")
    with pytest.raises(DeadlineError):
        expired.take()
