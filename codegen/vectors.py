"""``python -m codegen.vectors`` brings the test vectors in ``schema/vectors/`` up to date; ``--check`` only compares.

A vector is written by hand as the fields of a message; this fills in its bytes. Valid ones have to conform to the JSON
Schema of their message, and invalid ones have to violate it. What no JSON value can express, such as a truncated frame,
is written as bytes by hand and left alone.
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
from codegen.refs import target
from codegen.schema import Node, Schema

BASE = "https://pie-client.invalid/schema/"
"""What relative references are resolved against; nothing is fetched."""
BYTES = "types.json#/$defs/Bytes"

Vector = dict[str, Any]


class Messages:
    """The messages of a schema by their titles, which vectors call their class."""

    def __init__(self, described: Schema) -> None:
        self._described = described
        self._files = {str(document["title"]): file for file, document in described.objects()}
        self._textual = {row.file for row in described.protocol.messages if row.frame == "text"}
        resources = ((BASE + f, Resource.from_contents(d)) for f, d in described.documents.items())
        self._registry: Registry[Any] = Registry[Any]().with_resources(resources)

    def accepts(self, title: str, fields: Node) -> bool:
        """Whether the fields conform to the JSON Schema of a message."""
        reference = {"$ref": BASE + self._files[title]}
        validator = jsonschema.Draft202012Validator(reference, registry=self._registry)
        return validator.is_valid(fields)  # pyright: ignore[reportUnknownMemberType] - its stubs leave parts out

    def frame(self, title: str, fields: Node) -> tuple[str, str]:
        """Encode a message: the name of the vector's member that holds the frame, and the frame."""
        file = self._files[title]
        if file in self._textual:
            return "text", json.dumps(fields, ensure_ascii=False, separators=(",", ":"))
        properties = cast("Node", self._described.documents[file]["properties"])
        values = {n: self._value(file, properties.get(n, {}), v) for n, v in fields.items()}
        return "hex", msgpack.packb(values).hex()

    def _value(self, file: str, node: Node, value: Any) -> Any:
        binary = "$ref" in node and target(file, str(node["$ref"])) == BYTES
        return base64.b64decode(value, validate=True) if binary and isinstance(value, str) else value


def refreshed(messages: Messages, vectors: list[Vector], *, valid: bool) -> list[Vector]:
    """Fill in the frames of the vectors; raises CodegenError with every one that is not what it claims to be."""
    problems: list[str] = []
    result: list[Vector] = []
    for vector in vectors:
        if "fields" not in vector:
            result.append(vector)
            continue
        title, fields = str(vector["class"]), cast("Node", vector["fields"])
        if messages.accepts(title, fields) != valid:
            claim = "violates" if valid else "conforms to"
            problems.append(f"{vector['name']}: {claim} the JSON Schema of {title}")
        member, frame = messages.frame(title, fields)
        result.append({n: v for n, v in vector.items() if n not in ("hex", "text", "also")} | {member: frame})
        if "also" in vector:
            result[-1]["also"] = vector["also"]
    if problems:
        raise CodegenError(problems)
    return result


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m codegen.vectors", description="Fill in the bytes of the test vectors."
    )
    parser.add_argument("--check", action="store_true", help="write nothing; fail unless all is up to date")
    parser.add_argument(
        "--root",
        type=Path,
        default=Path(__file__).parents[1],
        help="the repository (default: the one this generator is in)",
    )
    options = parser.parse_args(arguments)
    folder: Path = options.root / "schema"
    stale = 0
    try:
        messages = Messages(schema.load(folder))
        for name, valid in (("valid.json", True), ("invalid.json", False)):
            place = folder / schema.VECTORS / name
            vectors = cast("list[Vector]", json.loads(place.read_bytes()))
            text = _listed(refreshed(messages, vectors, valid=valid))
            if text.encode() != place.read_bytes():
                stale += 1
                print(f"{'stale' if options.check else 'changed'}: schema/{schema.VECTORS}/{name}")
                if not options.check:
                    place.write_text(text, encoding="utf-8", newline="\n")
    except CodegenError as error:
        for problem in error.problems:
            print(problem, file=sys.stderr)
        return 2
    return 1 if stale and options.check else 0


def _listed(vectors: list[Vector]) -> str:
    """Write a JSON array with a vector on each line, so that differences are easy to read."""
    lines = ",\n".join(json.dumps(vector, ensure_ascii=False) for vector in vectors)
    return f"[\n{lines}\n]\n"


if __name__ == "__main__":
    sys.exit(main())
