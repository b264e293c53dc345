"""Complete and check the test vectors in ``schema/vectors/``.

A vector of a message is written by hand as its fields; this adds the frame that carries them. Systematic ones, tagged
``generated``, are made from the schema. Every valid frame must carry its fields, and every invalid one violate the
JSON Schema of its message.
"""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import cast

from codegen import kinds, variants
from codegen.frames import Messages
from codegen.schema import VECTORS, CodegenError, Node, Schema, raise_if, violations

META = "vectors.schema.json"
"""The file that says what the vectors may hold: a definition for each file, by its name."""
FRAMES = {"reference.json": True, "valid.json": True, "invalid.json": False}
"""The files of frames, but for the recorded ones, and whether the frames are valid."""
RECORDED = "recorded.json"
FILES = (*FRAMES, RECORDED, *kinds.CHECKS)
SAFE = 2**53 - 1
"""The largest integer that a decoder of JSON with floats only reads exactly."""
NEEDS = {
    "duplicate-key": "duplicate-keys",
    "float": "int-vs-float",
    "key-type": "key-types",
    "missing": "presence",
    "negative": "ranges",
    "nil": "nil",
    "not-an-integer": "int-vs-float",
    "not-unicode": "unicode",
    "not-utf8": "utf8",
    "out-of-range": "ranges",
    "too-deep": "nesting",
    "trailing-bytes": "trailing-bytes",
    "bytes as array": "bytes-vs-array",
    "bytes as str": "str-vs-bin",
    "bin keys": "str-vs-bin",
    "bin type": "str-vs-bin",
    "positional array": "map-vs-array",
    "variant index": "tag-vs-index",
}
"""What a decoder must be able to tell apart to reject a frame, by the reason and form of the frame."""
ORDER = (
    *("id", "documentation", "tags", "from", "family", "class", "fields", "numbers", "hex", "text"),
    *("form", "reason", "field", "needs", "hostile", "lenient"),
)
"""Order of the members of a vector."""


def completed(messages: Messages, vector: Node, *, valid: bool) -> Node | None:
    """Return a vector of a message with its frame; raise CodegenError if it is valid and must not be, or vice versa.

    Return None for a generated one that is not invalid in this schema.
    """
    title, name = str(vector["class"]), vector["id"]
    if title not in messages.files:
        raise CodegenError([f"{name}: no message has the title {title}"])
    fields = cast("Node", vector.get("fields", {}))
    if fields and "form" not in vector:
        vector = vector | messages.frame(title, fields)
    if not {"hex", "text"} & vector.keys():
        raise CodegenError([f"{name}: needs fields, or a frame"])
    frame = vector["text"] if "text" in vector else bytes.fromhex(vector["hex"])
    found = messages.read(title, frame)
    if valid and found != {n: v for n, v in fields.items() if v is not None}:
        problem = (
            "has a frame that violates" if found is None else "has fields that are not those of its frame, in"
        )
        advice = f"; add one with usual values to {VECTORS}/valid.json"
        made = variants.GENERATED in vector["tags"]
        raise CodegenError([f"{name}: {problem} the JSON Schema of {title}{advice if made else ''}"])
    if not valid:
        if found is not None and variants.GENERATED in vector["tags"]:
            return None
        if found is not None:
            raise CodegenError([f"{name}: conforms to the JSON Schema of {title}"])
        vector = with_needs(vector)
    return ordered(with_numbers(vector))


def with_numbers(vector: Node) -> Node:
    """Return a vector with the integers that not every decoder of JSON reads exactly."""
    numbers = dict(_large("", vector.get("fields", vector.get("value"))))
    return vector | {"numbers": numbers} if numbers else vector


def with_needs(vector: Node) -> Node:
    """Return a vector with what a decoder needs to reject it, if it is invalid."""
    if "reason" not in vector:
        return vector
    needs = (NEEDS.get(vector.get(key, "")) for key in ("reason", "form"))
    return vector | {"needs": [need for need in dict.fromkeys(needs) if need]}


def ordered(vector: Node) -> Node:
    """Return a vector with its members in the usual order."""
    return {key: vector[key] for key in sorted(vector, key=ORDER.index)}


def _large(pointer: str, value: object) -> Iterator[tuple[str, str]]:
    """Iterate over the integers that not every decoder of JSON reads exactly: JSON pointers and digits."""
    if isinstance(value, dict):
        for key, item in cast("Node", value).items():
            yield from _large(f"{pointer}/{key}", item)
    elif isinstance(value, list):
        for index, item in enumerate(cast("list[object]", value)):
            yield from _large(f"{pointer}/{index}", item)
    elif isinstance(value, int) and abs(value) > SAFE:
        yield pointer, str(value)


