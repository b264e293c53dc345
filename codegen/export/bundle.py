"""Write the protocol as one JSON Schema 2020-12 document, for validators and for generators of other languages.

The document's root describes a message of either side. Every other definition can be reached from the root as well,
because many generators skip what can't.
"""

import json
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path

from codegen.export.describe import Protocol, Union
from codegen.schema import Node, nodes, target

OTHERS = "Others"
"""Definition of what is not a message."""


def files(protocol: Protocol) -> dict[Path, str]:
    """Return the bundle, named after the protocol's title."""
    document = bundle(protocol)
    name = protocol.title.lower().replace(" ", "-")
    return {Path(f"{name}.json"): json.dumps(document, indent=2, ensure_ascii=False) + "\n"}


def bundle(protocol: Protocol) -> Node:
    """Return the document."""
    definitions: Node = {name: _definition(protocol, name) for name in protocol.definitions}
    roots = messages(protocol)
    definitions |= {root.name: _union(root) for root in roots}
    names = [root.name for root in roots]
    definitions[OTHERS] = _others(protocol, definitions, names)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": protocol.id,
        "$comment": f"Version {protocol.version}, license {protocol.license}. Written by `python -m codegen`; never edited.",
        "title": protocol.title,
        "description": f"A message of the protocol, version {protocol.version}.",
        "anyOf": [_reference(name) for name in (*names, OTHERS)],
        "$defs": dict(sorted(definitions.items())),
    }


def messages(protocol: Protocol) -> list[Union]:
    """Return the unions of all messages: of a client, and of a server in binary and in text. No unknown type is invalid."""
    tag, rows = str(protocol.facts["tag"]), protocol.messages
    sides = (
        (
            "ClientMessage",
            "A message of a client, tagged by `{}`. In JSON, bytes are base64.",
            protocol.requests,
        ),
        (
            "ServerMessage",
            "A binary message of a server, tagged by `{}`. In JSON, bytes are base64.",
            [row for row in rows if row.frame == "binary"],
        ),
        (
            "ServerTextMessage",
            "A text message of a server, tagged by `{}`.",
            [row for row in rows if row.frame == "text"],
        ),
    )
    return [
        Union(name, description.format(tag), "", tag, tuple((row.type, row.name) for row in members), None)
        for name, description, members in sides
        if members
    ]


def _definition(protocol: Protocol, name: str) -> Node:
    """Return a document of the schema with local references, or a scalar."""
    described, schema = protocol.definitions[name], protocol.schema
    node: Node = deepcopy(schema.scalars.get(name) or schema.documents[described.file])
    node.pop("$schema", None)
    for _, each in nodes(node):
        each.pop("secret", None)  # strict validators refuse a keyword that JSON Schema does not have
        if "$ref" in each:
            each["$ref"] = f"#/$defs/{schema.title(target(described.file, each['$ref']))}"
        if each.get("format") == "binary":
            each["contentEncoding"] = "base64"
    if isinstance(described, Union):
        node = {**node, "type": "object"} | _shared(protocol, described)
    return {"title": name, **node}


def _shared(protocol: Protocol, union: Union) -> Node:
    """Return the tag of a union that is itself a message, which all of its members share."""
    rows = [row for row in protocol.messages if row.name == union.name]
    if not rows:
        return {}
    tag = protocol.facts["tag"]
    constant = {"type": "string", "const": rows[0].type}
    return {"properties": {tag: constant}, "required": [tag]}


def _union(union: Union) -> Node:
    return {
        "title": union.name,
        "description": union.description,
        "type": "object",
        "oneOf": [_reference(member) for _, member in union.members],
        "discriminator": {"propertyName": union.tag},
    }


def _others(protocol: Protocol, definitions: Node, roots: list[str]) -> Node:
    """Return an object with what no message refers to: results by their requests, and the rest by title."""
    results = {row.type: _reference(row.result) for row in protocol.requests if row.result}
    found = set(_reachable(definitions, [*roots, *(row.result for row in protocol.requests if row.result)]))
    rest = {name: _reference(name) for name in sorted(definitions.keys() - found)}
    return {
        "title": OTHERS,
        "description": "Everything that is not a message: no message has this form. Generators of code read it.",
        "type": "object",
        "properties": {
            "results": _record("What the reply to a request carries, by the tag of the request.", results),
            "further": _record("Events of other kinds, manifests, registry answers, MCP messages.", rest),
        },
        "required": ["results", "further"],
        "additionalProperties": False,
    }


def _record(description: str, properties: Node) -> Node:
    return {
        "description": description,
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _reachable(definitions: Node, queue: list[str]) -> Iterator[str]:
    """Iterate over the names of definitions, and of all that these refer to."""
    seen = set[str]()
    while queue:
        name = queue.pop()
        if name not in seen:
            seen.add(name)
            yield name
            refs = [node["$ref"] for _, node in nodes(definitions[name]) if isinstance(node.get("$ref"), str)]
            queue += [ref.removeprefix("#/$defs/") for ref in refs]


def _reference(name: str) -> Node:
    return {"$ref": f"#/$defs/{name}"}
