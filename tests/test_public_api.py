"""The public names: which there are, where they come from, and what importing them loads."""

import ast
import copy
import dataclasses
import importlib
import inspect
import json
import pickle
import pydoc
import re
import textwrap
import traceback
from collections.abc import Iterator
from types import ModuleType
from typing import Any, get_args

import pytest

import pie_client
from tests.support.repository import ROOT, run

INIT = ROOT / "src/pie_client/__init__.py"
SUBMODULES = ("errors", "models", "testing")
OF_EXTRAS = {"OpenTelemetry": "pie_client.otel"}
"""Types of arguments that are imported from a module of their own, which needs an extra."""
PUBLIC: dict[str, object] = {}
"""What a star import provides."""
exec("from pie_client import *", PUBLIC)  # noqa: S102 - not allowed in a function
del PUBLIC["__builtins__"]
HEAVY = {"cryptography", "websockets", "msgpack", "pydantic", "blake3", "typer", "rich", "mcp", "asyncio"}


def branches() -> tuple[list[ast.stmt], list[ast.stmt]]:
    """Return what type checkers see of the package, and what runs."""
    (block,) = (node for node in ast.parse(INIT.read_text(encoding="utf-8")).body if isinstance(node, ast.If))
    assert ast.unparse(block.test) == "TYPE_CHECKING"
    return block.body, block.orelse


def lazy_imports() -> dict[str, str]:
    """Return the hand-written names that __getattr__ resolves, with their modules."""
    modules: dict[str, tuple[str, ...]] = next(
        ast.literal_eval(node.value)
        for node in branches()[1]
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "_MODULES"
    )
    found = {name: module for module, names in modules.items() for name in names}
    return found | dict.fromkeys(pie_client.errors.__all__, "pie_client.errors")


def checker_imports() -> Iterator[tuple[str, str]]:
    """Iterate over the names that are imported for type checkers, and their modules."""
    for node in branches()[0]:
        assert isinstance(node, ast.ImportFrom)
        for alias in node.names:
            names = importlib.import_module(str(node.module)).__all__ if alias.name == "*" else [alias.name]
            yield from ((name, str(node.module)) for name in names)


def packages_loaded_by(statement: str) -> set[str]:
    """Return the top-level packages that a new interpreter has loaded after a statement."""
    script = f"import json, sys\n{statement}\nprint(json.dumps([m.partition('.')[0] for m in sys.modules]))"
    done = run(["-W", "error", "-c", script], ROOT)
    assert done.stderr == ""
    return set(json.loads(done.stdout))


def subclasses(cls: type[object]) -> Iterator[type[object]]:
    yield cls
    for subclass in cls.__subclasses__():
        yield from subclasses(subclass)


# ------------------------------------------------------------- names


def test_checkers_see_the_names_that_are_imported_lazily_from_the_same_modules() -> None:
    """D16"""
    seen = dict(checker_imports())
    assert {seen.pop(name) for name in SUBMODULES} == {"pie_client"}
    assert sorted(PUBLIC) == sorted([*seen, "__version__"])
    generated = "pie_client._generated.public"
    assert {name: module for name, module in seen.items() if module != generated} == lazy_imports()


def test_every_public_name_resolves_to_what_its_module_defines() -> None:
    for name, module in lazy_imports().items():
        assert getattr(pie_client, name) is getattr(importlib.import_module(module), name), name


def test_dir_lists_the_public_names_and_submodules() -> None:
    assert dir(pie_client) == sorted([*PUBLIC, *SUBMODULES])


def test_public_submodules_are_attributes_of_the_package_without_being_imported() -> None:
    for name in SUBMODULES:
        done = run(["-W", "error", "-c", f"import pie_client; print(pie_client.{name}.__name__)"], ROOT)
        assert done.stdout == f"pie_client.{name}\n", done.stderr


def test_an_unknown_name_is_an_attribute_error_that_names_it() -> None:
    with pytest.raises(AttributeError, match="module 'pie_client' has no attribute 'no_such_name'"):
        getattr(pie_client, "no_such_name")  # noqa: B009 - a checker would refuse the plain form


def defined_names() -> set[str]:
    """Return the classes and type aliases that the package defines, private ones included."""
    nodes = [n for path in INIT.parent.rglob("*.py") for n in ast.walk(ast.parse(path.read_text("utf-8")))]
    aliases = (n for n in nodes if isinstance(n, ast.AnnAssign) and "TypeAlias" in ast.unparse(n.annotation))
    return {n.name for n in nodes if isinstance(n, ast.ClassDef)} | {ast.unparse(n.target) for n in aliases}


def annotations(cls: type) -> Iterator[ast.expr]:
    """Yield the annotations of what users call or read. Only constructors that document their arguments are for them."""
    [definition] = ast.parse(textwrap.dedent(inspect.getsource(cls))).body
    assert isinstance(definition, ast.ClassDef)
    for node in definition.body:
        name = getattr(node, "name", "")
        if isinstance(node, ast.AnnAssign):
            yield node.annotation
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and (
            not name.startswith("_") or (name == "__init__" and "Args:" in (cls.__doc__ or ""))
        ):
            arguments = node.args
            named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
            yield from (argument.annotation for argument in named if argument.annotation is not None)
            yield from () if node.returns is None else (node.returns,)


