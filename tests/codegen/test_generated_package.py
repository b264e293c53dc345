"""The generated package: the names of its modules, and what the public modules re-export of them."""

import ast
import importlib
import inspect
import json
import pkgutil
from types import ModuleType
from typing import TypeVar

import pytest

import pie_client
from pie_client import _generated
from pie_client._generated import models, public, results
from pie_client.testing import _generated as server_generated
from tests.support.repository import ROOT

MODULES = [
    importlib.import_module(f"{package.__name__}.{module.name}")
    for package in (_generated, server_generated)
    for module in pkgutil.iter_modules(package.__path__)
]
PLAIN_TEXTS = {"LaunchProcessResult", "SubmitWorkflowResult"}
"""Results that calls return unchanged, as `str`."""


def defined_names(module: ModuleType) -> set[str]:
    """Return the public names that a module's own code binds, without type variables."""
    bound: set[str] = set()
    for node in ast.parse(inspect.getsource(module)).body:
        match node:
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                bound.add(name)
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                bound.add(name)
            case _:
                pass
    return {n for n in bound if not n.startswith("_") and not isinstance(getattr(module, n), TypeVar)}


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_a_generated_module_lists_exactly_the_public_names_that_it_defines(module: ModuleType) -> None:
    expected = set(public.MODULE_OF) if module is public else defined_names(module)
    assert sorted(module.__all__) == sorted(expected)


def test_checkers_see_the_public_names_from_the_modules_that_they_are_loaded_from() -> None:
    seen = {
        alias.name: node.module
        for block in ast.parse(inspect.getsource(public)).body
        if isinstance(block, ast.If)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert seen == dict(public.MODULE_OF)


def test_the_package_exports_every_public_name() -> None:
    for name, module in public.MODULE_OF.items():
        assert getattr(pie_client, name) is getattr(importlib.import_module(module), name), name


def test_pie_client_models_exports_every_model_and_result_class() -> None:
    classes = {name for name in results.__all__ if not name.startswith("decode_")}
    assert set(pie_client.models.__all__) == {*models.__all__, *classes}
    for module, names in ((models, models.__all__), (results, classes)):
        for name in names:
            assert getattr(pie_client.models, name) is getattr(module, name)


def test_the_generated_package_records_the_digest_of_its_schema() -> None:
    assert len(_generated.SCHEMA_DIGEST) == 64


def test_every_title_in_the_schema_is_a_generated_type() -> None:
    documents = [
        json.loads(path.read_text(encoding="utf-8"))
        for path in (ROOT / "schema").glob("*/*.json")
        if path.parent.name not in {"vectors", "released"}
    ]
    titles = {document["title"] for document in documents}
    scalars = json.loads((ROOT / "schema/types.json").read_text(encoding="utf-8"))["$defs"]
    types = {name for module in (models, results) for name in vars(module)}
    assert len(titles) > 50
    assert (titles | scalars.keys()) - types == PLAIN_TEXTS


def test_no_model_uses_any() -> None:
    names = {node.id for node in ast.walk(ast.parse(inspect.getsource(models))) if isinstance(node, ast.Name)}
    assert "JsonValue" in names
    assert "Any" not in names


def test_every_model_is_complete() -> None:
    """A model with an unresolved forward reference fails only when it is used."""
    found = [
        cls for cls in vars(models).values() if inspect.isclass(cls) and cls.__module__ == models.__name__
    ]
    assert len(found) > 40
    for cls in found:
        assert getattr(cls, "__pydantic_complete__", False), cls
