"""Tests that need missing programs are skipped, and fail if CI is set."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.repository import ROOT
from tests.support.tools import need, skip_without

HERE = ROOT / "tests"
MARKED = [
    path.relative_to(ROOT)
    for path in sorted(HERE.rglob("test_*.py"))
    if path != Path(__file__) and "mark.tools(" in path.read_text(encoding="utf-8")
]


@pytest.mark.parametrize(("ci", "outcome"), [("", pytest.skip.Exception), ("true", pytest.fail.Exception)])
def test_a_missing_program_skips_a_test_and_fails_it_in_ci(
    monkeypatch: pytest.MonkeyPatch, ci: str, outcome: type[BaseException]
) -> None:
    monkeypatch.setenv("CI", ci)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(outcome, match="not installed: node"):
        need(sys.executable, "node")
    with pytest.raises(outcome, match="not installed: a driver"):
        skip_without("not installed: a driver")
    assert need(sys.executable) == [sys.executable]


def test_every_marked_test_is_skipped_without_its_programs() -> None:
    assert len(MARKED) >= 4
    done = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "tools", *MARKED],
        cwd=ROOT,
        env={**os.environ, "PATH": "", "CI": "", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=250,
    )
    *_, last = done.stdout.splitlines()
    outcomes = {
        what: int(number) for number, what in re.findall(r"(\d+) (passed|failed|skipped|error)", last)
    }
    assert outcomes.keys() == {"skipped"}
    assert outcomes["skipped"] > 30


def test_only_one_module_looks_for_tools() -> None:
    users = [path.name for path in HERE.rglob("*.py") if "shutil.which" in path.read_text(encoding="utf-8")]
    assert sorted(users) == ["test_tools.py", "tools.py"]
