"""Check the rules that JSON Schema can't express, mostly between the files of a schema; dialect.schema.json holds the others.

Each rule keeps the generated code simple: tags that decode without guessing, optional fields that are nullable, and no
reference to something that does not exist. schema/README.md explains the dialect, and the keywords that the tables' own
schemas have beside those of JSON Schema: ``names``, ``uniqueBy`` and ``hasAll``.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import cast

import jsonschema
from jsonschema import validators

from codegen.python import spelling
from codegen.schema import PROTOCOL, TABLES, TYPES, Node, Schema, nodes, raise_if, target, violations

Problems = Iterator[str]

KEYS = {"families": "name", "requests": "type", "classes": "name", "texts": "id"}
"""Tables whose rows are named elsewhere, and the key with the name."""


def check(schema: Schema) -> None:
    """Raise CodegenError if a schema breaks a rule; the error lists every problem with its file and JSON path."""
    # The other rules rely on references that resolve.
    for rules in ((references, names), (files, properties, messages, events, requests, tables)):
        raise_if([problem for rule in rules for problem in rule(schema)])


def references(schema: Schema) -> Problems:
    """Check that each ``$ref`` resolves."""
    for where, file, node in _nodes(schema):
        if "$ref" in node and schema.resolve(target(file, node["$ref"])) is None:
            yield f"{where}: dangling reference {node['$ref']!r}"


def names(schema: Schema) -> Problems:
    """Check the keywords ``names``: what a text names, ``uniqueBy``: keys that tell rows apart, ``hasAll``: what keys name."""
    rows = schema.protocol | schema.errors
    known = {table: {row[key] for row in rows[table]} for table, key in KEYS.items()}
    known["files"], known["scalars"] = set(schema.documents), set(schema.scalars)
    known["titles"] = {document["title"] for _, document in schema.objects()}

    def exists(_: object, kind: str, value: object, __: object) -> Iterator[jsonschema.ValidationError]:
        if isinstance(value, str) and value not in known[kind]:
            yield jsonschema.ValidationError(f"{value!r} does not exist")

    def unique(
        _: object, keys: list[str], rows: list[Node], __: object
    ) -> Iterator[jsonschema.ValidationError]:
        for key in keys:
            for name, count in Counter(row[key] for row in rows).items():
                if count > 1:
                    yield jsonschema.ValidationError(f"{key} {name!r} appears twice")

    def complete(_: object, kind: str, value: Node, __: object) -> Iterator[jsonschema.ValidationError]:
        for name in sorted(known[kind] - value.keys()):
            yield jsonschema.ValidationError(f"{name!r} is missing")

    keywords = {"names": exists, "uniqueBy": unique, "hasAll": complete}
    extended = validators.extend(jsonschema.Draft202012Validator, keywords)  # type: ignore[no-untyped-call]  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType] - its stubs leave parts out
    for table, meta in TABLES.items():
        yield from violations(table, schema.parsed[table], schema.parsed[meta], cast("type", extended))


def files(schema: Schema) -> Problems:
    """Check that each file is used and has a title of its own, and that unions of objects are tagged."""
    named = re.findall(r'"([^"]*)"', json.dumps(schema.parsed[PROTOCOL]))
    used, queue = {TYPES}, [*schema.documents.keys() & named]
    while queue:
        file = queue.pop()
        if file not in used:
            used.add(file)
            refs = [node["$ref"] for _, node in nodes(schema.documents[file]) if "$ref" in node]
            queue += [target(file, ref).partition("#")[0] for ref in refs]
    for file in sorted(schema.documents.keys() - used):
        yield f"schema/{file}: not used by {PROTOCOL}, or by a file that it uses"
    titles = Counter([*(document["title"] for _, document in schema.objects()), *schema.scalars])
    for file, document in schema.objects():
        if titles[document["title"]] > 1:
            yield f"schema/{file}: title {document['title']!r} is used twice"
        objects = [name for name, member in schema.members(file) if member.get("type") == "object"]
        tag: str = document.get("discriminator", {}).get("propertyName", "")
        if objects and not tag:
            yield f"schema/{file}: a union of objects needs discriminator.propertyName"
        for name in objects if tag else ():
            yield from _tag(schema, name, tag)


def properties(schema: Schema) -> Problems:
    """Check that each property is either required or nullable, and has a name of its own in Python."""
    for where, _, node in _nodes(schema):
        found, required = node.get("properties", {}), node.get("required", [])
        spelled: dict[str, str] = {}
        for name, child in found.items():
            nullable = {"type": "null"} in child.get("anyOf", [])
            if nullable == (name in required):
                state = "required but nullable" if nullable else "optional but not nullable"
                yield f"{where}.properties.{name}: {state}"
            first = spelled.setdefault(spelling(name), name)
            if first != name:
                yield f"{where}: {first!r} and {name!r} are both {spelling(name)!r} in Python; rename one"
        for name in sorted(set(required) - found.keys()):
            yield f"{where}: required property {name!r} is not defined"


def messages(schema: Schema) -> Problems:
    """Check that the messages of both sides carry their tag, as their only constant."""
    tag = schema.protocol["tag"]
    for row in schema.tagged:
        document = schema.documents[row["schema"]]
        if "oneOf" not in document:
            yield from _tag(schema, row["schema"], tag, row["type"])
        for name, node in document.get("properties", {}).items():
            if "const" in node and name != tag:
                yield f"schema/{row['schema']}: {name!r} has a const, but is not the tag"
            if "const" not in node and name == "type" != tag:
                yield f"schema/{row['schema']}: a field can't be called 'type', which generated code uses itself; rename it"


def events(schema: Schema) -> Problems:
    """Check that events carry their tag and a text, and are the members of their message."""
    text = schema.protocol["event_text"]
    listed = {row["schema"]: row["event"] for row in schema.protocol["events"] if row["schema"]}
    for file, event in listed.items():
        yield from _tag(schema, file, schema.protocol["event"], event)
        document = schema.documents[file]
        node: Node = document.get("properties", {}).get(text, {})
        if node.get("type") != "string" or text not in document.get("required", []):
            yield f"schema/{file}: needs a required string {text!r}: recv() returns it, and clients that don't know the event read it"
    for message in schema.protocol["messages"]:
        if message["unknown"]:
            members = {name for name, _ in schema.members(message["schema"])}
            for file in sorted(listed.keys() ^ members):
                place = message["schema"] if file in listed else PROTOCOL
                yield f"schema/{place}: {file} is missing from the events"


def requests(schema: Schema) -> Problems:
    """Check that requests have the fields that their rows name, and those of their kind."""
    correlation = schema.protocol["correlation"]
    for row in schema.protocol["requests"]:
        document = schema.documents[row["schema"]]
        found: Node = document.get("properties", {})
        numbered = row["kind"] in {"call", "upload", "relay"}
        if numbered != (correlation in found):
            state = "needs" if numbered else "must not have"
            yield f"schema/{row['schema']}: kind {row['kind']} {state} {correlation}"
        result = row["result"]
        if result and not schema.is_choice(result) and schema.documents[result].get("type") != "string":
            yield f"schema/{result}: a result is text; describe JSON in it with contentSchema"
        roles = row["subject"], row["subject_version"], row["captures"]
        for name in filter(
            None, (*row["defaults"], *row["fields"], *row["accepts"], *row["chunks"].values(), *roles)
        ):
            if name not in found:
                yield f"schema/{PROTOCOL}: {row['type']}: schema/{row['schema']} has no field {name!r}"
        for name in row["fields"].keys() & set(document.get("required", [])):
            yield f"schema/{PROTOCOL}: {row['type']}: field {name!r} is known to some families only, so it must be optional"


def tables(schema: Schema) -> Problems:
    """Check what the tables say about the rest."""
    protocol, errors = schema.protocol, schema.errors
    for name in protocol["limits"].keys() & protocol["server"]["limits"].keys():
        yield f"schema/{PROTOCOL}: limits: {name!r} appears twice"
    for name in sorted(
        {row["name"] for row in errors["classes"]} - {row["class"] for row in errors["texts"]}
    ):
        yield f"schema/errors.json: class {name} has no text"
    registry = protocol["program_registry"]["schema"]
    if "properties" not in schema.documents[registry]:
        yield f"schema/{registry}: a program registry returns an object; describe its properties"
    for file, synonyms in protocol["synonyms"].items():
        found = schema.documents[file].get("properties", {})
        for synonym, name in synonyms.items():
            if name not in found or synonym in found:
                yield f"schema/{PROTOCOL}: synonyms: {synonym!r} must be a new name for a field of schema/{file}, not for {name!r}"


def _nodes(schema: Schema) -> Iterator[tuple[str, str, Node]]:
    """Iterate over every schema of every document: its place, its file, and itself."""
    for file in sorted(schema.documents):
        for path, node in nodes(schema.documents[file]):
            yield f"schema/{file}: {path}", file, node


def _tag(schema: Schema, file: str, tag: str, expected: str | None = None) -> Problems:
    document = schema.documents[file]
    value: object = document.get("properties", {}).get(tag, {}).get("const")
    if not isinstance(value, str) or tag not in document.get("required", []):
        yield f"schema/{file}: needs a required property {tag!r} with a const"
        return
    if expected is not None and value != expected:
        yield f"schema/{file}: {tag} is {value!r}, but {PROTOCOL} has {expected!r}"
    if PurePosixPath(file).stem != value:
        yield f"schema/{file}: must be named {value}.json, after its {tag}"
