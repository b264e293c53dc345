"""What users get from a type checker and from their editor: exact types, no Any, and a docstring everywhere."""

import ast
import inspect
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast, get_args, get_overloads, get_type_hints

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from pydantic import JsonValue
from typing_extensions import TypeAliasType

import pie_client
import pie_client.testing
from pie_client._generated import calls, methods, models
from pie_client.base import WireModel
from tests.support.repository import (
    ROOT,
    Finding,
    installed,
    marked_findings,
    mypy_findings,
    pyright_findings,
)

SAMPLES = ROOT / "tests/type_samples"
FOR_CHECKERS_ONLY = {"SigningKey": RSAPrivateKey | Ed25519PrivateKey | EllipticCurvePrivateKey}
"""What annotations name that is only imported for type checkers."""
BARE: tuple[object, ...] = (list, dict, set, frozenset, tuple, type, Callable)


# ------------------------------------------------------------- checkers


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample files, away from the configuration of this repository: as in a user's project."""
    folder = tmp_path_factory.mktemp("typing")
    for path in SAMPLES.glob("*_*.py"):
        shutil.copy(path, folder)
    return folder


@pytest.fixture(scope="module", params=["mypy", "pyright"])
def checked(
    request: pytest.FixtureRequest, samples: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, set[Finding]]:
    if request.param == "mypy":
        return "mypy", mypy_findings(samples, ROOT / "src", tmp_path_factory.mktemp("cache"))
    python = installed(ROOT / "src", tmp_path_factory.mktemp("installed"))
    return "pyright", pyright_findings(samples, python)


def test_right_use_has_exactly_the_types_that_it_states(checked: tuple[str, set[Finding]]) -> None:
    _, found = checked
    assert [f for f in found if f.file == "right_use.py"] == []


def test_a_match_over_all_events_is_accepted_as_complete(checked: tuple[str, set[Finding]]) -> None:
    _, found = checked
    assert [f for f in found if f.file == "exhaustive_match.py"] == []


def test_each_wrong_use_and_unknown_name_is_rejected(
    checked: tuple[str, set[Finding]], samples: Path
) -> None:
    checker, found = checked
    assert {f for f in found if f.file.startswith("wrong_")} == marked_findings(samples, checker)


def test_the_package_itself_gives_a_strict_user_no_complaint(checked: tuple[str, set[Finding]]) -> None:
    _, found = checked
    assert [f for f in found if f.file not in {path.name for path in SAMPLES.glob("*.py")}] == []


def test_the_samples_show_every_public_method_of_the_client_and_of_a_process() -> None:
    tree = ast.parse((SAMPLES / "right_use.py").read_text(encoding="utf-8"))
    shown = {
        (node.value.id, node.attr)
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
    }
    public = {("client", name) for name in vars(pie_client.PieClient) if not name.startswith("_")}
    public |= {("process", name) for name in vars(pie_client.Process) if not name.startswith("_")}
    assert public - shown == set()


# ------------------------------------------------------------- annotations and docstrings


@dataclass(frozen=True)
class PublicCallable:
    """A function that users call, and the class that it is written in."""

    owner: type
    name: str
    function: Callable[..., object]

    def __str__(self) -> str:
        return f"{self.owner.__name__}.{self.name}"


def public_classes() -> list[type]:
    """Give the classes that users get from the package, and the one behind ``client.rpc``."""
    exported = [
        getattr(module, name) for module in (pie_client, pie_client.testing) for name in module.__all__
    ]
    return [value for value in exported if isinstance(value, type)] + [calls.Calls]


def public_callables() -> list[PublicCallable]:
    """Give their constructors, public methods and properties, as far as they are written in this package."""
    found: list[PublicCallable] = []
    for owner in public_classes():
        for name, member in vars(owner).items():
            function: object = (
                member.fget if isinstance(member, property) else getattr(member, "__func__", member)
            )
            if not inspect.isfunction(function) or not function.__module__.startswith("pie_client"):
                continue
            if name == "__init__" or not name.startswith("_"):
                found.append(PublicCallable(owner, name, function))
    return found


def parameters_of(function: Callable[..., object]) -> list[inspect.Parameter]:
    """Give the parameters of a method without the one that it is bound to."""
    first, *rest = inspect.signature(function).parameters.values()
    return rest if first.name in ("self", "cls") else [first, *rest]


def has_any(hint: object) -> bool:
    """Tell whether a type says Any, or leaves out what a container holds."""
    if hint is JsonValue:
        return False  # refers to itself by name
    if isinstance(hint, list):
        return any(map(has_any, cast("list[object]", hint)))
    if isinstance(hint, TypeAliasType):
        return has_any(hint.__value__)
    return hint is Any or hint in BARE or any(map(has_any, get_args(hint)))


METHODS = pytest.mark.parametrize("method", public_callables(), ids=str)


@METHODS
def test_a_public_method_annotates_every_parameter_and_its_result_without_any(method: PublicCallable) -> None:
    for function in (method.function, *get_overloads(method.function)):
        hints = get_type_hints(function, localns=FOR_CHECKERS_ONLY, include_extras=True)
        names = {parameter.name for parameter in parameters_of(function)} | {"return"}
        assert names - hints.keys() == set()
        assert [name for name, hint in hints.items() if has_any(hint)] == []


@METHODS
def test_a_timeout_of_none_stands_for_the_default_of_the_call(method: PublicCallable) -> None:
    if method.name == "__init__":
        return  # sets the default
    for function in (method.function, *get_overloads(method.function)):
        timeout = inspect.signature(function).parameters.get("timeout")
        if timeout is not None:
            assert timeout.default is None
            assert get_type_hints(function)["timeout"] == float | None


@METHODS
def test_a_public_method_has_a_docstring_that_explains_each_parameter(method: PublicCallable) -> None:
    documented: object = method.owner if method.name == "__init__" else method.function
    doc = inspect.getdoc(documented)
    assert doc
    explained = re.findall(r"^ +(\w+): ", doc.partition("Args:\n")[2].partition("\n\n")[0], re.M)
    names = [parameter.name for parameter in parameters_of(method.function)]
    short = method.owner.__module__.startswith("pie_client.testing")  # there a sentence names them
    if explained or not (short or method.name == "__init__"):
        assert explained == names


@pytest.mark.parametrize("owner", public_classes(), ids=lambda owner: owner.__name__)
def test_a_public_class_has_a_docstring_of_its_own(owner: type) -> None:
    doc = vars(owner).get("__doc__")
    assert doc
    assert not doc.startswith(f"{owner.__name__}(")  # what a dataclass makes up


@pytest.mark.parametrize("owner", public_classes(), ids=lambda owner: owner.__name__)
def test_a_public_attribute_has_a_type_without_any(owner: type) -> None:
    hints = inspect.get_annotations(owner, eval_str=True)
    assert [name for name, hint in hints.items() if has_any(hint)] == []


def test_no_field_of_any_message_is_any() -> None:
    found = [
        f"{name}.{field}"
        for name, model in vars(models).items()
        if isinstance(model, type) and issubclass(model, WireModel)
        for field, info in model.model_fields.items()
        if has_any(info.annotation)
    ]
    assert found == []


def test_every_request_of_the_protocol_is_a_public_method_of_the_calls() -> None:
    public = [name for name in vars(calls.Calls) if not name.startswith("_")]
    assert public == list(methods.METHODS)
