"""An extended schema: after one command users have a new request, field and event, whatever their names are.

Some of the added names are reserved in Python, and some descriptions are full of characters with a meaning in Python or
Markdown.
"""

import ast
import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.repository import (
    GENERATED,
    REFERENCE,
    ROOT,
    Finding,
    add_event,
    add_object,
    add_request,
    codegen,
    copy_repository,
    edit,
    files_below,
    installed,
    marked_findings,
    mypy_findings,
    pyright_findings,
    run,
)

RIGHT_USE = '''
"""Uses what the drill added, as its users will; prints what came of it."""

import asyncio
import json
from typing import assert_type

from pydantic import JsonValue

from pie_client import Event, InvalidArgumentError, PieClient, ProgressEvent, RefusedError, UnsupportedError, models
from pie_client.testing import InferletSession, LocalEngine, Refusal


async def work(session: InferletSession, input: JsonValue) -> str:
    session.emit(models.ProgressFrame(process_id=session.process_id, value="half way", percent=50))
    session.emit(models.ProgressFrame(process_id=session.process_id, value="nearly"))
    await session.receive()
    return "done"


def pause(request: models.PauseProcessRequest) -> str:
    if request.seconds > 60:
        raise Refusal(f"too long: {request.reason}")
    return models.Pause(paused=True, pending=["stdout"]).model_dump_json()


def launch(request: models.LaunchProcessRequest) -> str:
    raise Refusal(f"priority {request.priority}")


async def use(engine: LocalEngine, client: PieClient) -> None:
    process = await client.launch_process("work@1.0.0")
    result = await client.rpc.pause_process(process_id=process.process_id, seconds=3)
    assert_type(result, models.Pause)
    assert_type(result.pending, list[str])
    print(json.dumps(["paused", result.paused, result.pending]))
    try:
        await client.rpc.pause_process(process_id=process.process_id, seconds=61, reason="lunch")
    except RefusedError as error:
        print(json.dumps(["refused", error.request, error.text, error.subject == process.process_id]))
    try:
        await client.rpc.pause_process(process_id=process.process_id, seconds=-1)
    except InvalidArgumentError as error:
        print(json.dumps(["invalid", str(error)]))

    kind, value = await process.recv()
    print(json.dumps(["received", kind is Event.Progress, str(value)]))
    await process.signal("go on")
    async for event in process:
        if isinstance(event, ProgressEvent):
            assert_type(event.value, str)
            assert_type(event.percent, int | None)
            print(json.dumps(["progress", event.value, event.percent]))
    print(json.dumps(["returned", await process.result(str)]))

    engine.answer(models.LaunchProcessRequest, launch)
    for priority in (7, None):
        try:
            await client.rpc.launch_process(inferlet="work@1.0.0", input="{}", priority=priority)
        except RefusedError as error:
            print(json.dumps(["launch", error.text]))


async def use_with_another_family(client: PieClient) -> None:
    await client.ping()
    try:
        await client.rpc.pause_process(process_id="0", seconds=3)
    except UnsupportedError as error:
        print(json.dumps(["unsupported", str(error)]))


async def main() -> None:
    async with LocalEngine(family="0.5") as engine:
        engine.inferlet("work@1.0.0")(work)
        engine.answer(models.PauseProcessRequest, pause)
        async with PieClient(engine.uri) as client:
            await use(engine, client)
    async with LocalEngine(family="0.4") as engine, PieClient(engine.uri) as client:
        await use_with_another_family(client)


if __name__ == "__main__":
    asyncio.run(main())
'''

