"""Read the frames of clients as leniently as servers do, and reject the others with their error texts.

Servers read a frame in two steps: the tag, with all other members kept undecoded, then the fields. So the order of the
members decides which of several errors is reported, and an unknown member may hold anything.
"""

import json
from collections.abc import Callable
from typing import NoReturn, cast

import msgpack
from pydantic import ValidationError

from pie_client import Family
from pie_client._generated import registry
from pie_client._generated.families import TAG
from pie_client._generated.registry import ClientMessage
from pie_client.protocol import codec
from tests.conformance.wire_fields import (
    SIZE_BITS,
    Members,
    Signed,
    UnreadableFrameError,
    Wide,
    Written,
    WrongTypeError,
    bytes_of,
    from_array,
    from_map,
    raise_wrong_type,
    text_of,
)
from tests.conformance.wire_schema import server_text, shapes

# Markers of msgpack.
FIXED_MAP, LONG_MAPS = 0x80, (0xDE, 0xDF)
FIXED_ARRAY, LONG_ARRAYS = 0x90, (0xDC, 0xDD)
WIDE = (0xCD, 0xCE)
SIGNED = (0xD0, 0xD1, 0xD2, 0xD3)
LONGEST_EXTENSION = 0xC9
EXTENSIONS = (0xC7, 0xC8, LONGEST_EXTENSION, 0xD4, 0xD5, 0xD6, 0xD7, 0xD8)
EXTENSION = msgpack.ExtType(0, b"")
"""Stands for every extension. No request has one."""


class WireReader:
    """A reader of frames as the servers of a family have it."""

    def __init__(self, family: Family) -> None:
        self._known = shapes(family)

    def read(self, frame: bytes | str) -> ClientMessage:
        """Read a frame. Raises UnreadableFrameError."""
        if isinstance(frame, bytes):
            return self._message(*self._msgpack(frame))
        try:
            return self._message(*self._json(frame))
        except WrongTypeError as error:
            raise WrongTypeError(error.value, error.expected, json=True) from error

    def _message(self, tag: str, rest: Members | list[object]) -> ClientMessage:
        shape = self._known[tag]
        if isinstance(rest, Members):
            fields = from_map(shape, rest)
        else:
            fields = from_array("".join(part.title() for part in tag.split("_")), shape, rest)
        try:
            message = registry.CLIENT_MESSAGES[tag].model_validate({TAG: tag, **fields})
        except ValidationError as error:
            raise UnreadableFrameError(codec.describe_validation_error(error)) from error
        return cast("ClientMessage", message)

    def _msgpack(self, frame: bytes) -> tuple[str, Members | list[object]]:
        try:
            tag, rest = _MsgpackFrame(frame, self._tag).map_or_array()
        except msgpack.OutOfData as error:
            raise UnreadableFrameError(server_text("frame_cut_off")) from error
        except (msgpack.StackError, RecursionError) as error:
            raise UnreadableFrameError(server_text("frame_too_deep")) from error
        except UnreadableFrameError:
            raise
        except (msgpack.UnpackException, ValueError) as error:
            raise UnreadableFrameError(server_text("frame_wrong_marker")) from error
        if tag is None:
            raise UnreadableFrameError(server_text("frame_missing_field", field=TAG))
        return tag, rest

    def _json(self, text: str) -> tuple[str, Members | list[object]]:
        try:
            value: object = json.loads(
                text,
                object_pairs_hook=Members,
                parse_constant=_no_constant,
                parse_float=Written,
                parse_int=_number,
            )
            json.dumps(value, ensure_ascii=False).encode()  # raises for lone surrogates
        except json.JSONDecodeError as error:
            raise UnreadableFrameError(
                server_text("frame_not_json", detail=error.msg, line=error.lineno, column=error.colno)
            ) from error
        except (ValueError, RecursionError) as error:
            detail = server_text("frame_not_json", detail=type(error).__name__, line=1, column=len(text))
            raise UnreadableFrameError(detail) from error
        try:
            return self._split(value)
        except UnreadableFrameError as error:
            reported = error
            if isinstance(error, WrongTypeError):
                reported = WrongTypeError(error.value, error.expected, json=True)
            position = {"line": text.count("\n") + 1, "column": len(text)}
            raise UnreadableFrameError(server_text("frame_not_json", detail=reported, **position)) from error

    def _split(self, value: object) -> tuple[str, Members | list[object]]:
        """Split a JSON value into its tag and the rest."""
        if isinstance(value, Members):
            tags = [v for k, v in value if k == TAG]
            rest: Members | list[object] = Members((k, v) for k, v in value if k != TAG)
        elif isinstance(value, list):
            items = cast("list[object]", value)
            tags, rest = items[:1], items[1:]
        else:
            raise_wrong_type(value, server_text("expected_message"))
        if not tags:
            raise UnreadableFrameError(server_text("frame_missing_field", field=TAG))
        tag = self._tag(Signed(tags[0]) if type(tags[0]) is int else tags[0])
        if len(tags) > 1:
            raise UnreadableFrameError(server_text("frame_duplicate_field", field=TAG))
        return tag, rest

    def _tag(self, value: object) -> str:
        """Return the tag that a name or an index stands for."""
        names = list(self._known)
        if isinstance(value, Wide):
            value = value.value
        if type(value) is int:
            if value >= len(names):
                raise UnreadableFrameError(
                    server_text(
                        "frame_invalid_value",
                        found=server_text("found_integer", value=value),
                        expected=server_text("expected_index", count=len(names)),
                    )
                )
            return names[value]
        if not isinstance(value, (str, bytes)):
            raise_wrong_type(value, server_text("expected_tag"))
        tag = bytes_of(value).decode("utf-8", "replace")
        if tag not in self._known:
            known = ", ".join(f"`{name}`" for name in names)
            raise UnreadableFrameError(server_text("frame_unknown_variant", tag=tag, known=known))
        return tag


