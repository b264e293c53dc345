"""Check a schema against the project's dialect of JSON Schema.

Each rule keeps the generated code simple: a named class for every object, tags that decode without guessing, optional
fields that are nullable, and no reference to something that does not exist. schema/README.md explains the dialect.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import PurePosixPath
from typing import Any

from codegen.errors import CodegenError
from codegen.schema import PROTOCOL, TYPES, Node, Schema, nodes, target

Problems = Iterator[str]
Rule = Callable[[Schema], Problems]

FORBIDDEN = {
    "default": "put defaults of arguments into protocol.json",
    "prefixItems": "msgpack has no tuples; use items",
    "contentEncoding": "write raw bytes as format: binary",
    "patternProperties": "use a named object or additionalProperties",
}
TEXT = re.compile(r"(?:[^{}]|\{[A-Za-z_]\w*\})*")
"""A server's text, in which {name} stands for a part that varies."""


def check(schema: Schema) -> None:
    """Raise CodegenError if a schema breaks a rule; the error lists every problem with its file and JSON path."""
    # The other rules rely on properties that are objects.
    for rules in ((properties_are_objects,), RULES):
        if problems := [problem for rule in rules for problem in rule(schema)]:
            raise CodegenError(problems)


def properties_are_objects(schema: Schema) -> Problems:
    for where, name, _, child in _properties(schema):
        if not isinstance(child, dict):
            yield f"{where}.properties.{name}: must be an object, not true or false"


def properties_are_described_and_typed(schema: Schema) -> Problems:
    for where, name, required, child in _properties(schema):
        if "const" not in child and "description" not in child:
            yield f"{where}.properties.{name}: no description"
        if not _has_type(child):
            yield f"{where}.properties.{name}: needs a $ref, an anyOf, an enum of strings or one type; an array needs items"
        nullable = any(option.get("type") == "null" for option in child.get("anyOf", []))
        if nullable == required:
            state = "required but nullable" if nullable else "optional but not nullable"
            yield f"{where}.properties.{name}: {state}"


def references_resolve(schema: Schema) -> Problems:
    for where, file, node in _nodes(schema):
        ref = node.get("$ref")
        if isinstance(ref, str) and schema.resolve(target(file, ref)) is None:
            yield f"{where}: dangling reference {ref!r}"


def files_exist_and_are_used(schema: Schema) -> Problems:
    queue = _named_files(schema)
    yield from (f"schema/{PROTOCOL}: file {f!r} does not exist" for f in queue if f not in schema.documents)
    used = {TYPES}
    while queue:
        file = queue.pop()
        if file not in used and file in schema.documents:
            used.add(file)
            refs = [node["$ref"] for _, node in nodes(schema.documents[file]) if "$ref" in node]
            queue += [target(file, ref).partition("#")[0] for ref in refs]
    for file in sorted(schema.documents.keys() - used):
        yield f"schema/{file}: not used by {PROTOCOL}, or by a file that it uses"


def titles_are_unique_type_names(schema: Schema) -> Problems:
    titles = [(f, d.get("title")) for f, d in schema.objects()] + [(TYPES, name) for name in schema.scalars]
    count = Counter(title for _, title in titles)
    for file, title in titles:
        if not isinstance(title, str) or not title[:1].isupper() or not title.isidentifier():
            yield f"schema/{file}: title {title!r} is not a type name such as PingRequest"
        elif count[title] > 1:
            yield f"schema/{file}: title {title!r} is used twice"


def nodes_are_of_the_dialect(schema: Schema) -> Problems:
    for where, file, node in _nodes(schema):
        properties = node.get("properties", {})
        is_object = properties or (node.get("type") == "object" and "additionalProperties" not in node)
        if is_object and not where.endswith(": $"):
            yield f"{where}: inline object; move it to a file with a title"
        if "title" in node and "description" not in node and file != TYPES:
            yield f"{where}: no description"
        for name in set(node.get("required", [])) - properties.keys():
            yield f"{where}: required property {name!r} is not defined"
        for keyword in FORBIDDEN.keys() & node.keys():
            yield f"{where}: {keyword} is not allowed: {FORBIDDEN[keyword]}"
        if node.get("format") == "byte":
            yield f"{where}: format byte means base64; use format: binary"
        if node.get("additionalProperties") is False:
            yield f"{where}: closed object; receivers ignore unknown fields, so leave it open"


