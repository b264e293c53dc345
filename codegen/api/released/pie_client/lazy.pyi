from __future__ import annotations
import sys
TYPE_CHECKING = False
from types import ModuleType

class LazyModule:

    def __init__(self) -> None:
        ...

    def __getattr__(self, name: str) -> object:
        ...

def imported(name: str) -> ModuleType:
    ...
