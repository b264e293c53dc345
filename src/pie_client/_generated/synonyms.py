"""Further names of fields, and fields by key.

Written by `python -m codegen generate` from the schema; never edited.
"""

from __future__ import annotations

import typing
from typing import TYPE_CHECKING, Literal

from pie_client.base import ReadableByKey


class ProcessInfoSynonyms(ReadableByKey):
    """Further names of the fields of ProcessInfo, as the server's documentation has them, and its fields by key."""

    if TYPE_CHECKING:
        input: str

    @typing.overload
    def __getitem__(self, key: Literal["id", "username", "program", "input"]) -> str: ...

    @typing.overload
    def __getitem__(self, key: Literal["elapsed_secs"]) -> int: ...

    def __getitem__(self, key: str) -> object:
        value: object = vars(self)[key]
        return value

    @property
    def arguments(self) -> str:
        """The same as ``input``."""
        return self.input


__all__ = ["ProcessInfoSynonyms"]
