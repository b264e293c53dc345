"""The dialect of ``schema/``: what JSON Schema allows and this project does not.

Each rule keeps the generated code good: a named class for every object, a tag that decodes without guessing, optional
fields that are also nullable, and nothing that points nowhere.
"""

import string
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import PurePosixPath
from typing import Any, cast

from codegen.bundle import is_choice
from codegen.errors import CodegenError
from codegen.refs import nodes, resolve, target
from codegen.schema import TYPES, ErrorText, Node, Schema

FORBIDDEN_KEYWORDS = {
    "default": "put defaults of arguments into protocol.json",
    "prefixItems": "msgpack has no tuples; use items",
    "contentEncoding": "write raw bytes as format: binary",
    "patternProperties": "use a named object or additionalProperties",
}


EVENT_TEXT = "value"


def check(schema: Schema) -> None:
    """Raise CodegenError with every breach of the dialect, each with its file and JSON path."""
    for rules in ((properties_are_schemas,), RULES):
        problems = [problem for rule in rules for problem in rule(schema)]
        if problems:
            raise CodegenError(problems)


def properties_are_schemas(schema: Schema) -> Iterator[str]:
    for file, path, node in _all_nodes(schema):
        for name, child in node.get("properties", {}).items():
            if not isinstance(child, dict):
                yield f"schema/{file}: {path}.properties.{name}: true and false are no schemas here"


def references_resolve(schema: Schema) -> Iterator[str]:
    for file, path, node in _all_nodes(schema):
        ref = node.get("$ref")
        if isinstance(ref, str) and resolve(schema, target(file, ref)) is None:
            yield f"schema/{file}: {path}: dangling reference {ref!r}"


def tables_name_files_that_exist(schema: Schema) -> Iterator[str]:
    yield from (
        f"schema/protocol.json: names {f!r}, which does not exist"
        for f in _named_files(schema)
        if f not in schema.documents
    )


def every_file_is_reached(schema: Schema) -> Iterator[str]:
    reached, queue = {TYPES}, list(_named_files(schema))
    while queue:
        file = queue.pop()
        if file in reached or file not in schema.documents:
            continue
        reached.add(file)
        for _, node in nodes(schema.documents[file]):
            if isinstance(node.get("$ref"), str):
                queue.append(target(file, node["$ref"]).partition("#")[0])
    yield from (
        f"schema/{f}: not named by protocol.json, directly or through another file"
        for f in sorted(schema.documents.keys() - reached)
    )


def titles_are_unique_type_names(schema: Schema) -> Iterator[str]:
    titles = [(f, d.get("title")) for f, d in schema.objects()] + [(TYPES, name) for name in schema.scalars()]
    seen = Counter(title for _, title in titles)
    for file, title in titles:
        if not isinstance(title, str) or not title[:1].isupper() or not title.isidentifier():
            yield f"schema/{file}: title {title!r} is not a type name like PingRequest"
        elif seen[title] > 1:
            yield f"schema/{file}: title {title!r} is used twice"


def everything_is_described(schema: Schema) -> Iterator[str]:
    for file, path, node in _all_nodes(schema):
        if "title" in node and "description" not in node and file != TYPES:
            yield f"schema/{file}: {path}: no description"
        for name, child in node.get("properties", {}).items():
            if "const" not in child and "description" not in child:
                yield f"schema/{file}: {path}.properties.{name}: no description"


def objects_have_files_of_their_own(schema: Schema) -> Iterator[str]:
    for file, path, node in _all_nodes(schema):
        if path != "$" and (
            "properties" in node or (node.get("type") == "object" and "additionalProperties" not in node)
        ):
            yield f"schema/{file}: {path}: inline object; give it a file and a title"


def keywords_are_of_the_dialect(schema: Schema) -> Iterator[str]:
    for file, path, node in _all_nodes(schema):
        for keyword, advice in FORBIDDEN_KEYWORDS.items():
            if keyword in node:
                yield f"schema/{file}: {path}: {keyword} is not used here: {advice}"
        if node.get("format") == "byte":
            yield f"schema/{file}: {path}: format byte means base64; use format: binary"
        if node.get("additionalProperties") is False:
            yield f"schema/{file}: {path}: closed object; every receiver ignores what it does not know"


def values_have_a_type(schema: Schema) -> Iterator[str]:
    for file, path, node in _all_nodes(schema):
        for name, child in node.get("properties", {}).items():
            if not _has_type(child):
                yield (
                    f"schema/{file}: {path}.properties.{name}: needs a $ref, an anyOf, an enum of texts, "
                    "or one type; an array needs items"
                )


def optional_means_nullable(schema: Schema) -> Iterator[str]:
    for file, path, node in _all_nodes(schema):
        properties: dict[str, Node] = node.get("properties", {})
        required = set(node.get("required", []))
        yield from (
            f"schema/{file}: {path}: requires unknown property {n!r}"
            for n in sorted(required - properties.keys())
        )
        for name, child in properties.items():
            nullable = any(option.get("type") == "null" for option in child.get("anyOf", []))
            if nullable == (name in required):
                state = "required but nullable" if nullable else "optional but not nullable"
                yield f"schema/{file}: {path}.properties.{name}: {state}"


