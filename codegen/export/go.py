"""Write the protocol as a Go module: structs, functions that decode them by their tags, and the tables."""

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
    Definition,
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
from codegen.export.templates import check_names, comment, fill, identifies, literal, parts, pascal

MODULE = "pieprotocol"
"""Name of the package, and path of its module."""
MSGP = "v1.6.5"
"""Release of the msgpack library."""
INITIALISMS = {"http", "id", "json", "mcp", "rsa", "uri", "url"}
"""Words that Go writes in capitals."""
UNKNOWN = "UnknownMessage"
"""Type of messages whose type the schema does not know."""


def files(protocol: Protocol) -> dict[Path, str]:
    """Return the module: its requirements, the protocol, and the code that all types share.

    Raises:
        CodegenError: Something has a name that it can't have in Go.
    """
    known = {"protocol": protocol, "go": Go(protocol), "module": MODULE, "msgp": MSGP}
    texts = {name: fill(f"go/{name}.j2", known, FILTERS) for name in ("go.mod", "protocol.go", "codec.go")}
    defined = re.findall(r"^(?:type|var|const|func) (\w+)", "\n".join(texts.values()), re.MULTILINE)
    check_names(protocol, "Go", defined, set())
    return {Path(name): text for name, text in texts.items()}


def doc(text: str, depth: int = 0) -> str:
    """Return a comment, indented after its first line with tabs."""
    return comment(text, "//").replace("\n", "\n" + "\t" * depth)


def exported(name: str) -> str:
    """Return a name of the wire as an exported name of Go."""
    return "".join(part.upper() if part.lower() in INITIALISMS else part.capitalize() for part in parts(name))


FILTERS: dict[str, Callable[..., object]] = {"doc": doc, "exported": exported, "identifies": identifies}


class Go:
    """The types of a protocol in Go."""

    def __init__(self, protocol: Protocol) -> None:
        self.protocol = protocol
        self.definitions = protocol.definitions
        self.roots = messages(protocol)
        self.terminal = [row.object for row in protocol.events if row.terminal]
        self.unions = [*self.roots, *protocol.of(Union)]
        self.objects = protocol.of(Object)
        self.choices = protocol.of(Alternatives)
        options = {name for each in self.choices for name in each.members}
        self.scalars = [each for each in protocol.of(Scalar) if each.name not in options]
        self.parsed = [each for each in self.scalars if each.content != each.type]
        """Results that are JSON."""

    def type(self, found: Type, name: str = "") -> str:
        """Return how a type is written; texts with few values have a type of their own, with this name."""
        match found:
            case Integer():
                return "int64" if found.signed else f"uint{max(found.bits, 32)}"
            case Number():
                return "float64"
            case Boolean():
                return "bool"
            case Text(values=values):
                return name if name and len(values) > 1 else "string"
            case Bytes():
                return "[]byte"
            case Json() | AnyOf() | Null() | Constant():
                return "json.RawMessage"
            case List(items=items):
                return f"[]{self.type(items)}"
            case Map(values=values):
                return f"map[string]{self.type(values)}"
            case Nullable(type=inner):
                return self.type(inner) if self.nilable(inner) else f"*{self.type(inner)}"
            case Reference(name=target):
                return target

    def codec(self, found: Type, name: str = "") -> str:
        """Return the expression for the codec of a type."""
        match found:
            case Integer():
                return self._integer(found)
            case Number():
                return "float64s"
            case Boolean():
                return "booleans"
            case Text(values=values):
                return (
                    f"oneOf({', '.join(self.constant(name, v) for v in values)})"
                    if name and len(values) > 1
                    else "texts"
                )
            case Bytes():
                return "octets"
            case Json() | AnyOf() | Null() | Constant():
                return "anything"
            case List(items=items):
                return f"list({self.codec(items)})"
            case Map(values=values):
                return f"dictionary({self.codec(values)})"
            case Nullable(type=inner):
                return self.codec(inner) if self.nilable(inner) else f"nullable({self.codec(inner)})"
            case Reference(name=target):
                return self._reference(target)

    def constant(self, name: str, value: str) -> str:
        """Return the constant for a value of a type of texts."""
        return f"{name}{pascal(value)}"

    def field(self, owner: Object, field: Field) -> str:
        """Return the type of a field."""
        written = self.type(field.type, self.own(owner, field))
        return written if field.required or self.nilable(field.type) else f"*{written}"

    def row(self, owner: Object, field: Field) -> str:
        """Return a field's row in the table of its object."""
        if isinstance(field.type, Constant):
            return f"tagged({literal(field.name)}, {literal(field.type.value)})"
        place = f"m.{exported(field.name)}"
        known = "".join(f", {literal(alias)}" for alias in field.aliases)
        arguments = f"{literal(field.name)}, &{place}, {self.codec(field.type, self.own(owner, field))}"
        if field.required:
            return f"required({arguments}{known})"
        if self.nilable(field.type):
            return f"present({place} != nil, required({arguments}{known}))"
        return f"optional({arguments}{known})"

    def own(self, owner: Object, field: Field) -> str:
        """Return the name of the type of a field whose text has few values."""
        return f"{owner.name}{exported(field.name)}"

    def enums(self) -> Iterator[tuple[str, Field, tuple[str, ...]]]:
        """Iterate over the fields whose text has few values, with the name of the type."""
        for each in self.objects:
            for field in each.fields:
                if isinstance(field.type, Text) and len(field.type.values) > 1:
                    yield self.own(each, field), field, field.type.values

    def nilable(self, found: Type) -> bool:
        """Return whether values of a type can be nil, and need no pointer."""
        if isinstance(found, Reference):
            target = self.definitions[found.name]
            return isinstance(target, Union) or (isinstance(target, Scalar) and self.nilable(target.type))
        return isinstance(found, Bytes | Json | AnyOf | Null | List | Map)

    def others(self, choice: Alternatives) -> list[Scalar]:
        """Return the texts of a choice that may be any."""
        return [each for each in self.protocol.scalars(choice) if each.type == Text()]

    def kinds(self, name: str) -> list[str]:
        """Return the unions that something is a member of, directly or as a member of a member."""
        found = [
            each.name
            for each in self.unions
            if name in {each.unknown, *(member for _, member in each.members)}
        ]
        return [*found, *(outer for each in found for outer in self.kinds(each))]

    def is_union(self, name: str) -> bool:
        return isinstance(self.definitions[name], Union)

    def is_root(self, union: Definition) -> bool:
        return union in self.roots

    def _integer(self, found: Integer) -> str:
        name = self.type(found)
        bits = int(name.lstrip("uint"))
        least, most = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if found.signed else (0, 2**bits - 1)
        if (found.minimum, found.maximum) == (least, most):
            return f"{name}s"
        return f"between({found.minimum}, {found.maximum}, {name}s)"

    def _reference(self, name: str) -> str:
        found = self.definitions[name]
        if isinstance(found, Scalar):
            return self.codec(found.type)
        if isinstance(found, Union):
            return f"objects(choose{name})"
        return f"structs[{name}]()" if isinstance(found, Object) else "texts"
