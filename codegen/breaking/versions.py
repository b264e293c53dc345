"""The two versions of a schema that are compared, with definitions that belong together under one name."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar, cast

from codegen.breaking.rules import Change, Rule, Sender, change
from codegen.schema import SCALARS, Node, Schema, nodes, target

ANNOTATIONS = {
    *(
        "$schema",
        "$id",
        "$comment",
        "title",
        "description",
        "examples",
        "deprecated",
        "readOnly",
        "writeOnly",
    ),
    "secret",
}
"""Keywords that say nothing about values."""

T = TypeVar("T")


@dataclass(frozen=True)
class Versions:
    """Two versions of a schema in a form in which equal things are equal."""

    base: Schema
    new: Schema
    names: dict[str, str]
    """Files and scalars of the base, with their names in the new schema. Those that are gone keep theirs."""
    old: dict[str, Node]
    """Definitions of the base, by these names."""
    now: dict[str, Node]
    """Definitions of the new schema."""
    senders: dict[str, Sender]
    """Who sends a definition's values, in either version."""

    def rows(self, table: str, key: str) -> list[tuple[Node | None, Node | None]]:
        """Return the rows of a table of protocol.json that belong together."""
        return _rows(self.base, self.new, table, key)


def versions(base: Schema, new: Schema) -> Versions:
    """Find what belongs together in two versions of a schema."""
    before, now = _definitions(base), _definitions(new)
    names = _names(base, new, before, now)
    old = {names[name]: _renamed(node, names) for name, node in before.items()}
    senders = {names[name]: sender for name, sender in _senders(base, before).items()}
    for name, sender in _senders(new, now).items():
        senders[name] = senders.get(name, Sender.NONE) | sender
    return Versions(base, new, names, old, now, senders)


def matched(
    old: Sequence[T], new: Sequence[T], key: str, is_same: Callable[[T, T], bool]
) -> list[tuple[T | None, T | None]]:
    """Pair the rows of two tables: by their key, then those that are the same under another key."""

    def name(row: T) -> str:
        return str(cast("Node", row)[key])

    before, after = {name(row) for row in old}, {name(row): row for row in new}
    added = [row for row in new if name(row) not in before]
    found: list[tuple[T | None, T | None]] = []
    for row in old:
        twin = after.get(name(row))
        if twin is None:
            twin = next((each for each in added if is_same(row, each)), None)
            added = [each for each in added if each is not twin]
        found.append((row, twin))
    return [*found, *((None, row) for row in added)]


def aligned(path: str, old: Node, new: Node) -> tuple[Node, Node, list[Change]]:
    """Return two rows with the same columns, and the facts for which only one version of the schema has a column."""
    found = [
        *(change(Rule.FACT_ADDED, f"{path}/{name}", words(new[name])) for name in _filled(new, old)),
        *(
            change(Rule.FACT_CHANGED, f"{path}/{name}", f"{words(old[name])} is gone")
            for name in _filled(old, new)
        ),
    ]
    return {**new, **old}, {**old, **new}, found


def _filled(row: Node, other: Node) -> list[str]:
    return [name for name, value in row.items() if name not in other and value]


def words(value: object) -> str:
    """Return a value as messages show it."""
    match value:
        case None:
            return "none"
        case bool():
            return "true" if value else "false"
        case list():
            return ", ".join(map(words, cast("list[object]", value))) or "none"
        case dict():
            return ", ".join(f"{key}: {words(each)}" for key, each in cast("Node", value).items()) or "none"
        case _:
            return str(value)


def _normal(file: str, node: Node) -> Node:
    """Return a schema without annotations, whose references are names of definitions."""
    found: Node = {}
    for key, value in node.items():
        if key == "$ref":
            found[key] = target(file, value)
        elif key == "properties":
            found[key] = {name: _normal(file, each) for name, each in value.items()}
        elif key in {"anyOf", "oneOf"}:
            found[key] = [_normal(file, each) for each in value]
        elif key in {"items", "additionalProperties", "contentSchema"} and isinstance(value, dict):
            found[key] = _normal(file, cast("Node", value))
        elif key not in ANNOTATIONS:
            found[key] = value
    return found


