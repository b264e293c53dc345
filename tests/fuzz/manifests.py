"""Manifests are accepted exactly if they are TOML, valid under the model, and name a program that servers launch."""

import re
import tomllib
from collections.abc import Iterator

from pie_client import Manifest, ManifestError
from pie_client._generated.families import PROGRAM_PATTERN
from pie_client._generated.manifests import is_manifest
from pie_client.programs.manifest import checked_manifest, parse_manifest
from tests.fuzz.target import Target
from tests.protocol.test_manifests import FULL

PROGRAM = re.compile(PROGRAM_PATTERN)


def check(data: bytes) -> None:
    expected = _expected(data)
    try:
        text, program = checked_manifest(data)
    except ManifestError as error:
        assert str(error).isprintable()
        assert expected is None
        return
    assert expected is not None
    assert f"{expected.package.name}@{expected.package.version}" == program
    assert parse_manifest(data) == parse_manifest(text) == expected


def _expected(data: bytes) -> Manifest | None:
    try:
        tables = tomllib.loads(data.decode().removeprefix("\ufeff"))
    except (ValueError, RecursionError):
        return None
    try:
        manifest = Manifest.model_validate(tables)
    except ValueError:
        assert not is_manifest(tables)
        return None
    programs = {manifest.package.name: manifest.package.version, **(manifest.dependencies or {})}
    valid = all(PROGRAM.fullmatch(f"{name}@{version}") for name, version in programs.items())
    package = manifest.package
    return manifest if valid and PROGRAM.fullmatch(f"{package.name}@{package.version}") else None


def seeds() -> Iterator[bytes]:
    yield FULL.encode()
    yield b"\xef\xbb\xbf" + FULL.replace("\n", "\r\n").encode()
    yield b'[package]\nname = "a"\nversion = "1.0.0"\n'
    yield b'package.name = "a"\npackage.version = "1.0.0"\n'
    yield b'package = {name = "a", version = "1.0.0"}\nruntime = {language = "python"}\n'
    yield b"[[package]]\n[package.x]\nd = 2026-01-01T00:00:00Z\n[a]\nb = [[[1]]]\n"


def words() -> Iterator[bytes]:
    yield from (
        b"[package]\n",
        b"[[",
        b"]]",
        b'"""',
        b"'''",
        b"\\u0000",
        b"= {",
        b"[dependencies]\n",
        b"[parameters]\n",
    )


TARGET = Target(check, seeds, words)
