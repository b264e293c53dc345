"""Requests that are rejected before they are sent, and process ids."""

from collections.abc import Callable
from typing import Any, cast

import msgpack
import pytest

from pie_client import (
    Family,
    InvalidArgumentError,
    UnsupportedError,
)
from pie_client._generated import encoders, methods
from pie_client._generated.families import FAMILIES
from pie_client._generated.methods import METHODS, Method
from pie_client.protocol.routes import canonical_id
from tests.protocol.helpers import (
    PROCESS,
    SECRET,
    claim,
    make_session,
    open_call,
    receive,
    reply_frame,
    should_pause,
    stdout_frame,
)


def test_an_invalid_request_leaves_no_pending_call() -> None:
    """D10"""
    session = make_session(max_buffered=10)
    receive(session, stdout_frame("p", "x"))
    claim(session, "p")
    asked = open_call(session, methods.SIGNAL_PROCESS)
    with pytest.raises(InvalidArgumentError) as caught:
        session.encode_call(asked.call, lambda _: encoders.signal_process(cast("str", 5), SECRET))
    assert "signal_process not sent: process_id" in str(caught.value)
    assert SECRET not in str(caught.value)
    session.close_call(asked.call)
    assert should_pause(session), "a pending call would keep it from being so"
    receive(session, reply_frame(asked.call.corr_id))
    assert not asked.answered


def test_text_with_a_lone_surrogate_is_rejected() -> None:
    """D10"""
    with pytest.raises(InvalidArgumentError, match=r"signal_process not sent: .*surrogate"):
        make_session().encode(
            methods.SIGNAL_PROCESS,
            lambda: encoders.signal_process(PROCESS, "\ud83e"),
        )


@pytest.mark.parametrize(
    "tag", sorted(tag for tag, method in METHODS.items() if "0.5" not in method.families)
)
def test_a_request_of_another_family_is_rejected(tag: str) -> None:
    session = make_session("0.5")
    with pytest.raises(
        UnsupportedError, match=rf"^{tag} needs a Pie (0\.3 or )?0\.4 server; this is Pie 0\.5"
    ):
        open_call(session, methods.METHODS[tag])

    def build() -> dict[str, object]:
        raise AssertionError("there is no need to build it")

    with pytest.raises(UnsupportedError):
        session.encode(methods.METHODS[tag], build)
    assert open_call(session).call.corr_id == 0


OF_ONE_FAMILY: list[tuple[Method[Any], str, object, Callable[[Any], dict[str, object]]]] = [
    (methods.LAUNCH_PROCESS, "token_budget", 0, lambda v: encoders.launch_process(0, "a", "", True, v)),
    (methods.CHECK_PROGRAM, "wasm_hash", "", lambda v: encoders.check_program(0, "a", "1", v, None)),
    (methods.CHECK_PROGRAM, "manifest_hash", "h", lambda v: encoders.check_program(0, "a", "1", None, v)),
]


@pytest.mark.parametrize(("method", "name", "value", "build"), OF_ONE_FAMILY)
def test_a_field_of_another_family_is_rejected(
    method: Method[Any], name: str, value: object, build: Callable[[Any], dict[str, object]]
) -> None:
    new, old = make_session("0.5"), make_session("0.4")
    with pytest.raises(
        UnsupportedError,
        match=f"^{name} of {method.tag} needs a Pie 0.3 or 0.4 server; this is Pie 0.5. Leave it out",
    ):
        new.encode(method, lambda: build(value))
    new.encode(method, lambda: build(None))
    frame = old.encode(method, lambda: build(value))
    assert msgpack.unpackb(frame)[name] == value


@pytest.mark.parametrize("family", [None, *FAMILIES])
def test_a_frame_above_the_servers_limit_is_rejected(family: Family | None) -> None:
    smallest = min(traits.frame_bytes for traits in FAMILIES.values())
    limit = FAMILIES[family].frame_bytes if family else smallest
    session = make_session(family)

    def signal(message: str) -> bytes:
        return session.encode(methods.SIGNAL_PROCESS, lambda: encoders.signal_process(PROCESS, message))

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
def test_a_process_id_may_have_any_form_of_a_uuid(text: str) -> None:
    assert canonical_id(text) == PROCESS


@pytest.mark.parametrize("value", ["", "p", PROCESS + "\n0", 5, None, b"p"])
def test_an_invalid_process_id_is_rejected(value: object) -> None:
    """D29"""
    with pytest.raises(InvalidArgumentError, match="is not a process id") as caught:
        canonical_id(cast("str", value))
    assert len(str(caught.value).splitlines()) == 1
