"""Tests that need missing programs are skipped, and fail if CI is set."""

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
    """Run tests with an empty PATH; return the number of tests per outcome."""
    done = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments],
        cwd=ROOT,
        env={**os.environ, "PATH": "", "CI": ci, "PYTHONDONTWRITEBYTECODE": "1", **settings},
        capture_output=True,
        text=True,
        check=False,
        timeout=250,
    )
    *_, last = done.stdout.splitlines()
    return {what: int(number) for number, what in re.findall(r"(\d+) (passed|failed|skipped|error)", last)}


def test_tests_without_their_tools_are_skipped_and_fail_in_ci() -> None:
    assert len(WITH_TOOLS) >= 4
    (locally,) = outcomes("", "-m", "tools", *WITH_TOOLS).items()
    (in_ci,) = outcomes("true", "-m", "tools", *WITH_TOOLS).items()
    assert locally[0] == "skipped"
    assert in_ci == ("error", locally[1])
    assert locally[1] > 30


@pytest.mark.parametrize(("ci", "outcome"), [("", "skipped"), ("true", "failed")])
def test_the_javascript_client_without_node_is_skipped_and_fails_in_ci(
    tmp_path: Path, ci: str, outcome: str
) -> None:
    found = outcomes(ci, "tests/interop", "-k", "scenario and npm", INTEROP_CLIENTS=str(tmp_path))
    assert found.keys() == {outcome}


@pytest.mark.parametrize(("ci", "outcome"), [("", "skipped"), ("true", "failed")])
def test_the_guide_without_key_tools_is_skipped_and_fails_in_ci(ci: str, outcome: str) -> None:
    found = outcomes(ci, "tests/guide/test_keys.py", "-k", "RSA")
    assert outcome in found
    assert not {"skipped", "failed"} - {outcome} & found.keys()


def test_only_one_module_looks_for_tools() -> None:
    users = [path.name for path in HERE.rglob("*.py") if "shutil.which" in path.read_text(encoding="utf-8")]
    assert sorted(users) == ["test_tools.py", "tools.py"]
