"""RELEASING.md runs as pasted: with a package index and a remote repository on this machine."""

import contextlib
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.support.tools import need

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "RELEASING.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"(<!-- (?:not in the trial|the trial chooses its own) -->\n)?```sh\n(.*?)```", re.DOTALL)
VERSION, NEXT = "9999.0.0", "9999.1.0.dev0"
"""Versions that no index has."""
SNAPSHOTS = ("schema/released/", "codegen/api/released/")
"""What `nox -s snapshot` writes."""
DEADLINE = 600

pytestmark = [
    pytest.mark.skipif("RELEASE" not in os.environ, reason="takes a minute: nox -s release"),
    pytest.mark.timeout(2 * DEADLINE),
]


def git(folder: Path, *arguments: str | Path) -> str:
    """Run git in a folder, and return what it prints."""
    command = ["git", *map(str, arguments)]
    done = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)  # noqa: S603 - git
    return done.stdout


@contextlib.contextmanager
def package_index(folder: Path) -> Generator[str]:
    """Run an empty package index that accepts uploads; yield its address."""
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    folder.mkdir()
    options = ["--interface", "127.0.0.1", "--port", str(port), "--passwords", ".", "--authenticate", "."]
    command = [sys.executable, "-m", "pypiserver", "run", *options, "--disable-fallback", str(folder)]
    with subprocess.Popen(command) as process:  # noqa: S603 - this interpreter
        try:
            give_up = time.monotonic() + 30
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port)).close()
                    break
                except ConnectionRefusedError:
                    assert process.poll() is None
                    assert time.monotonic() < give_up, "the package index did not start within 30 s"
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def test_a_release_is_made_by_the_blocks_of_the_page(tmp_path: Path) -> None:
    remote, clone, packages = tmp_path / "remote.git", tmp_path / "clone", tmp_path / "packages"
    git(tmp_path, "clone", "--bare", ROOT, remote)
    git(remote, "update-ref", "refs/heads/main", "HEAD")
    git(tmp_path, "clone", "--branch", "main", remote, clone)
    blocks = [code for without, code in BLOCK.findall(PAGE) if not without]
    assert len(blocks) == PAGE.count("```sh") - 2

    with package_index(packages) as index:
        who = {
            f"GIT_{role}_{key}": "release" for role in ("AUTHOR", "COMMITTER") for key in ("NAME", "EMAIL")
        }
        upload = {"TWINE_REPOSITORY_URL": index, "TWINE_USERNAME": "__token__", "TWINE_PASSWORD": "unused"}
        versions = {"VERSION": VERSION, "NEXT": NEXT, "PIP_EXTRA_INDEX_URL": f"{index}/simple/"}
        done = subprocess.run(  # noqa: S603 - the page
            [*need("bash"), "-euxo", "pipefail", "-c", "\n".join(blocks)],
            cwd=clone,
            env=os.environ | who | upload | versions,
            timeout=DEADLINE,
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stdout + done.stderr
    # With the wheel that was built, and with the one that was uploaded.
    assert done.stdout.count("[done]") == 2, done.stdout

    assert sorted(path.name for path in packages.iterdir()) == [
        f"pie_client-{VERSION}-py3-none-any.whl",
        f"pie_client-{VERSION}.tar.gz",
    ]
    released = git(remote, "show", f"v{VERSION}:CHANGELOG.md")
    assert re.search(rf"^## {re.escape(VERSION)}, \d{{4}}-\d\d-\d\d$", released, re.MULTILINE)
    assert "## Unreleased" not in released
    assert git(remote, "show", f"v{VERSION}:src/pie_client/_version.py").endswith(f'"{VERSION}"\n')
    assert git(remote, "diff", "--name-only", f"v{VERSION}", "main").split() == [
        "CHANGELOG.md",
        "src/pie_client/_version.py",
    ]
    assert git(remote, "show", "main:CHANGELOG.md").startswith(
        "# Changelog\n\n## Unreleased\n\n## 9999.0.0, "
    )
    assert git(remote, "show", "main:src/pie_client/_version.py").endswith(f'"{NEXT}"\n')
    changed = git(remote, "diff", "--name-only", f"v{VERSION}~1", f"v{VERSION}").split()
    assert [name for name in changed if not name.startswith(SNAPSHOTS)] == [
        "CHANGELOG.md",
        "src/pie_client/_version.py",
    ]
    assert git(clone, "status", "--porcelain") == ""
