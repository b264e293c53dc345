"""The engine in a terminal exits on signals, whatever runs in it."""

import contextlib
import os
import re
import select
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path

import pytest

from pie_client import Event, PieClient
from tests.support.peers import TIMEOUT
from tests.support.terminals import RunningScript, Terminal, launch_script, terminal

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals and scripts are others there")

APP = """
import asyncio, threading, time

def register(engine):
    @engine.inferlet("swallow@1.0.0")
    async def swallow(session, input):
        session.send("ready")
        while True:
            try:
                await asyncio.sleep(1)
            except asyncio.CancelledError:
                pass

    @engine.inferlet("block@1.0.0")
    async def block(session, input):
        session.send("ready")
        await asyncio.sleep(0.1)
        print("blocked", flush=True)
        time.sleep(1000)

    @engine.inferlet("thread@1.0.0")
    async def thread(session, input):
        session.send("ready")
        await asyncio.to_thread(time.sleep, 1000)

    @engine.inferlet("lasting@1.0.0")
    async def lasting(session, input):
        threading.Thread(target=time.sleep, args=(1000,), name="lasting").start()
        session.send("ready")

    @engine.inferlet("slow@1.0.0")
    async def slow(session, input):
        session.send("ready")
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(1.5)
            print("cleaned up")
"""


APP_WITHOUT_END = """
import time

while True:
    try:
        print("ready", flush=True)
        time.sleep(1000)
    except BaseException:
        pass
"""


@dataclass(frozen=True)
class Stage:
    """An engine in a terminal that runs an inferlet which does not end, and perhaps a script."""

    engine: Terminal
    process_id: str
    script: RunningScript | None

    async def script_gone(self) -> None:
        """Wait until the process of the script has ended."""
        assert self.script is not None
        await self.script.gone()


@contextlib.asynccontextmanager
async def running(
    program: str, folder: Path, *, script: bool = False, timeout: float = 5
) -> AsyncGenerator[Stage]:
    (folder / "app.py").write_text(APP, encoding="utf-8")
    flags = ["--stop-timeout", str(timeout), *(["--allow-scripts"] if script else [])]
    with terminal("--port", "0", "--no-builtins", *flags, "--load", str(folder / "app.py")) as engine:
        async with PieClient(engine.uri) as client:
            for _ in range(APP.count("@1.0.0")):
                engine.line()
            child = await launch_script(client, folder) if script else None
            process = await client.launch_process(program)
            assert await process.recv() == (Event.Message, "ready")
            if program == "block@1.0.0":
                assert engine.line() == "blocked\n"
            yield Stage(engine, process.process_id, child)


REFUSALS = {
    "swallow@1.0.0": "inferlet swallow@1.0.0 (process {id}) has not ended although cancelled",
    "block@1.0.0": "inferlet block@1.0.0 (process {id}) blocks the event loop",
    "thread@1.0.0": "thread asyncio_0 has not ended",
    "lasting@1.0.0": "thread lasting has not ended",
}


@pytest.mark.parametrize(
    ("program", "second"),
    [(program, signal.SIGTERM if program == "block@1.0.0" else signal.SIGINT) for program in REFUSALS],
)
async def test_it_names_what_does_not_end_and_exits_on_a_second_signal(
    program: str, second: int, tmp_path: Path
) -> None:
    async with running(program, tmp_path, timeout=5) as stage:
        stage.engine.process.send_signal(signal.SIGINT)
        refusal = re.escape(REFUSALS[program].format(id=stage.process_id))
        assert re.fullmatch(
            rf"pie_client\.testing: {refusal}; press Ctrl-C again to exit now, or wait \d seconds\n",
            stage.engine.error_line(),
        )
        stage.engine.process.send_signal(second)
        assert stage.engine.process.wait(TIMEOUT) == 128 + second


@pytest.mark.parametrize(
    ("program", "number"),
    [("swallow@1.0.0", signal.SIGHUP), ("block@1.0.0", signal.SIGTERM), ("lasting@1.0.0", signal.SIGINT)],
)
async def test_it_exits_with_its_scripts_when_the_time_to_stop_is_over(
    program: str, number: int, tmp_path: Path
) -> None:
    async with running(program, tmp_path, script=True, timeout=1) as stage:
        code, _, err = stage.engine.stop(number)
        await stage.script_gone()
    assert (code, err.count("\n")) == (1, 1)


