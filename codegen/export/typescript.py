"""Write the protocol as a TypeScript module without imports: types, tables, and checks of decoded messages."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

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
from codegen.export.templates import check_names, fill, literal

USED = {"Array", "Error", "Extract", "Exclude", "Readonly", "Record", "RegExp", "Uint8Array"}
"""Names that the module takes from elsewhere."""
EXACT = 2**53 - 1
"""Largest integer that a JavaScript number holds exactly."""


def files(protocol: Protocol) -> dict[Path, str]:
    """Return the module.

    Raises:
        CodegenError: A title is the name of something else in the module.
    """
    known = {
        "protocol": protocol,
        "definitions": list(protocol.definitions.values()),
        "scalars": protocol.of(Scalar),
        "alternatives": protocol.of(Alternatives),
        "objects": protocol.of(Object),
        "unions": protocol.of(Union),
        "contents": list(_contents(protocol)),
        "results": list(_results(protocol)),
        "families": [family["name"] for family in protocol.facts["families"]],
        "tag": protocol.facts["tag"],
        "json_name": protocol.schema.protocol["scalars"]["json"],
    }
    text = fill("typescript.ts.j2", known, FILTERS)
    pattern = r"^(?:export )?(?:declare )?(?:type|interface|class|function|const) (\w+)"
    check_names(protocol, "TypeScript", re.findall(pattern, text, re.MULTILINE), USED)
    return {Path("protocol.ts"): text}


def _contents(protocol: Protocol) -> Iterator[tuple[str, Type]]:
    """Iterate over the text fields of messages that hold JSON of a known type, and that type."""
    for row in protocol.rows:
        definition = protocol.definitions[row.name]
        for field in definition.fields if isinstance(definition, Object) else ():
            kind = field.type
            while isinstance(kind, Reference):
                scalar = protocol.definitions[kind.name]
                kind = scalar.type if isinstance(scalar, Scalar) else Null()
            if isinstance(kind, Text) and kind.content:
                yield f"{row.type}.{field.name}", kind.content


def _results(protocol: Protocol) -> Iterator[tuple[str, str, Type, bool]]:
    """Iterate over requests with a reply: type, name of the result, what it is checked with, and whether it is JSON."""
    for row in protocol.requests:
        if row.result:
            definition = protocol.definitions[row.result]
            is_json = isinstance(definition, Scalar) and definition.content is not definition.type
            yield row.type, row.result, Reference(row.result), is_json
        elif row.confirmation:
            yield row.type, "string", Text(), False


def _type(kind: Type) -> str:
    """Return a type expression."""
    match kind:
        case Integer(minimum, maximum):
            return "bigint" if max(-minimum, maximum) > EXACT else "number"
        case Text(values) if values:
            return " | ".join(map(literal, values))
        case Constant(value):
            return literal(value)
        case List(items):
            return (
                f"({_type(items)})[]" if isinstance(items, Nullable | AnyOf | Text) else f"{_type(items)}[]"
            )
        case Map(values):
            return f"Record<string, {_type(values)}>"
        case Reference(name):
            return name
        case Nullable(inner):
            return f"{_type(inner)} | null"
        case AnyOf(options):
            return " | ".join(map(_type, options))
        case _:
            return PLAIN[type(kind)]


def _shape(kind: Type) -> str:
    """Return the object that the module's checks read for a type."""
    match kind:
        case Integer(minimum, maximum, limits):
            wide = max(-minimum, maximum) > EXACT
            suffix = "n" if wide else ""
            bounds = {"minimum": f"{minimum}{suffix}", "maximum": f"{maximum}{suffix}"}
            found = {"wide": literal(wide), "limits": _braces(bounds | _literals(limits))}
        case Number(limits):
            found = {"limits": _braces(_literals(limits))}
        case Text(values, pattern, limits=limits):
            found = {"values": literal(values) if values else "", "limits": _limits(limits)}
            found["pattern"] = f'new RegExp({literal(pattern)}, "u")' if pattern else ""
        case Constant(value):
            return _shape(Text((value,)))
        case List(items, limits):
            found = {"items": _shape(items), "limits": _limits(limits)}
        case Map(values):
            found = {"values": _shape(values)}
        case Reference(name):
            return _braces({"is": literal("definition"), "name": literal(name)})
        case Nullable(inner):
            found = {"type": _shape(inner)}
        case AnyOf(options):
            return _braces({"is": literal("any"), "options": f"[{', '.join(map(_shape, options))}]"})
        case _:
            found = {}
    names: dict[type, str] = {Text: "string"}
    return _braces({"is": literal(names.get(type(kind), type(kind).__name__.lower())), **found})


PLAIN: dict[type, str] = {
    Number: "number",
    Boolean: "boolean",
    Text: "string",
    Bytes: "Uint8Array",
    Json: "JsonValue",
    Null: "null",
}
"""Types that are the same wherever they stand."""


def _definition_shape(definition: Definition) -> str:
    match definition:
        case Scalar():
            return _shape(definition.content)
        case Alternatives(members=members):
            return _braces({"is": literal("texts"), "members": literal(members)})
        case Union(tag=tag, members=members, unknown=unknown):
            found = {"tag": literal(tag), "members": literal(dict(members))}
            return _braces({"is": literal("union"), **found, "unknown": literal(unknown) if unknown else ""})
        case _:
            raise TypeError(definition)


def _braces(parts: Mapping[str, str]) -> str:
    """Return an object literal without the parts that are empty."""
    return f"{{ {', '.join(f'{key}: {value}' for key, value in parts.items() if value)} }}"


def _literals(limits: tuple[tuple[str, object], ...]) -> dict[str, str]:
    return {key: literal(value) for key, value in limits}


def _limits(limits: tuple[tuple[str, object], ...]) -> str:
    return _braces(_literals(limits)) if limits else ""


def field_doc(field: Field) -> str:
    """Return a field's description, with the families that know it."""
    known = f" Only servers of family {' and '.join(field.families)} know it." if field.families else ""
    return field.description + known


def doc(text: str, indent: str = "") -> str:
    """Return a comment with a text of one or more paragraphs."""
    lines = text.replace("*/", "* /").split("\n")
    if len(lines) == 1:
        return f"{indent}/** {lines[0]} */"
    return "\n".join([f"{indent}/**", *(f"{indent} * {line}".rstrip() for line in lines), f"{indent} */"])


def indented(value: object) -> str:
    """Return a value as JSON of several lines."""
    return json.dumps(value, indent=2, ensure_ascii=False)


FILTERS: dict[str, Callable[..., object]] = {
    "definition_shape": _definition_shape,
    "doc": doc,
    "field_doc": field_doc,
    "indented": indented,
    "shape": _shape,
    "type": _type,
}
