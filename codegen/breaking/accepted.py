"""The breaks that maintainers announce: a file beside the released schema, with a version and a reason for each."""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import cast

from codegen.breaking.rules import Change, Rule
from codegen.schema import CodegenError, Schema, raise_if

FILE = "accepted.toml"
TABLE = "break"
RULES = {rule.title for rule in Rule}


@dataclass(frozen=True)
class Accepted:
    """An announced break."""

    rule: str
    path: str
    version: str
    """Version of the schema that brings it."""
    reason: str

    @property
    def place(self) -> tuple[str, str]:
        return self.rule, self.path

    def __str__(self) -> str:
        return f"{FILE}: {self.rule} {self.path}"


def read(folder: Path) -> list[Accepted]:
    """Return the announced breaks of a folder; without a file, there are none.

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
        if entry.rule not in RULES:
            problems.append(f"{path}: entry {number}: no rule is called {entry.rule!r}")
        if entry.place in {each.place for each in found}:
            problems.append(f"{path}: entry {number}: {entry.rule} {entry.path} is announced twice")
        found.append(entry)
    raise_if(problems)
    return found


def problems(changes: Sequence[Change], accepted: Sequence[Accepted], base: Schema, new: Schema) -> list[str]:
    """List the breaks that are not announced, and the announcements of what is no break or of another version."""
    breaks = {(change.rule.title, change.path): change for change in changes if change.is_break}
    announced = {entry.place for entry in accepted}
    found = [f"not announced: {change}" for place, change in breaks.items() if place not in announced]
    old, now = (str(schema.protocol.get("version") or "0.0.0") for schema in (base, new))
    for entry in accepted:
        if entry.place not in breaks:
            found.append(f"stale: {entry} is no break between these schemas; remove it")
        elif not _parts(old) < _parts(entry.version) <= _parts(now):
            found.append(
                f"wrong version: {entry} is announced for {entry.version}, but the schema goes from {old} to {now};"
                " raise `version` in protocol.json, or correct the entry"
            )
    return found


def _parts(version: str) -> tuple[int, ...]:
    numbers = version.split(".")
    return tuple(map(int, numbers)) if all(number.isdecimal() for number in numbers) else ()
