"""Encode messages as frames and read frames, with the JSON Schemas and msgpack only: an implementation of its own.

The test vectors are made and checked with it, so that what they expect does not come from the code that they test.
"""

import base64
import json
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, cast

import jsonschema
import msgpack
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from codegen.schema import Node, Schema, target

BASE = "https://pie-client.invalid/schema/"
"""Base of relative references; nothing is fetched."""

Pairs = list[tuple[Any, Any]]
"""Keys and values of a map in their order; keys may repeat."""


class Raw(bytes):
    """A value that is in msgpack, or in JSON, already."""


def _is_integer(_checker: object, value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _check_pattern(validator: Any, pattern: str, value: object, _schema: object) -> Iterator[Any]:
    if validator.is_type(value, "string") and not re.search(
        re.sub(r"\$$", r"\\Z", pattern), cast("str", value)
    ):
        yield jsonschema.ValidationError(f"does not match {pattern}")


Validator: Any = jsonschema.validators.extend(  # type: ignore[no-untyped-call]  # its stubs leave parts out
    jsonschema.Draft202012Validator,
    validators={"pattern": _check_pattern},
    type_checker=jsonschema.Draft202012Validator.TYPE_CHECKER.redefine("integer", _is_integer),
)
"""JSON Schema, but 1.0 is not an integer: msgpack has both. In Python $ also matches before a line feed, in JSON Schema not."""


class Messages:
    """The messages of a schema by their titles, which vectors call their class."""

    def __init__(self, described: Schema) -> None:
        self._schema = described
        self.files = {str(document["title"]): file for file, document in described.objects()}
        messages = described.protocol["messages"]
        self._textual = {row["schema"] for row in messages if row["frame"] == "text"}
        # A document with $schema would be validated with the usual types.
        plain = {f: {k: v for k, v in d.items() if k != "$schema"} for f, d in described.documents.items()}
        resources = ((BASE + file, DRAFT202012.create_resource(document)) for file, document in plain.items())
        self._registry: Registry[Any] = Registry[Any]().with_resources(resources)
        self._validators: dict[str, Any] = {}

    def validator(self, file: str) -> Any:
        """Return the validator of a file of the schema."""
        if file not in self._validators:
            self._validators[file] = Validator({"$ref": BASE + file}, registry=self._registry)
        return self._validators[file]

    def conforms(self, file: str, node: Node, value: object) -> bool:
        """Return whether a value conforms to a part of a file of the schema."""
        # id() is unique only among live objects; the schema keeps its parts alive.
        key = f"{file} {id(node)}"
        if key not in self._validators:
            part = {k: v for k, v in node.items() if k != "$schema"}
            resolver = self._registry.resolver(BASE + file)
            self._validators[key] = Validator(part, registry=self._registry, _resolver=resolver)
        return bool(self._validators[key].is_valid(value))

    def accepts(self, title: str, fields: Node) -> bool:
        """Return whether the fields conform to the JSON Schema of a message."""
        return bool(self.validator(self.files[title]).is_valid(fields))

    def is_text(self, title: str) -> bool:
        """Return whether a message is sent in a text frame."""
        return self.files[title] in self._textual

    def frame(self, title: str, fields: Node) -> Node:
        """Encode a message; return the member of a vector that holds the frame."""
        return self.framed(title, list(fields.items()))

    def framed(self, title: str, pairs: Pairs) -> Node:
        """Return the member of a vector that holds a frame with some keys and values."""
        if self.is_text(title):
            body = ",".join(f"{_json(key)}:{_json(value)}" for key, value in pairs)
            return {"text": "{" + body + "}"}
        return {"hex": map_of(self.sent(title, pairs)).hex()}

    def sent(self, title: str, pairs: Pairs) -> Pairs:
        """Return keys and values with bytes instead of base64, as msgpack has them."""
        named = self._properties(title)
        return [(k, self._with_bytes(self.files[title], named.get(k, {}), v, _from_base64)) for k, v in pairs]

    def read(self, title: str, frame: bytes | str) -> Node | None:
        """Return the fields of a valid frame as JSON, without unknown keys and nulls, or None."""
        try:
            decoded: object = (
                json.loads(frame, object_pairs_hook=_unique)
                if isinstance(frame, str)
                else msgpack.unpackb(frame, object_pairs_hook=_unique, strict_map_key=False)
            )
            if not isinstance(decoded, dict) or isinstance(frame, str) != self.is_text(title):
                return None
            fields = cast("Node", decoded)
            # Fails for half of a surrogate pair, which JSON has and UTF-8 has not.
            json.dumps(fields, ensure_ascii=False, default=repr).encode()
        except (ValueError, RecursionError, msgpack.exceptions.UnpackException):
            return None
        names, file = self._properties(title), self.files[title]
        if not isinstance(frame, str):
            fields |= {
                n: self._with_bytes(file, names[n], fields[n], _to_base64)
                for n in names.keys() & fields.keys()
            }
        if not self.accepts(title, fields):
            return None
        return {name: value for name, value in fields.items() if name in names and value is not None}

    def _properties(self, title: str) -> Node:
        return cast("Node", self._schema.documents[self.files[title]]["properties"])

    def _with_bytes(self, file: str, node: Node, value: object, change: Callable[[object], object]) -> object:
        """Return a value in which what its JSON Schema says to be binary is changed."""
        if not node:
            return value  # An unknown key: its value may be nested deeply.
        if "$ref" in node:
            name = target(file, node["$ref"])
            return self._with_bytes(name.partition("#")[0], self._schema.resolve(name) or {}, value, change)
        if node.get("format") == "binary":
            return change(value)
        for option in (*node.get("anyOf", ()), *node.get("oneOf", ())):
            if (changed := self._with_bytes(file, option, value, change)) != value:
                return changed
        if isinstance(value, list):
            items, inner = cast("list[object]", value), node.get("items", {})
            return [self._with_bytes(file, inner, item, change) for item in items]
        if isinstance(value, dict):
            named, others = node.get("properties", {}), node.get("additionalProperties", {})
            entries = cast("Node", value).items()
            return {k: self._with_bytes(file, named.get(k, others), item, change) for k, item in entries}
        return value


def _from_base64(value: object) -> object:
    return base64.b64decode(value) if type(value) is str else value


def _to_base64(value: object) -> object:
    """Return bytes as base64. A string in their place becomes 0, which no JSON Schema of bytes accepts."""
    if isinstance(value, str):
        return 0
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value


def map_of(pairs: Iterable[tuple[Any, Any]]) -> bytes:
    """Return a map in msgpack."""
    listed, packer = list(pairs), msgpack.Packer()
    parts = [packer.pack_map_header(len(listed))]
    parts += [value if isinstance(value, Raw) else packer.pack(value) for pair in listed for value in pair]
    return b"".join(parts)


def _json(value: Any) -> str:
    return value.decode() if isinstance(value, Raw) else json.dumps(value, ensure_ascii=False)


def _unique(pairs: list[tuple[object, object]]) -> dict[object, object]:
    keys = [key for key, _ in pairs]
    if not all(isinstance(key, str) for key in keys) or len(set(keys)) < len(keys):
        raise ValueError("a key that is repeated or is not a string")
    return dict(pairs)
