"""Parse and check manifests (Pie.toml) before anything is sent.

Reads a manifest from text, bytes, a file or a Manifest object. The models are loaded for those that are not ordinary.
"""

from __future__ import annotations

import os
import re
import tomllib
from typing import TYPE_CHECKING

from pie_client._generated.families import FAMILIES, PROGRAM_PATTERN
from pie_client._generated.manifests import DEPENDENCIES, NAME, PACKAGE, VERSION, is_manifest
from pie_client.common.paths import as_path, read_regular
from pie_client.connection.threads import in_thread
from pie_client.errors import InvalidArgumentError, ManifestError, one_line
from pie_client.lazy import LazyModule
from pie_client.protocol import codec

if TYPE_CHECKING:
    import tomli_w

    from pie_client._generated import models
else:
    models = LazyModule("pie_client._generated.models")
    tomli_w = LazyModule("tomli_w")

PROGRAM = re.compile(PROGRAM_PATTERN)
VERSION_SEPARATOR = "@"
BYTE_ORDER_MARK = "\ufeff"
MANIFEST_BYTES = max(traits.frame_bytes for traits in FAMILIES.values())
"""Largest manifest: it is sent in one frame."""


def split_program(inferlet: str) -> tuple[str, str]:
    """Split ``name@version``. Raises InvalidArgumentError if the version is missing."""
    name, separator, version = str(inferlet).rpartition(VERSION_SEPARATOR)
    if not separator:
        raise InvalidArgumentError(f"{inferlet!r} has no version; pass name@major.minor.patch")
    return name, version


def parse_manifest(source: str | bytes | models.Manifest) -> models.Manifest:
    """Parse and check a manifest (Pie.toml).

    Args:
        source: Its text as str or UTF-8 bytes, or a Manifest, which is checked again.

    Returns:
        The manifest with typed fields. Keys that no server knows are ignored.

    Raises:
        ManifestError: The text is not TOML, a key is missing or has the wrong type, or servers would not launch a program
            with that name, version or dependency. The message names the key.
    """
    text, _ = checked_manifest(source)
    return models.Manifest.model_validate(tomllib.loads(text))


def checked_manifest(source: str | bytes | models.Manifest) -> tuple[str, str]:
    """Return the text of a manifest, without a byte order mark, and ``name@version`` of its program. Raises ManifestError."""
    text = _text_of(source).removeprefix(BYTE_ORDER_MARK)
    try:
        tables = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # ValueError: also a number that Python refuses to convert
        raise ManifestError(f"the manifest is not valid TOML: {one_line(str(error))}; correct it") from None
    if not is_manifest(tables):
        try:
            tables = models.Manifest.model_validate(tables).model_dump()
        except ValueError as error:
            raise ManifestError(
                f"invalid manifest: {codec.describe_validation_error(error)}; correct it"
            ) from None
    name, version = tables[PACKAGE][NAME], tables[PACKAGE][VERSION]
    program = f"{name}{VERSION_SEPARATOR}{version}"
    _check_program("package.name", name, f"{name}{VERSION_SEPARATOR}0.0.0")
    _check_program("package.version", version, program)
    dependencies: dict[str, str] = tables.get(DEPENDENCIES) or {}
    for needed, exact in dependencies.items():
        _check_program(f"dependencies.{needed}", exact, f"{needed}{VERSION_SEPARATOR}{exact}")
    return text, program


def _text_of(source: str | bytes | models.Manifest) -> str:
    if isinstance(source, str):
        return _encodable(source)
    if isinstance(source, bytes):
        try:
            return source.decode()
        except UnicodeDecodeError as error:
            raise ManifestError(f"the manifest is not UTF-8 (byte {error.start}); save it as UTF-8") from None
    if isinstance(source, models.Manifest):  # pyright: ignore[reportUnnecessaryIsInstance] - callers without types exist
        try:
            return _encodable(tomli_w.dumps(source.model_dump(exclude_none=True)))
        except (TypeError, ValueError, RecursionError) as error:
            if isinstance(error, ManifestError):
                raise
            raise ManifestError(
                f"the manifest can't be written as TOML: {one_line(str(error))}; correct it"
            ) from None
    raise ManifestError(f"the manifest is {type(source).__name__}; pass str, bytes or a Manifest")


def _encodable(text: str) -> str:
    """Return a text. Raises ManifestError if UTF-8 can't encode it."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ManifestError(
            f"the manifest has a lone surrogate (character {error.start}), which UTF-8 can't encode; remove it"
        ) from None
    return text


async def read_manifest(path: str | os.PathLike[str]) -> tuple[str, str]:
    """Read and check a manifest file, as :func:`checked_manifest`.

    Raises:
        ManifestError: The manifest is invalid; the text names the file.
        InvalidArgumentError: It is not a regular file, or too large to be sent.
        OSError: The file can't be read.
    """
    data = await in_thread(read_regular, as_path(path), MANIFEST_BYTES)
    try:
        return checked_manifest(data)
    except ManifestError as error:
        raise ManifestError(f"{os.fspath(path)}: {error}") from None


def _check_program(key: str, value: str, program: str) -> None:
    if not PROGRAM.fullmatch(program):
        raise ManifestError(
            f"invalid manifest: {key} is {value!r}; names consist of letters, digits, - and _, versions are major.minor.patch"
        )
