"""`pie-client map` is killed, and started again with the same arguments."""

import asyncio
import contextlib
import json
import math
import os
import random
import re
import signal
import sys
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from pathlib import Path

import pytest
from pydantic import JsonValue

from pie_client import Family
from pie_client.testing import InferletSession, LocalEngine
from tests.cli.commands import Runner
from tests.support.figures import FIGURES
from tests.support.peers import TIMEOUT

KILLS = 3
CONCURRENCY = 32
DOUBLE = "double@1.0.0"
INTERRUPTED = rb"pie-client: \d+ inputs answered; the same command goes on from there\n"
PROGRAMS = f"""
async def register(engine):
    @engine.inferlet({DOUBLE!r})
    async def double(session, input):
        print(input, flush=True)
        return 2 * input
"""


class Engine:
    """An embedded engine that is a process of its own.

    Attributes:
        uri: Its URI.
        runs: How often each input was launched.
    """

    def __init__(self, stdout: asyncio.StreamReader, uri: str) -> None:
        self.uri = uri
        self.runs: Counter[int] = Counter()
        self._stdout = stdout

    async def until(self, launches: float) -> None:
        """Read what it prints until there were so many launches in all, or it ended."""
        while self.runs.total() < launches and (line := await self._stdout.readline()):
            if line.strip().isdigit():  # the others list its programs
                self.runs[int(line)] += 1


@contextlib.asynccontextmanager
async def engine_process(folder: Path, family: Family) -> AsyncGenerator[Engine]:
    """Run an engine whose program prints its inputs. After the block, all of them are counted."""
    (folder / "programs.py").write_text(PROGRAMS)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "pie_client.testing", "--port", "0", "--family", family, "--no-builtins"),
        *("--load", folder / "programs.py"),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        found = re.search(r"ws://\S+", (await process.stdout.readline()).decode())
        assert found is not None
        engine = Engine(process.stdout, found[0])
        yield engine
        process.terminate()
        async with asyncio.timeout(TIMEOUT):
            await engine.until(math.inf)
            await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def answered(output: Path) -> list[int]:
    """Return the indexes in an output, whose last line may be incomplete."""
    *lines, _rest = output.read_text().split("\n") if output.exists() else [""]
    return [json.loads(line)["index"] for line in lines]


@pytest.mark.skipif(sys.platform == "win32", reason="signals are Unix's")
@pytest.mark.parametrize("family", ["0.5"])
async def test_a_map_that_is_killed_or_interrupted_goes_on_and_answers_each_input_once(
    engine: LocalEngine, command: Runner, tmp_path: Path
) -> None:
    launched: list[object] = []
    counts = {20: asyncio.Event(), 60: asyncio.Event()}
    ends = (signal.SIGKILL, -signal.SIGKILL, b""), (signal.SIGINT, 128 + signal.SIGINT, INTERRUPTED)

    @engine.inferlet(DOUBLE)
    async def double(session: InferletSession, input: JsonValue) -> JsonValue:
        launched.append(input)
        if reached := counts.get(len(launched)):
            reached.set()
            await session.receive()  # until the map is killed
        assert isinstance(input, int)
        return 2 * input

    (tmp_path / "in.jsonl").write_text("".join(f"{number}\n" for number in range(100)))
    arguments = ("map", DOUBLE, "in.jsonl", "-o", "out.jsonl", "-j", "4")
    for reached, (number, status, said) in zip(counts.values(), ends, strict=True):
        async with command.started(*arguments) as process, asyncio.timeout(TIMEOUT):
            await reached.wait()
            process.send_signal(number)
            _, err = await process.communicate()
            assert process.returncode == status
            assert re.fullmatch(said, err)
    done = await command(*arguments)
    assert done.status == 0
    assert re.search(r"100 inputs answered, \d+ of them before, 0 failed", done.error)
    answers = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert answers == [{"index": number, "value": 2 * number} for number in range(100)]
    assert len(launched) < 100 + 2 * 8  # what ran when it was killed ran again


@pytest.mark.soak
@pytest.mark.skipif(sys.platform == "win32", reason="process groups are Unix's")
async def test_a_map_over_2000_inputs_that_is_killed_three_times_answers_each_exactly_once(
    family: Family, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    count, seed = 2000, random.SystemRandom().getrandbits(32)
    kills = sorted(random.Random(seed).sample(range(1, count), KILLS))  # noqa: S311 - says when to kill
    record_property(FIGURES, f"seed {seed}: killed after {kills} launches")
    (tmp_path / "in.jsonl").write_text("".join(f"{number}\n" for number in range(count)))
    output = tmp_path / "out.jsonl"
    arguments = ("map", DOUBLE, "in.jsonl", "-o", output.name, "-j", str(CONCURRENCY))
    known: list[int] = []
    allowed = Counter(dict.fromkeys(range(count), 1))
    async with engine_process(tmp_path, family) as engine:
        command = Runner(tmp_path, {"PIE_URI": engine.uri})
        for launches in kills:
            async with command.started(*arguments) as process, asyncio.timeout(TIMEOUT):
                await engine.until(launches)
                os.killpg(process.pid, signal.SIGKILL)
                assert await process.wait() == -signal.SIGKILL
            known = answered(output)
            assert known == list(range(len(known)))
            allowed.update(range(len(known), count))
        done = await command(*arguments)
        again = await command(*arguments)
    assert (done.status, again.status) == (0, 0), done.err
    replayed = re.fullmatch(
        rf"pie-client: {count} inputs answered, (\d+) of them before, 0 failed", done.error
    )
    assert replayed is not None
    assert len(known) <= int(replayed[1]) < count
    assert again.error == f"pie-client: {count} inputs answered, {count} of them before, 0 failed"
    answers = [json.loads(line) for line in output.read_text().splitlines()]
    assert answers == [{"index": number, "value": 2 * number} for number in range(count)]
    # What had an answer ran never again; what ran when the map was killed did.
    assert engine.runs <= allowed
    assert set(engine.runs) == set(range(count))
    repeated = engine.runs.total() - count
    record_property(
        FIGURES, f"seed {seed}: {count} inputs, killed after {kills} launches, {repeated} ran again"
    )
