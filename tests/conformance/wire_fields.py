"""Convert the fields of a request as servers do, or raise with their error texts."""

import math
from dataclasses import dataclass
from decimal import Decimal
from typing import NoReturn, cast

from pie_client.protocol import codec
from tests.conformance.wire_schema import Field, Shape, server_text

BYTE_BITS = 8
SIZE_BITS = 64


class UnreadableFrameError(codec.MalformedFrameError):
    """A frame that is not a request. Its text is what a server of the 0.5 family sends about it."""


class WrongTypeError(UnreadableFrameError):
    """A frame with a value of the wrong type."""

    def __init__(self, value: object, expected: str, *, json: bool = False) -> None:
        found = server_text("found_null") if json and value is None else _kind(value)
        super().__init__(server_text("frame_invalid_type", found=found, expected=expected))
        self.value = value
        self.expected = expected


class Members(list[tuple[object, object]]):
    """A map with its members in order, including duplicate keys."""


@dataclass(frozen=True, slots=True)
class Signed:
    """An integer that is encoded as a signed one, and so is not an index."""

    value: int


@dataclass(frozen=True, slots=True)
class Wide:
    """An integer that is encoded in 16 or 32 bits, and so is not the index of a field."""

    value: int


class Written(float):
    """A float that was read from text, and is written unchanged."""

    __slots__ = ()


def from_array(variant: str, shape: Shape, values: list[object]) -> dict[str, object]:
    """Return the fields of a message that is encoded as an array. Optional ones may be missing at its end."""
    fields = {n: _read(v, f) for (n, f), v in zip(shape.items(), values, strict=False)}
    count = len(shape)
    if len(values) > count:
        expected = server_text("expected_one") if count == 1 else server_text("expected_many", count=count)
        raise UnreadableFrameError(server_text("frame_invalid_length", length=len(values), expected=expected))
    if any(field.required for field in list(shape.values())[len(values) :]):
        expected = (
            server_text("expected_element", variant=variant)
            if count == 1
            else server_text("expected_elements", variant=variant, count=count)
        )
        raise UnreadableFrameError(server_text("frame_invalid_length", length=len(values), expected=expected))
    return fields


def from_map(shape: Shape, members: Members) -> dict[str, object]:
    """Return the fields of a message that is encoded as a map, without unknown ones."""
    names = list(shape)
    fields: dict[str, object] = {}
    for key, value in members:
        name = text_of(key)
        if type(key) is int:
            name = names[key] if key < len(names) else None
        elif not isinstance(key, (str, bytes)):
            raise_wrong_type(key, server_text("expected_key"))
        if name is None or name not in shape:
            continue
        if name in fields:
            raise UnreadableFrameError(server_text("frame_duplicate_field", field=name))
        fields[name] = _read(value, shape[name])
    for name, field in shape.items():
        if field.required and name not in fields:
            raise UnreadableFrameError(server_text("frame_missing_field", field=name))
    return fields


def _read(value: object, field: Field) -> object:
    if value is None and not field.required:
        return None
    match field.kind:
        case "integer":
            return _integer(value, field.bits)
        case "boolean":
            return (
                value if isinstance(value, bool) else raise_wrong_type(value, server_text("expected_boolean"))
            )
        case "string":
            if not isinstance(value, (str, bytes)):
                raise_wrong_type(value, server_text("expected_string"))
            text = text_of(value)
            if text is None:
                raise UnreadableFrameError(
                    server_text(
                        "frame_invalid_value",
                        found=server_text("found_bytes"),
                        expected=server_text("expected_string"),
                    )
                )
            return text
        case "bytes":
            return _octets(value)
        case "array":
            items = _sequence(value)
            if items is None or field.items is None:
                raise_wrong_type(value, server_text("expected_sequence"))
            return [_read(item, field.items) for item in items]
        case "other":
            return _plain_value(value)


def _plain_value(value: object) -> object:
    match value:
        case Members():
            return {text_of(k): _plain_value(v) for k, v in value}
        case list():
            return [_plain_value(item) for item in cast("list[object]", value)]
        case Signed() | Wide():
            return value.value
        case _:
            return value


def _octets(value: object) -> bytes:
    if isinstance(value, (str, bytes)):
        return bytes_of(value)
    items = _sequence(value)
    if items is None:
        raise_wrong_type(value, server_text("expected_bytes"))
    return bytes(_integer(item, BYTE_BITS) for item in items)


def _sequence(value: object) -> list[object] | None:
    if not isinstance(value, list) or isinstance(value, Members):
        return None
    return cast("list[object]", value)


def _integer(value: object, bits: int) -> int:
    number = value.value if isinstance(value, (Signed, Wide)) else value
    expected = (
        server_text("expected_size") if bits == SIZE_BITS else server_text("expected_unsigned", bits=bits)
    )
    if type(number) is not int:
        raise_wrong_type(value, expected)
    if not 0 <= number < 1 << bits:
        raise UnreadableFrameError(
            server_text(
                "frame_invalid_value", found=server_text("found_integer", value=number), expected=expected
            )
        )
    return number


def bytes_of(value: str | bytes) -> bytes:
    """Return the bytes that a text was decoded from, UTF-8 or not."""
    return value if isinstance(value, bytes) else value.encode("utf-8", "surrogateescape")


def text_of(value: object) -> str | None:
    """Return a str, or the text of bytes in UTF-8, or None for other values."""
    if not isinstance(value, (str, bytes)):
        return None
    try:
        return bytes_of(value).decode()
    except UnicodeDecodeError:
        return None


def raise_wrong_type(value: object, expected: str) -> NoReturn:
    """Raise WrongTypeError."""
    raise WrongTypeError(value, expected)


def _kind(value: object) -> str:
    match value:
        case None:
            return server_text("found_unit")
        case bool():
            return server_text("found_boolean", value=str(value).lower())
        case int():
            return server_text("found_integer", value=value)
        case Signed() | Wide():
            return server_text("found_integer", value=value.value)
        case float():
            return server_text("found_float", value=_plain(value))
        case str() if text_of(value) is not None:
            return server_text("found_string", value=quoted(value))
        case str() | bytes():
            return server_text("found_bytes")
        case Members():
            return server_text("found_map")
        case list():
            return server_text("found_sequence")
        case _:
            return server_text("found_extension")


def _plain(value: float) -> str:
    """Write a float without an exponent, and with a decimal point if it is finite."""
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else str(value)
    text = repr(value) if isinstance(value, Written) else format(Decimal(repr(value)), "f")
    return text if "." in text else f"{text}.0"


ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\0": "\\0"}


def quoted(text: str) -> str:
    """Return a text in quotes, escaped as servers do."""
    parts = (
        ESCAPES.get(char) or (char if char.isprintable() or char == " " else f"\\u{{{ord(char):x}}}")
        for char in text
    )
    return f'"{"".join(parts)}"'
