"""Compare the sections of protocol.json that no other module compares: value by value, under a rule for each section."""

from collections.abc import Iterator
from typing import cast

from codegen.breaking.rules import Change, Rule, change
from codegen.breaking.versions import Versions, words
from codegen.schema import PROTOCOL, Node

ELSEWHERE = {"requests", "messages", "events", "families", "limits"}
"""Sections that are compared on their own."""
PROSE = {"$schema", "id", "title", "description", "version", "license", "instead", "since"}
"""Keys whose values are read by people, or name the version."""
CHANGED = {
    **dict.fromkeys(
        ("tag", "correlation", "reply", "process", "event", "event_text"), Rule.WIRE_NAME_CHANGED
    ),
    "scalars": Rule.EXPORTS_CHANGED,
    "public": Rule.EXPORTS_CHANGED,
    "objects": Rule.EXPORTS_CHANGED,
    "defaults": Rule.USER_CHANGED,
    "synonyms": Rule.SYNONYM_REMOVED,
    "scripts": Rule.SCRIPT_CHANGED,
    "server": Rule.SERVER_FACT_CHANGED,
    "program_registry": Rule.REGISTRY_CHANGED,
    "connection": Rule.CONNECTION_CHANGED,
    "behaviour": Rule.BEHAVIOUR_CHANGED,
    "signatures": Rule.SIGNATURE_CHANGED,
    "mcp": Rule.MCP_CHANGED,
}
"""The rule for each section. Another section has the rule that no other applies."""


def changes(versions: Versions) -> Iterator[Change]:
    """Iterate over the changes of facts. A fact that was not stated before may have been so all along."""
    base, new = versions.base.protocol, versions.new.protocol
    facts, others = _facts(base, versions.names), _facts(new, {})
    paths = [_joined(path, others, new) for path in facts] + [_joined(path, facts, base) for path in others]
    for path in dict.fromkeys(paths):
        before, after = _below(path, facts), _below(path, others)
        if before == after:
            continue
        message = f"{words(before)} → {words(after)}"
        if before is None or after is None:
            message = words(after) if before is None else f"{words(before)} is gone"
        yield change(_rule(path, before, after), f"{PROTOCOL}#/{path}", message)


def _rule(path: str, before: object, after: object) -> Rule:
    section, _, key = path.partition("/")
    is_key = section == "signatures" and key and "/" not in key
    if before is None:
        added = {"synonyms": Rule.SYNONYM_ADDED, "signatures": Rule.SIGNATURE_ADDED if is_key else None}
        return added.get(section) or Rule.FACT_ADDED
    if after is None and is_key:
        return Rule.SIGNATURE_REMOVED
    return CHANGED.get(section, Rule.FACT_CHANGED)


def _joined(path: str, others: Node, sections: Node) -> str:
    """Return the path of the largest object around a fact of which the other version has nothing."""
    keys = path.split("/")
    for size in range(1 + (keys[0] in sections), len(keys)):
        part = "/".join(keys[:size])
        if not any(other == part or other.startswith(f"{part}/") for other in others):
            return part
    return path


def _below(path: str, facts: Node) -> object:
    """Return a fact, or those of an object together."""
    if path in facts:
        return facts[path]
    found = {
        other.removeprefix(f"{path}/"): value
        for other, value in facts.items()
        if other.startswith(f"{path}/")
    }
    return found or None


def _facts(protocol: Node, names: dict[str, str]) -> Node:
    """Return the facts of all sections that are not compared elsewhere, by their paths, with new names of files."""
    return {
        path: value
        for section, each in protocol.items()
        if section not in ELSEWHERE | PROSE
        for path, value in _flat(section, each, names)
    }


def _flat(path: str, value: object, names: dict[str, str]) -> Iterator[tuple[str, object]]:
    if (
        isinstance(value, list)
        and value
        and all(isinstance(each, dict) for each in cast("list[object]", value))
    ):
        value = {str(next(iter(each.values()))): each for each in cast("list[Node]", value)}
    if path == "mcp/transports":
        yield path, list(cast("Node", value))  # each with its description
    elif isinstance(value, dict):
        for key, each in cast("Node", value).items():
            if key not in PROSE:
                yield from _flat(f"{path}/{names.get(key, key).replace('/', '~1')}", each, names)
    elif isinstance(value, list):
        yield path, [names.get(str(each), each) for each in cast("list[object]", value)]
    elif value is not None:
        yield path, names.get(str(value), value)
