"""``python -m codegen breaking`` and ``release``: compare a schema with the released one, and replace that."""

import json
import sys
from pathlib import Path

from codegen.breaking import accepted, compare
from codegen.schema import PROTOCOL, CodegenError, Schema, files, load


def breaking(base: Path, new: Path, *, as_json: bool = False) -> int:
    """Print what differs; return 1 if a break is not announced or an announcement is wrong."""
    for option, folder in (("--base", base), ("--new", new)):
        if not (folder / PROTOCOL).is_file():
            raise CodegenError([f"no {PROTOCOL} in {folder}; pass a schema's folder with {option}"])
    announced = accepted.read(base)
    old, now = load(base), load(new)
    changes = compare(old, now)
    breaks = {(change.rule.title, change.path): change for change in changes if change.is_break}
    versions = _version(old), _version(now)
    problems = list(accepted.problems(breaks, announced, versions, PROTOCOL))
    if as_json:
        print(json.dumps([change.as_json() for change in changes], indent=2, ensure_ascii=False))
    else:
        print(*changes, *problems, sep="\n" if changes or problems else "")
    count = sum(change.is_break for change in changes)
    told = f"codegen: changes {len(changes)}, breaks {count}, announced {len(announced)}"
    if problems:
        print(f"{told}; undo a break, or announce it in {base / accepted.FILE}", file=sys.stderr)
        return 1
    print(told, file=sys.stderr)
    return 0


def _version(schema: Schema) -> str:
    return str(schema.protocol.get("version") or "0.0.0")


def release(base: Path, new: Path) -> int:
    """Make a schema the released one, to which nothing is announced yet; return 1 if a break is not announced."""
    if breaking(base, new):
        return 1
    for _, path in files(base):
        path.unlink()
    (base / accepted.FILE).unlink(missing_ok=True)
    for name, path in files(new):
        (base / name).parent.mkdir(parents=True, exist_ok=True)
        (base / name).write_bytes(path.read_bytes())
    print(f"codegen: {base} has the released schema", file=sys.stderr)
    return 0
