"""The names that users get, where they come from, and what importing them costs."""

import ast
import importlib
import inspect
import json
import pickle
import pkgutil
import re
import subprocess
import traceback
from pathlib import Path
from types import ModuleType
from typing import TypeVar

import pytest

import pie_client
from pie_client import _generated, errors
from pie_client._generated import events, models, public, refusals, results
from pie_client.testing import _generated as server_generated
from tests.support.repository import ROOT, run
from tests.support.tools import need

INIT = ROOT / "src/pie_client/__init__.py"
TOP_LEVEL = {
    *("schema", "codegen", "src", "tests", "docs", "examples", "benchmarks", "interop", ".ci"),
    *("pyproject.toml", "noxfile.py", "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE"),
    *(".gitignore", ".gitattributes"),
}
SUBMODULES = ("errors", "models", "testing")
HEAVY = ("cryptography", "websockets", "msgpack", "pydantic", "blake3", "typer", "rich", "mcp", "asyncio")

GENERATED_MODULES = [
    importlib.import_module(f"{_generated.__name__}.{module.name}")
    for module in pkgutil.iter_modules(_generated.__path__)
] + [
    importlib.import_module(f"{server_generated.__name__}.{module.name}")
    for module in pkgutil.iter_modules(server_generated.__path__)
]
PLAIN_TEXTS = {"LaunchProcessResult", "SubmitWorkflowResult"}
"""Results that calls return as they came, as `str`."""


def imports_for_checkers() -> dict[str, str]:
    """Give each name that is imported at the top under TYPE_CHECKING, by hand or through the generated list."""
    by_hand = guarded_imports(INIT.read_text(encoding="utf-8"))
    assert {name for name in SUBMODULES if by_hand.pop(name) == "pie_client"} == set(SUBMODULES)
    assert by_hand.pop("*") == public.__name__
    generated = guarded_imports(inspect.getsource(public))
    assert generated.keys() == set(public.__all__)
    assert not by_hand.keys() & generated.keys()
    return by_hand | generated


def guarded_imports(source: str) -> dict[str, str]:
    """Give each name that a source imports under TYPE_CHECKING, with its module."""
    tree = ast.parse(source)
    guarded = [
        node
        for block in tree.body
        if isinstance(block, ast.If) and isinstance(block.test, ast.Name) and block.test.id == "TYPE_CHECKING"
        for node in block.body
    ]
    assert all(isinstance(node, ast.ImportFrom) for node in guarded)
    return {
        alias.asname or alias.name: str(node.module)
        for node in guarded
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


def imports_when_asked_for() -> dict[str, str]:
    """Give each name that ``__init__`` serves lazily, with its module."""
    tree = ast.parse(INIT.read_text(encoding="utf-8"))
    table = next(
        node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict) and node.value.keys
    )
    modules: dict[str, tuple[str, ...]] = ast.literal_eval(table)
    return {name: module for module, names in modules.items() for name in names} | dict(public.MODULE_OF)


def loaded_by(statement: str) -> set[str]:
    """Give the top-level packages that a fresh interpreter has loaded after a statement."""
    script = f"import json, sys\n{statement}\nprint(json.dumps([m.partition('.')[0] for m in sys.modules]))"
    done = run(["-W", "error", "-c", script], ROOT)
    assert done.stderr == ""
    return set(json.loads(done.stdout))


def public_names(module: ModuleType) -> set[str]:
    """Give the public names that a module's own code binds, type variables aside."""
    bound: set[str] = set()
    for node in ast.parse(inspect.getsource(module)).body:
        match node:
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                bound.add(name)
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                bound.add(name)
            case _:
                pass
    return {
        name for name in bound if not name.startswith("_") and not isinstance(getattr(module, name), TypeVar)
    }


# ------------------------------------------------------------- pie_client


def test_the_names_served_lazily_are_those_that_checkers_see_from_the_same_modules() -> None:
    assert imports_when_asked_for() == imports_for_checkers()


def test_the_public_names_are_the_lazy_ones_and_the_version() -> None:
    assert sorted(pie_client.__all__) == sorted([*imports_when_asked_for(), "__version__"])


def test_dir_lists_the_public_names_and_submodules() -> None:
    assert dir(pie_client) == sorted([*pie_client.__all__, *SUBMODULES])


@pytest.mark.parametrize("name", SUBMODULES)
def test_a_public_submodule_is_an_attribute_of_the_package_without_being_imported(name: str) -> None:
    script = f"import pie_client; print(pie_client.{name}.__name__)"
    assert run(["-W", "error", "-c", script], ROOT).stdout == f"pie_client.{name}\n"


@pytest.mark.parametrize("name", pie_client.__all__)
def test_a_public_name_resolves_to_what_its_module_defines(name: str) -> None:
    value: object = getattr(pie_client, name)
    if name != "__version__":
        assert value is getattr(importlib.import_module(imports_when_asked_for()[name]), name)


def test_a_star_import_gives_every_public_name() -> None:
    namespace: dict[str, object] = {}
    exec("from pie_client import *", namespace)  # noqa: S102 - a star import is not allowed in a function
    assert namespace.keys() - {"__builtins__"} == set(pie_client.__all__)


def test_an_unknown_name_is_an_attribute_error_that_names_it() -> None:
    with pytest.raises(AttributeError, match="module 'pie_client' has no attribute 'no_such_name'"):
        getattr(pie_client, "no_such_name")  # noqa: B009 - a checker would refuse the plain form


