"""Manifests: what a Pie.toml says, checked before anything is sent."""

import asyncio
import os
import re
import tomllib

import tomli_w
from pydantic import ValidationError

from pie_client._generated.families import PROGRAM_PATTERN
from pie_client._generated.models import Manifest
from pie_client.connection.contents import as_path
from pie_client.errors import InvalidArgumentError, ManifestError, one_line
from pie_client.protocol import codec

PROGRAM = re.compile(PROGRAM_PATTERN)
VERSION_MARK = "@"
BYTE_ORDER_MARK = "\ufeff"


def split_program(inferlet: str) -> tuple[str, str]:
    """Split ``name@version``; raises InvalidArgumentError where there is no version."""
    name, mark, version = str(inferlet).rpartition(VERSION_MARK)
    if not mark:
        raise InvalidArgumentError(f"{inferlet!r} has no version; write it as name@major.minor.patch")
    return name, version


def program_of(manifest: Manifest) -> str:
    """Give the name and version of the program that a manifest describes."""
    return f"{manifest.package.name}{VERSION_MARK}{manifest.package.version}"


def parse_manifest(source: str | bytes | Manifest) -> Manifest:
    """Read and check the text of a Pie.toml.

    Args:
        source: The text; bytes are UTF-8. A Manifest is checked again.

    Returns:
        What it says, as typed fields. Keys that no server knows are ignored.

    Raises:
        ManifestError: It is not TOML, a key is missing or of the wrong type, or the name, the version or a dependency is
            not of the form that servers launch. The text names the key.
    """
    return checked_manifest(source)[1]


def checked_manifest(source: str | bytes | Manifest) -> tuple[str, Manifest]:
    """Give the text of a manifest, exactly as it is, and what it says; raises ManifestError."""
    if isinstance(source, Manifest):
        text = tomli_w.dumps(source.model_dump(exclude_none=True))
    elif isinstance(source, bytes):
        try:
            text = source.decode()
        except UnicodeDecodeError as error:
            raise ManifestError(f"the manifest is not UTF-8 (byte {error.start}); save it as UTF-8") from None
    elif isinstance(source, str):  # pyright: ignore[reportUnnecessaryIsInstance] - callers without types exist
        text = source
    else:
        raise ManifestError(f"the manifest is {type(source).__name__}; pass text, bytes or a Manifest")
    if text.startswith(BYTE_ORDER_MARK):
        raise ManifestError(
            "the manifest begins with a byte order mark, which TOML does not allow; save it as UTF-8 without one"
        )
    try:
        manifest = Manifest.model_validate(tomllib.loads(text))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ManifestError(f"the manifest is not TOML: {one_line(str(error))}; mend it there") from None
    except ValidationError as error:
        raise ManifestError(f"the manifest can't be used: {codec.describe_validation_error(error)}") from None
    package = manifest.package
    _check_program("package.name", package.name, f"{package.name}{VERSION_MARK}0.0.0")
    _check_program("package.version", package.version, f"{package.name}{VERSION_MARK}{package.version}")
    for name, version in (manifest.dependencies or {}).items():
        _check_program(f"dependencies.{name}", version, f"{name}{VERSION_MARK}{version}")
    return text, manifest


async def read_manifest(path: str | os.PathLike[str]) -> tuple[str, Manifest]:
    """Read a manifest file; raises ManifestError naming it, or OSError."""
    place = as_path(path)
    data = await asyncio.to_thread(place.read_bytes)
    try:
        return checked_manifest(data)
    except ManifestError as error:
        raise ManifestError(f"{os.fspath(path)}: {error}") from None


def _check_program(key: str, value: str, program: str) -> None:
    if not PROGRAM.fullmatch(program):
        raise ManifestError(
            f"the manifest can't be used: {key} is {value!r}, which no server can launch; write names in letters, digits, - and _, and versions as major.minor.patch"
        )
