from collections.abc import Callable
from pathlib import Path
from typing import Any
from typer.core import TyperCommand, TyperGroup
from pie_client.cli import output
STEP = 'get_runtime_param'

class Command(TyperCommand):

    def format_help(self, ctx: Any, formatter: Any) -> None:
        ...

    def get_params(self, ctx: Any) -> list[Any]:
        ...

class Group(TyperGroup):

    def format_help(self, ctx: Any, formatter: Any) -> None:
        ...

    def get_params(self, ctx: Any) -> list[Any]:
        ...

class _Conversion:

    def __init__(self, make: Callable[[], Any]) -> None:
        ...

    def coerce(self, value: object, *, param: Any, ctx: Any) -> object:
        ...