def unions_are_tagged(schema: Schema) -> Problems:
    for where, file, node in _nodes(schema):
        options: list[Node] = node.get("oneOf", [])
        names = [target(file, option["$ref"]) for option in options if "$ref" in option]
        if len(names) != len(options):
            yield f"{where}: oneOf may only list references"
        objects = [name for name in names if (schema.resolve(name) or {}).get("type") == "object"]
        tag: str | None = node.get("discriminator", {}).get("propertyName")
        if objects and tag is None:
            yield f"{where}: a union of objects needs discriminator.propertyName"
        elif tag is not None:
            for name in objects:
                yield from _tag_problems(schema, name, tag)


def messages_carry_their_tag(schema: Schema) -> Problems:
    for row in schema.tagged:
        if "oneOf" not in schema.documents.get(row["schema"], {}):
            yield from _tag_problems(schema, row["schema"], schema.protocol["tag"], row["type"])


def events_carry_tag_and_text(schema: Schema) -> Problems:
    text = schema.protocol["event_text"]
    for row in schema.protocol["events"]:
        if file := row["schema"]:
            yield from _tag_problems(schema, file, schema.protocol["event"], row["event"])
            document = schema.documents.get(file, {})
            node: Node = document.get("properties", {}).get(text, {})
            if node.get("type") != "string" or text not in document.get("required", []):
                yield f"schema/{file}: needs a required string {text!r}: recv() returns it, and clients that don't know the event read it"


def events_are_members_of_their_message(schema: Schema) -> Problems:
    events = {row["schema"]: row["event"] for row in schema.protocol["events"] if row["schema"]}
    for message in schema.protocol["messages"]:
        if message["unknown"] and message["schema"] in schema.documents:
            members = {name for name, _ in schema.members(message["schema"])}
            for file in sorted(events.keys() - members):
                yield f"schema/{PROTOCOL}: event {events[file]!r}: {file} is missing from schema/{message['schema']}"
            for file in sorted(members - events.keys()):
                yield f"schema/{message['schema']}: {file} is not an event of {PROTOCOL}"


def requests_fit_their_kind(schema: Schema) -> Problems:
    correlation = schema.protocol["correlation"]
    for row in schema.protocol["requests"]:
        document = schema.documents.get(row["schema"], {})
        properties: Node = document.get("properties", {})
        numbered = row["kind"] in {"call", "upload", "relay"}
        if numbered != (correlation in properties):
            state = "needs" if numbered else "must not have"
            yield f"schema/{row['schema']}: kind {row['kind']} {state} {correlation}"
        result = row["result"]
        if result in schema.documents:
            is_text = schema.is_choice(result) or schema.documents[result].get("type") == "string"
            if not is_text:
                yield f"schema/{result}: a result is text; describe JSON in it with contentSchema"
        subject = [row["subject"]] if row["subject"] else []
        for name in (*row["defaults"], *row["fields"], *filter(None, row["chunks"].values()), *subject):
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
        "protocol.json: families": [row["name"] for row in protocol["families"]],
        "protocol.json: limits": [*protocol["limits"], *protocol["server"]["limits"]],
        "errors.json: texts": [row["id"] for row in errors["texts"]],
        "errors.json: classes": [row["name"] for row in errors["classes"]],
    }
    for table, names in tables.items():
        yield from (
            f"schema/{table}: {n!r} appears twice" for n, count in Counter(names).items() if count > 1
        )


def names_exist(schema: Schema) -> Problems:
    protocol, errors = schema.protocol, schema.errors
    registry = protocol["program_registry"]["schema"]
    if "properties" not in schema.documents.get(registry, {"properties": {}}):
        yield f"schema/{registry}: a program registry returns an object; describe its properties"
    for file, synonyms in protocol["synonyms"].items():
        properties = schema.documents.get(file, {}).get("properties", {})
        for synonym, name in synonyms.items():
            if name not in properties or synonym in properties:
                yield f"schema/{PROTOCOL}: synonyms: {synonym!r} must be a new name for a field of schema/{file}, not for {name!r}"
    classes = {row["name"] for row in errors["classes"]}
    known: list[tuple[str, list[Any], set[Any]]] = [
        ("protocol.json: scalars", list(protocol["scalars"].values()), set(schema.scalars)),
        *((f"errors.json: {row['id']}: class", [row["class"]], {*classes, None}) for row in errors["texts"]),
    ]
    titles, ids = {d.get("title") for _, d in schema.objects()}, {row["id"] for row in errors["texts"]}
    for family in protocol["families"]:
        where = f"protocol.json: family {family['name']}"
        known.append((f"{where}: results", family["identified_by"]["results"], titles))
        known.append((f"{where}: refusals", family["identified_by"]["refusals"], ids))
    known += [
        (where, names, {f["name"] for f in protocol["families"]}) for where, names in _family_names(schema)
    ]
    for where, names, expected in known:
        yield from (f"schema/{where}: {name!r} does not exist" for name in names if name not in expected)


