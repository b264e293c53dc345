"""Events that are recognized by the bytes before their text are the events that decoding finds."""

import logging
from collections.abc import Callable, Sequence
from unittest import mock

import msgpack
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pie_client import Event, MessageEvent, ReturnEvent, StdoutEvent
from pie_client.protocol import codec, prefixes
from pie_client.protocol.items import held_bytes
from pie_client.protocol.session import Session
from tests.protocol.helpers import (
    PROCESS,
    claim,
    event_frame,
    lost,
    make_session,
    pop,
    read_all,
    stdout_frame,
)

OTHER = "00000000-0000-4000-8000-00000000000f"
UNCLAIMED = "00000000-0000-4000-8000-0000000000ff"
ANY_SPEED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

KINDS = st.sampled_from(["stdout", "stderr", "message", "metrics", "return", "error"])
TEXTS = st.one_of(
    st.text(max_size=40),
    st.sampled_from([0, 1, 30, 31, 32, 33, 254, 255, 256, 257, 65_535, 65_536]).map(lambda size: "x" * size),
    st.integers(28, 34).map(lambda size: "é" * (size // 2) + "x" * (size % 2)),
)


def frame_of(process_id: str, kind: str, value: object, order: tuple[str, ...]) -> bytes:
    fields = {"type": "process_event", "process_id": process_id, "event": kind, "value": value}
    return msgpack.packb({name: fields[name] for name in order})


ORDERS = st.permutations(["type", "process_id", "event", "value"]).map(tuple)
IDS = st.sampled_from(
    [
        *(PROCESS, OTHER, UNCLAIMED, PROCESS.upper(), f"{{{PROCESS}}}", "p", "p" * 36, f"{{{'p' * 36}}}"),
        *("¥value£abc", "value", "é" * 18),
    ]
)
VALUES = st.one_of(TEXTS, IDS, st.none(), st.integers(-(2**63), 2**64 - 1), st.binary(max_size=3))
USUAL = st.builds(
    event_frame,
    st.sampled_from([PROCESS, OTHER, UNCLAIMED]),
    st.sampled_from(["stdout", "message", "return"]),
    st.sampled_from(["x", "é"]),
)
FRAMES = st.one_of(
    *(USUAL, USUAL, USUAL),
    st.builds(event_frame, IDS, KINDS, TEXTS),
    st.builds(frame_of, IDS, KINDS, VALUES, ORDERS),
)


@st.composite
def damaged(draw: st.DrawFn, frame: bytes) -> bytes:
    """Draw a frame with a part that is missing, changed or added."""
    at = draw(st.integers(0, len(frame) - 1))
    return draw(
        st.sampled_from(
            [frame[:at], frame[at:], frame + b"\x00", frame[:at] + b"\xff" + frame[at + 1 :], frame + frame]
        )
    )


@st.composite
def batches(draw: st.DrawFn) -> list[bytes]:
    """Draw frames of which many have the same prefix, and some are damaged after it."""
    frames = draw(st.lists(FRAMES, min_size=1, max_size=12))
    repeated = draw(st.lists(st.tuples(st.sampled_from(frames), VALUES, st.booleans()), max_size=12))
    for frame, value, is_damaged in repeated:
        fields = msgpack.unpackb(frame)
        last = next(reversed(fields))
        again = msgpack.packb(fields | {last: value})
        frames.append(draw(damaged(again)) if is_damaged else again)
    return frames


def end(session: Session, *, keep: bool) -> None:
    """Close the handles of a process, and keep its events for a later one, or don't."""
    route = session.routes.by_id.get(PROCESS)
    while route is not None and route.claims:
        session.routes.release(route, keep=keep)


def lose(session: Session) -> None:
    session.interrupt(lost, gaps=True)
    session.resume()


CHANGES: dict[str, Callable[[Session], object]] = {
    "claim": lambda session: claim(session, PROCESS),
    "close": lambda session: end(session, keep=False),
    "detach": lambda session: end(session, keep=True),
    "ignore": lambda session: session.routes.ignore(UNCLAIMED),
    "lose the connection": lose,
    "read": lambda session: [pop(route) for route in session.routes.by_id.values()],
}
STEPS = st.lists(batches() | st.sampled_from(sorted(CHANGES)), min_size=2, max_size=6)


def outcome_of(steps: Sequence[str | list[bytes]], *, as_views: bool) -> tuple[object, ...]:
    """Return what a session knows after batches and changes."""
    session = make_session()
    for process_id in (PROCESS, OTHER):
        claim(session, process_id)
    for step in steps:
        if isinstance(step, str):
            CHANGES[step](session)
        else:
            session.receive([memoryview(frame) for frame in step] if as_views else step)
    states = [
        (route.process_id, route.held, route.attached, route.dropped, route.terminal, read_all(route))
        for route in session.routes.by_id.values()
    ]
    return states, session.malformed_frames, session.routes.running()


@given(STEPS, st.booleans())
@ANY_SPEED
def test_batches_give_the_same_events_as_their_frames_decoded_one_by_one(
    steps: list[str | list[bytes]], as_views: bool
) -> None:
    logging.disable()
    try:
        found = outcome_of(steps, as_views=as_views)
        with mock.patch.object(prefixes, "LEARNED_BYTES", -1):  # no prefix is learned
            expected = outcome_of(steps, as_views=as_views)
        assert found == expected
    finally:
        logging.disable(logging.NOTSET)


REPLIES = st.fixed_dictionaries(
    {
        "type": st.just("response"),
        "corr_id": st.integers(0, 2)
        | st.sampled_from([127, 128, 255, 256, 65_535, 65_536, 2**32 - 1, 2**32]),
        "ok": st.booleans(),
        "result": TEXTS,
    },
    optional={"new": TEXTS},
)


@given(st.data())
@ANY_SPEED
def test_a_recognized_reply_is_what_decoding_finds(data: st.DataObject) -> None:
    frame = msgpack.packb(data.draw(REPLIES))
    if data.draw(st.booleans()):
        frame = data.draw(damaged(frame))
    recognized = prefixes.successful_reply(frame)
    try:
        decoded = codec.decode(frame)
    except codec.MalformedFrameError:
        decoded = None
    assert recognized is None or decoded == (recognized[0], True, recognized[1])


@pytest.mark.parametrize("corr_id", [0, 127, 128, 255, 256, 65_535, 65_536, 2**32 - 1])
def test_replies_of_successful_requests_are_recognized(corr_id: int) -> None:
    reply = {"type": "response", "corr_id": corr_id, "ok": True, "result": "Pong"}
    assert prefixes.successful_reply(msgpack.packb(reply)) == (corr_id, "Pong")
    assert prefixes.successful_reply(msgpack.packb(reply | {"ok": False})) is None


@pytest.mark.parametrize("header", [b"\xd9\x05", b"\xda\x00\x05", b"\xdb\x00\x00\x00\x05"])
def test_a_text_with_a_longer_header_than_necessary_is_the_same_text(header: bytes) -> None:
    session = make_session()
    box = claim(session, PROCESS)
    usual = stdout_frame(PROCESS, "12345")
    prefix = usual[: -len(msgpack.packb("12345"))]
    session.receive([usual, usual, prefix + header + b"12345"])
    assert [getattr(event, "value", "") for event in read_all(box)] == ["12345"] * 3
    assert session.malformed_frames == 0


@pytest.mark.parametrize("size", [65_535, 65_536])
def test_a_large_text_is_recognized(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    session = make_session()
    box = claim(session, PROCESS)
    large = [memoryview(stdout_frame(PROCESS, letter * size)) for letter in "abc"]
    session.receive(large[:1])
    monkeypatch.setattr(codec, "decode", None)  # it would be called for an event that is not recognized
    session.receive(large[1:])
    assert [getattr(event, "value", "") for event in read_all(box)] == [letter * size for letter in "abc"]


@pytest.mark.parametrize(
    "tail",
    [
        b"",
        b"\xa5",
        b"\xa51234",
        b"\xa5123456",
        b"\xd9",
        b"\xd9\x05",
        b"\xda\x00",
        b"\xa2\xff\xfe",
        b"\xc0",
        b"\x05",
        b"\xa0" + b"x" * 32,
    ],
)
def test_a_frame_that_differs_after_its_prefix_in_more_than_the_text_is_malformed(
    tail: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    session = make_session()
    box = claim(session, PROCESS)
    usual = stdout_frame(PROCESS, "12345")
    prefix = usual[: -len(msgpack.packb("12345"))]
    session.receive([usual, usual, prefix + tail])
    assert session.malformed_frames == 1
    assert len(caplog.records) == 1
    assert [getattr(event, "value", "") for event in read_all(box)][:2] == ["12345"] * 2


ID_LAST = ("type", "event", "value", "process_id")
LONG_TEXT = "é" * 64
"""128 bytes, so that its msgpack header, D9 80, is also a letter in UTF-8."""
ID_LIKE_A_KEY_AND_A_TEXT = "¥value\u0640" + LONG_TEXT


@pytest.mark.parametrize(
    ("first", "value", "other"),
    [
        (PROCESS, PROCESS, OTHER),
        (PROCESS, "x" * 36, OTHER),
        (ID_LIKE_A_KEY_AND_A_TEXT, LONG_TEXT, ID_LIKE_A_KEY_AND_A_TEXT.replace("é", "ü")),
    ],
    ids=["text equals id", "text as long as id", "id like a key and a text"],
)
def test_an_id_after_the_text_is_not_taken_for_the_text(first: str, value: str, other: str) -> None:
    session = make_session()
    one, two = claim(session, first), claim(session, other)
    session.receive(
        [frame_of(first, "stdout", value, ID_LAST)] * 2 + [frame_of(other, "stdout", value, ID_LAST)]
    )
    assert [getattr(event, "value", "") for event in read_all(one)] == [value] * 2
    assert [getattr(event, "value", "") for event in read_all(two)] == [value]


def test_a_frame_of_halves_of_two_forms_is_malformed() -> None:
    """Its kind is missing, and its type is there twice."""
    session = make_session()
    box = claim(session, PROCESS)
    forms = [
        frame_of(PROCESS, "stdout", "x", order)
        for order in [("event", "process_id", "type", "value"), ("type", "process_id", "event", "value")]
    ]
    (_, other), (before, after) = [form.split(PROCESS.encode()) for form in forms]
    # Longer headers, so that a prefix as long as that of the last frame is known.
    longer = after.replace(b"\xa5event\xa6", b"\xda\x00\x05event\xdb\x00\x00\x00\x06")
    assert len(longer) == len(other)
    session.receive([*forms, *(before + PROCESS.encode() + rest for rest in (longer, other))])
    assert session.malformed_frames == 1
    assert read_all(box)[:3] == [StdoutEvent("x")] * 3


def test_events_of_a_closed_and_claimed_process_go_to_the_new_handle() -> None:
    session = make_session()
    old = claim(session, PROCESS)
    session.receive([stdout_frame(PROCESS, f"{number}") for number in range(3)])
    session.routes.release(old)
    new = claim(session, PROCESS)
    session.receive([stdout_frame(PROCESS, "new")])
    assert read_all(old) == []
    assert [getattr(event, "value", "") for event in read_all(new)] == ["new"]


def test_the_number_of_prefixes_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prefixes, "MAX_PREFIXES", 3)
    session = make_session()
    known = session._prefixes.known  # pyright: ignore[reportPrivateUsage] - its memory is what is tested
    ids = ["-".join((f"{number:08x}", *PROCESS.split("-")[1:])) for number in range(10)]
    for process_id in ids:
        claim(session, process_id)
        session.receive([stdout_frame(process_id, "x")])
        assert len(known) <= 3
    assert known


def test_prefixes_with_an_id_in_another_form_are_not_remembered() -> None:
    """A server may write any number of braces around an id: what is remembered would have no limit."""
    session = make_session()
    box = claim(session, PROCESS)
    known = session._prefixes.known  # pyright: ignore[reportPrivateUsage] - its memory is what is tested
    session.receive([stdout_frame("{" * count + PROCESS, "x") for count in range(1, 100)])
    assert len(read_all(box)) == 99
    assert not known


def test_an_id_in_another_form_is_that_of_the_process_that_decoding_finds() -> None:
    session = make_session()
    claim(session, PROCESS)
    no_uuid = claim(session, "p" * 36)
    session.receive([stdout_frame(f"{{{name}}}", name) for name in (PROCESS, "p" * 36)])
    assert read_all(no_uuid) == []
    assert read_all(claim(session, f"{{{'p' * 36}}}")) == [StdoutEvent("p" * 36)]


def test_an_event_from_which_a_prefix_is_learned_takes_the_memory_that_was_counted() -> None:
    session = make_session()
    box = claim(session, PROCESS)
    session.receive([stdout_frame(PROCESS, "é" * 1000), stdout_frame(PROCESS, "next")])
    pop(box)
    assert box.held == held_bytes((Event.Stdout, "next"))


def test_events_of_alternating_kinds_are_recognized(monkeypatch: pytest.MonkeyPatch) -> None:
    session = make_session()
    box = claim(session, PROCESS)
    kinds = ["stdout", "message", "stderr"]
    session.receive([event_frame(PROCESS, kind, "known") for kind in kinds])
    decoded: list[object] = []
    monkeypatch.setattr("pie_client.protocol.codec.decode", decoded.append)
    session.receive([event_frame(PROCESS, kind, f"{number}") for number in range(10) for kind in kinds])
    assert not decoded
    assert len(read_all(box)) == 33


@pytest.mark.parametrize(("form", "size"), [(bytes, 5), (memoryview, 70_000)])
def test_the_first_and_last_events_of_further_processes_are_recognized(
    form: type[bytes | memoryview], size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, text = make_session(), "x" * size
    boxes = [claim(session, process_id) for process_id in (OTHER, PROCESS)]
    first, second = (
        [form(event_frame(process_id, kind, text)) for kind in ("stdout", "return")]
        for process_id in (OTHER, PROCESS)
    )
    session.receive(first)
    decoded: list[object] = []
    monkeypatch.setattr("pie_client.protocol.codec.decode", decoded.append)
    session.receive(second)
    assert not decoded
    assert [read_all(box) for box in boxes] == [[StdoutEvent(text), ReturnEvent(text)]] * 2
    assert session.routes.running() == set()


def test_a_recognized_event_of_a_process_without_a_route_makes_one() -> None:
    session = make_session()
    claim(session, PROCESS)
    session.receive([stdout_frame(PROCESS, "x"), stdout_frame(OTHER, "early")])
    assert read_all(claim(session, OTHER)) == [StdoutEvent("early")]


@pytest.mark.parametrize("form", [bytes, memoryview])
def test_a_prefix_of_a_closed_process_that_is_not_the_last_length_finds_the_new_handle(
    form: type[bytes | memoryview],
) -> None:
    session, text = make_session(), "x" * (1 << 16)
    claim(session, OTHER)
    old = claim(session, PROCESS)
    session.receive([stdout_frame(PROCESS, text), event_frame(OTHER, "message", "of another length")])
    session.routes.release(old)
    new = claim(session, PROCESS)
    session.receive([form(stdout_frame(PROCESS, text))])
    assert read_all(new) == [StdoutEvent(text)]


def test_the_end_of_a_closed_process_that_is_claimed_again_goes_to_the_new_handle() -> None:
    session = make_session()
    claim(session, OTHER)
    old = claim(session, PROCESS)
    session.receive([stdout_frame(PROCESS, "x"), event_frame(OTHER, "return", "{}")])
    session.routes.release(old)
    new = claim(session, PROCESS)
    session.receive([event_frame(PROCESS, "message", "m"), event_frame(PROCESS, "return", "{}")])
    assert read_all(new) == [MessageEvent("m"), ReturnEvent("{}")]


def test_the_bytes_of_another_field_are_not_taken_for_the_text() -> None:
    session = make_session()
    box = claim(session, PROCESS)

    def with_another_field(tail: bytes) -> bytes:
        event = {"type": "process_event", "process_id": PROCESS, "event": "stdout", "value": "abc"}
        return msgpack.packb(event | {"new": b"\xa5value" + tail})

    session.receive([with_another_field(tail) for tail in (b"\xa3abc", b"\xa3abc", b"\xa3xyz")])
    assert [getattr(event, "value", "") for event in read_all(box)] == ["abc"] * 3
