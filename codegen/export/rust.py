"""Write the protocol as a Rust module: types for serde, tagged as on the wire, and the tables as constants."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from codegen.export.bundle import messages
from codegen.export.describe import (
    Alternatives,
    AnyOf,
    Boolean,
    Bytes,
    Constant,
    Field,
    Integer,
    Json,
    List,
    Map,
    Null,
    Nullable,
    Number,
    Object,
    Protocol,
    Reference,
    Scalar,
    Text,
    Type,
    Union,
)
from codegen.export.templates import check_names, comment, fill, identifies, literal, pascal, snake

KEYWORDS = {
    *("abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "do"),
    *("dyn", "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl"),
    *("in", "let", "loop", "macro", "match", "mod", "move", "mut", "override", "priv", "pub"),
    *("ref", "return", "static", "struct", "trait", "true", "try", "type", "typeof", "unsafe"),
    *("unsized", "use", "virtual", "where", "while", "yield"),
}
"""Words that a field can have as its name after ``r#`` only."""

USED = (
    *(
        "BTreeMap",
        "Box",
        "ByteBuf",
        "Deserialize",
        "Deserializer",
        "Err",
        "From",
        "LazyLock",
        "None",
        "Ok",
        "Option",
    ),
    *("Result", "Self", "Serialize", "SerializeStruct", "Serializer", "Some", "String", "Value", "Vec"),
)
"""Names that the module takes from elsewhere."""


def files(protocol: Protocol) -> dict[Path, str]:
    """Return the module.

    Raises:
        CodegenError: Something has a name that it can't have in Rust.
    """
    text = fill("rust.rs.j2", {"protocol": protocol, "rust": Rust(protocol)}, FILTERS)
    defined = re.findall(r"^(?:pub )?(?:type|struct|enum|const|fn) (\w+)", text, re.MULTILINE)
    check_names(protocol, "Rust", defined, set(USED))
    return {Path("protocol.rs"): text}


def doc(text: str, depth: int = 0, mark: str = "///") -> str:
    """Return a doc comment, indented after its first line."""
    return comment(text, mark).replace("\n", "\n" + " " * depth)


def identifier(name: str) -> str:
    """Return the name of a field in Rust."""
    written = snake(name)
    if written in {"self", "super", "crate", "_"}:
        return f"{written}_"
    return f"r#{written}" if written in KEYWORDS else written


def variant(value: str) -> str:
    """Return a text as the name of a variant, which begins with a letter."""
    name = pascal(value)
    return name if name[:1].isalpha() else f"V{name}"


def option(text: str | None) -> str:
    """Return a text that may be absent."""
    return f"Some({literal(text)})" if text else "None"


FILTERS: dict[str, Callable[..., object]] = {
    "doc": doc,
    "identifier": identifier,
    "option": option,
    "variant": variant,
    "identifies": identifies,
}


def _edges(found: Integer) -> tuple[int, int]:
    """Return the bounds of the type in Rust; that of numbers from 1 excludes 0."""
    most = 2 ** (found.bits - found.signed) - 1
    if found.signed:
        return -most - 1, most
    return int((found.minimum, found.maximum) == (1, most)), most


