"""A test vector that contradicts the schema is refused, with an error that names it."""

import json
import shutil
from pathlib import Path

import msgpack
import pytest

from codegen import schema, variants, vectors
from codegen.frames import Messages
from codegen.schema import CodegenError
from tests.support.repository import ROOT, JsonObject, add_request

DESCRIBED = schema.load(ROOT / "schema")
MESSAGES = Messages(DESCRIBED)
FOLDER = Path("schema")

PING: JsonObject = {
    "id": "a-ping",
    "documentation": "A ping.",
    "tags": ["usual"],
    "from": "client",
    "class": "PingRequest",
    "fields": {"type": "ping", "corr_id": 1},
}
FRAME = "82a474797065a470696e67a7636f72725f696401"
WRONG: dict[str, JsonObject] = {
    "results": {"value": "x"},
    "refusals": {"class": "UploadError"},
    "families": {"family": "0.5"},
    "files": {"chunks": [1]},
    "manifests": {"text": ""},
    "registry": {"highest": None},
    "signatures": {"signature": ""},
    "unknown": {"type": "ping"},
    "workflows": {"value": {"type": "take", "k": 1}},
    "mcp": {"value": {}},
}
"""Members of the first vector of a file that make it wrong."""
BYTES: JsonObject = {"type": "string", "format": "binary"}
TYPES: dict[str, tuple[JsonObject, object]] = {
    "number": ({"type": "number"}, 1.5),
    "object": ({"$ref": "../registry/program_version.json"}, {"num": "text"}),
    "map": ({"type": "object", "additionalProperties": BYTES}, {"key": b"abc"}),
    "bytes": (BYTES, b"abc"),
    "list": ({"type": "array", "items": BYTES}, [b"abc"]),
    "optional": ({"anyOf": [BYTES, {"type": "null"}]}, b"abc"),
}
"""Types of fields, and the value that the vectors of a new message have for each."""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with vectors to change; those of frames are a few."""
    place = tmp_path / FOLDER / "vectors"
    shutil.copytree(ROOT / "schema/vectors", place)
    for name in ("valid.json", "invalid.json"):
        rows: list[JsonObject] = json.loads((place / name).read_bytes())
        few = [row for row in rows if row["id"].startswith("ping")]
        (place / name).write_text(json.dumps(few), encoding="utf-8")
    return tmp_path


def problems(root: Path) -> list[str]:
    with pytest.raises(CodegenError) as caught:
        vectors.render(DESCRIBED, root, FOLDER)
    return caught.value.problems


def change_first(root: Path, file: str, members: JsonObject) -> str:
    """Change the first vector of a file; return its id."""
    path = root / FOLDER / f"vectors/{file}.json"
    rows: list[JsonObject] = json.loads(path.read_bytes())
    rows[0] |= members
    path.write_text(json.dumps(rows), encoding="utf-8")
    return str(rows[0]["id"])


def test_members_that_a_vector_must_not_have_are_reported(root: Path) -> None:
    change_first(root, "valid", {"id": "Ping", "reason": "nil"})
    change_first(root, "invalid", {"reason": "odd"})
    found = "\n".join(problems(root))
    assert "schema/vectors/valid.json: $[0].id: 'Ping' does not match" in found
    assert "schema/vectors/valid.json: $[0]: Unevaluated properties are not allowed ('reason'" in found
    assert "schema/vectors/invalid.json: $[0].reason: 'odd' is not valid" in found


def test_a_vector_that_does_not_say_what_the_schema_says_is_named(root: Path) -> None:
    ids = {file: change_first(root, file, members) for file, members in WRONG.items()}
    assert set(problems(root)) == {
        f"schema/vectors/{file}.json: {name}: is not what the schema says" for file, name in ids.items()
    }


@pytest.mark.parametrize(
    ("members", "valid", "problem"),
    [
        ({"fields": {"type": "ping"}}, True, "has a frame that violates the JSON Schema of PingRequest"),
        (
            {"fields": {"type": "ping", "corr_id": 2}, "form": "odd", "hex": FRAME},
            True,
            "has fields that are not",
        ),
        ({"class": "PongRequest"}, True, "no message has the title PongRequest"),
        ({"fields": {}}, True, "needs fields, or a frame"),
        ({}, False, "conforms to the JSON Schema of PingRequest"),
    ],
    ids=["violates", "other fields", "no message", "no frame", "conforms"],
)
def test_a_wrong_frame_is_refused(members: JsonObject, *, valid: bool, problem: str) -> None:
    with pytest.raises(CodegenError, match=f"a-ping: {problem}"):
        vectors.completed(MESSAGES, PING | members, valid=valid)


def test_a_frame_is_filled_in_from_the_fields() -> None:
    assert vectors.completed(MESSAGES, PING, valid=True) == {**PING, "hex": FRAME}


def test_ids_are_unique(root: Path) -> None:
    change_first(root, "recorded", {"id": "ping"})
    assert problems(root) == ["schema/vectors: two vectors have the id ping"]


def test_a_file_of_vectors_that_nothing_checks_is_refused(root: Path) -> None:
    (root / FOLDER / "vectors/more.json").write_text("[]", encoding="utf-8")
    assert problems(root) == ["schema/vectors/more.json: the generator has no such file of vectors"]


def test_a_missing_file_of_vectors_is_reported(root: Path) -> None:
    (root / FOLDER / "vectors/files.json").unlink()
    assert problems(root) == ["schema/vectors/files.json: missing"]


def test_a_new_message_has_vectors_before_one_is_written_by_hand(root: Path) -> None:
    made = vectors.render(DESCRIBED, root, FOLDER)
    valid: list[JsonObject] = json.loads(made[FOLDER / "vectors/valid.json"])
    assert [row["id"] for row in valid if row["class"] == "AttachProcessRequest"] == [
        f"attach-process-request-{name}"
        for name in (
            "minimal",
            "corr-id-smallest",
            "corr-id-largest",
            "process-id-uppercase",
            "reversed-keys",
            "unknown-key",
            "unknown-nested-key",
            "wide",
        )
    ]


def made_of(tmp_path: Path, fields: JsonObject, usual: JsonObject) -> dict[str, JsonObject]:
    """Return the valid vectors that are made of a new request with some usual values, by their ids."""
    folder = shutil.copytree(ROOT / "schema", tmp_path / "schema", ignore=shutil.ignore_patterns("vectors"))
    described = {name: {**node, "description": "Any."} for name, node in fields.items()}
    add_request(folder, "try", "Try.", described, {"type": "string", "description": "Any."}, {})
    extended = schema.load(folder)
    messages = Messages(extended)
    common: JsonObject = {"from": "client", "class": "TryRequest"}
    made = variants.valid(variants.describe(extended, messages, "TryRequest", common, usual))
    completed = [vectors.completed(messages, row, valid=True) for row in made]
    return {row["id"]: row for row in completed if row}


def test_a_new_message_has_vectors_with_fields_of_any_type(tmp_path: Path) -> None:
    fields = {name: node for name, (node, _) in TYPES.items()}
    made = made_of(tmp_path, fields, {"map": {"key": "YWJj"}})
    values = {name: value for name, (_, value) in TYPES.items()}
    sent = msgpack.unpackb(bytes.fromhex(made["try-request-full"]["hex"]))
    assert sent == {"type": "try", "corr_id": 1, **values}
    required = {name: value for name, value in sent.items() if name != "optional"}
    assert msgpack.unpackb(bytes.fromhex(made["try-request-wide"]["hex"])) == required


def test_a_new_message_with_narrow_fields_needs_usual_values(tmp_path: Path) -> None:
    problem = (
        "try-request-minimal: has a frame that violates .*; add one with usual values to vectors/valid.json"
    )
    with pytest.raises(CodegenError, match=problem):
        made_of(tmp_path, {"code": {"type": "string", "maxLength": 3}}, {})
