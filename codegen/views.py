"""What the templates print: plain values, already in Python's words, so that a template needs no logic."""

import keyword
import re
import textwrap
from dataclasses import dataclass
from typing import cast

from codegen.bundle import PYTHON_TYPES, is_choice, is_text
from codegen.lint import placeholders
from codegen.refs import resolve, target, title
from codegen.schema import TYPES, ErrorText, Node, RequestRow, Schema, TaggedRow

BUILTIN_OF_CATEGORY = {
    "permission": "PermissionError",
    "argument": "ValueError",
    "lookup": "LookupError",
    "state": None,
}
BASE_OF_SCOPE = {"request": "RefusedError", "process": "ProcessError", "connection": "ServerError"}
RESERVED = {"self", "timeout", "models", "methods"}
"""Names that every call uses itself."""
RESERVED_IN_CHUNKED = RESERVED | {"content", "chunk"}

Renamed = dict[str, dict[str, str]]
"""Per class, the fields whose Python name differs from the wire's."""

PUBLIC_OBJECTS = ("results", "manifest")
"""Folders of objects that users meet as values; the others are messages, for those who work with the protocol itself."""
DEPTH = 3
"""How deep the reference shows lists of objects, which may hold lists of themselves."""
SCALARS = {"string": "str", "boolean": "bool", "integer": "int", "number": "float", "null": "None"}


@dataclass(frozen=True)
class Choice:
    """One of the texts that a result may be."""

    name: str
    doc: str
    const: str | None
    pattern: str | None


@dataclass(frozen=True)
class Result:
    """What a call gives."""

    name: str
    doc: str
    kind: str  # text, json or choice
    annotation: str
    decoder: str
    choices: tuple[Choice, ...] = ()


@dataclass(frozen=True)
class Parameter:
    """A keyword argument of a call."""

    name: str
    field: str
    annotation: str
    default: str | None
    doc: str
    once: bool
    """Only the first chunk carries it."""


@dataclass(frozen=True)
class Request:
    """A request, as a descriptor and as a call."""

    tag: str
    constant: str
    model: str
    kind: str
    families: tuple[str, ...]
    since: str
    subject: str | None
    opens_session: bool
    useless: tuple[str, ...]
    instead: str
    fields: tuple[tuple[str, tuple[str, ...]], ...]
    parameters: tuple[Parameter, ...]
    result: Result | None
    chunks: dict[str, str]
    correlated: bool
    doc: str
    families_doc: str
    file: str


@dataclass(frozen=True)
class Message:
    """A server message."""

    tag: str
    model: str
    text: bool
    discriminator: str | None
    members: tuple[tuple[str, str], ...]
    unknown: str | None
    unknown_fields: tuple[tuple[str, str], ...]
    families: tuple[str, ...]
    fields: tuple[tuple[str, tuple[str, ...]], ...]
    doc: str
    file: str


@dataclass(frozen=True)
class Field:
    """A field of an object that is answered as JSON, with the path that leads to it."""

    name: str
    doc: str


@dataclass(frozen=True)
class Trait:
    """Something that server families say of themselves."""

    name: str
    annotation: str
    doc: str


@dataclass(frozen=True)
class Family:
    """A server family; its traits are by their names, as literals and in words."""

    name: str
    title: str
    path: object
    identity_header: object
    traits: dict[str, str]
    in_words: dict[str, str]


@dataclass(frozen=True)
class Event:
    """A kind of process event."""

    member: str
    class_name: str
    value: str
    model: str | None
    terminal: bool
    fields: tuple[tuple[str, str], ...]
    doc: str


@dataclass(frozen=True)
class Text:
    """A text of the server: a constant, or a function of the parts that vary."""

    name: str
    text: str
    parameters: tuple[str, ...]
    pattern: str
    literal: bool
    error_class: str | None
    advice: str | None
    code: int | None
    families: tuple[str, ...]
    sent_by: tuple[str, ...]
    doc: str


