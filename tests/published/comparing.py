"""What of a published client's names and signatures is different here, each difference as a line."""

import enum
import importlib
import inspect
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias, cast

from pie_client.errors import Gone
from tests.published.record import PACKAGE, annotation_text

RELEASES = ("0.4.0", "0.5.3")
FOLDER = Path(__file__).parent
Record: TypeAlias = dict[str, Any]
"""Part of what ``record.py`` prints."""


def recorded_text(release: str) -> str:
    """Return what ``record.py`` printed for a release."""
    return (FOLDER / f"{release}.json").read_text("utf-8")


def recorded(release: str) -> Record:
    """Return the record of a release."""
    return cast("Record", json.loads(recorded_text(release)))


def differences(record: Record) -> Iterator[str]:
    """Yield everything of the record that a script would not find here as it was."""
    for module, names in record["modules"].items():
        try:
            found = importlib.import_module(module)
        except ModuleNotFoundError:
            yield f"module {module} is missing"
            continue
        yield from (f"{module}.{name} is missing" for name in names if not hasattr(found, name))
    package = importlib.import_module(PACKAGE)
    for name, published in record["names"].items():
        if not hasattr(package, name):
            continue  # the modules say so
        ours = getattr(package, name)
        if "parameters" in published:
            yield from _of_functions(name, published, ours)
        else:
            yield from _of_classes(name, published, ours)


def _of_classes(name: str, published: Record, ours: type[object]) -> Iterator[str]:
    bases = {base.__name__ for base in ours.__mro__}
    yield from (f"{name} is no {base}" for base in published["bases"] if base not in bases)
    if issubclass(ours, enum.Enum):
        members = {member.name: member.value for member in ours}
        if members != published["members"]:
            yield f"{name} has other members"
        return
    annotated = {key for base in ours.__mro__ for key in vars(base).get("__annotations__", ())}
    for attribute in published["attributes"]:
        if not _has(ours, attribute) and attribute not in annotated:
            yield f"{name}.{attribute} is missing"
    for method, signature in published["methods"].items():
        if method == "__aexit__":
            continue  # called by the interpreter
        if not _has(ours, method):
            yield f"{name}.{method} is missing"
        else:
            yield from _of_functions(f"{name}.{method}", signature, getattr(ours, method))


def _has(cls: type[object], name: str) -> bool:
    """Return whether instances have an attribute, and not one that only says what to use instead."""
    found = inspect.getattr_static(cls, name, None)
    return found is not None and not isinstance(found, Gone)


def _of_functions(name: str, published: Record, ours: Any) -> Iterator[str]:  # noqa: ANN401 - anything callable
    if published["async"] is not inspect.iscoroutinefunction(ours):
        yield f"{name} is async in one of them only"
    signature = inspect.signature(ours)
    parameters = [p for p in signature.parameters.values() if p.name not in {"self", "cls"}]
    named = {parameter.name: parameter for parameter in parameters}
    taken = {wanted["name"] for wanted in published["parameters"]}
    for index, wanted in enumerate(published["parameters"]):
        label = f"{name}({wanted['name']})"
        there = parameters[index] if index < len(parameters) else None
        if (parameter := named.get(wanted["name"])) is not None:
            yield from _of_parameters(label, wanted, parameter, moved=parameter is not there)
        elif there is not None and there.name not in taken and there.kind is not there.KEYWORD_ONLY:
            taken.add(there.name)
            yield f"{label} is named {there.name}"
        else:
            yield f"{label} is missing"
    for parameter in parameters:
        variable = parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
        if parameter.default is parameter.empty and not variable and parameter.name not in taken:
            yield f"{name}({parameter.name}) is required"
    if published.get("returns") not in {None, annotation_text(signature.return_annotation)}:
        yield f"{name} returns no {published['returns']}"


def _of_parameters(label: str, published: Record, ours: inspect.Parameter, *, moved: bool) -> Iterator[str]:
    if ours.kind.name.lower() != published["kind"]:
        yield f"{label} is {ours.kind.description}"
    elif moved and not published["kind"].startswith("var"):
        yield f"{label} is at another place"
    if "default" in published and repr(ours.default) != published["default"]:
        yield f"{label} is not {published['default']} by default"
    if published.get("annotation") not in {None, annotation_text(ours.annotation)}:
        yield f"{label} is no {published['annotation']}"
