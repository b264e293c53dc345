"""Checks the layout of a WebAssembly component without running it."""

from collections.abc import Iterator
from typing import Final

COMPONENT: Final = b"\0asm\x0d\0\1\0"
"""Magic, version and layer of a component."""
MODULE: Final = b"\0asm\1\0\0\0"
"""Magic, version and layer of a core module."""
CUSTOM: Final = 0
EXPORTS: Final = 11
PARTS: Final = {1: MODULE, 4: COMPONENT}
"""Sections of a component that hold a nested binary, with its header."""
HIGHEST: Final = {COMPONENT: 11, MODULE: 13}
"""Highest section number of each kind of binary."""


class MalformedComponentError(Exception):
    """The binary is not a component."""


def exports(data: bytes) -> bool:
    """Check header, sections and nested binaries, but not their meaning. Return whether the component has exports.

    Raises:
        MalformedComponentError: It is not a component, or it is truncated.
    """
    try:
        return _exports(memoryview(data), COMPONENT)
    except (IndexError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedComponentError from error


def _exports(data: memoryview, header: bytes) -> bool:
    found = False
    for number, content in _sections(data, header):
        if number == CUSTOM:
            length, start = _number(content, 0)
            _slice(content, start, length).tobytes().decode()
        elif header == COMPONENT and number in PARTS:
            _exports(content, PARTS[number])
        else:
            count, _ = _number(content, 0)
            found = found or (number == EXPORTS and count > 0)
    return found


def _sections(data: memoryview, header: bytes) -> Iterator[tuple[int, memoryview]]:
    if data[: len(header)].tobytes() != header:
        raise MalformedComponentError
    at = len(header)
    while at < len(data):
        number = data[at]
        if number > HIGHEST[header]:
            raise MalformedComponentError
        length, at = _number(data, at + 1)
        yield number, _slice(data, at, length)
        at += length


def _slice(data: memoryview, start: int, length: int) -> memoryview:
    if start + length > len(data):
        raise MalformedComponentError
    return data[start : start + length]


def _number(data: memoryview, at: int) -> tuple[int, int]:
    """Read an unsigned LEB128 number of 32 bits. Return it and the offset after it."""
    value = 0
    for shift in range(0, 35, 7):
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80 and value < 1 << 32:
            return value, at
    raise MalformedComponentError
