"""Compare clients: `nox -s bench`, or `python benchmarks/run.py this=PYTHON 0.4.0=PYTHON …`.

Each argument names an interpreter whose environment has a client installed; the first one is compared with the others. One
server in a process of its own serves them all. A run is a process of its own too. Runs of the clients alternate, and a
ratio is made of two runs of the same round, so that load of the machine affects both; the table shows the median and the
quartiles of these ratios. Above 1, the first client is better. Ratios are of CPU time unless the row says otherwise.
"""

import argparse
import contextlib
import datetime as dt
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from pathlib import Path
from typing import TypeAlias

from chart import PAGE, PICTURE, drawn
from report import Results, Run, middle, ratios, shortfalls, table
from work import COLD, IMPORT, UPLOAD, WORK, Work

HERE = Path(__file__).resolve().parent
CLIENTS = HERE / "clients"
PLACE = re.compile(r"(?<=<!-- bench -->\n).*?(?=<!-- end of bench -->)", re.DOTALL)
PROGRAMS = {"websockets": "bare_websockets.py", "picows": "bare_picows.py"}
"""Programs of clients that are not a pie-client."""
ROUNDS, QUICK_ROUNDS = 7, 2
DEADLINE = 180
"""Seconds that a run may take."""
TIMED_IMPORT = """
import time
wall, cpu = time.perf_counter(), time.process_time()
from pie_client import PieClient
cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
print('{"cpu": %f, "wall": %f}' % (cpu * 1e6, wall * 1e6))
"""
MANIFEST = '[package]\nname = "large"\nversion = "1.0.0"\n'

Pythons: TypeAlias = dict[str, str]


@contextlib.contextmanager
def server(python: str) -> Generator[str]:
    """Run the server; yield its address."""
    pipe = subprocess.PIPE
    with subprocess.Popen([python, HERE / "server.py"], stdin=pipe, stdout=pipe, text=True) as process:  # noqa: S603 - ours
        try:
            port = process.stdout.readline().strip() if process.stdout else ""
            yield f"ws://127.0.0.1:{port}"
        finally:
            process.kill()


def program_of(folder: Path, size: int) -> list[str]:
    """Return the paths of a WebAssembly component of about ``size`` MiB and its manifest, written on first use."""
    program, manifest = folder / f"{size}.wasm", folder / "Pie.toml"
    if not program.exists():
        # A component with one custom section, whose length is a LEB128 number of five bytes.
        length = (size << 20) + 1
        padded = bytes([length >> shift & 0x7F | 0x80 for shift in (0, 7, 14, 21)] + [length >> 28])
        with program.open("wb") as out:
            out.write(b"\0asm\x0d\0\1\0\0" + padded + b"\0")
            for _ in range(size):
                out.write(os.urandom(1 << 20))
        manifest.write_text(MANIFEST, encoding="utf-8")
    return [str(program), str(manifest)]


class Bench:
    """Pieces of work, run with every client."""

    def __init__(self, pythons: Pythons, uri: str, folder: Path) -> None:
        self._pythons = pythons
        self._uri = uri
        self._folder = folder
        self.failures: list[str] = []

    def clients(self, work: Work) -> list[str]:
        """Return the names of the clients that do a piece of work."""
        return [name for name in self._pythons if work.bare or name not in PROGRAMS]

    def run(self, client: str, work: Work, command: str) -> Run:
        """Run a piece of work once; the figures are empty if it failed."""
        first = client == next(iter(self._pythons))
        if work.others and not first:
            command = f"{work.others} {command.partition(' ')[2]}"
        begin = time.perf_counter()
        try:
            done = subprocess.run(  # noqa: S603 - an interpreter that the caller named
                [self._pythons[client], *self._arguments(client, command)],
                cwd=self._folder,
                capture_output=True,
                text=True,
                check=True,
                timeout=DEADLINE,
            )
            if command == COLD:
                cpu, first_event = map(float, done.stdout.split())
                return {"cpu": cpu * 1e6, "wall": (first_event - begin) * 1e6}
            figures: Run = json.loads(done.stdout)
        except (subprocess.SubprocessError, ValueError) as error:
            output = error.stderr if isinstance(error, subprocess.CalledProcessError) else str(error)
            self.failures.append(f"{client}, {command}: {str(output).strip().splitlines()[-1:]}")
            return {}
        return figures

    def _arguments(self, client: str, command: str) -> list[str]:
        name, *numbers = command.split()
        if name == IMPORT:
            return ["-c", TIMED_IMPORT]
        if name == COLD:
            return [str(CLIENTS / "cold.py"), self._uri]
        if name == UPLOAD:
            small, _ = program_of(self._folder, 1)  # to warm up
            numbers = [small, *program_of(self._folder, int(numbers[0]))]
        elif name == "download_to_disk":
            numbers.append(str(self._folder))
        return [str(CLIENTS / PROGRAMS.get(client, "pie.py")), self._uri, name, *numbers]


