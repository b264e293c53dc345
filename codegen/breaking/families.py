"""Compare the server families and the limits."""

from collections.abc import Iterator

from codegen.breaking.rules import Change, Rule, change
from codegen.breaking.versions import Versions, words
from codegen.schema import PROTOCOL, Node

RULES = {
    "path": Rule.FAMILY_PATH_CHANGED,
    "identity_header": Rule.FAMILY_HEADER_CHANGED,
    "identified_by": Rule.FAMILY_RECOGNITION_CHANGED,
    "title": Rule.FAMILY_DESCRIPTION_CHANGED,
    "releases": Rule.FAMILY_DESCRIPTION_CHANGED,
}
"""Traits with a rule of their own."""


def families(versions: Versions) -> Iterator[Change]:
    """Iterate over the changes of the server families."""
    rows = versions.rows("families", "name")
    for old, new in rows:
        name = (old or new or {})["name"]
        path = f"{PROTOCOL}#/families/{name}"
        if old and new:
            yield from _family(path, _traits(old), _traits(new))
        elif old:
            yield change(Rule.FAMILY_REMOVED, path, f"{name} is gone")
        else:
            yield change(Rule.FAMILY_ADDED, path, f"{name} is new")
    kept = {new["name"] for old, new in rows if old and new}
    orders = [
        [row["name"] for row in version.protocol["families"] if row["name"] in kept]
        for version in (versions.base, versions.new)
    ]
    if orders[0] != orders[1]:
        message = f"{words(orders[0])} → {words(orders[1])}"
        yield change(Rule.FAMILY_DESCRIPTION_CHANGED, f"{PROTOCOL}#/families", message)


def _traits(family: Node) -> Node:
    """Return the traits of a family and of its servers by one name, also if one moved between the two."""
    found = {**family, **family.get("server", {})}
    return {key: value for key, value in found.items() if key not in {"name", "server"}}


def _family(path: str, old: Node, new: Node) -> Iterator[Change]:
    for name in dict.fromkeys((*old, *new)):
        before, after = old.get(name), new.get(name)
        if before == after:
            continue
        if name not in old:
            yield change(Rule.FACT_ADDED, f"{path}/{name}", words(after))
            continue
        rule = RULES.get(name, Rule.FAMILY_TRAIT_CHANGED)
        if name.endswith("_bytes"):
            raised = after is None or (before is not None and after > before)
            rule = Rule.FAMILY_LIMIT_RAISED if raised else Rule.FAMILY_LIMIT_LOWERED
        yield change(rule, f"{path}/{name}", f"{words(before)} → {words(after)}")


def limits(versions: Versions) -> Iterator[Change]:
    """Iterate over the changes of the limits that clients keep; ``smallest`` says that smaller values are refused."""
    old, new = versions.base.protocol.get("limits", {}), versions.new.protocol.get("limits", {})
    for name in dict.fromkeys((*old, *new)):
        path = f"{PROTOCOL}#/limits/{name}"
        if name not in old:
            yield change(Rule.LIMIT_ADDED, path, words(new[name]["value"]))
        elif name not in new:
            yield change(Rule.LIMIT_REMOVED, path, f"{name} is gone")
        elif bool(old[name].get("smallest")) != bool(new[name].get("smallest")):
            state = "the smallest value now" if new[name].get("smallest") else "no smallest value any more"
            yield change(Rule.FACT_CHANGED, f"{path}/smallest", f"{name} is {state}")
        elif old[name]["value"] != new[name]["value"]:
            before, after = old[name]["value"], new[name]["value"]
            looser = (after > before) != bool(new[name].get("smallest"))
            rule = Rule.LIMIT_LOOSENED if looser else Rule.LIMIT_TIGHTENED
            yield change(rule, path, f"{before} → {after}")
