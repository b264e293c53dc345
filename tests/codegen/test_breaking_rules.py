"""What a change of the schema breaks: a minimal change of a copy of the real schema for each rule, and its exact answers.

The answers are to three questions: does a new client work with an old server, does an old client work with a new
server, and does users' code still type-check and mean the same.
"""

from collections.abc import Callable
from copy import deepcopy
from functools import cache
from itertools import chain
from typing import cast

import pytest

from codegen import lint
from codegen.breaking import Rule, compare
from codegen.schema import DIALECT, TABLES, Schema, assemble, load, violations
from tests.support.repository import ROOT, JsonObject

Files = dict[str, JsonObject]
"""The files of a schema by their names."""
Edit = Callable[[Files], object]

TEXT: JsonObject = {"type": "string", "description": "A text."}
OPTIONAL: JsonObject = {"anyOf": [{"type": "string"}, {"type": "null"}], "description": "A text."}
COUNT: JsonObject = {"type": "integer", "minimum": 0, "maximum": 9, "description": "A number."}
PING, INFO, STDOUT = "requests/ping.json", "results/process_info.json", "events/stdout.json"
PROTOCOL, ERRORS, TYPES = "protocol.json", "errors.json", "types.json"
IDENTIFICATION = "results/auth_identify.json"


def field(file: str, name: str, node: JsonObject) -> Edit:
    """Add or replace a field; it is optional if it may be null."""

    def edit(files: Files) -> None:
        document = files[file]
        document["properties"][name] = node
        document["required"] = [
            each for each, of in document["properties"].items() if {"type": "null"} not in of.get("anyOf", [])
        ]

    return edit


def without_field(file: str, name: str) -> Edit:
    def edit(files: Files) -> None:
        del files[file]["properties"][name]
        files[file]["required"] = [each for each in files[file]["required"] if each != name]

    return edit


def put(file: str, *path: str, value: object) -> Edit:
    """Set a value; the path consists of keys, and of the names of rows in tables."""

    def edit(files: Files) -> None:
        *keys, last = path
        place(files, file, *keys)[last] = value

    return edit


def drop(file: str, *path: str) -> Edit:
    """Remove a value."""

    def edit(files: Files) -> None:
        *keys, last = path
        del place(files, file, *keys)[last]

    return edit


def take(file: str, *path: str) -> Edit:
    """Remove a row of a table, or a text of a list."""

    def edit(files: Files) -> None:
        *keys, table, last = path
        rows: list[JsonObject] = place(files, file, *keys)[table]
        rows.remove(row(rows, last))

    return edit


def append(file: str, *path: str, value: object) -> Edit:
    *keys, last = path
    return lambda files: place(files, file, *keys)[last].append(value)


def place(files: Files, file: str, *path: str) -> JsonObject:
    """Return what is at a path: an object or a row of a table."""
    found: JsonObject | list[JsonObject] = files[file]
    for key in path:
        found = row(found, key) if isinstance(found, list) else found[key]
    return cast("JsonObject", found)


def row(rows: list[JsonObject], name: str) -> JsonObject:
    """Return the row of a table that has a name, or a text of a list."""
    return next(each for each in rows if name == cast("object", each) or name in _texts(each))


def _texts(value: object) -> list[object]:
    return list(cast("JsonObject", value).values()) if isinstance(value, dict) else []


def together(*edits: Edit) -> Edit:
    return lambda files: [edit(files) for edit in edits]


def new_file(name: str, document: JsonObject) -> Edit:
    return lambda files: files.update({name: deepcopy(document)})


def moved(old: str, new: str, edit: Callable[[JsonObject], object] = lambda _: None) -> Edit:
    """Rename a file, also where others refer to it."""

    def move(files: Files) -> None:
        files[new] = files.pop(old)
        edit(files[new])
        for each in [name for name in files if name != new]:
            files[each] = renamed(files[each], old, new)

    return move


def renamed(value: object, old: str, new: str) -> JsonObject:
    ends = {old: new, f"../{old}": f"../{new}", old.partition("/")[2]: new.partition("/")[2]}

    def rename(each: object, key: str = "") -> object:
        if isinstance(each, dict):
            items = cast("JsonObject", each).items()
            return {new if name == old else name: rename(item, name) for name, item in items}
        if isinstance(each, list):
            return [rename(item, key) for item in cast("list[object]", each)]
        known = ends if key == "$ref" else {old: new}
        return known.get(each, each) if isinstance(each, str) else each

    return cast("JsonObject", rename(value))


def request(tag: str) -> tuple[JsonObject, JsonObject]:
    """Return the row and the file of a request like ping."""
    files = schema().parsed
    line, document = deepcopy(row(files[PROTOCOL]["requests"], "ping")), deepcopy(files[PING])
    line.update(type=tag, schema=f"requests/{tag}.json")
    document["title"] = f"{tag.title().replace('_', '')}Request"
    document["properties"]["type"]["const"] = tag
    return line, document


def with_request(tag: str, index: int | None = None, **facts: object) -> Edit:
    def edit(files: Files) -> None:
        line, document = request(tag)
        files[f"requests/{tag}.json"] = document
        rows: list[JsonObject] = files[PROTOCOL]["requests"]
        rows.insert(len(rows) if index is None else index, {**line, **facts})

    return edit


def without_request(tag: str) -> Edit:
    return together(take(PROTOCOL, "requests", tag), lambda files: files.pop(f"requests/{tag}.json"))