WRONG_USE = '''
"""Uses what the drill added wrongly."""

from typing import assert_never

from pie_client import ErrorEvent, MessageEvent, PieClient, ReturnEvent, StderrEvent, StdoutEvent, UnknownEvent, models
from pie_client._generated.events import ModelledEvent


async def call(client: PieClient) -> str:
    await client.rpc.pause_process(process_id="p")  # wrong: call-arg, reportCallIssue
    await client.rpc.pause_process(process_id="p", seconds="3")  # wrong: arg-type, reportArgumentType
    await client.rpc.pause_process(process_id="p", seconds=None)  # wrong: arg-type, reportArgumentType
    await client.rpc.pause_process(process_id="p", seconds=3, reason=4)  # wrong: arg-type, reportArgumentType
    await client.rpc.pause_process(process_id="p", seconds=3, urgent=True)  # wrong: call-arg, reportCallIssue
    await client.rpc.launch_process(inferlet="p", input="", priority="7")  # wrong: arg-type, reportArgumentType
    models.ProgressFrame(process_id="p")  # wrong: call-arg, reportCallIssue
    return await client.rpc.pause_process(process_id="p", seconds=3)  # wrong: return-value, reportReturnType


def read(event: ModelledEvent) -> str | None:
    match event:
        case StdoutEvent(text) | StderrEvent(text) | MessageEvent(text) | ReturnEvent(text) | ErrorEvent(text):
            return text
        case UnknownEvent():
            return None
        case _:
            assert_never(event)  # wrong: arg-type, reportArgumentType
'''

WORDS = r"""It's "quoted", a \path, a | bar and a so-called \"\"\"docstring\"\"\", at "last\""""
OPTIONAL_LEVEL = {"anyOf": [{"enum": ["low", "high"]}, {"type": "null"}], "description": WORDS}

USE_OF_ODD_NAMES = """
from typing import Literal, assert_type

from pie_client._generated.calls import Calls
from pie_client._generated.events import MarkEvent


async def send(calls: Calls) -> None:
    await calls.odd(class_="a", self_=1, timeout_=2, models=["b"], dry_run="c", level="low", timeout=3.0)
    await calls.odd(class_="a", self_=1, timeout_=2, models=["b"], dry_run="c", level="middle")  # wrong: arg-type, reportArgumentType
    assert_type(await calls.str_(), str)


def read(mark: MarkEvent) -> None:
    assert_type(mark.from_, str)
    assert_type(mark.level, Literal["low", "high"] | None)
"""

RUN_WITH_ODD_NAMES = """
import asyncio
import json

import msgpack

from pie_client.protocol import codec
from pie_client._generated import methods, models
from pie_client._generated.calls import Calls


class Caller:
    async def call(self, method, build, timeout):
        print(json.dumps([timeout, msgpack.unpackb(codec.encode(build(7)))]))


asyncio.run(Calls(Caller()).odd(class_="a", self_=1, timeout_=2, models=["b"], dry_run="c", level="low", timeout=3.0))
print(codec.decode(msgpack.packb(
    {"type": "process_event", "event": "mark", "process_id": "p", "value": "v", "from": "f", "level": "high"}
)).event)
print(list(methods.ODD.fields), methods.ODD.subject)
fields = dict(class_="a", self_=1, timeout_=2, models=["b"], dry_run="c")
print(models.OddRequest(corr_id=7, **fields).model_dump(exclude_none=True))
print(json.dumps(Calls.odd.__doc__))
"""

PRINTED = [
    ["paused", True, ["stdout"]],
    ["refused", "pause_process", "too long: lunch", True],
    [
        "invalid",
        "pause_process not sent: seconds: Input should be greater than or equal to 0; correct the argument",
    ],
    ["received", True, "half way"],
    ["progress", "nearly", None],
    ["returned", "done"],
    ["launch", "priority 7"],
    ["launch", "priority None"],
    [
        "unsupported",
        "pause_process needs a Pie 0.6 server; this is Pie 0.3 or 0.4",
    ],
]


@dataclass(frozen=True)
class Extended:
    """A copy of the repository with an extended schema, generated."""

    root: Path
    generate: subprocess.CompletedProcess[str]


@pytest.fixture(scope="module")
def extended(tmp_path_factory: pytest.TempPathFactory) -> Extended:
    root = copy_repository(tmp_path_factory.mktemp("extended") / "copy")
    add_pause_and_progress(root / "schema")
    add_odd_names(root / "schema")
    return Extended(root, codegen("generate", root))


