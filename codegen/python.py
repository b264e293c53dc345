"""How the schema's names, types, fields and calls are written in Python."""

import keyword
import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, cast

import pydantic

from codegen.schema import PROTOCOL, SCALARS, Node, Schema, target

MODEL_NAMES = {
    *dir(pydantic.BaseModel),
    "get",
    "keys",
    "values",
    "items",
    "str",
    "int",
    "float",
    "bool",
    "bytes",
    "list",
    "dict",
    "tuple",
}
"""Names that a field of a model can't have."""
CALL_NAMES = {"self", "timeout", "content", "all", "len"}
"""Names that generated calls, encoders and decoders use themselves."""
TYPES = {"string": "str", "boolean": "bool", "integer": "int", "number": "float", "null": "None"}
"""Python types of JSON's scalar types."""
EXACT = {**TYPES, "null": "type(None)", "binary": "bytes"}
"""Python types of scalars, by their JSON type, or by the one format that is no annotation."""
SILENT = {
    *("type", "format", "description", "title", "examples", "contentMediaType", "contentSchema"),
    *("$schema", "$comment", "deprecated", "readOnly", "writeOnly", "secret"),
}
"""Keywords that restrict no value of a scalar's Python type."""
PLAIN = {"str": "str", "None": "_no_result"}
"""Decoders of results that have no type of their own."""


class Field(NamedTuple):
    """A field of a message."""

    name: str
    attribute: str
    """Its name in Python, where it is also an argument or a variable."""
    annotation: str
    default: str | None
    doc: str
    test: str
    """Expression that is true only for valid values; the model validates others."""


