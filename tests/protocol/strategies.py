"""Hypothesis strategies for what the schema describes."""

from typing import Any, cast

from hypothesis import strategies as st

from codegen.schema import Schema
from tests.protocol.vectors import Json

TEXT = 40
BYTES = 300
ITEMS = 3


def values(schema: Schema, node: Json) -> st.SearchStrategy[Any]:
    """Return a strategy for all values of a JSON Schema, with binary strings as bytes."""
    if "$ref" in node:
        return st.deferred(lambda: values(schema, schema.scalars[str(node["$ref"]).rpartition("/")[2]]))
    if "const" in node:
        return st.just(node["const"])
    if "enum" in node:
        return st.sampled_from(node["enum"])
    if "anyOf" in node:
        return st.one_of([values(schema, member) for member in cast("list[Json]", node["anyOf"])])
    match node["type"]:
        case "string":
            return _strings(node)
        case "integer" | "number":
            return _numbers(node)
        case "boolean":
            return st.booleans()
        case "array":
            least, most = node.get("minItems", 0), node.get("maxItems")
            each = values(schema, node["items"])
            return st.lists(each, min_size=least, max_size=least + ITEMS if most is None else most)
        case "object":
            keys = st.text(max_size=TEXT)
            return st.dictionaries(keys, values(schema, node["additionalProperties"]), max_size=ITEMS)
        case "null":
            return st.none()
        case other:
            raise AssertionError(other)


def fields(schema: Schema, title: str) -> st.SearchStrategy[Json]:
    """Return a strategy for objects of a file, by its title."""
    document = next(document for _, document in schema.objects() if document["title"] == title)
    properties = cast("dict[str, Json]", document["properties"])
    required = cast("list[str]", document["required"])
    return st.fixed_dictionaries(
        {name: values(schema, properties[name]) for name in required},
        optional={name: values(schema, node) for name, node in properties.items() if name not in required},
    )


def _strings(node: Json) -> st.SearchStrategy[Any]:
    least, most = node.get("minLength", 0), node.get("maxLength")
    if node.get("format") == "binary":
        return st.binary(min_size=least, max_size=least + BYTES if most is None else most)
    if "pattern" in node:
        # In full: $ also matches before a line feed at the end in Python, but not in JSON Schema.
        matching: st.SearchStrategy[str] = st.from_regex(str(node["pattern"]), fullmatch=True)
        return matching.filter(lambda text: least <= len(text) <= (len(text) if most is None else most))
    return st.text(min_size=least, max_size=least + TEXT if most is None else most)


def _numbers(node: Json) -> st.SearchStrategy[Any]:
    low, high = node.get("minimum"), node.get("maximum")
    above, below = node.get("exclusiveMinimum"), node.get("exclusiveMaximum")
    if node["type"] == "number":
        return st.floats(
            min_value=low if above is None else above,
            max_value=high if below is None else below,
            exclude_min=above is not None,
            exclude_max=below is not None,
            allow_nan=False,
            allow_infinity=False,
        )
    step: int = node.get("multipleOf", 1)
    least = low if above is None else above + 1
    most = high if below is None else below - 1
    counts = st.integers(None if least is None else -(-least // step), None if most is None else most // step)
    return counts.map(lambda count: count * step)