def test_every_type_in_a_public_signature_is_public() -> None:
    defined = defined_names()
    assert {"Source", "Session", "ProcessEvent"} <= defined
    classes = {cls for cls in PUBLIC.values() if inspect.isclass(cls) and cls.__module__ != "pie_client"}
    assert {pie_client.PieClient, pie_client.Process, pie_client.Calls} <= classes
    named: dict[str, str] = {}
    for cls in classes:
        for annotation in annotations(cls):
            described = re.sub(r"Field\(.*\)", "", ast.unparse(annotation))
            named |= dict.fromkeys(re.findall(r"\w+", described), cls.__name__)
    missing = {name: where for name, where in named.items() if name in defined and name not in PUBLIC}
    assert {name for name in missing if not hasattr(pie_client.models, name)} == OF_EXTRAS.keys()
    for name, module in OF_EXTRAS.items():
        assert getattr(importlib.import_module(module), name).__doc__, name


# ------------------------------------------------------------- exceptions and events


def test_every_exception_is_public_and_derives_from_pie_error() -> None:
    public = {cls for cls in PUBLIC.values() if isinstance(cls, type) and issubclass(cls, Exception)}
    assert len(public) > 40
    assert {cls for cls in public if not issubclass(cls, pie_client.PieError)} == {
        pie_client.HashesNotComparedWarning
    }
    assert {cls for cls in subclasses(pie_client.PieError) if cls.__module__ == "pie_client"} <= public


@pytest.mark.parametrize(
    ("error", "builtin"),
    [
        (pie_client.PieConnectionError, ConnectionError),
        (pie_client.ConnectTimeoutError, TimeoutError),
        (pie_client.DeadlineError, TimeoutError),
        (pie_client.InvalidArgumentError, ValueError),
        (pie_client.ProcessError, RuntimeError),
        (pie_client.ResultError, ValueError),
        (pie_client.ProcessEndedError, EOFError),
        (pie_client.SlowConsumerError, BufferError),
    ],
)
def test_an_error_is_also_the_builtin_one(error: type[Exception], builtin: type[Exception]) -> None:
    assert issubclass(error, builtin)


def test_the_tree_in_the_documentation_of_errors_is_the_tree_of_classes() -> None:
    lines = re.findall(r"^([│├└─ ]*)(\w+Error)\b", str(pie_client.errors.__doc__), re.M)
    parents: list[str] = []
    for branch, name in lines:
        depth = len(branch) // 4
        cls = getattr(pie_client, name)
        assert depth == 0 or parents[depth - 1] in {base.__name__ for base in cls.__bases__}, name
        parents[depth:] = [name]
    defined = {name for name, cls in vars(pie_client.errors).items() if name.endswith("Error") and cls}
    assert defined <= {name for _, name in lines}


def test_help_lists_the_classes_of_errors() -> None:
    shown = pydoc.plain(pydoc.render_doc(pie_client.errors))
    names = {name for name in PUBLIC if name in vars(pie_client.errors)}
    assert names == set(pie_client.errors.__all__) == set(re.findall(r"^    class (\w+)\(", shown, re.M))


def test_every_event_class_is_public() -> None:
    classes = get_args(pie_client.ProcessEvent)
    assert len(classes) == 8
    assert {cls.__name__ for cls in classes} <= PUBLIC.keys()


@pytest.mark.parametrize("package", [pie_client, pie_client.testing], ids=lambda package: package.__name__)
def test_exceptions_and_events_name_the_package_that_they_are_imported_from(package: ModuleType) -> None:
    for name in package.__all__:
        cls = getattr(package, name)
        if inspect.isclass(cls) and (issubclass(cls, Exception) or name.endswith("Event")):
            assert cls.__module__ == package.__name__, name


def test_a_traceback_names_an_exception_as_it_is_imported() -> None:
    error = pie_client.ProgramNotFoundError("launch_process", "no program")
    assert traceback.format_exception_only(error)[0].startswith("pie_client.ProgramNotFoundError: ")


@pytest.mark.parametrize(
    "value",
    [
        pie_client.ProgramNotFoundError("launch_process", "no program", "a@1.0.0"),
        pie_client.AuthenticationError("auth_by_token", "wrong", advice="use another"),
        pie_client.ProcessTerminatedError("id", "stopped"),
        pie_client.BadFrameError("bad frame"),
        pie_client.CorruptEventError("id", "file abc is lost", "abc"),
        pie_client.McpServerError("fs", "it exited", "register it again"),
        pie_client.HandshakeError("refused", status=404, body="not found"),
        pie_client.DeadlineError("too late", sent=False),
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


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (pie_client.StdoutEvent("text"), "StdoutEvent(value='text')"),
        (pie_client.CorruptEvent("text"), "CorruptEvent(value='text', digest=None)"),
        (pie_client.UnknownEvent("kind", None), "UnknownEvent(event='kind', value=None)"),
        (pie_client.models.Challenge("text"), "Challenge(text='text')"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_events_and_results_are_frozen_dataclasses(value: Any, shown: str) -> None:  # noqa: ANN401 - of any class
    values = dataclasses.asdict(value)
    assert repr(value) == shown
    assert value == dataclasses.replace(value) == copy.copy(value)
    assert hash(value) == hash(dataclasses.replace(value))
    for name in values:
        assert value != dataclasses.replace(value, **{name: "other"})
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(value, name, "other")
        with pytest.raises(dataclasses.FrozenInstanceError):
            delattr(value, name)
    assert not hasattr(value, "__dict__")


def test_equal_texts_of_different_events_are_not_equal() -> None:
    events: list[object] = [pie_client.StdoutEvent("text"), pie_client.StderrEvent("text")]
    assert events[0] != events[1]


# ------------------------------------------------------------- cost of imports


def test_importing_exceptions_and_events_loads_no_socket_library() -> None:
    assert packages_loaded_by("from pie_client import PieError, ConnectError") & HEAVY == set()
    loaded = packages_loaded_by("from pie_client import StdoutEvent, Event")
    assert loaded & {"cryptography", "websockets", "msgpack"} == set()
