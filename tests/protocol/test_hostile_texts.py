"""A server's text has the class of its pattern, whatever is in its varying parts."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codegen import schema
from pie_client import PieError
from pie_client._generated import refusals

ROOT = Path(__file__).parents[2]
ERRORS = schema.load(ROOT / "schema").errors
SCOPES = {row["name"]: row["scope"] for row in ERRORS["classes"]}
FIND: dict[str, Callable[[str], type[PieError]]] = {
    "request": refusals.request_error,
    "process": refusals.process_error,
    "connection": refusals.connection_error,
}
ROWS = [row for row in ERRORS["texts"] if SCOPES.get(row.get("class")) in FIND]
VARYING = [row for row in ROWS if "{" in row["text"]]


def class_of(row: Any, text: str) -> type[PieError]:  # noqa: ANN401 - JSON
    return FIND[SCOPES[row["class"]]](text)


@given(data=st.data())
def test_a_text_with_anything_in_its_varying_parts_keeps_its_class(data: st.DataObject) -> None:
    row = data.draw(st.sampled_from(VARYING))
    pieces = st.text(max_size=300) | st.sampled_from(
        [part for r in VARYING for part in re.split(r"\{\w+\}", r["text"])]
    )
    text = re.sub(r"\{\w+\}", lambda _: data.draw(pieces), row["text"])
    # The first row whose pattern fits decides, as it would with regular expressions.
    rows = [r for r in ROWS if SCOPES[r["class"]] == SCOPES[row["class"]]]
    names = [each["name"] for each in ERRORS["classes"]]
    rows.sort(key=lambda r: names.index(r["class"]))
    exact = [r for r in rows if r["text"] == text]
    patterns = [r for r in rows if "{" in r["text"] and re.fullmatch(_pattern(r["text"]), text, re.DOTALL)]
    assert class_of(row, text).__name__ == [*exact, *patterns][0]["class"]


def _pattern(text: str) -> str:
    return ".*".join(map(re.escape, re.split(r"\{\w+\}", text)))


@pytest.mark.parametrize("row", VARYING, ids=lambda row: row["id"])
def test_a_text_of_many_kilobytes_keeps_its_class(row: Any) -> None:  # noqa: ANN401 - JSON
    parts = len(re.findall(r"\{\w+\}", row["text"]))
    text = re.sub(r"\{\w+\}", lambda _: "x" * (60_000 // parts), row["text"])
    assert class_of(row, text).__name__ == row["class"]
