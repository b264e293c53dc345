"""Compare the error classes and the texts that servers send."""

from collections.abc import Iterator

from codegen.breaking.rules import Answer, Change, Rule, change
from codegen.breaking.versions import Versions, aligned, matched, words
from codegen.schema import ERRORS, Node

ORIGIN = ("sent_by", "code", "generated")


def changes(versions: Versions) -> Iterator[Change]:
    """Iterate over the changes of errors.json. Advice is a description: it may differ."""
    renamed = dict[str, str]()
    base, new = versions.base.errors, versions.new.errors

    def texts(errors: Node, name: str) -> set[str]:
        return {row["id"] for row in errors["texts"] if row["class"] == name}

    classes = matched(
        base["classes"], new["classes"], "name", lambda a, b: texts(base, a["name"]) == texts(new, b["name"])
    )
    for old, now in classes:
        row: Node = old or now or {}
        name = row["name"]
        path = f"{ERRORS}#/classes/{name}"
        if old and now:
            renamed[name] = now["name"]
            yield from _class(path, old, now)
        elif old:
            yield change(Rule.ERROR_CLASS_REMOVED, path, f"{name} is gone")
        else:
            yield change(Rule.ERROR_CLASS_ADDED, path, f"{name} is new")
    rows = matched(base["texts"], new["texts"], "id", lambda a, b: a["text"] == b["text"])
    for old, now in rows:
        yield from _text(old, now, renamed)
    for table, pairs in (("classes", classes), ("texts", rows)):
        key = {"classes": "name", "texts": "id"}[table]
        kept = {now[key]: old[key] for old, now in pairs if old and now}
        before = [row[key] for row in base[table] if row[key] in kept.values()]
        if before != [kept[row[key]] for row in new[table] if row[key] in kept]:
            yield change(Rule.ERRORS_REORDERED, f"{ERRORS}#/{table}", "the order differs")


def _class(path: str, old: Node, new: Node) -> Iterator[Change]:
    old, new, found = aligned(path, old, new)
    yield from found
    if old["name"] != new["name"]:
        yield change(Rule.ERROR_CLASS_RENAMED, path, f"{old['name']} → {new['name']}")
    if old["category"] != new["category"]:
        message = f"{old['category']} → {new['category']}"
        yield change(Rule.ERROR_CATEGORY_CHANGED, f"{path}/category", message)
    if old["scope"] != new["scope"]:
        yield change(Rule.ERROR_SCOPE_CHANGED, f"{path}/scope", f"{old['scope']} → {new['scope']}")


def _text(old: Node | None, new: Node | None, renamed: dict[str, str]) -> Iterator[Change]:
    row = old or new or {}
    path = f"{ERRORS}#/texts/{row['id']}"
    other: Answer | None = None if row["class"] else "ok"
    if not old:
        yield change(Rule.TEXT_ADDED, path, f"{row['id']} is new", w2=other, api=other)
    elif not new:
        yield change(Rule.TEXT_REMOVED, path, f"{row['id']} is gone", w1=other, api=other)
    else:
        yield from _same_text(path, old, new, renamed)


def _same_text(path: str, old: Node, new: Node, renamed: dict[str, str]) -> Iterator[Change]:
    old, new, found = aligned(path, old, new)
    yield from found
    if old["id"] != new["id"]:
        yield change(Rule.TEXT_ID_CHANGED, path, f"{old['id']} → {new['id']}")
    places = renamed.get(old["class"], old["class"]) or old["scope"], new["class"] or new["scope"]
    if places[0] != places[1]:
        yield change(Rule.TEXT_RECLASSIFIED, path, f"{places[0]} → {places[1]}")
    if old["text"] != new["text"]:
        other: Answer | None = None if old["class"] or new["class"] else "ok"
        message = f"{old['text']!r} → {new['text']!r}"
        yield change(Rule.TEXT_REWORDED, f"{path}/text", message, w1=other, w2=other)
    if set(old["families"]) != set(new["families"]):
        message = f"{words(old['families'])} → {words(new['families'])}"
        yield change(Rule.TEXT_FAMILIES_CHANGED, f"{path}/families", message)
    for key in ORIGIN:
        if old[key] != new[key]:
            message = f"{words(old[key])} → {words(new[key])}"
            yield change(Rule.TEXT_ORIGIN_CHANGED, f"{path}/{key}", message)
