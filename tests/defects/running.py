"""Run tests on mutants, each in a process and on a copy of the package of its own."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from xml.etree import ElementTree as ET

from tests.defects.data import Mutant, StaleMutantError, apply

HANG_SECONDS = 10.0
"""Deadline of a test whose mutant hangs, unless the test takes long without it."""
SLOW = 10
"""How many times longer than without a mutant such a test may take before it counts as hung."""
TEST_SECONDS = 120.0
"""Deadline of a test whose mutant should not hang: longer than those of the tests themselves."""
STOP_SECONDS = 30.0
"""Seconds that a process may take beyond the deadlines of its tests."""
BROKEN = re.compile(
    r"^(?:E +)?(?:NameError|UnboundLocalError|ImportError|ModuleNotFoundError|SyntaxError): ", re.MULTILINE
)
"""Errors of a mutant that is not the defect it is meant to be."""
TIMED_OUT = re.compile(r"Timeout \(>[\d.]+s\) from pytest-timeout")
DETAIL_CHARACTERS = 100


class Verdict(Enum):
    """What became of a mutant, or of its tests without it."""

    KILLED = "killed"
    """Every test failed."""
    HUNG = "killed by the deadline"
    """A test ran into its deadline, as its row says."""
    SURVIVED = "SURVIVED"
    """A test passed."""
    TIMED_OUT = "TIMED OUT"
    """A test ran into its deadline, which its row does not say."""
    BROKEN = "BROKEN"
    """The tests did not run, are skipped or fail without the mutant, or the mutant is not valid code."""

    @property
    def good(self) -> bool:
        """Whether the tests noticed the defect."""
        return self in (Verdict.KILLED, Verdict.HUNG)


@dataclass(frozen=True)
class Result:
    """The verdict on a mutant, the reason, and how long it took."""

    mutant: Mutant
    verdict: Verdict
    detail: str
    seconds: float


@dataclass(frozen=True)
class Project:
    """A folder with a package in ``src`` and its tests."""

    root: Path
    package: str

    @property
    def source(self) -> Path:
        """The folder of the package."""
        return self.root / "src" / self.package


@dataclass
class TestRun:
    """The outcome of a run of pytest.

    Attributes:
        failures: The failure text of each test that failed, by ``path::name`` without parameters.
        passed: Tests of which every case passed.
        seconds: The time that each test took.
        output: What pytest printed.
    """

    __test__ = False

    failures: dict[str, str] = field(default_factory=dict[str, str])
    passed: set[str] = field(default_factory=set[str])
    seconds: dict[str, float] = field(default_factory=dict[str, float])
    output: str = ""


class Runner:
    """Runs the tests of a project on mutants of its package.

    Args:
        project: The project. Its files stay unchanged.
        jobs: Number of processes at the same time.
        report: Called with each result, in any thread.
    """

    def __init__(self, project: Project, jobs: int, report: Callable[[Result], None]) -> None:
        self._project = project
        self._jobs = jobs
        self._report = report
        self._control = TestRun()
        self._processes: set[subprocess.Popen[str]] = set()
        """Those that run."""

    def run(self, mutants: Sequence[Mutant]) -> list[Result]:
        """Run the tests of each mutant, first without and then with it, and return the results in the same order."""
        with tempfile.TemporaryDirectory(prefix="mutants-") as name, ThreadPoolExecutor(self._jobs) as pool:
            try:
                return self._run(mutants, Path(name), pool)
            except BaseException:  # such as KeyboardInterrupt
                pool.shutdown(wait=False, cancel_futures=True)
                for process in list(self._processes):
                    _kill(process)
                raise

    def _run(self, mutants: Sequence[Mutant], folder: Path, pool: Executor) -> list[Result]:
        clean = self._copy(folder / "clean")
        tests = sorted({_function(test) for mutant in mutants for test in mutant.tests})
        parts = [part for at in range(self._jobs) if (part := tests[at :: self._jobs])]
        for run in pool.map(self._test, [clean] * len(parts), parts, [TEST_SECONDS] * len(parts)):
            self._control.failures |= run.failures
            self._control.passed |= run.passed
            self._control.seconds |= run.seconds
        folders = [folder / str(number) for number in range(len(mutants))]
        return list(pool.map(self._judge, mutants, [clean] * len(mutants), folders))

    def _copy(self, folder: Path) -> Path:
        shutil.copytree(self._project.source, folder / self._project.package)
        return folder

    def _judge(self, mutant: Mutant, clean: Path, folder: Path) -> Result:
        begin = time.monotonic()
        verdict, detail = self._verdict(mutant, clean, folder)
        result = Result(mutant, verdict, detail, time.monotonic() - begin)
        self._report(result)
        return result

    def _verdict(self, mutant: Mutant, clean: Path, folder: Path) -> tuple[Verdict, str]:
        wrong = [test for test in map(_function, mutant.tests) if test not in self._control.passed]
        if wrong:
            why = self._control.failures.get(wrong[0], "it did not run, or was skipped")
            return Verdict.BROKEN, f"{wrong[0]} does not pass without the mutant: {why}"
        # With the compiled modules of the clean copy, whose files have the same times.
        shutil.copytree(clean, folder)
        try:
            apply(mutant, folder / self._project.package)
        except StaleMutantError as error:
            return Verdict.BROKEN, str(error)
        longest = max(self._control.seconds[_function(test)] for test in mutant.tests)
        seconds = max(HANG_SECONDS, SLOW * longest) if mutant.hangs else TEST_SECONDS
        done = self._test(folder, mutant.tests, seconds)
        shutil.rmtree(folder)
        return _verdict_of(mutant, done)

    def _test(self, folder: Path, tests: Iterable[str], seconds: float) -> TestRun:
        """Run tests on the package in a folder."""
        tests = list(tests)
        report = folder / f"report-{abs(hash(tuple(tests)))}.xml"
        command = [
            *(sys.executable, "-m", "pytest", "-q", "--no-header", "--tb=short", f"--timeout={seconds:.1f}"),
            *("-p", "no:cacheprovider", "-p", "no:xdist", f"--junitxml={report}", *tests),
        ]
        environment = {
            **os.environ,
            "PYTHONPATH": str(folder),
            "HYPOTHESIS_STORAGE_DIRECTORY": str(folder / "hypothesis"),
        }
        with subprocess.Popen(  # noqa: S603 - this interpreter, no shell
            command,
            cwd=self._project.root,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,  # tests start further processes
        ) as process:
            self._processes.add(process)
            try:
                output, _ = process.communicate(timeout=seconds * len(tests) + STOP_SECONDS)
            except subprocess.TimeoutExpired:
                output = f"Timeout (>{seconds:.1f}s) from pytest-timeout, and the process did not end"
            finally:
                self._processes.discard(process)
                _kill(process)
        return _read(report, tests, output)


def _kill(process: subprocess.Popen[str]) -> None:
    """Kill a process and those that its tests have left."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _read(report: Path, tests: Sequence[str], output: str) -> TestRun:
    """Read the report of pytest on tests."""
    run = TestRun(output=output)
    if not report.exists():
        if TIMED_OUT.search(output):
            run.failures = dict.fromkeys(map(_function, tests), output)
        return run
    seen: set[str] = set()
    imperfect: set[str] = set()
    for case in ET.parse(report).getroot().iter("testcase"):  # noqa: S314 - pytest wrote it
        name = f"{case.get('classname', '').replace('.', '/')}.py::{_function(case.get('name', ''))}"
        seen.add(name)
        run.seconds[name] = run.seconds.get(name, 0.0) + float(case.get("time", "0"))
        if len(case):
            imperfect.add(name)
        if (failure := case.find("failure")) is not None:
            run.failures.setdefault(name, f"{failure.get('message', '')}\n{failure.text}")
    run.passed = seen - imperfect
    return run


