"""Whatever a peer sends, time and memory grow at most in proportion to its size."""

import contextlib
import inspect
import json
from collections.abc import Callable
from typing import Any

import msgpack
import pytest

from pie_client._generated import encoders, methods, registry
from pie_client._generated.events import TERMINAL_KINDS
from pie_client._generated.methods import Method
from pie_client.base import WireModel
from pie_client.protocol import codec
from pie_client.protocol.codec import MalformedFrameError
from tests.cost import hostile
from tests.cost.measuring import Cases, Prepare, Work, check
from tests.cost.receiving import receiving, view
from tests.cost.samples import fields_of, result_of

BINARY: list[type[WireModel]] = [*registry.EVENT_MESSAGES, *registry.BINARY_MESSAGES.values()]
TERMINAL = {kind.value for kind in TERMINAL_KINDS}
CALLS = [method for method in methods.METHODS.values() if method.kind in ("call", "upload")]


def title(model: type[WireModel]) -> str:
    return model.__name__


def tag(method: Method[Any]) -> str:
    return method.tag


def received(before: list[bytes], shape: hostile.Shape | hostile.Words) -> Prepare:
    """Receive a frame after others."""
    return lambda size: receiving([*before, shape(size)])


# --------------------------------------------------------------------- messages


@pytest.mark.parametrize("model", BINARY, ids=title)
def test_a_binary_message(model: type[WireModel]) -> None:
    fields = fields_of(title(model))
    # Of an event that does not end its process, the next frame is recognized by its head.
    before = (
        [msgpack.packb(fields)]
        if model in registry.EVENT_MESSAGES and fields["event"] not in TERMINAL
        else []
    )

    def cases() -> Cases:
        for name, shape in hostile.frames_with(fields):
            yield name, received(before, shape)

    check(cases())


@pytest.mark.parametrize("model", registry.TEXT_MESSAGES.values(), ids=title)
def test_a_text_message(model: type[WireModel]) -> None:
    def cases() -> Cases:
        for name, words in hostile.json_with(fields_of(title(model))):
            yield name, received([], words)

    check(cases())


def reply(text: str, *, ok: bool) -> bytes:
    fields = fields_of("Response") | {"ok": ok, "result": text}
    return msgpack.packb(fields)


@pytest.mark.parametrize("method", CALLS, ids=tag)
@pytest.mark.parametrize("cancelled", [False, True], ids=["awaited", "cancelled"])
def test_a_result(method: Method[Any], *, cancelled: bool) -> None:
    valid = result_of(method)
    shapes: list[hostile.Words] = [*hostile.TEXTS.values(), *hostile.JSON.values()]
    if valid[:1] == "{":
        shapes += [words for _, words in hostile.json_with(json.loads(valid))]
    elif valid[:1] == "[":
        item = valid[1:-1]
        shapes += [hostile.listed(item), hostile.listed(item, "0")]
        if item[:1] == "{":
            shapes += [hostile.listed_once(words) for _, words in hostile.json_with(json.loads(item))]

    def replied(words: hostile.Words) -> Prepare:
        return lambda size: receiving(
            [reply(words(size), ok=True)], method=method, cancelled=cancelled, asked=not cancelled
        )

    check((f"{words(40)!r}", replied(words)) for words in shapes)


@pytest.mark.parametrize("scope", hostile.FAILURES)
def test_a_failure_text(scope: str) -> None:
    """As a refusal, as the end of a process, or as a notice that may concern a request, a process or neither."""
    event, notice = fields_of("ErrorFrame"), fields_of("ServerNotice")

    def refused(words: hostile.Words) -> Prepare:
        return lambda size: receiving([reply(words(size), ok=False)], method=methods.QUERY)

    def ended(words: hostile.Words) -> Prepare:
        return lambda size: receiving([msgpack.packb({**event, "value": words(size)})])

    def noticed(words: hostile.Words, concerned: dict[str, bool]) -> Prepare:
        return lambda size: receiving([json.dumps({**notice, "message": words(size)})], **concerned)

    def cases() -> Cases:
        for text in hostile.FAILURES[scope]:
            for number, words in enumerate(hostile.almost(text)):
                if scope == "process":
                    yield f"{text} {number}", ended(words)
                elif scope == "connection":
                    for concerned in ({"attached": False}, {"asked": False}, {}):
                        yield f"{text} {number} {concerned}", noticed(words, concerned)
                else:
                    yield f"{text} {number}", refused(words)

    check(cases())


# --------------------------------------------------------------------- requests


@pytest.mark.soak
@pytest.mark.parametrize("model", registry.CLIENT_MESSAGES.values(), ids=title)
def test_a_request_is_decoded(model: type[WireModel]) -> None:
    """By the embedded engine."""

    def decoding(shape: hostile.Shape) -> Prepare:
        def prepare(size: int) -> Callable[[], Work]:
            frame = view(shape(size))

            def decode() -> None:
                with contextlib.suppress(MalformedFrameError):
                    codec.decode_client_message(frame)

            return lambda: decode

        return prepare

    check((name, decoding(shape)) for name, shape in hostile.frames_with(fields_of(title(model))))


@pytest.mark.parametrize("name", methods.METHODS)
def test_a_request_is_encoded(name: str) -> None:
    encode: Callable[..., dict[str, object]] = getattr(encoders, name)
    fields = fields_of(title(registry.CLIENT_MESSAGES[name]))
    arguments = {key: fields[key.rstrip("_")] for key in inspect.signature(encode).parameters}

    def encoding(key: str, words: hostile.Words) -> Prepare:
        def prepare(size: int) -> Callable[[], Work]:
            changed = {**arguments, key: words(size)}

            def work() -> None:
                with contextlib.suppress(ValueError):
                    codec.encode(encode(**changed))

            return lambda: work

        return prepare

    check(
        (f"{key}: {kind}", encoding(key, words))
        for key, value in arguments.items()
        if isinstance(value, str)
        for kind, words in (*hostile.TEXTS.items(), *hostile.JSON.items())
    )
