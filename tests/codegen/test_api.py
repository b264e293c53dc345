"""`python -m codegen api`: public names of the package, compared with those of its last release."""

import importlib
import shutil
from pathlib import Path

import griffe
import pytest

from codegen.__main__ import main
from codegen.api import command
from codegen.api.compare import FACADES, RULES, TITLES, compare, public_objects
from codegen.api.stubs import stubs
from tests.support.repository import LEFT_OUT, ROOT

PACKAGE = "pie_client"
VERSION = "1.4.0"
CLIENT, ERRORS = "client.py", "errors.py"
NOT_REPORTED = {
    RULES[griffe.BreakageKind.ATTRIBUTE_CHANGED_TYPE],  # griffe knows the kind, and reports none
    RULES[griffe.BreakageKind.ATTRIBUTE_CHANGED_VALUE],  # values may change
}
BREAKS = [
    ("parameter-moved", "PieClient.resolve_version(name)", CLIENT, "self, name: str, registry_url: str,", "self, registry_url: str, name: str,"),
    ("parameter-moved", "PieClient.resolve_version(registry_url)", "", "", ""),
    ("parameter-removed", "PieClient.ping(timeout)", CLIENT, "async def ping(self, *, timeout: float | None = None)", "async def ping(self)"),
    ("parameter-changed-kind", "PieClient.query(record)", CLIENT, 'subject: str, record: str = "", *,', 'subject: str, *, record: str = "",'),
    ("parameter-changed-default", "PieClient.__init__(open_timeout)", CLIENT, "open_timeout: float = 10.0,", "open_timeout: float = 20.0,"),
    ("parameter-changed-required", "PieClient.launch_daemon(input)", CLIENT, "port: int, input: object = None, *,", "port: int, input: object, *,"),
    ("parameter-added-required", "PieClient.signal_process(kind)", CLIENT, "self, process_id: str, message: str, *,", "self, process_id: str, message: str, kind: str, *,"),
    ("return-changed-type", "PieClient.connect", CLIENT, "async def connect(self) -> None:", "async def connect(self):"),
    ("object-removed", "PieClient.dropped", CLIENT, "def dropped(self)", "def lost(self)"),
    ("object-removed", "Signer", "__init__.py", "    from pie_client.auth.keys import Signer as Signer\n", ""),
    ("object-removed", "HandshakeError.status", ERRORS, "self.status = status\n        self.body = body", "self.code = status\n        self.body = body"),
    ("object-changed-kind", "PieClient.connected", CLIENT, "@property\n    def connected(self)", "def connected(self)"),
    ("function-changed-async", "Map.aclose", "maps/mapping.py", "async def aclose(self)", "def aclose(self)"),
    ("function-changed-async", "parse_manifest", "programs/manifest.py", "def parse_manifest(", "async def parse_manifest("),
    ("object-removed", "otel.OpenTelemetry", "otel.py", "class OpenTelemetry", "class Telemetry"),
    ("class-removed-base", "DeadlineError", ERRORS, "class DeadlineError(PieError, TimeoutError)", "class DeadlineError(PieError)"),
]  # fmt: skip
"""Rule and place of a break, and the edit that brings it: file, old and new text. The second break of an edit has none."""
HARMLESS = [
    ("process.py", "def __init__(self, connection: Connection, route: Route)", "def __init__(self, route: Route)"),
    (CLIENT, "def _made_connector(self)", "def _make_connector(self)"),
    (CLIENT, "async def close(self) -> None:", "async def close(self, *, force: bool = False) -> None:"),
    (ERRORS, "class PieError(Exception):", "class FurtherError(Exception):\n    pass\n\n\nclass PieError(Exception):"),
    ("maps/mapping.py", "async def __anext__(self) -> MapResult[I_co, T_co]:", "def __anext__(self) -> Awaitable[MapResult[I_co, T_co]]:"),
    ("common/paths.py", "def as_path(", "def to_path("),
]  # fmt: skip
"""Edits that break nothing of users: internal constructors, private and internal names, further names and parameters."""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A small package that was just released."""
    package = tmp_path / "src" / PACKAGE
    package.mkdir(parents=True)
    (package / "_version.py").write_text(f'__version__ = "{VERSION}"\n')
    (package / "__init__.py").write_text("from pie_client.client import connect as connect\n")
    (package / CLIENT).write_text("async def connect(uri: str, timeout: float = 10.0) -> None:\n    ...\n")
    assert main(["api", "--release", "--root", str(tmp_path)]) == 0
    return tmp_path


@pytest.fixture(scope="module")
def present(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the stubs of the package."""
    return written(stubs(ROOT / "src" / PACKAGE), tmp_path_factory.mktemp("present"))


