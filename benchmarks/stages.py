"""Show where the CPU time of a piece of work goes: `python benchmarks/stages.py this=PYTHON stream 200000 16`.

Repeats the work of ``clients/pie.py`` with an installed client, or with several in turn, and prints the microseconds per unit
that each stage takes, by sampling. With `--lines` it shows single lines of one client.
"""

import argparse
import json
import statistics
import subprocess
from collections import Counter

from run import CLIENTS, server

SHOWN_LINES = 30


def sampled(python: str, uri: str, kind: str, work: list[str]) -> tuple[float, Counter[str]]:
    """Return the CPU time per unit and the samples of one run."""
    command = [python, str(CLIENTS / "sampled.py"), kind, uri, *work]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=300)  # noqa: S603 - named by the caller
    first, second = done.stdout.splitlines()
    figures: dict[str, float] = json.loads(first)
    samples: dict[str, int] = json.loads(second)
    return figures["cpu"], Counter(samples)


def main() -> None:
    """Sample and print a table."""
    parser = argparse.ArgumentParser(description="Show where the CPU time of a piece of work goes.")
    parser.add_argument(
        "words", nargs="+", help="NAME=PYTHON, once or more, then the work with its arguments"
    )
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--lines", action="store_true", help="show lines instead of stages")
    options = parser.parse_args()
    pythons = dict(word.split("=", 1) for word in options.words if "=" in word)
    work = [word for word in options.words if "=" not in word]
    costs: dict[str, list[float]] = {name: [] for name in pythons}
    samples: dict[str, Counter[str]] = {name: Counter() for name in pythons}
    with server(next(iter(pythons.values()))) as uri:
        for _ in range(options.rounds):
            for name, python in pythons.items():
                cost, found = sampled(python, uri, "lines" if options.lines else "stages", work)
                costs[name].append(cost)
                samples[name] += found
    print(
        f"| {' '.join(work)} | {' | '.join(f'{name}, µs' for name in pythons)} |\n|{'---|' * (1 + len(pythons))}"
    )
    share: dict[str, dict[str, float]] = {}
    for name, found in samples.items():
        per_sample = statistics.median(costs[name]) / max(1, found.total())
        share[name] = {stage: count * per_sample for stage, count in found.items()}
    found_stages: set[str] = set()
    for stages_of_one in share.values():
        found_stages.update(stages_of_one)
    stages = sorted(found_stages, key=lambda stage: -max(s.get(stage, 0) for s in share.values()))
    for stage in stages[: SHOWN_LINES if options.lines else None]:
        print(f"| {stage} | {' | '.join(f'{share[name].get(stage, 0):.2f}' for name in pythons)} |")
    print(f"| together | {' | '.join(f'{statistics.median(costs[name]):.2f}' for name in pythons)} |")


if __name__ == "__main__":
    main()
