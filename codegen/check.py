"""Compares what is on disk with what the schema asks for."""

import difflib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath

IGNORED = {"__pycache__"}


def write(root: Path, files: Mapping[PurePosixPath, str], folders: Iterable[PurePosixPath]) -> list[str]:
    """Make the disk agree with ``files``; give a line for each file that changed."""
    report: list[str] = []
    for path, text in files.items():
        place = root / path
        data = text.encode("utf-8")
        if not place.exists() or place.read_bytes() != data:
            report.append(f"{'changed' if place.exists() else 'new'}: {path}")
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(data)
    for path in extra(root, files, folders):
        report.append(f"removed: {path}")
        (root / path).unlink()
    return report


def compare(
    root: Path, files: Mapping[PurePosixPath, str], folders: Iterable[PurePosixPath]
) -> Iterator[str]:
    """Give a report for each file that is missing, stale (with a unified diff) or extra; nothing when all agree."""
    for path, text in files.items():
        place = root / path
        if not place.exists():
            yield f"missing: {path}"
            continue
        found = place.read_bytes()
        if found != text.encode("utf-8"):
            old = found.decode("utf-8", errors="backslashreplace").splitlines(keepends=True)
            diff = difflib.unified_diff(old, text.splitlines(keepends=True), f"a/{path}", f"b/{path}")
            yield f"stale: {path}\n" + "".join(line if line.endswith("\n") else f"{line}\n" for line in diff)
    for path in extra(root, files, folders):
        yield f"extra: {path}"


def extra(
    root: Path, files: Mapping[PurePosixPath, str], folders: Iterable[PurePosixPath]
) -> list[PurePosixPath]:
    """List files below the generated packages that nothing generates."""
    found: list[PurePosixPath] = []
    for place in sorted(place for folder in folders for place in (root / folder).rglob("*")):
        path = PurePosixPath(place.relative_to(root).as_posix())
        if place.is_file() and path not in files and not IGNORED.intersection(path.parts):
            found.append(path)
    return found
