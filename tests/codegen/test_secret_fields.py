"""Which fields of messages observers may see: numbers, and texts that the schema says are not secret."""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any

import pytest

from codegen.python import Python
from codegen.schema import assemble, load
from pie_client._generated import shown
from tests.support.repository import ROOT

PAYLOADS = {
    *(
        "token",
        "signature",
        "input",
        "inputs",
        "message",
        "manifest",
        "chunk_data",
        "result",
        "json",
        "record",
    ),
    *("params", "value", "command", "args", "url"),
}
"""Fields that carry what only the user and the program may see, of any message."""


def tables() -> Iterator[tuple[str, Mapping[str, bool]]]:
    for table in (shown.REQUESTS, shown.BINARY_MESSAGES, shown.TEXT_MESSAGES, shown.EVENTS):
        yield from table.items()


def test_no_payload_and_no_credential_is_shown() -> None:
    assert len(list(tables())) > 30
    assert [(tag, name) for tag, fields in tables() for name in fields if name in PAYLOADS] == []
    assert PAYLOADS & shown.UNKNOWN_EVENT.keys() == set()
    schema = load(ROOT / "schema")
    files = [row["schema"] for row in schema.tagged] + ["events/stdout.json"]
    defined = {name for file in files for name in schema.documents[file].get("properties", {})}
    assert defined >= PAYLOADS, "a payload was renamed"


def test_names_and_numbers_are_shown() -> None:
    assert shown.REQUESTS["launch_process"].keys() >= {"type", "corr_id", "inferlet", "token_budget"}
    assert shown.EVENTS["stdout"].keys() == {"type", "process_id", "event"}


@pytest.mark.parametrize(
    ("node", "is_shown"),
    [
        ({"type": "string"}, None),
        ({"type": "string", "secret": False}, True),
        ({"anyOf": [{"type": "string"}, {"type": "null"}], "secret": False}, True),
        ({"type": "string", "enum": ["fast", "slow"]}, True),
        ({"type": "string", "format": "binary"}, None),
        ({"type": "integer", "minimum": 0, "maximum": 9}, False),
        ({"type": "integer", "minimum": 0, "maximum": 9, "secret": True}, None),
        ({"anyOf": [{"type": "boolean"}, {"type": "null"}]}, False),
        ({"type": "array", "items": {"type": "string"}}, None),
        ({"type": "array", "items": {"type": "number"}}, False),
        ({"type": "object", "additionalProperties": {"type": "number"}}, None),
        ({"$ref": "../types.json#/$defs/JsonText"}, None),
        ({"$ref": "../types.json#/$defs/JsonValue"}, None),
        ({"$ref": "../types.json#/$defs/ProcessId"}, True),
        ({"$ref": "../types.json#/$defs/ProcessId", "secret": True}, None),
        ({"$ref": "../results/process_info.json"}, None),
    ],
)
def test_a_new_field_is_shown_only_if_it_can_hold_no_payload_or_is_marked(
    node: dict[str, Any], is_shown: bool | None
) -> None:
    parsed = deepcopy(load(ROOT / "schema").parsed)
    parsed["requests/ping.json"]["properties"]["new"] = {**node, "description": "New."}
    python = Python(assemble(parsed), "pie_client", "pie_client")
    assert python.shown("requests/ping.json").get("new") is is_shown
