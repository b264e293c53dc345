"""Uploaded scripts behave in the same way on both servers."""

import asyncio
import hashlib
import os

import pytest
from pydantic import JsonValue

from pie_client import (
    ErrorEvent,
    FileEvent,
    MessageEvent,
    PieClient,
    ProcessError,
    ReturnEvent,
    StderrEvent,
    StdoutEvent,
    inferlet,
)
from tests.scenarios.programs import ECHO, READY, Programs, events_of, send_file
from tests.support.peers import TIMEOUT, in_time

SIZES = [1, 262_144, 262_145, 1_000_000, 5 << 20, 20_000_000]
"""File sizes in bytes: around one chunk, and many chunks."""


def returning(value: str) -> str:
    return f"async def main(input):\n    return {value}\n"


async def test_events_of_every_kind_arrive_in_order(programs: Programs) -> None:
    process = await programs.launch(
        """
async def main(input):
    sys.stdout.write("out")
    sys.stderr.write("err")
    session.send("message")
    session.send_file(b"file")
    sys.stdout.write("out again")
    return {"input": input}
""",
        {"é": [1, 2.5, None]},
    )
    assert await events_of(process) == [
        StdoutEvent("out"),
        StderrEvent("err"),
        MessageEvent("message"),
        FileEvent(b"file"),
        StdoutEvent("out again"),
        ReturnEvent('{"input": {"\\u00e9": [1, 2.5, null]}}'),
    ]


async def test_text_in_any_writing_system_arrives(programs: Programs) -> None:
    text = 'grüße 你好 🎉 \u202e\x00 \\ " end'
    process = await programs.launch(
        """
async def main(input):
    sys.stdout.write(input)
    sys.stderr.write(input)
    session.send(input)
    return input
""",
        text,
    )
    assert await events_of(process) == [
        StdoutEvent(text),
        StderrEvent(text),
        MessageEvent(text),
        ReturnEvent(text),
    ]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("None", ""),
        ("True", "true"),
        ("0", "0"),
        ("1.5", "1.5"),
        ("'text'", "text"),
        ("[1, {'a': None}]", '[1, {"a": null}]'),
        ("10 ** 30", str(10**30)),
    ],
)
async def test_the_return_value_of_a_script_is_its_result(programs: Programs, value: str, text: str) -> None:
    assert await events_of(await programs.launch(returning(value))) == [ReturnEvent(text)]


@pytest.mark.parametrize(
    "input", [True, 0, -1.5, "text", [], [1, [2]], {}, {"a": {"b": "é"}}, "x" * 500_000], ids=repr
)
async def test_a_script_receives_its_input_unchanged(
    client: PieClient, programs: Programs, input: JsonValue
) -> None:
    program = await programs.install(returning("json.dumps([input])"))
    process = await programs.start(program, input)
    assert await in_time(process.result()) == [input]


async def test_an_object_is_passed_as_keyword_arguments(programs: Programs) -> None:
    source = "async def main(a, b=2, **more):\n    return [a, b, more]\n"
    process = await programs.launch(source, {"a": 1, "c": 3}, call="kwargs")
    assert await in_time(process.result()) == [1, 2, {"c": 3}]


async def test_a_result_of_several_mebibytes_arrives(programs: Programs) -> None:
    process = await programs.launch(returning("'é' * (3 << 20)"))
    assert await in_time(process.wait()) == "é" * (3 << 20)


async def test_output_of_many_writes_arrives_in_full_and_in_order(programs: Programs) -> None:
    source = "async def main(input):\n    for n in range(5000):\n        sys.stdout.write(f'{n},')\n"
    *written, end = await events_of(await programs.launch(source))
    assert written == [StdoutEvent(f"{number},") for number in range(5000)]
    assert end == ReturnEvent("")


async def test_a_message_of_several_mebibytes_arrives(programs: Programs) -> None:
    process = await programs.launch("async def main(input):\n    session.send('m' * (4 << 20))\n")
    assert await events_of(process) == [MessageEvent("m" * (4 << 20)), ReturnEvent("")]


async def test_every_signal_arrives_in_order(programs: Programs) -> None:
    process = await programs.launch(ECHO)
    words = [f"wörd {number}" for number in range(200)]
    for word in words:
        await process.signal(word)
    await process.signal("x" * 1_000_000)
    await process.signal("end")
    messages = [event.value async for event in process if isinstance(event, MessageEvent)]
    assert messages == [f"received {word}" for word in [*words, "x" * 1_000_000]]
    assert await process.wait() == "done"


@pytest.mark.parametrize("size", SIZES)
async def test_a_script_receives_and_sends_files_of_any_size(programs: Programs, size: int) -> None:
    process = await programs.launch(
        """
async def main(input):
    data = await receive_file()
    session.send_file(data[::-1])
    return len(data)
"""
    )
    data = os.urandom(size)
    assert await in_time(anext(process)) == READY
    file = await send_file(process, data)
    assert isinstance(file, FileEvent)
    assert hashlib.sha256(file.read()).digest() == hashlib.sha256(data[::-1]).digest()
    assert await in_time(process.wait()) == str(size)


