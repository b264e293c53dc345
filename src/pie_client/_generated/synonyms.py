"""Further names of fields.

Written by `python -m codegen generate` from the schema; never edited.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pie_client.base import WireModel


class ProcessInfoSynonyms(WireModel):
    """Further names of the fields of ProcessInfo, as the server's documentation has them."""

    if TYPE_CHECKING:
        input: str

    @property
    def arguments(self) -> str:
        """The same as ``input``."""
        return self.input


__all__ = ["ProcessInfoSynonyms"]
