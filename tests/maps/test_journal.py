"""The journal of `client.map`: a map goes on where it was, in another process too."""

import asyncio
import itertools
import json
import os
import random
import signal
import sys
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from pydantic import JsonValue

from pie_client import InvalidArgumentError, ObservedFrame, PieClient, ProcessError, Reconnect, inferlet
from pie_client.testing import Fault, InferletSession, LocalEngine
from tests.support.figures import FIGURES
from tests.support.peers import TIMEOUT
from tests.support.repository import ROOT

MAPPER = """
import asyncio, sys
from pie_client import PieClient

async def main(uri, journal, count):
    async with PieClient(uri) as client, client.map(
        "square@1.0.0", range(int(count)), int, journal=journal, ordered=False
    ) as results:
        async for result in results:
            print(result.index, result.value, flush=True)

asyncio.run(main(*sys.argv[1:]))
"""
"""A program that prints the results of a map with a journal."""
UNLUCKY = 100_013


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "answers.jsonl"


@pytest.fixture
def runs() -> Counter[int]:
    """How often the program ran, by input."""
    return Counter()


@pytest.fixture
async def client(runs: Counter[int]) -> AsyncIterator[PieClient]:
    """A client of an engine with a program that fails for one input."""
    async with LocalEngine(allow_scripts=True) as engine:
        add_square(engine, runs)
        async with PieClient(engine.uri, timeout=20) as connected:
            yield connected


def add_square(engine: LocalEngine, runs: Counter[int]) -> None:
    @engine.inferlet("square@1.0.0")
    async def square(session: InferletSession, input: JsonValue) -> int:
        assert isinstance(input, int)
        runs[input] += 1
        if input == UNLUCKY:
            raise ValueError("bad luck")
        return input * input


def answers(journal: Path) -> list[tuple[int, int]]:
    """Return index and value of each answer, in order of their indexes."""
    _, *lines = map(json.loads, journal.read_text("utf-8").splitlines())
    return sorted((line["index"], int(line["returned"])) for line in lines)


async def values(client: PieClient, count: int, journal: Path) -> list[int]:
    return [r.value async for r in client.map("square@1.0.0", range(count), int, journal=journal)]


async def test_a_map_goes_on_where_it_was_left(client: PieClient, journal: Path, runs: Counter[int]) -> None:
    async with client.map("square@1.0.0", range(10), journal=journal, concurrency=1) as results:
        async for result in results:
            if result.index == 3:
                break
    before = runs.copy()
    again = client.map("square@1.0.0", range(10), int, journal=journal)
    found = [r async for r in again]
    assert [r.value for r in found] == [n * n for n in range(10)]
    assert [r.text for r in found] == [str(n * n) for n in range(10)]
    assert all(found[n].replayed for n in range(4))
    assert again.progress.replayed == sum(r.replayed for r in found)
    assert answers(journal) == [(n, n * n) for n in range(10)]
    # At the break one may have run whose answer was not awaited; no other runs again.
    assert runs.total() - before.total() == 10 - again.progress.replayed


async def test_inputs_may_be_added(client: PieClient, journal: Path, runs: Counter[int]) -> None:
    assert await values(client, 5, journal) == [0, 1, 4, 9, 16]
    assert await values(client, 8, journal) == [n * n for n in range(8)]
    assert set(runs.values()) == {1}


async def test_failed_inputs_run_again(client: PieClient, journal: Path, runs: Counter[int]) -> None:
    for times in (1, 2):
        with pytest.raises(ProcessError, match="bad luck"):
            _ = [r async for r in client.map("square@1.0.0", [1, UNLUCKY], journal=journal)]
        assert runs == {1: 1, UNLUCKY: times}
    assert answers(journal) == [(0, 1)]


async def test_any_text_that_a_program_returns_is_kept(client: PieClient, journal: Path) -> None:
    @inferlet
    async def shout(text: str) -> str:
        return text.upper()

    texts = ["a\nb", "größe", "", "\u2028", "😀"]
    for replayed in (False, True):
        results = [r async for r in client.map(shout, texts, journal=journal)]
        assert [r.value for r in results] == [text.upper() for text in texts]
        assert {r.replayed for r in results} == {replayed}


