"""The generator: it agrees with what is committed, says what differs, always writes the same, and refuses a bad schema."""

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from codegen.__main__ import main
from tests.support.repository import (
    GENERATED,
    REFERENCE,
    ROOT,
    SERVER_GENERATED,
    JsonObject,
    add_event,
    add_request,
    codegen,
    copy_repository,
    edit,
    files_below,
    generated_files,
    marked_findings,
    mypy_findings,
    run,
    write,
)

STALE = f"{SERVER_GENERATED}/texts.py"
DELETED = f"{GENERATED}/events.py"
STRAY = f"{GENERATED}/notes.txt"
OPTIONAL_TEXT = {"anyOf": [{"type": "string"}, {"type": "null"}], "description": "A text."}


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy that no test changes."""
    return copy_repository(tmp_path_factory.mktemp("pristine") / "copy")


@pytest.fixture
def schema(tmp_path: Path) -> Path:
    """A schema to break, with nothing generated from it yet."""
    shutil.copytree(ROOT / "schema", tmp_path / "schema")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path / "schema"


def generate(schema: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, list[str]]:
    """Generate from a schema; give the exit code and the complaints."""
    status = main(["generate", "--root", str(schema.parent)])
    return status, capsys.readouterr().err.splitlines()


# ------------------------------------------------------------- check


def test_the_committed_files_are_what_the_schema_describes(copy: Path) -> None:
    done = codegen("check", copy)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"codegen: {len(generated_files(copy))} files agree with schema/\n"


@dataclass(frozen=True)
class Drift:
    """A copy whose generated files were tampered with, and what was said of it."""

    before: dict[str, bytes]
    tampered: dict[str, bytes]
    after_check: dict[str, bytes]
    check: subprocess.CompletedProcess[str]
    after_generate: dict[str, bytes]
    generate: subprocess.CompletedProcess[str]
    line: str


@pytest.fixture(scope="module")
def drift(tmp_path_factory: pytest.TempPathFactory) -> Drift:
    root = copy_repository(tmp_path_factory.mktemp("drift") / "copy")
    before = generated_files(root)
    stale = root / STALE
    line = next(li for li in stale.read_text(encoding="utf-8").splitlines() if li.startswith("OK_PING"))
    stale.write_bytes(stale.read_bytes().replace(line.encode(), line.replace("OK", "KO").encode()))
    (root / REFERENCE).write_bytes((root / REFERENCE).read_bytes() + b"\n")
    (root / DELETED).unlink()
    (root / STRAY).write_text("mine", encoding="utf-8")
    (root / GENERATED / "__pycache__").mkdir()
    (root / GENERATED / "__pycache__" / "texts.pyc").write_bytes(b"")
    tampered = generated_files(root)
    check = codegen("check", root)
    after_check = generated_files(root)
    done = codegen("generate", root)
    return Drift(before, tampered, after_check, check, generated_files(root), done, line)


def test_check_fails_when_anything_differs_and_says_what_to_do(drift: Drift) -> None:
    assert drift.check.returncode == 1
    assert drift.check.stderr.endswith("differ from schema/; run `python -m codegen generate`\n")
    assert f"4 of {len(drift.before)} files" in drift.check.stderr


def test_check_shows_the_changed_line_of_a_stale_file_as_a_unified_diff(drift: Drift) -> None:
    _, _, report = drift.check.stdout.partition(f"stale: {STALE}\n")
    diff = report.splitlines()
    assert diff[:2] == [f"--- a/{STALE}", f"+++ b/{STALE}"]
    assert diff[2].startswith("@@ ")
    assert f"-{drift.line.replace('OK', 'KO')}" in diff
    assert f"+{drift.line}" in diff


def test_check_watches_the_protocol_reference_too(drift: Drift) -> None:
    assert f"stale: {REFERENCE}\n--- a/{REFERENCE}\n+++ b/{REFERENCE}\n" in drift.check.stdout


def test_check_names_a_generated_file_that_was_deleted(drift: Drift) -> None:
    assert f"missing: {DELETED}" in drift.check.stdout.splitlines()


def test_check_names_a_file_that_nothing_generates_but_not_a_cache(drift: Drift) -> None:
    extra = [line for line in drift.check.stdout.splitlines() if line.startswith("extra:")]
    assert extra == [f"extra: {STRAY}"]


def test_check_changes_nothing(drift: Drift) -> None:
    assert drift.after_check == drift.tampered


def test_generate_mends_every_difference_and_reports_each(drift: Drift) -> None:
    assert drift.generate.returncode == 0
    assert drift.after_generate == drift.before
    assert sorted(drift.generate.stdout.splitlines()) == sorted(
        [
            f"changed: {STALE}",
            f"changed: {REFERENCE}",
            f"new: {DELETED}",
            f"removed: {STRAY}",
            f"codegen: {len(drift.before)} files, 4 changed",
        ]
    )


# ------------------------------------------------------------- determinism


def test_the_output_depends_on_nothing_but_the_schema(tmp_path: Path) -> None:
    shallow = copy_repository(tmp_path / "a")
    deep = copy_repository(tmp_path / "b" / "with a space" / "and" / "deeper")
    for root in (shallow, deep):
        shutil.rmtree(root / GENERATED)
        shutil.rmtree(root / SERVER_GENERATED)
        (root / REFERENCE).unlink()
    ascii_only = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    assert codegen("generate", shallow, {"PYTHONHASHSEED": "1", **ascii_only}).returncode == 0
    assert codegen("generate", deep, {"PYTHONHASHSEED": "2", "TZ": "Asia/Tokyo"}).returncode == 0
    assert generated_files(shallow) == generated_files(deep)
    assert generated_files(shallow) == generated_files(ROOT)


def test_a_second_generate_changes_nothing(copy: Path) -> None:
    times = {path: path.stat().st_mtime_ns for path in (copy / GENERATED).rglob("*.py")}
    done = codegen("generate", copy)
    assert done.returncode == 0
    assert done.stdout == f"codegen: {len(generated_files(copy))} files, 0 changed\n"
    assert {path: path.stat().st_mtime_ns for path in times} == times


# ------------------------------------------------------------- tools


def test_a_generator_of_another_version_than_the_pinned_one_is_refused(
    schema: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pyproject = schema.parent / "pyproject.toml"
    text = pyproject.read_text(encoding="utf-8")
    pinned = next(line for line in text.splitlines() if "datamodel-code-generator==" in line)
    pyproject.write_text(text.replace(pinned, '  "datamodel-code-generator==0.1.0",'), encoding="utf-8")
    installed = pinned.strip(' ",').partition("==")[2]
    status, complaints = generate(schema, capsys)
    assert status == 2
    assert complaints == [
        f"datamodel-code-generator is {installed}, pyproject.toml pins 0.1.0: run `nox -s generate`, or install the codegen group",
        "codegen: 1 problem(s); nothing was written",
    ]


def test_a_generator_that_is_not_installed_is_named(schema: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pyproject = schema.parent / "pyproject.toml"
    text = pyproject.read_text(encoding="utf-8")
    pyproject.write_text(text.replace("datamodel-code-generator==", "no-such-tool=="), encoding="utf-8")
    status, complaints = generate(schema, capsys)
    assert status == 2
    assert complaints[0].startswith("no-such-tool is not installed, pyproject.toml pins ")


# ------------------------------------------------------------- what the schema must not say

Change = Callable[[Path], None]


def changed(file: str, change: Callable[[JsonObject], object]) -> Change:
    return lambda schema: edit(schema / file, change)


def with_property(name: str, node: object, *, required: bool) -> Change:
    """Add a property to a request."""

    def change(document: JsonObject) -> None:
        document["properties"][name] = node
        if required:
            document["required"].append(name)

    return changed("requests/ping.json", change)


def request_row(document: JsonObject, tag: str) -> JsonObject:
    return next(row for row in document["requests"] if row["type"] == tag)


def without_tag(document: JsonObject) -> None:
    del document["properties"]["type"]
    document["required"].remove("type")


def renamed_file(schema: Path) -> None:
    (schema / "requests/ping.json").rename(schema / "requests/pong.json")
    edit(schema / "protocol.json", lambda d: request_row(d, "ping").update(schema="requests/pong.json"))


def orphan(schema: Path) -> None:
    shutil.copy(schema / "results/submit_workflow.json", schema / "results/alone.json")
    edit(schema / "results/alone.json", lambda d: d.update(title="AloneResult"))


def result_that_is_no_text(document: JsonObject) -> None:
    document.clear()
    document.update(
        title="SubmitWorkflowResult", description="An object.", type="object", properties={}, required=[]
    )


def not_json(schema: Path) -> None:
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
        ["schema/requests/ping.json: $.properties.options: inline object; give it a file and a title"],
    ),
    "missing tag": (
        changed("requests/ping.json", without_tag),
        ["schema/requests/ping.json: needs a required property 'type' with a const"],
    ),
    "tag of another request": (
        changed("requests/ping.json", lambda d: d["properties"]["type"].update(const="pong")),
        [
            "schema/requests/ping.json: type is 'pong', protocol.json says 'ping'",
            "schema/requests/ping.json: the file of type 'pong' is named pong.json",
        ],
    ),
    "file name that is not the tag": (
        renamed_file,
        ["schema/requests/pong.json: the file of type 'ping' is named ping.json"],
    ),
    "dangling reference": (
        changed("requests/ping.json", lambda d: d["properties"]["corr_id"].update({"$ref": "nowhere.json"})),
        ["schema/requests/ping.json: $.properties.corr_id: dangling reference 'nowhere.json'"],
    ),
    "row without a file": (
        changed("protocol.json", lambda d: d["objects"].append("results/nowhere.json")),
        ["schema/protocol.json: names 'results/nowhere.json', which does not exist"],
    ),
    "orphan file": (
        orphan,
        ["schema/results/alone.json: not named by protocol.json, directly or through another file"],
    ),
    "title used twice": (
        changed("results/submit_workflow.json", lambda d: d.update(title="PingRequest")),
        [
            "schema/requests/ping.json: title 'PingRequest' is used twice",
            "schema/results/submit_workflow.json: title 'PingRequest' is used twice",
        ],
    ),
    "title that is no type name": (
        changed("results/submit_workflow.json", lambda d: d.update(title="ping result")),
        ["schema/results/submit_workflow.json: title 'ping result' is not a type name like PingRequest"],
    ),
    "optional but not nullable": (
        with_property("note", {"type": "string", "description": "A note."}, required=False),
        ["schema/requests/ping.json: $.properties.note: optional but not nullable"],
    ),
    "required but nullable": (
        with_property("note", OPTIONAL_TEXT, required=True),
        ["schema/requests/ping.json: $.properties.note: required but nullable"],
    ),
    "requires what it lacks": (
        changed("requests/ping.json", lambda d: d["required"].append("note")),
        ["schema/requests/ping.json: $: requires unknown property 'note'"],
    ),
    "property without a description": (
        with_property("note", {"type": "string"}, required=True),
        ["schema/requests/ping.json: $.properties.note: no description"],
    ),
    "object without a description": (
        changed("results/process_info.json", lambda d: d.pop("description")),
        ["schema/results/process_info.json: $: no description"],
    ),
    "format byte": (
        with_property(
            "blob", {"type": "string", "format": "byte", "description": "Some bytes."}, required=True
        ),
        [
            "schema/requests/ping.json: $.properties.blob: format byte means base64; use format: binary",
        ],
    ),
    "default": (
        with_property("note", {**OPTIONAL_TEXT, "default": "none"}, required=False),
        [
            "schema/requests/ping.json: $.properties.note: default is not used here: put defaults of arguments into protocol.json",
        ],
    ),
    "closed object": (
        changed("requests/ping.json", lambda d: d.update(additionalProperties=False)),
        ["schema/requests/ping.json: $: closed object; every receiver ignores what it does not know"],
    ),
    "untagged union": (
        changed("messages/process_event.json", lambda d: d.pop("discriminator")),
        ["schema/messages/process_event.json: $: a union of objects needs discriminator.propertyName"],
    ),
    "event that is not in the union": (
        changed("messages/process_event.json", lambda d: d["oneOf"].pop(0)),
        [
            "schema/protocol.json: event 'stdout': schema/messages/process_event.json does not list events/stdout.json",
        ],
    ),
    "member of the union that is no event": (
        changed("protocol.json", lambda d: d["events"].pop(0)),
        ["schema/messages/process_event.json: lists events/stdout.json, which is no event of protocol.json"],
    ),
    "event without a text": (
        changed("events/stdout.json", lambda d: d["properties"]["value"].update(type="integer")),
        [
            "schema/events/stdout.json: an event carries a text in a required 'value', which is what recv() gives and what clients read that do not know the event",
        ],
    ),
    "type that has no name in Python": (
        with_property("note", {"type": ["string", "integer"], "description": "A note."}, required=True),
        [
            "schema/requests/ping.json: $.properties.note: needs a $ref, an anyOf, an enum of texts, or one type; an array needs items",
        ],
    ),
    "array of anything": (
        with_property("notes", {"type": "array", "description": "Notes."}, required=True),
        [
            "schema/requests/ping.json: $.properties.notes: needs a $ref, an anyOf, an enum of texts, or one type; an array needs items",
        ],
    ),
    "true as a schema": (
        with_property("note", True, required=True),
        ["schema/requests/ping.json: $.properties.note: true and false are no schemas here"],
    ),
    "result that is no text": (
        changed("results/submit_workflow.json", result_that_is_no_text),
        ["schema/results/submit_workflow.json: a result is a text; describe JSON in it by contentSchema"],
    ),
    "family that does not exist": (
        changed("protocol.json", lambda d: request_row(d, "ping")["families"].append("9.9")),
        ["schema/protocol.json: ping: unknown family '9.9'"],
    ),
    "text of a family that does not exist": (
        changed("errors.json", lambda d: d["texts"][0]["families"].append("9.9")),
        ["schema/errors.json: user_not_authorized: unknown family '9.9'"],
    ),
    "row that appears twice": (
        changed("protocol.json", lambda d: d["requests"].append(request_row(d, "ping"))),
        ["schema/protocol.json: requests: 'ping' appears twice"],
    ),
    "text with an unknown class": (
        changed("errors.json", lambda d: d["texts"][0].update({"class": "NoSuchError"})),
        ["schema/errors.json: user_not_authorized: unknown class 'NoSuchError'"],
    ),
    "class without a text": (
        changed("errors.json", lambda d: d["classes"].append({**d["classes"][0], "name": "LonelyError"})),
        ["schema/errors.json: class LonelyError has no text"],
    ),
    "text with a brace that never closes": (
        changed("errors.json", lambda d: d["texts"][0].update(text="User {username is not authorized")),
        ["schema/errors.json: user_not_authorized: expected '}' before end of string"],
    ),
    "table with an unknown word": (
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
    "argument whose default has no name in Python": (
        changed(
            "protocol.json", lambda d: request_row(d, "ping").update(arguments={"note": {"default": []}})
        ),
        [
            "schema/protocol.json: requests.15.arguments.note.default.bool: Input should be a valid boolean",
            "schema/protocol.json: requests.15.arguments.note.default.int: Input should be a valid integer",
            "schema/protocol.json: requests.15.arguments.note.default.str: Input should be a valid string",
        ],
    ),
    "path of a program registry without the program": (
        changed("protocol.json", lambda d: d["program_registry"].update(path="/api/programs")),
        [
            "schema/protocol.json: $.program_registry.path: '/api/programs' does not match "
            + repr(r"^(/[A-Za-z0-9_.-]+)*/\{name\}(/[A-Za-z0-9_.-]+)*$"),
        ],
    ),
    "program registry that answers with a text": (
        changed(
            "protocol.json", lambda d: d["program_registry"].update(schema="results/submit_workflow.json")
        ),
        [
            "schema/registry/program_listing.json: not named by protocol.json, directly or through another file",
            "schema/registry/program_version.json: not named by protocol.json, directly or through another file",
            "schema/results/submit_workflow.json: a program registry answers with an object; describe its properties",
        ],
    ),
    "file that is no schema": (
        changed("requests/ping.json", lambda d: d.update(required="type")),
        ["schema/requests/ping.json: $.required: 'type' is not of type 'array'"],
    ),
    "file that is no object": (
        lambda schema: write(schema / "results/submit_workflow.json", True),
        ["schema/results/submit_workflow.json: not an object"],
    ),
    "file that is not JSON": (
        not_json,
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
def test_a_broken_schema_is_refused_with_file_and_reason_and_nothing_is_written(
    name: str, schema: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    breaks, expected = BROKEN[name]
    breaks(schema)
    before = files_below(schema.parent)
    status, complaints = generate(schema, capsys)
    assert complaints == [*expected, f"codegen: {len(expected)} problem(s); nothing was written"]
    assert status == 2
    assert files_below(schema.parent) == before


def test_every_problem_is_reported_at_once(schema: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("format byte", "closed object", "text with an unknown class"):
        BROKEN[name][0](schema)
    _, complaints = generate(schema, capsys)
    assert complaints[-1] == "codegen: 3 problem(s); nothing was written"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Event", "src/pie_client/_generated/events.py: defines Event twice"),
        ("None", r"src/pie_client/_generated/events.py: line \d+ is not Python: .+: None = "),
    ],
)
def test_a_name_that_can_not_become_python_is_refused(
    name: str, expected: str, schema: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(schema / "protocol.json", lambda d: d["events"][0].update({"name": name, "class": name}))
    status, complaints = generate(schema, capsys)
    assert status == 2
    assert re.match(expected, complaints[0])
    assert not (schema.parent / "src").exists()


def test_the_exit_code_of_a_broken_schema_reaches_the_shell(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    root = copy_repository(tmp_path_factory.mktemp("broken") / "copy")
    before = generated_files(root)
    (root / "schema/results/submit_workflow.json").write_text("{", encoding="utf-8")
    for command in ("check", "generate"):
        done = codegen(command, root)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith("schema/results/submit_workflow.json: not JSON: ")
    assert generated_files(root) == before


# ------------------------------------------------------------- what the schema may say

WORDS = r"""It's "quoted", a \path, a | bar and a so-called \"\"\"docstring\"\"\", at "last\""""
OPTIONAL_LEVEL = {"anyOf": [{"enum": ["low", "high"]}, {"type": "null"}], "description": WORDS}

