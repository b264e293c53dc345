"""Compare the requests, server messages and events."""

from collections.abc import Iterator

from codegen.breaking.rules import Answer, Change, Rule, Sender, change
from codegen.breaking.versions import Versions, aligned, words
from codegen.schema import PROTOCOL, Node

ROLES: dict[str, Answer] = {
    "captures": "breaks",
    "creates": "breaks",
    "claims": "breaks",
    "never_answers": "breaks",
    "accepts": "ok",
    "chunks": "ok",
    "turn_done": "ok",
}
"""Facts about a request without a rule of their own, and whether users notice them."""
SUBJECTS = ("subject", "subject_version")


def requests(versions: Versions) -> Iterator[Change]:
    """Iterate over the changes of the request table."""
    rows = versions.rows("requests", "type")
    yield from _places(versions, rows)
    for old, new in rows:
        path = f"{PROTOCOL}#/requests/{(old or new or {})['type']}"
        if old and new:
            if old["type"] != new["type"]:
                yield change(Rule.REQUEST_RENAMED, path, f"{old['type']} → {new['type']}")
            yield from _request(versions, path, old, new)
        elif old:
            yield change(Rule.REQUEST_REMOVED, path, f"{old['type']} is gone")


def _places(versions: Versions, rows: list[tuple[Node | None, Node | None]]) -> Iterator[Change]:
    """Iterate over additions to the table, and requests whose index changed for another reason."""
    table, families = versions.new.protocol["requests"], _family_names(versions.base.protocol)
    kept = {new["type"]: old["type"] for old, new in rows if old and new}
    last = max((index for index, row in enumerate(table) if row["type"] in kept), default=-1)
    for index, row in enumerate(table):
        if row["type"] not in kept:
            path, message = f"{PROTOCOL}#/requests/{row['type']}", f"{row['type']} is new"
            if index < last:
                message += f", before {table[index + 1]['type']}"
                yield change(Rule.REQUEST_INSERTED, path, message)
            else:
                known = families & set(row["families"])
                yield change(Rule.REQUEST_ADDED, path, message, w1=None if known else "ok")
    before = [row["type"] for row in versions.base.protocol["requests"]]
    after = [kept[row["type"]] for row in table if row["type"] in kept]
    if after != before[: len(after)]:
        first = next(one for one, other in zip(after, before, strict=False) if one != other)
        message = f"the order differs from {first} on"
        yield change(Rule.REQUEST_REORDERED, f"{PROTOCOL}#/requests", message)


def _request(versions: Versions, path: str, old: Node, new: Node) -> Iterator[Change]:
    old, new, found = aligned(path, old, new)
    yield from found
    if old["kind"] != new["kind"]:
        yield change(Rule.REQUEST_KIND_CHANGED, f"{path}/kind", f"{old['kind']} → {new['kind']}")
    known = _family_names(versions.base.protocol)
    for family in _added(old["families"], new["families"]):
        w1: Answer | None = None if family in known else "ok"
        message = f"{family} servers know it"
        yield change(Rule.REQUEST_FAMILY_ADDED, f"{path}/families/{family}", message, w1=w1)
    for family in _added(new["families"], old["families"]):
        message = f"{family} servers no longer know it"
        yield change(Rule.REQUEST_FAMILY_REMOVED, f"{path}/families/{family}", message)
    yield from _result(versions, path, old, new)
    yield from _defaults(path, old, new)
    yield from _fields(versions, path, old, new, Sender.CLIENT)
    yield from _roles(path, old, new)


def _result(versions: Versions, path: str, old: Node, new: Node) -> Iterator[Change]:
    before = versions.names.get(old["result"] or "", old["result"])
    if before != new["result"] or bool(old["confirmation"]) != bool(new["confirmation"]):
        if old["kind"] == new["kind"]:  # else the kind says it
            message = f"{_reply(old)} → {_reply(new)}"
            yield change(Rule.RESULT_TYPE_CHANGED, f"{path}/result", message)
    elif old["confirmation"] != new["confirmation"]:
        message = f"{words(old['confirmation'])} → {words(new['confirmation'])}"
        yield change(Rule.CONFIRMATION_CHANGED, f"{path}/confirmation", message)


def _reply(row: Node) -> str:
    return str(row["result"] or ("a confirmation" if row["confirmation"] else "no reply"))


def _defaults(path: str, old: Node, new: Node) -> Iterator[Change]:
    before, after = old["defaults"], new["defaults"]
    for name in dict.fromkeys((*before, *after)):
        where, message = f"{path}/defaults/{name}", f"{words(before.get(name))} → {words(after.get(name))}"
        if name not in before:
            yield change(Rule.DEFAULT_ADDED, where, words(after[name]))
        elif name not in after:
            yield change(Rule.DEFAULT_REMOVED, where, f"{words(before[name])} is no default any more")
        elif before[name] != after[name] or type(before[name]) is not type(after[name]):
            yield change(Rule.DEFAULT_CHANGED, where, message)


def _fields(versions: Versions, path: str, old: Node, new: Node, senders: Sender) -> Iterator[Change]:
    """Iterate over the changes of the families that know a field; a field that is not listed is known to all."""
    before, after = old["fields"], new["fields"]
    documents = versions.base.documents[old["schema"]], versions.new.documents[new["schema"]]
    for name in dict.fromkeys((*before, *after)):
        if not all(name in document.get("properties", {}) for document in documents):
            continue  # the field itself is new, or gone
        known = before.get(name) or old["families"], after.get(name) or new["families"]
        where = f"{path}/fields/{name}"
        if name not in before and not _added(after[name], old["families"]):
            continue
        for family in _added(*known):
            if family in old["families"]:
                yield change(Rule.FIELD_FAMILY_ADDED, where, f"{family} servers know it", senders)
        for family in _added(known[1], known[0]):
            if family in new["families"]:
                yield change(Rule.FIELD_FAMILY_REMOVED, where, f"{family} servers no longer know it", senders)


