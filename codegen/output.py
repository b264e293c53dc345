"""Write generated files, or compare them with what is on disk. Paths are relative to a root, or absolute."""

import difflib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

WRITTEN = {"missing": "new", "stale": "changed", "extra": "removed"}
"""What becomes of a file that differs."""


def differences(root: Path, files: Mapping[Path, str], folders: Iterable[Path]) -> Iterator[tuple[str, Path]]:
    """Iterate over the files that are missing, stale, or extra in a generated folder."""
    for path, text in files.items():
        if not (root / path).exists():
            yield "missing", path
        elif (root / path).read_bytes() != text.encode():
            yield "stale", path
    for folder in folders:
        for place in sorted((root / folder).rglob("*")):
            path = folder / place.relative_to(root / folder)
            if place.is_file() and path not in files and "__pycache__" not in path.parts:
                yield "extra", path


def write(root: Path, files: Mapping[Path, str], folders: Iterable[Path]) -> list[str]:
    """Write each file that differs and delete files that are not generated; return a line for each change."""
    found = list(differences(root, files, folders))
    for state, path in found:
        if state == "extra":
            (root / path).unlink()
        else:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(files[path].encode())
    return [f"{WRITTEN[state]}: {path}" for state, path in found]


def compare(root: Path, files: Mapping[Path, str], folders: Iterable[Path]) -> Iterator[str]:
    """Iterate over reports of the files that differ; that of a stale file has a unified diff."""
    for state, path in differences(root, files, folders):
        diff: Iterable[str] = ()
        if state == "stale":
            old = (root / path).read_bytes().decode(errors="backslashreplace").splitlines()
            diff = difflib.unified_diff(old, files[path].splitlines(), f"a/{path}", f"b/{path}", lineterm="")
        yield "\n".join([f"{state}: {path}", *diff])
