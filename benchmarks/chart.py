"""Draw the ratios of the table in docs/performance.md: `python benchmarks/chart.py`, or with `--check` only compare.

`nox -s bench -- --record` draws them anew when it writes the table.
"""

import argparse
import math
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path

PAGE = Path(__file__).resolve().parent.parent / "docs" / "performance.md"
PICTURE = PAGE.with_suffix(".svg")
TABLE = re.compile(r"<!-- bench -->\n(?P<heading>.*?):\n\n(?P<table>.*?)<!-- end of bench -->", re.DOTALL)
RATIO = re.compile(r"(?P<middle>[\d.]+)(?: \((?P<low>[\d.]+)-(?P<high>[\d.]+)\))?")
COLOURS = {"0.4.0": "#1a5fb4", "0.5.3": "#c64600", "websockets": "#26734d", "picows": "#813d9c"}
"""What each column with ratios of CPU time or memory is drawn in."""
STYLE = 'font-family="sans-serif" font-size="11" fill="#222" role="img"'
TICKS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100)
WIDTH, MARGIN = 400, 14
"""In units of which one is about a pixel of a phone."""
TOP, ROW, LABEL, LANE = 74, 46, 13, 6
"""Heights: of what is above the rows, of a row, of its label, and of the place of a client in it."""


@dataclass(frozen=True)
class Ratio:
    """How many times better than another client this one is at a piece of work: median and quartiles."""

    client: str
    low: float
    middle: float
    high: float


def rows(table: str) -> Iterator[tuple[str, list[Ratio]]]:
    """Yield the works of a table with their ratios."""
    header, _, *lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines()]
    work = ""
    for title, *cells in lines:
        # A figure of the work in the row above it.
        work = f"{work.partition(',')[0]}: {title}" if title.startswith("its ") else title
        found: list[Ratio] = []
        for client, cell in zip(header[1:], cells, strict=True):
            if client in COLOURS and (ratio := RATIO.fullmatch(cell)):
                middle = float(ratio["middle"])
                found.append(
                    Ratio(client, float(ratio["low"] or middle), middle, float(ratio["high"] or middle))
                )
        yield work.replace("`", ""), found


def place(ratio: float) -> float:
    """Return where a ratio is on the logarithmic axis."""
    first, last = math.log(TICKS[0]), math.log(TICKS[-1] * 1.1)
    return MARGIN + (WIDTH - 2 * MARGIN) * (math.log(ratio) - first) / (last - first)


def chart(heading: str, table: str) -> str:
    """Return the picture of a table."""
    works = list(rows(table))
    bottom = TOP + ROW * len(works)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {bottom + 24}" width="{WIDTH * 1.4:g}" {STYLE}>',
        f"<title>{escape(heading)}</title>",
        f'<rect width="{WIDTH}" height="{bottom + 24}" rx="6" fill="#fff"/>',
        f'<text x="{MARGIN}" y="20" font-weight="bold">Times better than another client in time or memory</text>',
        f'<text x="{MARGIN}" y="36">Point: median. Line: quartiles. Right of 1, this client is better.</text>',
    ]
    for number, (client, colour) in enumerate(COLOURS.items()):
        x = MARGIN + 5 + number * 90
        parts.append(
            f'<circle cx="{x}" cy="52" r="4" fill="{colour}"/><text x="{x + 9}" y="56">{client}</text>'
        )
    for tick in TICKS:
        line = f"{place(tick):.1f}"
        stroke = "#222" if tick == 1 else "#ddd"
        parts.append(f'<path d="M{line} {TOP}V{bottom}" stroke="{stroke}"/>')
        parts.extend(
            f'<text x="{line}" y="{y}" text-anchor="middle" font-size="9">{tick:g}</text>'
            for y in (TOP - 4, bottom + 14)
        )
    for number, (work, ratios) in enumerate(works):
        top = TOP + ROW * number
        parts.append(f'<path d="M{MARGIN} {top}H{WIDTH - MARGIN}" stroke="#ddd"/>')
        # With a border in white, so that lines do not cross the words.
        parts.append(
            f'<text x="{MARGIN}" y="{top + LABEL}" stroke="#fff" stroke-width="3" paint-order="stroke">{escape(work)}</text>'
        )
        for ratio in ratios:
            y = top + LABEL + LANE * (1 + [*COLOURS].index(ratio.client))
            colour = COLOURS[ratio.client]
            parts.append(
                f'<path d="M{place(ratio.low):.1f} {y}H{place(ratio.high):.1f}" stroke="{colour}" stroke-width="2"/>'
            )
            parts.append(
                f'<circle cx="{place(ratio.middle):.1f}" cy="{y}" r="3" fill="{colour}">'
                f"<title>{escape(f'{work}: {ratio.middle:g} to {ratio.client}')}</title></circle>"
            )
    return "\n".join([*parts, "</svg>\n"])


def drawn(page: str) -> str:
    """Return the picture of the table in a page."""
    found = TABLE.search(page)
    if found is None:
        sys.exit("no table between <!-- bench --> and <!-- end of bench -->")
    return chart(found["heading"], found["table"])


def main() -> None:
    """Write the picture, or compare it."""
    parser = argparse.ArgumentParser(description="Draw the ratios of the table in docs/performance.md.")
    parser.add_argument("--check", action="store_true", help="fail if the picture is not that of the table")
    picture = drawn(PAGE.read_text("utf-8"))
    if not parser.parse_args().check:
        PICTURE.write_text(picture, "utf-8")
    elif not PICTURE.exists() or PICTURE.read_text("utf-8") != picture:
        sys.exit(
            "docs/performance.svg is not made of the table in docs/performance.md; run: python benchmarks/chart.py"
        )


if __name__ == "__main__":
    main()
