"""The breaks that maintainers announce: a file beside the released schema, with a version and a reason for each."""

import re
import tomllib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import cast

from codegen.breaking.rules import Rule
from codegen.schema import CodegenError, raise_if

FILE = "accepted.toml"
TABLE = "break"
RULES = {rule.title for rule in Rule}


@dataclass(frozen=True)
class Accepted:
    """An announced break."""

    rule: str
    path: str
    version: str
    """Version of the schema, or of the package, that brings it."""
    reason: str

    @property
    def place(self) -> tuple[str, str]:
        return self.rule, self.path

    def __str__(self) -> str:
        return f"{FILE}: {self.rule} {self.path}"


def read(folder: Path, rules: Collection[str] = frozenset(RULES)) -> list[Accepted]:
    """Return the announced breaks of a folder, whose rules have these names; without a file, there are none.

    Raises:
        CodegenError: The file is not TOML, or an entry is not complete or is there twice.
    """
    path = folder / FILE
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CodegenError([f"{path}: not TOML: {error}"]) from error
    rows = cast("object", document.pop(TABLE, []))
    if document or not isinstance(rows, list):
        raise CodegenError([f"{path}: holds something else than tables [[{TABLE}]]"])
    keys = {field.name for field in fields(Accepted)}
    found: list[Accepted] = []
    problems: list[str] = []
    for number, row in enumerate(cast("list[dict[str, object]]", rows), 1):
        if row.keys() != keys or not all(isinstance(value, str) and value.strip() for value in row.values()):
            problems.append(f"{path}: entry {number} needs a text for each of {', '.join(sorted(keys))}")
            continue
        entry = Accepted(**cast("dict[str, str]", row))
        if entry.rule not in rules:
            problems.append(f"{path}: entry {number}: no rule is called {entry.rule!r}")
        if entry.place in {each.place for each in found}:
            problems.append(f"{path}: entry {number}: {entry.rule} {entry.path} is announced twice")
        found.append(entry)
    raise_if(problems)
    return found


def problems(
    breaks: Mapping[tuple[str, str], object],
    accepted: Sequence[Accepted],
    versions: tuple[str, str],
    place: str,
) -> Iterator[str]:
    """Iterate over the breaks that are not announced, and the announcements of what is no break or of another version.

    Args:
        breaks: The breaks, by their rule and path.
        accepted: The announcements.
        versions: The released version and the present one.
        place: Where the present version stands.
    """
    announced = {entry.place for entry in accepted}
    yield from (f"not announced: {each}" for place, each in breaks.items() if place not in announced)
    old, now = versions
    for entry in accepted:
        if entry.place not in breaks:
            yield f"stale: {entry} is no break between these versions; remove it"
        elif not _parts(old) < _parts(entry.version) <= (_parts(now)[0], True):
            yield (
                f"wrong version: {entry} is announced for {entry.version}, but the versions are {old} and {now};"
                f" raise the version in {place}, or correct the entry"
            )


def _parts(version: str) -> tuple[tuple[int, ...], bool]:
    """Return what versions are compared by: their numbers, and whether they are final."""
    found = re.match(r"\d+(\.\d+)*", version)
    return (tuple(map(int, found[0].split("."))), found[0] == version) if found else ((), False)
