"""The check of ordinary manifests agrees with the model."""

import copy
import tomllib
from collections.abc import Iterator
from typing import Any, cast

import pytest

from pie_client import Manifest
from pie_client._generated.manifests import is_manifest

FULL = """\
[package]
name = "greet"
version = "1.2.3"
description = "Says hello."
authors = ["Ada", "Bob"]
repository = "https://example.org/greet"
readme = "README.md"
license = "MIT"

[runtime]
core = "0.4.0"

[parameters]
name = { type = "string" }
loud = { type = "bool", optional = true, description = "In capitals." }

[dependencies]
words = "0.1.0"

[extra]
key = 1
"""
VALUES: list[object] = [
    1,
    1.5,
    True,
    "x",
    "int",
    [],
    ["x"],
    [1],
    {},
    {"x": "y"},
    {"x": 1},
    {"x": {"type": "x"}},
]


def places(value: object, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every key in a table."""
    if isinstance(value, dict):
        for key, item in cast("dict[str, object]", value).items():
            yield (*path, key)
            yield from places(item, (*path, key))


def changed(path: tuple[Any, ...], *value: object) -> dict[str, Any]:
    """Return the full manifest with a key removed, or changed to a value."""
    tables: dict[str, Any] = copy.deepcopy(tomllib.loads(FULL))
    *parents, key = path
    place: Any = tables
    for parent in parents:
        place = place[parent]
    del place[key]
    if value:
        place[key] = value[0]
    return tables


def is_valid(tables: dict[str, Any]) -> bool:
    try:
        Manifest.model_validate(tables)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize("path", list(places(tomllib.loads(FULL))), ids=".".join)
def test_the_check_accepts_what_the_model_accepts(path: tuple[str, ...]) -> None:
    for tables in [changed(path), *(changed(path, value) for value in VALUES)]:
        assert is_manifest(tables) == is_valid(tables), tables