@dataclass(frozen=True)
class ErrorClass:
    """An error class."""

    name: str
    bases: str
    doc: str
    advice: str
    scope: str


def envelope_members(schema: Schema) -> list[str]:
    """Names of the members of JSON-RPC messages, in the order in which the schema first has them."""
    found = (name for file in schema.protocol.mcp.envelope for name in schema.documents[file]["properties"])
    return list(dict.fromkeys(map(str, found)))


def requests(schema: Schema, renamed: Renamed) -> list[Request]:
    return [_request(schema, row, renamed) for row in schema.protocol.requests]


def results(schema: Schema) -> list[Result]:
    files = dict.fromkeys(row.result for row in schema.protocol.requests if row.result)
    return [_result(schema, file) for file in files]


def messages(schema: Schema, renamed: Renamed) -> list[Message]:
    found: list[Message] = []
    for row in schema.protocol.messages:
        document = schema.documents[row.file]
        discriminator = document.get("discriminator", {}).get("propertyName")
        members: list[tuple[str, str]] = []
        for member in document.get("oneOf", []):
            node = cast("Node", resolve(schema, target(row.file, member["$ref"])))
            members.append((node["properties"][discriminator]["const"], node["title"]))
        found.append(
            Message(
                tag=row.type,
                model=document["title"],
                text=row.frame == "text",
                discriminator=discriminator,
                members=tuple(members),
                unknown=title(schema, row.unknown) if row.unknown else None,
                unknown_fields=event_fields(schema, row.unknown, renamed) if row.unknown else (),
                families=tuple(row.families),
                fields=_fields(row, renamed.get(str(document["title"]), {})),
                doc=document["description"],
                file=row.file,
            )
        )
    return found


def events(schema: Schema, renamed: Renamed) -> list[Event]:
    found: list[Event] = []
    for row in schema.protocol.events:
        document = schema.documents[row.file or row.assembled_from or ""]
        model = str(document["title"]) if row.file else None
        found.append(
            Event(
                row.name,
                row.class_name,
                row.event,
                model,
                row.terminal,
                event_fields(schema, row.file, renamed) if row.file else (),
                document["description"],
            )
        )
    return found


def event_fields(schema: Schema, file: str, renamed: Renamed) -> tuple[tuple[str, str], ...]:
    """Give (name, type) of what an event carries besides its tags and its process."""
    document = schema.documents[file]
    python = renamed.get(str(document["title"]), {})
    properties: dict[str, Node] = document["properties"]
    return tuple(
        (python.get(name, name), _annotation(schema, file, node))
        for name, node in properties.items()
        if "const" not in node and name != schema.protocol.process
    )


def fields_in_depth(schema: Schema, file: str, path: str = "") -> list[Field]:
    """Give the fields of an object, and below each list of objects theirs."""
    found: list[Field] = []
    for name, node in cast("dict[str, Node]", schema.documents[file]["properties"]).items():
        found.append(Field(f"{path}{name}", node["description"]))
        inner = target(file, node["items"]["$ref"]) if "$ref" in node.get("items", {}) else TYPES
        if "properties" in schema.documents.get(inner, {}) and path.count("[]") < DEPTH:
            found += fields_in_depth(schema, inner, f"{path}{name}[].")
    return found


def texts(schema: Schema) -> list[Text]:
    return [_text(text) for text in schema.errors.texts]


def confirmations(schema: Schema) -> list[tuple[str, str, str]]:
    """Return (constant, text, meaning) of each text that servers send on success."""
    found = [
        (f"OK_{row.type.upper()}", row.confirmation, f"Confirms {row.type}.")
        for row in schema.protocol.requests
        if row.confirmation
    ]
    for _, document in schema.objects():
        if "const" in document:
            found.append((f"OK_{_constant(document['title'])}", document["const"], document["description"]))
    return found