@dataclass(frozen=True)
class Python:
    """The parts of a schema as code of a package."""

    schema: Schema
    package: str
    base: str
    """Package whose modules ``base``, ``content``, ``errors``, ``lazy`` and ``matching`` generated code stands on."""

    def model(self, row: Node) -> str:
        """Return the model of a row's file."""
        return f"models.{self.schema.title(row['schema'])}"

    def annotation(self, file: str, node: Node) -> str:
        """Return the annotation of a property in ``file``."""
        match node:
            case {"$ref": ref}:
                name = self.schema.title(target(file, ref))
                return "pydantic.JsonValue" if self._is_json(file, ref) else f"models.{name}"
            case {"anyOf": options}:
                return " | ".join(self.annotation(file, option) for option in options)
            case {"enum": values}:
                return f"Literal[{', '.join(map(repr, values))}]"
            case {"type": "array"}:
                return f"list[{self.annotation(file, node['items'])}]"
            case {"type": "object"}:
                return f"dict[str, {self.annotation(file, node['additionalProperties'])}]"
            case _:
                return TYPES[node["type"]]

    def _is_json(self, file: str, ref: str) -> bool:
        return self.schema.title(target(file, ref)) == str(self.schema.protocol["scalars"]["json"])

    def keys(self, file: str) -> dict[str, list[str]]:
        """Return the names of an object's fields, by annotation."""
        found: dict[str, list[str]] = {}
        for name, node in self.schema.documents[file]["properties"].items():
            # The module of the aliases imports this one, so write the type that an alias stands for.
            plain = self.schema.resolve(target(file, node["$ref"])) if "$ref" in node else node
            found.setdefault(self.annotation(file, plain or node), []).append(spelling(name))
        return found

    def fields(self, file: str) -> list[Field]:
        """Return the fields of a message or event, except its tags."""
        document, found = self.schema.documents[file], list[Field]()
        for name, node in document["properties"].items():
            if "const" not in node:
                attribute = spelling(name)
                annotation, test = self.annotation(file, node), self.test(file, node, attribute)
                default = None if name in document["required"] else "None"
                found.append(Field(name, attribute, annotation, default, node["description"], test))
        return found

    def shown(self, file: str) -> dict[str, bool]:
        """Return the fields of a message or event that are not secret, and whether they are texts."""
        properties: Node = self.schema.documents[file]["properties"]
        leaves = {name: list(self._leaves(file, node)) for name, node in properties.items()}
        return {
            name: any(leaf.get("type") == "string" for leaf in found)
            for name, found in leaves.items()
            if not properties[name].get("secret", any(map(_is_secret, found)))
        }

    def _leaves(self, file: str, node: Node) -> Iterator[Node]:
        """Iterate over what a property consists of: scalars, and objects as they are."""
        match node:
            case {"$ref": ref} if target(file, ref).startswith(SCALARS) and not self._is_json(file, ref):
                yield from self._leaves(
                    SCALARS.partition("#")[0], self.schema.resolve(target(file, ref)) or {}
                )
            case {"anyOf": options}:
                for option in options:
                    yield from self._leaves(file, option)
            case {"type": "array", "items": items}:
                yield from self._leaves(file, items)
            case _:
                yield node

    def values(self, row: Node) -> list[Field]:
        """Return the fields of an event, except its tags and its process."""
        process = self.schema.protocol["process"]
        return [field for field in self.fields(row["schema"]) if field.name != process]

    def is_text(self, row: Node) -> bool:
        """Return whether an event consists of a process and a text, and any text is valid."""
        name = self.schema.protocol["event_text"]
        return [(f.name, f.test) for f in self.values(row)] == [(name, f"type({spelling(name)}) is str")]

    def test(self, file: str, node: Node, value: str, *, maps: bool = False) -> str:
        """Return an expression that is true only for values that the model accepts and does not change.

        Objects are left to the model; with ``maps``, they are maps without null, whose further keys are ignored.
        """

        def test(node: Node, value: str, file: str = file) -> str:
            return self.test(file, node, value, maps=maps)

        kind = "binary" if node.get("format") == "binary" else node.get("type")
        match [(key, each) for key, each in sorted(node.items()) if key not in SILENT]:
            case [("$ref", ref)] if not self._is_json(file, ref):
                name = target(file, ref)
                return test(self.schema.resolve(name) or {}, value, name.partition("#")[0])
            case [("anyOf", options)]:
                null: Node = {"type": "null"}
                tests = [test(each, value) for each in options if each != null]
                tests = tests if maps or null not in options else [f"{value} is None", *tests]
                return f"({' or '.join(f'({each})' if ' and ' in each else each for each in tests)})"
            case [("enum", values)]:
                return f"type({value}) is str and {value} in {literal(values)}"
            case [("items", items)]:
                return f"type({value}) is list and all({test(items, 'item')} for item in {value})"
            case [("additionalProperties", items)] if maps:
                return f"type({value}) is dict and all({test(items, 'item')} for item in {value}.values())"
            case [("properties", properties), ("required", required)] if maps:
                tests = [f"type({value}) is dict"]
                for name, child in properties.items():
                    each = test(child, f"{value}[{name!r}]")
                    absent = f"{name!r} not in {value} or {each}"
                    tests.append(f"{name!r} in {value} and {each}" if name in required else f"({absent})")
                return " and ".join(tests)
            case restrictions if kind in EXACT and dict(restrictions).keys() <= {"minimum", "maximum"}:
                chain = (node.get("minimum"), value, node.get("maximum"))
                bounded = " <= ".join(str(term) for term in chain if term is not None)
                return f"type({value}) is {EXACT[kind]}{f' and {bounded}' if restrictions else ''}"
            case _:
                return "False"

    def parameters(self, row: Node) -> list[Field]:
        """Return the arguments of a call, in the order of the fields."""
        found: list[Field] = []
        for field in self.fields(row["schema"]):
            name, doc = field.name, field.doc
            if name in row["fields"]:
                doc += f" Only {' and '.join(row['fields'][name])} servers know it."
            default = repr(row["defaults"][name]) if name in row["defaults"] else field.default
            if name not in self._caller_sets(row):
                found.append(field._replace(doc=doc, default=default))
        return found

    def _caller_sets(self, row: Node) -> dict[str, str]:
        """Return the expressions for the fields that the caller does not pass: the number, and those of each chunk."""
        number = (
            {self.schema.protocol["correlation"]: "_corr_id"} if row["kind"] in {"call", "upload"} else {}
        )
        return number | {name: f"_chunk.{role}" for role, name in row["chunks"].items() if role != "once"}

    def build(self, row: Node) -> str:
        """Return the function that builds a request's fields from its number and a chunk, as far as it has them."""
        arguments = ["_corr_id"] * (row["kind"] in {"call", "upload"}) + ["_chunk"] * bool(row["chunks"])
        values: list[str] = []
        for field in self.fields(row["schema"]):
            once = ' if _chunk.index == 0 else ""' if field.name == row["chunks"].get("once") else ""
            values.append(self._caller_sets(row).get(field.name, field.attribute + once))
        call = f"_encoders.{spelling(row['type'])}({', '.join(values)})"
        return call.partition("(")[0] if values == arguments else f"lambda {', '.join(arguments)}: {call}"

    def returns(self, row: Node) -> str:
        """Return the annotation of a call's result."""
        file = row["result"]
        if file is None:
            return "str" if row["confirmation"] else "None"
        if self.schema.is_choice(file):
            return f"results.{self.schema.title(file)}"
        is_json = "contentSchema" in self.schema.documents[file]
        return f"models.{self.schema.title(file)}" if is_json else "str"

    def decoder(self, row: Node) -> str:
        """Return the function that decodes a call's result."""
        returns = self.returns(row)
        return PLAIN.get(returns) or f"results.decode_{constant(returns.partition('.')[2]).lower()}"

    def result_doc(self, row: Node) -> str:
        """Return the description of a call's result."""
        if row["confirmation"]:
            return f'The server\'s confirmation, "{row["confirmation"]}".'
        return str(self.schema.documents[row["result"]]["description"]) if row["result"] else "no reply"

    def envelope(self) -> list[str]:
        """Return the members of JSON-RPC messages, in the order in which the schema has them first."""
        documents = (self.schema.documents[file] for file in self.schema.protocol["mcp"]["envelope"])
        return list(dict.fromkeys(name for document in documents for name in document["properties"]))

    def public_names(self) -> dict[str, list[str]]:
        """Return the names that users import from the top of the package, by the module that has them."""
        protocol, errors = self.schema.protocol, self.schema.errors
        objects = [(f, d) for f, d in self.schema.objects() if d.get("type") == "object"]
        public = [str(d["title"]) for f, d in objects if f.partition("/")[0] in protocol["public"]]
        events = [row["class"] for row in protocol["events"] if row["schema"]]
        return {
            "events": ["Event", "UnknownEvent", *events],
            "families": ["Family"],
            "mcp": ["McpTransport"],
            "models": public,
            "refusals": [row["name"] for row in errors["classes"]],
        }

    def trait(self, name: str, node: Node) -> str:
        """Return the annotation of a family's trait."""
        annotation = "tuple[str, ...]" if node["type"] == "array" else TYPES[node["type"]]
        values = [(family | family["server"])[name] for family in self.schema.protocol["families"]]
        return f"{annotation} | None" if None in values else annotation


