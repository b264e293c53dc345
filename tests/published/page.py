"""The tables of docs/migrating.md."""

import re
from dataclasses import dataclass

from tests.published.comparing import RELEASES
from tests.published.failing import NOTHING
from tests.support.repository import ROOT

TEXT = (ROOT / "docs" / "migrating.md").read_text("utf-8")


@dataclass(frozen=True)
class Row:
    """A line of a table.

    Attributes:
        code: What is in the script.
        releases: The releases whose scripts have it.
        cells: The further cells.
    """

    code: str
    releases: tuple[str, ...]
    cells: tuple[str, ...]


def table(title: str) -> list[Row]:
    """Return the lines of the table in a section."""
    section = re.search(rf"^## {title}$(.*?)(?=^## |\Z)", TEXT, re.DOTALL | re.MULTILINE)
    assert section
    lines = [line.split("|")[1:-1] for line in section[1].splitlines() if line.startswith("| `")]
    rows = [[cell.strip() for cell in line] for line in lines]
    return [
        Row(code.strip("`"), RELEASES if of == "both" else (of,), tuple(cells)) for code, *cells, of in rows
    ]


def agree(found: str, expected: str) -> bool:
    """Return whether a text begins as expected, where ``…`` stands for any text, and is a single line."""
    begin = ".*".join(map(re.escape, expected.split("…")))
    return re.match(begin, found) is not None and "\n" not in found


def error_in(cell: str) -> str:
    """Return the class of the error that a cell names, or NOTHING."""
    named = re.fullmatch("`(.*)`", cell)
    return named[1] if named else NOTHING


def errors_of(release: str) -> list[Row]:
    """Return the lines under *Errors* that are of a release."""
    return [row for row in table("Errors") if release in row.releases]
