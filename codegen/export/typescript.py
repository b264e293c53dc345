"""Write the protocol as a TypeScript module without imports: types, tables, and checks of decoded messages."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import cast

import jinja2

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
    Message,
    Null,
    Nullable,
    Number,
    Object,
    Protocol,
    Reference,
    Request,
    Scalar,
    Text,
    Type,
    Union,
)
from codegen.schema import TYPES, CodegenError

TEMPLATES = Path(__file__).parents[1] / "templates" / "export"
EXACT = 2**53 - 1
"""Largest integer that a JavaScript number holds exactly."""


def files(protocol: Protocol) -> dict[Path, str]:
    """Return the module.

    Raises:
        CodegenError: A title is the name of something else in the module.
    """
    environment, definitions = _environment(), list(protocol.definitions.values())
    text = environment.get_template("typescript.ts.j2").render(
        protocol=protocol,
        definitions=definitions,
        scalars=[each for each in definitions if isinstance(each, Scalar)],
        alternatives=[each for each in definitions if isinstance(each, Alternatives)],
        objects=[each for each in definitions if isinstance(each, Object)],
        unions=[each for each in definitions if isinstance(each, Union)],
        contents=list(_contents(protocol)),
        results=list(_results(protocol)),
        families=[family["name"] for family in protocol.facts["families"]],
        tag=protocol.facts["tag"],
        json_name=protocol.schema.protocol["scalars"]["json"],
    )
    _check_names(protocol, text)
    return {Path("protocol.ts"): text}


def _check_names(protocol: Protocol, text: str) -> None:
    """Refuse titles that the module defines twice, or that hide a type that it uses."""
    pattern = r"^(?:export )?(?:declare )?(?:type|interface|class|function|const) (\w+)"
    defined = re.findall(pattern, text, re.MULTILINE)
    used = {"Array", "Error", "Extract", "Exclude", "Readonly", "Record", "RegExp", "Uint8Array"}
    if taken := sorted(name for name in protocol.definitions if name in used or defined.count(name) > 1):
        raise CodegenError(
            [f"schema: title {name!r} has a meaning in TypeScript; choose another" for name in taken]
        )


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(  # noqa: S701 - the output is TypeScript, not HTML
        loader=jinja2.FileSystemLoader(TEMPLATES),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    functions: list[Callable[..., str]] = [
        _boolean,
        _definition_shape,
        _doc,
        _field_doc,
        _indented,
        _scalar_type,
    ]
    functions += [_literal, _shape, _type]
    cast("dict[str, object]", environment.filters).update({each.__name__[1:]: each for each in functions})
    return environment


def _contents(protocol: Protocol) -> Iterator[tuple[str, Type]]:
    """Iterate over the text fields of messages that hold JSON of a known type, and that type."""
    rows: list[Request | Message] = [*protocol.requests, *protocol.messages]
    for row in rows:
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
            is_json = isinstance(definition, Scalar) and _carried(definition) is not definition.type
            yield row.type, row.result, Reference(row.result), is_json
        elif row.confirmation:
            yield row.type, "string", Text(), False


def _carried(scalar: Scalar) -> Type:
    """Return what a scalar is for users: a result that is JSON is that JSON, a field with JSON is a text."""
    is_result = scalar.file != TYPES and isinstance(scalar.type, Text) and scalar.type.content
    return cast("Text", scalar.type).content or scalar.type if is_result else scalar.type


def _type(kind: Type) -> str:
    """Return a type expression."""
    match kind:
        case Integer(minimum, maximum):
            return "bigint" if max(-minimum, maximum) > EXACT else "number"
        case Text(values) if values:
            return " | ".join(map(_literal, values))
        case Constant(value):
            return _literal(value)
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
            found = {"wide": _literal(wide), "limits": _braces(bounds | _literals(limits))}
        case Number(limits):
            found = {"limits": _braces(_literals(limits))}
        case Text(values, pattern, limits=limits):
            found = {"values": _literal(values) if values else "", "limits": _limits(limits)}
            found["pattern"] = f'new RegExp({_literal(pattern)}, "u")' if pattern else ""
        case Constant(value):
            return _shape(Text((value,)))
        case List(items, limits):
            found = {"items": _shape(items), "limits": _limits(limits)}
        case Map(values):
            found = {"values": _shape(values)}
        case Reference(name):
            return _braces({"is": _literal("definition"), "name": _literal(name)})
        case Nullable(inner):
            found = {"type": _shape(inner)}
        case AnyOf(options):
            return _braces({"is": _literal("any"), "options": f"[{', '.join(map(_shape, options))}]"})
        case _:
            found = {}
    names: dict[type, str] = {Text: "string"}
    return _braces({"is": _literal(names.get(type(kind), type(kind).__name__.lower())), **found})


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
            return _shape(_carried(definition))
        case Alternatives(members=members):
            return _braces({"is": _literal("texts"), "members": _literal(members)})
        case Union(tag=tag, members=members, unknown=unknown):
            found = {"tag": _literal(tag), "members": _literal(dict(members))}
            return _braces(
                {"is": _literal("union"), **found, "unknown": _literal(unknown) if unknown else ""}
            )
        case _:
            raise TypeError(definition)


def _braces(parts: Mapping[str, str]) -> str:
    """Return an object literal without the parts that are empty."""
    return f"{{ {', '.join(f'{key}: {value}' for key, value in parts.items() if value)} }}"


def _literals(limits: tuple[tuple[str, object], ...]) -> dict[str, str]:
    return {key: _literal(value) for key, value in limits}


def _limits(limits: tuple[tuple[str, object], ...]) -> str:
    return _braces(_literals(limits)) if limits else ""


def _field_doc(field: Field) -> str:
    known = f" Only servers of family {' and '.join(field.families)} know it." if field.families else ""
    return field.description + known


def _doc(text: str, indent: str = "") -> str:
    """Return a comment with a text of one or more paragraphs."""
    lines = text.replace("*/", "* /").split("\n")
    if len(lines) == 1:
        return f"{indent}/** {lines[0]} */"
    return "\n".join([f"{indent}/**", *(f"{indent} * {line}".rstrip() for line in lines), f"{indent} */"])


def _boolean(value: object) -> str:
    return "true" if value else "false"


def _scalar_type(scalar: Scalar) -> str:
    return _type(_carried(scalar))


def _indented(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)


def _literal(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
