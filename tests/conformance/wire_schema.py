"""The parts of ``schema/`` that only a faithful reader needs: how requests travel, and the sentences of servers.

Read when the tests run, so that no generated code has to carry them.
"""

import json
import posixpath
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Literal, TypeAlias, cast

from pie_client import Family
from tests.support.repository import ROOT

SCHEMA: Final = ROOT / "schema"
Kind: TypeAlias = Literal["integer", "boolean", "string", "bytes", "array", "other"]
KINDS: Final[tuple[Kind, ...]] = ("integer", "boolean", "string", "array")
LARGEST_INDEX: Final = 1 << 32
"""Integers without a maximum, or with a larger one, have 64 bits."""

Node: TypeAlias = dict[str, Any]
"""A JSON Schema, as parsed."""


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a request as it travels."""

    kind: Kind
    required: bool = True
    """The field must be present and not nil."""
    bits: int = 0
    """Width of an unsigned integer."""
    items: "Field | None" = None
    """Members of an array. Those that are not required may be nil."""


Shape: TypeAlias = Mapping[str, Field]
"""The fields of a request in order, without the tag. Servers accept a field's index in place of its name."""


@cache
def shapes(family: Family) -> Mapping[str, Shape]:
    """Return the requests of a family by tag, in order. Servers accept a request's index in place of its tag."""
    protocol = _read("protocol.json")
    return {
        row["type"]: _shape(row, protocol["tag"], family)
        for row in protocol["requests"]
        if family in row["families"]
    }


def server_text(name: str, **values: object) -> str:
    """Return a sentence of a server by its id in errors.json, with its placeholders filled in."""
    return _texts()[name].format(**values)


@cache
def _texts() -> Mapping[str, str]:
    return {row["id"]: row["text"] for row in _read("errors.json")["texts"]}


def _shape(row: Node, tag: str, family: Family) -> Shape:
    document = _read(row["schema"])
    families = row.get("fields", {})
    return {
        name: _field(row["schema"], node, required=name in document["required"])
        for name, node in document["properties"].items()
        if name != tag and family in families.get(name, row["families"])
    }


def _field(file: str, node: Node, *, required: bool) -> Field:
    nullable = False
    while "$ref" in node or "anyOf" in node:
        if "anyOf" in node:
            options = [option for option in node["anyOf"] if option.get("type") != "null"]
            nullable = len(options) < len(node["anyOf"])
            node = options[0] if len(options) == 1 else {}
        else:
            file, node = _resolved(file, node["$ref"])
    kind = "bytes" if node.get("format") == "binary" else node.get("type")
    narrow = kind == "integer" and node.get("maximum", LARGEST_INDEX) < LARGEST_INDEX
    return Field(
        kind if kind in (*KINDS, "bytes") else "other",
        required=required and not nullable,
        bits=32 if narrow else 64 if kind == "integer" else 0,
        items=_field(file, node["items"], required=True) if kind == "array" else None,
    )


def _resolved(file: str, reference: str) -> tuple[str, Node]:
    name, _, pointer = reference.partition("#")
    target = posixpath.normpath(posixpath.join(posixpath.dirname(file), name)) if name else file
    node = _read(target)
    for part in pointer.split("/")[1:]:
        node = node[part]
    return target, node


@cache
def _read(name: str) -> Node:
    return cast("Node", json.loads((SCHEMA / name).read_text("utf-8")))
