"""Print the public names and signatures of the ``pie_client`` that this interpreter has, as JSON.

It uses the standard library only, because nothing else is installed beside a published client:

    PYTHON tests/published/record.py

It calls the client's constructors and ``inspect.signature``. Nothing reads a source or a docstring.
"""

import enum
import importlib
import inspect
import json
import pkgutil
import re
import sys
from typing import Any
from unittest import mock

PACKAGE = "pie_client"
MADE_WITH = {"PieClient": ("ws://127.0.0.1:1",), "Process": (mock.MagicMock(), "id")}
"""Arguments that constructors accept without a server, for the attributes that instances have."""
QUALIFIER = re.compile(r"\b(?:\w+\.)+(?=\w)")
SPECIAL = {"__init__", "__new__", "__call__", "__aenter__", "__aexit__"}


def is_public(name: str) -> bool:
    """Return whether a name is for users."""
    return not name.startswith("_") or name in SPECIAL


def annotation_text(annotation: object) -> str | None:
    """Return an annotation as it would be written where its names are imported; None if there is none."""
    if annotation is inspect.Parameter.empty:
        return None
    written = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
    return QUALIFIER.sub("", written.replace("'", ""))


def signature(function: Any) -> dict[str, object]:  # noqa: ANN401 - anything that can be called
    """Return the parameters, without ``self``, and the result of a function."""
    found = inspect.signature(function)
    parameters: list[dict[str, object]] = []
    for parameter in found.parameters.values():
        if parameter.name in {"self", "cls"}:
            continue
        entry: dict[str, object] = {"name": parameter.name, "kind": parameter.kind.name.lower()}
        if parameter.default is not parameter.empty:
            # Made anew for each call, as of a field of a dataclass: its text would contain an address.
            shown = repr(parameter.default)
            entry["default"] = shown if " at 0x" not in shown else "<factory>"
        if text := annotation_text(parameter.annotation):
            entry["annotation"] = text
        parameters.append(entry)
    returned = annotation_text(found.return_annotation)
    return {
        "async": inspect.iscoroutinefunction(function),
        "parameters": parameters,
        **({} if returned is None else {"returns": returned}),
    }


def class_record(cls: type[object]) -> dict[str, object]:
    """Return the bases, methods and attributes of a class."""
    record: dict[str, object] = {"bases": [base.__name__ for base in cls.__mro__[1:-1]]}
    if issubclass(cls, enum.Enum):
        return {**record, "members": {member.name: member.value for member in cls}}
    methods: dict[str, object] = {}
    attributes: set[str] = set(vars(cls).get("__annotations__", ()))
    for name, static in vars(cls).items():
        if not is_public(name) or (name == "__init__" and issubclass(cls, BaseException)):
            continue
        if isinstance(static, property):
            attributes.add(name)
        elif callable(getattr(cls, name)):
            methods[name] = signature(getattr(cls, name))
    if arguments := MADE_WITH.get(cls.__name__):
        make: Any = cls
        made: object = make(*arguments)
        attributes |= set(vars(made))
    record["methods"] = dict(sorted(methods.items()))
    record["attributes"] = sorted(filter(is_public, attributes))
    return record


def names_of(module: Any) -> dict[str, Any]:  # noqa: ANN401 - a module's values
    """Return the public classes and functions of a module that the package defines."""
    found = {name: getattr(module, name) for name in dir(module) if is_public(name)}
    return {
        name: value
        for name, value in sorted(found.items())
        if (inspect.isclass(value) or inspect.isfunction(value)) and value.__module__.startswith(PACKAGE)
    }


def record() -> dict[str, object]:
    """Return which module has which name, and what each name of the package is."""
    package = importlib.import_module(PACKAGE)
    # Before the modules, because importing one may replace a name of the package.
    values = names_of(package)
    found = [entry.name for entry in pkgutil.iter_modules(package.__path__, f"{PACKAGE}.")]
    modules = {name: list(names_of(importlib.import_module(name))) for name in sorted(found)}
    return {
        "modules": {PACKAGE: list(values)} | modules,
        "names": {
            name: class_record(value) if inspect.isclass(value) else signature(value)
            for name, value in values.items()
        },
    }


if __name__ == "__main__":
    json.dump(record(), sys.stdout, indent=1)
    sys.stdout.write("\n")