def measure(bench: Bench, chosen: list[Work], rounds: int, *, quick: bool) -> Results:
    """Run all work in interleaved rounds and report progress on the standard error."""
    results: Results = {}
    for number, work in enumerate(chosen, 1):
        command = work.quick if quick else work.command
        names = bench.clients(work)
        runs: dict[str, list[Run]] = {name: [] for name in names}
        begin = time.perf_counter()
        for turn in range(rounds):
            # Whoever comes first in a round is another one each time.
            for position in range(len(names)):
                name = names[(turn + position) % len(names)]
                runs[name].append(bench.run(name, work, command))
        results[work.command] = runs
        seconds = time.perf_counter() - begin
        found = "; ".join(
            f"{row.figure} {middle(ratios(runs, row.figure, names[0], other)):.2f} of {other}"
            for row in work.rows
            for other in names[1:]
        )
        print(f"{number}/{len(chosen)} {command}, {seconds:.0f} s: {found}", file=sys.stderr, flush=True)
    return results


def versions(python: str) -> dict[str, str]:
    """Return the installed packages of an environment, and the version of its Python."""
    program = (
        "import importlib.metadata as m, json, platform\n"
        "found = {d.metadata['Name']: d.version for d in m.distributions()}\n"
        "print(json.dumps({'python': platform.python_version()} | dict(sorted(found.items()))))"
    )
    done = subprocess.run([python, "-c", program], capture_output=True, text=True, check=True)  # noqa: S603 - as above
    found: dict[str, str] = json.loads(done.stdout)
    return found


def heading(pythons: Pythons, rounds: int) -> str:
    """Return the sentence above the table: when, how and on which machine it was made."""
    python = versions(next(iter(pythons.values())))
    today = dt.datetime.now(dt.UTC).date()
    return (
        f"{today}, {rounds} interleaved rounds, Python {python['python']}, websockets {python['websockets']}, "
        f"msgpack {python['msgpack']}, {platform.system()}, {os.cpu_count()} processors:\n\n"
    )


def main() -> None:
    """Measure, print the table, and write it where the options say."""
    parser = argparse.ArgumentParser(
        description="Compare how fast clients work and how much memory they take."
    )
    parser.add_argument(
        "client", nargs="+", help="NAME=PYTHON, an interpreter in whose environment a client is installed"
    )
    parser.add_argument(
        "--rounds", type=int, help=f"rounds of runs (default: {ROUNDS}; {QUICK_ROUNDS} with --quick)"
    )
    parser.add_argument(
        "--quick", action="store_true", help="do a tenth of the work, to see that everything works"
    )
    parser.add_argument(
        "--only",
        action="append",
        help="do only work whose command begins so, and keep the other figures of --json; may be repeated",
    )
    parser.add_argument("--without", action="append", default=[], help="leave out a client; may be repeated")
    parser.add_argument("--json", type=Path, help="write every figure of every run to this file")
    parser.add_argument(
        "--record", action="store_true", help="write the table into docs/performance.md, and its chart"
    )
    options = parser.parse_args()
    pythons: Pythons = dict(client.partition("=")[::2] for client in options.client)
    pythons = {name: python for name, python in pythons.items() if name not in options.without}
    rounds: int = options.rounds or (QUICK_ROUNDS if options.quick else ROUNDS)
    chosen = [work for work in WORK if not options.only or work.command.startswith(tuple(options.only))]
    with tempfile.TemporaryDirectory() as folder, server(next(iter(pythons.values()))) as uri:
        bench = Bench(pythons, uri, Path(folder))
        results = measure(bench, chosen, rounds, quick=options.quick)
    if options.only and options.json and options.json.exists():
        results = json.loads(options.json.read_text("utf-8"))["runs"] | results
    measured = [work for work in WORK if work.command in results]
    if options.json:
        environments = {name: versions(python) for name, python in pythons.items()}
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(
            json.dumps({"environments": environments, "runs": results}, indent=1) + "\n", "utf-8"
        )
    text = heading(pythons, rounds) + table(measured, results, list(pythons))
    print(text)
    for line in shortfalls(measured, results, next(iter(pythons))):
        print(line)
    if options.record:
        page = PLACE.sub(lambda _: text, PAGE.read_text("utf-8"))
        PAGE.write_text(page, "utf-8")
        PICTURE.write_text(drawn(page), "utf-8")
    if bench.failures:
        sys.exit("\n".join(["failed:", *bench.failures]))


if __name__ == "__main__":
    main()
