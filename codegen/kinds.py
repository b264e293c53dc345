"""Check the test vectors that are not frames of known messages: each file has a check of its own.

What a vector expects is compared with what the schema says, by the JSON Schemas and by libraries other than the client's code.
"""

import base64
import json
import re
import tomllib
from collections.abc import Callable, Iterator
from typing import Any, cast

import msgpack
from blake3 import blake3
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from codegen.frames import Messages
from codegen.schema import Node, Schema, target
from codegen.variants import GENERATED

Check = Callable[[Schema, Messages, Node], bool]
"""Returns whether a vector says what the schema says."""


# ------------------------------------------------------------- documents


def _document(schema: Schema, messages: Messages, vector: Node) -> bool:
    """Check a text of a class: its value, or that it is none."""
    if "class" not in vector:  # a confirmation: any text
        request = next(r for r in schema.protocol["requests"] if r["type"] == vector["request"])
        return request["confirmation"] is not None and bool(vector["value"] == vector["text"])
    value = _read(schema, messages, messages.files[vector["class"]], vector["text"])
    if "reason" in vector:
        return value is None
    return value is not None and plain(value[0]) == plain(vector["value"])


def _read(schema: Schema, messages: Messages, file: str, text: str) -> tuple[Any] | None:
    """Return the value of a text without unknown keys, or None if it violates its JSON Schema."""
    node = schema.documents[file]
    if node.get("type") == "string" and "contentSchema" not in node:
        return (text,) if _first_variant(schema, messages, file, text) else None
    parse = tomllib.loads if file.startswith("manifest/") else _strict_json
    try:
        value: Any = parse(text)
    except (ValueError, RecursionError):
        return None
    content = cast("Node", node.get("contentSchema", node))
    if not messages.conforms(file, content, value):
        return None
    value = _known(schema, messages, file, content, value)
    return (value,) if not file.startswith("manifest/") or _can_be_launched(schema, value) else None


def _strict_json(text: str) -> object:
    def refuse(constant: str) -> object:
        raise ValueError(constant)

    return json.loads(text, parse_constant=refuse)


def _first_variant(schema: Schema, messages: Messages, file: str, text: str) -> bool:
    """Return whether a text is what a file says, and none of what precedes it in a union."""
    for union, document in schema.objects():
        files = [name for name, _ in schema.members(union)] if "discriminator" not in document else []
        if file in files:
            return next((f for f in files if messages.conforms(f, schema.documents[f], text)), "") == file
    return messages.conforms(file, schema.documents[file], text)


def _known(schema: Schema, messages: Messages, file: str, node: Node, value: Any) -> Any:
    """Return a value without the keys that its JSON Schema does not name."""
    if "$ref" in node:
        name = target(file, node["$ref"])
        if "#" in name:
            return value
        return _known(schema, messages, name, schema.documents[name], value)
    for choices in ("anyOf", "oneOf"):
        for choice in cast("list[Node]", node.get(choices, [])):
            if messages.conforms(file, choice, value):
                return _known(schema, messages, file, choice, value)
    if isinstance(value, list):
        items, inner = cast("list[object]", value), node.get("items", {})
        return [_known(schema, messages, file, inner, item) for item in items]
    if isinstance(value, dict):
        fields = cast("Node", value)
        named = cast("Node", node.get("properties", {}))
        others = node.get("additionalProperties")
        rules = {key: named.get(key, others) for key in fields}
        return {k: _known(schema, messages, file, r, fields[k]) for k, r in rules.items() if r is not None}
    return value


def plain(value: object) -> object:
    """Return a value without the keys whose values are null, which means the same as absent."""
    if isinstance(value, list):
        return [plain(item) for item in cast("list[object]", value)]
    if isinstance(value, dict):
        return {key: plain(item) for key, item in cast("Node", value).items() if item is not None}
    return value


def _can_be_launched(schema: Schema, manifest: Node) -> bool:
    package, needed = manifest["package"], cast("dict[str, str]", manifest.get("dependencies") or {})
    programs = {package["name"]: package["version"], **needed}
    return all(_is_program(schema, name, version) for name, version in programs.items())


def _is_program(schema: Schema, name: str, version: str) -> bool:
    pattern = schema.scalars[schema.protocol["scalars"]["program"]]["pattern"]
    # $ also matches before a line feed in Python.
    return re.fullmatch(pattern, f"{name}@{version}") is not None


def _registry(schema: Schema, messages: Messages, vector: Node) -> bool:
    """Check also which version is the highest."""
    if not _document(schema, messages, vector) or "reason" in vector:
        return _document(schema, messages, vector)
    rows = cast("list[Node]", vector["value"]["versions"])
    numbers = [row["num"] for row in rows if not row.get("yanked")]
    numbers = [n for n in numbers if _is_program(schema, "name", n)]
    highest = max(numbers, key=lambda n: [int(part) for part in n.split(".")], default=None)
    return bool(highest == vector["highest"])


# ------------------------------------------------------------- texts


def _matches(template: str, text: str) -> bool:
    parts = [re.escape(part) for part in re.split(r"\{\w+\}", template)]
    return re.fullmatch(".*".join(parts), text, re.DOTALL) is not None


