"""A schema that breaks a rule is rejected with file, place and reason, and nothing is written."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from codegen.__main__ import main
from tests.support.repository import ROOT, JsonObject, edit, files_below, write

UNBOUNDED = "an integer needs minimum and maximum; Usize and Integer of types.json are 64-bit numbers"
OPTIONAL_TEXT = {"anyOf": [{"type": "string"}, {"type": "null"}], "description": "A text."}

Change = Callable[[Path], None]


@pytest.fixture
def schema(tmp_path: Path) -> Path:
    """A schema to break, from which nothing is generated yet."""
    shutil.copytree(
        ROOT / "schema", tmp_path / "schema", ignore=shutil.ignore_patterns("vectors", "released")
    )
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    # The names that the package's own modules give.
    (tmp_path / "src/pie_client").mkdir(parents=True)
    for name in ("__init__.py", "errors.py"):
        shutil.copy(ROOT / "src/pie_client" / name, tmp_path / "src/pie_client")
    return tmp_path / "schema"


def generate(schema: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, list[str]]:
    """Generate from a schema; return the exit code and the problems."""
    status = main(["generate", "--root", str(schema.parent)])
    return status, capsys.readouterr().err.splitlines()


def changed(file: str, change: Callable[[JsonObject], object]) -> Change:
    return lambda schema: edit(schema / file, change)


def taken(name: str) -> str:
    return f"schema: {name!r} is the name of something else that users import or that Python has; rename the class or title"


def with_property(name: str, node: object, *, required: bool) -> Change:
    """Add a property to a request."""

    def change(document: JsonObject) -> None:
        document["properties"][name] = node
        if required:
            document["required"].append(name)

    return changed("requests/ping.json", change)


def request_row(document: JsonObject, tag: str) -> JsonObject:
    return next(row for row in document["requests"] if row["type"] == tag)


def text_row(document: JsonObject, name: str) -> JsonObject:
    return next(row for row in document["texts"] if row["id"] == name)


def remove_tag(document: JsonObject) -> None:
    del document["properties"]["type"]
    document["required"].remove("type")


def rename_class(document: JsonObject, name: str) -> None:
    old = document["classes"][0]["name"]
    document["classes"][0]["name"] = name
    for row in document["texts"]:
        if row.get("class") == old:
            row["class"] = name


def rename_request(schema: Path, tag: str) -> None:
    (schema / "requests/ping.json").rename(schema / f"requests/{tag}.json")
    edit(schema / f"requests/{tag}.json", lambda d: d["properties"]["type"].update(const=tag))
    edit(
        schema / "protocol.json",
        lambda d: request_row(d, "ping").update(type=tag, schema=f"requests/{tag}.json"),
    )


def rename_file(schema: Path) -> None:
    (schema / "requests/ping.json").rename(schema / "requests/pong.json")
    edit(schema / "protocol.json", lambda d: request_row(d, "ping").update(schema="requests/pong.json"))


def add_unused_file(schema: Path) -> None:
    shutil.copy(schema / "results/submit_workflow.json", schema / "results/alone.json")
    edit(schema / "results/alone.json", lambda d: d.update(title="AloneResult"))


def make_object(document: JsonObject) -> None:
    document.clear()
    document.update(
        title="SubmitWorkflowResult", description="An object.", type="object", properties={}, required=[]
    )


def write_invalid_json(schema: Path) -> None:
    (schema / "results/submit_workflow.json").write_text("{title: SubmitWorkflowResult}", encoding="utf-8")


BROKEN: dict[str, tuple[Change, list[str]]] = {
    "inline object": (
        with_property(
            "options",
            {
                "type": "object",
                "description": "Settings.",
                "properties": {"loud": {"type": "boolean", "description": "Loud."}},
                "required": ["loud"],
            },
            required=True,
        ),
        ["schema/requests/ping.json: $.properties.options: inline object; move it to a file with a title"],
    ),
    "missing tag": (
        changed("requests/ping.json", remove_tag),
        ["schema/requests/ping.json: needs a required property 'type' with a const"],
    ),
    "tag of another request": (
        changed("requests/ping.json", lambda d: d["properties"]["type"].update(const="pong")),
        [
            "schema/requests/ping.json: type is 'pong', but protocol.json has 'ping'",
            "schema/requests/ping.json: must be named pong.json, after its type",
        ],
    ),
    "constant that is not the tag": (
        with_property("also", {"type": "string", "const": "x"}, required=True),
        ["schema/requests/ping.json: 'also' has a const, but is not the tag"],
    ),
    "accepted field that is no field": (
        changed("protocol.json", lambda d: request_row(d, "ping").update(accepts={"n": "Usize"})),
        ["schema/protocol.json: ping: schema/requests/ping.json has no field 'n'"],
    ),
    "pattern that differs between languages": (
        with_property("n", {"type": "string", "pattern": r"^\d$", "description": "A digit."}, required=True),
        [
            r"schema/requests/ping.json: $.properties.n.pattern: \d, \w, \s and \b match other characters in other languages; write [0-9] and such"
        ],
    ),
    "JSON text of any shape": (
        with_property(
            "n",
            {"type": "string", "contentMediaType": "application/json", "description": "JSON."},
            required=True,
        ),
        [
            "schema/requests/ping.json: $.properties.n: JSON text needs a contentSchema; JsonValue of types.json is any JSON"
        ],
    ),
    "file name that is not the tag": (
        rename_file,
        ["schema/requests/pong.json: must be named ping.json, after its type"],
    ),
    "dangling reference": (
        changed("requests/ping.json", lambda d: d["properties"]["corr_id"].update({"$ref": "nowhere.json"})),
        ["schema/requests/ping.json: $.properties.corr_id: dangling reference 'nowhere.json'"],
    ),
    "row without a file": (
        changed("protocol.json", lambda d: d["objects"].append("results/nowhere.json")),
        ["schema/protocol.json: $.objects[3]: 'results/nowhere.json' does not exist"],
    ),
    "unused file": (
        add_unused_file,
        ["schema/results/alone.json: not used by protocol.json, or by a file that it uses"],
    ),
    "title used twice": (
        changed("results/submit_workflow.json", lambda d: d.update(title="PingRequest")),
        [
            "schema/requests/ping.json: title 'PingRequest' is used twice",
            "schema/results/submit_workflow.json: title 'PingRequest' is used twice",
        ],
    ),
    "title that is not a type name": (
        changed("results/submit_workflow.json", lambda d: d.update(title="ping result")),
        ["schema/results/submit_workflow.json: $.title: must be a type name such as PingRequest"],
    ),
    "optional but not nullable": (
        with_property("note", {"type": "string", "description": "A note."}, required=False),
        ["schema/requests/ping.json: $.properties.note: optional but not nullable"],
    ),
    "required but nullable": (
        with_property("note", OPTIONAL_TEXT, required=True),
        ["schema/requests/ping.json: $.properties.note: required but nullable"],
    ),
    "required property that is not defined": (
        changed("requests/ping.json", lambda d: d["required"].append("note")),
        ["schema/requests/ping.json: $: required property 'note' is not defined"],
    ),
    "property without a description": (
        with_property("note", {"type": "string"}, required=True),
        ["schema/requests/ping.json: $.properties.note: no description"],
    ),
    "object without a description": (
        changed("results/process_info.json", lambda d: d.pop("description")),
        ["schema/results/process_info.json: $: 'description' is a required property"],
    ),
    "format byte": (
        with_property(
            "blob", {"type": "string", "format": "byte", "description": "Some bytes."}, required=True
        ),
        [
            "schema/requests/ping.json: $.properties.blob.format: byte means base64; use binary",
        ],
    ),
    "default": (
        with_property("note", {**OPTIONAL_TEXT, "default": "none"}, required=False),
        [
            "schema/requests/ping.json: $.properties.note.default: not allowed; put defaults of arguments into protocol.json",
        ],
    ),
    "closed object": (
        changed("requests/ping.json", lambda d: d.update(additionalProperties=False)),
        [
            "schema/requests/ping.json: $.additionalProperties: receivers ignore unknown fields, so leave the object open"
        ],
    ),
    "tuple": (
        with_property(
            "pair",
            {
                "type": "array",
                "items": {"type": "string"},
                "prefixItems": [{"type": "string"}],
                "description": "Two.",
            },
            required=True,
        ),
        [
            "schema/requests/ping.json: $.properties.pair.prefixItems: not allowed; msgpack has no tuples, so use items"
        ],
    ),
    "repeatable message": (
        changed("protocol.json", lambda d: request_row(d, "signal_process").update(repeatable=True)),
        ["schema/protocol.json: $.requests[12].kind: a repeatable request is a call, not a 'notify'"],
    ),
    "repeatable launch": (
        changed("protocol.json", lambda d: request_row(d, "launch_process").update(repeatable=True)),
        [
            "schema/protocol.json: $.requests[6]: a repeatable request can't have 'captures': carrying it out twice would not be the same as once"
        ],
    ),
    "base64 text": (
        with_property(
            "blob", {"type": "string", "contentEncoding": "base64", "description": "Bytes."}, required=True
        ),
        [
            "schema/requests/ping.json: $.properties.blob.contentEncoding: not allowed; write raw bytes as format: binary"
        ],
    ),
    "properties by pattern": (
        changed("requests/ping.json", lambda d: d.update(patternProperties={"^x": {"type": "string"}})),
        [
            "schema/requests/ping.json: $.patternProperties: not allowed; use a named object or additionalProperties"
        ],
    ),
    "inline object in a result": (
        changed("results/query.json", lambda d: d["contentSchema"].update(properties={})),
        ["schema/results/query.json: $.contentSchema: inline object; move it to a file with a title"],
    ),
    "inline member of a union": (
        changed("messages/process_event.json", lambda d: d["oneOf"].append({"type": "string"})),
        ["schema/messages/process_event.json: $.oneOf[5]: a union may only list references"],
    ),
    "scalar that is not a type name": (
        changed("types.json", lambda d: d["$defs"].update(note={"type": "string", "description": "A note."})),
        ["schema/types.json: $['$defs']: must be a type name such as PingRequest"],
    ),
    "synonyms of a file that does not exist": (
        changed("protocol.json", lambda d: d["synonyms"].update({"results/nowhere.json": {"a": "b"}})),
        ["schema/protocol.json: $.synonyms: 'results/nowhere.json' does not exist"],
    ),
    "untagged union": (
        changed("messages/process_event.json", lambda d: d.pop("discriminator")),
        ["schema/messages/process_event.json: a union of objects needs discriminator.propertyName"],
    ),
    "event that is not in the union": (
        changed("messages/process_event.json", lambda d: d["oneOf"].pop(0)),
        [
            "schema/messages/process_event.json: events/stdout.json is missing from the events",
        ],
    ),
    "member of the union that is not an event": (
        changed("protocol.json", lambda d: d["events"].pop(0)),
        ["schema/protocol.json: events/stdout.json is missing from the events"],
    ),
    "event without text": (
        changed("events/stdout.json", lambda d: d["properties"]["value"].update(type="boolean")),
        [
            "schema/events/stdout.json: needs a required string 'value': recv() returns it, and clients that don't know the event read it",
        ],
    ),
    "two types at once": (
        with_property("note", {"type": ["string", "integer"], "description": "A note."}, required=True),
        [
            """schema/requests/ping.json: $.properties.note.type: one type only; write several as {"anyOf": [{"type": "integer"}, {"type": "null"}]}""",
        ],
    ),
    "constant that may be null": (
        with_property(
            "note",
            {"anyOf": [{"type": "string", "const": "x"}, {"type": "null"}], "description": "A note."},
            required=False,
        ),
        [
            """schema/requests/ping.json: $.properties.note.anyOf[0]: const is for tags only; write {"enum": [...]} with one text"""
        ],
    ),
    "list of constants": (
        with_property(
            "notes",
            {"type": "array", "items": {"type": "string", "const": "x"}, "description": "Notes."},
            required=True,
        ),
        [
            """schema/requests/ping.json: $.properties.notes.items: const is for tags only; write {"enum": [...]} with one text"""
        ],
    ),
    "constant without a type": (
        changed("requests/ping.json", lambda d: d["properties"]["type"].pop("type")),
        ["schema/requests/ping.json: $.properties.type: a const needs a type"],
    ),
    "integer without bounds": (
        with_property("count", {"type": "integer", "description": "A count."}, required=True),
        ["schema/requests/ping.json: $.properties.count: " + UNBOUNDED],
    ),
    "scalar without bounds": (
        changed("types.json", lambda d: d["$defs"]["Seconds"].pop("maximum")),
        ["schema/types.json: $['$defs'].Seconds: " + UNBOUNDED],
    ),
    "behaviour of some families only": (
        changed("protocol.json", lambda d: d["behaviour"]["order"]["replies"].pop("0.5")),
        ["schema/protocol.json: $.behaviour.order.replies: '0.5' is missing"],
    ),
    "status of a family that does not exist": (
        changed(
            "protocol.json", lambda d: d["connection"]["statuses"]["no_endpoint"].update(families=["9.9"])
        ),
        ["schema/protocol.json: $.connection.statuses.no_endpoint.families[0]: '9.9' does not exist"],
    ),
    "fact that the meta-schema does not have": (
        changed("protocol.json", lambda d: d["connection"]["close"].update(politely=True)),
        [
            "schema/protocol.json: $.connection.close: Additional properties are not allowed ('politely' was unexpected)"
        ],
    ),
    "key that signs in two ways": (
        changed("protocol.json", lambda d: d["signatures"].append({**d["signatures"][0], "hash": "sha384"})),
        ["schema/protocol.json: $.signatures: key 'RSA' appears twice"],
    ),
    "call that is never answered": (
        changed("protocol.json", lambda d: request_row(d, "ping").update(never_answers=True)),
        ["schema/protocol.json: $.requests[15].never_answers: servers answer a request of this kind"],
    ),
    "choice of nothing": (
        with_property("note", {"enum": [], "description": "A note."}, required=True),
        ["schema/requests/ping.json: $.properties.note.enum: needs at least one text"],
    ),
    "choice of numbers": (
        with_property("note", {"enum": [1, 2], "description": "A note."}, required=True),
        [
            "schema/requests/ping.json: $.properties.note: needs a $ref, an anyOf, an enum of strings or one type; an array needs items",
        ],
    ),
    "union in a property": (
        with_property(
            "note", {"oneOf": [{"$ref": "../results/query.json"}], "description": "A note."}, required=True
        ),
        ["schema/requests/ping.json: $.properties.note: a union has a file of its own; write a $ref to it"],
    ),
    "bytes that are no string": (
        with_property(
            "blob", {"type": "boolean", "format": "binary", "description": "Bytes."}, required=True
        ),
        ["schema/requests/ping.json: $.properties.blob.type: binary is a format of strings"],
    ),
    "keyword that no code checks": (
        with_property(
            "notes",
            {"type": "array", "items": {"type": "string"}, "uniqueItems": True, "description": "Notes."},
            required=True,
        ),
        [
            "schema/requests/ping.json: $.properties.notes: 'uniqueItems' is not a keyword of the dialect, so generated code would ignore it; README.md lists them"
        ],
    ),
    "mark that is no boolean": (
        with_property("word", {"type": "string", "secret": "yes", "description": "A word."}, required=True),
        ["schema/requests/ping.json: $.properties.word.secret: secret is true or false"],
    ),
    "field that Python can't spell": (
        with_property("dry-run", {"type": "boolean", "description": "Dry."}, required=True),
        [
            "schema/requests/ping.json: $.properties: the name 'dry-run' must consist of letters, digits and _, and begin with a letter"
        ],
    ),
    "two fields with one spelling": (
        changed(
            "requests/query.json",
            lambda d: d["properties"].update(
                dryRun=OPTIONAL_TEXT,
                dry_run=OPTIONAL_TEXT,
                **{"class": OPTIONAL_TEXT, "class_": OPTIONAL_TEXT},
            ),
        ),
        [
            "schema/requests/query.json: $: 'dryRun' and 'dry_run' are both 'dry_run' in Python; rename one",
            "schema/requests/query.json: $: 'class' and 'class_' are both 'class_' in Python; rename one",
        ],
    ),
    "event of a name that is taken": (
        changed("protocol.json", lambda d: d["events"][0].update(name="File")),
        ["schema/protocol.json: $.events: name 'File' appears twice"],
    ),
    "event of a class that is taken": (
        changed("protocol.json", lambda d: d["events"][0].update({"class": "StderrEvent"})),
        ["schema/protocol.json: $.events: class 'StderrEvent' appears twice"],
    ),
    "event of a class of the package": (
        changed("protocol.json", lambda d: d["events"][0].update({"class": "Process"})),
        [taken("Process")],
    ),
    "event of a class that is always generated": (
        changed("protocol.json", lambda d: d["events"][0].update({"class": "UnknownEvent"})),
        [taken("UnknownEvent")],
    ),
    "event of a class that is an exception": (
        changed("protocol.json", lambda d: d["events"][0].update({"class": "PieError"})),
        [taken("PieError")],
    ),
    "error of a class of Python": (
        changed("errors.json", lambda d: rename_class(d, "TimeoutError")),
        [taken("TimeoutError")],
    ),
    "object with the name of an error": (
        changed("results/process_info.json", lambda d: d.update(title="UploadError")),
        [taken("UploadError")],
    ),
    "object with a name that models use": (
        changed("results/process_info.json", lambda d: d.update(title="Field")),
        ["schema: title: models.py uses the name 'Field' itself; choose another"],
    ),
    "advice on a request that does not exist": (
        changed("errors.json", lambda d: text_row(d, "process_not_found")["advice"]["0.4"].update(nope="?")),
        ["schema/errors.json: $.texts[42].advice['0.4']: 'nope' does not exist"],
    ),
    "array of anything": (
        with_property("notes", {"type": "array", "description": "Notes."}, required=True),
        [
            "schema/requests/ping.json: $.properties.notes: needs a $ref, an anyOf, an enum of strings or one type; an array needs items",
        ],
    ),
    "true as a schema": (
        with_property("note", True, required=True),
        [
            "schema/requests/ping.json: $.properties.note: needs a $ref, an anyOf, an enum of strings or one type; an array needs items"
        ],
    ),
    "result that is not text": (
        changed("results/submit_workflow.json", make_object),
        ["schema/results/submit_workflow.json: a result is text; describe JSON in it with contentSchema"],
    ),
    "family that does not exist": (
        changed("protocol.json", lambda d: request_row(d, "ping")["families"].append("9.9")),
        ["schema/protocol.json: $.requests[15].families[2]: '9.9' does not exist"],
    ),
    "request that a family refuses which does not exist": (
        changed("protocol.json", lambda d: request_row(d, "ping").update(useless=["9.9"])),
        ["schema/protocol.json: $.requests[15].useless[0]: '9.9' does not exist"],
    ),
    "field of a family that does not exist": (
        changed(
            "protocol.json", lambda d: request_row(d, "check_program")["fields"].update(wasm_hash=["9.9"])
        ),
        ["schema/protocol.json: $.requests[3].fields.wasm_hash[0]: '9.9' does not exist"],
    ),
    "text of a family that does not exist": (
        changed("errors.json", lambda d: d["texts"][0]["families"].append("9.9")),
        ["schema/errors.json: $.texts[0].families[1]: '9.9' does not exist"],
    ),
    "row that appears twice": (
        changed("protocol.json", lambda d: d["requests"].append(request_row(d, "ping"))),
        ["schema/protocol.json: $.requests: type 'ping' appears twice"],
    ),
    "text with an unknown class": (
        changed("errors.json", lambda d: d["texts"][0].update({"class": "NoSuchError"})),
        ["schema/errors.json: $.texts[0].class: 'NoSuchError' does not exist"],
    ),
    "class without a text": (
        changed("errors.json", lambda d: d["classes"].append({**d["classes"][0], "name": "LonelyError"})),
        ["schema/errors.json: class LonelyError has no text"],
    ),
    "text with a brace that never closes": (
        changed("errors.json", lambda d: d["texts"][0].update(text="User {username is not authorized")),
        ["schema/errors.json: $.texts[0].text: braces must enclose the name of a part that varies"],
    ),
    "text with a part whose name is no identifier": (
        changed("errors.json", lambda d: d["texts"][0].update(text="User {user-name} is not authorized")),
        ["schema/errors.json: $.texts[0].text: braces must enclose the name of a part that varies"],
    ),
    "table with an unknown key": (
        changed("protocol.json", lambda d: request_row(d, "ping").update(urgent=True)),
        [
            "schema/protocol.json: $.requests[15]: Additional properties are not allowed ('urgent' was unexpected)"
        ],
    ),
    "table with a kind that does not exist": (
        changed("protocol.json", lambda d: request_row(d, "signal_process").update(kind="shout")),
        [
            "schema/protocol.json: $.requests[12].kind: 'shout' is not one of ['call', 'notify', 'upload', 'transfer', 'relay']",
        ],
    ),
    "default that is not a scalar": (
        changed("protocol.json", lambda d: request_row(d, "ping").update(defaults={"note": []})),
        [
            "schema/protocol.json: $.requests[15].defaults.note: [] is not of type 'boolean', 'integer', 'string', 'null'"
        ],
    ),
    "default of an unknown field": (
        changed("protocol.json", lambda d: request_row(d, "ping").update(defaults={"note": 1})),
        ["schema/protocol.json: ping: schema/requests/ping.json has no field 'note'"],
    ),
    "required field of some families only": (
        changed("protocol.json", lambda d: request_row(d, "query").update(fields={"record": ["0.4"]})),
        [
            "schema/protocol.json: query: field 'record' is known to some families only, so it must be optional",
        ],
    ),
    "call without a number": (
        changed("protocol.json", lambda d: request_row(d, "signal_process").update(kind="relay")),
        ["schema/requests/signal_process.json: kind relay needs corr_id"],
    ),
    "limit of both sides": (
        changed("protocol.json", lambda d: d["limits"].update(token_bytes=d["limits"]["chunk_bytes"])),
        ["schema/protocol.json: limits: 'token_bytes' appears twice"],
    ),
    "trait of a server among those of clients": (
        changed("protocol.json", lambda d: d["families"][0].update(serial=True)),
        [
            "schema/protocol.json: $.families[0]: Additional properties are not allowed ('serial' was unexpected)"
        ],
    ),
    "scalar that does not exist": (
        changed("protocol.json", lambda d: d["scalars"].update(json="Nowhere")),
        ["schema/protocol.json: $.scalars.json: 'Nowhere' does not exist"],
    ),
    "synonym of an unknown field": (
        changed("protocol.json", lambda d: d["synonyms"].update({"results/process_info.json": {"a": "b"}})),
        [
            "schema/protocol.json: synonyms: 'a' must be a new name for a field of schema/results/process_info.json, not for 'b'",
        ],
    ),
    "unknown result of a family": (
        changed("protocol.json", lambda d: d["families"][0]["identified_by"]["results"].append("Nowhere")),
        ["schema/protocol.json: $.families[0].identified_by.results[2]: 'Nowhere' does not exist"],
    ),
    "path of a program registry without the program": (
        changed("protocol.json", lambda d: d["program_registry"].update(path="/api/programs")),
        [
            "schema/protocol.json: $.program_registry.path: '/api/programs' does not match "
            + repr(r"^(/[A-Za-z0-9_.-]+)*/\{name\}(/[A-Za-z0-9_.-]+)*$"),
        ],
    ),
    "program registry that returns text": (
        changed(
            "protocol.json", lambda d: d["program_registry"].update(schema="results/submit_workflow.json")
        ),
        [
            "schema/registry/program_listing.json: not used by protocol.json, or by a file that it uses",
            "schema/registry/program_version.json: not used by protocol.json, or by a file that it uses",
            "schema/results/submit_workflow.json: a program registry returns an object; describe its properties",
        ],
    ),
    "file that is not a schema": (
        changed("requests/ping.json", lambda d: d.update(required="type")),
        ["schema/requests/ping.json: $.required: 'type' is not of type 'array'"],
    ),
    "file that is not an object": (
        lambda schema: write(schema / "results/submit_workflow.json", True),
        ["schema/results/submit_workflow.json: $: True is not of type 'object'"],
    ),
    "file that is not JSON": (
        write_invalid_json,
        [
            "schema/results/submit_workflow.json: not JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)",
        ],
    ),
    "missing table": (
        lambda schema: (schema / "errors.json").unlink(),
        ["schema/errors.json: missing"],
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_schema_that_breaks_a_rule_is_rejected_and_nothing_is_written(
    name: str, schema: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    breaks, expected = BROKEN[name]
    breaks(schema)
    before = files_below(schema.parent)
    status, problems = generate(schema, capsys)
    several = [f"codegen: {len(expected)} problems; nothing was written"] if len(expected) > 1 else []
    assert problems == expected + several
    assert status == 2
    assert files_below(schema.parent) == before


@pytest.mark.parametrize(
    ("breaks", "place"),
    [
        (
            changed("protocol.json", lambda d: request_row(d, "ping").update(result="results/query.json")),
            "schema/protocol.json: $.requests[15]: ",
        ),
        (
            changed("errors.json", lambda d: text_row(d, "mcp_client_gone").pop("sent_by")),
            "schema/errors.json: $.texts[",
        ),
        (
            changed("errors.json", lambda d: d["texts"][0].update(sent_by=["client"])),
            "schema/errors.json: $.texts[0]: ",
        ),
    ],
    ids=["result and confirmation", "relayed text without a sender", "server's text that a client sends"],
)
def test_a_row_with_contradictory_keys_is_rejected(
    breaks: Change, place: str, schema: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    breaks(schema)
    status, problems = generate(schema, capsys)
    assert status == 2
    assert len(problems) == 1
    assert problems[0].startswith(place)


def test_all_problems_are_reported_together(schema: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("title used twice", "class without a text", "limit of both sides"):
        BROKEN[name][0](schema)
    _, problems = generate(schema, capsys)
    assert problems[-1] == "codegen: 4 problems; nothing was written"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"class": "TextEvent"}, "src/pie_client/_generated/events.py: defines TextEvent twice"),
        (
            {"class": "Mapping"},
            "src/pie_client/_generated/events.py: defines Mapping, which it also takes from Python or another module",
        ),
        ({"name": "None"}, r"src/pie_client/_generated/events.py: line \d+ is not Python: .+: None = "),
    ],
)
def test_a_name_that_python_can_not_define_is_rejected(
    changes: JsonObject, expected: str, schema: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(schema / "protocol.json", lambda d: d["events"][0].update(changes))
    status, problems = generate(schema, capsys)
    assert status == 2
    assert re.match(expected, problems[0])
    assert not (schema.parent / "src/pie_client/_generated").exists()


def test_a_request_with_a_name_that_encoders_use_is_rejected(
    schema: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rename_request(schema, "type")
    expected = "src/pie_client/_generated/encoders.py: defines type, which it also takes from Python or another module"
    assert generate(schema, capsys) == (2, [expected])


# ------------------------------------------------------------- tools


def test_a_tool_of_another_version_than_the_pinned_one_is_rejected(
    schema: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pyproject = schema.parent / "pyproject.toml"
    text = pyproject.read_text(encoding="utf-8")
    installed = re.search(r"datamodel-code-generator==([\d.]+)", text)
    assert installed is not None
    pyproject.write_text(text.replace(installed[0], "datamodel-code-generator==0.1.0"), encoding="utf-8")
    status, problems = generate(schema, capsys)
    assert status == 2
    assert problems == [
        f"datamodel-code-generator is {installed[1]}, but pyproject.toml pins 0.1.0; run `nox -s generate`, or install the codegen group",
    ]


def test_a_tool_that_is_not_installed_is_named(schema: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pyproject = schema.parent / "pyproject.toml"
    text = pyproject.read_text(encoding="utf-8")
    pyproject.write_text(text.replace("datamodel-code-generator==", "no-such-tool=="), encoding="utf-8")
    status, problems = generate(schema, capsys)
    assert status == 2
    assert problems[0].startswith("no-such-tool is not installed, but pyproject.toml pins ")


def test_settings_without_pinned_tools_are_rejected(schema: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (schema.parent / "pyproject.toml").write_text("[tool.ruff]\n", encoding="utf-8")
    status, problems = generate(schema, capsys)
    assert status == 2
    assert problems[0].endswith("pyproject.toml; pass a pyproject.toml with --settings")
