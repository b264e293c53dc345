"""The generated decoders give the same as the models, for every frame; nothing raises anything but MalformedFrameError."""

from collections.abc import Callable, Iterator

import msgpack

from pie_client._generated import methods, refusals, registry
from pie_client._generated.families import FAMILIES
from pie_client._generated.methods import METHODS
from pie_client.base import WireModel
from pie_client.protocol import codec, prefixes
from pie_client.protocol.codec import Frame, MalformedFrameError, UnknownMessage
from tests.fuzz.target import Target
from tests.protocol.vectors import INVALID, RECORDED, REFERENCE, VALID
from tests.support.raw import client_frame

TEXT, VIEW = 1, 2
"""First bytes of inputs whose rest is a text frame, or a binary frame in the receive buffer."""
REQUESTS = list(METHODS.values())


def check(data: bytes) -> None:
    kind, body = data[:1], data[1:]
    frame: Frame = body
    if kind == bytes([TEXT]):
        frame = body.decode("utf-8", "replace")
    elif kind == bytes([VIEW]):
        frame = memoryview(body)
    _check_server_frame(frame)
    _check_client_frame(frame)
    if isinstance(frame, str):
        _check_texts(frame, len(data))
    else:
        _check_reply(body)


def outcome(decode: Callable[[Frame], object], frame: Frame) -> object:
    """Return what decoding gives, in a form that can be compared: NaN equals nothing."""
    try:
        return repr(decode(frame))
    except MalformedFrameError as error:
        assert str(error).isprintable()
        return str(error), error.corr_id, error.process_id, error.event


def _check_server_frame(frame: Frame) -> None:
    assert outcome(codec.decode, frame) == outcome(codec.decode_general, frame)
    try:
        message = codec.decode_server_message(frame)
    except MalformedFrameError:
        return
    if not isinstance(message, UnknownMessage):
        for family in FAMILIES:
            again = codec.decode_server_message(codec.encode_server_message(message, family))
            assert isinstance(again, WireModel)
            assert codec.server_message_fields(again, family) == codec.server_message_fields(message, family)


def _check_client_frame(frame: Frame) -> None:
    try:
        request = codec.decode_client_message(frame)
    except MalformedFrameError:
        return
    if not isinstance(request, UnknownMessage):
        assert codec.decode_client_message(client_frame(request)) == request


def _check_reply(frame: bytes) -> None:
    reply = prefixes.successful_reply(frame)
    if reply is not None:
        corr_id, text = reply
        assert codec.decode_general(frame) == (corr_id, True, text)


def _check_texts(text: str, number: int) -> None:
    method = REQUESTS[number % len(REQUESTS)]
    try:
        method.decode(text)
    except ValueError as error:
        assert codec.describe_validation_error(error)
    for find in (refusals.request_error, refusals.process_error, refusals.connection_error):
        assert find(text).advice is not None
    refusals.advice_on(text, None, method.tag)


def seeds() -> Iterator[bytes]:
    for vector in (*REFERENCE, *VALID, *INVALID, *RECORDED[:300]):
        if isinstance(vector.frame, str):
            yield bytes([TEXT]) + vector.frame.encode("utf-8", "replace")
        else:
            yield b"\0" + vector.frame
            yield bytes([VIEW]) + vector.frame


def words() -> Iterator[bytes]:
    every: list[type[WireModel]] = [
        *registry.EVENT_MESSAGES,
        *registry.BINARY_MESSAGES.values(),
        *registry.CLIENT_MESSAGES.values(),
    ]
    for model in every:
        for name in model.model_fields:
            yield msgpack.packb(name)
    for tag in (*registry.BINARY_MESSAGES, *methods.METHODS, *map(str, registry.EVENTS)):
        yield msgpack.packb(tag)
    yield from (b"\xdf\xff\xff\xff\xff", b"\xc0", b"\xc3", b"\xcf\xff\xff\xff\xff\xff\xff\xff\xff")


TARGET = Target(check, seeds, words)
