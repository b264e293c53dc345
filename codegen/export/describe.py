"""Describe the protocol without any language: what exports are written from.

A type says what a value is on the wire. Objects, unions, alternatives and scalars have names, which others refer to.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from codegen.schema import TYPES, Node, Schema, target

LIMITS = (
    *("exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength", "minItems", "maxItems"),
)
"""Keywords that restrict a value, beside those that types have as attributes."""
FACTS = ("tag", "correlation", "reply", "families", "connection", "behaviour", "signatures")
"""Keys of protocol.json whose values are facts that a client may need."""


@dataclass(frozen=True)
class Integer:
    """A whole number; the bounds tell its size."""

    minimum: int
    maximum: int
    limits: tuple[tuple[str, int], ...] = ()

    @property
    def bits(self) -> int:
        """Size of the smallest usual type that holds every value: 8, 16, 32 or 64."""
        needed = max(self.maximum.bit_length(), (self.minimum + 1).bit_length()) + (self.minimum < 0)
        return next(size for size in (8, 16, 32, 64) if needed <= size)

    @property
    def signed(self) -> bool:
        return self.minimum < 0


@dataclass(frozen=True)
class Number:
    """A number that may have a fraction."""

    limits: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True)
class Boolean:
    pass


@dataclass(frozen=True)
class Text:
    """A string."""

    values: tuple[str, ...] = ()
    """The only texts that are valid; empty for any."""
    pattern: str | None = None
    content: "Type | None" = None
    """Type of the JSON that the text is, for application/json."""
    limits: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class Bytes:
    """Raw bytes: bin in msgpack."""


@dataclass(frozen=True)
class Json:
    """Any JSON value, null included."""


@dataclass(frozen=True)
class Null:
    """Only null: one of the options of :class:`AnyOf`."""


@dataclass(frozen=True)
class Constant:
    """The text that tags an object."""

    value: str


@dataclass(frozen=True)
class List:
    items: "Type"
    limits: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class Map:
    """A map with any texts as keys."""

    values: "Type"


@dataclass(frozen=True)
class Reference:
    """A definition, by its name."""

    name: str


@dataclass(frozen=True)
class Nullable:
    type: "Type"


@dataclass(frozen=True)
class AnyOf:
    """One of several types that no tag tells apart."""

    options: "tuple[Type, ...]"


Type = (
    Integer
    | Number
    | Boolean
    | Text
    | Bytes
    | Json
    | Null
    | Constant
    | List
    | Map
    | Reference
    | Nullable
    | AnyOf
)


@dataclass(frozen=True)
class Field:
    """A property of an object. It is required and not nullable, or optional and nullable: absent and null mean the same."""

    name: str
    description: str
    type: Type
    """Its type when it has a value: never Nullable."""
    required: bool
    families: tuple[str, ...]
    """Server families that know the field; empty for all."""
    aliases: tuple[str, ...]
    """Further names under which servers send it."""
    has_default: bool = False
    default: object = None
    """What a call sends if its caller passes no value."""


@dataclass(frozen=True)
class Definition:
    name: str
    description: str
    file: str
    """File of the schema, relative to its folder."""


@dataclass(frozen=True)
class Scalar(Definition):
    """A name for a type."""

    type: Type

    @property
    def content(self) -> Type:
        """What it is for users: a result that is JSON is that JSON, a field with JSON is a text."""
        found = self.type
        if self.file != TYPES and isinstance(found, Text) and found.content:
            return found.content
        return found


@dataclass(frozen=True)
class Object(Definition):
    """A map with known keys. Receivers ignore others."""

    fields: tuple[Field, ...]
    """In the order of the schema, tags included."""

    @property
    def tags(self) -> dict[str, str]:
        """The fields whose text never varies."""
        return {field.name: field.type.value for field in self.fields if isinstance(field.type, Constant)}

    @property
    def values(self) -> tuple[Field, ...]:
        """The fields that are not tags."""
        return tuple(field for field in self.fields if not isinstance(field.type, Constant))


@dataclass(frozen=True)
class Union(Definition):
    """One of several objects, told apart by a tag."""

    tag: str
    members: tuple[tuple[str, str], ...]
    """Value of the tag, and name of the object."""
    unknown: str | None
    """Name of the object for other values of the tag; None if they are invalid."""


@dataclass(frozen=True)
class Alternatives(Definition):
    """One of several texts: the first of the scalars that the text conforms to."""

    members: tuple[str, ...]


@dataclass(frozen=True)
class Request:
    """A message of a client."""

    type: str
    kind: str
    """``call``: one reply. ``upload``: chunks, then one reply. ``notify``, ``transfer``, ``relay``: no reply."""
    families: tuple[str, ...]
    name: str
    """Name of its object."""
    description: str
    result: str | None
    """Name of what its reply carries; None if it has no reply, or one that says nothing."""
    confirmation: str | None
    """Text of a reply that says nothing; clients accept any."""
    row: Mapping[str, Any]
    """Its row of protocol.json, with every role."""


@dataclass(frozen=True)
class Message:
    """A message of a server."""

    type: str
    frame: str
    """``binary``: msgpack. ``text``: JSON."""
    families: tuple[str, ...]
    name: str
    """Name of its object or union."""
    description: str
    unknown: str | None
    """Name of the object for members of the union that the schema does not know."""


@dataclass(frozen=True)
class Event:
    """A kind of event of a process."""

    event: str
    name: str
    terminal: bool
    """Whether it is the last of its process."""
    object: str | None
    """Name of its object; None for what is assembled from messages of another type."""
    assembled_from: str | None
    """Name of the object of those messages."""
    description: str


@dataclass(frozen=True)
class ErrorClass:
    name: str
    scope: str
    category: str
    description: str
    advice: str


@dataclass(frozen=True)
class ErrorText:
    """A failure text; ``{name}`` in it stands for a part that varies."""

    id: str
    text: str
    error_class: str | None
    scope: str | None
    families: tuple[str, ...]


@dataclass(frozen=True)
class Limit:
    name: str
    value: int
    description: str


D = TypeVar("D", bound=Definition)


@dataclass(frozen=True)
class Protocol:
    """A protocol, as a schema folder describes it."""

    title: str
    version: str
    license: str
    id: str
    """URI of this version."""
    definitions: Mapping[str, Scalar | Object | Union | Alternatives]
    """By name, sorted."""
    requests: tuple[Request, ...]
    messages: tuple[Message, ...]
    events: tuple[Event, ...]
    classes: tuple[ErrorClass, ...]
    texts: tuple[ErrorText, ...]
    limits: tuple[Limit, ...]
    facts: Mapping[str, Any]
    """Further values of protocol.json, as they are there."""
    schema: Schema
    """The files themselves."""

    @property
    def rows(self) -> tuple[Request | Message, ...]:
        """The messages of both sides."""
        return (*self.requests, *self.messages)

    def of(self, kind: type[D]) -> list[D]:
        """Return the definitions of a kind."""
        return [each for each in self.definitions.values() if isinstance(each, kind)]

    def scalars(self, choice: Alternatives) -> list[Scalar]:
        """Return the scalars that a choice is between."""
        return [cast("Scalar", self.definitions[name]) for name in choice.members]


def describe(schema: Schema) -> Protocol:
    """Return what the files of a schema say, without any language."""
    protocol, errors = schema.protocol, schema.errors
    definitions = dict(sorted((each.name, each) for each in _definitions(schema)))
    return Protocol(
        title=protocol["title"],
        version=protocol["version"],
        license=protocol["license"],
        id=f"{protocol['id']}:{protocol['version']}",
        definitions=definitions,
        requests=tuple(_request(schema, row) for row in protocol["requests"]),
        messages=tuple(_message(schema, row) for row in protocol["messages"]),
        events=tuple(_event(schema, row) for row in protocol["events"]),
        classes=tuple(ErrorClass(**row) for row in errors["classes"]),
        texts=tuple(
            ErrorText(row["id"], row["text"], row["class"], row["scope"], tuple(row["families"]))
            for row in errors["texts"]
        ),
        limits=tuple(
            Limit(name, row["value"], row["description"]) for name, row in protocol["limits"].items()
        ),
        facts={key: schema.parsed["protocol.json"][key] for key in FACTS},
        schema=schema,
    )


def _definitions(schema: Schema) -> Iterator[Scalar | Object | Union | Alternatives]:
    for name, node in schema.scalars.items():
        found = Json() if name == schema.protocol["scalars"]["json"] else _type(schema, TYPES, node)
        yield Scalar(name, node["description"], TYPES, found)
    unknown = {row["schema"]: row["unknown"] for row in schema.protocol["messages"] if row["unknown"]}
    for file, node in schema.objects():
        name, description = node["title"], node["description"]
        if schema.is_choice(file):
            yield Alternatives(
                name, description, file, tuple(schema.title(each) for each, _ in schema.members(file))
            )
        elif "oneOf" in node:
            tag = node["discriminator"]["propertyName"]
            members = tuple(
                (member["properties"][tag]["const"], schema.title(each))
                for each, member in schema.members(file)
            )
            other = schema.title(unknown[file]) if file in unknown else None
            yield Union(name, description, file, tag, members, other)
        elif "properties" in node:
            yield Object(name, description, file, tuple(_fields(schema, file, node)))
        else:
            yield Scalar(name, description, file, _type(schema, file, node))


def _fields(schema: Schema, file: str, node: Node) -> Iterator[Field]:
    rows = [row for row in schema.tagged if row["schema"] == file]
    families: Node = rows[0]["fields"] if rows else {}
    defaults: Node = rows[0].get("defaults", {}) if rows else {}
    synonyms = schema.protocol["synonyms"].get(file, {})
    required = node.get("required", [])
    for name, child in node["properties"].items():
        found = _type(schema, file, child)
        yield Field(
            name,
            child.get("description", "Tag."),
            found.type if isinstance(found, Nullable) else found,
            name in required,
            tuple(families.get(name, ())),
            tuple(synonym for synonym, real in synonyms.items() if real == name),
            name in defaults,
            defaults.get(name),
        )


def _type(schema: Schema, file: str, node: Node) -> Type:
    match node:
        case {"$ref": ref}:
            return Reference(schema.title(target(file, ref)))
        case {"anyOf": options}:
            null: Node = {"type": "null"}
            found = tuple(_type(schema, file, option) for option in options if option != null)
            inner = found[0] if len(found) == 1 else AnyOf(found)
            return Nullable(inner) if null in options else inner
        case {"type": "array", "items": items}:
            return List(_type(schema, file, items), _limits(node))
        case {"type": "object"}:
            return Map(_type(schema, file, node.get("additionalProperties", {})))
        case {"type": "integer"}:
            return Integer(node["minimum"], node["maximum"], _limits(node))
        case {"type": "number"}:
            edges = tuple((key, node[key]) for key in ("minimum", "maximum") if key in node)
            return Number(edges + _limits(node))
        case {"type": "string"} | {"enum": _}:
            return _text(schema, file, node)
        case {"type": "boolean"}:
            return Boolean()
        case _:
            return Null() if node.get("type") == "null" else Json()


def _text(schema: Schema, file: str, node: Node) -> Type:
    if node.get("format") == "binary":
        return Bytes()
    if "const" in node and "title" not in node:
        return Constant(node["const"])
    content = node.get("contentSchema")
    return Text(
        (node["const"],) if "const" in node else tuple(node.get("enum", ())),
        node.get("pattern"),
        _type(schema, file, content) if content else None,
        _limits(node),
    )


def _limits(node: Node) -> tuple[tuple[str, Any], ...]:
    return tuple((key, node[key]) for key in LIMITS if key in node)


def _request(schema: Schema, row: Node) -> Request:
    return Request(
        row["type"],
        row["kind"],
        tuple(row["families"]),
        schema.title(row["schema"]),
        schema.documents[row["schema"]]["description"],
        schema.title(row["result"]) if row["result"] else None,
        row["confirmation"],
        row,
    )


def _message(schema: Schema, row: Node) -> Message:
    unknown = schema.title(row["unknown"]) if row["unknown"] else None
    description: str = schema.documents[row["schema"]]["description"]
    return Message(
        row["type"], row["frame"], tuple(row["families"]), schema.title(row["schema"]), description, unknown
    )


def _event(schema: Schema, row: Node) -> Event:
    source = cast("str", row["schema"] or row["assembled_from"])
    return Event(
        row["event"],
        row["name"],
        row["terminal"],
        schema.title(row["schema"]) if row["schema"] else None,
        schema.title(row["assembled_from"]) if row["assembled_from"] else None,
        schema.documents[source]["description"],
    )
