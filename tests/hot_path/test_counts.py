"""The hot path does what is recorded: opcodes, calls and allocations repeat exactly."""

import json
import os
import subprocess
import sys
from typing import TypeAlias

import pytest

from tests.hot_path.counting import RECORD, SCRIPTS
from tests.support.repository import ROOT

Counts: TypeAlias = dict[str, dict[str, int]]

VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"
LIMITS: dict[str, Counts] = json.loads(RECORD.read_text("utf-8"))
ADVICE = "if the change is meant, record it: nox -s counts -- --record"

pytestmark = pytest.mark.skipif(
    VERSION not in LIMITS, reason=f"no counts are recorded for Python {VERSION}; {ADVICE}"
)


@pytest.fixture(scope="module")
def counts() -> Counts:
    """The counts of this interpreter, in a process that neither coverage nor debug settings of Python reach."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "COV"))
    }
    done = subprocess.run(
        [sys.executable, "-m", "tests.hot_path.counting"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        check=True,
        timeout=120,
    )
    counted: Counts = json.loads(done.stdout)
    return counted


@pytest.mark.parametrize("work", SCRIPTS)
def test_work_takes_exactly_what_is_recorded(work: str, counts: Counts) -> None:
    """Less is a failure too: a limit that is too high would let the next change pass."""
    recorded, counted = LIMITS[VERSION][work], counts[work]
    changed = [
        f"{kind} {recorded[kind] / recorded['units']:,.2f} -> {counted[kind] / counted['units']:,.2f}"
        for kind in counted
        if counted[kind] != recorded[kind]
    ]
    assert not changed, f"per {work}, with Python {VERSION}: {', '.join(changed)}; {ADVICE}"


def test_every_recorded_work_is_counted() -> None:
    assert all(limits.keys() == SCRIPTS.keys() for limits in LIMITS.values()), ADVICE
