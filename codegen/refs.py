"""Follows ``$ref`` from one schema file to another."""

import posixpath
from collections.abc import Iterator
from typing import Any, cast

from codegen.schema import TYPES, Node, Schema

SCALAR = f"{TYPES}#/$defs/"


def target(file: str, ref: str) -> str:
    """Name the thing that a reference in ``file`` points to: a file, or a scalar as ``types.json#/$defs/Name``."""
    if ref.startswith("#"):
        return file + ref
    return posixpath.normpath(posixpath.join(posixpath.dirname(file), ref))


def resolve(schema: Schema, name: str) -> Node | None:
    """Give what :func:`target` named, or None where it dangles."""
    if name.startswith(SCALAR):
        return schema.scalars().get(name.removeprefix(SCALAR))
    return schema.documents.get(name) if name != TYPES else None


def title(schema: Schema, name: str) -> str:
    """Give the type name of what :func:`target` named."""
    if name.startswith(SCALAR):
        return name.removeprefix(SCALAR)
    return str(schema.documents[name]["title"])


def nodes(node: Any, path: str = "$") -> Iterator[tuple[str, Node]]:
    """Walk every schema below ``node``, itself first, with its JSON path."""
    if isinstance(node, list):
        for index, item in enumerate(cast("list[object]", node)):
            yield from nodes(item, f"{path}[{index}]")
    elif isinstance(node, dict):
        mapping = cast("Node", node)
        yield path, mapping
        for key, item in mapping.items():
            if key in {"properties", "$defs"}:
                for name, child in cast("dict[str, Any]", item).items():
                    yield from nodes(child, f"{path}.{key}.{name}")
            elif key not in ("const", "enum", "examples", "default"):
                yield from nodes(item, f"{path}.{key}")
