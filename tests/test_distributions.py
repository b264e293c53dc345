"""The wheel carries the schema, for clients in other languages; the source distribution everything, for who tests it."""

import json
import os
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from pie_client import parse_manifest
from pie_client.typed.generate import render
from tests.support.repository import EXPORTS, ROOT, files_below, run, tracked_files

LEFT_OUT = ("vectors/", "released/", "dist/")
"""Folders of the schema that the wheel does not have, but for the bundle."""
PAGE = (ROOT / "docs/other-languages.md").read_text(encoding="utf-8")


def build(target: str, source: Path, to: Path) -> Path:
    """Build a distribution of a source folder as pip does, and return it."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(to)]
    subprocess.run(command, cwd=source, check=True, capture_output=True)  # noqa: S603 - this interpreter, no shell
    (found,) = to.iterdir()
    return found


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The extracted source distribution."""
    folder = tmp_path_factory.mktemp("sdist")
    with tarfile.open(build("sdist", ROOT, folder / "built")) as archive:
        archive.extractall(folder, filter="data")
    (extracted,) = (path for path in folder.iterdir() if path.name != "built")
    return extracted


@pytest.fixture(scope="module")
def wheel(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The extracted wheel, built from the source distribution."""
    folder = tmp_path_factory.mktemp("wheel")
    with zipfile.ZipFile(build("wheel", sdist, folder / "built")) as archive:
        archive.extractall(folder / "extracted")  # noqa: S202 - built by this test
    return folder / "extracted"


def test_the_wheel_has_the_schema_and_its_bundle_but_neither_vectors_nor_other_languages(wheel: Path) -> None:
    schema = files_below(ROOT / "schema")
    expected = {name: data for name, data in schema.items() if not name.startswith(LEFT_OUT)}
    bundle = {name: data for name, data in schema.items() if name.startswith("dist/bundle/")}
    assert len(bundle) == 1
    assert files_below(wheel / "pie_client" / "schema") == expected | bundle


def test_an_installed_package_reads_its_schema_as_a_resource(wheel: Path, tmp_path: Path) -> None:
    (program,) = re.findall(r"<!-- resource -->\n```python\n(.*?)```", PAGE, re.DOTALL)
    done = run(["-c", program], tmp_path, {"PYTHONPATH": str(wheel)})
    assert (done.returncode, done.stderr) == (0, "")
    protocol = json.loads((ROOT / "schema/protocol.json").read_bytes())
    version = protocol["version"]
    assert done.stdout == f"{protocol['title']} {version} {protocol['id']}:{version}\n"


def test_an_installed_package_writes_typed_launches_which_need_no_generator(
    wheel: Path, tmp_path: Path
) -> None:
    manifest = ROOT / "tests/type_samples/text_completion.toml"
    settings = {"PYTHONPATH": str(wheel)}
    done = run(["-m", "pie_client.typed", manifest, "--out", "text_completion.py"], tmp_path, settings)
    assert (done.returncode, done.stderr) == (0, "")
    written = (tmp_path / "text_completion.py").read_text(encoding="utf-8")
    assert written == render(parse_manifest(manifest.read_bytes()))  # which tests/test_typing.py checks
    script = "import sys, pie_client, text_completion; print(pie_client.__file__); "
    script += "print({'jinja2', 'datamodel_code_generator'} & {*sys.modules})"
    done = run(["-W", "error", "-c", script], tmp_path, {"PYTHONPATH": f"{tmp_path}{os.pathsep}{wheel}"})
    assert done.stdout == f"{wheel / 'pie_client/__init__.py'}\nset()\n", done.stderr


def test_the_source_distribution_has_the_files_of_a_clone(sdist: Path) -> None:
    if (files := tracked_files(untracked=True)) is None:
        pytest.skip("not a git checkout")
    assert files_below(sdist).keys() == files | {"PKG-INFO"}


def test_the_source_distribution_can_export_the_schema(sdist: Path, tmp_path: Path) -> None:
    done = run(["-m", "codegen", "export", "typescript", "--out", tmp_path], sdist)
    assert (done.returncode, done.stderr) == (0, "")
    assert files_below(tmp_path) == files_below(ROOT / EXPORTS / "typescript")
