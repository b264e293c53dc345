"""What a contributor runs: `nox` for everything, `nox -s NAME` for one session, `nox -l` for the list."""

import itertools
import re
import shutil
from pathlib import Path

import nox

nox.needs_version = ">=2025.2.9"
nox.options.reuse_existing_virtualenvs = True
nox.options.default_venv_backend = "venv"
nox.options.sessions = ["check", "lint", "types", "tests", "lowest", "interop"]

PYPROJECT = nox.project.load_toml("pyproject.toml")
EXTRAS = ",".join(PYPROJECT["project"]["optional-dependencies"])
LINTED = ("src", "codegen", "tests", "examples", "benchmarks", "noxfile.py")

NEED_TOOLS = ("tests/test_codegen.py", "tests/test_regeneration_drill.py", "tests/test_typing.py")
"""Tests that run the generator or the type checkers, which are pinned to other versions than the oldest."""

FOREIGN = ("0.3.0", "0.4.0", "0.5.3")
"""Releases of the Python client that others published."""
FOREIGN_NPM = ("@pie-project/client@0.5.2", "ws@8.23.0")
"""The JavaScript client that others published, and a WebSocket that it needs before Node 22."""


def groups(*names: str) -> list[str]:
    """Give the requirements of dependency groups, for a pip that does not know groups yet."""
    return list(dict.fromkeys(r for name in names for r in nox.project.dependency_groups(PYPROJECT, name)))


@nox.session
def check(session: nox.Session) -> None:
    """Fail unless the generated code and the test vectors are what schema/ describes."""
    session.install(*groups("codegen"))
    session.run("python", "-m", "codegen", "check")
    session.run("python", "-m", "codegen.vectors", "--check")


@nox.session
def generate(session: nox.Session) -> None:
    """Write the generated code, the protocol reference and the bytes of the test vectors from schema/."""
    session.install(*groups("codegen"))
    session.run("python", "-m", "codegen", "generate")
    session.run("python", "-m", "codegen.vectors")


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, formatting and the direction of imports."""
    session.install("-e", ".", *groups("lint"))
    session.run("ruff", "check", *LINTED)
    session.run("ruff", "format", "--check", *LINTED)
    session.run("lint-imports")


@nox.session
def types(session: nox.Session) -> None:
    """Check types with mypy and pyright, both strict."""
    session.install("-e", f".[{EXTRAS}]", *groups("test", "typing"), "nox")
    session.run("mypy")
    session.run("pyright", "--pythonpath", str(Path(session.bin, "python")))


@nox.session
def tests(session: nox.Session) -> None:
    """Run the tests with branch coverage; further arguments go to pytest."""
    session.install("-e", f".[{EXTRAS}]", *groups("test", "typing"))
    session.run("coverage", "erase")
    session.run("coverage", "run", "-m", "pytest", *session.posargs)
    if not session.posargs:
        session.run("coverage", "combine")
        session.run("coverage", "report")


@nox.session
def lowest(session: nox.Session) -> None:
    """Run the tests with the oldest dependencies that pyproject.toml allows."""
    project = PYPROJECT["project"]
    allowed = [*project["dependencies"], *itertools.chain(*project["optional-dependencies"].values())]
    oldest = [re.sub(r">=([^,]+).*", r"==\1", requirement) for requirement in allowed]
    session.install("-e", f".[{EXTRAS}]", *oldest, *groups("test"))
    session.run("pytest", *(f"--ignore={path}" for path in NEED_TOOLS), *session.posargs)


@nox.session
def interop(session: nox.Session) -> None:
    """Run clients that others published, each in an environment of its own, against the embedded engine."""
    session.install("-e", f".[{EXTRAS}]", *groups("test"))
    places = Path(session.create_tmp()).resolve()
    for release in FOREIGN:
        home = places / f"pypi-{release}"
        session.run("python", "-m", "venv", str(home))
        session.run(str(home / "bin" / "pip"), "install", "--quiet", f"pie-client=={release}", external=True)
    if shutil.which("npm"):
        home = places / f"npm-{FOREIGN_NPM[0].rpartition('@')[2]}"
        home.mkdir(exist_ok=True)
        (home / "package.json").write_text("{}")
        npm = ("npm", "install", "--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts")
        with session.chdir(home):
            session.run(*npm, *FOREIGN_NPM, external=True)
    session.run("pytest", "tests/interop", *session.posargs, env={"INTEROP_CLIENTS": str(places)})
