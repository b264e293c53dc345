"""Everything a contributor runs: `nox` for what must pass, `nox -s NAME` for one session, `nox -l` for the list."""

import ctypes.util
import itertools
import json
import os
import platform
import re
import shutil
from pathlib import Path

import nox

nox.needs_version = ">=2025.2.9"
nox.options.reuse_existing_virtualenvs = True
# Not uv: it ignores pip's settings, and a machine may reach its package index only by them.
nox.options.default_venv_backend = "venv"
nox.options.sessions = [
    *(
        "check",
        "breaking",
        "lint",
        "types",
        "tests",
        "lowest",
        "docs",
        "interop",
        "exports",
        "languages",
        "engine",
    ),
]

PYPROJECT = nox.project.load_toml("pyproject.toml")
EXTRAS = ",".join(PYPROJECT["project"]["optional-dependencies"])
LINTED = ("src", "codegen", "tests", "examples", "benchmarks", "docs/site", "noxfile.py")

# Tests start hundreds of interpreters, each of which would compile the package and its tests again.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
# Tests wait for processes and deadlines for a third of their time, so "-n auto" starts three workers for two processors.
os.environ.setdefault("PYTEST_XDIST_AUTO_NUM_WORKERS", str((3 * (os.cpu_count() or 1) + 1) // 2))
# Workers steal tests from the tail of another's list, so that tests of a module stay together and share its fixtures.
PARALLEL = ("-n", "auto", "--maxprocesses", "8", "--dist", "worksteal")

NEWER_PYTHONS = ("3.12", "3.13")
"""Further releases of Python; the other sessions run on the one that runs nox, in CI the oldest."""

OVER_SOCKETS = (
    "tests/connection",
    "tests/guide",
    "tests/test_client.py",
    "tests/test_process.py",
    "tests/scenarios",
)
"""Tests of what depends on how messages are received."""

SAME_WITH_OLDEST = (
    *("tests/codegen", "tests/test_typing.py"),  # run tools that are pinned to one release
    *("tests/support", "tests/test_repository.py"),  # the environment of test runs; source files
    "tests/test_distributions.py",  # what hatchling builds
    "tests/hot_path/test_counts.py",  # its limits include what the newest releases do
    "tests/test_fastapi_service.py",  # FastAPI; tests/connection has what happens when a server restarts
    "tests/maps/test_dask.py",  # Dask; tests/maps/test_mapping.py has the map
    "tests/test_performance_page.py",  # a picture
    *(
        "tests/test_documentation.py",
        "tests/test_documentation_files.py",
    ),  # the calls of tests/guide, in processes of their own
    "tests/cli/test_transcripts.py",  # outputs in full; test_commands.py has what they depend on
    "tests/testing/faults/test_faults_together.py",  # combinations; test_faults.py has each fault
    "tests/testing/terminal",  # signals, streams and arguments; tests/scenarios runs the command
    "tests/defects",  # the ledger, and the command that runs mutants
    "tests/faults",  # schedules; each fault of a connection has a test in tests/connection
    "tests/testing/scripts",  # scripts have only the standard library; tests/scenarios runs some
    "tests/testing/pytest",  # releases of pytest, which is no dependency
    "tests/test_examples.py",  # mistakes and outputs; tests/scenarios runs the examples
    "tests/fuzz",  # tests/protocol, tests/connection and tests/auth compare the same with chosen inputs
    *("tests/cost/test_open_things.py", "tests/cost/test_sequences.py"),  # counters and queues of the client
)
"""Tests that no release of a dependency can change, or that overlap with others where one can.

Every package of the client keeps tests, and every one of `testing` except the plugin.
"""

PUBLISHED = ("0.3.0", "0.4.0", "0.5.3")
"""Published releases of another Python client."""
CHECK_JSONSCHEMA = "check-jsonschema==0.39.0"
"""A validator in Python; those in languages/validators are in JavaScript and C++."""
PUBLISHED_NPM = ("@pie-project/client@0.5.2", "ws@8.23.0")
"""The published JavaScript client, and the WebSocket package that it needs before Node 22."""

LANGUAGES = ("typescript", "rust", "go")
"""Folders of `languages` with a runner of the test vectors and a client."""
TOOLCHAINS = {"typescript": "npm", "rust": "cargo", "go": "go"}
"""The program that each needs."""
GO_EXPORT = Path("../../schema/dist/go")
"""The exported package, as seen from the one that uses it."""
NPM = ("npm", "install", "--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts")

RIVALS = {
    "0.4.0": ("pie-client==0.4.0",),
    "0.5.3": ("pie-client==0.5.3",),
    "websockets": ("websockets", "msgpack"),
    "picows": ("picows==2.3.1", "msgpack"),
}
"""What the benchmarks compare with, each in an environment of its own: picows has packages that websockets would use."""
RIVAL_FAMILIES = {"0.4.0": "0.4", "0.5.3": "0.5"}
"""Published releases that run fault schedules too, and the servers that they are made for."""
SHARED = ("websockets", "msgpack")
"""Packages whose releases must be the same in all of them."""
VERSION_OF = (
    "import importlib.metadata as m, sys; print(*(f'{n}=={m.version(n)}' for n in sys.argv[1:]), sep='\\n')"
)
"""Program that prints the requirements of the installed releases of packages."""

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
"""Programs that can open the site."""

SERVER = "pie-server[python]==0.5.2"
"""The real engine. It depends on a published client, so it has an environment of its own."""
GLIBC = (2, 35)
VULKAN = {"libvulkan1": "the Vulkan loader", "mesa-vulkan-drivers": "a Vulkan driver that needs no GPU"}
"""The system packages that the engine needs, by their Debian names."""


def groups(*names: str) -> list[str]:
    """Return the requirements of dependency groups, for releases of pip that do not support groups."""
    return list(dict.fromkeys(r for name in names for r in nox.project.dependency_groups(PYPROJECT, name)))


@nox.session
def check(session: nox.Session) -> None:
    """Check that the generated code and the test vectors match schema/."""
    session.install(*groups("codegen"))
    session.run("python", "-m", "codegen", "check")


@nox.session
def breaking(session: nox.Session) -> None:
    """Check that neither schema nor public names break what was released unannounced; `-- --json` for a report."""
    session.install(*groups("codegen", "api"))
    session.run("python", "-m", "codegen", "breaking", *session.posargs)
    session.run("python", "-m", "codegen", "api")


@nox.session
def generate(session: nox.Session) -> None:
    """Write the generated code, the protocol reference and the bytes of the test vectors from schema/."""
    session.install(*groups("codegen"))
    session.run("python", "-m", "codegen", "generate")


@nox.session
def snapshot(session: nox.Session) -> None:
    """Make schema and public names those that later changes are compared with, as for a release."""
    session.install(*groups("codegen", "api"))
    session.run("python", "-m", "codegen", "release")
    session.run("python", "-m", "codegen", "api", "--release")


@nox.session
def release(session: nox.Session) -> None:
    """Release the last commit to an index and a remote repository on this machine, as RELEASING.md says."""
    session.install(*groups("release"))
    session.run("pytest", "--noconftest", "tests/release", *session.posargs, env={"RELEASE": "1"})


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, formatting and the direction of imports."""
    session.install("-e", ".", *groups("lint"))
    session.run("ruff", "check", *LINTED)
    session.run("ruff", "format", "--check", *LINTED)
    session.run("lint-imports")


@nox.session
def types(session: nox.Session) -> None:
    """Check types with mypy and pyright, both strict; those of the package as on macOS and Windows, too."""
    session.install("-e", f".[{EXTRAS}]", *groups("test", "typing", "docs"), "nox")
    session.run("mypy")
    for system in ("darwin", "win32"):
        session.run("mypy", "--platform", system, "--cache-dir", f".mypy_cache/{system}", "src")
    session.run("pyright", "--pythonpath", str(Path(session.bin, "python")))


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation site into build/site/html, and open every page of it in Chromium."""
    session.install("-e", ".[otel]", *groups("docs"))  # modules of the reference that need an extra
    session.run("python", "docs/site/build.py")
    if chromium := next(filter(None, map(shutil.which, CHROMIUM)), None):
        where = {"SITE": "build/site/html", "CHROMIUM": chromium}
        session.run("pytest", "tests/site", *session.posargs, env=where)
    else:
        _unable(
            session,
            "Chromium not found, so the site was built, but not opened; install with: apt-get install chromium",
        )


@nox.session
def tests(session: nox.Session) -> None:
    """Run the tests with branch coverage; further arguments go to pytest instead."""
    session.install("-e", f".[{EXTRAS}]", *groups("test", "typing", "audit"))
    if session.posargs:
        session.run("pytest", *session.posargs)
        return
    session.run("coverage", "erase")
    session.run("coverage", "run", "-m", "pytest", *PARALLEL)
    session.run("coverage", "combine", "--quiet")
    session.run("coverage", "report")


@nox.session
def lowest(session: nox.Session) -> None:
    """Run the tests that depend on packages with the oldest releases that pyproject.toml allows."""
    session.install("-e", f".[{EXTRAS}]", *_oldest(), *groups("test"))
    skipped = (f"--ignore={path}" for path in SAME_WITH_OLDEST)
    session.run("pytest", *(session.posargs or [*PARALLEL, *skipped]))


@nox.session
def audit(session: nox.Session) -> None:
    """Check the newest and the oldest allowed packages for known vulnerabilities; skipped if no service has data.

    With `-- --require-data` it fails then, as before a release.
    """
    session.install(*groups("audit"))
    folder = Path(session.create_tmp()).resolve()
    lists: list[str] = []
    for name, pins in {"newest": [], "oldest": _oldest()}.items():
        report, packages = folder / f"{name}.json", folder / f"{name}.txt"
        resolve = ("python", "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed")
        session.run(*resolve, "--report", str(report), f".[{EXTRAS}]", *pins)
        found = [item["metadata"] for item in json.loads(report.read_text("utf-8"))["install"]]
        others = [m for m in found if m["name"] != PYPROJECT["project"]["name"]]
        packages.write_text("".join(f"{m['name']}=={m['version']}\n" for m in others), "utf-8")
        lists.append(str(packages))
    out = str(session.run("python", "-m", "tests.support.audit", *lists, *session.posargs, silent=True))
    session.log(out.strip())
    if (last := out.splitlines()[-1]).startswith("no data: "):
        # Also with CI set: what can't be reached is no vulnerability, and what was not checked is not reported as good.
        session.skip(last)


@nox.session(python=["3.11", *NEWER_PYTHONS])
def counts(session: nox.Session) -> None:
    """Check what the interpreter does per event and request; with `-- --record`, make it the new limits."""
    session.install("-e", ".", *groups("test"))
    if session.posargs:
        session.run("python", "-m", "tests.hot_path.counting", *session.posargs)
    else:
        session.run("pytest", "tests/hot_path")


@nox.session
@nox.parametrize("websockets", ["lowest", "newest"])
def fallback(session: nox.Session, websockets: str) -> None:
    """Run the tests over sockets on the receive path for unknown releases of the WebSocket library."""
    session.install("-e", f".[{EXTRAS}]", *groups("test"))
    (allowed,) = (r for r in PYPROJECT["project"]["dependencies"] if r.startswith("websockets"))
    session.install("--upgrade", allowed if websockets == "newest" else allowed.replace(">=", "=="))
    session.run("pytest", "--library-receive", *(session.posargs or [*PARALLEL, *OVER_SOCKETS]))


@nox.session(python=NEWER_PYTHONS)
def versions(session: nox.Session) -> None:
    """Run the tests on newer releases of Python; further arguments go to pytest instead."""
    session.install("-e", f".[{EXTRAS}]", *groups("test", "typing", "audit"))
    session.run("pytest", *(session.posargs or PARALLEL))


@nox.session
def soak(session: nox.Session) -> None:
    """Run the long tests, then ten minutes of everything at once, then measure limits. Arguments go to the tests."""
    session.install("-e", f".[{EXTRAS}]", *groups("test", "typing"))
    session.run("pytest", "-m", "soak", "--verbose", *PARALLEL, *session.posargs)
    # One after the other and with nothing else: they measure.
    session.run("python", "-m", "tests.faults.soaking")
    session.run("python", "-m", "tests.faults.measures")
    session.run("python", "-m", "tests.cost")


@nox.session
def rivals(session: nox.Session) -> None:
    """Run the same fault schedules with published clients; `-- FIRST LAST` for others, `--verbose` to see what fails."""
    session.install("-e", f".[{EXTRAS}]", *groups("test"))
    cache = Path(session.cache_dir).resolve() / "rivals"
    clients = [f"this={Path(session.bin, 'python')},0.4,0.5"]
    for release, family in RIVAL_FAMILIES.items():
        if _is_outdated(cache / release, release):
            shutil.rmtree(cache / release, ignore_errors=True)
            _install(session, cache / release, f"pie-client=={release}")
            _record(cache / release, release)
        clients.append(f"{release}={cache / release / 'bin' / 'python'},{family}")
    session.run("python", "-m", "tests.faults.rivals", *(session.posargs or ("1", "500")), *clients)


@nox.session
def mutants(session: nox.Session) -> None:
    """Put defects into copies of the package, and check that tests notice; `-- --quick` for a few, `-- D6` for one."""
    session.install("-e", f".[{EXTRAS}]", *groups("test"))
    session.run("python", "-m", "tests.defects", *session.posargs)


@nox.session
def interop(session: nox.Session) -> None:
    """Run published clients, each in an environment of its own; with `-- --record`, record their signatures."""
    session.install("-e", f".[{EXTRAS}]", *groups("test"))
    folder = Path(session.create_tmp()).resolve()
    for release in PUBLISHED:
        _install(session, folder / f"pypi-{release}", f"pie-client=={release}")
    if session.posargs == ["--record"]:
        for record in Path("tests/published").glob("*.json"):
            python = str(folder / f"pypi-{record.stem}" / "bin" / "python")
            command = (python, "tests/published/record.py")
            record.write_text(str(session.run(*command, external=True, silent=True)), "utf-8")
        return
    if shutil.which("npm"):
        home = folder / f"npm-{PUBLISHED_NPM[0].rpartition('@')[2]}"
        home.mkdir(exist_ok=True)
        (home / "package.json").write_text("{}")
        with session.chdir(home):
            session.run(*NPM, *PUBLISHED_NPM, external=True)
    elif os.environ.get("CI"):
        session.error("npm not found; the JavaScript client needs it")
    # A client works through its scenarios once, so all tests of a client run in one worker.
    together = ("-n", "auto", "--dist", "loadgroup")
    session.run("pytest", "tests/interop", *together, *session.posargs, env={"INTEROP_CLIENTS": str(folder)})


@nox.session
def exports(session: nox.Session) -> None:
    """Check the bundle and the AsyncAPI document with validators that others wrote."""
    if not shutil.which("npm"):
        _unable(session, "npm not found; the validators need it")
    session.install(CHECK_JSONSCHEMA)
    (bundle,) = Path("schema/dist/bundle").resolve().glob("*.json")
    session.run("check-jsonschema", "--check-metaschema", str(bundle))
    with session.chdir("languages/validators"):
        _install_npm(session)
        session.run("node", "check.mjs", external=True)
        jsonschema = "node_modules/.bin/jsonschema"
        session.run(jsonschema, "metaschema", str(bundle), external=True)
        for name, is_valid in {"valid.jsonl": True, "valid.json": True, "invalid.json": False}.items():
            # Each has a code of its own for what it refuses.
            validate, refused = (jsonschema, "validate", str(bundle), f"build/{name}"), 2
            session.run(*validate, external=True, success_codes=[0 if is_valid else refused], silent=True)
            if not name.endswith(".jsonl"):
                check, refused = ("check-jsonschema", "--schemafile", str(bundle), f"build/{name}"), 1
                session.run(*check, success_codes=[0 if is_valid else refused], silent=True)


@nox.session
def languages(session: nox.Session) -> None:
    """Run the test vectors and a client in other languages; `-- rust` for one of them."""
    session.install("-e", ".")  # the embedded engine
    chosen = session.posargs or LANGUAGES
    missing = [name for name in chosen if not shutil.which(TOOLCHAINS[name])]
    run = {"typescript": _run_typescript, "rust": _run_rust, "go": _run_go}
    for name in chosen:
        if name not in missing:
            with session.chdir(f"languages/{name}"):
                run[name](session, {"PYTHON": str(Path(session.bin, "python"))})
    if missing:
        needed = " and ".join(f"{TOOLCHAINS[name]} for {name}" for name in missing)
        _unable(session, f"not found: {needed}; the other languages passed")


def _run_typescript(session: nox.Session, environment: dict[str, str]) -> None:
    _install_npm(session)
    session.run("node_modules/.bin/tsc", external=True)
    # As the summary counts more than a thousand tests, only those that fail are shown.
    limited = environment | {"NODE_OPTIONS": "--max-old-space-size=256"}
    session.run("npm", "test", "--silent", external=True, env=limited)


def _run_rust(session: nox.Session, environment: dict[str, str]) -> None:
    session.run("cargo", "fmt", "--check", external=True)  # generated code too
    session.run("cargo", "clippy", "--quiet", "--", "--deny", "warnings", external=True)
    session.run("cargo", "test", "--quiet", "--", "--format", "terse", external=True, env=environment)


def _run_go(session: nox.Session, environment: dict[str, str]) -> None:
    if unformatted := session.run("gofmt", "-l", ".", str(GO_EXPORT), external=True, silent=True):
        session.error(f"gofmt would change {unformatted}")
    session.run("go", "vet", "./...", "pieprotocol", external=True)
    session.run("go", "test", "./...", external=True, env=environment)


def _install_npm(session: nox.Session) -> None:
    """Install the packages of the package.json in the current folder, unless it has them."""
    recipe = Path("package.json").read_text("utf-8")
    if _is_outdated(Path("node_modules"), recipe):
        session.run(*NPM, external=True)
        _record(Path("node_modules"), recipe)


def _unable(session: nox.Session, reason: str) -> None:
    """End a session that can't run here: with CI set that is a failure."""
    (session.error if os.environ.get("CI") else session.skip)(reason)


@nox.session
def bench(session: nox.Session) -> None:
    """Compare speed and memory with other clients; `-- --quick` to see that it works, `-- --record` for the docs."""
    folder, cache = Path(session.create_tmp()).resolve(), Path(session.cache_dir).resolve() / "bench"
    shutil.rmtree(folder)
    session.run("python", "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), ".")
    # From a wheel, so that its modules are compiled. Always anew: the version does not say which code it is.
    shutil.rmtree(cache / "this", ignore_errors=True)
    _install(session, cache / "this", *map(str, folder.glob("*.whl")))
    python = str(cache / "this" / "bin" / "python")
    installed = session.run(python, "-c", VERSION_OF, *SHARED, external=True, silent=True)
    same = folder / "same.txt"
    same.write_text(str(installed), "utf-8")
    for name, requirements in RIVALS.items():
        recipe = " ".join((*requirements, *str(installed).split()))
        if _is_outdated(cache / name, recipe):
            shutil.rmtree(cache / name, ignore_errors=True)
            _install(session, cache / name, *requirements, "--constraint", str(same))
            _record(cache / name, recipe)
    clients = [f"{name}={cache / name / 'bin' / 'python'}" for name in ("this", *RIVALS)]
    session.run("python", "benchmarks/run.py", *clients, "--json", "build/bench.json", *session.posargs)


@nox.session
def engine(session: nox.Session) -> None:
    """Run the tests marked `engine` on a real pie-server without a GPU."""
    if reason := _missing_for_engine():
        _unable(session, reason)
    session.install("-e", f".[{EXTRAS}]", *groups("test"))
    cache = Path(session.cache_dir).resolve()
    server, model = cache / "pie-server", cache / "model"
    python = server / "bin" / "python"
    if _is_outdated(server, SERVER):
        shutil.rmtree(server, ignore_errors=True)
        _install(session, server, SERVER)
        _record(server, SERVER)
    recipe = Path("tests/scenarios/tiny_model.py").read_text("utf-8")
    if _is_outdated(model, recipe):
        shutil.rmtree(model, ignore_errors=True)
        session.run("python", "-m", "tests.scenarios.tiny_model", str(model))
        _record(model, recipe)
    replaced = cache / "pie-server-with-this"
    if _is_outdated(replaced, recipe := f"{SERVER} {PYPROJECT['project']['dependencies']}"):
        shutil.rmtree(replaced, ignore_errors=True)
        _install(session, replaced, "--editable", ".")
        # After the packages of this environment and the path of this client: both come from files with earlier names.
        (site,) = replaced.glob("lib/python*/site-packages")
        (packages,) = server.glob("lib/python*/site-packages")
        (site / "zz-pie-server.pth").write_text(f"{packages}\n", "utf-8")
        _record(replaced, recipe)
    pythons = {"ENGINE_PYTHON": str(python), "ENGINE_REPLACED": str(replaced / "bin" / "python")}
    where = {**pythons, "ENGINE_MODEL": str(model)}
    session.run("pytest", "-m", "engine", *(session.posargs or ["tests/scenarios"]), env=where)


def _oldest() -> list[str]:
    """Return the oldest releases of all dependencies that pyproject.toml allows."""
    project = PYPROJECT["project"]
    allowed = [*project["dependencies"], *itertools.chain(*project["optional-dependencies"].values())]
    return [re.sub(r">=([^,]+).*", r"==\1", requirement) for requirement in allowed]


def _install(session: nox.Session, folder: Path, *requirements: str) -> None:
    """Install packages into a virtual environment of their own."""
    session.run("python", "-m", "venv", "--without-pip", str(folder))
    session.run("python", "-m", "pip", "--python", str(folder), "install", "--quiet", *requirements)


def _missing_for_engine() -> str | None:
    """Return why the real engine can't run here and what to install, or None if it can."""
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        return f"pie-server runs without a GPU on Linux on x86_64, not on {platform.system()} on {platform.machine()}"
    _, glibc = platform.libc_ver()
    if tuple(map(int, glibc.split(".") if glibc else ())) < GLIBC:
        return (
            f"pie-server needs glibc {'.'.join(map(str, GLIBC))} or later; this system has {glibc or 'none'}"
        )
    drivers = ("/usr/share/vulkan/icd.d", "/usr/local/share/vulkan/icd.d", "/etc/vulkan/icd.d")
    found = {
        "libvulkan1": ctypes.util.find_library("vulkan"),
        "mesa-vulkan-drivers": [file for folder in drivers for file in Path(folder).glob("lvp_icd*.json")],
    }
    if missing := [package for package in VULKAN if not found[package]]:
        what = " and ".join(VULKAN[package] for package in missing)
        return f"{what} not found; install with: apt-get install {' '.join(missing)}"
    return None


def _is_outdated(folder: Path, recipe: str) -> bool:
    """Return whether a cached folder is missing, incomplete or made from another recipe."""
    record = folder / "made-from"
    return not record.exists() or record.read_text("utf-8") != recipe


def _record(folder: Path, recipe: str) -> None:
    """Record what a cached folder was made from; called last, so that an incomplete folder has no record."""
    (folder / "made-from").write_text(recipe, "utf-8")
