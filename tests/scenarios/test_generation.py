"""Text generation: by the model of a real engine, and by a stand-in on the embedded one."""

import asyncio
import json

import pytest
from pydantic import BaseModel

from pie_client import MessageEvent, PieClient, ProcessError
from tests.scenarios.programs import COMPLETION, GENERATION_TIMEOUT, events_of, wait_until_gone
from tests.support.peers import in_time

MANY = 1000
"""More tokens than any server generates before the process is terminated."""


class Choice(BaseModel):
    """One completion."""

    text: str
    finish_reason: str


class Usage(BaseModel):
    """The cost of a completion."""

    completion_tokens: int


class Completion(BaseModel):
    """The result of the program."""

    choices: list[Choice]
    usage: Usage


async def test_tokens_are_streamed_as_messages(client: PieClient) -> None:
    process = await client.launch_process(COMPLETION, {"prompt": "hi", "max_tokens": 3, "stream": True})
    events = await events_of(process, timeout=GENERATION_TIMEOUT)
    *chunks, done = [json.loads(event.value) for event in events if isinstance(event, MessageEvent)]
    assert done == {"data": "[DONE]"}
    texts = [chunk["data"]["choices"][0]["text"] for chunk in chunks]
    assert len([text for text in texts if text]) == 3
    assert chunks[-1]["data"]["choices"][0]["finish_reason"] == "length"


async def test_without_streaming_the_text_is_in_the_result(client: PieClient) -> None:
    process = await client.launch_process(COMPLETION, {"prompt": "hi", "max_tokens": 2})
    answer = await process.result(Completion, timeout=GENERATION_TIMEOUT)
    assert answer.usage.completion_tokens == 2
    assert [choice.finish_reason for choice in answer.choices] == ["length"]
    assert answer.choices[0].text


async def test_an_invalid_prompt_is_a_process_error(client: PieClient) -> None:
    process = await client.launch_process(COMPLETION, {"prompt": 5})
    with pytest.raises(ProcessError, match="prompt"):
        await in_time(process.result())


async def test_terminate_stops_a_generation(client: PieClient) -> None:
    process = await client.launch_process(COMPLETION, {"prompt": "hi", "max_tokens": MANY, "stream": True})
    async with asyncio.timeout(GENERATION_TIMEOUT):
        await anext(process)
    await process.terminate()
    assert len(await events_of(process)) < MANY
    await wait_until_gone(client, process)