class Rust:
    """The types of a protocol in Rust."""

    def __init__(self, protocol: Protocol) -> None:
        self.protocol = protocol
        self.definitions = protocol.definitions
        self.messages = [each.name for each in messages(protocol)]
        self.guards = {each.unknown: each for each in self.unions() if each.unknown}
        """Unions by the object of their unknown members."""
        self.members = {name for each in self.unions() for _, name in each.members} | self.guards.keys()
        self.terminal = {row.object: row.terminal for row in protocol.events if row.object}

    def of(self, kind: str) -> list[object]:
        """Return the definitions of a kind, without the texts of a choice, which are part of its type."""
        options = {name for each in self.protocol.of(Alternatives) for name in each.members}
        return [
            each
            for each in self.definitions.values()
            if type(each).__name__ == kind and each.name not in options
        ]

    def type(self, found: Type, owner: str = "", field: str = "") -> str:
        """Return how a type is written; texts with few values get an enum named after the field and its owner."""
        match found:
            case Integer():
                name = f"{'i' if found.signed else 'u'}{found.bits}"
                return f"std::num::NonZero{name.upper()}" if _edges(found)[0] == 1 else name
            case Number():
                return "f64"
            case Boolean():
                return "bool"
            case Text(values=values):
                return f"{owner}{pascal(field)}" if len(values) > 1 and field else "String"
            case Bytes():
                return "ByteBuf"
            case Constant() if field:
                return f"{owner}{pascal(field)}"
            case Json() | AnyOf() | Null() | Constant():
                return "Value"
            case List(items=items):
                return f"Vec<{self.type(items)}>"
            case Map(values=values):
                return f"BTreeMap<String, {self.type(values)}>"
            case Nullable(type=inner):
                return f"Option<{self.type(inner)}>"
            case Reference(name=name):
                return name

    def field(self, owner: Object, field: Field) -> str:
        """Return the type of a field; a reference back to its owner is boxed."""
        written = self.type(field.type, owner.name, field.name)
        if isinstance(field.type, Reference) and owner.name in self._parts(field.type.name):
            written = f"Box<{written}>"
        return written if field.required else f"Option<{written}>"

    def attributes(self, field: Field) -> list[str]:
        """Return what serde has to know of a field."""
        found = (
            [f'rename = "{field.name}"'] if identifier(field.name).removeprefix("r#") != field.name else []
        )
        found += [f'alias = "{alias}"' for alias in field.aliases]
        found += [f'deserialize_with = "{check}"'] if (check := self.check(field)) else []
        return found if field.required else [*found, "default", 'skip_serializing_if = "Option::is_none"']

    def bounds(self, field: Field) -> Integer | None:
        """Return the type of a field if it has bounds that its type in Rust does not have."""
        found = field.type
        if isinstance(found, Reference) and isinstance(scalar := self.definitions[found.name], Scalar):
            found = scalar.type
        if isinstance(found, Integer) and (found.minimum, found.maximum) != _edges(found):
            return found
        return None

    def check(self, field: Field) -> str:
        """Return the name of the function that reads a field with bounds."""
        if not (found := self.bounds(field)):
            return ""
        name = f"{self.type(found)}_from_{found.minimum}_to_{found.maximum}".replace("-", "minus_")
        return name if field.required else f"optional_{name}"

    def checks(self) -> dict[str, Field]:
        """Return a field for each function that reads fields with bounds."""
        found = [field for each in self.protocol.of(Object) for field in each.fields]
        return {self.check(field): field for field in found if self.bounds(field)}

    def enums(self) -> Iterator[tuple[str, Field, tuple[str, ...]]]:
        """Iterate over the fields whose text has few values, with the name of the type."""
        for each in self.protocol.of(Object):
            for field in each.fields:
                if isinstance(field.type, Text) and len(field.type.values) > 1:
                    yield f"{each.name}{pascal(field.name)}", field, field.type.values
                elif isinstance(field.type, Constant) and field.name not in self.tags(each):
                    yield f"{each.name}{pascal(field.name)}", field, (field.type.value,)

    def tags(self, each: Object) -> dict[str, str]:
        """Return the tags of a member of a union. Others have them as fields, which serde checks."""
        return each.tags if each.name in self.members else {}

    def values(self, each: Object) -> list[Field]:
        """Return the fields that are fields of the struct."""
        return [field for field in each.fields if field.name not in self.tags(each)]

    def leads(self, each: Object) -> bool:
        """Return whether the only tag is the first field, so that serde's attribute writes it."""
        return list(self.tags(each)) == [each.fields[0].name]

    def arguments(self, each: Object) -> list[Field]:
        """Return the fields that have no default and can't be absent."""
        return [field for field in each.values if field.required and not field.has_default]

    def argument(self, owner: Object, field: Field) -> str:
        """Return the type of an argument for a field."""
        found, written = field.type, self.field(owner, field)
        if isinstance(found, Reference) and isinstance(scalar := self.definitions[found.name], Scalar):
            written = "String" if self.type(scalar.type) == "String" else written
        return "impl Into<String>" if written == "String" else written

    def initial(self, owner: Object, field: Field) -> str:
        """Return a field with its first value."""
        name, value = identifier(field.name), "None"
        if field.has_default:
            value = json.dumps(field.default, ensure_ascii=False)
            value = f"{value}.to_owned()" if isinstance(field.default, str) else value
            value = value if field.required else f"Some({value})"
        elif isinstance(field.type, Constant):
            value = f"{self.field(owner, field)}::{variant(field.type.value)}"
        elif field.required:
            if self.argument(owner, field) != "impl Into<String>":
                return name
            value = f"{name}.into()"
        return f"{name}: {value}"

    def is_optional(self, each: Object) -> bool:
        """Return whether every field can be absent."""
        return not any(field.required or field.has_default for field in self.values(each))

    def unions(self) -> list[Union]:
        """Return the unions, those of all messages first."""
        return [*messages(self.protocol), *self.protocol.of(Union)]

    def _parts(self, name: str, seen: frozenset[str] = frozenset()) -> frozenset[str]:
        """Return the names of all that a value has directly in it, without a list or map between."""
        if name in seen:
            return seen
        seen |= {name}
        found = self.definitions[name]
        inner: list[Type] = []
        if isinstance(found, Object):
            inner = [field.type for field in found.fields]
        elif isinstance(found, Union):
            inner = [Reference(member) for _, member in found.members]
        for each in inner:
            if isinstance(each, Reference):
                seen = self._parts(each.name, seen)
        return seen
