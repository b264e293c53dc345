"""Make the systematic test vectors of each message from its JSON Schema.

Valid ones: least and most fields, bounds, empty and non-ASCII texts, unknown keys, nil, and other forms of a frame.
Invalid ones: each field missing, nil, of other types and out of bounds, and frames that are damaged as a whole.
"""

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

import msgpack

from codegen.frames import Messages, Pairs, Raw, map_of
from codegen.schema import TYPES, Node, Schema, target

ACCEPTED = "value beyond the schema"
"""Form of a frame with a value that servers read, and refuse in their own words."""
GENERATED = "generated"
"""Tag of the vectors that are made here."""
LEAST, MOST = -(2**63), 2**64 - 1
"""Bounds of integers in msgpack."""
TEXT, JSON_TEXT = "Zoë 名 🥧\n", '{"ä": "🥧"}'
SAMPLES: Node = {
    "uuid": "7d9f1c7e-2a4b-4c8d-8e6f-1a2b3c4d5e6f",
    "date-time": "2026-01-02T03:04:05Z",
    "binary": "YWJj",
    "application/json": "{}",
    "application/toml": '[package]\nname = "echo"\nversion = "1.0.0"\n',
    "boolean": True,
    "number": 1.5,
    "null": None,
}
"""A value of each format and media type of strings, and of the other simple types."""
ALL_BYTES = base64.b64encode(bytes(range(256))).decode()


@dataclass(frozen=True)
class Field:
    """A property of a message."""

    name: str
    node: Node
    """Its schema, without null and references."""
    required: bool
    plain: bool
    """It may have any value of its type: it is no tag, and no named scalar."""

    @property
    def kind(self) -> str:
        simple = "choice" if "enum" in self.node else str(self.node.get("type", "any"))
        return "bytes" if self.node.get("format") == "binary" else simple


@dataclass(frozen=True)
class Message:
    """A message, and what all of its vectors have in common."""

    schema: Schema
    frames: Messages
    title: str
    common: Node
    """Members ``from``, ``family`` and ``class``."""
    fields: list[Field]
    sample: Node
    """The required fields with usual values."""
    full: Node
    """All fields."""

    @property
    def stem(self) -> str:
        return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", self.title).lower()

    @property
    def named(self) -> str:
        """The title, with an article."""
        return f"{'An' if self.title[0] in 'AEIOU' else 'A'} {self.title}"

    def pairs(self, /, **changes: Any) -> Pairs:
        """Return the sample with changed or added fields."""
        return list((self.sample | changes).items())

    def vector(self, name: str, documentation: str, *tags: str, **members: Any) -> Node:
        """Return a vector; members of the common ones that are given replace those."""
        head: Node = {"id": f"{self.stem}-{name}".replace("_", "-"), "documentation": documentation}
        return head | {"tags": [GENERATED, *tags]} | self.common | members


def describe(schema: Schema, frames: Messages, title: str, common: Node, known: Node) -> Message:
    """Return a message; ``known`` are usual values of its fields."""
    file = frames.files[title]
    document = schema.documents[file]
    fields = [
        _field(schema, file, name, node, required=name in document["required"])
        for name, node in cast("Node", document["properties"]).items()
    ]
    usual = {f.name: known[f.name] if f.name in known else sample(schema, file, f.node) for f in fields}
    required = {f.name: usual[f.name] for f in fields if f.required}
    return Message(schema, frames, title, common, fields, required, usual)


def _field(schema: Schema, file: str, name: str, node: Node, *, required: bool) -> Field:
    node = without_null(node)
    plain = not {"$ref", "const", "enum", "contentMediaType"} & node.keys()
    return Field(name, resolved(schema, file, node), required, plain)


def without_null(node: Node) -> Node:
    """Return a schema, or what it is unless null."""
    while "anyOf" in node:
        node = next(n for n in cast("list[Node]", node["anyOf"]) if n.get("type") != "null")
    return node


