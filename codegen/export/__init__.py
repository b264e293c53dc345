"""Write the protocol for other languages and tools: one function for each format.

A format returns the text of each of its files, by the path in its own folder.
"""

from collections.abc import Callable
from pathlib import Path

from codegen.export import asyncapi, bundle, go, rust, typescript
from codegen.export.describe import Protocol, describe
from codegen.schema import Schema

FORMATS: dict[str, Callable[[Protocol], dict[Path, str]]] = {
    "asyncapi": asyncapi.files,
    "bundle": bundle.files,
    "typescript": typescript.files,
    "rust": rust.files,
    "go": go.files,
}
"""The formats, by name."""


def files(schema: Schema, name: str) -> dict[Path, str]:
    """Return the text of each file of a format, by its path in the folder of the format."""
    return FORMATS[name](describe(schema))


def render(schema: Schema, folder: Path) -> dict[Path, str]:
    """Return the text of every export, by its path; each format has its own folder in ``folder``."""
    return {folder / name / path: text for name in FORMATS for path, text in files(schema, name).items()}
