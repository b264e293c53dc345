"""Types and docstrings of the public API, as type checkers and editors show them."""

import ast
import inspect
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, cast, get_args, get_overloads, get_type_hints

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from pydantic import JsonValue
from typing_extensions import TypeAliasType

import pie_client
import pie_client.sync
import pie_client.testing
from pie_client.base import WireModel
from pie_client.errors import Gone
from pie_client.typed.command import main as typed
from tests.support.repository import (
    ROOT,
    Finding,
    installed,
    marked_findings,
    mypy_findings,
    pyright_findings,
)

MODULES: list[ModuleType] = [pie_client, pie_client.sync, pie_client.testing]
SAMPLES = ROOT / "tests/type_samples"
FOR_CHECKERS_ONLY = {"SigningKey": RSAPrivateKey | Ed25519PrivateKey | EllipticCurvePrivateKey}
"""Names in annotations that are only imported for type checkers."""
CALLS: type = get_type_hints(vars(pie_client.PieClient)["rpc"].fget)["return"]
"""Class of ``client.rpc``."""
BARE: tuple[object, ...] = (list, dict, set, frozenset, tuple, type, Callable)


# ------------------------------------------------------------- checkers


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample files, copied away from this repository's configuration, with the module that some of them use."""
    folder = tmp_path_factory.mktemp("typing")
    for path in SAMPLES.glob("[!_]*_*.py"):
        shutil.copy(path, folder)
    manifest = SAMPLES / "text_completion.toml"
    assert typed([str(manifest), "--out", str(folder / f"{manifest.stem}.py")]) == 0
    return folder


@pytest.fixture(scope="module", params=["mypy", "pyright"])
def checked(
    request: pytest.FixtureRequest, samples: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, set[Finding]]:
    if request.param == "mypy":
        return "mypy", mypy_findings(samples, ROOT / "src")
    python = installed(ROOT / "src", tmp_path_factory.mktemp("installed"))
    return "pyright", pyright_findings(samples, python)


def test_correct_use_has_the_stated_types(checked: tuple[str, set[Finding]]) -> None:
    _, found = checked
    assert [f for f in found if f.file.startswith("right_")] == []


def test_typed_launches_have_the_types_of_the_manifest(checked: tuple[str, set[Finding]]) -> None:
    _, found = checked
    assert [f for f in found if f.file in {"right_typed.py", "text_completion.py"}] == []


def test_a_match_over_all_events_is_exhaustive(checked: tuple[str, set[Finding]]) -> None:
    _, found = checked
    assert [f for f in found if f.file == "exhaustive_match.py"] == []


def test_each_wrong_use_and_unknown_name_is_reported(
    checked: tuple[str, set[Finding]], samples: Path
) -> None:
    checker, found = checked
    assert {f for f in found if f.file.startswith("wrong_")} == marked_findings(samples, checker)


def test_checkers_report_nothing_in_the_package_itself(checked: tuple[str, set[Finding]]) -> None:
    _, found = checked
    assert [f for f in found if f.file not in {path.name for path in SAMPLES.glob("*.py")}] == []


def test_the_samples_use_every_public_method_of_client_and_process() -> None:
    tree = ast.parse((SAMPLES / "right_use.py").read_text(encoding="utf-8"))
    shown = {
        (node.value.id, node.attr)
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
    }
    classes = {"client": vars(pie_client.PieClient), "process": vars(pie_client.Process)}
    public = {
        (name, each)
        for name, members in classes.items()
        for each, member in members.items()
        if not each.startswith("_") and not isinstance(member, Gone)
    }
    assert public - shown == set()


# ------------------------------------------------------------- annotations and docstrings


def public_classes() -> list[type]:
    """Return the classes that users import, and the one behind ``client.rpc``."""
    exported = [getattr(module, name) for module in MODULES for name in module.__all__]
    return [value for value in exported if isinstance(value, type)] + [CALLS]