def add_odd_names(schema: Path) -> None:
    fields = {
        "class": {"type": "string", "description": WORDS},
        "self": {"type": "integer", "minimum": 0, "maximum": 9, "description": WORDS},
        "timeout": {"$ref": "../types.json#/$defs/Usize", "description": WORDS},
        "models": {"type": "array", "items": {"type": "string"}, "description": WORDS},
        "dryRun": {"type": "string", "format": "date-time", "description": WORDS},
        "level": OPTIONAL_LEVEL,
    }
    row = {"subject": "class", "fields": {"level": ["0.5"]}}
    add_request(schema, "odd", WORDS, fields, {"type": "string", "description": WORDS}, row)
    text = {"type": "string", "description": WORDS}
    add_request(schema, "str", WORDS, {}, text, {})
    add_event(schema, "mark", WORDS, {"value": text, "from": text, "level": OPTIONAL_LEVEL})
    edit(schema / "protocol.json", lambda d: d["limits"]["chunk_bytes"].update(description=WORDS))
    edit(schema / "errors.json", lambda d: d["classes"][0].update(description=WORDS, advice=WORDS))
    edit(schema / "results/challenge.json", lambda d: d.update(description=WORDS))


def add_pause_and_progress(schema: Path) -> None:
    fields = {
        "process_id": {"$ref": "../types.json#/$defs/ProcessId", "description": "The process that is meant."},
        "seconds": {"$ref": "../types.json#/$defs/Seconds", "description": "How long it rests."},
        "reason": {"anyOf": [{"type": "string"}, {"type": "null"}], "description": "Words for the log."},
    }
    result = {
        "description": "What became of the process.",
        "type": "string",
        "contentMediaType": "application/json",
        "contentSchema": {"$ref": "pause.json"},
    }
    row = {"families": ["0.5"], "subject": "process_id"}
    add_request(schema, "pause_process", "Let a process rest.\n\nIts memory stays.", fields, result, row)
    pause = {
        "paused": {"type": "boolean", "description": "Whether it rests."},
        "pending": {
            "type": "array",
            "items": {"type": "string"},
            "description": "Kinds of events held back.",
        },
    }
    add_object(schema, "pause", "A process at rest.", pause)
    progress = {
        "value": {"type": "string", "description": "In words."},
        "percent": {
            "anyOf": [{"$ref": "../types.json#/$defs/Usize"}, {"type": "null"}],
            "description": "In numbers.",
        },
    }
    add_event(schema, "progress", "How far the program has come.", progress)
    level = {"$ref": "../types.json#/$defs/Integer"}
    priority = {"anyOf": [level, {"type": "null"}], "description": "Higher ones go first."}
    edit(schema / "requests/launch_process.json", lambda d: d["properties"].update(priority=priority))


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("samples")
    (folder / "right_use.py").write_text(RIGHT_USE.lstrip(), encoding="utf-8")
    (folder / "wrong_use.py").write_text(WRONG_USE.lstrip(), encoding="utf-8")
    (folder / "odd_names.py").write_text(USE_OF_ODD_NAMES.lstrip(), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def found_by_mypy(extended: Extended, samples: Path) -> set[Finding]:
    return mypy_findings(samples, extended.root / "src")


def docstring_of(root: Path, call: str) -> str:
    """Return the docstring of a generated call, on one line."""
    tree = ast.parse((root / GENERATED / "calls.py").read_text(encoding="utf-8"))
    functions = (
        node for node in ast.walk(tree) if isinstance(node, ast.AsyncFunctionDef) and node.name == call
    )
    return " ".join((ast.get_docstring(next(functions)) or "").split())


def test_one_command_generates_the_whole_change(extended: Extended) -> None:
    assert (extended.generate.returncode, extended.generate.stderr) == (0, "")
    report = extended.generate.stdout.splitlines()
    for name in ("models", "calls", "methods", "results", "events", "registry", "families"):
        assert f"changed: {GENERATED}/{name}.py" in report
    assert f"changed: {REFERENCE}" in report


def test_hand_written_code_stays_unchanged(extended: Extended) -> None:
    old, new = (
        {n: data for n, data in files_below(root / "src").items() if "_generated" not in n.split("/")}
        for root in (ROOT, extended.root)
    )
    assert new == old


def test_mypy_accepts_right_use_and_names_each_wrong_line(found_by_mypy: set[Finding], samples: Path) -> None:
    assert found_by_mypy == marked_findings(samples, "mypy")


def test_pyright_accepts_right_use_and_names_each_wrong_line(extended: Extended, samples: Path) -> None:
    found = pyright_findings(samples, installed(extended.root / "src", samples.parent / "installed"))
    assert found == marked_findings(samples, "pyright")


def test_a_match_that_forgets_the_new_event_fails_the_type_check(
    found_by_mypy: set[Finding], samples: Path
) -> None:
    lines = (samples / "wrong_use.py").read_text(encoding="utf-8").splitlines()
    line = next(number for number, text in enumerate(lines, 1) if "assert_never(event)" in text)
    assert Finding("wrong_use.py", line, "arg-type") in found_by_mypy


def test_the_new_request_field_and_event_work_against_the_embedded_engine(
    extended: Extended, samples: Path
) -> None:
    done = run(["-W", "error", samples / "right_use.py"], extended.root)
    assert done.stderr == ""
    assert [json.loads(line) for line in done.stdout.splitlines()] == PRINTED


def test_the_new_call_is_documented_where_an_editor_looks(extended: Extended) -> None:
    doc = docstring_of(extended.root, "pause_process")
    assert doc.startswith(
        "Let a process rest. Its memory stays. Known to 0.5 servers since release 0.6. Args: "
    )
    assert "process_id: The process that is meant." in doc
    assert "seconds: How long it rests." in doc
    assert "reason: Words for the log." in doc
    assert "timeout: Seconds until the call is complete" in doc
    assert "Returns: What became of the process." in doc
    assert doc.endswith("See ``schema/requests/pause_process.json``.")
    assert "priority: Higher ones go first." in docstring_of(extended.root, "launch_process")


def test_the_protocol_reference_describes_what_was_added(extended: Extended) -> None:
    reference = (extended.root / REFERENCE).read_text(encoding="utf-8")
    _, _, section = reference.partition("### pause_process\n")
    section = section.partition("\n### ")[0]
    assert section.startswith(
        "\nLet a process rest.\n\nIts memory stays.\n\nKnown to 0.5 servers since release 0.6.\n"
    )
    assert "| `seconds` | required | How long it rests. |" in section
    assert "| `reason` | `None` | Words for the log. |" in section
    assert "| `priority` | `None` | Higher ones go first. |" in reference
    assert "| `Progress` | no | How far the program has come. |" in reference


@pytest.fixture(scope="module")
def printed(extended: Extended, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What a script prints that uses the odd names."""
    script = tmp_path_factory.mktemp("odd") / "script.py"
    script.write_text(RUN_WITH_ODD_NAMES, encoding="utf-8")
    done = run([script], extended.root)
    assert done.stderr == ""
    return done.stdout.splitlines()


def test_names_that_python_reserves_keep_their_form_on_the_wire(printed: list[str]) -> None:
    call, event, fields, dumped, _ = printed
    message = {
        "type": "odd",
        "corr_id": 7,
        "class": "a",
        "self": 1,
        "timeout": 2,
        "models": ["b"],
        "dryRun": "c",
    }
    assert json.loads(call) == [3.0, {**message, "level": "low"}]
    assert event == "MarkEvent(value='v', from_='f', level='high')"
    assert fields == "['level'] class"
    assert dumped == str(message), "a model takes the names of the call"


def test_each_renamed_field_is_reported(extended: Extended) -> None:
    report = extended.generate.stdout.splitlines()
    for wire, name in {
        "class": "class_",
        "self": "self_",
        "timeout": "timeout_",
        "dryRun": "dry_run",
    }.items():
        assert f"renamed: schema/requests/odd.json: {wire!r} is {name!r} in Python" in report
    assert "renamed: schema/events/mark.json: 'from' is 'from_' in Python" in report
    assert "renamed: schema/protocol.json: 'str' is 'str_' in Python" in report
    assert not any("'models'" in line or "'level'" in line for line in report)


def test_quotes_and_backslashes_of_a_description_reach_the_docstring(printed: list[str]) -> None:
    doc: str = json.loads(printed[-1])
    assert " ".join(doc.split()).count(WORDS) == 8


def test_a_bar_in_a_description_does_not_split_a_cell_of_the_reference(extended: Extended) -> None:
    text = (extended.root / REFERENCE).read_text(encoding="utf-8")
    assert f"| `class_` (on the wire: `class`) | required | {WORDS.replace('|', chr(92) + '|')} |\n" in text
