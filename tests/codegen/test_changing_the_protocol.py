"""The page about changing the protocol: its example runs, and its table lists every rule."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from codegen.__main__ import main
from codegen.api.compare import TITLES
from codegen.breaking import Rule
from tests.codegen.test_api import NOT_REPORTED
from tests.support.repository import ROOT, copy_repository, edit
from tests.support.tools import need

PAGE = (ROOT / "docs/changing-the-protocol.md").read_text(encoding="utf-8")
STEP = re.compile(
    r"<!-- (?P<kind>change|file|run)(: (?P<name>\S+))? -->\n```\w+\n(?P<code>.*?)```\n(\n```text\n(?P<out>.*?)```\n)?",
    re.DOTALL,
)


def test_the_example_runs_and_prints_what_the_page_shows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (git,) = need("git")
    root = just_released(tmp_path / "copy", "1.0.0")
    for step in STEP.finditer(PAGE):
        if step["kind"] == "change":
            command = [git, "apply", "-p1", "--recount", "-"]
            subprocess.run(command, cwd=root, input=step["code"], encoding="utf-8", check=True)  # noqa: S603 - no shell
        elif step["kind"] == "file":
            (root / step["name"]).write_text(step["code"], encoding="utf-8")
        else:
            statuses, shown = zip(*run(root, step["code"], capsys), strict=True)
            assert max(statuses) == int(step["name"])
            if step["out"]:
                assert shown[0] == step["out"]
    assert main(["breaking", "--root", str(root)]) == 0
    assert "reason" in (root / "src/pie_client/_generated/calls.py").read_text(encoding="utf-8")


def just_released(root: Path, version: str) -> Path:
    """Copy the repository, with its schema as the released one."""
    copy_repository(root)
    edit(root / "schema/protocol.json", lambda d: d.update(version=version))
    shutil.rmtree(root / "schema/released")
    others = shutil.ignore_patterns("vectors", "dist", "*.md")
    shutil.copytree(root / "schema", root / "released", ignore=others)
    (root / "released").rename(root / "schema/released")
    return root


def run(root: Path, commands: str, capsys: pytest.CaptureFixture[str]) -> Iterator[tuple[int, str]]:
    """Run the lines of a block; iterate over exit codes and what was printed."""
    for line in commands.splitlines():
        start, *arguments = re.split(r"(?<=codegen) | ", line.removeprefix("python -m "))
        assert start == "codegen"
        status = main([*arguments, "--root", str(root)])
        yield status, capsys.readouterr().out


def test_the_table_lists_every_rule_with_its_answers() -> None:
    rows = [
        f"| `{rule.title}` | {rule.doc} | {'/'.join(rule.client)} | {'/'.join(rule.server)} |"
        for rule in Rule
    ]
    assert "\n".join(rows) in PAGE


def test_the_page_names_the_rules_that_exist() -> None:
    named = set(re.findall(r"`([a-z]+(?:-[a-z]+)+)`", PAGE))
    assert named <= {rule.title for rule in Rule} | TITLES
    assert named >= TITLES - NOT_REPORTED
