"""Exports of the protocol: each has what the schema has, also what was added to it."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from codegen.__main__ import main
from codegen.export import FORMATS, render
from codegen.export.describe import describe
from codegen.schema import CodegenError, load, nodes
from tests.support.repository import EXPORTS, ROOT, add_event, add_request, edit, files_below

OPTIONAL = {"anyOf": [{"$ref": "../types.json#/$defs/Usize"}, {"type": "null"}], "description": "How long."}
TEXT = {"type": "string", "description": "Text of the event."}


@pytest.fixture
def schema(tmp_path: Path) -> Path:
    """A copy of the schema."""
    return shutil.copytree(
        ROOT / "schema", tmp_path / "schema", ignore=shutil.ignore_patterns("dist", "released")
    )


@pytest.fixture(scope="module")
def bundle() -> dict[str, Any]:
    (path,) = (ROOT / EXPORTS / "bundle").iterdir()
    found: dict[str, Any] = json.loads(path.read_bytes())
    return found


def test_a_new_request_event_and_version_reach_every_export(schema: Path) -> None:
    row = {"subject": "reason", "turn_done": "reply"}
    fields = {"reason": {"type": "string", "description": "Why."}, "pause_seconds": OPTIONAL}
    result = {"type": "string", "description": "Where the process pauses."}
    add_request(schema, "pause_process", "Pause a process.", fields, result, row)
    add_event(schema, "progress", "The work goes on.", {"value": TEXT, "percent_done": OPTIONAL})
    edit(schema / "protocol.json", lambda document: document.update(version="7.8.9"))
    files = render(load(schema), Path())
    for name in FORMATS:
        text = "".join(text for path, text in files.items() if path.parts[0] == name)
        added = ("pause_process", "pause_seconds", "percent_done", "progress", "Pause a process.", "7.8.9")
        assert [each for each in added if each not in text] == [], name


def test_facts_of_connections_reach_every_language(schema: Path) -> None:
    def change(document: dict[str, Any]) -> None:
        connection = document["connection"]
        connection["port"] = 4711
        connection["identity"]["pattern"] = "^[a-f]+$"
        connection["statuses"]["unavailable"]["value"] = 599
        connection["close"]["codes"]["going_away"]["value"] = 1099

    edit(schema / "protocol.json", change)
    files = render(load(schema), Path())
    for name in ("typescript", "rust", "go"):
        text = "".join(text for path, text in files.items() if path.parts[0] == name)
        assert [each for each in ("4711", "^[a-f]+$", "599", "1099") if each not in text] == [], name


@pytest.mark.parametrize("name", FORMATS)
def test_the_command_writes_a_format_into_a_folder(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", name, "--out", str(tmp_path)]) == 0
    assert files_below(tmp_path) == files_below(ROOT / EXPORTS / name)
    assert capsys.readouterr().out.endswith(
        f"codegen: {len(files_below(tmp_path))} files, {len(files_below(tmp_path))} changed\n"
    )


def test_the_command_names_the_formats_when_it_does_not_know_one(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["export", "cobol", "--out", "unused"])
    error = capsys.readouterr().err
    assert all(name in error for name in FORMATS)


def test_a_broken_schema_is_not_exported(schema: Path, tmp_path: Path) -> None:
    edit(schema / "events/stdout.json", lambda document: document["required"].remove("event"))
    assert main(["export", "bundle", "--schema", str(schema), "--out", str(tmp_path / "out")]) == 2
    assert not (tmp_path / "out").exists()


def test_every_definition_of_the_bundle_can_be_reached_from_its_root(bundle: dict[str, Any]) -> None:
    definitions: dict[str, Any] = bundle["$defs"]
    root = {key: value for key, value in bundle.items() if key != "$defs"}
    seen, queue = set[str](), [root]
    while queue:
        refs = [node["$ref"] for _, node in nodes(queue.pop()) if isinstance(node.get("$ref"), str)]
        for name in {ref.removeprefix("#/$defs/") for ref in refs} - seen:
            seen.add(name)
            queue.append(definitions[name])
    assert seen == definitions.keys()
    assert describe(load(ROOT / "schema")).definitions.keys() <= seen


@pytest.mark.parametrize(
    ("name", "title", "language"),
    [("typescript", "Record", "TypeScript"), ("rust", "Vec", "Rust"), ("go", "Family", "Go")],
)
def test_a_title_that_hides_another_type_is_refused(
    schema: Path, name: str, title: str, language: str
) -> None:
    edit(schema / "results/process_info.json", lambda document: document.update(title=title))
    with pytest.raises(CodegenError, match=f"title '{title}' has a meaning in {language}"):
        FORMATS[name](describe(load(schema)))
