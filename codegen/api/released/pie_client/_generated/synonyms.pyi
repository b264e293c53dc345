from __future__ import annotations
import typing
from typing import TYPE_CHECKING, Literal
from pie_client.base import ReadableByKey

class ProcessInfoSynonyms(ReadableByKey):
    input: str

    @typing.overload
    def __getitem__(self, key: Literal['id', 'username', 'program', 'input']) -> str:
        ...

    @typing.overload
    def __getitem__(self, key: Literal['elapsed_secs']) -> int:
        ...

    def __getitem__(self, key: str) -> object:
        ...

    @property
    def arguments(self) -> str:
        ...
__all__ = ['ProcessInfoSynonyms']
