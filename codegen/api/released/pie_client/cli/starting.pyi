from collections.abc import Callable
from pathlib import Path
from typing import Any
from typer.core import TyperCommand, TyperGroup
STEP = 'get_runtime_param'

class Command(TyperCommand):

    def get_params(self, ctx: Any) -> list[Any]:
        ...

class Group(TyperGroup):

    def get_params(self, ctx: Any) -> list[Any]:
        ...

class _Conversion:

    def __init__(self, make: Callable[[], Any]) -> None:
        ...

    def coerce(self, value: object, *, param: Any, ctx: Any) -> object:
        ...
