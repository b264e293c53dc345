"""``python -m codegen api``: compare the public names of the package with the released ones, or make them the released ones."""

import ast
import shutil
import sys
import tempfile
from pathlib import Path

from codegen.api.compare import TITLES, compare
from codegen.api.stubs import stubs
from codegen.breaking import accepted
from codegen.schema import CodegenError

RELEASED = Path("codegen/api/released")
"""Folder of the released package, reduced to stubs, with the announced breaks."""
VERSION = "_version"


def api(released: Path, package: Path) -> int:
    """Print what breaks; return 1 if a break is not announced or an announcement is wrong."""
    if not (released / package.name).is_dir():
        raise CodegenError(
            [f"no package {package.name} in {released}; run `python -m codegen api --release`"]
        )
    announced = accepted.read(released, TITLES)
    with tempfile.TemporaryDirectory() as folder:
        _write(stubs(package), Path(folder) / package.name)
        found = list(compare(released, Path(folder), package.name))
    versions = _version(released / package.name / f"{VERSION}.pyi"), _version(package / f"{VERSION}.py")
    breaks = {(each.rule, each.path): each for each in found}
    problems = list(accepted.problems(breaks, announced, versions, f"{VERSION}.py"))
    print(*found, *problems, sep="\n" if found or problems else "")
    told = f"codegen: breaks of the API {len(breaks)}, announced {len(announced)}"
    if problems:
        print(f"{told}; undo a break, or announce it in {released / accepted.FILE}", file=sys.stderr)
        return 1
    print(told, file=sys.stderr)
    return 0


def release(released: Path, package: Path) -> int:
    """Make the package the released one, to which nothing is announced yet; return 1 if a break is not announced."""
    if (released / package.name).exists() and api(released, package):
        return 1
    shutil.rmtree(released, ignore_errors=True)
    _write(stubs(package), released / package.name)
    print(f"codegen: {released} has the released package", file=sys.stderr)
    return 0


def _write(files: dict[str, str], folder: Path) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def _version(module: Path) -> str:
    """Return the version that a module of a package states."""
    for node in ast.parse(module.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__version__":
            return str(ast.literal_eval(node.value))
    raise CodegenError([f"no __version__ in {module}"])
