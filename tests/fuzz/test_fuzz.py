"""Bytes that a peer or a file chose break nothing: a short run of every fuzz target, in every run of the tests."""

import importlib.util
import logging
import subprocess
import sys
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.__main__ import committed
from tests.fuzz.targets import TARGETS
from tests.support.repository import ROOT
from tests.support.tools import skip_without

RUNS = {"frames": 150, "decoders": 4000, "sessions": 800, "keys": 1000, "manifests": 1500, "mcp": 1000}
"""Inputs of a short run, by target: about two seconds of each."""
SOAK_RUNS = {
    "frames": 3000,
    "decoders": 800_000,
    "sessions": 40_000,
    "keys": 20_000,
    "manifests": 120_000,
    "mcp": 30_000,
}
"""Inputs of a long run: a million."""


@pytest.fixture(autouse=True)
def _no_log_records() -> Iterator[None]:
    """Keep the records of thousands of inputs out of the report of a failure."""
    logging.disable()
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("name", TARGETS)
def test_known_inputs(name: str) -> None:
    """The seeds, and inputs that failed once or that reach much of the code."""
    inputs = [*TARGETS[name].seeds(), *committed(name)]
    assert inputs
    for data in inputs:
        TARGETS[name].check(data)


@given(data=st.data())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_interleaved_frames_that_hypothesis_chooses_and_makes_small(data: st.DataObject) -> None:
    steps = data.draw(st.lists(st.binary(min_size=1, max_size=12), max_size=60))
    TARGETS["sessions"].check(b"".join(steps))


def fuzz(name: str, runs: int) -> None:
    """Run a target with coverage in a process of its own."""
    if importlib.util.find_spec("atheris") is None:
        skip_without("atheris is not installed; python -m tests.fuzz uses hypothesis then")
    command = [sys.executable, "-m", "tests.fuzz", name, "--runs", str(runs), "--seed", "1"]
    done = subprocess.run(  # noqa: S603 - this interpreter, no shell
        command, cwd=ROOT, capture_output=True, encoding="utf-8", errors="replace", check=False
    )
    report = done.stdout + done.stderr
    assert done.returncode == 0, report[-4000:]
    assert f"Done {runs} in" in report, report[-4000:]


@pytest.mark.parametrize("name", TARGETS)
def test_inputs_that_follow_the_coverage(name: str) -> None:
    fuzz(name, RUNS[name])


@pytest.mark.soak
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("name", TARGETS)
def test_a_million_inputs_that_follow_the_coverage(name: str) -> None:
    fuzz(name, SOAK_RUNS[name])
