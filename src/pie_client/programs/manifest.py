"""Parse and check manifests (Pie.toml) before anything is sent.

Reads a manifest from text, bytes, a file or a Manifest object, and returns the text to upload and the parsed Manifest.
"""

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
VERSION_SEPARATOR = "@"
BYTE_ORDER_MARK = "\ufeff"


def split_program(inferlet: str) -> tuple[str, str]:
    """Split ``name@version``. Raises InvalidArgumentError if the version is missing."""
    name, separator, version = str(inferlet).rpartition(VERSION_SEPARATOR)
    if not separator:
        raise InvalidArgumentError(f"{inferlet!r} has no version; pass name@major.minor.patch")
    return name, version


def program_of(manifest: Manifest) -> str:
    """Return ``name@version`` of the program that a manifest describes."""
    return f"{manifest.package.name}{VERSION_SEPARATOR}{manifest.package.version}"


def parse_manifest(source: str | bytes | Manifest) -> Manifest:
    """Parse and check a manifest (Pie.toml).

    Args:
        source: Its text as str or UTF-8 bytes, or a Manifest, which is checked again.

    Returns:
        The manifest with typed fields. Keys that no server knows are ignored.

    Raises:
        ManifestError: The text is not TOML, a key is missing or has the wrong type, or servers would not launch a program
            with that name, version or dependency. The message names the key.
    """
    return checked_manifest(source)[1]


def checked_manifest(source: str | bytes | Manifest) -> tuple[str, Manifest]:
    """Return the unchanged text of a manifest and the parsed manifest. Raises ManifestError."""
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
        raise ManifestError(f"the manifest is {type(source).__name__}; pass str, bytes or a Manifest")
    if text.startswith(BYTE_ORDER_MARK):
        raise ManifestError("the manifest starts with a byte order mark; save it as UTF-8 without one")
    try:
        manifest = Manifest.model_validate(tomllib.loads(text))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ManifestError(f"the manifest is not valid TOML: {one_line(str(error))}; correct it") from None
    except ValidationError as error:
        raise ManifestError(
            f"invalid manifest: {codec.describe_validation_error(error)}; correct it"
        ) from None
    package = manifest.package
    _check_program("package.name", package.name, f"{package.name}{VERSION_SEPARATOR}0.0.0")
    _check_program("package.version", package.version, f"{package.name}{VERSION_SEPARATOR}{package.version}")
    for name, version in (manifest.dependencies or {}).items():
        _check_program(f"dependencies.{name}", version, f"{name}{VERSION_SEPARATOR}{version}")
    return text, manifest


async def read_manifest(path: str | os.PathLike[str]) -> tuple[str, Manifest]:
    """Read and check a manifest file. Raises ManifestError, which names the file, or OSError."""
    place = as_path(path)
    data = await asyncio.to_thread(place.read_bytes)
    try:
        return checked_manifest(data)
    except ManifestError as error:
        raise ManifestError(f"{os.fspath(path)}: {error}") from None


def _check_program(key: str, value: str, program: str) -> None:
    if not PROGRAM.fullmatch(program):
        raise ManifestError(
            f"invalid manifest: {key} is {value!r}; names consist of letters, digits, - and _, versions are major.minor.patch"
        )
