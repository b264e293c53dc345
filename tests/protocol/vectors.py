"""The test vectors of the schema."""

import json
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
    form: str

    def decode(self) -> WireModel | codec.UnknownMessage:
        return (
            codec.decode_server_message(self.frame)
            if self.sender == "server"
            else codec.decode_client_message(self.frame)
        )


def rows(file: str) -> list[Json]:
    """Return the vectors in a file."""
    return cast("list[Json]", json.loads((VECTORS / f"{file}.json").read_bytes()))


def _vector(entry: Json) -> Vector:
    return Vector(
        name=entry["id"],
        sender=entry["from"],
        frame=entry["text"] if "text" in entry else bytes.fromhex(entry["hex"]),
        title=entry["class"],
        fields=entry.get("fields", {}),
        family=entry.get("family", "0.5"),
        reason=entry.get("reason", ""),
        form=entry.get("form", ""),
    )


RECORDED = [_vector(entry) for entry in rows("recorded")]
REFERENCE = [_vector(entry) for entry in rows("reference")]
VALID = [_vector(entry) for entry in rows("valid")]
INVALID = [_vector(entry) for entry in rows("invalid")]
