"""Typed launches of a program, with the types that checkers must infer. ``text_completion`` is written from a manifest."""

from typing import assert_type

import text_completion
from pydantic import BaseModel, JsonValue, TypeAdapter

from pie_client import MapResult, PieClient, Process


class Answer(BaseModel):
    """What the program returns."""

    text: str


async def launches(client: PieClient) -> None:
    process = await text_completion.launch(client, prompt="Hello")
    assert_type(process, Process[JsonValue])
    assert_type(await process.result(), JsonValue)
    await text_completion.launch(client, prompt="Hello", max_tokens=64, temperature=0, class_=None)
    await client.launch_process(text_completion.PROGRAM, text_completion.Input(prompt="", stop_at="."))


async def results(client: PieClient) -> None:
    assert_type(await text_completion.run(client, prompt="Hello"), JsonValue)
    assert_type(await text_completion.run(client, Answer, prompt="Hello", max_tokens=None), Answer)
    assert_type(await text_completion.run(client, TypeAdapter(int | None), prompt="Hello"), int | None)


async def maps(client: PieClient) -> None:
    inputs = [text_completion.Input(prompt=line) for line in ("one", "two")]
    async for result in client.map(text_completion.PROGRAM, inputs, Answer):
        assert_type(result, MapResult[text_completion.Input, Answer])
        assert_type(result.input.max_tokens, int | None)
