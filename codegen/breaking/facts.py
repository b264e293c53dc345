"""Compare the rest of protocol.json: facts by their paths, under a rule for each section."""

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
    names = versions.names
    old, new = _facts(versions.base.protocol, names), _facts(versions.new.protocol, {})
    signatures = {path.split("/")[1] for path in new if path.startswith("signatures/")}
    known = {path.split("/")[1] for path in old if path.startswith("signatures/")} or signatures
    for key in sorted(signatures ^ known):
        rule = Rule.SIGNATURE_ADDED if key in signatures else Rule.SIGNATURE_REMOVED
        yield change(
            rule, f"{PROTOCOL}#/signatures/{key}", f"{key} is {'new' if key in signatures else 'gone'}"
        )
    for path in dict.fromkeys((*old, *new)):
        section, key = path.split("/")[0], path.partition("/")[2].partition("/")[0]
        if section == "signatures" and key in signatures ^ known:
            continue
        where = f"{PROTOCOL}#/{path}"
        before, after = old.get(path), new.get(path)
        if path not in old:
            rule = Rule.SYNONYM_ADDED if section == "synonyms" else Rule.FACT_ADDED
            yield change(rule, where, words(after))
        elif before != after:
            message = f"{words(before)} → {words(after)}" if path in new else f"{words(before)} is gone"
            yield change(CHANGED.get(section, Rule.FACT_CHANGED), where, message)


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
                yield from _flat(f"{path}/{names.get(key, key)}", each, names)
    elif isinstance(value, list):
        yield path, [names.get(str(each), each) for each in cast("list[object]", value)]
    elif value is not None:
        yield path, names.get(str(value), value)