def resolved(schema: Schema, file: str, node: Node) -> Node:
    """Return a schema, or what it refers to."""
    return schema.resolve(target(file, node["$ref"])) or {} if "$ref" in node else node


def sample(schema: Schema, file: str, node: Node) -> Any:
    """Return a value that conforms to a schema."""
    node = without_null(node)
    if "$ref" in node:
        name = target(file, node["$ref"])
        return sample(schema, name.partition("#")[0], schema.resolve(name) or {})
    if "const" in node:
        return node["const"]
    for choice in ("examples", "enum"):
        if node.get(choice):
            return node[choice][0]
    match node.get("type"):
        case "array":
            return [sample(schema, file, cast("Node", node["items"]))]
        case "object":
            properties = cast("Node", node.get("properties", {}))
            return {name: sample(schema, file, properties[name]) for name in node.get("required", ())}
        case "integer":
            return max(1, node.get("minimum", 1))
        case _:
            kinds = (node.get("format"), node.get("contentMediaType"), node.get("type"))
            return next((SAMPLES[kind] for kind in kinds if kind in SAMPLES), "text")


# ------------------------------------------------------------- valid


def valid(message: Message) -> Iterator[Node]:
    """Iterate over valid vectors. Those with a ``form`` have frames; the others get theirs from their fields."""
    yield message.vector(
        "minimal", f"{message.named} with its required fields only.", "minimal", fields=message.sample
    )
    if message.full != message.sample:
        yield _known(
            message.vector("full", f"{message.named} with all fields.", "full", fields=message.full), message
        )
    for field in message.fields:
        for name, words, value in _boundaries(message, field):
            fields = message.sample | {field.name: value}
            if not message.frames.accepts(message.title, fields):
                continue  # The schema has a narrower limit.
            doc = f"{message.named} whose {field.name} is {words}."
            tags = ("boundary", "non-ascii") if name == "non-ascii" else ("boundary",)
            vector = message.vector(f"{field.name}-{name}", doc, *tags, fields=fields)
            yield _known(vector, message)
    yield from _forms(message)


def _known(vector: Node, message: Message) -> Node:
    """Return the vector of a server's message with a family that sends all of its fields."""
    if "family" not in vector:
        return vector
    row = next(
        r for r in message.schema.tagged if r["type"] == message.sample[message.schema.protocol["tag"]]
    )
    families = [row["fields"][name] for name in vector["fields"] if name in row.get("fields", {})]
    return vector | {"family": families[0][0]} if families else vector


def _boundaries(message: Message, field: Field) -> Iterator[tuple[str, str, Any]]:
    if field.kind == "integer":
        yield "smallest", "the smallest number", field.node["minimum"]
        yield "largest", "the largest number", field.node["maximum"]
    elif field.kind == "boolean":
        for value in (True, False):
            yield str(value).lower(), str(value).lower(), value
    elif field.kind == "bytes":
        yield "empty", "empty", ""
        yield "all-bytes", "each byte once", ALL_BYTES
    elif field.kind == "array":
        yield "empty", "an empty list", []
        items = cast("Node", field.node["items"])
        yield "of-many", "a list of 17 elements", [sample_item(message, items)] * 17
    elif field.kind == "choice":
        for choice in field.node["enum"]:
            yield str(choice), str(choice), choice
    elif field.plain and field.kind == "string":
        yield "empty", "empty", ""
        yield "non-ascii", "outside ASCII", TEXT
        yield "str16", "too long for str8", "x" * 256
    elif field.node.get("contentMediaType") == "application/json" and _is_free(field.node):
        yield "non-ascii", "outside ASCII", JSON_TEXT
    elif field.node.get("format") == "uuid":
        yield "uppercase", "in uppercase", SAMPLES["uuid"].upper()


def _is_free(node: Node) -> bool:
    return "anyOf" in node.get("contentSchema", {}) or "JsonValue" in str(node.get("contentSchema"))


