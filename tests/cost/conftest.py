"""Fixtures of the cost tests."""

import logging
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def _few_log_records(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Keep the records of thousands of sessions out of the report of a failure."""
    logger = logging.getLogger("pie_client")
    handler = logging.NullHandler()
    logger.addHandler(handler)
    monkeypatch.setattr(logger, "propagate", False)
    yield
    logger.removeHandler(handler)
