"""The ledger says of each defect of earlier clients which tests would fail if this client had it."""

import pytest

from tests.defects.data import (
    BEHAVIOURS,
    DEFECT,
    IDS,
    Edit,
    Mutant,
    Row,
    exists,
    load_behaviours,
    load_ledger,
    load_mutants,
    named_defects,
    problems_of,
)
from tests.support.repository import ROOT

THIS = "tests/defects/test_ledger.py::test_each_defect_has_its_tests_and_mutants_or_a_reason"


def test_each_defect_has_its_tests_and_mutants_or_a_reason() -> None:
    assert problems_of(load_ledger(), named_defects(), load_mutants()) == []
    assert list(load_ledger()) == IDS, "the rows are in order"


def test_the_client_copes_in_a_test_with_each_thing_that_servers_do() -> None:
    behaviours = load_behaviours()
    assert len(behaviours) == len({behaviour.server for behaviour in behaviours}) == BEHAVIOURS
    assert [b.server for b in behaviours if not b.tests or not all(map(exists, b.tests))] == []


def test_no_file_of_tests_mentions_an_unknown_defect() -> None:
    named = {
        defect
        for path in (ROOT / "tests").rglob("test_*.py")
        for defect in DEFECT.findall(path.read_text(encoding="utf-8"))
    }
    assert named <= set(IDS)


@pytest.mark.parametrize(
    ("row", "named", "injected", "problem"),
    [
        (None, set[str](), False, "no row"),
        (None, {THIS}, False, f"no row, but named by {THIS}"),
        (None, set[str](), True, "no row, but a mutant"),
        (Row(defect="Wrong."), set[str](), False, "needs either tests or the reason why there are none"),
        (Row(defect="Wrong.", tests=[THIS], untested="It works."), {THIS}, True, "needs either tests or"),
        (Row(defect="Wrong.", tests=[THIS]), set[str](), True, f"does not name it: {THIS}"),
        (Row(defect="Wrong.", untested="No time."), {THIS}, False, f"is not in its row: {THIS}"),
        (
            Row(defect="Wrong.", tests=["tests/gone.py::test_a"]),
            {"tests/gone.py::test_a"},
            True,
            "no such test",
        ),
        (Row(defect="Wrong.", tests=[f"{THIS}_"]), {f"{THIS}_"}, True, "no such test"),
        (Row(defect="Wrong.", tests=[THIS]), {THIS}, False, "needs a mutant, or the reason"),
        (
            Row(defect="Wrong.", untested="No time."),
            set[str](),
            True,
            "kills a mutant, but is not in its row",
        ),
    ],
)
def test_a_missing_or_stale_row_is_a_problem(
    row: Row | None, named: set[str], injected: bool, problem: str
) -> None:
    fine = {defect: Row(defect="Wrong.", untested="No time.") for defect in IDS}
    assert problems_of(fine, {}, []) == []
    rows = {defect: other for defect, other in fine.items() if defect != IDS[0]}
    if row is not None:
        rows[IDS[0]] = row
    edit = Edit(file="client.py", find="a", replace="b")
    mutants = [Mutant(breaks=IDS[0], change="Worse.", tests=[THIS], edits=[edit])] if injected else []
    found = problems_of(rows, {IDS[0]: named} if named else {}, mutants)
    assert any(problem in each for each in found), found
    assert all(each.startswith(f"{IDS[0]}: ") for each in found)


def test_a_row_of_an_unknown_defect_is_a_problem() -> None:
    unknown = "D" + "99"  # in one piece it would be a mention
    rows = {defect: Row(defect="Wrong.", untested="No time.") for defect in [*IDS, unknown]}
    assert problems_of(rows, {}, []) == [f"{unknown}: there is no such defect"]