async def test_concurrent_files_of_two_processes_arrive_in_full(programs: Programs) -> None:
    source = """
async def main(input):
    first = await receive_file()
    session.send_file(first)
    session.send_file(first * 2)
"""
    processes = [await programs.launch(source) for _ in range(2)]
    contents = [os.urandom(1_500_000) for _ in processes]
    for process in processes:
        assert await in_time(anext(process)) == READY
    async with asyncio.TaskGroup() as group:
        answers = [
            group.create_task(send_file(process, content))
            for process, content in zip(processes, contents, strict=True)
        ]
    for process, content, answer in zip(processes, contents, answers, strict=True):
        assert answer.result() == FileEvent(content)
        assert await events_of(process) == [FileEvent(content * 2), ReturnEvent("")]


async def test_an_exception_is_an_error_with_its_traceback(programs: Programs) -> None:
    process = await programs.launch(
        """
def deeper():
    raise ValueError("no luck, süße")

async def main(input):
    print("before")
    deeper()
"""
    )
    *printed, end = await events_of(process)
    assert printed[0] == StdoutEvent("before")
    assert isinstance(end, ErrorEvent)
    assert "ValueError: no luck, süße" in end.value
    assert "in deeper" in end.value
    with pytest.raises(ProcessError, match="no luck"):
        await process.result()


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("def main(:\n", "SyntaxError"),
        ("import absent_module\n", "absent_module"),
        ("async def other(input):\n    pass\n", "main"),
        ("raise RuntimeError('at import')\n", "at import"),
    ],
    ids=["syntax", "import", "no entry", "failing"],
)
async def test_a_script_that_can_not_start_ends_with_an_error_event(
    programs: Programs, source: str, text: str
) -> None:
    program = await programs.install(source, waits=False)
    end = (await events_of(await programs.client.launch_process(program)))[-1]
    assert isinstance(end, ErrorEvent)
    assert text in end.value


async def test_an_empty_object_is_an_empty_input(programs: Programs) -> None:
    program = await programs.install(returning("repr(input)"))
    process = await programs.start(program, {})
    assert await in_time(process.wait()) == "{}"


@pytest.mark.parametrize("input", ["text", 5, [1]])
async def test_keyword_arguments_must_be_an_object(programs: Programs, input: JsonValue) -> None:
    program = await programs.install("async def main(**given):\n    return 1\n", call="kwargs", waits=False)
    process = await programs.client.launch_process(program, input)
    with pytest.raises(ProcessError):
        await in_time(process.result())


async def test_a_script_finds_no_environment_and_no_arguments(programs: Programs) -> None:
    process = await programs.launch(returning("[dict(os.environ), sys.argv[1:]]"))
    assert await in_time(process.result()) == [{}, []]


@pytest.mark.parametrize(
    "call", ["loop.run_in_executor(None, print)", "loop.call_later(1, print)", "asyncio.sleep(0.01)"]
)
async def test_the_event_loop_of_scripts_has_no_timers_and_no_threads(programs: Programs, call: str) -> None:
    process = await programs.launch(
        f"""
async def main(input):
    loop = asyncio.get_running_loop()
    found = {call}
    if asyncio.iscoroutine(found):
        await found
"""
    )
    with pytest.raises(ProcessError, match="NotImplementedError"):
        await in_time(process.result())


async def test_two_coroutines_of_a_script_run_alternately(programs: Programs) -> None:
    process = await programs.launch(
        """
async def main(input):
    async def say(name):
        for number in range(3):
            session.send(f"{name}{number}")
            await asyncio.sleep(0)
    await asyncio.gather(say("a"), say("b"))
"""
    )
    messages = [event.value async for event in process if isinstance(event, MessageEvent)]
    assert messages == ["a0", "b0", "a1", "b1", "a2", "b2"]


@inferlet
async def count_words(text: str, times: int = 1) -> dict[str, int]:
    """Count words."""
    print("counting")
    counts: dict[str, int] = {}
    for word in text.split() * times:
        counts[word] = counts.get(word, 0) + 1
    return counts


@inferlet
async def divide(a: float, b: float) -> float:
    """Divide."""
    return a / b


async def test_a_python_function_runs_on_the_server(client: PieClient) -> None:
    process = await client.run(count_words, "a é a", times=2)
    events = await events_of(process)
    assert "".join(event.value for event in events if isinstance(event, StdoutEvent)) == "counting\n"
    assert await process.result() == {"a": 4, "é": 2}


async def test_a_python_function_runs_many_times_concurrently(client: PieClient) -> None:
    async with asyncio.timeout(TIMEOUT), asyncio.TaskGroup() as group:
        runs = [group.create_task(client.run(divide, number, 4)) for number in range(8)]
    assert [await run.result().result() for run in runs] == [number / 4 for number in range(8)]


async def test_a_failing_python_function_raises_process_error(client: PieClient) -> None:
    with pytest.raises(ProcessError, match="ZeroDivisionError"):
        await (await client.run(divide, 1, 0)).result()


async def test_run_launches_a_program_by_name_with_keyword_arguments(
    client: PieClient, programs: Programs
) -> None:
    program = await programs.install("async def main(a, b):\n    return a + b\n", call="kwargs", waits=False)
    assert await (await client.run(program, a=1, b=2)).result(int) == 3
