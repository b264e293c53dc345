"""System programs that tests need. Without them tests are skipped, or fail if ``CI`` is set."""

import os
import shutil
from typing import NoReturn

import pytest


def need(*tools: str) -> list[str]:
    """Return the paths of programs; skip or fail the test if one is missing. Tests use ``@pytest.mark.tools``."""
    found = {tool: shutil.which(tool) for tool in tools}
    if missing := [tool for tool, path in found.items() if path is None]:
        skip_without(f"not installed: {', '.join(missing)}")
    return [path for path in found.values() if path is not None]


def skip_without(reason: str) -> NoReturn:
    """Skip the test because something is missing on this machine, or fail it if ``CI`` is set."""
    if os.environ.get("CI"):
        pytest.fail(f"{reason}; without CI set the test would be skipped", pytrace=False)
    pytest.skip(reason)