def test_every_error_class_is_public_and_a_pie_error() -> None:
    defined = {
        name
        for module in (errors, refusals)
        for name in public_names(module)
        if inspect.isclass(getattr(module, name)) and issubclass(getattr(module, name), Exception)
    }
    assert defined - set(pie_client.__all__) == set()
    warnings = {name for name in defined if issubclass(getattr(pie_client, name), Warning)}
    assert all(issubclass(getattr(pie_client, name), pie_client.PieError) for name in defined - warnings)
    assert warnings == {"HashesNotComparedWarning"}


@pytest.mark.parametrize("package", [pie_client, pie_client.testing], ids=lambda package: package.__name__)
def test_exceptions_and_events_name_the_package_that_they_are_imported_from(package: ModuleType) -> None:
    classes = [
        value
        for name in package.__all__
        if inspect.isclass(value := getattr(package, name))
        and (issubclass(value, Exception) or name.endswith("Event"))
    ]
    assert classes
    assert {cls.__module__ for cls in classes} == {package.__name__}


def test_a_traceback_names_an_exception_as_it_is_imported() -> None:
    error = pie_client.ProgramNotFoundError("launch_process", "no program")
    assert traceback.format_exception_only(error)[0].startswith("pie_client.ProgramNotFoundError: ")


@pytest.mark.parametrize(
    "value",
    [
        pie_client.ProgramNotFoundError("launch_process", "no program", "a@1.0.0"),
        pie_client.ProcessTerminatedError("id", "stopped"),
        pie_client.BadFrameError("bad frame"),
        pie_client.McpServerError("fs", "it exited"),
        pie_client.HandshakeError("refused", status=404, body="not found"),
        pie_client.StdoutEvent("text"),
        pie_client.CorruptEvent("text"),
        pie_client.FileEvent(b"data", name="a.txt"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_exceptions_and_events_survive_pickling(value: object) -> None:
    copy = pickle.loads(pickle.dumps(value))  # noqa: S301 - pickled on this line
    assert type(copy) is type(value)
    assert str(copy) == str(value)
    assert getattr(copy, "__dict__", None) == getattr(value, "__dict__", None)


def test_every_event_class_is_public() -> None:
    classes = {cls.__name__ for cls in events.KIND_OF} | {"UnknownEvent", "Event"}
    assert classes - set(pie_client.__all__) == set()


# ------------------------------------------------------------- pie_client._generated


@pytest.mark.parametrize("module", GENERATED_MODULES, ids=lambda module: module.__name__)
def test_a_generated_module_declares_all_of_its_public_names_and_no_other(module: ModuleType) -> None:
    assert len(module.__all__) == len(set(module.__all__))
    expected = set(public.MODULE_OF) if module is public else public_names(module)
    assert set(module.__all__) == expected


def test_the_models_can_be_imported_from_a_public_module() -> None:
    classes = {name for name in results.__all__ if not name.startswith("decode_")}
    assert set(pie_client.models.__all__) == {*models.__all__, *classes}
    for module, names in ((models, models.__all__), (results, classes)):
        assert all(getattr(pie_client.models, name) is getattr(module, name) for name in names)


def test_the_generated_package_tells_which_schema_it_was_written_from() -> None:
    assert len(_generated.SCHEMA_DIGEST) == 64


def test_every_title_of_the_schema_is_a_generated_type() -> None:
    documents = [
        json.loads(path.read_text(encoding="utf-8"))
        for path in (ROOT / "schema").glob("*/*.json")
        if path.parent.name != "vectors"
    ]
    titles = {document["title"] for document in documents}
    scalars = json.loads((ROOT / "schema/types.json").read_text(encoding="utf-8"))["$defs"]
    types = {name for module in (models, results) for name in vars(module)}
    assert len(titles) > 50
    assert (titles | scalars.keys()) - types == PLAIN_TEXTS


def test_every_model_can_be_used_without_further_ado() -> None:
    found = [
        cls for cls in vars(models).values() if inspect.isclass(cls) and cls.__module__ == models.__name__
    ]
    assert len(found) > 40
    assert [cls.__name__ for cls in found if not getattr(cls, "__pydantic_complete__", False)] == []


# ------------------------------------------------------------- cost


def test_importing_the_package_loads_nothing_that_it_depends_on() -> None:
    assert loaded_by("import pie_client") & set(HEAVY) == set()


def test_the_client_comes_without_what_only_keys_and_extras_need() -> None:
    loaded = loaded_by("from pie_client import PieClient")
    assert "websockets" in loaded
    assert loaded & {"cryptography", "typer", "rich", "mcp", "picows"} == set()


def test_errors_and_events_come_without_a_socket_library() -> None:
    assert loaded_by("from pie_client import PieError, ConnectError") & set(HEAVY) == set()
    assert (
        loaded_by("from pie_client import StdoutEvent, Event") & {"cryptography", "websockets", "msgpack"}
        == set()
    )


# ------------------------------------------------------------- the repository


def test_the_top_level_of_the_repository_is_a_closed_list() -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    (git,) = need("git")
    done = subprocess.run(  # noqa: S603 - fixed arguments
        [git, "-c", "safe.directory=*", "-c", "core.quotePath=false", "ls-files"],
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    assert {Path(line).parts[0] for line in done.stdout.splitlines()} - TOP_LEVEL == set()


def test_the_package_is_marked_as_typed() -> None:
    assert (INIT.parent / "py.typed").exists()


def test_every_defect_that_a_test_names_is_explained_and_every_explained_one_is_tested() -> None:
    explained = re.findall(
        r"^\| (D\d+) \|", (ROOT / "tests" / "DEFECTS.md").read_text(encoding="utf-8"), re.M
    )
    named = {
        number
        for path in (ROOT / "tests").rglob("test_*.py")
        for number in re.findall(r"\bD\d{1,2}\b", path.read_text(encoding="utf-8"))
    }
    assert explained == sorted(named, key=lambda number: int(number[1:]))
