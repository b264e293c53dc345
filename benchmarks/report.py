"""Ratios of runs, and the table that shows them."""

import math
import statistics
from collections.abc import Iterator, Sequence
from typing import TypeAlias

from work import Row, Work

Run: TypeAlias = dict[str, float]
Results: TypeAlias = dict[str, dict[str, list[Run]]]
"""The runs of each client, one per round, by the command of the work."""


def ratios(runs: dict[str, list[Run]], figure: str, subject: str, other: str) -> list[float]:
    """Return the other's figure in units of the subject's, for each round in which both have it."""
    pairs = zip(runs[subject], runs.get(other, ()), strict=other in runs)
    return [b[figure] / max(a[figure], 1e-9) for a, b in pairs if figure in a and figure in b]


def middle(found: Sequence[float]) -> float:
    """Return the median, NaN of nothing."""
    return statistics.median(found) if found else math.nan


def median(runs: list[Run], figure: str) -> float | None:
    """Return the median of a figure, or None if no run has it."""
    found = [run[figure] for run in runs if figure in run]
    return statistics.median(found) if found else None


def amount(value: float, unit: str) -> str:
    """Return a figure with its unit, milliseconds where microseconds are many."""
    if unit == "µs" and value >= 10_000:
        return f"{value / 1000:,.0f} ms"
    return f"{value:,.0f} {unit}" if value >= 100 else f"{value:.3g} {unit}"


def spread(found: Sequence[float]) -> str:
    """Return the median with the quartiles, "" without ratios."""
    if not found:
        return ""
    if len(found) == 1:
        return f"{found[0]:.2f}"
    low, middle, high = statistics.quantiles(found, n=4, method="inclusive")
    return f"{middle:.2f} ({low:.2f}-{high:.2f})"


def table(chosen: Sequence[Work], results: Results, names: Sequence[str]) -> str:
    """Return the table in Markdown: the first client, and how many times better it is than each other one."""
    subject, *others = names
    columns = ["work", subject, "aim"]
    for other in others:
        columns += [other] if other != others[0] else [other, f"{other}, wall clock"]
    lines = [f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
    for work in chosen:
        runs = results[work.command]
        for row in work.rows:
            cells = [row.title, _own(row, runs[subject]), _aims(row)]
            for other in others:
                figures = (
                    [row.figure]
                    if other != others[0]
                    else [row.figure, "wall" if row.figure == "cpu" else ""]
                )
                cells += [spread(ratios(runs, figure, subject, other)) for figure in figures]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def shortfalls(chosen: Sequence[Work], results: Results, subject: str) -> Iterator[str]:
    """Yield a line for each aim that is not reached."""
    for work in chosen:
        runs = results[work.command]
        for row in work.rows:
            for other, aim in row.aims:
                found = middle(ratios(runs, row.figure, subject, other))
                if found < aim:
                    yield f"short: {row.title}: {found:.2f} of {other}, aim {aim:.2f}"
            own = median(runs[subject], row.figure)
            if row.most is not None and own is not None and own > row.most:
                yield f"short: {row.title} ({work.command}): {own:.1f} {row.unit}, aim {row.most:g}"


def _own(row: Row, runs: list[Run]) -> str:
    own = median(runs, row.figure)
    if own is None:
        return "-"
    wall = median(runs, "wall")
    elapsed = f", wall {amount(wall, row.unit)}" if row.figure == "cpu" and wall is not None else ""
    return amount(own, row.unit) + elapsed


def _aims(row: Row) -> str:
    aims = [f"{aim:.3g} to {other}" for other, aim in row.aims]
    if row.most is not None:
        aims.append(f"≤ {row.most:g} {row.unit}")
    return ", ".join(aims)