def _is_secret(leaf: Node) -> bool:
    """Return whether a value may hold what only its sender and receiver may see: texts that are not marked, and objects."""
    is_fixed = "const" in leaf or "enum" in leaf
    return bool(leaf.get("secret", not is_fixed and leaf.get("type") not in TYPES.keys() - {"string"}))


def literal(value: object) -> str:
    """Return the expression for an immutable value."""
    match value:
        case list():
            items = [literal(each) for each in cast("list[object]", value)]
            return f"({', '.join(items)}{',' if len(items) == 1 else ''})"
        case dict():
            items = [f"{name!r}: {literal(each)}" for name, each in cast("Node", value).items()]
            return f"MappingProxyType({{{', '.join(items)}}})"
        case _:
            return repr(value)


def parts(text: str) -> list[str]:
    """Return the names of the parts of a server's text that vary."""
    return re.findall(r"\{(\w+)\}", text)


def doc(text: str, indent: int = 4, width: int = 110) -> str:
    """Return a text as it stands in a docstring: escaped, filled, and indented after the first line."""
    text = text.replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
    text = f'{text[:-1]}\\"' if text.endswith('"') else text
    fill = textwrap.TextWrapper(width - indent, break_long_words=False, break_on_hyphens=False).fill
    return textwrap.indent("\n\n".join(map(fill, text.split("\n\n"))), " " * indent).lstrip(" ")


def cell(text: str) -> str:
    """Return a text as it stands in a cell of a Markdown table."""
    return " ".join(text.split()).replace("|", "\\|")


def words(value: object) -> str:
    """Return a trait or limit as the protocol reference shows it."""
    match value:
        case None:
            return "none"
        case bool():
            return "yes" if value else "no"
        case int():
            return f"{value:,}" if value > 9999 else f"{value}"
        case list():
            return ", ".join(map(str, cast("list[object]", value))) or "none"
        case _:
            return f"`{value}`"


def constant(name: str) -> str:
    """Return a type's name in capitals: ``PingRequest`` becomes ``PING_REQUEST``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).upper()


def spelling(name: str) -> str:
    """Return a name in Python, the same in models, calls and events: snake_case, with _ after a reserved name."""
    snake = constant(name).lower()
    return f"{snake}_" if keyword.iskeyword(snake) or snake in MODEL_NAMES | CALL_NAMES else snake


def renames(schema: Schema) -> list[str]:
    """Return a line for each field or request that has another name in Python."""
    named = [(file, name) for file, document in schema.objects() for name in document.get("properties", {})]
    named += [(PROTOCOL, row["type"]) for row in schema.protocol["requests"]]
    return [
        f"renamed: schema/{file}: {name!r} is {spelling(name)!r} in Python"
        for file, name in named
        if spelling(name) != name
    ]
