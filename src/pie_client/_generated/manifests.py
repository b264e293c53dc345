"""Names in manifests, and a check that accepts ordinary ones; the model validates the rest.

Written by `python -m codegen generate` from the schema; never edited.
"""

from __future__ import annotations

from typing import Any, Final

# A TOML file can have anything anywhere.
# pyright: reportUnknownArgumentType=false, reportUnknownVariableType=false, reportUnknownMemberType=false

PACKAGE: Final = "package"
RUNTIME: Final = "runtime"
PARAMETERS: Final = "parameters"
DEPENDENCIES: Final = "dependencies"
"""Tables of a manifest."""

NAME: Final = "name"
VERSION: Final = "version"
DESCRIPTION: Final = "description"
AUTHORS: Final = "authors"
REPOSITORY: Final = "repository"
README: Final = "readme"
"""Keys of its first table."""


def is_manifest(tables: dict[str, Any]) -> bool:
    """Return whether the tables of a TOML file are certainly a valid manifest; the model validates all others."""
    return (
        type(tables) is dict
        and "package" in tables
        and type(tables["package"]) is dict
        and "name" in tables["package"]
        and type(tables["package"]["name"]) is str
        and "version" in tables["package"]
        and type(tables["package"]["version"]) is str
        and ("description" not in tables["package"] or (type(tables["package"]["description"]) is str))
        and (
            "authors" not in tables["package"]
            or (
                type(tables["package"]["authors"]) is list
                and all(type(item) is str for item in tables["package"]["authors"])
            )
        )
        and ("repository" not in tables["package"] or (type(tables["package"]["repository"]) is str))
        and ("readme" not in tables["package"] or (type(tables["package"]["readme"]) is str))
        and (
            "runtime" not in tables
            or (
                type(tables["runtime"]) is dict
                and all(type(item) is str for item in tables["runtime"].values())
            )
        )
        and (
            "parameters" not in tables
            or (
                type(tables["parameters"]) is dict
                and all(
                    type(item) is dict
                    and "type" in item
                    and type(item["type"]) is str
                    and item["type"] in ("string", "int", "float", "bool")
                    and ("optional" not in item or (type(item["optional"]) is bool))
                    and ("description" not in item or (type(item["description"]) is str))
                    for item in tables["parameters"].values()
                )
            )
        )
        and (
            "dependencies" not in tables
            or (
                type(tables["dependencies"]) is dict
                and all(type(item) is str for item in tables["dependencies"].values())
            )
        )
    )


__all__ = [
    "AUTHORS",
    "DEPENDENCIES",
    "DESCRIPTION",
    "NAME",
    "PACKAGE",
    "PARAMETERS",
    "README",
    "REPOSITORY",
    "RUNTIME",
    "VERSION",
    "is_manifest",
]