def systematic(described: Schema, messages: Messages, known: Iterable[Node]) -> dict[str, list[Node]]:
    """Return the vectors that are made from the schema, by their file; ``known`` has usual values of fields."""
    samples: dict[str, Node] = {}
    for vector in known:
        usual = samples.setdefault(str(vector["class"]), {})
        usual |= {name: v for name, v in vector["fields"].items() if name not in usual and v is not None}
    found: dict[str, list[Node]] = {name: [] for name in FRAMES}
    for index, row in enumerate(described.tagged):
        is_request = index < len(described.protocol["requests"])
        sides: Node = {"from": "client"} if is_request else {"from": "server", "family": row["families"][0]}
        for title in titles(described, row):
            common = sides | {"class": title}
            message = variants.describe(described, messages, title, common, samples.get(title, {}))
            found["valid.json"] += variants.valid(message)
            found["invalid.json"] += variants.invalid(message, index if is_request else None)
    return found


def titles(described: Schema, row: Node) -> list[str]:
    """Return the titles of what a row of the tables describes: a message, or the members of a union."""
    files = [name for name, _ in described.members(row["schema"])] or [row["schema"]]
    return [described.title(name) for name in (*files, row.get("unknown")) if name]


def read(root: Path, folder: Path) -> dict[str, list[Node]]:
    """Read the vectors that are written by hand, by their files; raise CodegenError for those that break a rule."""
    place = root / folder / VECTORS
    if not (place / META).exists():
        return {}
    meta: Node = json.loads((place / META).read_bytes())
    found = {path.name: path for path in sorted(place.glob("*.json")) if path.name != META}
    raise_if(
        [
            f"schema/{VECTORS}/{name}: the generator has no such file of vectors"
            for name in found
            if name not in FILES
        ]
    )
    raise_if([f"schema/{VECTORS}/{name}: missing" for name in FILES if name not in found])
    files: dict[str, list[Node]] = {}
    problems: list[str] = []
    for name, path in found.items():
        rows = cast("list[Node]", json.loads(path.read_bytes()))
        files[name] = [row for row in rows if variants.GENERATED not in row.get("tags", ())]
        items = {"$ref": f"#/$defs/{path.stem}"}
        rule = {"type": "array", "items": items, "$defs": meta["$defs"]}
        problems += violations(f"{VECTORS}/{name}", files[name], rule)
    raise_if(problems)
    return files


def render(described: Schema, root: Path, folder: Path) -> dict[Path, str]:
    """Return the text of each file of vectors in the folder of a schema, by its path."""
    written = read(root, folder)
    if not written:
        return {}
    messages = Messages(described)
    for name in kinds.CHECKS:
        written[name] = [with_needs(with_numbers(row)) for row in written[name]]
    written["refusals.json"] += kinds.refusals(described)
    raise_if(
        [
            f"schema/{VECTORS}/{name}: {row['id']}: is not what the schema says"
            for name, check in kinds.CHECKS.items()
            for row in written[name]
            if not check(described, messages, row)
        ]
    )
    made = systematic(described, messages, [*written["reference.json"], *written["valid.json"]])
    order = {title: i for i, row in enumerate(described.tagged) for title in titles(described, row)}
    for name, valid in FRAMES.items():
        rows = [completed(messages, row, valid=valid) for row in (*written[name], *made[name])]
        written[name] = sorted(distinct(row for row in rows if row), key=lambda row: order[row["class"]])
    written[RECORDED] = [ordered(with_needs(row)) for row in written[RECORDED]]
    ids = [row["id"] for rows in written.values() for row in rows]
    raise_if(
        [f"schema/{VECTORS}: two vectors have the id {i}" for i in dict.fromkeys(ids) if ids.count(i) > 1]
    )
    # One vector on each line makes differences easy to read.
    return {
        folder / VECTORS / name: "[\n"
        + ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
        + "\n]\n"
        for name, rows in written.items()
    }


def distinct(vectors: Iterable[Node]) -> list[Node]:
    """Return the vectors without those whose frame an earlier one has, which gets their tags."""
    found: dict[tuple[str, str], Node] = {}
    for vector in vectors:
        first = found.setdefault((vector["from"], vector.get("text") or vector.get("hex", "")), vector)
        first["tags"] += [tag for tag in vector["tags"] if tag not in (*first["tags"], variants.GENERATED)]
    return list(found.values())