def public_names(schema: Schema) -> list[tuple[str, str]]:
    """Give (name, module) of what users import from the top of the package, sorted."""
    found = [("Event", "events"), ("UnknownEvent", "events"), ("Family", "families"), ("McpTransport", "mcp")]
    found += [(row.class_name, "events") for row in schema.protocol.events if row.file]
    found += [(error.name, "refusals") for error in schema.errors.classes]
    for file, document in schema.objects():
        if document.get("type") == "object" and file.split("/")[0] in PUBLIC_OBJECTS:
            found.append((str(document["title"]), "models"))
    return sorted(found)


def error_classes(schema: Schema) -> list[ErrorClass]:
    found: list[ErrorClass] = []
    for row in schema.errors.classes:
        builtin = BUILTIN_OF_CATEGORY[row.category]
        bases = f"errors.{BASE_OF_SCOPE[row.scope]}" + (f", {builtin}" if builtin else "")
        found.append(ErrorClass(row.name, bases, row.description, row.advice, row.scope))
    return found


def traits(schema: Schema, described: dict[str, Node]) -> list[Trait]:
    required = {
        name for name in described if all(f.trait(name) is not None for f in schema.protocol.families)
    }
    found: list[Trait] = []
    for name, node in described.items():
        annotation = "tuple[str, ...]" if node["type"] == "array" else SCALARS[node["type"]]
        found.append(
            Trait(name, annotation if name in required else f"{annotation} | None", node["description"])
        )
    return found


def families(schema: Schema) -> list[Family]:
    found: list[Family] = []
    described = {**schema.family_traits, **schema.server_traits}
    for row in schema.protocol.families:
        values = {name: row.trait(name) for name in described}
        literals = {
            name: repr(tuple(cast("list[str]", v)) if isinstance(v, list) else v)
            for name, v in values.items()
        }
        found.append(
            Family(
                row.name,
                row.title,
                row.trait("path"),
                row.trait("identity_header"),
                literals,
                {name: _in_words(value) for name, value in values.items()},
            )
        )
    return found


def _in_words(value: object) -> str:
    match value:
        case None:
            return "none"
        case bool():
            return "yes" if value else "no"
        case int():
            return f"{value:,}"
        case list():
            return ", ".join(map(str, cast("list[str]", value)))
        case _:
            return f"`{value}`"


def recognised_results(schema: Schema) -> list[tuple[str, str]]:
    return [
        (name, family.name) for family in schema.protocol.families for name in family.identified_by.results
    ]


def recognised_texts(schema: Schema) -> list[tuple[Text, str]]:
    by_id = {text.id: text for text in schema.errors.texts}
    return [
        (_text(by_id[i]), family.name)
        for family in schema.protocol.families
        for i in family.identified_by.refusals
    ]


def _request(schema: Schema, row: RequestRow, renamed: Renamed) -> Request:
    document = schema.documents[row.file]
    model = str(document["title"])
    python = renamed.get(model, {})
    titles = {family.name: family.title for family in schema.protocol.families}
    known = " and ".join(titles[name] for name in row.families)
    return Request(
        tag=row.type,
        constant=row.type.upper(),
        model=model,
        kind=row.kind,
        families=tuple(row.families),
        since=row.since,
        subject=python.get(row.subject, row.subject) if row.subject else None,
        opens_session=row.opens_session,
        useless=tuple(row.useless),
        instead=row.instead,
        fields=_fields(row, python),
        parameters=tuple(_parameters(schema, row, python)),
        result=_result(schema, row.result) if row.result else _confirmation(row),
        chunks={r: python.get(str(n), str(n)) for r, n in row.chunks.roles.items()} if row.chunks else {},
        correlated=schema.protocol.correlation in document["properties"],
        doc=document["description"],
        families_doc=f"{known}, since release {row.since}.",
        file=row.file,
    )


