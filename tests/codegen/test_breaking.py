"""`python -m codegen breaking`: a break fails until it is announced, and an announcement until it is needed."""

import json
import shutil
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import cast

import pytest

from codegen.__main__ import main
from codegen.breaking import compare
from codegen.schema import TYPES, assemble, load
from tests.codegen.test_breaking_rules import row
from tests.support.repository import ROOT, JsonObject, edit, files_below

ANNOUNCED = """\
[[break]]
rule = "event-terminal-changed"
path = "protocol.json#/events/{event}/terminal"
version = "{version}"
reason = "A process may go on after it returned."
"""
CHANGE = {
    "rule": "event-terminal-changed",
    "path": "protocol.json#/events/return/terminal",
    "w1": "breaks",
    "w2": "breaks",
    "api": "breaks",
    "message": "true → false",
}
LINE = "event-terminal-changed protocol.json#/events/return/terminal (breaks/breaks/breaks): true → false"
NEXT = "99.0.0"

PROSE = {
    "description",
    "$schema",
    "examples",
    "advice",
    "instead",
    "since",
    "id",
    "version",
    "license",
    "secret",
}
NAMES = {"$ref", "schema", "result", "unknown", "assembled_from", "params", "objects", "envelope"}
"""Keys whose values name files, which they would not after any change."""


@pytest.fixture
def schemas(tmp_path: Path) -> Path:
    """A folder with the same schema twice: released, and to be changed."""
    for name in ("schema", "schema/released"):
        left_out = shutil.ignore_patterns("vectors", "dist", "released", "README.md")
        shutil.copytree(ROOT / "schema", tmp_path / name, ignore=left_out)
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], command: str, root: Path, *options: str) -> tuple[int, str, str]:
    """Run a command; return the exit code and what was printed."""
    status = main([command, "--root", str(root), *options])
    out, err = capsys.readouterr()
    return status, out, err


def test_a_break_fails_until_it_is_announced_for_the_version_that_brings_it(
    schemas: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    protocol, accepted = schemas / "schema/protocol.json", schemas / "schema/released/accepted.toml"
    edit(protocol, lambda d: row(d["events"], "return").update(terminal=False))
    status, out, err = run(capsys, "breaking", schemas)
    assert (status, out.splitlines()) == (1, [LINE, f"not announced: {LINE}"])
    assert err == f"codegen: changes 1, breaks 1, announced 0; undo a break, or announce it in {accepted}\n"

    # What is not announced well is not released.
    version = json.loads(protocol.read_bytes())["version"]
    for event in ("return", "stdout"):
        with accepted.open("a") as file:
            file.write(ANNOUNCED.format(event=event, version=version))
    status, out, _ = run(capsys, "release", schemas)
    place = "accepted.toml: event-terminal-changed protocol.json#/events"
    goes = (
        f"the versions are {version} and {version}; raise the version in protocol.json, or correct the entry"
    )
    assert status == 1
    assert out.splitlines() == [
        LINE,
        f"wrong version: {place}/return/terminal is announced for {version}, but {goes}",
        f"stale: {place}/stdout/terminal is no break between these versions; remove it",
    ]

    edit(protocol, lambda d: d.update(version=NEXT))
    accepted.write_text(ANNOUNCED.format(event="return", version=NEXT))
    status, out, _ = run(capsys, "breaking", schemas, "--json")
    assert (status, json.loads(out)) == (0, [CHANGE])
    assert run(capsys, "release", schemas)[0] == 0
    found = files_below(schemas / "schema")
    released = {name: data for name, data in found.items() if name.startswith("released/")}
    assert {f"released/{name}": data for name, data in found.items() if name not in released} == released


@pytest.mark.parametrize("option", ["--base", "--new"])
def test_a_folder_without_a_schema_is_named_with_its_option(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], option: str
) -> None:
    problem = f"no protocol.json in {tmp_path}; pass a schema's folder with {option}\n"
    assert run(capsys, "breaking", ROOT, option, str(tmp_path)) == (2, "", problem)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[[break", "not TOML: "),
        ("[breaks]", "holds something else than tables [[break]]"),
        ("[[break]]\nrule = 'request-added'", "entry 1 needs a text for each of path, reason, rule, version"),
        (ANNOUNCED.replace("-terminal-", "-end-"), "entry 1: no rule is called 'event-end-changed'"),
        (ANNOUNCED * 2, "entry 2: event-terminal-changed "),
    ],
    ids=["not TOML", "another table", "incomplete", "unknown rule", "twice"],
)
def test_announcements_that_are_not_valid_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, problem: str
) -> None:
    accepted = tmp_path / "schema/released/accepted.toml"
    accepted.parent.mkdir(parents=True)
    accepted.write_text(text)
    for folder in (accepted.parent, accepted.parents[1]):
        shutil.copy(ROOT / "schema/protocol.json", folder)
    status, out, err = run(capsys, "breaking", tmp_path)
    assert (status, out) == (2, "")
    assert err.startswith(f"{accepted}: {problem}")


def test_no_value_of_the_schema_changes_silently() -> None:
    schema = load(ROOT / "schema")
    checked = dict[str, str]()
    for file in sorted({*schema.documents, "protocol.json", "errors.json"}):
        document = schema.parsed[file]
        for kind, path in leaves(document, file):
            if kind in checked or is_elsewhere(schema.parsed, file, path):
                continue
            checked[kind] = f"{file}: {path}"
            parsed = {**schema.parsed, file: deepcopy(document)}
            change(parsed[file], path)
            assert compare(schema, assemble(parsed)), checked[kind]
    assert len(checked) > 100


def leaves(document: JsonObject, file: str) -> Iterator[tuple[str, list[str | int]]]:
    """Iterate over the values of a file that are not prose: a key that values of the same kind share, and the path."""
    queue: list[tuple[object, list[str | int]]] = [(document, [])]
    folder = file.partition("/")[0]
    while queue:
        value, path = queue.pop(0)
        if isinstance(value, dict):
            for key, each in cast("dict[str, object]", value).items():
                meant = key not in PROSE | NAMES or path[-1:] in (["properties"], ["synonyms"])
                queue += [(each, [*path, key])] if meant else []
        elif isinstance(value, list):
            queue += [(each, [*path, index]) for index, each in enumerate(cast("list[object]", value))]
        elif path != ["title"] or file not in {"protocol.json", "errors.json", TYPES}:
            names = [
                "*" if isinstance(key, int) or before == "properties" else key
                for before, key in zip(["", *path], path, strict=False)
            ]
            yield "/".join([folder, *map(str, names)]), path


def is_elsewhere(parsed: dict[str, JsonObject], file: str, path: list[str | int]) -> bool:
    """Return whether a value repeats one of a table, or describes a transport of MCP."""
    rows = [row for table in ("requests", "messages", "events") for row in parsed["protocol.json"][table]]
    tagged = {row.get("schema") for row in rows}
    is_tag = path[-2:-1] in (["type"], ["event"]) and path[-3:-2] == ["properties"]
    told = path[-1] == "type" or (path[-1] == "const" and file in tagged)
    return (is_tag and told) or path[:2] == ["mcp", "transports"]


def change(document: JsonObject, path: list[str | int]) -> None:
    table = document
    for key in path[:-1]:
        table = table[cast("str", key)]
    last = cast("str", path[-1])
    value: object = table[last]
    table[last] = (
        not value if isinstance(value, bool) else value + 1 if isinstance(value, int) else f"{value}x"
    )
