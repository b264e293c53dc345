"""Decisions read from bytes, so that a fuzzer that changes the bytes changes the decisions."""

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Choices:
    """Decisions read from bytes. When the bytes end, every further decision is the first choice.

    Args:
        data: The bytes.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def __bool__(self) -> bool:
        """Return whether bytes are left."""
        return self._at < len(self._data)

    def number(self, below: int) -> int:
        """Return a number that is smaller than ``below``, at most 256."""
        if not self:
            return 0
        self._at += 1
        return self._data[self._at - 1] % below

    def pick(self, choices: Sequence[T]) -> T:
        return choices[self.number(len(choices))]

    def some(self, most: int = 255) -> bytes:
        """Return at most so many bytes."""
        size = self.number(most + 1)
        found = self._data[self._at : self._at + size]
        self._at += size
        return found

    def text(self, most: int = 40) -> str:
        return self.some(most).decode("utf-8", "replace")

    def rest(self) -> bytes:
        found = self._data[self._at :]
        self._at = len(self._data)
        return found
