"""Make the input of a program from JSON, a file, standard input, and the flags after ``--``.

Where the manifest is known, flags get the types of its parameters, and the input is checked against them.
"""

import io
import json
import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

from pie_client.cli.running import UsageError
from pie_client.errors import one_line
from pie_client.lazy import LazyModule

if TYPE_CHECKING:
    from pie_client._generated import models
    from pie_client.programs import manifest
else:
    manifest = LazyModule("pie_client.programs.manifest")

STDIN = "-"
"""In place of a text or a path: read standard input."""
WORDS = {"true": True, "false": False}
"""Values of flags of type bool."""

Kind = Literal["string", "int", "float", "bool"]
Parameters = Mapping[str, "models.ManifestParameter"]


def read_parameters(path: Path) -> Parameters | None:
    """Return the parameters of a manifest, or None if it has no such table. Raises ManifestError and OSError."""
    return manifest.parse_manifest(path.read_bytes()).parameters


def make_input(
    text: str | None, file: Path | None, flags: Sequence[str], parameters: Parameters | None
) -> object:
    """Return the input of a program; None if there is none.

    Args:
        text: JSON, or ``-``.
        file: A file with JSON, or ``-``.
        flags: What followed ``--``; its values replace those of an object.
        parameters: Those of the program, if they are known.

    Raises:
        UsageError: Something is no JSON, no flag, or not what the program takes.
        OSError: The file can't be read.
    """
    given = _read_json(text, file)
    if flags:
        if given is not None and not isinstance(given, dict):
            raise UsageError(
                "the input is not a JSON object, so flags can't be added to it; leave one of them out"
            )
        base = cast("dict[str, object]", given or {})
        given = {**base, **parse_flags(flags, parameters)}
    if parameters is not None:
        _check(given, parameters)
    return given


def parse_flags(flags: Sequence[str], parameters: Parameters | None = None) -> dict[str, object]:
    """Return the object that flags describe. Raises UsageError.

    ``--max-tokens 64``, ``--max-tokens=64`` and ``--max_tokens 64`` set ``max_tokens``; ``--stream`` alone sets True, and
    ``--no-stream`` False if ``stream`` is a parameter of type bool. A flag that is repeated sets a list. Values of unknown
    parameters are JSON if they can be, and texts otherwise.
    """
    found: dict[str, list[object]] = {}
    rest = list(flags)
    while rest:
        flag = rest.pop(0)
        if not flag.startswith("--") or flag.startswith("--=") or flag == "--":
            raise UsageError(f"{one_line(flag)!r} after -- is not a flag; write --name value")
        name, separator, text = flag.removeprefix("--").partition("=")
        name, kind = _parameter(name, parameters)
        value: object
        if separator:
            value = _value(name, text, kind)
        elif kind == "bool" and not (rest and rest[0].lower() in WORDS):
            value = True
        elif rest and not rest[0].startswith("--"):
            value = _value(name, rest.pop(0), kind)
        elif (
            name.startswith("no_")
            and parameters
            and _parameter(name.removeprefix("no_"), parameters)[1] == "bool"
        ):
            name, value = _parameter(name.removeprefix("no_"), parameters)[0], False
        elif kind is None:
            value = True
        else:
            raise UsageError(f"--{name} needs a value of type {kind}; write --{name}=VALUE")
        found.setdefault(name, []).append(value)
    return {name: values[0] if len(values) == 1 else values for name, values in found.items()}


def _parameter(name: str, parameters: Parameters | None) -> tuple[str, Kind | None]:
    """Return the name of a flag as a parameter, and its type if that is known."""
    underscored = name.replace("-", "_")
    for known in (name, underscored):
        if parameters and known in parameters:
            return known, parameters[known].type
    return underscored, None


def _value(name: str, text: str, kind: Kind | None) -> object:
    if kind == "string":
        return text
    if kind == "bool":
        if text.lower() not in WORDS:
            raise UsageError(f"--{name}: {one_line(text)!r} is not of type bool; write true or false")
        return WORDS[text.lower()]
    try:
        return _number(text, kind) if kind else parse_json(text)
    except ValueError:
        if kind is None:
            return text
        raise UsageError(f"--{name}: {one_line(text)!r} is not of type {kind}; write a number") from None


def _number(text: str, kind: Kind) -> int | float:
    return int(text) if kind == "int" else _finite(text)


def _check(given: object, parameters: Parameters) -> None:
    """Raise UsageError unless an input is what a program takes."""
    if given is not None and not isinstance(given, dict):
        raise UsageError(
            f"the input is not a JSON object; the program takes {', '.join(parameters) or 'nothing'}"
        )
    values = cast("dict[str, object]", given or {})
    if unknown := [name for name in values if name not in parameters]:
        known = ", ".join(f"--{name}" for name in parameters) or "none"
        raise UsageError(f"the program has no parameter {one_line(unknown[0])!r}; its parameters: {known}")
    needed = [name for name, parameter in parameters.items() if not parameter.optional and name not in values]
    if needed:
        raise UsageError(f"parameter {needed[0]!r} is missing; add: -- --{needed[0]} VALUE")
    types: dict[Kind, tuple[type, ...]] = {
        "string": (str,),
        "int": (int,),
        "float": (int, float),
        "bool": (bool,),
    }
    for name, value in values.items():
        kind = parameters[name].type
        if value is None and parameters[name].optional:
            continue
        if not isinstance(value, types[kind]) or (isinstance(value, bool) and kind != "bool"):
            raise UsageError(f"parameter {name!r} is not of type {kind}: {one_line(json.dumps(value), 60)}")


def standard_input() -> io.TextIOWrapper:
    """Return standard input. Raises UsageError."""
    if sys.stdin is None:  # pyright: ignore[reportUnnecessaryComparison] - closed before the start
        raise UsageError("standard input is closed; pass a file")
    return cast("io.TextIOWrapper", sys.stdin)


def _read_json(text: str | None, file: Path | None) -> object:
    if text is not None and file is not None:
        raise UsageError("pass --input or --input-file, not both")
    name = "--input"
    data: str | bytes | None = text
    if STDIN in (text, str(file)):
        name, data = "standard input", cast("bytes", standard_input().buffer.read())
    elif file is not None:
        name, data = str(file), file.read_bytes()
    if data is None:
        return None
    try:
        return parse_json(data)
    except UnicodeDecodeError:
        raise UsageError(f"{name} is not UTF-8; write it in UTF-8") from None
    except ValueError as error:
        raise UsageError(f"{name} is not JSON: {one_line(str(error))}") from None


def parse_json(text: str | bytes) -> object:
    """Return the value of a JSON text. Raises ValueError."""
    try:
        return cast("object", json.loads(text, parse_constant=_finite, parse_float=_finite))
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _finite(text: str) -> float:
    """Return the number of a text. Raises ValueError for those that JSON can't have."""
    if not math.isfinite(number := float(text)):
        raise ValueError(f"{one_line(text)} is not a finite number")
    return number
