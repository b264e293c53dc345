"""Fill in the frames of the test vectors in ``schema/vectors/``.

A vector is written by hand as the fields of a message; this adds the frame that carries them. The fields of a valid
vector must conform to the JSON Schema of their message, those of an invalid one must violate it. Vectors without fields,
for frames that no message can express, are left unchanged.
"""

import base64
import json
from pathlib import Path
from typing import Any, cast

import jsonschema
import msgpack
from referencing import Registry, Resource

from codegen.schema import VECTORS, CodegenError, Node, Schema, target

BASE = "https://pie-client.invalid/schema/"
"""Base of relative references; nothing is fetched."""


class Messages:
    """The messages of a schema by their titles, which vectors call their class."""

    def __init__(self, described: Schema) -> None:
        self._schema = described
        self._files = {str(document["title"]): file for file, document in described.objects()}
        messages = described.protocol["messages"]
        self._textual = {row["schema"] for row in messages if row["frame"] == "text"}
        resources = ((BASE + f, Resource.from_contents(d)) for f, d in described.documents.items())
        self._registry: Registry[Any] = Registry[Any]().with_resources(resources)

    def accepts(self, title: str, fields: Node) -> bool:
        """Return whether the fields conform to the JSON Schema of a message."""
        reference = {"$ref": BASE + self._files[title]}
        validator = jsonschema.Draft202012Validator(reference, registry=self._registry)
        return validator.is_valid(fields)  # pyright: ignore[reportUnknownMemberType] - its stubs leave parts out

    def frame(self, title: str, fields: Node) -> tuple[str, str]:
        """Encode a message; return the key of the frame in a vector, and the frame."""
        file = self._files[title]
        if file in self._textual:
            return "text", json.dumps(fields, ensure_ascii=False, separators=(",", ":"))
        properties = cast("Node", self._schema.documents[file]["properties"])
        values = {n: self._value(file, properties.get(n, {}), v) for n, v in fields.items()}
        return "hex", msgpack.packb(values).hex()

    def _value(self, file: str, node: Node, value: Any) -> Any:
        resolved = self._schema.resolve(target(file, node["$ref"])) if "$ref" in node else node
        is_bytes = (resolved or {}).get("format") == "binary" and isinstance(value, str)
        return base64.b64decode(value, validate=True) if is_bytes else value


def completed(messages: Messages, vector: Node, *, valid: bool) -> Node:
    """Return a vector with its frame; raise CodegenError if it is valid and must not be, or vice versa."""
    if "fields" not in vector:
        return vector
    title, fields = str(vector["class"]), cast("Node", vector["fields"])
    if messages.accepts(title, fields) != valid:
        claim = "violates" if valid else "conforms to"
        raise CodegenError([f"{vector['name']}: {claim} the JSON Schema of {title}"])
    key, frame = messages.frame(title, fields)
    return vector | {key: frame}


def render(described: Schema, root: Path, folder: Path) -> dict[Path, str]:
    """Return the text of each file of vectors in the folder of a schema, by its path."""
    messages, files = Messages(described), dict[Path, str]()
    for name, valid in (("valid.json", True), ("invalid.json", False)):
        path = folder / VECTORS / name
        if (root / path).exists():
            vectors = cast("list[Node]", json.loads((root / path).read_bytes()))
            # One vector on each line makes differences easy to read.
            lines = (json.dumps(completed(messages, v, valid=valid), ensure_ascii=False) for v in vectors)
            files[path] = "[\n" + ",\n".join(lines) + "\n]\n"
    return files
