"""The examples run on an embedded engine, and report mistakes in one line."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import JsonValue

from pie_client.testing import InferletSession, LocalEngine
from tests.support.keys import ed25519_key
from tests.support.repository import ROOT

QUICKSTART = ROOT / "examples" / "quickstart.py"


def quickstart(*arguments: str) -> "subprocess.Popen[str]":
    """Start the quickstart."""
    return subprocess.Popen(  # noqa: S603 - our own example, our own interpreter
        [sys.executable, "-W", "error", str(QUICKSTART), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_the_quickstart_streams_text_and_prints_the_result_without_a_server() -> None:
    process = quickstart()
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    first, text, done = out.splitlines()
    assert "no model runs in it" in first
    assert text.startswith("Hello world, said the embedded engine")
    assert done.startswith('[done] {"text": "Hello world')


async def test_the_quickstart_runs_on_a_server_that_asks_for_a_key(tmp_path: Path) -> None:
    key, public = ed25519_key(tmp_path)
    async with LocalEngine(family="0.4", auth={"alice": [public]}) as engine:

        @engine.inferlet("shout@1.0.0")
        async def shout(session: InferletSession, input: JsonValue) -> JsonValue:
            session.send(f"{input}!")
            return session.username

        process = quickstart(engine.uri, "--inferlet", "shout@1.0.0", "--input", '"hey"', "--key", str(key))
        out, err = await asyncio.to_thread(process.communicate, timeout=60)
    assert (process.returncode, err) == (0, "")
    assert out == 'hey!\n[done] "alice"\n'


def test_map_lines_reads_standard_input_and_runs_on_an_embedded_engine() -> None:
    script = QUICKSTART.with_name("map_lines.py")
    done = subprocess.run(  # noqa: S603 - our own example, our own interpreter
        [sys.executable, "-W", "error", str(script), "-", "--jobs", "2"],
        input="one two\n\nthree\n",
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0
    assert done.stdout == (
        '{"line": 1, "result": {"characters": 7, "words": 2, "longest": "one"}}\n'
        '{"line": 3, "result": {"characters": 5, "words": 1, "longest": "three"}}\n'
    )
    assert "no model runs in it" in done.stderr


async def test_map_lines_runs_a_line_again_after_its_timeout(tmp_path: Path) -> None:
    text = tmp_path / "text"
    text.write_text("1\n2\n3\n", encoding="utf-8")
    options = ("--inferlet", "echo@1.0.0", "--input", '["{}"]', "--timeout", "1", "--attempts", "2")
    async with LocalEngine(builtins=True) as engine:
        engine.faults.never_end(times=2)
        script = QUICKSTART.with_name("map_lines.py")
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-W", "error", script, text, engine.uri, *options),
            stdout=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(60):
            out, _ = await process.communicate()
        assert engine.processes == {}
    assert process.returncode == 0
    assert [json.loads(line)["result"] for line in out.splitlines()] == [["1"], ["2"], ["3"]]


def test_map_lines_goes_on_with_its_journal(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("one\ntwo\n", encoding="utf-8")
    arguments = (str(tmp_path / "text"), "--journal", str(tmp_path / "journal"))
    first, second = map_lines(*arguments), map_lines(*arguments)
    assert (first.returncode, second.returncode) == (0, 0)
    assert first.stdout == second.stdout
    assert first.stdout.count("\n") == 2
    assert (tmp_path / "journal").read_bytes().count(b"\n") == 3


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["ws://127.0.0.1:1"], "could not connect to ws://127.0.0.1:1"),
        ([""], "server_uri"),
        (["--key", "no-such-file"], "quickstart: no-such-file: No such file or directory"),
        (["--input", "{bad"], "quickstart: --input is not JSON: Expecting"),
        (["--inferlet", "-"], "is not a program"),
    ],
)
def test_the_quickstart_reports_a_mistake_in_one_line(arguments: list[str], expected: str) -> None:
    process = quickstart(*arguments)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert err.startswith("quickstart: ")
    assert err.count("\n") == 1
    assert expected in err


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--timeout", "-1"], "error: --timeout -1 is too short"),
        (["--timeout", "0"], "error: --timeout 0 is too short"),
        (["--timeout", "nan"], "error: --timeout nan is too short"),
        (["--jobs", "0"], "error: --jobs 0 is too small"),
        (["--attempts", "0"], "error: --attempts 0 is too small"),
        (["--input", "{bad"], "error: argument --input: not JSON: Expecting"),
    ],
)
def test_map_lines_rejects_invalid_options(arguments: list[str], expected: str) -> None:
    done = map_lines("-", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert expected in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_map_lines_names_a_file_that_it_cannot_read(tmp_path: Path) -> None:
    done = map_lines("no-such-file")
    assert (done.returncode, done.stderr) == (1, "map_lines: no-such-file: No such file or directory\n")
    (tmp_path / "bytes").write_bytes(b"one\n\xff\n")
    done = map_lines(str(tmp_path / "bytes"))
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("map_lines: 'utf-8' codec can't decode byte 0xff")
    assert "Traceback" not in done.stderr


def map_lines(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run map_lines with empty standard input."""
    return subprocess.run(  # noqa: S603 - our own example, our own interpreter
        [sys.executable, "-W", "error", str(QUICKSTART.with_name("map_lines.py")), *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


async def test_map_lines_reports_a_lost_connection_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("1\n2\n3\n", encoding="utf-8")
    async with LocalEngine() as engine:

        @engine.inferlet("drop@1.0.0")
        async def drop(session: InferletSession, input: JsonValue) -> JsonValue:
            engine.faults.drop_connection()
            return await session.receive()

        text = str(tmp_path / "text")
        done = await asyncio.to_thread(map_lines, text, engine.uri, "--inferlet", "drop@1.0.0", "--jobs", "1")
    assert (done.returncode, done.stdout) == (1, "")
    tally, error = done.stderr.splitlines()
    assert tally == "0 lines done, 0 of them failed"
    assert error.startswith("map_lines: ")
    assert "connection" in error


@pytest.mark.parametrize(
    ("example", "buffered"),
    [("quickstart.py", "buffered"), ("map_lines.py", "buffered"), ("map_lines.py", "unbuffered")],
)
def test_an_example_reports_unwritable_output_in_one_line(example: str, buffered: str) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    arguments = [str(ROOT / "README.md")] if example == "map_lines.py" else []
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(  # noqa: S603 - our own example, our own interpreter
            [sys.executable, str(QUICKSTART.with_name(example)), *arguments],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=60,
            # An empty value counts as unset.
            env={**os.environ, "PYTHONUNBUFFERED": "1" if buffered == "unbuffered" else ""},
        )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].endswith(": output: No space left on device")
    assert "Traceback" not in done.stderr