def texts_have_classes(schema: Schema) -> Problems:
    unused = {row["name"] for row in schema.errors["classes"]}
    for text in schema.errors["texts"]:
        unused.discard(text["class"])
        if not TEXT.fullmatch(text["text"]):
            yield f"schema/errors.json: {text['id']}: braces must enclose the name of a part that varies"
    yield from (f"schema/errors.json: class {name} has no text" for name in sorted(unused))


RULES: tuple[Rule, ...] = (
    references_resolve,
    files_exist_and_are_used,
    titles_are_unique_type_names,
    nodes_are_of_the_dialect,
    properties_are_described_and_typed,
    unions_are_tagged,
    messages_carry_their_tag,
    events_carry_tag_and_text,
    events_are_members_of_their_message,
    requests_fit_their_kind,
    rows_are_unique,
    names_exist,
    texts_have_classes,
)


def _has_type(node: Any) -> bool:
    """Return whether a property can be annotated in Python."""
    match node:
        case {"$ref": str()} | {"const": str()}:
            return True
        case {"enum": [*values]}:
            return all(isinstance(value, str) for value in values)
        case {"anyOf": [*options]}:
            return all(_has_type(option) for option in options)
        case {"type": "array", **rest}:
            return _has_type(rest.get("items"))
        case {"type": "object", "additionalProperties": values}:
            return _has_type(values)
        case {"type": str()}:
            return True
        case _:
            return False


def _named_files(schema: Schema) -> list[str]:
    protocol = schema.protocol
    rows = [*protocol["requests"], *protocol["messages"], *protocol["events"], protocol["program_registry"]]
    files = [row.get(key) for row in rows for key in ("schema", "result", "unknown", "assembled_from")]
    files += [method.get("params") for method in protocol["mcp"]["methods"].values()]
    return [file for file in (*files, *protocol["objects"], *protocol["mcp"]["envelope"]) if file]


def _family_names(schema: Schema) -> Iterator[tuple[str, list[str]]]:
    """Iterate over the lists of families in both tables, with their places."""
    for row in schema.tagged:
        yield f"protocol.json: {row['type']}", [*row["families"], *row.get("useless", [])]
        for name, families in row["fields"].items():
            yield f"protocol.json: {row['type']}.{name}", families
    for text in schema.errors["texts"]:
        by_family: list[str] = [] if isinstance(text["advice"], str) else [*(text["advice"] or ())]
        yield f"errors.json: {text['id']}", text["families"] + by_family


def _nodes(schema: Schema) -> Iterator[tuple[str, str, Node]]:
    """Iterate over every schema of every document: its place, its file, and itself."""
    for file in sorted(schema.documents):
        for path, node in nodes(schema.documents[file]):
            yield f"schema/{file}: {path}", file, node


def _properties(schema: Schema) -> Iterator[tuple[str, str, bool, Any]]:
    """Iterate over every property: the place of its object, its name, whether it is required, and its schema."""
    for where, _, node in _nodes(schema):
        for name, child in node.get("properties", {}).items():
            yield where, name, name in node.get("required", []), child


def _tag_problems(schema: Schema, file: str, tag: str, expected: str | None = None) -> Problems:
    document = schema.resolve(file)
    if document is None:
        return
    value: object = document.get("properties", {}).get(tag, {}).get("const")
    if not isinstance(value, str) or tag not in document.get("required", []):
        yield f"schema/{file}: needs a required property {tag!r} with a const"
        return
    if expected is not None and value != expected:
        yield f"schema/{file}: {tag} is {value!r}, but {PROTOCOL} has {expected!r}"
    if PurePosixPath(file).stem != value:
        yield f"schema/{file}: must be named {value}.json, after its {tag}"