def sample_item(message: Message, node: Node) -> Any:
    """Return a usual element of a list."""
    file = message.frames.files[message.title]
    found = resolved(message.schema, file, without_null(node))
    return found["maximum"] if found.get("type") == "integer" else sample(message.schema, file, node)


def _forms(message: Message) -> Iterator[Node]:
    def form(name: str, documentation: str, frame: Node, *tags: str) -> Node:
        words = name.replace("-", " ")
        return message.vector(name, documentation, "form", *tags, fields=message.sample, form=words, **frame)

    title, pairs = message.title, message.pairs()
    framed, tag = message.frames.framed, message.schema.protocol["tag"]
    yield form(
        "reversed-keys", f"{message.named} with its keys in another order.", framed(title, pairs[::-1])
    )
    nested: Node = {"a": ["🥧", -1, 1.5, None, True], "": {}}
    yield form(
        "unknown-key",
        f"{message.named} with a key of a later version.",
        framed(title, [("later", 1), *pairs]),
        "unknown-key",
    )
    yield form(
        "unknown-nested-key",
        f"{message.named} with a nested value of a later version.",
        framed(title, [*pairs, ("later", nested)]),
        "unknown-key",
    )
    for field in message.fields:
        if not field.required:
            yield form(
                f"{field.name}-nil",
                f"{message.named} whose {field.name} is nil, which means absent.",
                framed(title, message.pairs(**{field.name: None})),
                "nil",
            )
    if message.frames.is_text(title):
        spaced = framed(title, pairs)["text"].replace(":", " : ", 1)
        yield form("spaced", f"{message.named} with spaces and line breaks.", {"text": f" \n\t{spaced}\r\n"})
        escaped = "".join(f"\\u{ord(c):04x}" for c in message.sample[tag])
        text = framed(title, pairs)["text"].replace(message.sample[tag], escaped, 1)
        yield form("escaped", f"{message.named} whose type is written with escapes.", {"text": text})
    else:
        # A decoder must not depend on the smallest header.
        frame = _wide(dict(message.frames.sent(title, pairs)))
        yield form(
            "wide", f"{message.named} in which each header has its largest size.", {"hex": frame.hex()}
        )


def _wide(value: Any) -> bytes:
    """Return a value in msgpack with the largest header of its type."""
    match value:
        case bool() | float() | None:
            return msgpack.packb(value)
        case int():
            return (
                b"\xcf" + value.to_bytes(8, "big")
                if value >= 0
                else b"\xd3" + value.to_bytes(8, "big", signed=True)
            )
        case str():
            return b"\xdb" + len(value.encode()).to_bytes(4, "big") + value.encode()
        case bytes():
            return b"\xc6" + len(value).to_bytes(4, "big") + value
        case dict():
            pairs = cast("Node", value).items()
            return b"\xdf" + len(pairs).to_bytes(4, "big") + b"".join(_wide(k) + _wide(v) for k, v in pairs)
        case _:
            return b"\xdd" + len(value).to_bytes(4, "big") + b"".join(map(_wide, value))


# ------------------------------------------------------------- invalid


def invalid(message: Message, index: int | None) -> Iterator[Node]:
    """Iterate over invalid vectors; ``index`` is the place of a request in the table."""
    for field in message.fields:
        yield from _without(message, field)
        if field.name != message.schema.protocol["tag"]:
            yield from _of_other_values(message, field)
    yield from (
        _text_frames(message) if message.frames.is_text(message.title) else _binary_frames(message, index)
    )


def _bad(message: Message, name: str, words: str, reason: str, frame: Node, **members: Any) -> Node:
    documentation = f"{message.named} {words}."
    if "form" in members and message.common["from"] == "client":
        members["lenient"] = True
    return message.vector(name, documentation, *members.pop("tags", ()), reason=reason, **members, **frame)


