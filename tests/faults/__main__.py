"""Run schedules in a terminal: ``python -m tests.faults SEED`` repeats one, ``FIRST LAST`` runs a range.

With ``--kills`` engines are processes of their own, which are killed and stopped.
"""

import argparse
import sys
import time
from collections import Counter

from tests.faults.running import prepared, run

PROGRESS_SECONDS = 10.0


def main() -> int:
    """Run the schedules and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("first", type=int)
    parser.add_argument("last", type=int, nargs="?", help="default: only the first")
    parser.add_argument("--kills", action="store_true", help="schedules that kill and stop engines")
    options = parser.parse_args()
    seeds = range(options.first, (options.first if options.last is None else options.last) + 1)
    failed, kills, kinds = 0, 0, Counter[str]()
    reported = time.monotonic()
    with prepared() as engines:
        for count, seed in enumerate(seeds, 1):
            done = run(seed, engines, mortal=options.kills)
            kills += done.kills
            kinds.update(fault.kind.name for fault in done.happened)
            if done.problems:
                failed += 1
                print(done.report(), flush=True)
            elif len(seeds) == 1:
                print(done.schedule.describe())
            if time.monotonic() - reported > PROGRESS_SECONDS:
                reported = time.monotonic()
                print(f"{count} of {len(seeds)} schedules, {failed} failed", flush=True)
    print(
        f"{len(seeds)} schedules, {kills} kills, {failed} failed; faults that happened: {dict(kinds.most_common())}"
    )
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
