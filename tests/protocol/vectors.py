"""The test vectors of the schema."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

from pie_client import Family
from pie_client.base import WireModel
from pie_client.protocol import codec
from tests.support.repository import ROOT

VECTORS = ROOT / "schema" / "vectors"

Json = dict[str, Any]


@dataclass(frozen=True)
class Vector:
    """A frame and its expected message; see schema/vectors/README.md."""

    name: str
    sender: str
    frame: bytes | str
    title: str
    fields: Json
    family: Family
    reason: str

    def decode(self) -> WireModel | codec.UnknownMessage:
        return (
            codec.decode_server_message(self.frame)
            if self.sender == "server"
            else codec.decode_client_message(self.frame)
        )


def _vector(name: str, entry: Json) -> Vector:
    frame = entry["text"] if "text" in entry else bytes.fromhex(entry["hex"])
    return Vector(
        name=name,
        sender=entry["from"],
        frame=frame,
        title=entry["class"],
        fields=entry.get("fields", {}),
        family=entry.get("family", "0.5"),
        reason=entry.get("reason", ""),
    )


def _named(file: str) -> Iterator[Vector]:
    for entry in cast("list[Json]", json.loads((VECTORS / file).read_bytes())):
        yield _vector(entry["name"], entry)
        for other in cast("list[Json]", entry.get("also", [])):
            yield _vector(
                f"{entry['name']}, {other['form']}",
                {n: v for n, v in entry.items() if n not in ("hex", "text")} | other,
            )


def _recorded() -> Iterator[Vector]:
    lines = (VECTORS / "recorded-0.5.2.jsonl").read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines, 1):
        entry = cast("Json", json.loads(line))
        yield _vector(f"{number} {entry['class']}", entry)


RECORDED = list(_recorded())
REFERENCE = list(_named("reference.json"))
VALID = list(_named("valid.json"))
INVALID = list(_named("invalid.json"))
