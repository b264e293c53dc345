"""Read the ledger and the mutants.

``ledger.toml`` says of each defect of earlier clients which tests would fail if this client had it, and ``servers.toml``
of what servers do in which tests the client copes with it. The files in ``mutants`` say how to put a defect into the
package, and which tests have to fail then.
"""

import ast
import re
import tomllib
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict, TypeAdapter

from tests.support.repository import ROOT

HERE = Path(__file__).parent
LEDGER = HERE / "ledger.toml"
SERVERS = HERE / "servers.toml"
MUTANTS = HERE / "mutants"
DEFECT = re.compile(r"\bD\d{1,2}\b")
"""The id of a defect."""
IDS = [
    f"D{number}"
    for numbers in ((1, 16), (20, 36), (40, 47), (50, 53), (60, 72), (80, 87))
    for number in range(numbers[0], numbers[1] + 1)
]
"""The ids of all defects: of the connection, processes, programs, keys, MCP servers and the command line."""
BEHAVIOURS = 23
"""The number of things that servers do, so that a row that is removed is missed: they have no ids."""


class Row(BaseModel):
    """A row of the ledger.

    Attributes:
        defect: What earlier clients did wrong.
        tests: The tests that name the defect: all of those, and no others.
        untested: Why no test is possible, or not yet, if there is none.
        not_injected: Why there is no mutant with this defect, or with a part of it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    defect: str
    tests: list[str] = []
    untested: str = ""
    not_injected: str = ""


class Behaviour(BaseModel):
    """What a server does, as a sentence about it, and the tests in which the client copes with it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    server: str
    tests: list[str]


class Edit(BaseModel):
    """A change of a file of the package: a text that occurs in it exactly once, and its replacement."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    file: str
    find: str
    replace: str


class Mutant(BaseModel):
    """The package with a defect.

    Attributes:
        breaks: The id of the defect in the ledger, or the property that is lost, as a sentence.
        change: What the mutant does, as a sentence.
        tests: The tests that have to fail, each of them.
        hangs: Whether a test that runs into its deadline counts as failed.
        quick: Whether it is one of the few that run in every change.
        edits: The changes that make it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    breaks: str
    change: str
    tests: list[str]
    hangs: bool = False
    quick: bool = False
    edits: list[Edit]

    @property
    def defect(self) -> str:
        """The id of the defect in the ledger, or "" if it breaks something else."""
        return self.breaks if DEFECT.fullmatch(self.breaks) else ""


class StaleMutantError(Exception):
    """The text to replace does not occur exactly once."""


def load_ledger() -> dict[str, Row]:
    """Return the rows of the ledger by their ids."""
    return TypeAdapter(dict[str, Row]).validate_python(tomllib.loads(LEDGER.read_text(encoding="utf-8")))


def load_behaviours() -> list[Behaviour]:
    """Return what servers do."""
    adapter = TypeAdapter(dict[str, list[Behaviour]])
    return adapter.validate_python(tomllib.loads(SERVERS.read_text(encoding="utf-8")))["behaviours"]


def load_mutants(folder: Path = MUTANTS) -> list[Mutant]:
    """Return the mutants of a folder: those of defects first, in the order of their ids."""
    adapter = TypeAdapter(dict[str, list[Mutant]])
    found = [
        mutant
        for path in sorted(folder.glob("*.toml"))
        for mutant in adapter.validate_python(tomllib.loads(path.read_text(encoding="utf-8")))["mutants"]
    ]
    return sorted(found, key=lambda mutant: int(mutant.defect[1:] or 1000))


def apply(mutant: Mutant, package: Path) -> None:
    """Make a mutant of the package in a folder. Raises StaleMutantError."""
    for edit in mutant.edits:
        path = package / edit.file
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        if (count := text.count(edit.find)) != 1:
            raise StaleMutantError(
                f"{mutant.breaks}: {mutant.change} The text to replace occurs {count} times in {edit.file}; write the mutant for the present code: {edit.find!r}"
            )
        path.write_text(text.replace(edit.find, edit.replace), encoding="utf-8")


def named_defects() -> dict[str, set[str]]:
    """Return the tests that name each defect in their docstrings, as ``path::name``."""
    found: dict[str, set[str]] = {}
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for name, docstring in _functions_of(path).items():
            for defect in DEFECT.findall(docstring):
                found.setdefault(defect, set()).add(f"{path.relative_to(ROOT).as_posix()}::{name}")
    return found


def exists(test: str) -> bool:
    """Return whether there is a test function ``path::name``, perhaps with the id of a parameter."""
    path, _, name = test.partition("::")
    return (ROOT / path).is_file() and name.partition("[")[0] in _functions_of(ROOT / path)


def problems_of(
    rows: Mapping[str, Row], named: Mapping[str, AbstractSet[str]], mutants: Sequence[Mutant]
) -> list[str]:
    """Return what is wrong with a ledger, with regard to the tests that name its defects and to the mutants."""
    injected: dict[str, set[str]] = {}
    for mutant in mutants:
        if mutant.defect:
            injected.setdefault(mutant.defect, set()).update(test.partition("[")[0] for test in mutant.tests)
    found = [f"{defect}: no row" for defect in IDS if defect not in rows]
    found += [f"{defect}: there is no such defect" for defect in rows if defect not in IDS]
    found += [
        f"{defect}: no row, but named by {test}"
        for defect, tests in named.items()
        for test in sorted(tests)
        if defect not in rows
    ]
    found += [f"{defect}: no row, but a mutant" for defect in injected if defect not in rows]
    for defect, row in rows.items():
        tests, naming = set(row.tests), named.get(defect, set())
        found += [f"{defect}: no such test: {test}" for test in row.tests if not exists(test)]
        found += [f"{defect}: in its row, but does not name it: {test}" for test in sorted(tests - naming)]
        found += [f"{defect}: names it, but is not in its row: {test}" for test in sorted(naming - tests)]
        if bool(row.tests) == bool(row.untested):
            found.append(f"{defect}: needs either tests or the reason why there are none")
        if row.tests and defect not in injected and not row.not_injected:
            found.append(f"{defect}: needs a mutant, or the reason why there is none")
        found += [
            f"{defect}: kills a mutant, but is not in its row: {test}"
            for test in sorted(injected.get(defect, set()) - tests)
        ]
    return found


@cache
def _functions_of(path: Path) -> Mapping[str, str]:
    return {
        node.name: ast.get_docstring(node) or ""
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    }