class _MsgpackFrame:
    """A msgpack frame, read value by value. The tag is checked as soon as it is read, as servers do."""

    def __init__(self, frame: bytes, tag_of: Callable[[object], str]) -> None:
        self._frame = frame
        self._tag_of = tag_of
        self._reader = msgpack.Unpacker(
            object_pairs_hook=Members,
            strict_map_key=False,
            unicode_errors="surrogateescape",
            max_buffer_size=0,
            max_array_len=len(frame),  # it allocates as many items as the header says
            max_map_len=len(frame),
        )
        self._reader.feed(frame)

    def map_or_array(self) -> tuple[str | None, Members | list[object]]:
        """Read the whole frame: its tag, or None if it is missing, and the other members."""
        if _is_array(self._frame, 0):
            size = self._reader.read_array_header()
            return (self._tag_of(self._tag()) if size else None), [self._value() for _ in range(size - 1)]
        if not _is_map(self._frame, 0):
            raise_wrong_type(self._tag(), server_text("expected_message"))
        members, tag = Members(), None
        for _ in range(self._reader.read_map_header()):
            key = self._value()
            if text_of(key) != TAG:
                members.append((key, self._value()))
            elif tag is not None:
                raise UnreadableFrameError(server_text("frame_duplicate_field", field=TAG))
            else:
                tag = self._tag_of(self._tag())
        return tag, members

    def _tag(self) -> object:
        place = self._reader.tell()
        if _is_array(self._frame, place):
            return []  # it may be nested too deeply to be read
        if _is_map(self._frame, place):
            return Members()
        if _marker(self._frame, place) in EXTENSIONS:
            return EXTENSION
        return self._value()

    def _value(self) -> object:
        place = self._reader.tell()
        marker = _marker(self._frame, place)
        if marker in EXTENSIONS:
            size = int.from_bytes(self._frame[place + 1 : place + 5])
            if marker == LONGEST_EXTENSION and size > len(self._frame):
                raise msgpack.OutOfData  # the library's counter overflows
            self._reader.skip()  # the library rejects extensions that servers skip
            return EXTENSION
        try:
            value: object = self._reader.unpack()
        except ValueError:
            _check(self._frame[place:])
            raise
        if type(value) is int:
            if self._frame[place] in SIGNED or value < 0:
                return Signed(value)
            if self._frame[place] in WIDE:
                return Wide(value)
        return value


def _check(data: bytes) -> None:
    """Raise the first error in a value, whatever length its header has."""
    reader = msgpack.Unpacker(max_buffer_size=0)
    reader.feed(data)
    reader.skip()


def _marker(frame: bytes, place: int) -> int:
    return frame[place] if place < len(frame) else 0


def _is_array(frame: bytes, place: int) -> bool:
    marker = _marker(frame, place)
    return marker & 0xF0 == FIXED_ARRAY or marker in LONG_ARRAYS


def _is_map(frame: bytes, place: int) -> bool:
    marker = _marker(frame, place)
    return marker & 0xF0 == FIXED_MAP or marker in LONG_MAPS


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _number(text: str) -> int | float:
    """Read an integer as servers do: those over 64 bits and minus zero are floats."""
    value = int(text) if len(text) <= len(str(1 << SIZE_BITS)) else 1 << SIZE_BITS
    fits = -(1 << (SIZE_BITS - 1)) <= value < (1 << SIZE_BITS)
    return value if fits and text != "-0" else Written(text)
