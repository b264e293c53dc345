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

CLIENT, SERVER, TEXT, OTHERS = "ClientMessage", "ServerMessage", "ServerTextMessage", "Others"
"""Definitions that only exports have."""
NAMES = {
    CLIENT: "A message of a client, tagged by `{tag}`. In JSON, bytes are base64.",
    SERVER: "A binary message of a server, tagged by `{tag}`. In JSON, bytes are base64.",
    TEXT: "A text message of a server, tagged by `{tag}`.",
    OTHERS: "Everything that is not a message: no message has this form. Generators of code read it.",
}


def files(protocol: Protocol) -> dict[Path, str]:
    """Return the bundle, named after the protocol's title."""
    document = bundle(protocol)
    name = protocol.title.lower().replace(" ", "-")
    return {Path(f"{name}.json"): json.dumps(document, indent=2, ensure_ascii=False) + "\n"}


def bundle(protocol: Protocol) -> Node:
    """Return the document."""
    definitions: Node = {name: _definition(protocol, name) for name in protocol.definitions}
    binary = [row.name for row in protocol.messages if row.frame == "binary"]
    text = [row.name for row in protocol.messages if row.frame == "text"]
    roots = {CLIENT: [row.name for row in protocol.requests], SERVER: binary, TEXT: text}
    for name, members in roots.items():
        if members:
            definitions[name] = _union(protocol, name, members)
    definitions[OTHERS] = _others(protocol, definitions, [name for name in roots if name in definitions])
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": protocol.id,
        "$comment": f"Version {protocol.version}, license {protocol.license}. Written by `python -m codegen`; never edited.",
        "title": protocol.title,
        "description": f"A message of the protocol, version {protocol.version}.",
        "anyOf": [_reference(name) for name in (*(name for name in roots if name in definitions), OTHERS)],
        "$defs": dict(sorted(definitions.items())),
    }


def _definition(protocol: Protocol, name: str) -> Node:
    """Return a document of the schema with local references, or a scalar."""
    described, schema = protocol.definitions[name], protocol.schema
    node: Node = deepcopy(schema.scalars.get(name) or schema.documents[described.file])
    node.pop("$schema", None)
    for _, each in nodes(node):
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


def _union(protocol: Protocol, name: str, members: list[str]) -> Node:
    tag: str = protocol.facts["tag"]
    return {
        "title": name,
        "description": NAMES[name].format(tag=tag),
        "type": "object",
        "oneOf": [_reference(member) for member in members],
        "discriminator": {"propertyName": tag},
    }


def _others(protocol: Protocol, definitions: Node, roots: list[str]) -> Node:
    """Return an object with what no message refers to: results by their requests, and the rest by title."""
    results = {row.type: _reference(row.result) for row in protocol.requests if row.result}
    found = set(_reachable(definitions, [*roots, *(row.result for row in protocol.requests if row.result)]))
    rest = {name: _reference(name) for name in sorted(definitions.keys() - found)}
    return {
        "title": OTHERS,
        "description": NAMES[OTHERS],
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