def unions_are_tagged(schema: Schema) -> Iterator[str]:
    for file, path, node in _all_nodes(schema):
        members = [(target(file, m["$ref"]), m) for m in node.get("oneOf", []) if "$ref" in m]
        if len(members) != len(node.get("oneOf", [])):
            yield f"schema/{file}: {path}: oneOf lists references only"
        objects = [name for name, _ in members if (resolve(schema, name) or {}).get("type") == "object"]
        if not objects:
            continue
        tag = node.get("discriminator", {}).get("propertyName")
        if tag is None:
            yield f"schema/{file}: {path}: a union of objects needs discriminator.propertyName"
            continue
        for name in objects:
            yield from _tag_problems(schema, name, tag)


def messages_carry_their_tag(schema: Schema) -> Iterator[str]:
    protocol = schema.protocol
    for row in schema.tagged():
        document = schema.documents.get(row.file, {})
        if "oneOf" not in document:
            yield from _tag_problems(schema, row.file, protocol.tag, row.type)
    for event in protocol.events:
        if event.file is not None:
            yield from _tag_problems(schema, event.file, protocol.event, event.event)


def events_are_members_of_their_message(schema: Schema) -> Iterator[str]:
    events = {row.file: row.event for row in schema.protocol.events if row.file}
    for message in schema.protocol.messages:
        if message.unknown is None:
            continue
        members = schema.documents.get(message.file, {}).get("oneOf", [])
        listed = {target(message.file, m["$ref"]) for m in members if "$ref" in m}
        for file in sorted(events.keys() - listed):
            yield f"schema/protocol.json: event {events[file]!r}: schema/{message.file} does not list {file}"
        for file in sorted(listed - events.keys()):
            yield f"schema/{message.file}: lists {file}, which is no event of protocol.json"


def events_carry_a_text(schema: Schema) -> Iterator[str]:
    for row in schema.protocol.events:
        if row.file is None:
            continue
        document = schema.documents.get(row.file, {})
        node: Node = document.get("properties", {}).get(EVENT_TEXT, {})
        if node.get("type") != "string" or EVENT_TEXT not in document.get("required", []):
            yield (
                f"schema/{row.file}: an event carries a text in a required {EVENT_TEXT!r}, which is what recv() gives "
                "and what clients read that do not know the event"
            )


def requests_fit_their_kind(schema: Schema) -> Iterator[str]:
    correlation = schema.protocol.correlation
    for row in schema.protocol.requests:
        properties: dict[str, Node] = schema.documents.get(row.file, {}).get("properties", {})
        answered = row.kind in ("call", "upload", "relay")
        if answered != (correlation in properties):
            yield f"schema/{row.file}: kind {row.kind} {'needs' if answered else 'has no'} {correlation}"
        result = schema.documents.get(row.result or "")
        if row.result and result and result.get("type") != "string" and not is_choice(schema, row.result):
            yield f"schema/{row.result}: a result is a text; describe JSON in it by contentSchema"
        roles = row.chunks.model_dump(exclude_none=True).values() if row.chunks else ()
        subject = (row.subject,) if row.subject else ()
        for name in (*row.arguments, *row.fields, *roles, *subject):
            if name not in properties:
                yield f"schema/protocol.json: {row.type} names {name!r}, which schema/{row.file} does not have"
        for name in row.fields:
            if name in schema.documents.get(row.file, {}).get("required", []):
                yield f"schema/protocol.json: {row.type}: field {name!r} of some families only must be optional"


def the_program_registry_answers_with_an_object(schema: Schema) -> Iterator[str]:
    file = schema.protocol.program_registry.file
    if file in schema.documents and "properties" not in schema.documents[file]:
        yield f"schema/{file}: a program registry answers with an object; describe its properties"


def a_limit_belongs_to_one_side(schema: Schema) -> Iterator[str]:
    both = schema.protocol.limits.keys() & schema.protocol.server.limits.keys()
    yield from (
        f"schema/protocol.json: limit {name!r} is in both limits and server.limits" for name in sorted(both)
    )


def rows_are_unique(schema: Schema) -> Iterator[str]:
    protocol = schema.protocol
    for table, names in (
        ("protocol.json: requests", [row.type for row in protocol.requests]),
        ("protocol.json: messages", [row.type for row in protocol.messages]),
        ("protocol.json: events", [row.event for row in protocol.events]),
        ("protocol.json: families", [row.name for row in protocol.families]),
        ("errors.json: texts", [row.id for row in schema.errors.texts]),
        ("errors.json: classes", [row.name for row in schema.errors.classes]),
    ):
        yield from (
            f"schema/{table}: {name!r} appears twice" for name, count in Counter(names).items() if count > 1
        )


