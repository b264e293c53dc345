"""The strategies of the property tests follow every restriction that a schema can have."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codegen import schema
from tests.protocol import strategies
from tests.protocol.vectors import Json

DESCRIBED = schema.load(Path(__file__).parents[2] / "schema")
NODES: list[Json] = [
    {"type": "string", "pattern": r"^[a-z]+@\d\.\d$"},
    {"type": "string", "pattern": "^[ab]+$", "minLength": 2, "maxLength": 3},
    {"type": "string", "minLength": 1, "maxLength": 2},
    {"type": "string", "minLength": 50},
    {"enum": ["a", "b"]},
    {"type": "integer", "minimum": -3, "maximum": 3},
    {"type": "integer", "exclusiveMinimum": 0, "exclusiveMaximum": 3},
    {"type": "integer", "multipleOf": 5, "minimum": 3, "maximum": 12},
    {"type": "number", "minimum": 0, "exclusiveMaximum": 1},
    {"type": "array", "items": {"type": "null"}, "minItems": 4},
    {"type": "array", "items": {"type": "integer", "minimum": 1}, "maxItems": 2},
    {"type": "object", "additionalProperties": {"anyOf": [{"enum": ["a"]}, {"type": "boolean"}]}},
    *(node for node in DESCRIBED.scalars.values() if node.get("format") != "binary" and "anyOf" not in node),
]


@pytest.mark.parametrize("node", NODES, ids=str)
@given(st.data())
@settings(max_examples=25)
def test_a_drawn_value_is_valid(node: Json, data: st.DataObject) -> None:
    assert schema.violations("drawn", data.draw(strategies.values(DESCRIBED, node)), node) == []


@given(st.data())
def test_drawn_bytes_have_the_given_size(data: st.DataObject) -> None:
    node: Json = {"type": "string", "format": "binary", "minLength": 2, "maxLength": 3}
    assert len(data.draw(strategies.values(DESCRIBED, node))) in (2, 3)
