"""Tests that need programs which are not installed."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.repository import ROOT

HERE = ROOT / "tests"
WITH_TOOLS = [
    path.relative_to(ROOT)
    for path in sorted(HERE.rglob("test_*.py"))
    if path != Path(__file__) and "mark.tools(" in path.read_text(encoding="utf-8")
]


def outcomes(ci: str, *arguments: str | Path, **settings: str) -> dict[str, int]:
    """Run tests where no program is installed; gives how many ended how."""
    done = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments],
        cwd=ROOT,
        env={**os.environ, "PATH": "", "CI": ci, "PYTHONDONTWRITEBYTECODE": "1", **settings},
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    *_, last = done.stdout.splitlines()
    return {what: int(number) for number, what in re.findall(r"(\d+) (passed|failed|skipped|error)", last)}


def test_without_their_tools_tests_are_skipped_but_fail_in_ci() -> None:
    assert len(WITH_TOOLS) >= 4
    (elsewhere,) = outcomes("", "-m", "tools", *WITH_TOOLS).items()
    (in_ci,) = outcomes("true", "-m", "tools", *WITH_TOOLS).items()
    assert elsewhere[0] == "skipped"
    assert in_ci == ("error", elsewhere[1])
    assert elsewhere[1] > 30


@pytest.mark.parametrize(("ci", "outcome"), [("", "skipped"), ("true", "failed")])
def test_without_node_the_clients_that_need_it_are_skipped_but_fail_in_ci(
    tmp_path: Path, ci: str, outcome: str
) -> None:
    told = outcomes(ci, "tests/interop", "-k", "scenario and npm", INTEROP_CLIENTS=str(tmp_path))
    assert told.keys() == {outcome}


@pytest.mark.parametrize(("ci", "outcome"), [("", "skipped"), ("true", "failed")])
def test_without_tools_that_make_keys_the_guide_is_not_tested_silently(ci: str, outcome: str) -> None:
    told = outcomes(ci, "tests/guide/test_keys.py", "-k", "RSA")
    assert outcome in told
    assert not {"skipped", "failed"} - {outcome} & told.keys()


def test_nothing_else_looks_for_tools() -> None:
    looking = [path.name for path in HERE.rglob("*.py") if "shutil.which" in path.read_text(encoding="utf-8")]
    assert sorted(looking) == ["test_tools.py", "tools.py"]
