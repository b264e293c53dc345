"""Write generated files, or compare them with what is on disk. Paths are relative to a root, or absolute."""

import difflib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path


def write(root: Path, files: Mapping[Path, str], packages: Iterable[Path]) -> list[str]:
    """Write each file that differs and delete files that are not generated; return a line for each change."""
    report: list[str] = []
    for path, text in files.items():
        place, data = root / path, text.encode()
        state = "changed" if place.exists() else "new"
        if state == "new" or place.read_bytes() != data:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(data)
            report.append(f"{state}: {path}")
    for path in _extra(root, files, packages):
        (root / path).unlink()
        report.append(f"removed: {path}")
    return report


def compare(root: Path, files: Mapping[Path, str], packages: Iterable[Path]) -> Iterator[str]:
    """Yield a report for each file that is missing, stale (with a unified diff) or not generated."""
    for path, text in files.items():
        place = root / path
        if not place.exists():
            yield f"missing: {path}"
        elif (found := place.read_bytes()) != text.encode():
            old = found.decode(errors="backslashreplace").splitlines(keepends=True)
            diff = difflib.unified_diff(old, text.splitlines(keepends=True), f"a/{path}", f"b/{path}")
            yield f"stale: {path}\n" + "".join(line if line.endswith("\n") else f"{line}\n" for line in diff)
    for path in _extra(root, files, packages):
        yield f"extra: {path}"


def _extra(root: Path, files: Mapping[Path, str], packages: Iterable[Path]) -> list[Path]:
    """List the files in generated packages that are not generated."""
    found = [
        package / place.relative_to(root / package)
        for package in packages
        for place in sorted((root / package).rglob("*"))
        if place.is_file()
    ]
    return [path for path in found if path not in files and "__pycache__" not in path.parts]
