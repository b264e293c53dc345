"""Compare how long clients take to import: `python benchmarks/import_time.py this=PYTHON other=PYTHON`.

Each argument names an interpreter whose environment has a client installed. Runs alternate between them, so that load
of the machine affects all of them. The table shows the best of many runs, minus the start of the bare interpreter.
"""

import argparse
import subprocess
import sys
import time

ROUNDS = 15
STATEMENTS = ("pass", "import pie_client", "from pie_client import PieClient")


def seconds(python: str, statement: str) -> float:
    """Return the seconds that one run takes."""
    begin = time.perf_counter()
    subprocess.run([python, "-c", statement], check=True)  # noqa: S603 - the interpreter that the caller named
    return time.perf_counter() - begin


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description="Compare how long clients take to import.")
    parser.add_argument(
        "client", nargs="+", help="NAME=PYTHON, an interpreter in whose environment a client is installed"
    )
    pythons = dict(client.partition("=")[::2] for client in parser.parse_args().client)
    best: dict[tuple[str, str], float] = {}
    for number in range(ROUNDS):
        for statement in STATEMENTS:
            for name, python in pythons.items():
                key = (name, statement)
                best[key] = min(best.get(key, 1e9), seconds(python, statement))
        print(f"\rround {number + 1} of {ROUNDS}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    print("| statement |" + "".join(f" {name}, ms |" for name in pythons) + " ratio to the first |")
    print("|---|" + "---|" * (len(pythons) + 1))
    for statement in STATEMENTS[1:]:
        cost = [max(best[name, statement] - best[name, "pass"], 1e-5) * 1000 for name in pythons]
        ratios = ", ".join(f"{c / cost[0]:.1f}" for c in cost[1:])
        print(f"| `{statement}` |" + "".join(f" {c:.1f} |" for c in cost) + f" {ratios} |")


if __name__ == "__main__":
    main()
