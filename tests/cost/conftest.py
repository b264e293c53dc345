"""Fixtures of the cost tests."""

import logging
import sys
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def _untraced() -> Iterator[None]:
    """Measure without the trace function of coverage, which multiplies the time of what it traces."""
    trace = sys.gettrace()
    sys.settrace(None)
    yield
    sys.settrace(trace)


@pytest.fixture(autouse=True)
def _few_log_records(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Keep the records of thousands of sessions out of the report of a failure."""
    logger = logging.getLogger("pie_client")
    handler = logging.NullHandler()
    logger.addHandler(handler)
    monkeypatch.setattr(logger, "propagate", False)
    yield
    logger.removeHandler(handler)
