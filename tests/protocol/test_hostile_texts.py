"""Recognizing a server's text takes linear time, whatever the text is."""

import re
import time
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


def cost(work: Callable[[], object]) -> float:
    """Return the least CPU time of several runs, in seconds."""
    times: list[float] = []
    for _ in range(5):
        start = time.process_time()
        for _ in range(20):
            work()
        times.append(time.process_time() - start)
    return min(times)


@pytest.mark.parametrize("row", VARYING, ids=lambda row: row["id"])
def test_matching_takes_linear_time(row: Any) -> None:  # noqa: ANN401 - JSON
    first, *others = re.split(r"\{\w+\}", row["text"])

    def hostile(size: int) -> list[str]:
        """Return texts that nearly match in many ways."""
        repeated = [part for part in [*others, "".join(others), "".join(others[:-1]), first] if part]
        return [first + part * (size // len(part)) + end for part in repeated for end in ("", "\0")]

    def match(texts: list[str]) -> None:
        for text in texts:
            refusals.advice_on(text, None, "query")
            class_of(row, text)

    small, large = hostile(2000), hostile(8000)
    # Linear matching takes 4 times as long, quadratic 16 times. The allowance is for clocks with a coarse resolution.
    assert cost(lambda: match(large)) < 8 * cost(lambda: match(small)) + 0.01


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
