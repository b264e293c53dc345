"""Joins the files of ``schema/`` into the one document that the model generator reads."""

from typing import Any, cast

from codegen.refs import resolve, target, title
from codegen.schema import TYPES, Node, Schema

DROPPED = {"$schema", "title", "examples", "contentMediaType", "contentSchema"}
"""Keywords that a model has no use for: they would only become run-time metadata."""

PYTHON_TYPES = {"JsonValue": "pydantic.JsonValue"}
"""Scalars for which the model library has a type of its own."""


def is_choice(schema: Schema, file: str) -> bool:
    """Whether a file describes a choice between texts, which is decoded without a model."""
    members = schema.documents[file].get("oneOf", [])
    return bool(members) and all(
        (resolve(schema, target(file, m.get("$ref", ""))) or {}).get("type") == "string" for m in members
    )


def is_text(document: Node) -> bool:
    """Whether a file describes a plain text, which has no type of its own."""
    return document.get("type") == "string" and "contentSchema" not in document


def bundle(schema: Schema) -> Node:
    """Give a document with a ``$defs`` entry per type name, whose root is the union of the server's binary messages."""
    definitions: dict[str, Any] = {}
    for name, scalar in schema.scalars().items():
        if name not in PYTHON_TYPES:
            definitions[name] = _inlined(schema, TYPES, scalar)
    for file, document in schema.objects():
        if not is_choice(schema, file) and not is_text(document):
            definitions[str(document["title"])] = _inlined(schema, file, _content(document))
    root = [row.file for row in schema.protocol.messages if row.frame == "binary"]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "ServerMessage",
        "description": "A binary message of a server, told apart by its type.",
        "oneOf": [{"$ref": f"#/$defs/{title(schema, file)}"} for file in root],
        "discriminator": {"propertyName": schema.protocol.tag},
        "$defs": dict(sorted(definitions.items())),
    }


def _content(document: Node) -> Node:
    """Give what a text holds, where a whole file describes a text that holds JSON."""
    if "contentSchema" not in document:
        return document
    return {"description": document["description"], **cast("Node", document["contentSchema"])}


def _inlined(schema: Schema, file: str, node: Any, *, names: bool = False) -> Any:
    """Copy a schema with references made local and unused keywords left out; ``names`` marks a map of names."""
    if isinstance(node, list):
        return [_inlined(schema, file, item) for item in cast("list[object]", node)]
    if not isinstance(node, dict):
        return node
    copy: Node = {}
    for key, value in cast("Node", node).items():
        if key == "$ref":
            name = title(schema, target(file, value))
            own = PYTHON_TYPES.get(name)
            copy |= {"customTypePath": own} if own else {"$ref": f"#/$defs/{name}"}
        elif names or key not in DROPPED:
            copy[key] = _inlined(schema, file, value, names=key == "properties" and not names)
    if "properties" in copy and not names:
        copy["title"] = cast("Node", node)["title"]
    return copy
