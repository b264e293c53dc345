"""Programs of the system that tests need. Without them tests are skipped, and fail where ``CI`` is set, which is to run all."""

import os
import shutil
from typing import NoReturn

import pytest


def need(*tools: str) -> list[str]:
    """Give the paths of programs; skips or fails where one is not installed. A test says it by ``@pytest.mark.tools``."""
    found = {tool: shutil.which(tool) for tool in tools}
    if missing := [tool for tool, path in found.items() if path is None]:
        lack(f"not installed: {', '.join(missing)}")
    return [path for path in found.values() if path is not None]


def lack(what: str) -> NoReturn:
    """Skip the test because of what is missing on this machine, or fail it where nothing is to be skipped."""
    if os.environ.get("CI"):
        pytest.fail(f"{what}; a test that needs it is skipped, but not where CI is set", pytrace=False)
    pytest.skip(what)
