"""The example programs, run with a server's address."""

import asyncio
import json
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Collection
from contextlib import suppress
from pathlib import Path

import pytest

from pie_client import PieClient, RefusedError
from tests.scenarios.programs import COMPLETION, GENERATION_TIMEOUT, WAIT, Programs
from tests.support.peers import TIMEOUT, in_time
from tests.support.repository import ROOT

LINES = ["one two three", "", "größer", *(f"line {number}" for number in range(20))]
PERSISTENT = ("--timeout", "10", "--attempts", "3")
"""Options for real engines, where in some thousands of launches the process never ends."""


@pytest.fixture
def text(tmp_path: Path) -> Path:
    """A file of many lines, one of them empty."""
    path = tmp_path / "text"
    path.write_text("\n".join(LINES), "utf-8")
    return path


@pytest.fixture
async def started() -> AsyncIterator[list[asyncio.subprocess.Process]]:
    """The processes of examples; those still running after the test are killed."""
    processes: list[asyncio.subprocess.Process] = []
    yield processes
    for process in processes:
        if process.returncode is None:
            process.kill()
        await process.communicate()


def accept_interrupts() -> None:
    """Restore the default action of SIGINT, which shells set to "ignore" for background jobs."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


async def start(
    started: list[asyncio.subprocess.Process],
    name: str,
    *arguments: str | Path,
    stdout: int = asyncio.subprocess.PIPE,
) -> asyncio.subprocess.Process:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-W", "error", ROOT / "examples" / name, *arguments),
        stdout=stdout,
        stderr=asyncio.subprocess.PIPE,
        preexec_fn=accept_interrupts,
    )
    started.append(process)
    return process


async def finished(process: asyncio.subprocess.Process) -> tuple[int | None, str, str]:
    async with asyncio.timeout(GENERATION_TIMEOUT):
        out, err = await process.communicate()
    return process.returncode, (out or b"").decode(), err.decode()


async def test_the_quickstart_streams_generated_text(
    uri: str, started: list[asyncio.subprocess.Process]
) -> None:
    request = {"prompt": "hi", "max_tokens": 3, "stream": True}
    options = ("--inferlet", COMPLETION, "--input", json.dumps(request))
    code, out, err = await finished(await start(started, "quickstart.py", uri, *options))
    assert (code, err) == (0, "")
    streamed, _, end = out.partition("\n")
    assert streamed.count('"text":') == 4, "three tokens and an end"
    assert end.startswith("[done]")


async def test_map_lines_runs_a_function_for_each_line(
    uri: str, text: Path, started: list[asyncio.subprocess.Process]
) -> None:
    code, out, err = await finished(await start(started, "map_lines.py", text, uri, *PERSISTENT))
    assert (code, err) == (0, "22 lines done, 0 of them failed\n")
    outcomes = [json.loads(line) for line in out.splitlines()]
    assert [outcome["line"] for outcome in outcomes] == [n for n, line in enumerate(LINES, 1) if line]
    assert outcomes[0]["result"] == {"characters": 13, "words": 3, "longest": "three"}
    assert outcomes[1]["result"] == {"characters": 6, "words": 1, "longest": "größer"}


async def test_map_lines_runs_a_program_for_each_line_and_reports_failures(
    uri: str, programs: Programs, text: Path, started: list[asyncio.subprocess.Process]
) -> None:
    program = await programs.install(
        "async def main(text, more):\n    if text == '<line 5>':\n        raise ValueError('no fives')\n"
        "    return [text, more]\n",
        call="kwargs",
        waits=False,
    )
    options = (
        "--inferlet",
        program,
        "--input",
        '{"text": "<{}>", "more": ["{}", 1]}',
        "--jobs",
        "3",
        *PERSISTENT,
    )
    code, out, err = await finished(await start(started, "map_lines.py", text, uri, *options))
    assert (code, err) == (1, "22 lines done, 1 of them failed\n")
    outcomes = [json.loads(line) for line in out.splitlines()]
    assert outcomes[0] == {"line": 1, "result": ["<one two three>", ["one two three", 1]]}
    (failed,) = [outcome for outcome in outcomes if "error" in outcome]
    assert failed["line"] == LINES.index("line 5") + 1
    assert "no fives" in failed["error"]


async def test_map_lines_limits_concurrent_processes_and_ends_them_on_an_interrupt(
    uri: str, client: PieClient, programs: Programs, text: Path, started: list[asyncio.subprocess.Process]
) -> None:
    program = await programs.install(WAIT, waits=False)
    process = await start(started, "map_lines.py", text, uri, "--inferlet", program, "--jobs", "5")
    async with asyncio.timeout(TIMEOUT):
        while len(await client.list_processes()) < 5:
            pass
    for info in await client.list_processes():
        await client.terminate_process(info.id)
    assert process.stdout is not None
    for _ in range(5):
        await in_time(process.stdout.readline())
    assert len(await client.list_processes()) <= 5
    process.send_signal(signal.SIGINT)
    code, _, err = await finished(process)
    assert (code, err) == (130, "5 lines done, 5 of them failed\n")
    async with asyncio.timeout(TIMEOUT):
        while await client.list_processes():
            pass


async def test_map_lines_reports_an_unreachable_server_in_one_line(
    text: Path, started: list[asyncio.subprocess.Process]
) -> None:
    code, out, err = await finished(await start(started, "map_lines.py", text, "ws://127.0.0.1:1"))
    assert (code, out) == (1, "")
    assert err.startswith("map_lines: could not connect to ws://127.0.0.1:1")
    assert err.count("\n") == 1


async def running(client: PieClient, count: int, ended: Collection[str] = ()) -> list[str]:
    """Wait until ``count`` processes run, not counting those that have ended; return their ids."""
    async with asyncio.timeout(TIMEOUT):
        while True:
            ids = [info.id for info in await client.list_processes() if info.id not in ended]
            if len(ids) == count:
                return ids


async def test_map_lines_ends_quietly_with_its_processes_when_its_output_is_closed(
    uri: str, client: PieClient, programs: Programs, text: Path, started: list[asyncio.subprocess.Process]
) -> None:
    program = await programs.install(WAIT, waits=False)
    reader, writer = os.pipe()
    options = ("--inferlet", program, "--jobs", "3")
    process = await start(started, "map_lines.py", text, uri, *options, stdout=writer)
    os.close(writer)
    first = await running(client, 3)
    for each in first:
        await client.terminate_process(each)
    output = b""
    while output.count(b"\n") < 3:
        output += await in_time(asyncio.to_thread(os.read, reader, 1000))
    os.close(reader)
    for each in await running(client, 3, ended=first):
        with suppress(RefusedError):  # the first termination may have ended the others
            await client.terminate_process(each)
    code, _, err = await finished(process)
    assert code == 128 + signal.SIGPIPE
    assert re.fullmatch(r"[4-6] lines done, [4-6] of them failed\n", err)
    async with asyncio.timeout(TIMEOUT):
        while await client.list_processes():
            pass


@pytest.mark.parametrize("example", ["quickstart.py", "map_lines.py"])
async def test_an_example_with_closed_output_ends_quietly(
    uri: str, text: Path, started: list[asyncio.subprocess.Process], example: str
) -> None:
    request = json.dumps({"prompt": "hi", "max_tokens": 2, "stream": True})
    arguments = [text, uri] if example == "map_lines.py" else [uri]
    arguments += ["--inferlet", COMPLETION, "--input", request]
    reader, writer = os.pipe()
    os.close(reader)
    process = await start(started, example, *arguments, stdout=writer)
    os.close(writer)
    code, _, err = await finished(process)
    assert code == 128 + signal.SIGPIPE
    assert re.fullmatch(r"(\d+ lines done, 0 of them failed\n)?", err)
