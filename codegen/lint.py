"""Check the rules that JSON Schema can't express, mostly between the files of a schema; dialect.schema.json holds the others.

Each rule keeps the generated code simple: tags that decode without guessing, optional fields that are nullable, and no
reference to something that does not exist. schema/README.md explains the dialect.
"""

import keyword
from collections import Counter
from collections.abc import Container, Iterable, Iterator
from itertools import chain
from pathlib import PurePosixPath

from codegen.errors import raise_if
from codegen.naming import spelling
from codegen.schema import PROTOCOL, TYPES, Node, Schema, nodes, target

Problems = Iterator[str]

FUNCTION_NAMES = frozenset(
    {"type", "all", "len", "str", "int", "float", "bool", "bytes", "list", "dict", "object"}
)
"""Names of Python that generated encoders use, beside a function for each request."""


def check(schema: Schema) -> None:
    """Raise CodegenError if a schema breaks a rule; the error lists every problem with its file and JSON path."""
    # The other rules rely on references that resolve.
    for rules in (REFERENCES, RULES):
        raise_if([problem for rule in rules for problem in rule(schema)])


def references_resolve(schema: Schema) -> Problems:
    for where, file, node in _nodes(schema):
        if "$ref" in node and schema.resolve(target(file, node["$ref"])) is None:
            yield f"{where}: dangling reference {node['$ref']!r}"


def named_files_exist(schema: Schema) -> Problems:
    return _unknown(PROTOCOL, [*_named_files(schema), *schema.protocol["synonyms"]], schema.documents)


def every_file_is_used(schema: Schema) -> Problems:
    used, queue = {TYPES}, _named_files(schema)
    while queue:
        file = queue.pop()
        if file not in used:
            used.add(file)
            refs = [node["$ref"] for _, node in nodes(schema.documents[file]) if "$ref" in node]
            queue += [target(file, ref).partition("#")[0] for ref in refs]
    for file in sorted(schema.documents.keys() - used):
        yield f"schema/{file}: not used by {PROTOCOL}, or by a file that it uses"


def titles_are_unique(schema: Schema) -> Problems:
    titles = [(file, document["title"]) for file, document in schema.objects()]
    count = Counter([*(title for _, title in titles), *schema.scalars])
    return (f"schema/{file}: title {title!r} is used twice" for file, title in titles if count[title] > 1)


def properties_are_required_or_nullable(schema: Schema) -> Problems:
    for where, _, node in _nodes(schema):
        properties, required = node.get("properties", {}), node.get("required", [])
        for name, child in properties.items():
            nullable = {"type": "null"} in child.get("anyOf", [])
            if nullable == (name in required):
                state = "required but nullable" if nullable else "optional but not nullable"
                yield f"{where}.properties.{name}: {state}"
        for name in sorted(set(required) - properties.keys()):
            yield f"{where}: required property {name!r} is not defined"


def fields_have_names_of_their_own(schema: Schema) -> Problems:
    for file, document in schema.objects():
        found: dict[str, str] = {}
        for name in document.get("properties", {}):
            first = found.setdefault(spelling(name), name)
            if first != name:
                yield f"schema/{file}: {first!r} and {name!r} are both {spelling(name)!r} in Python; rename one"


def requests_have_names_of_their_own(schema: Schema) -> Problems:
    for row in schema.protocol["requests"]:
        if keyword.iskeyword(row["type"]) or row["type"] in FUNCTION_NAMES:
            yield f"schema/{PROTOCOL}: {row['type']}: a request can't have this name, which Python uses; choose another"


def fields_are_not_called_type(schema: Schema) -> Problems:
    for row in schema.tagged:
        node = schema.documents[row["schema"]].get("properties", {}).get("type", {"const": ""})
        if "const" not in node:
            yield f"schema/{row['schema']}: a field can't be called 'type', which generated code uses itself; rename it"


def unions_are_tagged(schema: Schema) -> Problems:
    for file, document in schema.objects():
        objects = [name for name, member in schema.members(file) if member.get("type") == "object"]
        tag: str | None = document.get("discriminator", {}).get("propertyName")
        if objects and tag is None:
            yield f"schema/{file}: a union of objects needs discriminator.propertyName"
        for name in objects if tag else ():
            yield from _tag_problems(schema, name, str(tag))


