"""Fuzz in a terminal: ``python -m tests.fuzz TARGET --runs N --seed S``; ``--replay FILE`` repeats an input that failed.

Uses atheris, which follows the coverage of the client's code, or hypothesis where no atheris is installed. An input that
fails is written to ``build/fuzz``.
"""

import argparse
import atexit
import importlib
import importlib.util
import logging
import signal
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from tests.support.repository import ROOT

if TYPE_CHECKING:
    from tests.fuzz.target import Target

CORPUS = Path(__file__).parent / "corpus"
FOUND = ROOT / "build" / "fuzz"
LONGEST = 4096
"""Bytes of the longest input."""
SECONDS = 10
"""Seconds after which an input counts as hanging."""


def main() -> int:
    """Run a target and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("target")
    parser.add_argument("--runs", type=int, default=10_000, help="inputs (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of the random choices (default: %(default)s)")
    parser.add_argument(
        "--engine", choices=["atheris", "hypothesis"], help="default: atheris if it is installed"
    )
    parser.add_argument("--replay", type=Path, help="run this input only")
    options = parser.parse_args()
    logging.disable()
    engine: str = options.engine or ("atheris" if importlib.util.find_spec("atheris") else "hypothesis")
    if options.replay is not None:
        _target(options.target).check(options.replay.read_bytes())
    elif engine == "atheris":
        _run_atheris(options.target, options.runs, options.seed)
    else:
        _run_hypothesis(_target(options.target), options.runs, options.seed)
    return 0


def _target(name: str) -> "Target":
    from tests.fuzz.targets import TARGETS  # noqa: PLC0415 - imports the client, which atheris has to instrument

    targets: Mapping[str, Target] = TARGETS
    if name not in targets:
        sys.exit(f"no target {name!r}; use {', '.join(targets)}")
    return targets[name]


def _run_atheris(name: str, runs: int, seed: int) -> NoReturn:
    """Fuzz until an input fails or all were run, and exit."""
    atheris: Any = importlib.import_module("atheris")  # has no types, and is not installed everywhere
    with atheris.instrument_imports(include=["pie_client", "tomllib"], enable_loader_override=False):
        target = _target(name)
        inputs = [*target.seeds(), *committed(name)]
        for data in inputs:  # loads what is loaded on first use
            target.check(data)
    FOUND.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f"pie-fuzz-{name}-"))
    for number, data in enumerate(inputs):
        (folder / f"{number:05}").write_bytes(data)
    words = folder.with_suffix(".dict")
    lines = ("".join(f"\\x{byte:02x}" for byte in word) for word in target.words())
    words.write_text("".join(f'"{line}"\n' for line in lines))
    arguments = [
        *(f"-atheris_runs={runs}", f"-seed={seed}", f"-max_len={LONGEST}", f"-timeout={SECONDS}"),
        *(
            f"-dict={words}",
            f"-artifact_prefix={FOUND}/{name}-",
            "-rss_limit_mb=1024",
            "-print_final_stats=1",
        ),
    ]
    # Its timer goes on when all inputs were run, and ends an interpreter that takes longer to shut down.
    atexit.register(signal.setitimer, signal.ITIMER_REAL, 0)
    atheris.Setup([sys.argv[0], *arguments, str(folder)], target.check)
    atheris.Fuzz()
    sys.exit(0)


def committed(name: str) -> list[bytes]:
    """Return the inputs of a target that are kept, one in each line in hexadecimal."""
    file = CORPUS / f"{name}.txt"
    return [bytes.fromhex(line) for line in file.read_text("ascii").split()] if file.exists() else []


def _run_hypothesis(target: "Target", runs: int, seed: int) -> None:
    """Fuzz with random inputs and changed seeds; raises the error of the first that fails, made small."""
    import hypothesis  # noqa: PLC0415 - not needed with atheris
    from hypothesis import strategies as st  # noqa: PLC0415 - as above

    seeds = list(target.seeds())
    begun = time.monotonic()

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=runs,
        deadline=None,
        database=None,
        suppress_health_check=[hypothesis.HealthCheck.too_slow, hypothesis.HealthCheck.data_too_large],
    )
    @hypothesis.given(
        st.binary(max_size=LONGEST)
        | st.builds(_changed, st.sampled_from(seeds), st.integers(0, LONGEST), st.binary(max_size=20))
    )
    def run(data: bytes) -> None:
        target.check(data)

    run()
    print(f"Done {runs} runs in {time.monotonic() - begun:.0f} second(s)")


def _changed(seed: bytes, place: int, insertion: bytes) -> bytes:
    at = place % (len(seed) + 1)
    return seed[:at] + insertion + seed[at + place % 3 * len(insertion) :]


if __name__ == "__main__":
    sys.exit(main())