def _without(message: Message, field: Field) -> Iterator[Node]:
    is_tag = field.name == message.schema.protocol["tag"]
    if field.required:
        pairs = [(k, v) for k, v in message.pairs() if k != field.name]
        reason = "tag-missing" if is_tag else "missing"
        yield _framed(message, f"{field.name}-missing", f"without {field.name}", reason, field, pairs)
        reason = "tag-type" if is_tag else "nil"
        pairs = message.pairs(**{field.name: None})
        yield _framed(message, f"{field.name}-nil", f"whose {field.name} is nil", reason, field, pairs)


def _framed(
    message: Message, name: str, words: str, reason: str, field: Field, pairs: Pairs, **members: Any
) -> Node:
    frame = message.frames.framed(message.title, pairs)
    return _bad(message, name, words, reason, frame, field=field.name, tags=("field",), **members)


def _of_other_values(message: Message, field: Field) -> Iterator[Node]:
    textual = message.frames.is_text(message.title)
    for name, words, reason, value, members in _wrong(field, message.full[field.name], textual=textual):
        form = {"form": ACCEPTED} if _is_accepted(message, field, value) else {}
        pairs = message.pairs(**{field.name: value})
        sentence = f"whose {field.name} is {words}"
        yield _framed(message, f"{field.name}-{name}", sentence, reason, field, pairs, **form, **members)


def _is_accepted(message: Message, field: Field, value: object) -> bool:
    """Return whether servers read a value that the schema does not allow."""
    rows = [
        row
        for row in message.schema.protocol["requests"]
        if row["type"] == message.sample[message.schema.protocol["tag"]]
    ]
    scalar = rows[0]["accepts"].get(field.name) if rows else None
    return bool(scalar and message.frames.conforms(TYPES, message.schema.scalars[scalar], value))


Wrong = Iterator[tuple[str, str, str, Any, Node]]


def _wrong(field: Field, usual: Any, *, textual: bool) -> Wrong:
    """Iterate over wrong values of a field: name, words, reason, value, and further members."""
    match field.kind:
        case "integer":
            yield from _wrong_numbers(field)
        case "bytes":
            yield "str", "a string", "wrong-type", Raw(msgpack.packb("abc")), {"form": "bytes as str"}
            array = Raw(msgpack.packb([97, 98, 99]))
            yield "array", "an array of integers", "wrong-type", array, {"form": "bytes as array"}
            yield "integer", "an integer", "wrong-type", 5, {}
        case "boolean":
            yield "integer", "an integer", "wrong-type", 1, {}
            yield "string", "a string", "wrong-type", "true", {}
        case "any":
            pass
        case "number" | "object":
            yield "string", "a string", "wrong-type", "text", {}
        case "array":
            yield "string", "a string", "wrong-type", "text", {}
            yield "map", "a map", "wrong-type", {}, {}
            yield "element", "a list with a boolean", "wrong-type", [True], {}
        case _:
            index = {"form": "variant index"} if "const" in field.node else {}
            yield "integer", "an integer", "wrong-type", 5, index
            yield "array", "an array", "wrong-type", [usual], {}
            if field.kind == "choice":
                yield "other", "none of the texts that it may be", "not-a-choice", "?", {}
            if textual:
                surrogate = Raw(b'"\\ud83e"')
                yield "surrogate", "half of a surrogate pair", "not-unicode", surrogate, {}
            else:
                # Overlong, or a lone continuation byte: neither is UTF-8.
                yield "not-utf8", "not UTF-8", "not-utf8", Raw(b"\xa2\xc3\x28"), {}
                yield "surrogate", "an encoded surrogate", "not-utf8", Raw(b"\xa3\xed\xa0\x80"), {}
                announced = Raw(b"\xdb\xff\xff\xff\xff")
                yield (
                    "endless",
                    "a string of 4 GiB that is announced only",
                    "truncated",
                    announced,
                    {"hostile": True},
                )


