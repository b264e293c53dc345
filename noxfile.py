"""What a contributor runs: `nox` for everything, `nox -s NAME` for one session, `nox -l` for the list."""

import ctypes.util
import itertools
import os
import platform
import re
import shutil
from pathlib import Path

import nox

nox.needs_version = ">=2025.2.9"
nox.options.reuse_existing_virtualenvs = True
nox.options.default_venv_backend = "venv"
nox.options.sessions = ["check", "lint", "types", "tests", "lowest", "interop", "engine"]

PYPROJECT = nox.project.load_toml("pyproject.toml")
EXTRAS = ",".join(PYPROJECT["project"]["optional-dependencies"])
LINTED = ("src", "codegen", "tests", "examples", "benchmarks", "noxfile.py")

NEED_TOOLS = ("tests/codegen", "tests/test_typing.py")
"""Tests that run the generator or the type checkers, which are pinned to other versions than the oldest."""

FOREIGN = ("0.3.0", "0.4.0", "0.5.3")
"""Releases of the Python client that others published."""
FOREIGN_NPM = ("@pie-project/client@0.5.2", "ws@8.23.0")
"""The JavaScript client that others published, and a WebSocket that it needs before Node 22."""

SERVER = "pie-server[python]==0.5.2"
"""The real engine. It depends on a published client, so it has an environment of its own."""
GLIBC = (2, 35)
VULKAN = {"libvulkan1": "the Vulkan loader", "mesa-vulkan-drivers": "a Vulkan driver that needs no GPU"}
"""What the engine needs of the system, by the name of its Debian package."""


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
    elif os.environ.get("CI"):
        session.error("npm not found, which brings the JavaScript client")
    session.run("pytest", "tests/interop", *session.posargs, env={"INTEROP_CLIENTS": str(places)})


@nox.session
def engine(session: nox.Session) -> None:
    """Run a real pie-server without a GPU, and on it every test that is marked `engine`."""
    if reason := _unfit_for_engine():
        # On a machine that has to run everything, skipping is failing.
        (session.error if os.environ.get("CI") else session.skip)(reason)
    session.install("-e", f".[{EXTRAS}]", *groups("test"))
    cache = Path(session.cache_dir).resolve()
    server, model = cache / "pie-server", cache / "model"
    python = server / "bin" / "python"
    if _is_outdated(server, SERVER):
        shutil.rmtree(server, ignore_errors=True)
        session.run("python", "-m", "venv", str(server))
        session.run(str(python), "-m", "pip", "install", "--quiet", SERVER, external=True)
        _note(server, SERVER)
    recipe = Path("tests/scenarios/tiny_model.py").read_text("utf-8")
    if _is_outdated(model, recipe):
        shutil.rmtree(model, ignore_errors=True)
        session.run("python", "-m", "tests.scenarios.tiny_model", str(model))
        _note(model, recipe)
    where = {"ENGINE_PYTHON": str(python), "ENGINE_MODEL": str(model)}
    session.run("pytest", "-m", "engine", *(session.posargs or ["tests/scenarios"]), env=where)


def _unfit_for_engine() -> str | None:
    """Say why the real engine can't run here, and what to do; None where it can."""
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        return f"pie-server runs without a GPU on Linux on x86_64, not on {platform.system()} on {platform.machine()}"
    _, glibc = platform.libc_ver()
    if tuple(map(int, glibc.split(".") if glibc else ())) < GLIBC:
        return (
            f"pie-server needs glibc {'.'.join(map(str, GLIBC))} or later; this system has {glibc or 'none'}"
        )
    places = ("/usr/share/vulkan/icd.d", "/usr/local/share/vulkan/icd.d", "/etc/vulkan/icd.d")
    found = {
        "libvulkan1": ctypes.util.find_library("vulkan"),
        "mesa-vulkan-drivers": [driver for place in places for driver in Path(place).glob("lvp_icd*.json")],
    }
    if missing := [package for package in VULKAN if not found[package]]:
        what = " and ".join(VULKAN[package] for package in missing)
        return f"{what} not found; install with: apt-get install {' '.join(missing)}"
    return None


def _is_outdated(made: Path, recipe: str) -> bool:
    """Tell whether something in the cache was not made, or not in full, or otherwise."""
    note = made / "made-from"
    return not note.exists() or note.read_text("utf-8") != recipe


def _note(made: Path, recipe: str) -> None:
    """Note what something in the cache was made from; nothing is noted of what failed midway."""
    (made / "made-from").write_text(recipe, "utf-8")
