"""The generated decoders and encoders agree with the models on what is valid, on values, and on the texts of errors."""

import inspect
import itertools
import json
import struct
from collections.abc import Callable
from enum import IntEnum
from typing import Any, NoReturn, cast

import msgpack
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pie_client._generated import encoders, registry
from pie_client._generated.families import MAX_CORRELATION, TAG
from pie_client.protocol import codec
from tests.protocol.vectors import INVALID, RECORDED, REFERENCE, VALID, Json

SETTINGS = settings(deadline=None, max_examples=500, suppress_health_check=[HealthCheck.too_slow])

CORRECT = [
    vector for vector in (*RECORDED, *REFERENCE, *VALID) if vector.title not in ("malformed", "unknown")
]
SENT = [vector for vector in CORRECT if vector.sender == "server"]
EXAMPLES = list({vector.title: vector for vector in SENT}.values())
"""One vector of each message and event."""


class Number(IntEnum):
    SEVEN = 7


class Text(str):
    __slots__ = ()


class Encoded(bytes):
    """A msgpack value in its encoded form."""


TWICE = Encoded(b"\x82\xa1a\x01\xa1a\x02")
"""A map with a key that appears twice."""


WIRE_VALUES: list[object] = [
    *(None, True, False, 0, 1, -1, MAX_CORRELATION, MAX_CORRELATION + 1, 2**64 - 1, 1.0, float("nan")),
    *("", "text", "stdout", "file", "\ud800", b"", b"bytes", [], ["text"], ["text", 1], [1, None], [[]], {}),
    *({"a": 1}, TWICE, msgpack.ExtType(5, b""), msgpack.Timestamp(1, 0)),
]
ARGUMENTS: list[object] = [
    *WIRE_VALUES,
    2**64,
    [2**64],
    [True],
    ("text",),
    bytearray(b"bytes"),
    Number.SEVEN,
    Text("text"),
    object,
]
OTHER_FORMS = ("map16", "map32", "wide", "unknown key", "unknown nested key")
"""Forms of a message that servers do not send today."""
KEYS = ["type", "corr_id", "ok", "process_id", "event", "value", "name", "later", b"value", 7, None]


def outcome(work: Callable[[], object]) -> str:
    """Return a value with its types, or an error with its attributes."""
    try:
        return repr(work())
    except codec.MalformedFrameError as error:
        return f"{error} {vars(error)}"
    except ValueError as error:
        return codec.describe_validation_error(error)


def request(fields: Json) -> tuple[str, list[object]]:
    """Return the tag of a request, and the arguments of its encoder."""
    model = registry.CLIENT_MESSAGES[fields[TAG]]
    names = (info.alias or name for name, info in model.model_fields.items() if name != TAG)
    return fields[TAG], [fields.get(name) for name in names]


REQUESTS = [
    request(msgpack.unpackb(vector.frame))
    for vector in CORRECT
    if vector.sender == "client" and isinstance(vector.frame, bytes)
]


def encoded(tag: str, arguments: list[object]) -> object:
    encode: Callable[..., dict[str, object]] = getattr(encoders, tag)
    assert len(inspect.signature(encode).parameters) == len(arguments)
    return encode(*arguments)


def validated(tag: str, arguments: list[object]) -> object:
    """Return what an encoder returns, by the model."""
    model = registry.CLIENT_MESSAGES[tag]
    names = [name for name in model.model_fields if name != TAG]
    return model(**cast("Any", dict(zip(names, arguments, strict=True)))).model_dump(exclude_none=True)


def frame_of(pairs: list[tuple[object, object]], header: str) -> bytes:
    """Encode a map with a header of 1, 3 or 5 bytes; strings need not be valid UTF-8."""
    count = len(pairs)
    start = {
        "fix": bytes([0x80 | count]),
        "16": struct.pack(">BH", 0xDE, count),
        "32": struct.pack(">BI", 0xDF, count),
    }
    packer = msgpack.Packer(unicode_errors="surrogatepass")
    return start[header] + b"".join(
        item if isinstance(item, Encoded) else packer.pack(item) for pair in pairs for item in pair
    )


def written(pairs: list[tuple[object, object]]) -> str:
    """Return a map as a JSON object, with strings instead of what JSON does not have."""
    return "{" + ",".join(f"{json.dumps(str(k))}:{json.dumps(v, default=repr)}" for k, v in pairs) + "}"


def decodes_alike(frame: codec.Frame) -> bool:
    return outcome(lambda: codec.decode(frame)) == outcome(lambda: codec.decode_general(frame))


