"""What can be said of a WebAssembly component without running it: whether its binary is laid out as one."""

from collections.abc import Iterator
from typing import Final

COMPONENT: Final = b"\0asm\x0d\0\1\0"
"""Magic, version and layer of a component: also the smallest one, which is empty."""
MODULE: Final = b"\0asm\1\0\0\0"
"""The same of a core module, of which components are made."""
CUSTOM: Final = 0
EXPORTS: Final = 11
PARTS: Final = {1: MODULE, 4: COMPONENT}
"""Sections of a component that hold a binary of their own."""
HIGHEST: Final = {COMPONENT: 11, MODULE: 13}
"""Number of the last section that each kind of binary knows."""


class MalformedComponentError(Exception):
    """These bytes are no component."""


def exports(data: bytes) -> bool:
    """Check how a binary is laid out: header, sections, and what is nested in them; not what they say.

    Returns:
        Whether the component exports anything.

    Raises:
        MalformedComponentError: It is no component, or something of it is missing.
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
    """Read an unsigned LEB128 number of 32 bits; gives it and where it ends."""
    value = 0
    for shift in range(0, 35, 7):
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80 and value < 1 << 32:
            return value, at
    raise MalformedComponentError
