"""Read and validate a schema folder: its documents by file name, and its two tables."""

import json
import posixpath
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import cache, reduce
from pathlib import Path
from typing import Any, cast

import jsonschema

Node = dict[str, Any]
"""A parsed JSON Schema, or a part of one."""

TYPES = "types.json"
SCALARS = f"{TYPES}#/$defs/"
PROTOCOL, ERRORS = "protocol.json", "errors.json"
TABLES = {PROTOCOL: "protocol.schema.json", ERRORS: "errors.schema.json"}
"""The tables, and the file of each that says what it may hold."""
DIALECT = "dialect.schema.json"
"""The file that says what the other files may hold."""
VECTORS = "vectors"
"""Folder of test vectors, from which no code is generated."""
EXPORTS = "dist"
"""Folder of the exports, which are generated."""
RELEASED = "released"
"""Folder of the schema of the last release, with the announced breaks since then."""


class CodegenError(Exception):
    """The schema or the tools can't be used for generating code; ``problems`` are the reasons, one line each."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("\n".join(problems))


def raise_if(problems: list[str]) -> None:
    """Raise CodegenError unless the list is empty."""
    if problems:
        raise CodegenError(problems)


@dataclass(frozen=True)
class Schema:
    """The content of a schema folder."""

    protocol: Node
    """protocol.json; rows that lack a property have an empty one, or None."""
    errors: Node
    """errors.json, likewise."""
    documents: dict[str, Node]
    """Every other file by its name relative to the folder."""
    parsed: dict[str, Node]
    """Every file as it is."""

    @property
    def meta(self) -> Node:
        """protocol.schema.json."""
        return self.parsed[TABLES[PROTOCOL]]

    @property
    def scalars(self) -> dict[str, Node]:
        return cast("dict[str, Node]", self.documents[TYPES]["$defs"])

    @property
    def tagged(self) -> list[Node]:
        """Requests, then server messages."""
        return [*self.protocol["requests"], *self.protocol["messages"]]

    def as_accepted(self) -> "Schema":
        """Return the schema with the fields of requests as servers read them, for code of both sides."""
        documents = self.documents | {
            row["schema"]: deepcopy(self.documents[row["schema"]]) for row in self.protocol["requests"]
        }
        for row in self.protocol["requests"]:
            for field, scalar in row["accepts"].items():
                documents[row["schema"]]["properties"][field]["$ref"] = f"../{SCALARS}{scalar}"
        return replace(self, documents=documents)

    def objects(self) -> Iterator[tuple[str, Node]]:
        """Iterate over the files that describe one thing each, sorted by name."""
        return ((name, self.documents[name]) for name in sorted(self.documents) if name != TYPES)

    def resolve(self, name: str) -> Node | None:
        """Return what :func:`target` named, or None if it does not exist."""
        if name.startswith(SCALARS):
            return self.scalars.get(name.removeprefix(SCALARS))
        return self.documents.get(name) if name != TYPES else None

    def title(self, name: str) -> str:
        """Return the type name of what :func:`target` named."""
        return name.removeprefix(SCALARS) if name.startswith(SCALARS) else str(self.documents[name]["title"])

    def members(self, file: str) -> list[tuple[str, Node]]:
        """Return the files and documents that a union lists."""
        names = [target(file, member["$ref"]) for member in self.documents[file].get("oneOf", [])]
        return [(name, node) for name in names if (node := self.resolve(name))]

    def is_choice(self, file: str) -> bool:
        """Return whether a file describes a choice between texts, which is decoded without a model."""
        members = self.members(file)
        return bool(members) and all(node.get("type") == "string" for _, node in members)

    def fact(self, path: str) -> tuple[Any, str]:
        """Return a value of protocol.json by its dotted path, and its description in protocol.schema.json."""
        keys = path.split(".")
        value = reduce(lambda node, key: node[key], keys, self.protocol)
        meta = reduce(lambda node, key: cast("Node", node["properties"][key]), keys, self.meta)
        return value, str(meta["description"])

    def traits(self, definition: str) -> dict[str, Node]:
        """Return the scalar properties of a family, or of its servers, as protocol.schema.json describes them."""
        properties: dict[str, Node] = self.meta["$defs"][definition]["properties"]
        return {name: node for name, node in properties.items() if node.get("type") not in {None, "object"}}


def target(file: str, ref: str) -> str:
    """Return what a reference in ``file`` points to: a file name, or a scalar as ``types.json#/$defs/Name``."""
    if ref.startswith("#"):
        return file + ref
    return posixpath.normpath(posixpath.join(posixpath.dirname(file), ref))