def _definitions(schema: Schema) -> dict[str, Node]:
    scalars = {SCALARS + name: _normal("types.json", node) for name, node in schema.scalars.items()}
    return scalars | {file: _normal(file, document) for file, document in schema.objects()}


def _renamed(node: Node, names: dict[str, str]) -> Node:
    """Return a schema whose references have the names of the new version."""

    def rename(value: object) -> object:
        match value:
            case {"$ref": str(name)}:
                return {**cast("Node", value), "$ref": names.get(name, name)}
            case dict():
                return {key: rename(each) for key, each in cast("Node", value).items()}
            case list():
                return [rename(each) for each in cast("list[object]", value)]
            case _:
                return value

    return cast("Node", rename(node))


def _names(base: Schema, new: Schema, old: dict[str, Node], now: dict[str, Node]) -> dict[str, str]:
    """Return the name of each definition of the base in the new version: the same, that of its row, title or content."""
    names = {name: name for name in old if name in now}
    added = [name for name in now if name not in old]

    def pair(name: str | None, twin: str | None) -> None:
        if name in old and name not in names and twin in added:
            names[str(name)] = str(twin)
            added.remove(str(twin))

    for table, key in (("requests", "type"), ("messages", "type"), ("events", "event")):
        for before, after in _rows(base, new, table, key):
            for column in ("schema", "result", "unknown") if before and after else ():
                pair((before or {}).get(column), (after or {}).get(column))
    for name in [name for name in old if name not in names]:
        pair(name, next((twin for twin in added if base.title(name) == new.title(twin)), None))
    for name in [name for name in old if name not in names]:
        pair(name, next((twin for twin in added if old[name] == now[twin]), None))
    return {name: names.get(name, name) for name in old}


def _rows(base: Schema, new: Schema, table: str, key: str) -> list[tuple[Node | None, Node | None]]:
    """Return the rows of two tables that belong together: with the same tag, or the same in all but the tag."""

    def is_same(old: Node, now: Node) -> bool:
        return _likeness(base, old, key) == _likeness(new, now, key)

    return matched(base.protocol[table], new.protocol[table], key, is_same)


def _likeness(schema: Schema, row: Node, key: str) -> object:
    """Return what two rows have in common if one is the other under a new tag: everything but tags and files."""
    if key in {"event", "name"}:
        return row["class" if key == "event" else key]  # a family has no other name
    files = {"schema", "result", "unknown"}
    rest = {name: value for name, value in row.items() if name not in files | {key}}
    document = _normal(row["schema"], schema.documents[row["schema"]])
    fields = {name: node for name, node in document.get("properties", {}).items() if "const" not in node}
    others = {name: value for name, value in document.items() if name != "properties"}
    return rest, fields, others


def _senders(schema: Schema, definitions: dict[str, Node]) -> dict[str, Sender]:
    """Return who sends the values of each definition, itself or in those of others."""
    found = dict.fromkeys(definitions, Sender.NONE)
    for root, sender in _roots(schema):
        queue = [root] if root and root in found else []
        while queue:
            name = queue.pop()
            if name in found and sender not in found[name]:
                found[name] |= sender
                queue += [each["$ref"] for _, each in nodes(definitions[name]) if "$ref" in each]
    return found


def _roots(schema: Schema) -> Iterator[tuple[str | None, Sender]]:
    protocol = schema.protocol
    for row in protocol["requests"]:
        yield row["schema"], Sender.CLIENT
        yield row.get("result"), Sender.SERVER
    for row in (*protocol["messages"], *protocol["events"]):
        yield row.get("schema"), Sender.SERVER
        yield row.get("unknown"), Sender.SERVER
    yield protocol.get("program_registry", {}).get("schema"), Sender.SERVER
    # The other end of MCP is a server that the user chooses; objects are read and written by both.
    mcp = protocol.get("mcp", {})
    methods = [method.get("params") for method in mcp.get("methods", {}).values()]
    for name in (*protocol.get("objects", ()), *mcp.get("envelope", ()), *methods):
        yield name, Sender.BOTH
