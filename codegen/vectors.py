"""``python -m codegen.vectors`` fills in the frames of the test vectors in ``schema/vectors/``; ``--check`` only compares.

A vector is written by hand as the fields of a message; this adds the frame that carries them. The fields of a valid
vector must conform to the JSON Schema of their message, those of an invalid one must violate it. Vectors without fields,
for frames that no message can express, are left unchanged.
"""

import argparse
import base64
import json
import sys
from pathlib import Path
from typing import Any, cast

import jsonschema
import msgpack
from referencing import Registry, Resource

from codegen import schema
from codegen.errors import CodegenError
from codegen.layout import Layout
from codegen.output import compare, write
from codegen.schema import Node, Schema, target

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


def render(layout: Layout) -> dict[Path, str]:
    """Return the text of each file of vectors by its path."""
    messages = Messages(schema.load(layout.root / layout.schema))
    files: dict[Path, str] = {}
    for name, valid in (("valid.json", True), ("invalid.json", False)):
        path = layout.schema / schema.VECTORS / name
        vectors = cast("list[Node]", json.loads((layout.root / path).read_bytes()))
        # One vector on each line makes differences easy to read.
        lines = (json.dumps(completed(messages, v, valid=valid), ensure_ascii=False) for v in vectors)
        files[path] = "[\n" + ",\n".join(lines) + "\n]\n"
    return files


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return 0 for success, 1 for vectors that differ, 2 for an error."""
    parser = argparse.ArgumentParser(prog="python -m codegen.vectors", description="Fill in the frames.")
    parser.add_argument("--check", action="store_true", help="write nothing; fail unless all are up to date")
    check = parser.parse_args(arguments).check
    layout = Layout()
    try:
        files = render(layout)
    except CodegenError as error:
        print(error, file=sys.stderr)
        return 2
    report = list(compare(layout.root, files, ())) if check else write(layout.root, files, ())
    print(*report, sep="\n", end="\n" if report else "")
    return 1 if check and report else 0


if __name__ == "__main__":
    sys.exit(main())