def class_of(schema: Schema, scope: str, text: str) -> str | None:
    """Return the error class of a text, by the rules in ``behaviour.texts``."""
    scopes = {row["name"]: row["scope"] for row in schema.errors["classes"]}
    rows = [row for row in schema.errors["texts"] if row["class"] and scopes[row["class"]] == scope]
    equal = [row for row in rows if row["text"] == text]
    found = equal or [row for row in rows if _matches(row["text"], text)]
    return str(found[0]["class"]) if found else None


def _refusal(schema: Schema, _messages: Messages, vector: Node) -> bool:
    return bool(class_of(schema, vector["scope"], vector["text"]) == vector["class"])


def refusals(schema: Schema) -> Iterator[Node]:
    """Iterate over vectors of each failure text that has a class, and of a text that begins like it."""
    scopes = {row["name"]: row["scope"] for row in schema.errors["classes"]}
    for row in (row for row in schema.errors["texts"] if row["class"]):
        scope, text = scopes[row["class"]], re.sub(r"\{\w+\}", "7", row["text"])
        for name, words, sent in (("", "", text), ("-longer", ", followed by more", f"{text}\n!")):
            yield {
                "id": f"refusal-text-{row['id'].replace('_', '-')}{name}",
                "documentation": f"The text {row['id']}{words}.",
                "tags": [GENERATED],
                "scope": scope,
                "text": sent,
                "class": class_of(schema, scope, sent),
            }


def _family(schema: Schema, messages: Messages, vector: Node) -> bool:
    texts = {row["id"]: row["text"] for row in schema.errors["texts"]}
    for family in schema.protocol["families"]:
        signs, text = family["identified_by"], vector["result"]
        if vector["ok"]:
            found = any(_first_variant(schema, messages, messages.files[t], text) for t in signs["results"])
        else:
            found = any(_matches(texts[name], text) for name in signs["refusals"])
        if found:
            return bool(vector["family"] == family["name"])
    return vector["family"] is None


# ------------------------------------------------------------- bytes


def _file(schema: Schema, _messages: Messages, vector: Node) -> bool:
    most = schema.protocol["limits"]["chunk_bytes"]["value"]
    unit, size = bytes.fromhex(vector["repeat"]), vector["bytes"]
    content = (unit * (size // len(unit) + 1))[:size] if unit else b""
    chunks = [len(content[i : i + most]) for i in range(0, size, most)] or [0]
    return bool(chunks == vector["chunks"] and blake3(content).hexdigest() == vector["digest"])


def _signature(schema: Schema, _messages: Messages, vector: Node) -> bool:
    private = load_pem_private_key(vector["private_key"].encode(), None, unsafe_skip_rsa_key_validation=True)
    if "reason" in vector:
        return not _is_accepted(schema, private)
    challenge, signature = (base64.b64decode(vector[name]) for name in ("challenge", "signature"))
    public: Any = load_pem_public_key(vector["public_key"].encode())
    row = next(r for r in schema.protocol["signatures"] if r["key"] == vector["algorithm"])
    try:
        public.verify(signature, challenge, *_scheme(row))
    except InvalidSignature:
        return False
    return _is_accepted(schema, private) and bool(public == cast("Any", private).public_key())


def _scheme(row: Node) -> tuple[Any, ...]:
    """Return the arguments of cryptography's ``verify`` for a row of the signatures."""
    algorithm: Any = getattr(hashes, row["hash"].upper())() if row["hash"] else None
    if row["scheme"] == "RSASSA-PKCS1-v1_5":
        return padding.PKCS1v15(), algorithm
    return (ec.ECDSA(algorithm),) if row["scheme"] == "ECDSA" else ()


def _is_accepted(schema: Schema, key: object) -> bool:
    curves = [row["curve"] for row in schema.protocol["signatures"]]
    if isinstance(key, rsa.RSAPrivateKey):
        return bool(key.key_size >= schema.protocol["limits"]["rsa_key_bits"]["value"])
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return key.curve.name in curves
    return isinstance(key, ed25519.Ed25519PrivateKey)


def _unknown(schema: Schema, _messages: Messages, vector: Node) -> bool:
    """Check that the table of the sender has no such message in such a frame."""
    tag = schema.protocol["tag"]
    if "text" in vector:
        fields, frame = json.loads(vector["text"]), "text"
    else:
        fields, frame = msgpack.unpackb(bytes.fromhex(vector["hex"])), "binary"
    rows = schema.protocol["requests" if vector["from"] == "client" else "messages"]
    known = [row["type"] for row in rows if row.get("frame") in (None, frame)]
    return fields == vector["fields"] and fields[tag] == vector["type"] and fields[tag] not in known


CHECKS: dict[str, Check] = {
    "families.json": _family,
    "files.json": _file,
    "manifests.json": _document,
    "mcp.json": _document,
    "refusals.json": _refusal,
    "registry.json": _registry,
    "results.json": _document,
    "signatures.json": _signature,
    "unknown.json": _unknown,
    "workflows.json": _document,
}
"""The check of each file."""