def with_tag(old: str, new: str) -> Edit:
    """Rename a request."""

    def edit(files: Files) -> None:
        moved(f"requests/{old}.json", f"requests/{new}.json")(files)
        files[f"requests/{new}.json"]["properties"]["type"]["const"] = new
        row(files[PROTOCOL]["requests"], old)["type"] = new

    return edit


def with_event(event: str, *, terminal: bool) -> Edit:
    def edit(files: Files) -> None:
        document = deepcopy(files[STDOUT])
        document["title"] = f"{event.title()}Frame"
        document["properties"]["event"]["const"] = event
        files[f"events/{event}.json"] = document
        names = {"event": event, "name": event.title(), "class": f"{event.title()}Event"}
        line = {**names, "schema": f"events/{event}.json", "terminal": terminal}
        files[PROTOCOL]["events"].append(line)
        files["messages/process_event.json"]["oneOf"].append({"$ref": f"../events/{event}.json"})

    return edit


def without_event(event: str) -> Edit:
    def edit(files: Files) -> None:
        del files[f"events/{event}.json"]
        take(PROTOCOL, "events", event)(files)
        members: list[JsonObject] = files["messages/process_event.json"]["oneOf"]
        members.remove({"$ref": f"../events/{event}.json"})

    return edit


def event_with_tag(old: str, new: str) -> Edit:
    def edit(files: Files) -> None:
        moved(f"events/{old}.json", f"events/{new}.json")(files)
        files[f"events/{new}.json"]["properties"]["event"]["const"] = new
        row(files[PROTOCOL]["events"], old)["event"] = new

    return edit


def with_message(tag: str) -> Edit:
    def edit(files: Files) -> None:
        document = deepcopy(files["messages/turn_done.json"])
        document["title"] = tag.title()
        document["properties"]["type"]["const"] = tag
        document["properties"]["note"] = TEXT
        document["required"] = ["type", "note"]
        files[f"messages/{tag}.json"] = document
        line = {"type": tag, "frame": "text", "families": ["0.5"], "schema": f"messages/{tag}.json"}
        files[PROTOCOL]["messages"].append(line)

    return edit


def message_with_tag(old: str, new: str) -> Edit:
    def edit(files: Files) -> None:
        moved(f"messages/{old}.json", f"messages/{new}.json")(files)
        files[f"messages/{new}.json"]["properties"]["type"]["const"] = new
        row(files[PROTOCOL]["messages"], old)["type"] = new

    return edit


def with_choice(name: str, node: JsonObject) -> Edit:
    document = {"title": name.title().replace("_", ""), "description": "A result.", "type": "string", **node}
    return together(
        new_file(f"results/{name}.json", document),
        lambda files: files[IDENTIFICATION]["oneOf"].insert(0, {"$ref": f"{name}.json"}),
    )


def without_choice(name: str) -> Edit:
    def edit(files: Files) -> None:
        title = files.pop(f"results/{name}.json")["title"]
        files[IDENTIFICATION]["oneOf"].remove({"$ref": f"{name}.json"})
        for family in files[PROTOCOL]["families"]:
            results = family["identified_by"]["results"]
            family["identified_by"]["results"] = [each for each in results if each != title]

    return edit


def swapped(file: str, *path: str) -> Edit:
    """Swap the first two of a list, or of an object's keys."""

    def edit(files: Files) -> None:
        *keys, last = path
        parent = place(files, file, *keys)
        first, second, *rest = list(parent[last])
        order = [second, first, *rest]
        parent[last] = {key: parent[last][key] for key in order} if isinstance(parent[last], dict) else order

    return edit


def with_class(name: str, text: str) -> Edit:
    """Add an error class for one text."""
    new = {
        "name": name,
        "scope": "request",
        "category": "state",
        "description": "It failed.",
        "advice": "wait",
    }
    line = {"id": text, "text": f"{text}!", "class": name, "families": ["0.5"]}
    return together(append(ERRORS, "classes", value=new), append(ERRORS, "texts", value=line))


def class_renamed(old: str, new: str) -> Edit:
    def edit(files: Files) -> None:
        row(files[ERRORS]["classes"], old)["name"] = new
        for line in files[ERRORS]["texts"]:
            line["class"] = new if line.get("class") == old else line.get("class")
            if line["class"] is None:
                del line["class"]

    return edit


def without_family(name: str) -> Edit:
    """Take a family out of its table only: what else names it stays, so this schema is not valid."""
    return take(PROTOCOL, "families", name)


def with_family(files: Files) -> None:
    family = deepcopy(row(files[PROTOCOL]["families"], "0.5"))
    family.update(
        name="0.6", title="Pie 0.6", releases=["0.6"], identified_by={"results": [], "refusals": []}
    )
    files[PROTOCOL]["families"].append(family)
    for facts in (files[PROTOCOL]["connection"], files[PROTOCOL]["behaviour"]):
        _every_family(facts)


def _every_family(facts: JsonObject) -> None:
    found = [cast("JsonObject", each) for each in facts.values() if isinstance(each, dict)]
    for each in found:
        if each.keys() == {"0.4", "0.5"}:
            each["0.6"] = each["0.5"]
        _every_family(each)


def without_column(definition: str, table: str, name: str) -> Edit:
    """Remove a fact about rows from a table and from the schema of the table."""

    def edit(files: Files) -> None:
        del files["protocol.schema.json"]["$defs"][definition]["properties"][name]
        for each in files[PROTOCOL][table]:
            each.pop(name, None)

    return edit


