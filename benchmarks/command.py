"""Compare how fast commands start: `python benchmarks/command.py OURS PUBLISHED`, the paths of two `pie-client` commands.

The commands take turns, and each ratio is the median of those of all rounds. Prints the processor time of `--help` and of
`ping` to an embedded engine, whose address the published command reads from a file.
"""

import argparse
import os
import resource
import statistics
import subprocess
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

from map import engine

SETTINGS = """\
host = "{host}"
port = {port}
username = "{user}"
private_key_path = ""
enable_auth = false
"""


def seconds(*command: str) -> float:
    """Run a command and return its processor time. Raises CalledProcessError if it fails."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)  # noqa: S603 - given
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("ours")
    parser.add_argument("published")
    parser.add_argument("--rounds", type=int, default=15, help="default: %(default)s")
    options = parser.parse_args()
    # Compiled modules are kept, as those of an installed command are.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    with engine() as uri, tempfile.TemporaryDirectory() as folder:
        os.environ["HOME"] = folder
        address, settings = urlsplit(uri), Path(folder, "settings.toml")
        settings.write_text(SETTINGS.format(host=address.hostname, port=address.port, user="ada"), "utf-8")
        for name, ours, published in (
            ("--help", ["--help"], ["--help"]),
            ("ping", ["ping", "--uri", uri], ["ping", "--config", str(settings)]),
        ):
            pairs = [
                (seconds(options.ours, *ours), seconds(options.published, *published))
                for _ in range(options.rounds + 1)
            ][1:]  # the first round compiles
            first, second = (statistics.median(times) for times in zip(*pairs, strict=True))
            ratio = statistics.median(a / b for a, b in pairs)
            print(f"{name}: {first * 1000:.0f} ms, published {second * 1000:.0f} ms, ratio {ratio:.2f}")


if __name__ == "__main__":
    main()
