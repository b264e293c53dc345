"""Check packages for known vulnerabilities with pip-audit: ``python -m tests.support.audit LIST... [--require-data]``.

Each list names releases as ``name==version``. A service may be unreachable, and a mirror of a package index may have no
vulnerabilities, in which pip-audit then finds none. So a release with known vulnerabilities is looked up first, and the
lists are checked with the first service that knows them.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

KNOWN = "cryptography==44.0.0"
"""A release with vulnerabilities that every service knows."""
SERVICES = ("pypi", "osv")
NO_DATA = "no data: "
"""Beginning of the last line if no service knows the release. The packages were not checked."""
REQUIRED_STATUS = 3
"""Exit status without data, with ``--require-data``; 0 without it: what can't be reached is no vulnerability."""
SECONDS = "30"
"""Timeout of one request."""
REASON_CHARACTERS = 200


def main() -> int:
    """Check the lists, and return the exit status: 1 if a package is vulnerable or unknown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("lists", nargs="+", type=Path)
    parser.add_argument("--require-data", action="store_true", help="fail if no service has data")
    parser.add_argument("--osv-url", help="address of another OSV service")
    options = parser.parse_args()
    reasons: list[str] = []
    for name in SERVICES:
        service = ["--vulnerability-service", name, "--timeout", SECONDS]
        if options.osv_url:
            service += ["--osv-url", options.osv_url]
        if not (reason := _reason_without_data(service)):
            return max([_check(list_, service) for list_ in options.lists])
        reasons.append(f"{name}: {reason}")
    print(f"{NO_DATA}no service knows the vulnerabilities of {KNOWN} ({'; '.join(reasons)})")
    return REQUIRED_STATUS if options.require_data else 0


def _reason_without_data(service: list[str]) -> str:
    """Return why a service has no data, or "" if it has."""
    with tempfile.TemporaryDirectory() as folder:
        known = Path(folder, "known.txt")
        known.write_text(f"{KNOWN}\n", "utf-8")
        done = _pip_audit(known, *service, "--format", "json")
    try:
        (package,) = json.loads(done.stdout)["dependencies"]
    except ValueError:
        return (done.stderr.strip().splitlines() or ["no output"])[-1][:REASON_CHARACTERS]
    return "" if package.get("vulns") else str(package.get("skip_reason", "it lists none"))


def _check(list_: Path, service: list[str]) -> int:
    done = _pip_audit(list_, *service, "--strict")
    print(f"{list_.stem}: {(done.stderr + done.stdout).strip()}", flush=True)
    return done.returncode


def _pip_audit(list_: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "pip_audit", "--requirement", str(list_), "--no-deps", "--disable-pip"]
    return subprocess.run(  # noqa: S603 - fixed arguments
        [*command, "--progress-spinner", "off", *options],
        env={**os.environ, "PIP_AUDIT_LOGLEVEL": "ERROR"},
        capture_output=True,
        text=True,
        check=False,
    )


if __name__ == "__main__":
    sys.exit(main())
