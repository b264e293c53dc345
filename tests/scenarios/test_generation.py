"""Text that is generated: by the model of a real engine, and by what plays one."""

import json

import pytest
from pydantic import BaseModel

from pie_client import MessageEvent, PieClient, ProcessError
from tests.scenarios.programs import events_of, gone
from tests.support.peers import in_time

PROGRAM = "compat-openai@0.1.0"
"""A program that 0.5 engines have from the start."""

MANY = 1000
"""Tokens that no process makes before it is terminated."""


class Choice(BaseModel):
    """A text."""

    text: str
    finish_reason: str


class Usage(BaseModel):
    """What was made."""

    completion_tokens: int


class Completion(BaseModel):
    """What the program returns."""

    choices: list[Choice]
    usage: Usage


async def test_tokens_are_streamed_as_they_are_made(client: PieClient) -> None:
    process = await client.launch_process(PROGRAM, {"prompt": "hi", "max_tokens": 3, "stream": True})
    *chunks, done = [json.loads(event.value) async for event in process if isinstance(event, MessageEvent)]
    assert done == {"data": "[DONE]"}
    texts = [chunk["data"]["choices"][0]["text"] for chunk in chunks]
    assert len([text for text in texts if text]) == 3
    assert chunks[-1]["data"]["choices"][0]["finish_reason"] == "length"


async def test_the_text_can_be_had_in_one_piece(client: PieClient) -> None:
    process = await client.launch_process(PROGRAM, {"prompt": "hi", "max_tokens": 2})
    answer = await process.result(Completion, timeout=100)
    assert answer.usage.completion_tokens == 2
    assert [choice.finish_reason for choice in answer.choices] == ["length"]
    assert answer.choices[0].text


async def test_a_bad_prompt_is_told(client: PieClient) -> None:
    process = await client.launch_process(PROGRAM, {"prompt": 5})
    with pytest.raises(ProcessError, match="prompt"):
        await in_time(process.result())


async def test_a_generation_is_stopped_midway(client: PieClient) -> None:
    process = await client.launch_process(PROGRAM, {"prompt": "hi", "max_tokens": MANY, "stream": True})
    await anext(process)
    await process.terminate()
    assert len(await events_of(process)) < MANY
    await gone(client, process)
