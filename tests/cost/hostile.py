"""Hostile values and frames of any size: what makes parsers copy, recurse, search again or allocate too much."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgpack

from tests.cost.samples import SCHEMA

Shape = Callable[[int], bytes]
Words = Callable[[int], str]

HUGE = 0xFFFFFFFF
ARRAY, MAP, TEXT, BYTES, EXTENSION = 0xDD, 0xDF, 0xDB, 0xC6, 0xC9
"""First bytes of msgpack values whose length is in the next four."""
ONE = b"\xa1a"
NIL = b"\xc0"


def long(first: int, length: int, body: bytes) -> bytes:
    """Return a value of msgpack with a length of four bytes, which need not be that of its body."""
    return bytes([first]) + length.to_bytes(4) + body


def _packed(words: Words) -> Shape:
    return lambda size: msgpack.packb(words(size))


def _huge(first: int) -> Shape:
    return lambda size: long(first, HUGE, b"\1" * size)


def _repeat(piece: str, begin: str = "", end: str = "") -> Words:
    return lambda size: begin + piece * (size // len(piece)) + end


JSON: Mapping[str, Words] = {
    "long string": _repeat("x", '"', '"'),
    "one wide letter": _repeat("x", '"\U0001f600', '"'),
    "escapes": _repeat("\\ud83d\\ude00", '"', '"'),
    "lone surrogates": _repeat("\\ud800", '"', '"'),
    "backslashes": _repeat("\\", '"'),
    "quotes": _repeat('"'),
    "escaped quotes": _repeat('\\"', '"'),
    "digits": _repeat("9"),
    "digits in a list": _repeat("9", "[", "]"),
    "fraction": _repeat("9", "0."),
    "exponent": _repeat("9", "1e"),
    "numbers": _repeat("1,", "[", "1]"),
    "long numbers": _repeat("9" * 4000 + ",", "[", "1]"),
    "strings": _repeat('"a",', "[", '"a"]'),
    "empty lists": _repeat("[],", "[", "[]]"),
    "empty maps": _repeat("{},", "[", "{}]"),
    "nulls": _repeat("null,", "[", "null]"),
    "open lists": _repeat("["),
    "open maps": _repeat('{"a":'),
    "closed lists": lambda size: "[" * (size // 2) + "]" * (size // 2),
    "many keys": lambda size: json.dumps({str(n): n for n in range(size // 14)}),
    "equal keys": _repeat('"a":1,', "{", '"a":1}'),
    "white space": _repeat(" ", "[", "1]"),
    "unclosed string": _repeat("a", '["'),
    "no JSON": _repeat("true"),
}
"""JSON texts, valid and invalid."""

TEXTS: Mapping[str, Words] = {
    "letters": _repeat("x"),
    "one wide letter": _repeat("x", "\U0001f600"),
    "controls": _repeat("\x1b\u2028"),
    "line ends": _repeat("\r\n"),
    "combining marks": _repeat("a\u0301"),
    "digits": _repeat("9"),
    "hyphens": _repeat("-"),
}
"""Texts that are no JSON."""

SCALARS: Mapping[str, Shape] = {
    **{name: _packed(words) for name, words in TEXTS.items()},
    "bytes": lambda size: msgpack.packb(bytes(size)),
    "invalid UTF-8 at the end": lambda size: long(TEXT, size + 1, b"x" * size + b"\xff"),
    "UTF-8 cut off": lambda size: long(TEXT, size + 1, b"x" * size + b"\xe2"),
    "extension": lambda size: msgpack.packb(msgpack.ExtType(5, bytes(size))),
}
"""Texts and bytes in msgpack, valid and invalid."""

CONTAINERS: Mapping[str, Shape] = {
    "numbers": lambda size: long(ARRAY, size, b"\1" * size),
    "empty maps": lambda size: long(ARRAY, size, b"\x80" * size),
    "empty lists": lambda size: long(ARRAY, size, b"\x90" * size),
    "texts": lambda size: long(ARRAY, size // 2, ONE * (size // 2)),
    "deep lists": lambda size: b"\x91" * size + NIL,
    "deep maps": lambda size: (b"\x81" + ONE) * (size // 3) + NIL,
    "many keys": lambda size: msgpack.packb({f"{n:x}": None for n in range(size // 6)}),
    "equal keys": lambda size: long(MAP, size // 3, (ONE + NIL) * (size // 3)),
    "keys that are numbers": lambda size: long(MAP, size // 2, b"\1\1" * (size // 2)),
    **{f"huge header {first:02x}": _huge(first) for first in (ARRAY, MAP, TEXT, BYTES, EXTENSION)},
}
"""Other values in msgpack, valid and invalid."""


def frames_with(fields: Mapping[str, Any]) -> Iterator[tuple[str, Shape]]:
    """Yield binary frames made from the fields of a message, each hostile in one place."""
    for name in fields:
        for kind, shape in SCALARS.items():
            yield f"{name}: {kind}", _with(fields, name, shape)
    yield from _whole_frames(fields)


def _whole_frames(fields: Mapping[str, Any]) -> Iterator[tuple[str, Shape]]:
    whole = msgpack.packb(dict(fields))
    *_, last = fields
    for kind, shape in CONTAINERS.items():
        yield f"{last}: {kind}", _with(fields, last, shape)
        yield f"a further field: {kind}", _with(fields, "later", shape)
        yield f"no map: {kind}", shape
        yield f"behind the frame: {kind}", _behind(whole, shape)
    for key, letter in (("long key", "k"), ("wide key", "\U0001f600")):
        yield key, _long_key(fields, letter)
    yield (
        "many further fields",
        lambda size: msgpack.packb({**fields, **{f"{n:x}": 0 for n in range(size // 6)}}),
    )
    yield "repeated fields", lambda size: _repeated(whole[1:], len(fields), size // len(whole))


def _behind(whole: bytes, shape: Shape) -> Shape:
    return lambda size: whole + shape(size)


def _long_key(fields: Mapping[str, Any], letter: str) -> Shape:
    return lambda size: msgpack.packb({letter * (size // 4): 1, **fields})


def _with(fields: Mapping[str, Any], name: str, shape: Shape) -> Shape:
    entries = [msgpack.packb(key) + msgpack.packb(value) for key, value in fields.items() if key != name]
    head = bytes([0x80 | len(entries) + 1]) + b"".join(entries) + msgpack.packb(name)
    return lambda size: head + shape(size)


def _repeated(entries: bytes, count: int, times: int) -> bytes:
    return long(MAP, count * times, entries * times)


def json_with(fields: Mapping[str, Any]) -> Iterator[tuple[str, Words]]:
    """Yield JSON texts made from the fields of an object, each hostile in one place."""
    for name in fields:
        for kind, words in JSON.items():
            yield f"{name}: {kind}", _json_field(fields, name, words)
    for kind, words in JSON.items():
        yield f"a further field: {kind}", _json_field(fields, "later", words)
        yield f"no object: {kind}", words
        yield f"behind the object: {kind}", _after(json.dumps(fields), words)
    many = json.dumps(fields)
    yield "many objects", lambda size: f"[{','.join([many] * (size // len(many)))}]"
    yield "repeated fields", lambda size: "{" + ",".join([many[1:-1]] * (size // len(many))) + "}"
    yield "long key", lambda size: json.dumps({"k" * size: 1, **fields})


def _json_field(fields: Mapping[str, Any], name: str, words: Words) -> Words:
    head = json.dumps({key: value for key, value in fields.items() if key != name})
    start = f"{head[:-1]}{', ' if head != '{}' else ''}{json.dumps(name)}: "
    return lambda size: f"{start}{words(size)}}}"


def almost(pattern: str) -> Iterator[Words]:
    """Yield texts that match a failure text, or nearly match it in many ways."""
    first, *others = re.split(r"\{\w+\}", pattern)
    for fill in ("x", "\U0001f600", "\n", "'", first or "x", (others or [first])[-1] or "x"):
        yield _filled(first, others, fill)
    pieces = {part for part in (first, *others, "".join(others), "".join(others[:-1])) if part}
    for piece in sorted(pieces):
        for end in ("", "\0"):
            yield _repeat(piece, first, end)


def listed(item: str, last: str | None = None) -> Words:
    """Return a list of an item that is repeated, and perhaps another one at the end."""
    end = "]" if last is None else f",{last}]"
    return lambda size: "[" + ",".join([item] * max(size // len(item), 1)) + end


def listed_once(words: Words) -> Words:
    return lambda size: f"[{words(size)}]"


def _after(begin: str, words: Words) -> Words:
    return lambda size: begin + words(size)


def _filled(first: str, others: list[str], fill: str) -> Words:
    def words(size: int) -> str:
        times = size // len(fill) // max(len(others), 1)
        return first + "".join(fill * times + part for part in others)

    return words


def _failures() -> dict[str, list[str]]:
    scopes = {row["name"]: row["scope"] for row in SCHEMA.errors["classes"]}
    found: dict[str, list[str]] = {}
    for row in SCHEMA.errors["texts"]:
        found.setdefault(scopes.get(row["class"]) or row["scope"], []).append(row["text"])
    return found


FAILURES: Mapping[str, list[str]] = _failures()
"""Every failure text of the schema, by what it is about."""