def public_functions() -> dict[str, tuple[type | None, Callable[..., object]]]:
    """Return the functions, constructors, methods and properties that users call, with their class."""
    found: dict[str, tuple[type | None, Callable[..., object]]] = {
        name: (None, value)
        for module in MODULES
        for name in module.__all__
        if inspect.isfunction(value := getattr(module, name))
    }
    for owner in public_classes():
        for name, member in vars(owner).items():
            function: object = (
                member.fget if isinstance(member, property) else getattr(member, "__func__", member)
            )
            if not inspect.isfunction(function) or not function.__module__.startswith("pie_client"):
                continue
            if name == "__init__" or not name.startswith("_"):
                found[f"{owner.__module__}.{owner.__name__}.{name}"] = (owner, function)
    return found


def parameters_of(function: Callable[..., object]) -> list[inspect.Parameter]:
    """Return the parameters of a function without self and cls."""
    parameters = inspect.signature(function).parameters.values()
    return [parameter for parameter in parameters if parameter.name not in ("self", "cls")]


def has_any(hint: object) -> bool:
    """Return whether a type is Any or contains it, if only because a container lacks its parameter."""
    if hint is JsonValue:
        return False  # refers to itself by name
    if isinstance(hint, list):
        return any(map(has_any, cast("list[object]", hint)))
    if isinstance(hint, TypeAliasType):
        return has_any(hint.__value__)
    return hint is Any or hint in BARE or any(map(has_any, get_args(hint)))


def hints_of(function: Callable[..., object]) -> dict[str, object]:
    return get_type_hints(function, localns=FOR_CHECKERS_ONLY, include_extras=True)


def signatures() -> list[tuple[str, Callable[..., object]]]:
    """Return every public function and every overload of one."""
    return [
        (name, signature)
        for name, (_, function) in public_functions().items()
        for signature in (function, *get_overloads(function))
    ]


def test_public_functions_annotate_every_parameter_and_the_result_without_any() -> None:
    assert len(signatures()) > 150
    for name, function in signatures():
        hints = hints_of(function)
        assert {p.name for p in parameters_of(function)} | {"return"} <= hints.keys(), name
        assert not any(map(has_any, hints.values())), name


def test_a_timeout_is_none_by_default() -> None:
    timed = [
        (name, function)
        for name, function in signatures()
        if "timeout" in inspect.signature(function).parameters and not name.endswith(".__init__")
    ]
    assert len(timed) > 40
    for name, function in timed:
        assert inspect.signature(function).parameters["timeout"].default is None, name
        assert hints_of(function)["timeout"] == float | None, name


def test_docstrings_of_public_functions_explain_each_parameter() -> None:
    for name, (owner, function) in public_functions().items():
        doc = inspect.getdoc(owner if name.endswith(".__init__") else function)
        assert doc, name
        explained = re.findall(r"^ {4}(\w+): ", doc.partition("Args:\n")[2].partition("\n\n")[0], re.M)
        # In pie_client.testing a sentence may name the parameters.
        optional = function.__module__.startswith("pie_client.testing") or name.endswith(".__init__")
        if explained or not optional:
            assert explained == [parameter.name for parameter in parameters_of(function)], name


def test_public_classes_have_a_docstring_and_typed_attributes() -> None:
    for owner in public_classes():
        doc = vars(owner).get("__doc__")
        assert doc, owner
        assert not doc.startswith(f"{owner.__name__}("), f"{owner} has the docstring of a dataclass"
        assert not any(map(has_any, inspect.get_annotations(owner, eval_str=True).values())), owner


def test_no_field_of_a_message_is_any() -> None:
    found = [value for value in vars(pie_client.models).values() if isinstance(value, type)]
    models = [cls for cls in found if issubclass(cls, WireModel)]
    assert len(models) > 40
    for model in models:
        assert not any(has_any(field.annotation) for field in model.model_fields.values()), model


def test_every_request_of_the_protocol_is_a_public_method_of_the_calls() -> None:
    public = {name for name in vars(CALLS) if not name.startswith("_")}
    assert public == {path.stem for path in (ROOT / "schema/requests").glob("*.json")}
