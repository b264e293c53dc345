from __future__ import annotations
from typing import TYPE_CHECKING
from pie_client.base import WireModel

class ProcessInfoSynonyms(WireModel):
    input: str

    @property
    def arguments(self) -> str:
        ...
__all__ = ['ProcessInfoSynonyms']
