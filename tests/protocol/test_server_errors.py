"""Refused requests, and server errors that name no request: which error class, and which call or process."""

import pickle
import re
from pathlib import Path
from typing import Any

import pytest

from codegen import schema
from pie_client import (
    CorruptEvent,
    PieError,
    ProcessError,
    RefusedError,
    ReturnEvent,
    ServerError,
)
from pie_client._generated import encoders, methods, refusals
from pie_client.protocol.session import CheckProcesses
from tests.protocol.helpers import (
    PROCESS,
    claim,
    event_frame,
    failure_of,
    make_session,
    notice_frame,
    open_call,
    read_all,
    receive,
    reply_frame,
    return_frame,
)

ROOT = Path(__file__).parents[2]
ERRORS = schema.load(ROOT / "schema").errors
SCOPES = {row["name"]: row["scope"] for row in ERRORS["classes"]}


def _filled_in(text: str) -> str:
    """Return a server's text, with its placeholders filled in."""
    return re.sub(r"\{(\w+)\}", r"some \1\nof it", text)


def _texts_of(scope: str) -> list[Any]:
    """Return a case for each failure text of a scope: the text and its error class."""
    rows = [row for row in ERRORS["texts"] if SCOPES.get(row["class"]) == scope]
    return [
        pytest.param(_filled_in(row["text"]), getattr(refusals, row["class"]), id=row["id"]) for row in rows
    ]


@pytest.mark.parametrize(("text", "expected"), _texts_of("request"))
def test_a_refusal_raises_the_class_of_its_text(text: str, expected: type[RefusedError]) -> None:
    """D8"""
    session = make_session()
    asked = open_call(session, methods.TERMINATE_PROCESS)
    session.encode_call(asked.call, lambda corr_id: encoders.terminate_process(corr_id, PROCESS))
    receive(session, reply_frame(asked.call.corr_id, text, ok=False))
    error = asked.error
    assert type(error) is expected
    assert isinstance(error, RefusedError)
    assert (error.request, error.subject, error.text) == ("terminate_process", PROCESS, text)
    assert str(error).startswith(f"terminate_process of '{PROCESS}' refused: ")
    assert str(error).endswith(
        refusals.advice_on(text, session.family, "terminate_process") or expected.advice
    )
    assert len(str(error).splitlines()) == 1


@pytest.mark.parametrize("what", ["manifest", "WASM"])
def test_a_program_that_the_registry_lacks_differs_from_a_registry_that_fails(what: str) -> None:
    url = "https://registry.example.org/api/v1/inferlets/a/1.0.0/manifest"
    absent = refusals.request_error(f"Failed to download {what}: {url} returned 404 Not Found")
    assert absent is refusals.ProgramNotFoundError
    for text in (
        f"Failed to download {what} from {url}: error sending request for url ({url})",
        f"Failed to download {what}: {url} returned 503 Service Unavailable",
        f"Failed to read {what} response: error decoding response body",
    ):
        assert refusals.request_error(text) is refusals.ServerRegistryError
    assert not issubclass(refusals.ServerRegistryError, LookupError | refusals.InstallError)


def test_an_unknown_refusal_keeps_its_text() -> None:
    session = make_session()
    asked = open_call(session)
    receive(session, reply_frame(asked.call.corr_id, "the moon is full\n\n  today ", ok=False))
    assert type(asked.error) is RefusedError
    assert asked.error.text == "the moon is full\n\n  today "
    assert str(asked.error) == "ping refused: the moon is full / today"
    assert asked.error.subject == ""


@pytest.mark.parametrize(("text", "expected"), _texts_of("process"))
def test_a_process_error_has_the_class_of_its_text(text: str, expected: type[ProcessError]) -> None:
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


@pytest.mark.parametrize(("text", "expected"), _texts_of("connection"))
def test_a_server_error_fails_the_only_call_without_processes(text: str, expected: type[ServerError]) -> None:
    """D14"""
    session = make_session("0.5")
    asked = open_call(session)
    receive(session, notice_frame(text))
    assert type(asked.error) is expected
    assert isinstance(asked.error, ServerError)
    assert asked.error.text == text
    assert len(str(asked.error).splitlines()) == 1


def test_a_server_error_is_an_event_of_the_only_process_without_calls() -> None:
    """D14"""
    session = make_session("0.5")
    box = claim(session, "p")
    receive(session, notice_frame("no worker available"))
    [event] = read_all(box)
    assert isinstance(event, CorruptEvent)
    assert event.value.startswith("server error: no worker available")


def test_a_server_error_does_not_concern_finished_processes() -> None:
    session = make_session("0.5")
    ended, lost, live = claim(session, "p"), claim(session, "q"), claim(session, "r")
    receive(session, return_frame("p"), event_frame("q", "return", None))
    assert read_all(ended) == [ReturnEvent("{}")]
    receive(session, notice_frame("no worker available"))
    assert len(read_all(live)) == 1
    receive(session, return_frame("r"))
    asked = open_call(session)
    receive(session, notice_frame("stream aborted"))
    assert isinstance(asked.error, refusals.StreamAbortedError)
    assert read_all(ended) == read_all(lost) == []


def test_fail_processes_fails_only_running_processes() -> None:
    """D14"""
    session = make_session("0.5")
    ended, gone, running = claim(session, "p"), claim(session, "q"), claim(session, "r")
    receive(session, return_frame("p"), notice_frame("stream aborted"))
    assert CheckProcesses() in session.effects
    assert {route.process_id for route in session.routes.live()} == {"q", "r"}
    session.fail_processes({"p", "q", "never heard of"})
    assert isinstance(failure_of(gone), refusals.StreamAbortedError)
    assert ended.failure is None
    assert running.failure is None


@pytest.mark.parametrize(("calls", "processes"), [(1, 1), (2, 0), (0, 2), (0, 0)])
def test_an_ambiguous_server_error_fails_nothing(calls: int, processes: int) -> None:
    """D14"""
    session = make_session("0.5")
    asked = [open_call(session) for _ in range(calls)]
    boxes = [claim(session, f"{number}") for number in range(processes)]
    receive(session, notice_frame("no worker available"))
    assert not any(one.answered for one in asked)
    assert not any(read_all(box) for box in boxes)


def test_an_ambiguous_server_error_is_kept_for_the_calls_open_at_the_time() -> None:
    """D14"""
    session = make_session("0.5")
    before = open_call(session)
    during = open_call(session)
    box = claim(session, "p")
    assert session.server_error_since(before.call) == ""
    receive(session, notice_frame("no worker\navailable"))
    after = open_call(session)
    assert not before.answered
    assert not during.answered
    assert read_all(box) == []
    assert session.server_error_since(before.call) == "no worker / available"
    assert session.server_error_since(during.call) == "no worker / available"
    assert session.server_error_since(after.call) == ""