def messages_carry_their_tag(schema: Schema) -> Problems:
    tag = schema.protocol["tag"]
    for row in schema.tagged:
        document = schema.documents[row["schema"]]
        if "oneOf" not in document:
            yield from _tag_problems(schema, row["schema"], tag, row["type"])
            for name, node in document.get("properties", {}).items():
                if "const" in node and name != tag:
                    yield f"schema/{row['schema']}: {name!r} has a const, but is not the tag"


def events_carry_tag_and_text(schema: Schema) -> Problems:
    text = schema.protocol["event_text"]
    for row in schema.protocol["events"]:
        if file := row["schema"]:
            yield from _tag_problems(schema, file, schema.protocol["event"], row["event"])
            document = schema.documents[file]
            node: Node = document.get("properties", {}).get(text, {})
            if node.get("type") != "string" or text not in document.get("required", []):
                yield f"schema/{file}: needs a required string {text!r}: recv() returns it, and clients that don't know the event read it"


def events_are_members_of_their_message(schema: Schema) -> Problems:
    events = {row["schema"] for row in schema.protocol["events"] if row["schema"]}
    for message in schema.protocol["messages"]:
        if message["unknown"]:
            members = {name for name, _ in schema.members(message["schema"])}
            for file in sorted(events ^ members):
                place = message["schema"] if file in events else PROTOCOL
                yield f"schema/{place}: {file} is missing from the events"


def requests_fit_their_kind(schema: Schema) -> Problems:
    correlation = schema.protocol["correlation"]
    for row in schema.protocol["requests"]:
        document = schema.documents[row["schema"]]
        properties: Node = document.get("properties", {})
        numbered = row["kind"] in {"call", "upload", "relay"}
        if numbered != (correlation in properties):
            state = "needs" if numbered else "must not have"
            yield f"schema/{row['schema']}: kind {row['kind']} {state} {correlation}"
        result = row["result"]
        if result and not schema.is_choice(result) and schema.documents[result].get("type") != "string":
            yield f"schema/{result}: a result is text; describe JSON in it with contentSchema"
        roles = row["subject"], row["subject_version"], row["captures"]
        for name in filter(None, (*row["defaults"], *row["fields"], *row["chunks"].values(), *roles)):
            if name not in properties:
                yield f"schema/{PROTOCOL}: {row['type']}: schema/{row['schema']} has no field {name!r}"
        for name in row["fields"].keys() & set(document.get("required", [])):
            yield f"schema/{PROTOCOL}: {row['type']}: field {name!r} is known to some families only, so it must be optional"


def rows_are_unique(schema: Schema) -> Problems:
    protocol, errors = schema.protocol, schema.errors
    tables = {
        "protocol.json: requests": [row["type"] for row in protocol["requests"]],
        "protocol.json: messages": [row["type"] for row in protocol["messages"]],
        "protocol.json: events": [row["event"] for row in protocol["events"]],
        "protocol.json: events: names": [row["name"] for row in protocol["events"]],
        "protocol.json: events: classes": [row["class"] for row in protocol["events"]],
        "protocol.json: families": [row["name"] for row in protocol["families"]],
        "protocol.json: limits": [*protocol["limits"], *protocol["server"]["limits"]],
        "errors.json: texts": [row["id"] for row in errors["texts"]],
        "errors.json: classes": [row["name"] for row in errors["classes"]],
    }
    for table, names in tables.items():
        twice = (name for name, count in Counter(names).items() if count > 1)
        yield from (f"schema/{table}: {name!r} appears twice" for name in twice)