def both(base: Edit, new: Edit) -> tuple[Edit, Edit]:
    """Change the base too, to have what the real schema has not."""
    return base, together(base, new)


CASES: dict[str, tuple[Edit | tuple[Edit, Edit], tuple[str, ...]]] = {
    # The table of requests.
    "a request is appended": (
        with_request("rest"),
        ("request-added protocol.json#/requests/rest warn/ok/ok",),
    ),
    "a request is inserted in the middle of the table": (
        with_request("rest", 3),
        ("request-inserted protocol.json#/requests/rest breaks/breaks/ok",),
    ),
    "the last request is removed": (
        without_request("detach_workflow"),
        ("request-removed protocol.json#/requests/detach_workflow ok/breaks/breaks",),
    ),
    "a request before others is removed": (
        without_request("cancel_workflow"),
        (
            "request-reordered protocol.json#/requests breaks/breaks/ok",
            "request-removed protocol.json#/requests/cancel_workflow ok/breaks/breaks",
        ),
    ),
    "a request has another tag": (
        with_tag("signal_process", "notify_process"),
        ("request-renamed protocol.json#/requests/signal_process breaks/breaks/breaks",),
    ),
    "two requests swap their places": (
        swapped(PROTOCOL, "requests"),
        ("request-reordered protocol.json#/requests breaks/breaks/ok",),
    ),
    "a request becomes a notification": (
        together(
            put(PROTOCOL, "requests", "detach_workflow", "kind", value="notify"),
            put(PROTOCOL, "requests", "detach_workflow", "never_answers", value=True),
            drop(PROTOCOL, "requests", "detach_workflow", "confirmation"),
            without_field("requests/detach_workflow.json", "corr_id"),
        ),
        (
            "request-kind-changed protocol.json#/requests/detach_workflow/kind breaks/breaks/breaks",
            "request-role-changed protocol.json#/requests/detach_workflow/never_answers breaks/breaks/breaks",
            "field-required-removed requests/detach_workflow.json#/properties/corr_id breaks/warn/breaks",
        ),
    ),
    "one more family knows a request": (
        append(PROTOCOL, "requests", "launch_daemon", "families", value="0.5"),
        ("request-family-added protocol.json#/requests/launch_daemon/families/0.5 warn/ok/ok",),
    ),
    "a family no longer knows a request": (
        take(PROTOCOL, "requests", "ping", "families", "0.4"),
        ("request-family-removed protocol.json#/requests/ping/families/0.4 ok/breaks/breaks",),
    ),
    "servers say later that they are done": (
        put(PROTOCOL, "requests", "ping", "turn_done", value="end"),
        ("request-role-changed protocol.json#/requests/ping/turn_done breaks/breaks/ok",),
    ),
    "a request creates processes": (
        put(PROTOCOL, "requests", "ping", "creates", value=True),
        ("request-role-changed protocol.json#/requests/ping/creates breaks/breaks/breaks",),
    ),
    "a request may be repeated": (
        put(PROTOCOL, "requests", "cancel_workflow", "repeatable", value=True),
        ("request-repeatable-added protocol.json#/requests/cancel_workflow/repeatable breaks/ok/ok",),
    ),
    "a request may not be repeated any more": (
        drop(PROTOCOL, "requests", "ping", "repeatable"),
        ("request-repeatable-removed protocol.json#/requests/ping/repeatable ok/breaks/breaks",),
    ),
    "a request may be sent before identification": (
        put(PROTOCOL, "requests", "launch_daemon", "opens_session", value=True),
        ("request-session-opened protocol.json#/requests/launch_daemon/opens_session breaks/ok/ok",),
    ),
    "a request may not be sent before identification any more": (
        drop(PROTOCOL, "requests", "auth_prove", "opens_session"),
        ("request-session-closed protocol.json#/requests/auth_prove/opens_session ok/breaks/warn",),
    ),
    "servers of a family refuse a request": (
        put(PROTOCOL, "requests", "ping", "useless", value=["0.5"]),
        ("request-useless-added protocol.json#/requests/ping/useless/0.5 ok/breaks/breaks",),
    ),
    "servers of a family no longer refuse a request": (
        drop(PROTOCOL, "requests", "auth_prove", "useless"),
        ("request-useless-removed protocol.json#/requests/auth_prove/useless/0.5 warn/ok/ok",),
    ),
    "errors of a request name another subject": (
        put(PROTOCOL, "requests", "register_mcp_server", "subject", value="transport"),
        ("request-subject-changed protocol.json#/requests/register_mcp_server/subject ok/ok/warn",),
    ),
    # Arguments and results.
    "an argument gets a default": (
        put(PROTOCOL, "requests", "launch_daemon", "defaults", value={"input": "{}"}),
        ("default-added protocol.json#/requests/launch_daemon/defaults/input ok/ok/ok",),
    ),
    "a default flips": (
        put(PROTOCOL, "requests", "launch_process", "defaults", "capture_outputs", value=False),
        ("default-changed protocol.json#/requests/launch_process/defaults/capture_outputs ok/ok/breaks",),
    ),
    "a default is removed": (
        drop(PROTOCOL, "requests", "launch_process", "defaults"),
        ("default-removed protocol.json#/requests/launch_process/defaults/capture_outputs ok/ok/breaks",),
    ),
    "a confirmation becomes a result": (
        together(
            drop(PROTOCOL, "requests", "ping", "confirmation"),
            put(PROTOCOL, "requests", "ping", "result", value="results/query.json"),
        ),
        ("result-type-changed protocol.json#/requests/ping/result breaks/breaks/breaks",),
    ),
    "a result becomes plain text": (
        together(
            drop("results/check_program.json", "contentMediaType"),
            drop("results/check_program.json", "contentSchema"),
        ),
        ("result-type-changed results/check_program.json breaks/breaks/breaks",),
    ),
    "a result becomes a number instead of a boolean": (
        put("results/check_program.json", "contentSchema", "type", value="number"),
        ("type-changed results/check_program.json breaks/breaks/breaks",),
    ),
    "a fixed text of a result differs": (
        put("results/already_authenticated.json", "const", value="Already known"),
        ("result-const-changed results/already_authenticated.json#/const breaks/breaks/warn",),
    ),
    "a result has one more choice, and another takes any text": (
        with_choice("identified_later", {"const": "Later"}),
        (f"result-choice-added {IDENTIFICATION}#/oneOf/results/identified_later.json ok/warn/warn",),
    ),
    "a choice that takes any text is gone": (
        without_choice("other_identification"),
        (
            f"result-choice-removed {IDENTIFICATION}#/oneOf/results/other_identification.json breaks/ok/breaks",
        ),
    ),
    "a choice is gone, and another takes any text": (
        without_choice("challenge"),
        (
            f"result-choice-removed {IDENTIFICATION}#/oneOf/results/challenge.json warn/ok/breaks",
            "family-recognition-changed protocol.json#/families/0.4/identified_by breaks/breaks/ok",
        ),
    ),
    "choices are tried in another order": (
        swapped(IDENTIFICATION, "oneOf"),
        (f"result-choice-reordered {IDENTIFICATION}#/oneOf warn/ok/warn",),
    ),
    "a confirmation has another text": (
        put(PROTOCOL, "requests", "ping", "confirmation", value="Here"),
        ("confirmation-changed protocol.json#/requests/ping/confirmation ok/ok/warn",),
    ),
    # Fields of what a client sends, and of what a server sends.
    "a required field is added to a request": (
        field(PING, "note", TEXT),
        (f"field-required-added {PING}#/properties/note ok/breaks/breaks",),
    ),
    "a required field with a default is added to a request": (
        together(
            field(PING, "note", TEXT), put(PROTOCOL, "requests", "ping", "defaults", value={"note": ""})
        ),
        (
            "default-added protocol.json#/requests/ping/defaults/note ok/ok/ok",
            f"field-required-added {PING}#/properties/note ok/breaks/ok",
        ),
    ),
    "a required field is added to a server message": (
        field("messages/response.json", "note", TEXT),
        ("field-required-added messages/response.json#/properties/note breaks/ok/ok",),
    ),
    "an optional field is added to a request": (
        field(PING, "note", OPTIONAL),
        (f"field-optional-added {PING}#/properties/note warn/ok/ok",),
    ),
    "an optional field that one family knows is added to a request": (
        together(
            field(PING, "note", OPTIONAL),
            put(PROTOCOL, "requests", "ping", "fields", value={"note": ["0.5"]}),
        ),
        (f"field-optional-added {PING}#/properties/note ok/ok/ok",),
    ),
    "an optional field is added to a server message": (
        field("messages/response.json", "note", OPTIONAL),
        ("field-optional-added messages/response.json#/properties/note ok/ok/ok",),
    ),
    "a required field of a request is removed": (
        without_field("requests/launch_daemon.json", "input"),
        ("field-required-removed requests/launch_daemon.json#/properties/input breaks/warn/breaks",),
    ),
    "a required field of a result is removed": (
        without_field(INFO, "username"),
        (f"field-required-removed {INFO}#/properties/username ok/breaks/breaks",),
    ),
    "an optional field of a request is removed": (
        without_field("requests/launch_processes.json", "token_budgets"),
        ("field-optional-removed requests/launch_processes.json#/properties/token_budgets ok/warn/breaks",),
    ),
    "an optional field of a server message is removed": (
        together(without_field("messages/file.json", "name"), drop(PROTOCOL, "messages", "file", "fields")),
        ("field-optional-removed messages/file.json#/properties/name ok/ok/breaks",),
    ),
    "a field has another name": (
        together(without_field(INFO, "username"), field(INFO, "owner", TEXT)),
        (f"field-renamed {INFO}#/properties/username breaks/breaks/breaks",),
    ),
    "a field has another name on the wire, and the same in Python": (
        together(
            without_field(INFO, "elapsed_secs"),
            field(INFO, "elapsedSecs", {"$ref": "../types.json#/$defs/Seconds", "description": "Age."}),
        ),
        (f"field-renamed {INFO}#/properties/elapsed_secs breaks/breaks/ok",),
    ),
    "an optional field of a request becomes required": (
        field(
            "requests/launch_processes.json",
            "token_budgets",
            {
                "type": "array",
                "items": {"anyOf": [{"$ref": "../types.json#/$defs/Usize"}, {"type": "null"}]},
                "description": "Budgets.",
            },
        ),
        ("field-became-required requests/launch_processes.json#/properties/token_budgets ok/breaks/breaks",),
    ),
    "an optional field of a server message becomes required": (
        together(field("messages/file.json", "name", TEXT), drop(PROTOCOL, "messages", "file", "fields")),
        (
            "field-family-added protocol.json#/messages/file/fields/name ok/ok/ok",
            "field-became-required messages/file.json#/properties/name breaks/ok/ok",
        ),
    ),
    "a required field of a request becomes optional": (
        field(
            "requests/launch_daemon.json",
            "input",
            OPTIONAL | {"anyOf": [{"$ref": "../types.json#/$defs/JsonText"}, {"type": "null"}]},
        ),
        ("field-became-optional requests/launch_daemon.json#/properties/input breaks/ok/ok",),
    ),
    "a required field of a result becomes optional": (
        field(INFO, "username", OPTIONAL),
        (f"field-became-optional {INFO}#/properties/username ok/breaks/breaks",),
    ),
    "fields of a request have another order": (
        swapped(PING, "properties"),
        (f"fields-reordered {PING}#/properties ok/ok/ok",),
    ),
    "fields of an event have another order": (
        swapped(STDOUT, "properties"),
        (f"fields-reordered {STDOUT}#/properties ok/ok/warn",),
    ),
    "one more family knows a field": (
        append(PROTOCOL, "requests", "launch_process", "fields", "token_budget", value="0.5"),
        ("field-family-added protocol.json#/requests/launch_process/fields/token_budget warn/ok/ok",),
    ),
    "a family no longer knows a field": (
        put(PROTOCOL, "messages", "file", "fields", "name", value=["0.4"]),
        (
            "field-family-added protocol.json#/messages/file/fields/name ok/ok/ok",
            "field-family-removed protocol.json#/messages/file/fields/name ok/ok/warn",
        ),
    ),
    # Types.
    "the number that both sides send is widened": (
        put(TYPES, "$defs", "CorrelationId", "maximum", value=2**64 - 1),
        ("type-widened types.json#/$defs/CorrelationId breaks/breaks/ok",),
    ),
    "a type in a request is widened": (
        put("requests/launch_daemon.json", "properties", "port", "maximum", value=2**33),
        ("type-widened requests/launch_daemon.json#/properties/port breaks/ok/ok",),
    ),
    "a type in a result is widened, also in Python": (
        put(
            INFO,
            "properties",
            "username",
            value={"anyOf": [{"type": "string"}, {"type": "boolean"}], "description": "Owner."},
        ),
        (f"type-widened {INFO}#/properties/username ok/breaks/breaks",),
    ),
    "a type in a result is a scalar with the same values": (
        put(INFO, "properties", "elapsed_secs", "$ref", value="../types.json#/$defs/Usize"),
        (),
    ),
    "a type in a request is narrowed": (
        put("requests/launch_daemon.json", "properties", "port", "maximum", value=65535),
        ("type-narrowed requests/launch_daemon.json#/properties/port ok/breaks/breaks",),
    ),
    "a type in a result is narrowed": (
        put(INFO, "properties", "username", "minLength", value=1),
        (f"type-narrowed {INFO}#/properties/username breaks/ok/ok",),
    ),
    "a type in a request changes": (
        put("requests/launch_daemon.json", "properties", "port", value=TEXT),
        ("type-changed requests/launch_daemon.json#/properties/port breaks/breaks/breaks",),
    ),
    "a text from a server has another pattern": (
        put("results/challenge.json", "pattern", value="^[a-f0-9]{96}$"),
        ("type-changed results/challenge.json breaks/breaks/ok",),
    ),
    "elements of a list in a result change": (
        put(
            "results/run_processes.json",
            "contentSchema",
            "items",
            value={"$ref": "../types.json#/$defs/Bytes"},
        ),
        ("type-changed results/run_processes.json breaks/breaks/breaks",),
    ),
    "the tag of a union's member differs": (
        moved(
            "workflow/take.json",
            "workflow/first.json",
            lambda d: d["properties"]["type"].update(const="first"),
        ),
        ("tag-changed workflow/first.json#/properties/type breaks/breaks/ok",),
    ),
    "a client may send one more member of a union": (
        together(
            lambda files: files.update({"workflow/skip.json": deepcopy(files["workflow/take.json"])}),
            put("workflow/skip.json", "title", value="SkipExpression"),
            put("workflow/skip.json", "properties", "type", "const", value="skip"),
            append("workflow/expression.json", "oneOf", value={"$ref": "skip.json"}),
        ),
        ("union-member-added workflow/expression.json#/oneOf/workflow/skip.json breaks/ok/ok",),
    ),
    "a client may no longer send a member of a union": (
        together(
            lambda files: files.pop("workflow/take.json"),
            lambda files: files["workflow/expression.json"]["oneOf"].remove({"$ref": "take.json"}),
        ),
        ("union-member-removed workflow/expression.json#/oneOf/workflow/take.json ok/breaks/breaks",),
    ),
    "a class has another name": (
        put(INFO, "title", value="RunningProcess"),
        (f"title-changed {INFO}#/title ok/ok/breaks",),
    ),
    "a type is gone": (
        together(
            put(INFO, "properties", "elapsed_secs", "$ref", value="../types.json#/$defs/Usize"),
            drop(TYPES, "$defs", "Seconds"),
        ),
        ("definition-removed types.json#/$defs/Seconds ok/ok/breaks",),
    ),
    # Server messages and events.
    "a server message is added": (
        with_message("notice"),
        ("message-added protocol.json#/messages/notice ok/warn/ok",),
    ),
    "a server message is removed": (
        together(
            take(PROTOCOL, "messages", "mcp_request"), lambda files: files.pop("messages/mcp_request.json")
        ),
        ("message-removed protocol.json#/messages/mcp_request breaks/warn/breaks",),
    ),
    "a server message has another tag": (
        message_with_tag("turn_done", "done"),
        ("message-renamed protocol.json#/messages/turn_done breaks/breaks/breaks",),
    ),
    "a server message comes in another kind of frame": (
        put(PROTOCOL, "messages", "turn_done", "frame", value="binary"),
        ("message-frame-changed protocol.json#/messages/turn_done/frame breaks/breaks/ok",),
    ),
    "servers of one more family send a message": (
        append(PROTOCOL, "messages", "mcp_request", "families", value="0.5"),
        ("message-family-added protocol.json#/messages/mcp_request/families/0.5 ok/warn/ok",),
    ),
    "servers of a family no longer send a message": (
        take(PROTOCOL, "messages", "file", "families", "0.4"),
        ("message-family-removed protocol.json#/messages/file/families/0.4 warn/warn/ok",),
    ),
    "unknown events have another type": (
        together(
            lambda files: files.update({"events/other.json": deepcopy(files["events/unknown.json"])}),
            put("events/other.json", "title", value="OtherFrame"),
            put(PROTOCOL, "messages", "process_event", "unknown", value="events/other.json"),
            put(
                PROTOCOL,
                "objects",
                value=[
                    "manifest/manifest.json",
                    "manifest/runtime.json",
                    "mcp/initialize_result.json",
                    "events/unknown.json",
                ],
            ),
        ),
        (
            "message-unknown-changed protocol.json#/messages/process_event/unknown breaks/breaks/breaks",
            "exports-changed protocol.json#/objects ok/ok/breaks",
        ),
    ),
    "an event is added": (
        with_event("progress", terminal=False),
        ("event-added protocol.json#/events/progress ok/ok/warn",),
    ),
    "an event that ends its process is added": (
        with_event("crash", terminal=True),
        ("event-added protocol.json#/events/crash ok/breaks/warn",),
    ),
    "an event is removed": (
        without_event("stderr"),
        ("event-removed protocol.json#/events/stderr warn/ok/breaks",),
    ),
    "an event that ends its process is removed": (
        without_event("error"),
        ("event-removed protocol.json#/events/error breaks/ok/breaks",),
    ),
    "an event has another tag": (
        event_with_tag("stdout", "output"),
        ("event-renamed protocol.json#/events/stdout breaks/breaks/breaks",),
    ),
    "the class of an event has another name": (
        put(PROTOCOL, "events", "stdout", "class", value="OutputEvent"),
        ("event-class-renamed protocol.json#/events/stdout/class ok/ok/breaks",),
    ),
    "an event no longer ends its process": (
        put(PROTOCOL, "events", "return", "terminal", value=False),
        ("event-terminal-changed protocol.json#/events/return/terminal breaks/breaks/breaks",),
    ),
    "an event is joined from another message": (
        put(PROTOCOL, "events", "file", "assembled_from", value="messages/error.json"),
        ("event-source-changed protocol.json#/events/file/assembled_from breaks/breaks/breaks",),
    ),
    # Errors.
    "an error class is added with its text": (
        with_class("QuotaError", "quota_exceeded"),
        (
            "error-class-added errors.json#/classes/QuotaError ok/ok/ok",
            "text-added errors.json#/texts/quota_exceeded ok/warn/warn",
        ),
    ),
    "an error class is removed with its text": (
        together(
            take(ERRORS, "classes", "TokenBudgetError"), take(ERRORS, "texts", "token_budget_exhausted")
        ),
        (
            "error-class-removed errors.json#/classes/TokenBudgetError ok/ok/breaks",
            "text-removed errors.json#/texts/token_budget_exhausted breaks/ok/breaks",
        ),
    ),
    "an error class has another name": (
        class_renamed("UploadError", "TransferError"),
        ("error-class-renamed errors.json#/classes/UploadError ok/ok/breaks",),
    ),
    "an error class has another category": (
        put(ERRORS, "classes", "UploadError", "category", value="argument"),
        ("error-category-changed errors.json#/classes/UploadError/category ok/ok/breaks",),
    ),
    "an error class has another scope": (
        put(ERRORS, "classes", "TokenBudgetError", "scope", value="request"),
        ("error-scope-changed errors.json#/classes/TokenBudgetError/scope ok/ok/breaks",),
    ),
    "error classes have another order": (
        swapped(ERRORS, "classes"),
        ("errors-reordered errors.json#/classes ok/ok/warn",),
    ),
    "a text without a class is added": (
        append(
            ERRORS,
            "texts",
            value={"id": "no_fuel", "text": "no fuel", "scope": "detail", "families": ["0.5"]},
        ),
        ("text-added errors.json#/texts/no_fuel ok/ok/ok",),
    ),
    "a text without a class is removed": (
        take(ERRORS, "texts", "found_map"),
        ("text-removed errors.json#/texts/found_map ok/ok/ok",),
    ),
    "a text moves to another class": (
        put(ERRORS, "texts", "invalid_token", "class", value="InvalidRequestError"),
        ("text-reclassified errors.json#/texts/invalid_token ok/ok/breaks",),
    ),
    "a text differs": (
        put(ERRORS, "texts", "invalid_token", "text", value="Wrong token"),
        ("text-reworded errors.json#/texts/invalid_token/text breaks/breaks/ok",),
    ),
    "a text without a class differs": (
        put(ERRORS, "texts", "found_map", "text", value="a map"),
        ("text-reworded errors.json#/texts/found_map/text ok/ok/ok",),
    ),
    "a text has another id": (
        put(ERRORS, "texts", "found_map", "id", value="found_object"),
        ("text-id-changed errors.json#/texts/found_map ok/ok/ok",),
    ),
    "other families send a text": (
        append(ERRORS, "texts", "invalid_token", "families", value="0.5"),
        ("text-families-changed errors.json#/texts/invalid_token/families ok/ok/ok",),
    ),
    "a relayed text has another code": (
        put(ERRORS, "texts", "mcp_method_not_found", "code", value=-32000),
        ("text-origin-changed errors.json#/texts/mcp_method_not_found/code warn/warn/ok",),
    ),
    # Families and limits.
    "a family is added": (
        with_family,
        (
            "family-added protocol.json#/families/0.6 ok/breaks/warn",
            "fact-added protocol.json#/connection/close/too_large/0.6 ok/ok/ok",
            "fact-added protocol.json#/behaviour/order/replies/0.6 ok/ok/ok",
            "fact-added protocol.json#/behaviour/order/end_after_reply/0.6 ok/ok/ok",
            "fact-added protocol.json#/behaviour/files/interleaved/0.6 ok/ok/ok",
        ),
    ),
    "a family is removed": (
        without_family("0.4"),
        ("family-removed protocol.json#/families/0.4 breaks/ok/breaks",),
    ),
    "a family has another path": (
        put(PROTOCOL, "families", "0.5", "server", "path", value="/v2/ws"),
        ("family-path-changed protocol.json#/families/0.5/path breaks/breaks/ok",),
    ),
    "a family takes the identity in another header": (
        put(PROTOCOL, "families", "0.5", "server", "identity_header", value="x-identity"),
        ("family-header-changed protocol.json#/families/0.5/identity_header breaks/breaks/ok",),
    ),
    "a family is recognized by another reply": (
        put(PROTOCOL, "families", "0.4", "identified_by", "refusals", value=[]),
        ("family-recognition-changed protocol.json#/families/0.4/identified_by breaks/breaks/ok",),
    ),
    "a family's limit is higher": (
        put(PROTOCOL, "families", "0.5", "frame_bytes", value=2**30),
        ("family-limit-raised protocol.json#/families/0.5/frame_bytes breaks/ok/ok",),
    ),
    "a family's limit is lower": (
        put(PROTOCOL, "families", "0.4", "server", "message_bytes", value=2**20),
        ("family-limit-lowered protocol.json#/families/0.4/message_bytes ok/breaks/warn",),
    ),
    "the end of a connection no longer ends processes": (
        put(PROTOCOL, "families", "0.5", "terminates_on_disconnect", value=False),
        ("family-trait-changed protocol.json#/families/0.5/terminates_on_disconnect breaks/breaks/warn",),
    ),
    "a family has another title": (
        put(PROTOCOL, "families", "0.5", "title", value="Pie 0.5 and later"),
        ("family-description-changed protocol.json#/families/0.5/title ok/ok/warn",),
    ),
    "a limit is added": (
        put(PROTOCOL, "limits", "pending_calls", value={"value": 64, "description": "Most calls at once."}),
        ("limit-added protocol.json#/limits/pending_calls ok/warn/warn",),
    ),
    "a limit is removed": (
        drop(PROTOCOL, "limits", "highest_port"),
        ("limit-removed protocol.json#/limits/highest_port warn/ok/ok",),
    ),
    "a largest size is raised": (
        put(PROTOCOL, "limits", "upload_bytes", "value", value=2**40),
        ("limit-loosened protocol.json#/limits/upload_bytes breaks/ok/ok",),
    ),
    "a largest size becomes a smallest one": (
        put(PROTOCOL, "limits", "upload_bytes", "smallest", value=True),
        ("fact-changed protocol.json#/limits/upload_bytes/smallest breaks/breaks/warn",),
    ),
    "a smallest size is raised": (
        put(PROTOCOL, "limits", "rsa_key_bits", "value", value=3072),
        ("limit-tightened protocol.json#/limits/rsa_key_bits ok/breaks/warn",),
    ),
    # Facts.
    "servers buffer fewer events": (
        put(PROTOCOL, "server", "limits", "buffered_events", "value", value=16),
        ("server-fact-changed protocol.json#/server/limits/buffered_events/value warn/warn/ok",),
    ),
    "replies have another tag": (
        put(PROTOCOL, "reply", value="error"),
        ("wire-name-changed protocol.json#/reply breaks/breaks/ok",),
    ),
    "servers listen on another port": (
        put(PROTOCOL, "connection", "port", value=8081),
        ("connection-changed protocol.json#/connection/port breaks/breaks/ok",),
    ),
    "replies come in another order": (
        put(PROTOCOL, "behaviour", "order", "replies", "0.4", value=False),
        ("behaviour-changed protocol.json#/behaviour/order/replies/0.4 breaks/breaks/warn",),
    ),
    "one more kind of key signs": (
        append(
            PROTOCOL,
            "signatures",
            value={"key": "P-521", "scheme": "ECDSA", "hash": "sha384", "encoding": "der"},
        ),
        ("signature-added protocol.json#/signatures/P-521 breaks/ok/ok",),
    ),
    "a kind of key may no longer sign": (
        take(PROTOCOL, "signatures", "RSA"),
        ("signature-removed protocol.json#/signatures/RSA ok/breaks/breaks",),
    ),
    "a kind of key signs another hash": (
        put(PROTOCOL, "signatures", "RSA", "hash", value="sha384"),
        ("signature-changed protocol.json#/signatures/RSA/hash breaks/breaks/ok",),
    ),
    "the default user differs": (
        put(PROTOCOL, "defaults", "user", value="pie"),
        ("user-changed protocol.json#/defaults/user ok/ok/breaks",),
    ),
    "a field has one more name": (
        put(PROTOCOL, "synonyms", INFO, "owner", value="username"),
        ("synonym-added protocol.json#/synonyms/results~1process_info.json/owner ok/ok/ok",),
    ),
    "a further name of a field is gone": (
        drop(PROTOCOL, "synonyms", INFO),
        ("synonym-removed protocol.json#/synonyms/results~1process_info.json ok/ok/breaks",),
    ),
    "a registry has another path": (
        put(PROTOCOL, "program_registry", "path", value="/api/v2/inferlets/{name}"),
        ("registry-changed protocol.json#/program_registry/path breaks/breaks/ok",),
    ),
    "scripts name their function by another key": (
        put(PROTOCOL, "scripts", "entry", value="function"),
        ("script-changed protocol.json#/scripts/entry breaks/breaks/ok",),
    ),
    "a version of MCP is gone": (
        put(PROTOCOL, "mcp", "versions", value=["2025-11-25"]),
        ("mcp-changed protocol.json#/mcp/versions warn/warn/warn",),
    ),
    "a folder is no longer exported": (
        put(PROTOCOL, "public", value=["results"]),
        ("exports-changed protocol.json#/public ok/ok/breaks",),
    ),
    "a fact is stated for the first time": (
        put(PROTOCOL, "signatures", "Ed25519", "hash", value="sha256"),
        ("fact-added protocol.json#/signatures/Ed25519/hash ok/ok/ok",),
    ),
    "a fact of a section without a rule differs": (
        both(
            together(
                put("protocol.schema.json", "properties", "weather", value={"type": "string"}),
                put(PROTOCOL, "weather", value="fair"),
            ),
            put(PROTOCOL, "weather", value="foul"),
        ),
        ("fact-changed protocol.json#/weather breaks/breaks/warn",),
    ),
    "a fact about requests is stated for the first time": (
        (without_column("request", "requests", "repeatable"), lambda _: None),
        tuple(
            f"fact-added protocol.json#/requests/{tag}/repeatable ok/ok/ok"
            for tag in ("check_program", "query", "list_processes", "ping")
        ),
    ),
    "a fact about requests is not stated any more": (
        without_column("request", "requests", "claims"),
        ("fact-changed protocol.json#/requests/attach_process/claims breaks/breaks/warn",),
    ),
    "keys that sign are stated for the first time": (
        (
            together(drop("protocol.schema.json", "properties", "signatures"), drop(PROTOCOL, "signatures")),
            lambda _: None,
        ),
        ("fact-added protocol.json#/signatures ok/ok/ok",),
    ),
    # What is no change.
    "a description is reworded": (
        together(
            put(PING, "description", value="Wait."),
            put(PING, "properties", "corr_id", "description", value="A number."),
            put(PROTOCOL, "limits", "upload_bytes", "description", value="Largest upload."),
            put(ERRORS, "classes", "UploadError", "advice", value="try again"),
            put(ERRORS, "texts", "invalid_token", "advice", value="pass another token"),
            put(PROTOCOL, "requests", "auth_prove", "instead", value="Identify again"),
        ),
        (),
    ),
    "a file has another name": (moved(INFO, "results/running_process.json"), ()),
}
NOT_VALID = {"a family is removed"}
"""Changes after which the schema is not valid, because a valid one would have hundreds of further changes."""