def _verdict_of(mutant: Mutant, run: TestRun) -> tuple[Verdict, str]:
    """Return the verdict on a mutant after its tests have run on it, and the reason."""
    texts = [run.failures.get(_function(test)) for test in mutant.tests]
    failures = [text for text in texts if text is not None]
    if any(BROKEN.search(text) for text in failures):
        return Verdict.BROKEN, "the mutant is not valid: " + failures[0]
    if len(failures) < len(texts):
        test = next(t for t, text in zip(mutant.tests, texts, strict=True) if text is None)
        if _function(test) in run.passed:
            return Verdict.SURVIVED, f"{test} passes"
        last = run.output.strip().splitlines()[-1:] or ["no output"]
        return Verdict.BROKEN, f"{test} did not fail, but did not pass either: {last[0]}"
    if any(TIMED_OUT.search(text) for text in failures):
        return (Verdict.HUNG if mutant.hangs else Verdict.TIMED_OUT), "a test did not end"
    return Verdict.KILLED, _short(failures[0])


def _function(test: str) -> str:
    """Return the name of a test without its parameters."""
    return test.partition("[")[0]


def _short(text: str) -> str:
    line = text.strip().splitlines()[0] if text.strip() else ""
    return line if len(line) <= DETAIL_CHARACTERS else line[: DETAIL_CHARACTERS - 1] + "…"