async def test_an_answer_is_on_the_disk_before_its_result_is_handed_out(
    client: PieClient, journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synchronized = 0
    sync = os.fsync

    def record(file: int) -> None:
        nonlocal synchronized
        size = os.fstat(file).st_size
        sync(file)
        synchronized = max(synchronized, size)

    monkeypatch.setattr(os, "fsync", record)
    async for result in client.map("square@1.0.0", range(100, 150), int, journal=journal, concurrency=4):
        safe = journal.read_bytes()[:synchronized]
        assert f'"returned": "{result.value}"}}\n'.encode() in safe


@pytest.mark.parametrize("kept", [1, 20, 400, -20, -1])
async def test_a_journal_that_ends_anywhere_is_completed(client: PieClient, journal: Path, kept: int) -> None:
    """As a machine that crashed leaves it."""
    await values(client, 8, journal)
    data = journal.read_bytes()
    journal.write_bytes(data[:kept])
    assert await values(client, 8, journal) == [n * n for n in range(8)]
    assert answers(journal) == [(n, n * n) for n in range(8)]


@pytest.mark.parametrize("rest", [bytes(1000), bytes(20) + b"\n", b"[1]\n"], ids=["zeros", "line", "JSON"])
async def test_what_is_no_answer_at_the_end_of_a_journal_is_removed(
    client: PieClient, journal: Path, rest: bytes
) -> None:
    """Some file systems leave zeros after a crash."""
    await values(client, 8, journal)
    data = journal.read_bytes()
    journal.write_bytes(data + rest)
    assert await values(client, 8, journal) == [n * n for n in range(8)]
    assert journal.read_bytes() == data


CHANGES: dict[str, tuple[bytes, bytes, str]] = {
    "program": (b"square@1.0.0", b"square@1.0.1", r"is of 'square@1\.0\.1', not of 'square@1\.0\.0'"),
    "inputs": (b'"input": "', b'"input": "0', "is of other inputs: input 0 differs"),
    "format": (b'"journal": 1', b'"journal": 2', "has another format"),
    "key": (b'"index": 3', b'"place": 3', "is damaged in line 5"),
    "twice": (b'"index": 3', b'"index": 2', "is damaged in line 5"),
    "huge": (b'"index": 3', b'"index": 3000000000000', "is damaged in line 5"),
    "negative": (b'"index": 3', b'"index": -3', "is damaged in line 5"),
    "text": (b"{", b"my precious notes\n", "is not a journal; pass another path"),
    "JSON": (b"{", b"[1]\n", "is not a journal; pass another path"),
}
"""Changes of a journal, with the error."""


@pytest.mark.parametrize("change", CHANGES)
async def test_a_file_that_is_not_the_journal_of_this_map_is_refused_unchanged(
    client: PieClient, journal: Path, change: str
) -> None:
    old, new, expected = CHANGES[change]
    await values(client, 8, journal)
    before = journal.read_bytes().replace(old, new, 1)
    journal.write_bytes(before)
    with pytest.raises(InvalidArgumentError, match=expected):
        await values(client, 8, journal)
    assert journal.read_bytes() == before


async def test_another_version_of_a_function_has_another_journal(client: PieClient, journal: Path) -> None:
    @inferlet(name="greet", version="1.0.0")
    async def first(name: str) -> str:
        return name

    @inferlet(name="greet", version="1.0.1")
    async def second(name: str) -> str:
        return "hello, " + name

    assert [r.value async for r in client.map(first, ["Ada"], journal=journal)] == ["Ada"]
    with pytest.raises(InvalidArgumentError, match=r"is of 'greet@1\.0\.0', not of 'greet@1\.0\.1'"):
        await anext(client.map(second, ["Ada"], journal=journal))


@pytest.mark.skipif(sys.platform == "win32", reason="nothing locks it there")
async def test_two_maps_cannot_use_one_journal_at_a_time(client: PieClient, journal: Path) -> None:
    async with client.map("square@1.0.0", range(8), journal=journal, concurrency=1) as first:
        await anext(first)
        with pytest.raises(InvalidArgumentError, match="is in use by another map"):
            await values(client, 8, journal)
    assert await values(client, 8, journal) == [n * n for n in range(8)]


async def test_a_journal_that_cannot_be_opened_or_written_is_named(client: PieClient, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="missing"):
        await values(client, 3, tmp_path / "missing" / "journal")
    with pytest.raises(IsADirectoryError):
        await values(client, 3, tmp_path)
    with pytest.raises(InvalidArgumentError, match="is not a regular file"):
        await values(client, 3, Path("/dev/full"))


async def test_a_disk_that_is_full_ends_the_map(
    client: PieClient, journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await values(client, 2, journal)
    before = journal.read_bytes()
    write = os.write

    def fill(file: int, data: memoryview) -> int:
        if b'"index"' in bytes(data):
            write(file, data[:10])
            raise OSError(28, "No space left on device")
        return write(file, data)

    monkeypatch.setattr(os, "write", fill)
    with pytest.raises(OSError, match=r"No space left on device: .*answers"):
        await values(client, 50, journal)
    monkeypatch.undo()
    assert journal.read_bytes().startswith(before)
    assert await values(client, 10, journal) == [n * n for n in range(10)]


async def test_nothing_follows_a_line_that_was_written_in_part(
    journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk may have room again at the next write."""
    write, failures = os.write, [OSError(28, "No space left on device")]
    received, others = itertools.count(), threading.Event()
    loop, writing = asyncio.get_running_loop(), asyncio.Event()

    def watch(frame: ObservedFrame) -> None:
        if frame.fields.get("event") == "return" and next(received) == 5:
            others.set()

    async with LocalEngine() as engine, PieClient(engine.uri, timeout=20) as client:

        @engine.inferlet("square@1.0.0")
        async def square(session: InferletSession, input: JsonValue) -> int:
            assert isinstance(input, int)
            if input:
                await writing.wait()
            return input * input

        def fill_once(file: int, data: memoryview) -> int:
            if failures and b'"index"' in bytes(data):
                loop.call_soon_threadsafe(writing.set)
                assert others.wait(TIMEOUT), "no other answers to write"
                asyncio.run_coroutine_threadsafe(client.ping(), loop).result(TIMEOUT)
                write(file, data[:10])
                raise failures.pop()
            return write(file, data)

        monkeypatch.setattr(os, "write", fill_once)
        with client.observe(watch), pytest.raises(OSError, match="No space left"):
            await values(client, 50, journal)
        assert failures == []
        assert await values(client, 50, journal) == [n * n for n in range(50)]


# ------------------------------------------------------------- kills and losses


async def printed(uri: str, journal: Path, count: int, lines: int | None) -> list[str]:
    """Run a map in a process of its own, and kill it after some lines. Return what it printed."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-W", "error", "-c", MAPPER, uri, journal, str(count)),
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )
    assert process.stdout is not None
    found: list[str] = []
    async with asyncio.timeout(TIMEOUT):
        while (lines is None or len(found) < lines) and (line := await process.stdout.readline()):
            found.append(line.decode())
        if lines is not None:
            process.kill()
        await process.stdout.read()
        assert await process.wait() == (0 if lines is None else -signal.SIGKILL)
    return found


@pytest.mark.parametrize("count", [300, pytest.param(2000, marks=pytest.mark.soak)])
async def test_every_input_is_answered_once_whenever_the_map_is_killed(
    count: int, journal: Path, record_property: Callable[[str, object], None]
) -> None:
    chance = random.Random(count)  # noqa: S311 - a test that can be repeated
    runs: Counter[int] = Counter()
    async with LocalEngine() as engine:
        add_square(engine, runs)

        for _ in range(3):
            # Replayed results are printed too, so each kill comes in new work.
            known = len(answers(journal)) if journal.exists() else 0
            await printed(engine.uri, journal, count, known + chance.randrange(1, count // 4))
        assert len(answers(journal)) < count
        last = await printed(engine.uri, journal, count, None)
    expected = [(n, n * n) for n in range(count)]
    assert answers(journal) == expected
    assert sorted(tuple(map(int, line.split())) for line in last) == expected
    # What ran when the map was killed runs again, but nothing whose result it had handed out.
    again = runs.total() - count
    assert again <= 3 * 64
    record_property(FIGURES, f"{count} inputs, 3 kills, {again} ran again")


@pytest.mark.parametrize(("count", "drops"), [(400, 4), pytest.param(10_000, 20, marks=pytest.mark.soak)])
async def test_every_input_is_answered_over_a_link_that_drops(
    count: int, drops: int, journal: Path, record_property: Callable[[str, object], None]
) -> None:
    chance = random.Random(count)  # noqa: S311 - a test that can be repeated
    runs: Counter[int] = Counter()
    async with LocalEngine() as engine:
        add_square(engine, runs)

        policy = Reconnect(attempts=1000, first_delay=0.001, max_delay=0.01)
        async with PieClient(engine.uri, reconnect=policy) as client:
            mapped = client.map("square@1.0.0", range(count), int, journal=journal, retries=drops)
            found: list[int] = []
            faults: list[Fault] = []
            async for result in mapped:
                found.append(result.value)
                if len(faults) < drops and len(found) == (len(faults) + 1) * count // (drops + 1):
                    faults.append(engine.faults.drop_connection(chance.randrange(5000)))
    assert not any(fault.active for fault in faults)
    assert len(faults) == drops
    assert found == [n * n for n in range(count)]
    assert answers(journal) == [(n, n * n) for n in range(count)]
    assert mapped.progress.retried >= drops
    record_property(
        FIGURES, f"{count} inputs, {drops} drops, {mapped.progress.retried} repeated, {runs.total()} runs"
    )