@cache
def schema() -> Schema:
    return load(ROOT / "schema")


def answers(edits: Edit | tuple[Edit, Edit]) -> list[str]:
    """Return what differs after a change, as rule, path and answers."""
    base, new = deepcopy(schema().parsed), deepcopy(schema().parsed)
    if isinstance(edits, tuple):
        edits[0](base)
    (edits[1] if isinstance(edits, tuple) else edits)(new)
    found = compare(assemble(base), assemble(new))
    return [f"{each.rule.title} {each.path} {'/'.join(each.answers)}" for each in found]


@pytest.mark.parametrize("name", CASES)
def test_a_change_has_the_answers_of_its_rule(name: str) -> None:
    edits, expected = CASES[name]
    assert answers(edits) == list(expected)


@pytest.mark.parametrize("name", [name for name in CASES if name not in NOT_VALID])
def test_the_changed_schema_is_one_that_the_generator_accepts(name: str) -> None:
    edits, _ = CASES[name]
    files = deepcopy(schema().parsed)
    (edits[1] if isinstance(edits, tuple) else edits)(files)
    changed = [file for file, document in files.items() if document != schema().parsed.get(file)]
    own = {*TABLES, *TABLES.values(), DIALECT}
    checks = [(file, TABLES.get(file, DIALECT)) for file in changed if file in TABLES or file not in own]
    problems = [line for file, meta in checks for line in violations(file, files[file], files[meta])]
    new = assemble(files)
    rules = (
        lint.references,
        lint.files,
        lint.properties,
        lint.messages,
        lint.events,
        lint.requests,
        lint.tables,
    )
    assert problems + list(chain.from_iterable(rule(new) for rule in rules)) == []


def test_every_rule_has_a_change() -> None:
    covered = {line.split()[0] for _, expected in CASES.values() for line in expected}
    assert covered == {rule.title for rule in Rule}
