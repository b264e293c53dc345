"""Compare what messages, events, results and other objects consist of."""

from collections.abc import Iterator

from codegen.breaking.rules import Answer, Change, Rule, Sender, change
from codegen.breaking.values import Comparison, Difference
from codegen.breaking.versions import Versions, matched, words
from codegen.python import spelling
from codegen.schema import SCALARS, Node

NULL: Node = {"type": "null"}


def changes(versions: Versions) -> Iterator[Change]:
    """Iterate over the changes of definitions that both versions have, and those that are gone."""
    told = _gone_with_others(versions)
    compare = Definitions(versions)
    for before, name in versions.names.items():
        if name not in versions.now:
            if name not in told:
                yield change(Rule.DEFINITION_REMOVED, name, f"{versions.base.title(before)} is gone")
            continue
        old, new = versions.base.title(before), versions.new.title(name)
        if old != new:
            yield change(Rule.TITLE_CHANGED, _title_path(name), f"{old} → {new}")
        yield from compare.definition(name)


def type_change(path: str, found: Difference, senders: Sender) -> Iterator[Change]:
    """Iterate over the change that a difference of types is, if it is one."""
    if found.wider or found.narrower:
        # What a server sends is read: users notice further types. What a client sends is written: they notice what is gone.
        noticed = (Sender.CLIENT in senders and found.narrower) or (
            Sender.SERVER in senders and found.wider_in_python
        )
        yield change(found.rule, path, "; ".join(found.reasons), senders, api="breaks" if noticed else "ok")


class Definitions:
    """Compares definitions with the same name."""

    def __init__(self, versions: Versions) -> None:
        self._versions = versions
        self._types = Comparison(versions)
        protocol = versions.new.protocol
        self._rows = {row["schema"]: row for row in protocol["requests"]}
        messages = [row["schema"] for row in protocol["messages"]]
        self._events = {row["schema"] for row in protocol["events"]}
        self._tagged = {*self._rows, *messages}
        self._open = {row["schema"] for row in protocol["messages"] if row["unknown"]}

    def definition(self, name: str) -> Iterator[Change]:
        """Iterate over the changes of a definition."""
        old, new = self._versions.old[name], self._versions.now[name]
        senders = self._versions.senders.get(name, Sender.NONE)
        if "properties" in old and "properties" in new:
            yield from self._fields(name, old, new, senders)
        elif "oneOf" in old and "oneOf" in new:
            yield from self._union(name, old, new, senders)
        elif "const" in old and "const" in new:
            if old["const"] != new["const"]:
                message = f"{words(old['const'])} → {words(new['const'])}"
                yield change(Rule.RESULT_CONST_CHANGED, f"{name}#/const", message, senders)
            rest = [{key: value for key, value in each.items() if key != "const"} for each in (old, new)]
            yield from type_change(name, self._types.difference(*rest), senders)
        elif "contentSchema" in old and "contentSchema" in new:
            # The type of the JSON is that of the result in Python.
            found = self._types.difference(old["contentSchema"], new["contentSchema"])
            found |= self._types.difference({**old, "contentSchema": {}}, {**new, "contentSchema": {}})
            yield from type_change(name, found, senders)
        elif ("contentSchema" in old) != ("contentSchema" in new) or _form(old) != _form(new):
            message = f"{_form(old)} → {_form(new)}"
            rule = Rule.RESULT_TYPE_CHANGED if name.startswith("results/") else Rule.TYPE_CHANGED
            yield change(rule, name, message, senders)
        else:
            yield from type_change(name, self._types.difference(old, new), senders)

    def _fields(self, name: str, old: Node, new: Node, senders: Sender) -> Iterator[Change]:
        before, after = _properties(old), _properties(new)
        pairs = matched(list(before.values()), list(after.values()), "name", self._is_same)
        for one, other in pairs:
            path = f"{name}#/properties/{(one or other or {})['name']}"
            if one and other:
                yield from self._field(path, name, one, other, senders)
            elif one:
                rule = Rule.FIELD_REQUIRED_REMOVED if one["required"] else Rule.FIELD_OPTIONAL_REMOVED
                yield change(rule, path, f"{one['name']} is gone", senders)
            elif other:
                yield self._added_field(path, name, other, senders)
        kept = [each for each in before if each in after]
        if kept != [each for each in after if each in before]:
            message = f"{words(list(before))} → {words(list(after))}"
            event = name in self._events
            yield change(
                Rule.FIELDS_REORDERED, f"{name}#/properties", message, senders, api=None if event else "ok"
            )
        rest = [
            {key: each for key, each in node.items() if key not in {"properties", "required"}}
            for node in (old, new)
        ]
        if rest[0] != rest[1]:
            yield change(Rule.TYPE_CHANGED, name, f"{words(rest[0])} → {words(rest[1])}", senders)

    def _is_same(self, old: Node, new: Node) -> bool:
        found = self._types.difference(old["type"], new["type"])
        alike = old["required"] == new["required"] and old["const"] is new["const"] is None
        return alike and not (found.wider or found.narrower)

    def _api_if_required(self, file: str, field: Node, senders: Sender) -> Answer | None:
        has_default = field["name"] in self._rows.get(file, {}).get("defaults", {})
        return "ok" if senders == Sender.CLIENT and has_default else None

    def _added_field(self, path: str, file: str, field: Node, senders: Sender) -> Change:
        message = f"{field['name']} is new"
        if field["required"]:
            api = self._api_if_required(file, field, senders)
            return change(Rule.FIELD_REQUIRED_ADDED, path, message, senders, api=api)
        known = self._rows.get(file, {}).get("fields", {}).get(field["name"])
        return change(Rule.FIELD_OPTIONAL_ADDED, path, message, senders, w1="ok" if known else None)

    def _field(self, path: str, file: str, old: Node, new: Node, senders: Sender) -> Iterator[Change]:
        if old["name"] != new["name"]:
            same = spelling(old["name"]) == spelling(new["name"])
            message = f"{old['name']} → {new['name']}"
            yield change(Rule.FIELD_RENAMED, path, message, senders, api="ok" if same else None)
        if old["const"] != new["const"]:
            tag = file in self._tagged and old["name"] == self._versions.base.protocol["tag"]
            if not (tag or file in self._events):  # else a row of a table has another tag
                message = f"{words(old['const'])} → {words(new['const'])}"
                yield change(Rule.TAG_CHANGED, path, message, senders)
            return
        if old["required"] != new["required"]:
            if new["required"]:
                api = self._api_if_required(file, new, senders)
                yield change(Rule.FIELD_BECAME_REQUIRED, path, "optional → required", senders, api=api)
            else:
                yield change(Rule.FIELD_BECAME_OPTIONAL, path, "required → optional", senders)
        yield from type_change(path, self._types.difference(old["type"], new["type"]), senders)

    def _union(self, name: str, old: Node, new: Node, senders: Sender) -> Iterator[Change]:
        before, after = _members(old), _members(new)
        choice = self._versions.new.is_choice(name) or self._versions.base.is_choice(name)
        if name not in self._open:  # else the members are kinds of events
            for member in [each for each in before if each not in after]:
                message, path = f"{member} is gone", f"{name}#/oneOf/{member}"
                if choice:
                    w1: Answer | None = "warn" if self._takes_any(after) else None
                    yield change(Rule.RESULT_CHOICE_REMOVED, path, message, senders, w1=w1)
                else:
                    yield change(Rule.UNION_MEMBER_REMOVED, path, message, senders)
            for member in [each for each in after if each not in before]:
                message, path = f"{member} is new", f"{name}#/oneOf/{member}"
                if choice:
                    w2: Answer | None = "warn" if self._takes_any(before) else None
                    yield change(Rule.RESULT_CHOICE_ADDED, path, message, senders, w2=w2)
                else:
                    yield change(Rule.UNION_MEMBER_ADDED, path, message, senders)
        kept = [each for each in before if each in after]
        if choice and kept != [each for each in after if each in before]:
            message = f"{words(before)} → {words(after)}"
            yield change(Rule.RESULT_CHOICE_REORDERED, f"{name}#/oneOf", message, senders)
        tags = [node.get("discriminator", {}).get("propertyName") for node in (old, new)]
        if tags[0] != tags[1]:
            message = f"{words(tags[0])} → {words(tags[1])}"
            yield change(Rule.TAG_CHANGED, f"{name}#/discriminator", message, senders)

    def _takes_any(self, members: list[str]) -> bool:
        both = self._versions.old | self._versions.now
        return any(both.get(member) == {"type": "string"} for member in members)