def synonyms_mean_fields(schema: Schema) -> Iterator[str]:
    for file, names in schema.protocol.synonyms.items():
        properties = schema.documents.get(file, {}).get("properties", {})
        for synonym, name in names.items():
            if name not in properties or synonym in properties:
                yield f"schema/protocol.json: synonyms: {synonym!r} has to be a new name for a field of schema/{file}, not for {name!r}"


def families_exist(schema: Schema) -> Iterator[str]:
    known = {family.name for family in schema.protocol.families}
    rows: list[tuple[str, list[str]]] = []
    for row in schema.tagged():
        rows.append((f"protocol.json: {row.type}", row.families))
        rows += [(f"protocol.json: {row.type}.{name}", field.families) for name, field in row.fields.items()]
    rows += [(f"protocol.json: {row.type}.useless", row.useless) for row in schema.protocol.requests]
    rows += [(f"errors.json: {text.id}", text.families) for text in schema.errors.texts]
    for name, families in rows:
        yield from (f"schema/{name}: unknown family {family!r}" for family in families if family not in known)


def families_are_recognised_by_what_exists(schema: Schema) -> Iterator[str]:
    titles = {document.get("title") for _, document in schema.objects()}
    ids = {text.id for text in schema.errors.texts}
    for family in schema.protocol.families:
        yield from (
            f"schema/protocol.json: family {family.name}: no result {t!r}"
            for t in family.identified_by.results
            if t not in titles
        )
        yield from (
            f"schema/protocol.json: family {family.name}: no text {i!r}"
            for i in family.identified_by.refusals
            if i not in ids
        )


def texts_have_classes(schema: Schema) -> Iterator[str]:
    classes = {row.name for row in schema.errors.classes}
    used = {text.error_class for text in schema.errors.texts}
    for text in schema.errors.texts:
        if text.error_class is not None and text.error_class not in classes:
            yield f"schema/errors.json: {text.id}: unknown class {text.error_class!r}"
        try:
            names = placeholders(text)
        except ValueError as error:
            yield f"schema/errors.json: {text.id}: {error}"
            continue
        yield from (
            f"schema/errors.json: {text.id}: {{{name}}} is not a name"
            for name in names
            if not name.isidentifier()
        )
    yield from (f"schema/errors.json: class {name} has no text" for name in sorted(classes - used))


RULES: tuple[Callable[[Schema], Iterator[str]], ...] = (
    references_resolve,
    tables_name_files_that_exist,
    every_file_is_reached,
    titles_are_unique_type_names,
    everything_is_described,
    objects_have_files_of_their_own,
    keywords_are_of_the_dialect,
    values_have_a_type,
    optional_means_nullable,
    unions_are_tagged,
    messages_carry_their_tag,
    events_are_members_of_their_message,
    events_carry_a_text,
    requests_fit_their_kind,
    the_program_registry_answers_with_an_object,
    a_limit_belongs_to_one_side,
    rows_are_unique,
    synonyms_mean_fields,
    families_exist,
    families_are_recognised_by_what_exists,
    texts_have_classes,
)


def placeholders(text: ErrorText) -> list[str]:
    """Names of the parts of a text that vary, in order."""
    return [name for _, name, _, _ in string.Formatter().parse(text.text) if name is not None]


def _has_type(node: Node) -> bool:
    """Whether a value can be annotated in Python."""
    if "$ref" in node or "const" in node:
        return True
    if "enum" in node:
        return all(isinstance(value, str) for value in node["enum"])
    if "anyOf" in node:
        return all(_has_type(option) for option in node["anyOf"])
    match node.get("type"):
        case "array":
            return isinstance(node.get("items"), dict) and _has_type(node["items"])
        case "object":
            values = node.get("additionalProperties", False)  # an inline object is reported as that
            return values is False or (isinstance(values, dict) and _has_type(cast("Node", values)))
        case kind:
            return isinstance(kind, str)


def _named_files(schema: Schema) -> list[str]:
    protocol = schema.protocol
    files: list[str | None] = [*protocol.objects, protocol.program_registry.file, *protocol.mcp.envelope]
    files += [method.params for method in protocol.mcp.methods.values()]
    for row in protocol.requests:
        files += [row.file, row.result]
    for message in protocol.messages:
        files += [message.file, message.unknown]
    for event in protocol.events:
        files += [event.file, event.assembled_from]
    return [file for file in files if file is not None]


def _all_nodes(schema: Schema) -> Iterator[tuple[str, str, Node]]:
    for file in sorted(schema.documents):
        for path, node in nodes(schema.documents[file]):
            yield file, path, node


def _tag_problems(schema: Schema, name: str, tag: str, expected: str | None = None) -> Iterator[str]:
    document = resolve(schema, name)
    if document is None:
        return
    value: Any = document.get("properties", {}).get(tag, {}).get("const")
    if not isinstance(value, str) or tag not in document.get("required", []):
        yield f"schema/{name}: needs a required property {tag!r} with a const"
        return
    if expected is not None and value != expected:
        yield f"schema/{name}: {tag} is {value!r}, protocol.json says {expected!r}"
    if PurePosixPath(name).stem != value:
        yield f"schema/{name}: the file of {tag} {value!r} is named {value}.json"
