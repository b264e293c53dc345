"""docs/other-languages.md: its programs are those that `nox -s languages` runs, with the pins that it has."""

import json
import re
import tomllib

import pytest

from tests.support.pages import files_of
from tests.support.repository import ROOT

PAGE = (ROOT / "docs/other-languages.md").read_text(encoding="utf-8")
PROGRAMS = {
    "example.ts": (
        "languages/typescript/src/example.ts",
        ("../../../schema/dist/typescript/protocol.js", "./protocol.js"),
    ),
    "main.rs": (
        "languages/rust/src/example.rs",
        ('#[path = "../../../schema/dist/rust/protocol.rs"]\n', ""),
    ),
    "main.go": ("languages/go/example/main.go", ("", "")),
}
"""Programs of the page: where each is run, and the path of the export there and on the page."""
SHOWN = files_of("docs/other-languages.md")


def test_every_program_of_the_page_is_run() -> None:
    assert list(SHOWN) == list(PROGRAMS)


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_of_the_page_is_the_one_that_is_run(name: str) -> None:
    path, (export, place) = PROGRAMS[name]
    assert SHOWN[name] == (ROOT / path).read_text(encoding="utf-8").replace(export, place)


def pins(command: str) -> list[tuple[str, str]]:
    """Return the names and releases in the lines of the page that begin with a command."""
    lines = "\n".join(re.findall(rf"^{command} .*", PAGE, re.MULTILINE))
    return re.findall(r"(@?[\w./-]+)@v?(\d[\d.]*)", lines)


def test_the_page_installs_the_packages_that_are_tested() -> None:
    package = json.loads((ROOT / "languages/typescript/package.json").read_bytes())
    tested: dict[str, str] = package["dependencies"] | package["devDependencies"]
    installed = pins("npm install")
    assert {name for name, _ in installed} >= {"ws", "typescript", "@msgpack/msgpack"}
    # A pin may leave out the last parts of a release.
    assert [(name, pin) for name, pin in installed if not f"{tested[name]}.".startswith(f"{pin}.")] == []


def test_the_page_adds_the_crates_that_are_tested() -> None:
    package = tomllib.loads((ROOT / "languages/rust/Cargo.toml").read_text(encoding="utf-8"))
    tested = {
        name: row if isinstance(row, str) else row["version"] for name, row in package["dependencies"].items()
    }
    assert {name: f"={pin}" for name, pin in pins("cargo add")} == tested


def test_the_page_gets_the_go_module_that_is_tested() -> None:
    module = (ROOT / "languages/go/go.mod").read_text(encoding="utf-8")
    (installed,) = pins("go get")
    assert " v".join(installed) in module
