"""Where a real server of the 0.5 family would keep a program, and why it could not, for its name and version are paths."""

import posixpath

from pie_client._generated import texts
from pie_client.testing.engine.fields import quoted

NAME_BYTES = 255
"""Longest name of a file."""
SUFFIXES = {None: ".wasm", "python": ".py"}
MANIFEST_SUFFIX = ".toml"


def refusal(folder: str, name: str, version: str, language: str | None) -> str | None:
    """Give the text with which a server refuses a program that it can't write, or doesn't find after it did; else None."""
    home = posixpath.join(folder, name)
    if (reason := _malformed(name)) is not None:
        return texts.create_directory_failed(detail=f"{quoted(home)}: {reason}")
    file = version + SUFFIXES.get(language, ".js")
    path = posixpath.join(home, file)
    if (reason := _malformed(file) or _homeless(version)) is not None:
        return texts.write_program_failed(path=path, detail=reason)
    if (reason := _malformed(version + MANIFEST_SUFFIX)) is not None:
        return texts.write_manifest_failed(detail=reason)
    if name in ("", ".", "..") or "/" in name or not version or "/" in version:
        return texts.program_not_installed(program=f"{name}@{version}", folder=folder)
    return None


def _malformed(path: str) -> str | None:
    if "\0" in path:
        return texts.PATH_WITH_NUL
    if any(len(part.encode()) > NAME_BYTES for part in path.split("/")):
        return texts.PATH_TOO_LONG
    return None


def _homeless(version: str) -> str | None:
    """Say that a version names a folder; what others have uploaded may have made it, but that is not looked at."""
    if any(part not in ("", ".", "..") for part in version.split("/")[:-1]):
        return texts.PATH_WITHOUT_FOLDER
    return None
