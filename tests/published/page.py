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
        before: What the line says of each release that has it.
        now: The further cells, as they are written.
    """

    code: str
    before: dict[str, str]
    now: tuple[str, ...]


def table(title: str) -> list[Row]:
    """Return the lines of the table in a section."""
    section = re.search(rf"^## {title}$(.*?)(?=^## |\Z)", TEXT, re.DOTALL | re.MULTILINE)
    assert section
    lines = [line.split("|")[1:-1] for line in section[1].splitlines() if line.startswith("| `")]
    rows = [[cell.strip() for cell in line] for line in lines]
    return [
        Row(
            code.strip("`"),
            {release: cell for release, cell in zip(RELEASES, (older, newer), strict=True) if cell},
            tuple(now),
        )
        for code, older, newer, *now in rows
    ]


def agree(found: str, expected: str) -> bool:
    """Return whether a text begins as expected, where ``…`` stands for any text, and is a single line."""
    begin = ".*".join(map(re.escape, expected.split("…")))
    return re.match(begin, found) is not None and "\n" not in found


def error_in(cell: str) -> str:
    """Return the class of the error that a cell names, or NOTHING."""
    named = re.fullmatch("`(.*)`", cell)
    return named[1] if named else NOTHING


def unlike(outcomes: dict[str, str], release: str) -> dict[str, str]:
    """Return what lines under *Errors* do where the page says something else of a release."""
    said = {row.code: error_in(row.before[release]) for row in errors_of(release)}
    return {code: found for code, found in outcomes.items() if not agree(found, said[code])}


def errors_of(release: str) -> list[Row]:
    """Return the lines under *Errors* that are of a release."""
    return [row for row in table("Errors") if release in row.before]
