"""Each sentence of docs/security.md names the tests that hold it, and they exist."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from tests.support.repository import ROOT

PAGE = ROOT / "docs" / "security.md"
PROMISES, _, NOT_PROMISED = PAGE.read_text(encoding="utf-8").partition("## What is not promised\n")
SECTION = re.compile(r"^## (.+)$", re.MULTILINE)
SENTENCE = re.compile(r"- (?P<text>[^<>]+?\.) <!-- (?P<tests>[^<>]+?) -->")
INNER_END = re.compile(r"[.!?] +[A-Z`]")


def sentences(text: str) -> dict[str, list[str]]:
    """Return the tests of each sentence. Raises AssertionError for a line that is not a sentence with tests."""
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        if not line or SECTION.fullmatch(line):
            continue
        sentence = SENTENCE.fullmatch(line)
        assert sentence is not None, f"no test: {line}"
        assert INNER_END.search(sentence["text"]) is None, f"more than one sentence: {line}"
        found[sentence["text"]] = sentence["tests"].split()
    return found


PROMISED = sentences(PROMISES[PROMISES.index("## ") :])


@cache
def defined_in(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))}


def test_the_page_has_promises() -> None:
    assert len(PROMISED) > 60
    assert "- " in NOT_PROMISED
    assert "<!--" not in NOT_PROMISED


@pytest.mark.parametrize("sentence", PROMISED)
def test_a_sentence_has_tests_that_exist(sentence: str) -> None:
    for test in PROMISED[sentence]:
        place, _, name = test.partition("::")
        assert Path(place).parts[0] == "tests"
        assert name.startswith("test_")
        assert name in defined_in(ROOT / place), test


@pytest.mark.parametrize(
    "line",
    [
        "- A promise.",
        "- A promise. <!-- -->",
        "A paragraph.",
        "- Two promises. Of them one has a test. <!-- tests/test_x.py::test_x -->",
        "- A promise. <!-- tests/test_x.py::test_x --> And another.",
    ],
)
def test_a_sentence_without_a_test_is_found(line: str) -> None:
    with pytest.raises(AssertionError):
        sentences(f"## Section\n\n{line}\n")