def _properties(node: Node) -> dict[str, Node]:
    """Return the fields of an object: their types without null, which optional fields may be."""
    found: dict[str, Node] = {}
    for name, each in node["properties"].items():
        options = [option for option in each.get("anyOf", []) if option != NULL]
        plain = {key: value for key, value in each.items() if key != "anyOf"}
        bare = (
            each
            if NULL not in each.get("anyOf", [])
            else options[0]
            if len(options) == 1
            else {"anyOf": options}
        )
        required = name in node.get("required", [])
        found[name] = {
            "name": name,
            "type": {**bare, **plain},
            "required": required,
            "const": each.get("const"),
        }
    return found


def _members(node: Node) -> list[str]:
    return [str(member["$ref"]) for member in node["oneOf"]]


def _form(node: Node) -> str:
    """Return what kind of thing a definition is."""
    for key, form in (
        ("properties", "object"),
        ("oneOf", "union"),
        ("contentSchema", "JSON"),
        ("const", "fixed text"),
    ):
        if key in node:
            return form
    return "value"


def _title_path(name: str) -> str:
    return name if name.startswith(SCALARS) else f"{name}#/title"


def _gone_with_others(versions: Versions) -> set[str]:
    """Return definitions that are gone with something that is reported: a row of a table, or a member of a union."""
    base = versions.base.protocol
    rows = [*base["requests"], *base["messages"], *base["events"]]
    found = {str(row.get(column)) for row in rows for column in ("schema", "result", "unknown")}
    for node in versions.old.values():
        found |= set(_members(node)) if "oneOf" in node else set()
    return found