USE_OF_ODD_NAMES = """
import asyncio
from typing import Literal, assert_type

from pie_client.protocol import codec
from pie_client._generated.calls import Calls, R
from pie_client._generated.events import MarkEvent, event_of
from pie_client._generated.methods import Method
from pie_client._generated import models


async def send(calls: Calls) -> None:
    await calls.odd(class_="a", self_=1, timeout_=2, models_=["b"], level="low", timeout=3.0)
    await calls.odd(class_="a", self_=1, timeout_=2, models_=["b"], level="middle")  # wrong: arg-type, reportArgumentType


def read(mark: MarkEvent) -> None:
    assert_type(mark.from_, str)
    assert_type(mark.level, Literal["low", "high"] | None)
"""

RUN_WITH_ODD_NAMES = """
import asyncio, json

import msgpack

from pie_client.protocol import codec
from pie_client._generated import methods, models
from pie_client._generated.calls import Calls
from pie_client._generated.events import event_of


class Caller:
    async def call(self, method, build, timeout):
        print(json.dumps([timeout, msgpack.unpackb(codec.encode_client_message(build(7)))]))


asyncio.run(Calls(Caller()).odd(class_="a", self_=1, timeout_=2, models_=["b"], level="low", timeout=3.0))
print(event_of(codec.decode_server_message(msgpack.packb(
    {"type": "process_event", "event": "mark", "process_id": "p", "value": "v", "from": "f", "level": "high"}
))))
print(list(methods.ODD.fields), methods.ODD.subject)
print(json.dumps(Calls.odd.__doc__))
"""


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy whose schema is legal and awkward: names that Python keeps for itself, and texts full of its signs."""
    root = copy_repository(tmp_path_factory.mktemp("odd") / "copy")
    schema = root / "schema"
    fields = {
        "class": {"type": "string", "description": WORDS},
        "self": {"type": "integer", "description": WORDS},
        "timeout": {"type": "integer", "description": WORDS},
        "models": {"type": "array", "items": {"type": "string"}, "description": WORDS},
        "level": OPTIONAL_LEVEL,
    }
    row = {"subject": "class", "fields": {"level": {"families": ["0.5"]}}}
    add_request(schema, "odd", WORDS, fields, {"type": "string", "description": WORDS}, row)
    text = {"type": "string", "description": WORDS}
    event = {"value": text, "from": text, "level": OPTIONAL_LEVEL}
    add_event(schema, "mark", WORDS, event)
    edit(schema / "protocol.json", lambda d: d["limits"]["chunk_bytes"].update(description=WORDS))
    edit(schema / "errors.json", lambda d: d["classes"][0].update(description=WORDS, advice=WORDS))
    edit(schema / "results/challenge.json", lambda d: d.update(description=WORDS))
    done = codegen("generate", root)
    assert done.returncode == 0, done.stderr
    return root


def test_names_that_python_keeps_for_itself_get_an_underscore_in_typed_code(
    odd: Path, tmp_path: Path
) -> None:
    (tmp_path / "use.py").write_text(USE_OF_ODD_NAMES, encoding="utf-8")
    found = mypy_findings(tmp_path, odd / "src", tmp_path / "cache")
    assert found == marked_findings(tmp_path, "mypy")


def test_such_names_keep_their_form_on_the_wire(odd: Path, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(RUN_WITH_ODD_NAMES, encoding="utf-8")
    done = run([script], odd)
    assert done.stderr == ""
    call, event, fields, _ = done.stdout.splitlines()
    message = {"type": "odd", "corr_id": 7, "class": "a", "self": 1, "timeout": 2, "models": ["b"]}
    assert json.loads(call) == [3.0, {**message, "level": "low"}]
    assert event == "MarkEvent(value='v', from_='f', level='high')"
    assert fields == "['level'] class_"


def test_quotes_and_backslashes_of_a_description_reach_the_docstring(odd: Path, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(RUN_WITH_ODD_NAMES, encoding="utf-8")
    doc: str = json.loads(run([script], odd).stdout.splitlines()[-1])
    assert " ".join(doc.split()).count(WORDS) == 7


def test_a_bar_in_a_description_does_not_split_a_cell_of_the_reference(odd: Path) -> None:
    text = (odd / REFERENCE).read_text(encoding="utf-8")
    assert f"| `class_` | required | {WORDS.replace('|', chr(92) + '|')} |\n" in text