def _roles(path: str, old: Node, new: Node) -> Iterator[Change]:
    for flag, rules in {
        "repeatable": (Rule.REQUEST_REPEATABLE_ADDED, Rule.REQUEST_REPEATABLE_REMOVED),
        "opens_session": (Rule.REQUEST_SESSION_OPENED, Rule.REQUEST_SESSION_CLOSED),
    }.items():
        if bool(old[flag]) != bool(new[flag]):
            yield change(
                rules[bool(old[flag])],
                f"{path}/{flag}",
                f"{words(bool(old[flag]))} → {words(bool(new[flag]))}",
            )
    for family in _added(old["useless"], new["useless"]):
        yield change(Rule.REQUEST_USELESS_ADDED, f"{path}/useless/{family}", f"{family} servers refuse it")
    for family in _added(new["useless"], old["useless"]):
        message = f"{family} servers no longer refuse it"
        yield change(Rule.REQUEST_USELESS_REMOVED, f"{path}/useless/{family}", message)
    for name in (*ROLES, *SUBJECTS):
        if (old.get(name) or None) != (new.get(name) or None):
            where, message = f"{path}/{name}", f"{words(old.get(name))} → {words(new.get(name))}"
            if name in SUBJECTS:
                yield change(Rule.REQUEST_SUBJECT_CHANGED, where, message)
            else:
                yield change(Rule.REQUEST_ROLE_CHANGED, where, message, api=ROLES[name])


def messages(versions: Versions) -> Iterator[Change]:
    """Iterate over the changes of the table of server messages."""
    for old, new in versions.rows("messages", "type"):
        tag = (old or new or {})["type"]
        path = f"{PROTOCOL}#/messages/{tag}"
        if old and new:
            yield from _message(versions, path, old, new)
        elif old:
            yield change(Rule.MESSAGE_REMOVED, path, f"{tag} is gone")
        else:
            yield change(Rule.MESSAGE_ADDED, path, f"{tag} is new")


def _message(versions: Versions, path: str, old: Node, new: Node) -> Iterator[Change]:
    old, new, found = aligned(path, old, new)
    yield from found
    if old["type"] != new["type"]:
        yield change(Rule.MESSAGE_RENAMED, path, f"{old['type']} → {new['type']}")
    if old["frame"] != new["frame"]:
        yield change(Rule.MESSAGE_FRAME_CHANGED, f"{path}/frame", f"{old['frame']} → {new['frame']}")
    for family in _added(old["families"], new["families"]):
        yield change(Rule.MESSAGE_FAMILY_ADDED, f"{path}/families/{family}", f"{family} servers send it")
    for family in _added(new["families"], old["families"]):
        message = f"{family} servers no longer send it"
        yield change(Rule.MESSAGE_FAMILY_REMOVED, f"{path}/families/{family}", message)
    unknown = versions.names.get(old["unknown"] or "", old["unknown"])
    if unknown != new["unknown"]:
        message = f"{words(old['unknown'])} → {words(new['unknown'])}"
        yield change(Rule.MESSAGE_UNKNOWN_CHANGED, f"{path}/unknown", message)
    yield from _fields(versions, path, old, new, Sender.SERVER)


def events(versions: Versions) -> Iterator[Change]:
    """Iterate over the changes of the kinds of events."""
    for old, new in versions.rows("events", "event"):
        row = old or new or {}
        path = f"{PROTOCOL}#/events/{row['event']}"
        if old and new:
            yield from _event(versions, path, old, new)
        elif old:
            yield change(
                Rule.EVENT_REMOVED, path, f"{row['event']} is gone", w1="breaks" if row["terminal"] else None
            )
        else:
            ends = ", and ends its process" if row["terminal"] else ""
            message = f"{row['event']} is new{ends}"
            yield change(Rule.EVENT_ADDED, path, message, w2="breaks" if ends else None)


def _event(versions: Versions, path: str, old: Node, new: Node) -> Iterator[Change]:
    old, new, found = aligned(path, old, new)
    yield from found
    if old["event"] != new["event"]:
        yield change(Rule.EVENT_RENAMED, path, f"{old['event']} → {new['event']}")
    for column in ("class", "name"):
        if old[column] != new[column]:
            yield change(Rule.EVENT_CLASS_RENAMED, f"{path}/{column}", f"{old[column]} → {new[column]}")
    if old["terminal"] != new["terminal"]:
        message = f"{words(old['terminal'])} → {words(new['terminal'])}"
        yield change(Rule.EVENT_TERMINAL_CHANGED, f"{path}/terminal", message)
    source = versions.names.get(old["assembled_from"] or "", old["assembled_from"])
    if source != new["assembled_from"] or bool(old["schema"]) != bool(new["schema"]):
        message = f"{words(old['assembled_from'])} → {words(new['assembled_from'])}"
        yield change(Rule.EVENT_SOURCE_CHANGED, f"{path}/assembled_from", message)


def _family_names(protocol: Node) -> set[str]:
    return {str(row["name"]) for row in protocol["families"]}


def _added(old: list[str], new: list[str]) -> list[str]:
    return [each for each in new if each not in old]