def names_exist(schema: Schema) -> Problems:
    protocol, errors = schema.protocol, schema.errors
    yield from _unknown("protocol.json: scalars", protocol["scalars"].values(), schema.scalars)
    titles = {document["title"] for _, document in schema.objects()}
    ids = {row["id"] for row in errors["texts"]}
    for family in protocol["families"]:
        where, identified_by = f"protocol.json: family {family['name']}", family["identified_by"]
        yield from _unknown(f"{where}: results", identified_by["results"], titles)
        yield from _unknown(f"{where}: refusals", identified_by["refusals"], ids)
    families = {family["name"] for family in protocol["families"]}
    for row in schema.tagged:
        names = [*row["families"], *row.get("useless", []), *chain(*row["fields"].values())]
        yield from _unknown(f"protocol.json: {row['type']}", names, families)
    for row in protocol["requests"]:
        effects = [role for role in ("captures", "claims", "opens_session", "chunks") if row.get(role)]
        if row.get("repeatable") and (effects or row["kind"] != "call"):
            reason = f"it has {effects[0]}" if effects else f"its kind is {row['kind']}"
            yield f"protocol.json: {row['type']}: not repeatable, because {reason}"
    classes = {row["name"] for row in errors["classes"]}
    requests = {row["type"] for row in protocol["requests"]}
    for row in errors["texts"]:
        advised: dict[str, str | dict[str, str]] = row["advice"] if isinstance(row["advice"], dict) else {}
        yield from _unknown(f"errors.json: {row['id']}", [*row["families"], *advised], families)
        refused = chain(*(advice for advice in advised.values() if isinstance(advice, dict)))
        yield from _unknown(f"errors.json: {row['id']}: advice", refused, requests)
        yield from _unknown(f"errors.json: {row['id']}: class", [row["class"]], {*classes, None})
    for name in sorted(classes - {row["class"] for row in errors["texts"]}):
        yield f"schema/errors.json: class {name} has no text"


def fields_exist(schema: Schema) -> Problems:
    registry = schema.protocol["program_registry"]["schema"]
    if "properties" not in schema.documents[registry]:
        yield f"schema/{registry}: a program registry returns an object; describe its properties"
    for file, synonyms in schema.protocol["synonyms"].items():
        properties = schema.documents[file].get("properties", {})
        for synonym, name in synonyms.items():
            if name not in properties or synonym in properties:
                yield f"schema/{PROTOCOL}: synonyms: {synonym!r} must be a new name for a field of schema/{file}, not for {name!r}"


REFERENCES = (references_resolve, named_files_exist)
RULES = (
    every_file_is_used,
    titles_are_unique,
    properties_are_required_or_nullable,
    fields_have_names_of_their_own,
    requests_have_names_of_their_own,
    fields_are_not_called_type,
    unions_are_tagged,
    messages_carry_their_tag,
    events_carry_tag_and_text,
    events_are_members_of_their_message,
    requests_fit_their_kind,
    rows_are_unique,
    names_exist,
    fields_exist,
)


def _unknown(where: str, names: Iterable[object], known: Container[object]) -> Problems:
    return (f"schema/{where}: {name!r} does not exist" for name in names if name not in known)


def _named_files(schema: Schema) -> list[str]:
    protocol = schema.protocol
    rows = [*protocol["requests"], *protocol["messages"], *protocol["events"], protocol["program_registry"]]
    files = [row.get(key) for row in rows for key in ("schema", "result", "unknown", "assembled_from")]
    files += [method.get("params") for method in protocol["mcp"]["methods"].values()]
    return [file for file in (*files, *protocol["objects"], *protocol["mcp"]["envelope"]) if file]


def _nodes(schema: Schema) -> Iterator[tuple[str, str, Node]]:
    """Iterate over every schema of every document: its place, its file, and itself."""
    for file in sorted(schema.documents):
        for path, node in nodes(schema.documents[file]):
            yield f"schema/{file}: {path}", file, node


def _tag_problems(schema: Schema, file: str, tag: str, expected: str | None = None) -> Problems:
    document = schema.documents[file]
    value: object = document.get("properties", {}).get(tag, {}).get("const")
    if not isinstance(value, str) or tag not in document.get("required", []):
        yield f"schema/{file}: needs a required property {tag!r} with a const"
        return
    if expected is not None and value != expected:
        yield f"schema/{file}: {tag} is {value!r}, but {PROTOCOL} has {expected!r}"
    if PurePosixPath(file).stem != value:
        yield f"schema/{file}: must be named {value}.json, after its {tag}"
