"""Rules for the whole repository: layout, size of modules and functions, imports, and the form of docstrings."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import TypeAlias

import pytest

from tests.support.repository import ROOT, tracked_files

TOP_LEVEL = {
    *("schema", "codegen", "src", "tests", "docs", "examples", "benchmarks", "languages", ".ci"),
    *(
        "pyproject.toml",
        "noxfile.py",
        "README.md",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "RELEASING.md",
        "LICENSE",
    ),
    *(".gitignore", ".gitattributes"),
}
CODE = [path for folder in ("src", "codegen") for path in sorted((ROOT / folder).rglob("*.py"))]
EVERYWHERE = [
    *(
        p
        for folder in ("src", "codegen", "tests", "benchmarks", "examples")
        for p in (ROOT / folder).rglob("*.py")
    ),
    ROOT / "noxfile.py",
]
MODULE_LINES = 500
LONG_MODULES = {"src/pie_client/client.py"}
"""Its length is the docstrings of its public methods."""
FUNCTION_LINES = 50
FACADES = {"pie_client", "pie_client.testing"}
"""Packages whose names are imported lazily, and for type checkers only."""
GENERATED = ("pie_client._generated.", "pie_client.testing._generated.")
TESTS_OF_INTERNALS = ("codegen", "fuzz", "cost", "conformance", "protocol")
"""Folders of tests that may import generated modules, because what they test takes or returns what these define."""

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def lines_without_docstring(function: Function) -> int:
    lines = (function.end_lineno or 0) - function.lineno + 1
    if ast.get_docstring(function) is not None:
        docstring = function.body[0]
        lines -= (docstring.end_lineno or 0) - docstring.lineno + 1
    return lines


def imported_names(path: Path) -> set[str]:
    """Return the dotted names that a module imports, in functions and for checkers too."""
    names: set[str] = set()
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"relative import in {name_of(path)}"
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


def bound_modules(statement: ast.stmt) -> Iterator[tuple[str, str]]:
    """Iterate over the names that an import binds, and what they are."""
    if isinstance(statement, (ast.Import, ast.ImportFrom)):
        package = f"{statement.module}." if isinstance(statement, ast.ImportFrom) else ""
        for alias in statement.names:
            yield alias.asname or alias.name, package + alias.name


def unparsed(statements: list[ast.stmt]) -> str:
    return "\n".join(map(ast.unparse, statements))


def modules_in(folder: Path, package: str) -> dict[str, Path]:
    return {
        ".".join(path.relative_to(folder).with_suffix("").parts).removesuffix(".__init__"): path
        for path in (folder / package).rglob("*.py")
    }


# ------------------------------------------------------------- layout


def test_the_top_level_is_a_closed_list() -> None:
    if (tracked := tracked_files()) is None:
        pytest.skip("not a git checkout")
    assert {Path(name).parts[0] for name in tracked} - TOP_LEVEL == set()


def test_the_package_is_marked_as_typed() -> None:
    """D16"""
    assert (ROOT / "src/pie_client/py.typed").exists()


# ------------------------------------------------------------- size


def test_no_module_is_too_long() -> None:
    long = {
        name_of(path)
        for path in CODE
        if "_generated" not in path.parts
        and len(path.read_text(encoding="utf-8").splitlines()) > MODULE_LINES
    }
    assert long == LONG_MODULES


def test_no_function_is_too_long() -> None:
    long = {
        f"{name_of(path)}:{node.name}"
        for path in CODE
        for node in ast.walk(parsed(path))
        if isinstance(node, Function) and lines_without_docstring(node) > FUNCTION_LINES
    }
    assert long == set()


# ------------------------------------------------------------- import rules


@pytest.mark.parametrize(("folder", "package"), [("src", "pie_client"), (".", "codegen")])
def test_modules_do_not_import_each_other_in_a_cycle(folder: str, package: str) -> None:
    modules = modules_in(ROOT / folder, package)
    graph: dict[str, set[str]] = {}
    for module, path in modules.items():
        if module in FACADES:
            continue
        names = imported_names(path)
        graph[module] = {n if n in modules else n.rpartition(".")[0] for n in names} & modules.keys() - {
            module
        }
    assert any(graph.values())
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"import cycle: {error.args[1]}")


def test_type_checkers_see_the_modules_that_are_loaded_lazily() -> None:
    found = 0
    for path in CODE:
        for node in ast.walk(parsed(path)):
            if not isinstance(node, ast.If) or ast.unparse(node.test) != "TYPE_CHECKING":
                continue
            seen = {name: module for statement in node.body for name, module in bound_modules(statement)}
            for name, module in re.findall(r"^(\w+) = LazyModule\('(.+)'\)$", unparsed(node.orelse), re.M):
                assert seen.get(name) == module, f"{name} in {name_of(path)}"
                found += 1
    assert found > 20


def test_every_text_that_is_generated_is_sent() -> None:
    """Others are marked with ``"generated": false`` in the schema."""
    for package in (ROOT / "src" / "pie_client", ROOT / "src" / "pie_client" / "testing"):
        texts = parsed(package / "_generated" / "texts.py")
        (names,) = [ast.literal_eval(n.value) for n in texts.body if isinstance(n, ast.Assign)]
        used = {
            node.attr for path in CODE for node in ast.walk(parsed(path)) if isinstance(node, ast.Attribute)
        }
        assert [name for name in names if name not in used and not name.startswith("OK_")] == []


def test_tests_import_public_names_only() -> None:
    importing = {
        name_of(path)
        for path in (ROOT / "tests").rglob("*.py")
        if path.relative_to(ROOT / "tests").parts[0] not in TESTS_OF_INTERNALS
        and any(f"{name}.".startswith(GENERATED) for name in imported_names(path))
    }
    assert importing == set()


# ------------------------------------------------------------- code from elsewhere


LOADERS = {
    "pickle",
    "marshal",
    "shelve",
    "dill",
    "cloudpickle",
    "jsonpickle",
    "yaml",
    "code",
    "runpy",
    "ctypes",
}
"""Modules that make objects or run code from data."""
RUNNERS = {
    *("eval", "exec", "compile", "__import__", "import_module", "load_module", "exec_module"),
    *("subprocess_exec", "subprocess_shell", "create_subprocess_exec", "create_subprocess_shell"),
    *("system", "popen", "Popen", "posix_spawn", "spawnv", "execv", "execve", "execvp", "execvpe"),
}
"""Functions that run code, modules or programs whose text or name they are given."""
RUN = {
    "lazy.py: __import__",  # of what LazyModule names, which is a literal
    "mcp/spec.py: importlib.import_module",  # of a module of this package
    "mcp/stdio.py: asyncio.get_running_loop().subprocess_exec",  # of the MCP servers that users register
}


def test_the_client_runs_no_code_from_elsewhere() -> None:
    found: set[str] = set()
    names: list[ast.expr] = []
    for path in (ROOT / "src" / "pie_client").rglob("*.py"):
        where = path.relative_to(ROOT / "src" / "pie_client").as_posix()
        if where.startswith("testing/"):
            continue
        found |= {f"{where}: {name}" for name in imported_names(path) if name.partition(".")[0] in LOADERS}
        for node in ast.walk(parsed(path)):
            if isinstance(node, (ast.Name, ast.Attribute)):
                text = ast.unparse(node)
                if text.rpartition(".")[2] in RUNNERS and text != "re.compile":
                    found.add(f"{where}: {text}")
            elif isinstance(node, ast.Call) and ast.unparse(node.func) in ("LazyModule", "lazy.LazyModule"):
                names += node.args
    assert found == RUN
    assert names != []
    assert all(isinstance(name, ast.Constant) for name in names)


# ------------------------------------------------------------- words


def test_no_docstring_begins_with_give_or_tell() -> None:
    found = [
        f"{name_of(path)}:{number}"
        for path in EVERYWHERE
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if re.search(r'"{3}(Give|Tell)s? ', line)
    ]
    assert found == []
