"""Reads ``schema/`` into memory: the documents by file name, and the two tables as typed values."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar, cast

import jsonschema
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from codegen.errors import CodegenError

T = TypeVar("T", bound=BaseModel)

Node = dict[str, Any]
"""A JSON Schema, as parsed."""

TYPES = "types.json"
TABLES = {"protocol.json": "protocol.schema.json", "errors.json": "errors.schema.json"}
VECTORS = "vectors"


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Limit(_Row):
    value: int
    description: str


class IdentifiedBy(_Row):
    results: list[str]
    refusals: list[str]


class FamilyRow(_Row):
    """A server family; how it behaves is in its traits, whose names and meanings stand in protocol.schema.json."""

    model_config = ConfigDict(frozen=True, extra="allow")

    name: str
    title: str
    identified_by: IdentifiedBy
    server: dict[str, object]

    def trait(self, name: str) -> object:
        """Return a trait of the family or of its servers; None if the family does not have it."""
        return getattr(self, name, self.server.get(name))


class Argument(_Row):
    default: bool | int | str | None


class FieldRow(_Row):
    families: list[str]


class Chunks(_Row):
    index: str
    total: str
    data: str
    digest: str
    once: str | None = None

    @property
    def roles(self) -> dict[str, str]:
        """Give the fields that differ from chunk to chunk."""
        return self.model_dump(exclude={"once"})


class TaggedRow(_Row):
    """What requests and server messages have in common."""

    type: str
    families: list[str]
    file: str = Field(alias="schema")
    fields: dict[str, FieldRow] = {}


class RequestRow(TaggedRow):
    kind: Literal["call", "notify", "upload", "transfer", "relay"]
    since: str
    result: str | None = None
    confirmation: str | None = None
    subject: str | None = None
    useless: list[str] = []
    instead: str = ""
    opens_session: bool = False
    arguments: dict[str, Argument] = {}
    chunks: Chunks | None = None


class MessageRow(TaggedRow):
    frame: Literal["binary", "text"]
    unknown: str | None = None


class EventRow(_Row):
    event: str
    name: str
    class_name: str = Field(alias="class")
    file: str | None = Field(default=None, alias="schema")
    assembled_from: str | None = None
    terminal: bool


class Defaults(_Row):
    user: str
    token_user: str


class Scripts(_Row):
    runtime: dict[str, str]
    entry: str


class Workflows(_Row):
    value: str
    arguments: str
    falsy: list[str]


class ModelStatus(_Row):
    subject: str
    statistics: list[str]


class Server(_Row):
    """What only an implementation of a server needs."""

    limits: dict[str, Limit]
    workflows: Workflows
    model_status: ModelStatus
    abort: str
    script_entry: str


class ProgramRegistry(_Row):
    path: str
    file: str = Field(alias="schema")


class McpMethod(_Row):
    method: str
    description: str
    params: str | None = None
    relayed: bool = False


class Mcp(_Row):
    versions: list[str]
    version_header: str
    transports: dict[str, str]
    unspecified_code: int
    envelope: list[str]
    methods: dict[str, McpMethod]


class Protocol(_Row):
    meta: str = Field(alias="$schema")
    title: str
    tag: str
    correlation: str
    reply: str
    process: str
    event: str
    defaults: Defaults
    synonyms: dict[str, dict[str, str]]
    scripts: Scripts
    limits: dict[str, Limit]
    server: Server
    program_registry: ProgramRegistry
    families: list[FamilyRow]
    requests: list[RequestRow]
    messages: list[MessageRow]
    events: list[EventRow]
    objects: list[str]
    mcp: Mcp


class ErrorClass(_Row):
    name: str
    scope: Literal["request", "process", "connection"]
    category: Literal["permission", "argument", "lookup", "state"]
    description: str
    advice: str


class ErrorText(_Row):
    id: str
    text: str
    error_class: str | None = Field(default=None, alias="class")
    scope: str | None = None
    advice: str | None = None
    sent_by: list[Literal["client", "server"]] = ["server"]
    code: int | None = None
    families: list[str]


class Errors(_Row):
    meta: str = Field(alias="$schema")
    title: str
    classes: list[ErrorClass]
    texts: list[ErrorText]


@dataclass(frozen=True)
class Schema:
    """Everything that ``schema/`` says."""

    protocol: Protocol
    errors: Errors
    family_traits: dict[str, Node]
    """The traits of a family that clients need, by name, as protocol.schema.json describes them."""
    server_traits: dict[str, Node]
    """The traits of a family that only its servers need."""
    documents: dict[str, Node]
    """Each described thing by its file name relative to ``schema/``; the scalars are under ``types.json``."""

    def tagged(self) -> list[TaggedRow]:
        """Requests, then server messages."""
        return [*self.protocol.requests, *self.protocol.messages]

    def scalars(self) -> dict[str, Node]:
        return cast("dict[str, Node]", self.documents[TYPES]["$defs"])

    def objects(self) -> Iterator[tuple[str, Node]]:
        """Files that describe one thing each, sorted by name."""
        for name in sorted(self.documents):
            if name != TYPES:
                yield name, self.documents[name]


def load(folder: Path) -> Schema:
    """Read the folder; raises CodegenError with every file that is missing, not JSON or not valid."""
    problems: list[str] = []
    parsed: dict[str, Node] = {}
    for path in sorted(folder.rglob("*.json")):
        name = path.relative_to(folder).as_posix()
        if name.startswith(f"{VECTORS}/"):
            continue
        try:
            document: object = json.loads(path.read_bytes())
        except ValueError as error:
            problems.append(f"schema/{name}: not JSON: {error}")
            continue
        if isinstance(document, dict):
            parsed[name] = cast("Node", document)
        else:
            problems.append(f"schema/{name}: not an object")
    missing = [name for pair in TABLES.items() for name in (*pair, TYPES) if not (folder / name).exists()]
    problems += [f"schema/{name}: missing" for name in dict.fromkeys(missing)]
    if problems:
        raise CodegenError(problems)
    for table, meta in TABLES.items():
        problems += _violations(table, parsed[table], parsed[meta])
    documents = {n: d for n, d in parsed.items() if n not in TABLES and n not in TABLES.values()}
    for name, document in documents.items():
        problems += _violations(name, document, jsonschema.Draft202012Validator.META_SCHEMA)
    if problems:
        raise CodegenError(problems)
    return Schema(
        protocol=_table(Protocol, "protocol.json", parsed),
        errors=_table(Errors, "errors.json", parsed),
        family_traits={
            name: node
            for name, node in parsed[TABLES["protocol.json"]]["$defs"]["family"]["properties"].items()
            if name not in ("name", "identified_by", "server")
        },
        server_traits=parsed[TABLES["protocol.json"]]["$defs"]["server_traits"]["properties"],
        documents=documents,
    )


def _table(model: type[T], name: str, parsed: dict[str, Node]) -> T:
    try:
        return model.model_validate(parsed[name])
    except ValidationError as error:
        raise CodegenError(
            [f"schema/{name}: {'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
        ) from error


def _violations(name: str, document: Node, meta: Any) -> list[str]:
    validator = jsonschema.Draft202012Validator(meta)
    errors: Iterable[jsonschema.ValidationError] = validator.iter_errors(document)  # pyright: ignore[reportUnknownMemberType] - its stubs leave parts out
    found = sorted(errors, key=lambda error: error.json_path)
    return [f"schema/{name}: {error.json_path}: {error.message}" for error in found]