async def test_an_inferlet_has_time_to_clean_up_and_scripts_end(tmp_path: Path) -> None:
    async with running("slow@1.0.0", tmp_path, script=True, timeout=30) as stage:
        assert stage.engine.stop() == (0, "cleaned up\n", "")
        await stage.script_gone()


async def test_scripts_end_with_the_engine_at_a_second_signal(tmp_path: Path) -> None:
    async with running("block@1.0.0", tmp_path, script=True, timeout=30) as stage:
        for each in (signal.SIGINT, signal.SIGTERM):
            stage.engine.process.send_signal(each)
        stage.engine.process.wait(TIMEOUT)
        await stage.script_gone()


STUBBORN = {
    "busy": "while True: pass",
    "without the socket": "os.closerange(0, alive.fileno())\n    os.closerange(alive.fileno() + 1, 1000)\n    time.sleep(1000)",
}


@pytest.mark.parametrize("line", STUBBORN.values(), ids=STUBBORN)
async def test_a_script_ends_with_a_killed_engine_whatever_it_does(line: str, tmp_path: Path) -> None:
    with terminal("--port", "0", "--no-builtins", "--allow-scripts") as engine:
        async with PieClient(engine.uri) as client:
            script = await launch_script(client, tmp_path, line)
            engine.process.kill()
            await script.gone()


SLOW_FILES = {
    "blocks": "import time\nprint('ready', flush=True)\ntime.sleep(1000)\n",
    "waits": "import asyncio\nasync def register(engine):\n    print('ready', flush=True)\n    await asyncio.sleep(1000)\n",
}


@pytest.mark.parametrize(("kind", "number"), [("blocks", signal.SIGINT), ("waits", signal.SIGTERM)])
def test_loading_can_be_interrupted(kind: str, number: int, tmp_path: Path) -> None:
    file = tmp_path / "slow.py"
    file.write_text(SLOW_FILES[kind], encoding="utf-8")
    with terminal("--port", "0", "--load", str(file)) as engine:
        assert engine.line() == "ready\n"
        said = f"pie_client.testing: interrupted while loading {file}\n"
        assert engine.stop(number) == (128 + number, "", said)


def test_it_exits_although_a_loaded_file_catches_the_interruption(tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text(APP_WITHOUT_END, encoding="utf-8")
    with terminal("--port", "0", "--stop-timeout", "1", "--load", str(tmp_path / "slow.py")) as engine:
        assert engine.line() == "ready\n"
        code, _, err = engine.stop()
    assert code == 1
    assert f"loading {tmp_path / 'slow.py'} has not ended; press Ctrl-C again" in err


def test_it_exits_although_nobody_reads_what_it_reports(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(APP_WITHOUT_END, encoding="utf-8")
    flags = ["--port", "0", "--stop-timeout", "1", "--load", str(tmp_path / "app.py")]
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb"), os.fdopen(writing, "wb", buffering=0) as full:
        os.set_blocking(writing, False)
        while full.write(bytes(select.PIPE_BUF)) is not None:
            pass
        os.set_blocking(writing, True)
        engine = subprocess.Popen(  # noqa: S603 - our own module, our own interpreter
            [sys.executable, "-m", "pie_client.testing", *flags], stdout=subprocess.PIPE, stderr=full
        )
        with engine:
            assert engine.stdout is not None
            try:
                assert engine.stdout.readline() == b"ready\n"
                engine.send_signal(signal.SIGINT)
                assert engine.wait(TIMEOUT) == 1
            finally:
                engine.kill()


def test_nohup_makes_it_ignore_sighup() -> None:
    nohup = subprocess.Popen(
        ["nohup", sys.executable, "-m", "pie_client.testing", "--port", "0"],  # noqa: S607 - wherever it is
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert nohup.stdout is not None
        assert "ws://" in nohup.stdout.readline()
        nohup.send_signal(signal.SIGHUP)
        nohup.send_signal(signal.SIGTERM)
        assert nohup.wait(TIMEOUT) == 0  # a second signal would exit with another status
    finally:
        nohup.kill()
        nohup.communicate()
