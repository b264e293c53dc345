"""Where a real server of the 0.5 family would keep a program, and why it could not, for its name and version are paths."""

import posixpath

from tests.conformance.wire_fields import quoted
from tests.conformance.wire_schema import server_text

NAME_BYTES = 255
"""Longest name of a file."""
SUFFIXES = {None: ".wasm", "python": ".py"}
MANIFEST_SUFFIX = ".toml"
FOLDER = "/home/inferlets"
"""Stands for the folder of the server; recordings do not keep its real name."""


def refusal(name: str, version: str, language: str | None) -> str | None:
    """Give the text with which a server refuses a program that it can't write, or doesn't find after it did; else None."""
    home = posixpath.join(FOLDER, name)
    if (reason := _malformed(name)) is not None:
        return server_text("create_directory_failed", detail=f"{quoted(home)}: {reason}")
    file = version + SUFFIXES.get(language, ".js")
    path = posixpath.join(home, file)
    if (reason := _malformed(file) or _homeless(version)) is not None:
        return server_text("write_program_failed", path=path, detail=reason)
    if (reason := _malformed(version + MANIFEST_SUFFIX)) is not None:
        return server_text("write_manifest_failed", detail=reason)
    if name in ("", ".", "..") or "/" in name or not version or "/" in version:
        return server_text("program_not_installed", program=f"{name}@{version}", folder=FOLDER)
    return None


def _malformed(path: str) -> str | None:
    if "\0" in path:
        return server_text("path_with_nul")
    if any(len(part.encode()) > NAME_BYTES for part in path.split("/")):
        return server_text("path_too_long")
    return None


def _homeless(version: str) -> str | None:
    """Say that a version names a folder; what others have uploaded may have made it, but that is not looked at."""
    if any(part not in ("", ".", "..") for part in version.split("/")[:-1]):
        return server_text("path_without_folder")
    return None