def written(files: dict[str, str], folder: Path) -> Path:
    """Write the stubs of the package into a folder, and return it."""
    for name, text in files.items():
        path = folder / PACKAGE / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def change(package: Path, file: str, old: str, new: str) -> None:
    """Replace a text of a module, which is there once."""
    path = package / file
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1, old
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_the_compared_names_are_those_that_users_import(present: Path) -> None:
    found = set(public_objects(present, PACKAGE))
    names: set[str] = set()
    for facade in FACADES:
        module = importlib.import_module(f"{PACKAGE}.{facade}".rstrip("."))
        names |= {f"{module.__name__}.{name}" for name in module.__all__ if name != "__version__"}
    assert len(names) > 200
    assert found == names


def test_every_rule_reports_a_break_and_nothing_else_is_reported(present: Path, tmp_path: Path) -> None:
    assert {rule for rule, *_ in BREAKS} == TITLES - NOT_REPORTED
    package = tmp_path / "src" / PACKAGE
    shutil.copytree(ROOT / "src" / PACKAGE, package, ignore=LEFT_OUT)
    for file, before, after in [*(row[2:] for row in BREAKS if row[2]), *HARMLESS]:
        change(package, file, before, after)
    found = compare(present, written(stubs(package), tmp_path / "new"), PACKAGE)
    assert sorted((each.rule, each.path) for each in found) == sorted(
        (rule, f"{PACKAGE}.{place}") for rule, place, *_ in BREAKS
    )


def test_a_break_fails_until_it_is_announced_for_the_version_that_brings_it(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    accepted = root / command.RELEASED / "accepted.toml"
    change(root / "src" / PACKAGE, CLIENT, "10.0", "20.0")
    place = f"parameter-changed-default {PACKAGE}.connect(timeout)"
    line = f"{place}: Parameter default was changed: 10.0 → 20.0"
    capsys.readouterr()
    assert main(["api", "--root", str(root)]) == 1
    out, err = capsys.readouterr()
    assert out.splitlines() == [line, f"not announced: {line}"]
    assert err.endswith(f"undo a break, or announce it in {accepted}\n")

    announce(accepted, place, VERSION)
    entry, versions = f"accepted.toml: {place}", f"the versions are {VERSION} and {VERSION}"
    advice = "raise the version in _version.py, or correct the entry"
    assert main(["api", "--release", "--root", str(root)]) == 1
    assert capsys.readouterr().out.splitlines() == [
        line,
        f"wrong version: {entry} is announced for {VERSION}, but {versions}; {advice}",
    ]

    announce(accepted, place, "2.0.0")
    (root / "src" / PACKAGE / "_version.py").write_text('__version__ = "2.0.0.dev0"\n')
    assert main(["api", "--root", str(root)]) == 0
    assert main(["api", "--release", "--root", str(root)]) == 0
    assert not accepted.exists()
    capsys.readouterr()

    announce(accepted, place, "2.0.0")
    assert main(["api", "--root", str(root)]) == 1
    stale = f"stale: {entry} is no break between these versions; remove it"
    assert capsys.readouterr().out.splitlines() == [stale]


def announce(file: Path, place: str, version: str) -> None:
    rule, path = place.split(" ")
    file.write_text(
        f'[[break]]\nrule = "{rule}"\npath = "{path}"\nversion = "{version}"\nreason = "Slow networks."\n'
    )


def test_without_a_released_package_the_command_says_how_to_make_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["api", "--root", str(tmp_path)]) == 2
    assert "run `python -m codegen api --release`" in capsys.readouterr().err
