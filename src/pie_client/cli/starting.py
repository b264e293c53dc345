"""Start a command without pydantic, which typer since 0.29 loads for every option, and which takes a third of the time.

Values that already have the type of their option need no conversion. Where typer has no such step, nothing changes.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from typer.core import TyperCommand, TyperGroup

from pie_client.cli import output

STEP = "get_runtime_param"
"""Method of typer's parameters that returns what converts their values."""


class Command(TyperCommand):
    """A command that converts values only where it is needed."""

    def format_help(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401 - typer's types are not public
        """Write the help. Raises OutputClosedError."""
        with output.writing():
            super().format_help(ctx, formatter)

    def get_params(self, ctx: Any) -> list[Any]:  # noqa: ANN401 - typer's types are not public
        """Return the parameters of the command."""
        return _lightened(super().get_params(ctx))


class Group(TyperGroup):
    """A group of such commands."""

    def format_help(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401 - typer's types are not public
        """Write the help. Raises OutputClosedError."""
        with output.writing():
            super().format_help(ctx, formatter)

    def get_params(self, ctx: Any) -> list[Any]:  # noqa: ANN401 - typer's types are not public
        """Return the parameters of the group."""
        return _lightened(super().get_params(ctx))


def _lightened(parameters: list[Any]) -> list[Any]:
    for parameter in parameters:
        if getattr(parameter, "is_flag", False) or getattr(parameter, "count", False):
            parameter.metavar = ""  # typer since 0.29 shows <bool>, as if a value followed
        if hasattr(parameter, STEP) and STEP not in vars(parameter):
            step = getattr(parameter, STEP)
            setattr(parameter, STEP, lambda step=step: _Conversion(step))
    return parameters


class _Conversion:
    """What converts the values of a parameter.

    Args:
        make: Returns typer's own, and loads pydantic.
    """

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make

    def coerce(self, value: object, *, param: Any, ctx: Any) -> object:  # noqa: ANN401 - typer's types are not public
        """Return a value with the type of the parameter."""
        annotation = param.type_descriptor.annotation
        if value is None or (annotation in (str, int, float, bool) and type(value) is annotation):
            return value
        if annotation is Path and isinstance(value, str):
            return Path(value)
        return self._make().coerce(value, param=param, ctx=ctx)
