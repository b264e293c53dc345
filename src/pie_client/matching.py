"""Find a server's text in a table whose keys have parts that vary."""

import functools
import re
from collections.abc import Mapping
from typing import Final, TypeVar

_T = TypeVar("_T")

MATCHED_CHARACTERS: Final = 1 << 16
"""Characters of a text in which the middle parts of a key are looked for."""


def find(table: Mapping[str, _T], text: str) -> _T | None:
    """Return the value of the key that matches a text, or None: {name} in a key stands for any part.

    A key that equals the text comes first, then the first key that matches in the order of the table.
    """
    if text in table:
        return table[text]
    return next(
        (value for key, value in table.items() if "{" in key and _consists_of(_parts(key), text)), None
    )


@functools.cache
def _parts(key: str) -> list[str]:
    return re.split(r"\{\w+\}", key)


def _consists_of(parts: list[str], text: str) -> bool:
    """Return whether a text consists of parts in order, with anything between them. Takes linear time."""
    first, *middle, last = parts
    at, end = len(first), len(text) - len(last)
    if at > end or not (text.startswith(first) and text.endswith(last)):
        return False
    for part in middle:
        found = text.find(part, at, min(end, MATCHED_CHARACTERS))
        if found < 0:
            return False
        at = found + len(part)
    return True
