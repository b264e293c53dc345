"""The guide's quick start, receive loop and tables about processes and events."""

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest
from pydantic import JsonValue

from pie_client import (
    Event,
    Family,
    ParsedPrivateKey,
    PieClient,
    Process,
    ProcessEndedError,
)
from pie_client.testing import LocalEngine
from tests.guide.helpers import end_of
from tests.support.peers import in_time

# ------------------------------------------------------------- quick start


async def test_the_quick_start_runs(
    guarded: LocalEngine, family: Family, capsys: pytest.CaptureFixture[str]
) -> None:
    async def main() -> None:
        async with PieClient(guarded.uri) as client:
            key = ParsedPrivateKey.from_file("~/.ssh/id_ed25519")
            await client.authenticate("alice", key)

            process = await client.launch_process(
                "text-completion@0.1.0",
                input={"prompt": "Hello world", "max_tokens": 64},
            )

            while True:
                event, value = await process.recv()
                if event == Event.Stdout:
                    print(value, end="", flush=True)
                elif event == Event.Return:
                    print("\n[done]", value)
                    break
                elif event == Event.Error:
                    print("\n[error]", value)
                    break

    await in_time(asyncio.to_thread(lambda: asyncio.run(main())))
    streamed, done = capsys.readouterr().out.splitlines()
    assert streamed == "Hello world"
    assert done.startswith("[done] {")
    assert json.loads(done.removeprefix("[done] ")) == {
        "user": "alice" if family == "0.4" else "internal",
        "prompt": "Hello world",
        "max_tokens": 64,
    }


async def test_the_quick_start_prints_why_a_process_failed(
    engine: LocalEngine, capsys: pytest.CaptureFixture[str]
) -> None:
    async def main() -> None:
        async with PieClient(engine.uri) as client:
            process = await client.launch_process("my-inferlet@0.1.0")
            while True:
                event, value = await process.recv()
                if event == Event.Return:
                    print("\n[done]", value)
                    break
                elif event == Event.Error:  # noqa: RET508 - as users type it
                    print("\n[error]", value)
                    break

    await in_time(asyncio.to_thread(lambda: asyncio.run(main())))
    assert capsys.readouterr().out == "\n[error] no prompt\n"


# ------------------------------------------------------------- Process


async def test_recv_returns_a_pair_of_kind_and_value(client: PieClient) -> None:
    process = await client.launch_process("chat@0.1.0")
    pair = await process.recv()
    assert type(pair) is tuple
    assert pair == (Event.Stdout, "ready\n")


async def test_signal_sends_a_message_to_the_process(client: PieClient) -> None:
    process = await client.launch_process("chat@0.1.0")
    await process.signal("hello")
    assert await end_of(process) == (Event.Return, '"hello"')
    process = await client.launch_process("chat@0.1.0")
    await process.signal(message="hello")
    assert await end_of(process) == (Event.Return, '"hello"')


@pytest.mark.parametrize("by_name", [False, True])
async def test_a_file_of_several_chunks_is_sent_and_received(client: PieClient, by_name: bool) -> None:
    data = os.urandom(600_000)
    process = await client.launch_process("store@0.1.0")
    assert await process.recv() == (Event.Message, "waiting")
    if by_name:
        await process.transfer_file(file_bytes=data)
    else:
        await process.transfer_file(data)
    event, value = await in_time(process.recv())
    assert event == Event.File
    assert isinstance(value, bytes)
    assert value == data
    assert await process.recv() == (Event.Return, "600000")


async def test_terminate_stops_the_process(client: PieClient) -> None:
    process = await client.launch_process("chat@0.1.0")
    await process.terminate()
    assert (await end_of(process))[0] == Event.Error
    assert await client.list_processes() == []


# ------------------------------------------------------------- receiving


async def test_the_receive_loop_receives_every_kind_of_event(
    client: PieClient, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    messages: list[object] = []

    def handle_message(value: object) -> None:
        messages.append(value)

    def save_blob(value: str | bytes) -> None:
        assert isinstance(value, bytes)
        with Path("blob").open("wb") as file:
            file.write(value)

    result: str | bytes
    process = await client.launch_process(
        "my-inferlet@0.1.0", input={"prompt": "Summarize Pie in one sentence."}
    )

    while True:
        event, value = await process.recv()
        if event == Event.Stdout:
            print(value, end="", flush=True)
        elif event == Event.Stderr:
            print(value, end="", file=sys.stderr, flush=True)
        elif event == Event.Message:
            handle_message(value)
        elif event == Event.File:
            save_blob(value)
        elif event == Event.Return:
            result = value
            break
        elif event == Event.Error:
            raise RuntimeError(value)

    assert json.loads(result) == {"prompt": "Summarize Pie in one sentence."}
    assert messages == ["a message"]
    assert (home / "blob").read_bytes() == b"\x00\xffblob"
    assert tuple(capsys.readouterr()) == ("out\n", "err\n")


async def test_the_receive_loop_raises_the_error_of_a_process(client: PieClient) -> None:
    async def loop(process: Process) -> None:
        while True:
            event, value = await process.recv()
            if event == Event.Return:
                break
            elif event == Event.Error:  # noqa: RET508 - as users type it
                raise RuntimeError(value)

    process = await client.launch_process("my-inferlet@0.1.0", input={})
    with pytest.raises(RuntimeError, match=r"^no prompt$"):
        await loop(process)


# ------------------------------------------------------------- Event

PAYLOADS: list[tuple[JsonValue, list[tuple[str, type, str | bytes]]]] = [
    (
        {"prompt": "é"},
        [
            ("Stdout", str, "out\n"),
            ("Stderr", str, "err\n"),
            ("Message", str, "a message"),
            ("File", bytes, b"\x00\xffblob"),
            ("Return", str, '{"prompt": "é"}'),
        ],
    ),
    (
        {},
        [
            ("Stdout", str, "out\n"),
            ("Stderr", str, "err\n"),
            ("Message", str, "a message"),
            ("File", bytes, b"\x00\xffblob"),
            ("Error", str, "no prompt"),
        ],
    ),
]
"""The events of a process, by its input: name, type of the value, value."""


@pytest.mark.parametrize(("input", "expected"), PAYLOADS, ids=["returns", "fails"])
async def test_each_event_has_the_payload_in_the_table_and_none_follows_the_last(
    client: PieClient, input: JsonValue, expected: list[tuple[str, type, str | bytes]]
) -> None:
    process = await client.launch_process("my-inferlet@0.1.0", input)
    for name, kind, payload in expected:
        event, value = await in_time(process.recv())
        assert event.name == name
        assert event == Event[name]
        assert event is getattr(Event, name)
        assert isinstance(value, kind)
        assert value == payload
    with pytest.raises(ProcessEndedError):
        await process.recv()
    assert await client.list_processes() == []
