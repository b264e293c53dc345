"""Results of ``client.map``, with the types that checkers must infer."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import assert_type

from pydantic import BaseModel, JsonValue, TypeAdapter

from pie_client import Map, MapProgress, MapResult, OnError, PieClient, PieError, ResultError, inferlet


class Answer(BaseModel):
    """What an inferlet returns."""

    text: str


@inferlet
async def shout(text: str, times: int = 1) -> list[str]:
    """A function whose other parameters have defaults."""
    return [text.upper()] * times


@inferlet
async def anything(text: object) -> JsonValue:
    """A function of any input."""
    return str(text)


def lines() -> Iterator[str]:
    """Yield inputs."""
    yield ""


async def rows() -> AsyncIterator[dict[str, int]]:
    """Yield inputs asynchronously."""
    yield {}


def show(progress: MapProgress) -> None:
    assert_type(progress.total, int | None)


def again(error: PieError) -> bool:
    return Map.is_interrupted(error) or isinstance(error, ResultError)


async def functions(client: PieClient) -> None:
    mapped = client.map(shout, lines())
    assert_type(mapped, Map[str, list[str]])
    async with mapped as results:
        async for result in results:
            assert_type(result, MapResult[str, list[str]])
            assert_type(result.index, int)
            assert_type(result.input, str)
            assert_type(result.value, list[str])
            assert_type(result.error, PieError | None)
    assert_type([result.value async for result in client.map(anything, [1, ""])], list[JsonValue])
    assert_type(client.map(shout, ["a"], tuple[str, ...]), Map[str, tuple[str, ...]])


async def programs(client: PieClient, on_error: OnError) -> None:
    assert_type(client.map("a@1.0.0", rows()), Map[dict[str, int], JsonValue])
    assert_type(client.map("a@1.0.0", range(3), Answer), Map[int, Answer])
    assert_type(client.map("a@1.0.0", [Answer(text="")], TypeAdapter(int | None)), Map[Answer, int | None])
    mapped = client.map(
        "a@1.0.0",
        ["a", "b"],
        str,
        concurrency=5,
        ordered=False,
        on_error=on_error,
        timeout=2.5,
        retries=3,
        retry=again,
        on_progress=show,
        journal=Path("answers.jsonl"),
        token_budget=10,
    )
    assert_type(mapped, Map[str, str])
    assert_type(mapped.progress, MapProgress)
    assert_type(await anext(mapped), MapResult[str, str])
    assert_type(await mapped.aclose(), None)
