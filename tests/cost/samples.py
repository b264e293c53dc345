"""Small valid values of everything in the schema."""

import functools
import json
from typing import Any, cast

from codegen import schema
from codegen.schema import Node, Schema
from pie_client._generated.methods import Method
from tests.support.repository import ROOT

SCHEMA = schema.load(ROOT / "schema")
PROCESS = "0b7e8d52-5f0c-4c1e-9a36-3f1d2c4b5a69"
FORMATS: dict[str, object] = {"uuid": PROCESS, "binary": b"data"}


def fields_of(title: str) -> dict[str, Any]:
    """Return a value of each field of an object, by the title of its file."""
    return dict(_fields(title))


@functools.cache
def _fields(title: str) -> dict[str, Any]:
    name, node = next((name, node) for name, node in SCHEMA.objects() if node["title"] == title)
    return {key: sample(SCHEMA, name, child) for key, child in cast("Node", node["properties"]).items()}


def sample(described: Schema, file: str, node: Node) -> Any:  # noqa: ANN401 - any JSON value, or bytes
    """Return a small valid value of a schema in a file."""
    if "$ref" in node:
        name = schema.target(file, str(node["$ref"]))
        found = described.resolve(name)
        assert found is not None, name
        return sample(described, name.partition("#")[0], found)
    if "const" in node:
        return node["const"]
    for key in ("enum", "examples"):
        if key in node:
            return node[key][0]
    for choices in ("anyOf", "oneOf"):
        if choices in node:
            return sample(described, file, node[choices][0])
    match node["type"]:
        case "string" if "contentSchema" in node:
            return json.dumps(sample(described, file, node["contentSchema"]))
        case "string":
            return FORMATS.get(node.get("format", ""), "text")
        case "object":
            required = {
                key: sample(described, file, child) for key, child in node.get("properties", {}).items()
            }
            if isinstance(node.get("additionalProperties"), dict):
                required["key"] = sample(described, file, node["additionalProperties"])
            return required
        case "array":
            return [sample(described, file, node["items"])] * int(node.get("minItems", 1))
        case kind:
            return {"integer": 1, "number": 1.5, "boolean": True, "null": None}[kind]


def result_of(method: Method[Any]) -> str:
    """Return a valid result of a request as text."""
    row = next(row for row in SCHEMA.protocol["requests"] if row["type"] == method.tag)
    file = row["result"]
    return str(sample(SCHEMA, file, SCHEMA.documents[file])) if file else "text"