def _fields(row: TaggedRow, python: dict[str, str]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return tuple((python.get(name, name), tuple(field.families)) for name, field in row.fields.items())


def _argument_name(name: str, field: str, reserved: set[str]) -> str:
    """Give the name on the wire where Python can use it in a call, else one that is close to it."""
    if not name.isidentifier() or keyword.iskeyword(name):
        return field
    return f"{name}_" if name in reserved else name


def _parameters(schema: Schema, row: RequestRow, python: dict[str, str]) -> list[Parameter]:
    document = schema.documents[row.file]
    reserved = RESERVED_IN_CHUNKED if row.chunks else RESERVED
    hidden = {schema.protocol.tag}
    if row.kind != "relay":
        hidden.add(schema.protocol.correlation)
    if row.chunks is not None:
        hidden |= set(row.chunks.roles.values())
    found: list[Parameter] = []
    for name, node in document["properties"].items():
        if name in hidden or "const" in node:
            continue
        field = python.get(str(name), str(name))
        default: str | None = None
        if name in row.arguments:
            default = repr(row.arguments[name].default)
        elif name not in document["required"]:
            default = "None"
        doc = node["description"]
        if name in row.fields:
            doc += f" Known to {' and '.join(row.fields[name].families)} servers only."
        found.append(
            Parameter(
                _argument_name(str(name), field, reserved),
                field,
                _annotation(schema, row.file, node),
                default,
                doc,
                row.chunks is not None and row.chunks.once == name,
            )
        )
    return found


def _annotation(schema: Schema, file: str, node: Node) -> str:
    if "$ref" in node:
        name = title(schema, target(file, node["$ref"]))
        return PYTHON_TYPES.get(name, f"models.{name}")
    if "anyOf" in node:
        return " | ".join(_annotation(schema, file, option) for option in node["anyOf"])
    if "enum" in node:
        return f"Literal[{', '.join(map(repr, node['enum']))}]"
    if node.get("type") == "array":
        return f"list[{_annotation(schema, file, node['items'])}]"
    if node.get("type") == "object":
        return f"dict[str, {_annotation(schema, file, node['additionalProperties'])}]"
    return SCALARS[node["type"]]


def _result(schema: Schema, file: str) -> Result:
    document = schema.documents[file]
    name = str(document["title"])
    decoder = f"decode_{_constant(name).lower()}"
    if is_choice(schema, file):
        choices = tuple(_choice(schema, target(file, member["$ref"])) for member in document["oneOf"])
        return Result(name, document["description"], "choice", f"results.{name}", decoder, choices)
    if is_text(document):
        return Result(name, document["description"], "text", "str", "decode_text")
    return Result(name, document["description"], "json", f"models.{name}", decoder)


def _confirmation(row: RequestRow) -> Result | None:
    """Return the result of a call whose reply carries no information."""
    if row.confirmation is None:
        return None
    return Result("", f'The server\'s confirmation, "{row.confirmation}".', "text", "str", "decode_text")


def _choice(schema: Schema, file: str) -> Choice:
    document = schema.documents[file]
    pattern = document.get("pattern")
    if pattern is not None:
        pattern = str(pattern).removeprefix("^").removesuffix("$")
    return Choice(document["title"], document["description"], document.get("const"), pattern)


def _text(row: ErrorText) -> Text:
    names = placeholders(row)
    pattern = re.escape(row.text)
    for name in names:
        pattern = pattern.replace(re.escape(f"{{{name}}}"), "(.*)")
    return Text(
        name=row.id,
        text=row.text,
        parameters=tuple(names),
        pattern=pattern,
        literal=not names,
        error_class=row.error_class,
        advice=row.advice,
        code=row.code,
        families=tuple(row.families),
        sent_by=tuple(row.sent_by),
        doc="Sent in answers to relayed MCP calls."
        if row.scope == "relay"
        else f"Sent by {' and '.join(row.families)} servers.",
    )


def _constant(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).upper()


def wrapped(text: str, width: int, indent: int) -> str:
    """Fill each paragraph of a docstring, every line but the first indented."""
    paragraphs = [
        textwrap.fill(part, width - indent, break_long_words=False, break_on_hyphens=False)
        for part in text.split("\n\n")
    ]
    return textwrap.indent("\n\n".join(paragraphs), " " * indent).lstrip(" ")
