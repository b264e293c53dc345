"""The paths that a 0.5 server derives from a program's name and version, and its errors if the paths can't be used."""

import posixpath

from tests.conformance.wire_fields import quoted
from tests.conformance.wire_schema import server_text

NAME_BYTES = 255
"""Longest file name."""
SUFFIXES = {None: ".wasm", "python": ".py"}
MANIFEST_SUFFIX = ".toml"
FOLDER = "/home/inferlets"
"""Stands for the folder of the server, whose name the recording omits."""


def refusal(name: str, version: str, language: str | None) -> str | None:
    """Return the error text of a server that can't write a program, or can't find it afterwards; else None."""
    folder = posixpath.join(FOLDER, name)
    if (reason := _name_problem(name)) is not None:
        return server_text("create_directory_failed", detail=f"{quoted(folder)}: {reason}")
    file = version + SUFFIXES.get(language, ".js")
    path = posixpath.join(folder, file)
    if (reason := _name_problem(file) or _folder_problem(version)) is not None:
        return server_text("write_program_failed", path=path, detail=reason)
    if (reason := _name_problem(version + MANIFEST_SUFFIX)) is not None:
        return server_text("write_manifest_failed", detail=reason)
    if name in ("", ".", "..") or "/" in name or not version or "/" in version:
        return server_text("program_not_installed", program=f"{name}@{version}", folder=FOLDER)
    return None


def _name_problem(path: str) -> str | None:
    if "\0" in path:
        return server_text("path_with_nul")
    if any(len(part.encode()) > NAME_BYTES for part in path.split("/")):
        return server_text("path_too_long")
    return None


def _folder_problem(version: str) -> str | None:
    """Return an error if a version names a folder. Folders that other uploads have created are not considered."""
    if any(part not in ("", ".", "..") for part in version.split("/")[:-1]):
        return server_text("path_without_folder")
    return None
