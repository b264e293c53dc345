"""Another schema generates into another package: no name of this repository's schema or package is built in."""

import json
import shutil
from pathlib import Path

import pytest

from codegen.__main__ import main
from tests.support.repository import ROOT, JsonObject, edit, files_below, run

RENAMED = {
    "CorrelationId": "Ticket",
    "VersionedProgramName": "Release",
    "JsonValue": "Anything",
    '"corr_id"': '"ticket"',
    '"process_id"': '"pid"',
}
PACKAGE = "tide.client"
USE = f"""
import asyncio, json

from {PACKAGE}._generated import decoders, methods, models, registry
from {PACKAGE}._generated.calls import Calls
from {PACKAGE}._generated.families import CORRELATION, EVENT_TAG, MAX_CORRELATION, PROGRAM_PATTERN
from {PACKAGE}._generated.results import decode_query_result
from {PACKAGE}.testing._generated import servers, texts


class Caller:
    async def call(self, method, build, timeout):
        print(json.dumps(build(7)))


asyncio.run(Calls(Caller()).launch_process(inferlet="a@1.0.0", input="{{}}"))
print(registry.record_of(models.StdoutFrame(pid="p", text="hello")))
print(decoders.decode_process_event({{"kind": "process_event", "pid": "p", "event": "stdout", "text": "hello"}}))
print(decoders.decode_process_event({{"kind": "process_event", "pid": "p", "event": "stderr", "text": "hello"}}))
print(registry.CLIENT_MESSAGES[methods.PING.tag] is models.PingRequest, CORRELATION, MAX_CORRELATION, texts.OK_PING)
print(decode_query_result('{{"a": [1]}}'), servers.SERVERS["0.5"].serial)
""".replace("EVENT_TAG, ", "")


def rename_tag(document: JsonObject) -> None:
    """Tag a message by `kind` instead of `type`."""
    if "properties" in document and "const" in document["properties"].get("type", {}):
        document["properties"] = {"kind" if n == "type" else n: p for n, p in document["properties"].items()}
        document["required"] = ["kind" if n == "type" else n for n in document["required"]]


def rename_text(document: JsonObject) -> None:
    """Let an event carry its text in `text` instead of `value`."""
    document["properties"] = {"text" if n == "value" else n: p for n, p in document["properties"].items()}
    document["required"] = ["text" if n == "value" else n for n in document["required"]]


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a schema whose names differ."""
    root = tmp_path_factory.mktemp("second")
    shutil.copytree(ROOT / "schema", root / "tides", ignore=shutil.ignore_patterns("vectors", "released"))
    for path in (root / "tides").rglob("*.json"):
        text = path.read_text(encoding="utf-8")
        for old, new in RENAMED.items():
            text = text.replace(old, new)
        path.write_text(text, encoding="utf-8")
        if path.parent.name in ("requests", "messages", "events"):
            edit(path, rename_tag)
        if path.parent.name == "events":
            edit(path, rename_text)
    edit(root / "tides/events/stderr.json", lambda d: d["properties"]["text"].update(maxLength=80))
    edit(root / "tides/protocol.json", lambda d: d.update(tag="kind", event_text="text"))
    return root


def arguments(command: str, root: Path) -> list[str]:
    options = {
        "root": root,
        "schema": "tides",
        "output": "code",
        "package": PACKAGE,
        "base": "pie_client",
        "reference": "tides.md",
        "settings": ROOT / "pyproject.toml",
    }
    return [command, *(f"--{name}={value}" for name, value in options.items())]


def test_a_second_schema_generates_into_a_package_that_works(
    second: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments("generate", second)) == 0, capsys.readouterr().err
    assert main(arguments("check", second)) == 0, capsys.readouterr().out
    assert {path.split("/")[0] for path in files_below(second)} == {"tides", "code", "tides.md"}
    script = second / "use.py"
    script.write_text(USE, encoding="utf-8")
    done = run([script], ROOT, {"PYTHONPATH": f"{second / 'code'}:{ROOT / 'src'}"})
    assert done.stderr == ""
    launch, record, event, restricted, registry, result = done.stdout.splitlines()
    assert json.loads(launch) == {
        "kind": "launch_process",
        "ticket": 7,
        "inferlet": "a@1.0.0",
        "input": "{}",
        "capture_outputs": True,
    }
    assert event == "(<Event.Stdout: 'stdout'>, 'hello')"
    assert restricted == "None", "the model checks the length"
    assert record == f"EventRecord(process_id='p', event={event})"
    assert registry == "True ticket 4294967295 Pong"
    assert result == "{'a': [1]} False"
