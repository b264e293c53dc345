"""Requests that are rejected before they are sent, and process ids."""

import os
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
from pie_client.content import Chunk
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


CHUNKED: dict[str, tuple[Method[Any], Callable[[Chunk], dict[str, object]]]] = {
    "add_program": (
        methods.ADD_PROGRAM,
        lambda chunk: encoders.add_program(7, chunk.digest, "", True, chunk.index, chunk.total, chunk.data),
    ),
    "transfer_file": (
        methods.TRANSFER_FILE,
        lambda chunk: encoders.transfer_file(PROCESS, chunk.digest, chunk.index, chunk.total, chunk.data),
    ),
}


@pytest.mark.parametrize("size", [0, 1, 255, 256, 65_535, 65_536, 262_144])
@pytest.mark.parametrize("tag", CHUNKED)
@pytest.mark.parametrize("kind", [bytes, memoryview])
def test_a_chunk_is_the_same_message_whether_its_bytes_are_a_part_of_their_own_or_not(
    kind: type[bytes] | type[memoryview], tag: str, size: int
) -> None:
    method, build = CHUNKED[tag]
    data = os.urandom(size)
    _, *parts = make_session().encode_chunk(method, build, Chunk(3, 9, b"", "d" * 64), kind(data))
    assert msgpack.unpackb(b"".join(parts)) == build(Chunk(3, 9, data, "d" * 64))


@pytest.mark.parametrize("tag", CHUNKED)
def test_the_bytes_of_a_large_chunk_are_not_copied(tag: str) -> None:
    method, build = CHUNKED[tag]
    data = memoryview(bytes(262_144))
    fields, *parts = make_session().encode_chunk(method, build, Chunk(3, 9, b"", "d" * 64), data)
    assert parts[-1] is data
    assert fields["chunk_data"] == b""


def test_a_chunk_that_is_not_bytes_is_rejected() -> None:
    method, build = CHUNKED["add_program"]
    with pytest.raises(InvalidArgumentError, match="add_program not sent: chunk_data is int, not bytes"):
        make_session().encode_chunk(method, build, Chunk(0, 1, b"", "d" * 64), cast("bytes", 5))


def test_a_chunk_above_the_servers_limit_is_rejected() -> None:
    method, build = CHUNKED["add_program"]
    data = bytes(min(family.frame_bytes for family in FAMILIES.values()))
    with pytest.raises(InvalidArgumentError, match=r"add_program not sent: [0-9]+ bytes exceed"):
        make_session().encode_chunk(method, build, Chunk(0, 1, b"", "d" * 64), data)