def _wrong_numbers(field: Field) -> Wrong:
    least, most = field.node["minimum"], field.node["maximum"]
    if least > LEAST:
        reason = "negative" if least == 0 else "out-of-range"
        yield "below", "less than the smallest number", reason, least - 1, {}
    if most < MOST:
        yield "above", "more than the largest number", "out-of-range", most + 1, {}
    yield "fraction", "a fraction", "not-an-integer", 1.5, {}
    yield "float", "a float", "float", 1.0, {}
    yield "boolean", "a boolean", "wrong-type", True, {}
    yield "string", "a string", "wrong-type", "5", {}


def _binary_frames(message: Message, index: int | None) -> Iterator[Node]:
    pairs = message.frames.sent(message.title, message.pairs())
    packed, values = map_of(pairs), [value for _, value in pairs]
    tag = message.schema.protocol["tag"]

    def bad(name: str, words: str, reason: str, frame: bytes, form: str = "", **members: Any) -> Node:
        extra: Node = {"form": form} if form else {}
        return _bad(message, name, words, reason, {"hex": frame.hex()}, tags=("frame",), **extra, **members)

    yield bad("cut", "without its last byte", "truncated", packed[:-1])
    yield bad("cut-half", "of which half is missing", "truncated", packed[: len(packed) // 2])
    yield bad("trailing", "with a byte after the map", "trailing-bytes", packed + b"\0", "trailing bytes")
    yield bad("positional", "as an array", "not-a-map", msgpack.packb(values), "positional array")
    yield bad("in-array", "in an array", "not-a-map", b"\x91" + packed)
    keys = map_of([(k.encode(), v) for k, v in pairs])
    yield bad("bin-keys", "whose keys are bin", "key-type", keys, "bin keys")
    yield bad("integer-key", "with a key that is an integer", "key-type", map_of([*pairs, (7, 8)]))
    yield bad("type-twice", "with its type twice", "duplicate-key", map_of([pairs[0], *pairs]), field=tag)
    as_bin = map_of([(k, v.encode() if k == tag else v) for k, v in pairs])
    yield bad("type-bin", "whose type is bin", "tag-type", as_bin, "bin type", field=tag)
    if index is not None:
        numbered = map_of([(k, index if k == tag else v) for k, v in pairs])
        yield bad("type-index", "whose type is an integer", "tag-type", numbered, "variant index", field=tag)
    huge = b"\xdf\xff\xff\xff\xff" + packed[1:]
    yield bad("endless-map", "in a map that announces 4294967295 entries", "truncated", huge, hostile=True)


def _text_frames(message: Message) -> Iterator[Node]:
    text, tag = message.frames.framed(message.title, message.pairs())["text"], message.schema.protocol["tag"]

    def bad(name: str, words: str, reason: str, frame: str, **members: Any) -> Node:
        return _bad(message, name, words, reason, {"text": frame}, tags=("frame",), **members)

    yield bad("cut", "without its last character", "truncated", text[:-1])
    yield bad("trailing", "with text after the object", "trailing-bytes", f"{text} x")
    yield bad("two", "followed by another", "trailing-bytes", text + text)
    yield bad("in-array", "in an array", "not-a-map", f"[{text}]")
    twice = message.frames.framed(message.title, [message.pairs()[0], *message.pairs()])["text"]
    yield bad("type-twice", "with its type twice", "duplicate-key", twice, field=tag)
    yield bad(
        "type-integer",
        "whose type is an integer",
        "tag-type",
        message.frames.framed(message.title, message.pairs(**{tag: 0}))["text"],
        field=tag,
    )
    yield bad("quotes", "in single quotes", "not-json", text.replace('"', "'"))
    yield bad("comment", "with a comment", "not-json", text.replace("{", "{/**/", 1))
    yield bad("trailing-comma", "with a comma after the last value", "not-json", text[:-1] + ",}")
