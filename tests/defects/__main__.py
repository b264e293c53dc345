"""Put defects into copies of the package, and check that the tests named for them fail: ``nox -s mutants``."""

import argparse
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from tests.defects.data import DEFECT, MUTANTS, Mutant, load_mutants
from tests.defects.running import Project, Result, Runner, Verdict
from tests.support.repository import ROOT


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the mutants and return the exit status: 1 if the tests of one do not fail."""
    parser = argparse.ArgumentParser(prog="python -m tests.defects", description=__doc__)
    parser.add_argument("words", nargs="*", help="ids of defects, parts of texts, or property; default: all")
    parser.add_argument("--quick", action="store_true", help="only the few that run in every change")
    parser.add_argument("--jobs", type=int, default=2, help="processes at the same time (default: 2)")
    parser.add_argument("--root", type=Path, default=ROOT, help="folder of the project")
    parser.add_argument("--package", default="pie_client", help="name of its package in src")
    parser.add_argument("--mutants", type=Path, default=MUTANTS, help="folder of the mutants")
    options = parser.parse_args(arguments)
    mutants = [
        mutant
        for mutant in load_mutants(options.mutants)
        if (mutant.quick or not options.quick) and _is_meant(mutant, options.words)
    ]
    if not mutants:
        parser.error(f"no mutant matches {' '.join(options.words)}")
    count, lock = 0, threading.Lock()

    def report(result: Result) -> None:
        nonlocal count
        with lock:
            count += 1
            where = f"[{count}/{len(mutants)}]"
            print(
                f"{where:>9} {result.verdict.value:<9} {result.seconds:5.1f} s  {_title(result)}", flush=True
            )

    tests = {test for mutant in mutants for test in mutant.tests}
    print(f"{len(mutants)} mutants; their {len(tests)} tests run without a mutant first", flush=True)
    begin = time.monotonic()
    results = Runner(Project(options.root, options.package), options.jobs, report).run(mutants)
    _print_table(results)
    verdicts = Counter(result.verdict for result in results)
    said = ", ".join(f"{verdicts[verdict]} {verdict.value}" for verdict in Verdict if verdicts[verdict])
    print(f"\n{len(results)} mutants in {time.monotonic() - begin:.0f} s: {said}")
    return int(not all(result.verdict.good for result in results))


def _is_meant(mutant: Mutant, words: Sequence[str]) -> bool:
    files = (edit.file for edit in mutant.edits)
    text = " ".join((mutant.defect or "property", mutant.breaks, mutant.change, *files)).lower()
    return not words or any(
        word == mutant.defect if DEFECT.fullmatch(word) else word.lower() in text for word in words
    )


def _title(result: Result) -> str:
    mutant = result.mutant
    return f"{mutant.breaks}: {mutant.change}" if mutant.defect else f"{mutant.breaks} {mutant.change}"


def _print_table(results: Sequence[Result]) -> None:
    """Print each mutant with its tests, the verdict and the reason."""
    print("\nid | mutant | test | verdict")
    for result in results:
        mutant = result.mutant
        if not mutant.defect:
            print(f"property: {mutant.breaks}")
        tests = " ".join(mutant.tests)
        detail = " / ".join(line.strip() for line in result.detail.splitlines() if line.strip())
        print(f"{mutant.defect or '-'} | {mutant.change} | {tests} | {result.verdict.value}: {detail}")


if __name__ == "__main__":
    sys.exit(main())
