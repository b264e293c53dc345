"""Figures of long tests, shown at the end of a run, also of one with several workers."""

from collections.abc import Iterator

import pytest

FIGURES = "figures"
"""Property under which a test records its figures: ``record_property(FIGURES, "10 drops, 3 s")``."""


def figures_of(reporter: pytest.TerminalReporter) -> Iterator[str]:
    """Yield a line for each test that has recorded its figures."""
    for reports in reporter.stats.values():
        for report in reports:
            if isinstance(report, pytest.TestReport) and report.when == "call":
                for name, figures in report.user_properties:
                    if name == FIGURES:
                        yield f"{report.nodeid}: {figures}, {report.duration:.0f} s"
