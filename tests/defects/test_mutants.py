"""Mutants stay up to date with the code and the tests; ``nox -s mutants`` checks that the tests notice them."""

import shutil
from collections import Counter
from pathlib import Path

import pytest

from tests.defects.data import DEFECT, Edit, Mutant, StaleMutantError, apply, exists, load_mutants
from tests.support.repository import LEFT_OUT, ROOT

PACKAGE = ROOT / "src/pie_client"
FEW = 20
"""Most mutants that run in every change."""


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package."""
    return Path(shutil.copytree(PACKAGE, tmp_path_factory.mktemp("mutants") / "pie_client", ignore=LEFT_OUT))


def test_every_mutant_applies_to_the_present_code_and_compiles(package: Path) -> None:
    stale: list[str] = []
    for mutant in load_mutants():
        try:
            apply(mutant, package)
        except StaleMutantError as error:
            stale.append(str(error))
        for edit in mutant.edits:
            path = package / edit.file
            compile(path.read_text(encoding="utf-8"), f"{mutant.change} {edit.file}", "exec")
            shutil.copy(PACKAGE / edit.file, path)
    assert stale == []


def test_the_tests_of_every_mutant_exist() -> None:
    assert [test for mutant in load_mutants() for test in mutant.tests if not exists(test)] == []
    assert all(mutant.tests for mutant in load_mutants())


def test_every_mutant_has_a_sentence_of_its_own() -> None:
    mutants = load_mutants()
    sentences = Counter((mutant.breaks, mutant.change) for mutant in mutants)
    assert [sentence for sentence, count in sentences.items() if count > 1] == []
    texts = [m.change for m in mutants] + [m.breaks for m in mutants if not DEFECT.fullmatch(m.breaks)]
    assert [text for text in texts if not text.endswith(".") or not text[0].isupper()] == []


def test_only_a_few_mutants_run_in_every_change() -> None:
    assert 10 <= sum(mutant.quick for mutant in load_mutants()) <= FEW


@pytest.mark.parametrize(("text", "count"), [("nothing like it", 0), ("self", 2)])
def test_a_text_that_is_not_found_exactly_once_makes_a_mutant_stale(
    text: str, count: int, tmp_path: Path
) -> None:
    (tmp_path / "a.py").write_text("self = self", encoding="utf-8")
    edit = Edit(file="a.py", find=text, replace="x")
    with pytest.raises(StaleMutantError, match=rf"occurs {count} times in a\.py; write the mutant for"):
        apply(Mutant(breaks="D1", change="Worse.", tests=[], edits=[edit]), tmp_path)
    assert (tmp_path / "a.py").read_text(encoding="utf-8") == "self = self"
    with pytest.raises(StaleMutantError, match=r"occurs 0 times in gone\.py"):
        apply(
            Mutant(
                breaks="D1", change="Worse.", tests=[], edits=[edit.model_copy(update={"file": "gone.py"})]
            ),
            tmp_path,
        )