def nodes(node: object, path: str = "$") -> Iterator[tuple[str, Node]]:
    """Iterate over every schema in ``node``, itself first, with its JSON path."""
    if isinstance(node, list):
        for index, item in enumerate(cast("list[object]", node)):
            yield from nodes(item, f"{path}[{index}]")
    elif isinstance(node, dict):
        mapping = cast("Node", node)
        yield path, mapping
        for key, item in mapping.items():
            if key in {"properties", "$defs"}:
                for name, child in cast("Node", item).items():
                    yield from nodes(child, f"{path}.{key}.{name}")
            elif key not in {"const", "enum", "examples", "default"}:
                yield from nodes(item, f"{path}.{key}")


def load(folder: Path) -> Schema:
    """Read a schema folder.

    Raises:
        CodegenError: A file is missing, is not JSON, or is not valid under its own schema; all problems are listed.
    """
    if not (folder / PROTOCOL).is_file():
        raise CodegenError([f"no {PROTOCOL} in {folder}; pass the schema's folder with --schema"])
    texts = {name: path.read_bytes() for name, path in files(folder)}
    parsed: dict[str, Node] = {}
    problems: list[str] = []
    for name, text in texts.items():
        try:
            parsed[name] = json.loads(text)
        except ValueError as error:
            problems.append(f"schema/{name}: not JSON: {error}")
    own = dict.fromkeys([*TABLES, *TABLES.values(), DIALECT])
    problems += [f"schema/{name}: missing" for name in (*own, TYPES) if not (folder / name).exists()]
    raise_if(problems)
    metas = TABLES | dict.fromkeys((name for name in parsed if name not in own), DIALECT)
    raise_if([line for name, meta in metas.items() for line in _violations(name, texts[name], texts[meta])])
    return assemble(parsed)


def assemble(parsed: dict[str, Node]) -> Schema:
    """Return the schema of files that are valid, by their names."""
    own = {*TABLES, *TABLES.values(), DIALECT}
    tables = deepcopy({table: parsed[table] for table in TABLES})
    for table, meta in TABLES.items():
        _complete(tables[table], parsed[meta], parsed[meta])
    documents = {name: document for name, document in parsed.items() if name not in own}
    return Schema(tables[PROTOCOL], tables[ERRORS], documents, parsed)


def _complete(value: Any, meta: Node, root: Node) -> None:
    """Add the properties that an object and the rows of its lists lack: empty lists and objects, else None."""
    meta = _definition(meta, root)
    for name, node in meta.get("properties", {}).items():
        if name in value:
            _complete(value[name], node, root)
        else:
            kind = _definition(node, root).get("type")
            value[name] = {} if kind == "object" else [] if kind == "array" else None
    for row in value if "items" in meta else ():
        _complete(row, meta["items"], root)


def _definition(node: Node, root: Node) -> Node:
    return root["$defs"][node["$ref"].rpartition("/")[2]] if "$ref" in node else node


def files(folder: Path) -> list[tuple[str, Path]]:
    """Return the names and paths of the files that code is generated from, sorted."""
    found = [(path.relative_to(folder).as_posix(), path) for path in sorted(folder.rglob("*.json"))]
    return [
        (name, path) for name, path in found if name.partition("/")[0] not in {VECTORS, EXPORTS, RELEASED}
    ]


@cache
def _violations(name: str, text: bytes, meta: bytes) -> list[str]:
    """List the violations in a file; remembered, since validating takes most of the time and a schema may be read again."""
    return violations(name, json.loads(text), json.loads(meta))


def violations(
    name: str, document: Node | list[Node], meta: Node, validator: type = jsonschema.Draft202012Validator
) -> list[str]:
    """List the violations of a meta-schema, with the errorMessage of a rule that has one; {value} is what violates it."""
    errors: list[jsonschema.ValidationError] = list(validator(meta).iter_errors(document))
    lines = [
        f"schema/{name}: {e.json_path}: {_message(e)}" for e in sorted(errors, key=lambda e: e.json_path)
    ]
    return list(dict.fromkeys(lines))


def _message(error: jsonschema.ValidationError) -> str:
    message: str = cast("Node", error.schema).get("errorMessage", error.message)
    return message.replace("{value}", repr(error.instance))
