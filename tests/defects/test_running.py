"""Running tests on mutants: which verdict each kind of mutant gets, and what the command prints and returns."""

import json
from pathlib import Path

import pytest

from tests.defects import running
from tests.defects.__main__ import main

SOURCE = """
def double(number):
    return 2 * number


def half(number):
    return number / 2
"""
TESTS = """
import pytest
from thing import double, half


def test_double():
    assert double(2) == 4


@pytest.mark.parametrize("number", [0, 3])
def test_double_of_some(number):
    assert double(number) == number + number


def test_half():
    assert half(2) == 1


def test_that_fails():
    assert half(2) == 2


@pytest.mark.skip
def test_that_is_skipped():
    assert half(2) == 1
"""
TWICE, HALF = "2 * number", "return number / 2"
ENDLESS = "while True: pass"
MUTANTS = {
    "Triples": ("killed", TWICE, "3 * number", "test_double"),
    "Squares": ("SURVIVED", TWICE, "number ** 2", "test_double"),
    "Squares others": ("killed", TWICE, "number ** 2", "test_double_of_some"),
    "Triples and squares": ("SURVIVED", TWICE, "number ** 2", "test_double_of_some", "test_double"),
    "Never ends": ("killed by the deadline", HALF, ENDLESS, "test_half"),
    "Never ends unexpectedly": ("TIMED OUT", HALF, ENDLESS, "test_half"),
    "Names nothing": ("BROKEN", TWICE, "twice(number)", "test_double"),
    "Is stale": ("BROKEN", "3 * number", "2 * number", "test_double"),
    "Fails anyway": ("BROKEN", HALF, "return 3", "test_that_fails"),
    "Is skipped anyway": ("BROKEN", HALF, "return 3", "test_that_is_skipped"),
}
"""What mutants do, the verdict on each, the text to replace, its replacement and the tests."""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Arguments of the command, for a project with two functions and its mutants."""
    monkeypatch.setattr(running, "HANG_SECONDS", 2.0)
    monkeypatch.setattr(running, "TEST_SECONDS", 5.0)
    # The tests of the project need no others, which take long to load.
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("PYTEST_PLUGINS", "pytest_timeout")
    files = {"src/thing/__init__.py": SOURCE, "tests/test_thing.py": TESTS, "mutants/all.toml": _mutants()}
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    return ["--root", str(tmp_path), "--package", "thing", "--mutants", str(tmp_path / "mutants")]


def _mutants() -> str:
    rows: list[str] = []
    for change, (_verdict, find, replace, *tests) in MUTANTS.items():
        breaks = "D1" if "Squares" in change else "Numbers are right."
        rows += [
            "[[mutants]]",
            f"breaks = {json.dumps(breaks)}",
            f"change = {json.dumps(change)}",
            f"tests = {json.dumps([f'tests/test_thing.py::{test}' for test in tests])}",
            f"hangs = {json.dumps(change == 'Never ends')}",
            "[[mutants.edits]]",
            'file = "__init__.py"',
            f"find = {json.dumps(find)}",
            f"replace = {json.dumps(replace)}",
        ]
    return "\n".join(rows)


def test_every_kind_of_mutant_gets_its_verdict(
    project: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(project) == 1
    out = capsys.readouterr().out
    table = [line.split(" | ") for line in out.splitlines() if line.count(" | ") == 3][1:]
    assert {change: said.partition(":")[0] for _, change, _, said in table} == {
        change: verdict for change, (verdict, *_) in MUTANTS.items()
    }
    assert (
        "D1 | Squares | tests/test_thing.py::test_double | SURVIVED: tests/test_thing.py::test_double passes"
        in out
    )
    assert "D1 | Triples and squares" not in out
    reasons = {change: said for _, change, _, said in table}
    assert "/ E   NameError: name 'twice' is not defined" in reasons["Names nothing"]
    assert "10 mutants in " in out
    assert "2 killed, 1 killed by the deadline, 2 SURVIVED, 1 TIMED OUT, 4 BROKEN" in out
    assert "[10/10]" in out


def test_the_status_is_0_if_the_tests_notice_each_mutant(
    project: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*project, "triples", "--jobs", "1"]) == 1
    assert main([*project, "squares others"]) == 0
    assert "1 mutants in" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="2"):
        main([*project, "D2"])
    assert "no mutant matches D2" in capsys.readouterr().err