@st.composite
def near_frames(draw: st.DrawFn) -> bytes | str:
    """Frames of a server with up to three changes."""
    frame = draw(st.sampled_from(EXAMPLES)).frame
    fields: dict[object, object] = json.loads(frame) if isinstance(frame, str) else msgpack.unpackb(frame)
    pairs = list(fields.items())
    for _ in range(draw(st.integers(0, 3))):
        place = draw(st.integers(0, len(pairs) - 1)) if pairs else 0
        change = draw(st.sampled_from(["value", "key", "remove", "add", "repeat", "move"]))
        if change == "add" or not pairs:
            pairs.insert(place, (draw(st.sampled_from(KEYS)), draw(st.sampled_from(WIRE_VALUES))))
        elif change == "value":
            pairs[place] = (pairs[place][0], draw(st.sampled_from(WIRE_VALUES)))
        elif change == "key":
            pairs[place] = (draw(st.sampled_from(KEYS)), pairs[place][1])
        elif change == "repeat":
            pairs.append((pairs[place][0], draw(st.sampled_from(WIRE_VALUES))))
        else:
            pair = pairs.pop(place)
            pairs += [pair] if change == "move" else []
    if isinstance(frame, str):
        return written(pairs)
    return frame_of(pairs, draw(st.sampled_from(["fix", "16", "32"])))


# ------------------------------------------------------------- decoders


def test_every_vector_decodes_as_the_models_decode_it() -> None:
    for vector in (*SENT, *(v for v in INVALID if v.sender == "server")):
        assert decodes_alike(vector.frame), vector.name


def test_a_frame_with_any_other_value_decodes_as_the_models_decode_it() -> None:
    for vector in EXAMPLES:
        frame = vector.frame
        fields: dict[object, object] = json.loads(frame) if isinstance(frame, str) else msgpack.unpackb(frame)
        for key, value in itertools.product(dict.fromkeys([*fields, *KEYS]), WIRE_VALUES):
            pairs: list[tuple[object, object]] = list((fields | {key: value}).items())
            assert decodes_alike(written(pairs) if isinstance(frame, str) else frame_of(pairs, "fix")), pairs


@given(near_frames())
@SETTINGS
def test_a_frame_that_is_nearly_valid_decodes_as_the_models_decode_it(frame: bytes | str) -> None:
    assert decodes_alike(frame)
    assert isinstance(frame, str) or decodes_alike(memoryview(frame))


def test_messages_in_their_usual_form_need_no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(frame: codec.Frame) -> NoReturn:
        raise AssertionError(f"decoded by a model: {frame!r}")

    monkeypatch.setattr(codec, "decode_general", refuse)
    usual = [v for v in SENT if v.title != "UnknownFrame" and v.form not in OTHER_FORMS]
    assert {vector.title for vector in usual} == {
        *(model.__name__ for model in registry.BINARY_MESSAGES.values()),
        *(model.__name__ for model in registry.TEXT_MESSAGES.values()),
        *(model.__name__ for model in registry.EVENTS.values()),
    }
    for vector in usual:
        codec.decode(vector.frame)


@pytest.mark.parametrize("header", ["fix", "16", "32"])
def test_of_equal_keys_none_is_taken(header: str) -> None:
    pairs: list[tuple[object, object]] = [("type", "response"), ("corr_id", 7), ("ok", True), ("result", "")]
    assert codec.decode(frame_of(pairs, header)) == (7, True, "")
    with pytest.raises(codec.MalformedFrameError, match="invalid msgpack"):
        codec.decode(frame_of([*pairs, ("corr_id", 8)], header))


# ------------------------------------------------------------- encoders


def encodes_alike(tag: str, arguments: list[object]) -> bool:
    return outcome(lambda: encoded(tag, arguments)) == outcome(lambda: validated(tag, arguments))


def test_every_request_encodes_as_its_model_does() -> None:
    for tag, arguments in REQUESTS:
        assert encodes_alike(tag, arguments), tag


def test_a_request_with_any_other_argument_encodes_as_its_model_does() -> None:
    for tag, arguments in dict(REQUESTS).items():
        for place, value in itertools.product(range(len(arguments)), ARGUMENTS):
            assert encodes_alike(tag, [*arguments[:place], value, *arguments[place + 1 :]]), (
                tag,
                place,
                value,
            )


@given(st.sampled_from(list(dict(REQUESTS).items())), st.data())
@SETTINGS
def test_a_request_that_is_nearly_valid_encodes_as_its_model_does(
    valid_request: tuple[str, list[object]], data: st.DataObject
) -> None:
    tag, valid = valid_request
    choices = (st.just(argument) | st.sampled_from(ARGUMENTS) for argument in valid)
    assert encodes_alike(tag, list(data.draw(st.tuples(*choices))))


def test_valid_requests_need_no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(encoders, "models")
    assert dict(REQUESTS).keys() == registry.CLIENT_MESSAGES.keys()
    for tag, arguments in REQUESTS:
        encoded(tag, arguments)


def test_a_request_that_can_not_be_encoded_leaves_nothing_behind() -> None:
    expected = codec.encode(encoders.ping(7))
    with pytest.raises(UnicodeEncodeError):
        codec.encode(encoders.signal_process("p", "half a pair: \ud83e"))
    assert codec.encode(encoders.ping(7)) == expected
