"""Encode messages as frames and read frames, with the JSON Schemas and msgpack only: an implementation of its own.

The test vectors are made and checked with it, so that what they expect does not come from the code that they test.
"""

import base64
import json
import re
from collections.abc import Iterable, Iterator
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
        binary = self._binary(title)
        values = [(k, base64.b64decode(v) if k in binary and type(v) is str else v) for k, v in pairs]
        return {"hex": map_of(values).hex()}

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
            json.dumps(fields, ensure_ascii=False, default=repr).encode()
        except (ValueError, RecursionError, msgpack.exceptions.UnpackException):
            return None
        binary, names = self._binary(title), self._properties(title)
        fields |= {
            n: base64.b64encode(fields[n]).decode() if isinstance(fields[n], bytes) else 0
            for n in binary & fields.keys()
        }
        if not self.accepts(title, fields):
            return None
        return {name: value for name, value in fields.items() if name in names and value is not None}

    def _properties(self, title: str) -> Node:
        return cast("Node", self._schema.documents[self.files[title]]["properties"])

    def _binary(self, title: str) -> set[str]:
        file, found = self.files[title], set[str]()
        for name, node in self._properties(title).items():
            resolved = self._schema.resolve(target(file, node["$ref"])) if "$ref" in node else node
            if (resolved or {}).get("format") == "binary":
                found.add(name)
        return found


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
