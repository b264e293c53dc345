"""Processes and limits of uploaded scripts in the embedded engine, and its error texts.

What scripts do and send is tested on both servers in tests/scenarios, with recordings of a real one.
"""

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pydantic import JsonValue

from pie_client import (
    ErrorEvent,
    Family,
    InstallError,
    InvalidArgumentError,
    InvalidManifestError,
    MessageEvent,
    PieClient,
    Process,
    ProcessError,
    ProcessTerminatedError,
    ReturnEvent,
    StdoutEvent,
)
from pie_client.protocol.items import ProcessEvent
from pie_client.testing import LocalEngine, ScriptLimits
from tests.support.peers import COMPONENT, TIMEOUT

pytestmark = pytest.mark.skipif(os.name != "posix", reason="scripts need POSIX processes")

IMPORTS = "import asyncio, inferlet, os, sys, time\nfrom inferlet import session\n"


@pytest.fixture
def family() -> Family:
    """The family that runs scripts."""
    return "0.5"


@pytest.fixture
async def engine(
    family: Family, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[LocalEngine]:
    """An engine that runs scripts and removes their folders."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    async with LocalEngine(family=family, allow_scripts=True) as running:
        yield running
    assert os.listdir(tmp_path) == []  # noqa: PTH208 - not a blocking call of pathlib


def manifest(
    *, language: str = "python", entry: str | None = None, call: str | None = None, name: str = "app"
) -> str:
    lines = [f'[package]\nname = "{name}"\nversion = "1.0.0"\n[runtime]\nlanguage = "{language}"']
    if entry is not None:
        lines.append(f'entry = "{entry}"')
    if call is not None:
        lines.append(f'call = "{call}"')
    return "\n".join(lines)


async def install(client: PieClient, source: str | bytes, toml: str | None = None) -> None:
    content = (IMPORTS + source).encode() if isinstance(source, str) else source
    await client.rpc.add_program(content=content, manifest=toml or manifest(), force_overwrite=True)


async def launch(
    client: PieClient, source: str, *, input: JsonValue = None, call: str | None = None
) -> Process:
    await install(client, source, manifest(call=call))
    return await client.launch_process("app@1.0.0", input={} if input is None else input)


async def events_of(process: Process) -> list[ProcessEvent]:
    async with asyncio.timeout(TIMEOUT):
        return [event async for event in process]


async def end_of(
    client: PieClient, source: str, *, input: JsonValue = None, call: str | None = None
) -> ProcessEvent:
    return (await events_of(await launch(client, source, input=input, call=call)))[-1]


def returning(value: str) -> str:
    return f"async def main(x):\n    return {value}\n"


@pytest.mark.parametrize(
    ("call", "input_text", "text"),
    [
        ("input", "[1, 2]", "(([1, 2],), {})"),
        ("input", '"q"', "(('q',), {})"),
        ("input", "", "(({},), {})"),
        ("input", "not json", "(({'input': 'not json'},), {})"),
        ("kwargs", '{"a-b": 1}', "((), {'a-b': 1})"),
        ("kwargs", "", "((), {})"),
        ("kwargs", "not json", "((), {'input': 'not json'})"),
        ("kwargs", "[1]", None),
        ("kwargs", "null", None),
    ],
)
async def test_the_input_is_passed_as_by_a_real_engine(
    engine: LocalEngine, client: PieClient, call: str, input_text: str, text: str | None
) -> None:
    await install(client, "async def main(*a, **k):\n    session.send(repr((a, k)))\n", manifest(call=call))
    await client.rpc.launch_process(inferlet="app@1.0.0", input=input_text, capture_outputs=False)
    (info,) = await client.list_processes()
    end = await asyncio.wait_for(engine.processes[info.id].outcome, TIMEOUT)
    if text is None:
        assert end.value == "app@1.0.0 takes keyword arguments, so its input must be a JSON object"
    else:
        assert end.value == ""


@pytest.mark.parametrize(
    ("source", "first", "rest"),
    [
        (
            "async def main(:\n",
            "SyntaxError: invalid syntax (app.py, line 3)",
            ['  File "app.py", line 3', "    async def main(:"],
        ),
        ("raise ValueError('early')\n", "ValueError: early", ['  File "app.py", line 3, in <module>']),
        (
            "async def main():\n    pass\n",
            "TypeError: main() takes 0 positional arguments but 1 was given",
            [],
        ),
        ("main = 5\n", "TypeError: 'int' object is not callable", []),
        (
            "async def main(x):\n    return {(1, 2): 3}\n",
            "TypeError: keys must be str, int, float, bool or None, not tuple",
            [],
        ),
        (
            "async def main(x):\n    session.send('\\ud800')\n",
            "UnicodeEncodeError: 'utf-8' codec can't encode character",
            [],
        ),
        (
            "async def main(x):\n    session.send_file('text')\n",
            "TypeError: send_file takes bytes, not str",
            [],
        ),
        (
            "async def main(x):\n    from inferlet import model\n",
            "ImportError: inferlet.model needs a model, and LocalEngine runs none",
            [],
        ),
        (
            "async def main(x):\n    from inferlet import nothing\n",
            "ImportError: cannot import name 'nothing' from 'inferlet'",
            [],
        ),
        ("async def main(x):\n    return bytearray(5 << 30)\n", "MemoryError: ", []),
    ],
)
async def test_a_script_that_fails_ends_with_its_traceback(
    client: PieClient, source: str, first: str, rest: list[str]
) -> None:
    end = await end_of(client, source)
    assert isinstance(end, ErrorEvent)
    lines = end.value.splitlines()
    assert lines[0].startswith(first)
    assert lines[1] == "Traceback (most recent call last):"
    for line in rest:
        assert line in lines


@pytest.mark.parametrize("source", ["", "async def other(x): pass\n"])
async def test_a_script_without_its_entry_function_fails(client: PieClient, source: str) -> None:
    assert await end_of(client, source) == ErrorEvent(
        "app@1.0.0 defines no `main`; a Python inferlet is a module with an entry function,"
        " `async def main(input: dict)` unless the manifest names another"
    )


async def test_the_manifest_names_the_entry_function(client: PieClient) -> None:
    await install(client, "async def start(x):\n    return 'started'\n", manifest(entry="start"))
    process = await client.launch_process("app")
    assert await events_of(process) == [ReturnEvent("started")]


@pytest.mark.parametrize(
    ("toml", "content", "kind", "text"),
    [
        (manifest(language="ruby"), b"", InvalidManifestError, "language"),
        (manifest(call="other"), b"", InvalidManifestError, "call"),
        (manifest(language="javascript"), b"", InstallError, "no javascript language component"),
        (manifest(), b"x = '\xff'", InstallError, "app@1.0.0 is not UTF-8 python source"),
    ],
)
async def test_a_script_that_can_not_run_is_refused_when_it_is_uploaded(
    client: PieClient, toml: str, content: bytes, kind: type[Exception], text: str
) -> None:
    """As on real servers the program is known then, if its manifest is valid, and a launch is refused too."""
    with pytest.raises(kind, match=text):
        await install(client, content, toml)
    if kind is InvalidManifestError:
        assert not await client.check_program("app@1.0.0")
    else:
        assert await client.check_program("app@1.0.0")
        with pytest.raises(kind, match=text):
            await client.launch_process("app@1.0.0")


async def test_an_upload_replaces_a_script_only_with_force_overwrite(client: PieClient) -> None:
    await install(client, returning("'old'"))
    await client.rpc.add_program(
        content=returning("'new'").encode(), manifest=manifest(), force_overwrite=False
    )
    assert await events_of(await client.launch_process("app@1.0.0")) == [ReturnEvent("old")]
    await install(client, returning("'new'"))
    assert await events_of(await client.launch_process("app@1.0.0")) == [ReturnEvent("new")]
    await install(client, COMPONENT, '[package]\nname = "app"\nversion = "1.0.0"\n')
    with pytest.raises(ProcessError, match="is WebAssembly, which LocalEngine does not run"):
        await (await client.launch_process("app@1.0.0")).wait(timeout=TIMEOUT)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("asyncio.create_task(session.receive())", "ended while a receive or receive_file"),
        ("asyncio.create_task(session.receive_file())", "ended while a receive or receive_file"),
        ("await asyncio.get_running_loop().create_future()", "waits for what can't happen"),
        ("import sys; asyncio.get_running_loop().call_soon(sys.exit); await session.receive()", "SystemExit"),
    ],
)
async def test_a_script_that_can_not_go_on_fails(client: PieClient, body: str, text: str) -> None:
    process = await launch(client, f"async def main(x):\n    {body}\n    return 'end'\n")
    with pytest.raises(ProcessError, match=f"Call error: .*{text}"):
        await process.wait(timeout=TIMEOUT)


@pytest.mark.parametrize("what", ["receive", "receive_file"])
async def test_a_script_fails_when_something_is_received_for_a_cancelled_wait(
    client: PieClient, what: str
) -> None:
    process = await launch(
        client,
        f"""
async def main(x):
    given_up = asyncio.create_task(session.{what}())
    await asyncio.sleep(0)
    given_up.cancel()
    await asyncio.sleep(0)
    session.send("given up")
    await session.{what}()
""",
    )
    async with asyncio.timeout(TIMEOUT):
        assert await anext(process) == MessageEvent("given up")
        await process.signal("x")
        with pytest.raises(ProcessError, match="Call error: something came for a receive or receive_file"):
            await process.wait()


async def pid_of(process: Process) -> int:
    async with asyncio.timeout(TIMEOUT):
        event = await anext(process)
    assert isinstance(event, MessageEvent)
    return int(event.value)


def exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def runs(pid: int) -> bool:
    """Return whether a process exists and is not a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


BUSY = "async def main(x):\n    session.send(os.getpid())\n    while True: pass\n"
WAITING = "async def main(x):\n    session.send(os.getpid())\n    await session.receive()\n"
DEAF = """
import signal
async def main(x):
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    session.send(os.getpid())
    time.sleep(1000)
"""
FLOODING = "async def main(x):\n    session.send(os.getpid())\n    while True: print('x' * 1000)\n"


@pytest.mark.parametrize("source", [BUSY, WAITING, DEAF, FLOODING])
async def test_terminating_a_script_kills_its_process(
    engine: LocalEngine, client: PieClient, source: str
) -> None:
    process = await launch(client, source)
    pid = await pid_of(process)
    task = engine.processes[process.process_id].task
    assert task is not None
    assert exists(pid)
    await process.terminate()
    with pytest.raises(ProcessTerminatedError):
        await process.wait(timeout=TIMEOUT)
    await asyncio.wait([task], timeout=TIMEOUT)
    assert not exists(pid)


@pytest.mark.parametrize("source", [BUSY, WAITING, DEAF])
async def test_stopping_the_engine_kills_scripts(engine: LocalEngine, client: PieClient, source: str) -> None:
    pids = [await pid_of(await launch(client, source)) for _ in range(5)]
    await engine.stop()
    assert not any(map(exists, pids))


async def test_closing_a_connection_kills_its_scripts(engine: LocalEngine) -> None:
    async with PieClient(engine.uri, timeout=TIMEOUT) as client:
        process = await launch(client, BUSY)
        pid = await pid_of(process)
        task = engine.processes[process.process_id].task
        assert task is not None
    await asyncio.wait([task], timeout=TIMEOUT)
    assert not exists(pid)


async def test_a_script_can_be_terminated_while_it_starts(engine: LocalEngine, client: PieClient) -> None:
    await install(client, BUSY)
    processes = [await client.launch_process("app@1.0.0") for _ in range(5)]
    tasks = [running.task for running in engine.processes.values() if running.task is not None]
    await asyncio.gather(*(process.terminate() for process in processes))
    done, _ = await asyncio.wait(tasks, timeout=TIMEOUT)
    assert len(done) == 5


async def test_processes_that_a_script_has_started_are_killed_with_it(client: PieClient) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root's scripts can start processes")
    process = await launch(
        client,
        """
async def main(x):
    pid = os.fork()
    if pid == 0:
        time.sleep(1000)
    session.send(pid)
    return "left"
""",
    )
    pid = await pid_of(process)
    assert await process.wait(timeout=TIMEOUT) == "left"
    async with asyncio.timeout(TIMEOUT):
        while runs(pid):
            await client.ping()


async def test_a_script_that_exits_while_a_process_that_it_has_started_runs_on_fails(
    client: PieClient,
) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root's scripts can start processes")
    process = await launch(
        client, "async def main(x):\n    if os.fork():\n        os._exit(5)\n    time.sleep(1000)\n"
    )
    with pytest.raises(ProcessError, match="exited with status 5"):
        await process.wait(timeout=TIMEOUT)


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("os._exit(3)", "the script's process exited with status 3 before its function returned"),
        ("os.kill(os.getpid(), 9)", "the script's process was ended by SIGKILL"),
        ("os.closerange(3, 99); os._exit(4)", "the script's process exited with status 4"),
    ],
)
async def test_the_error_of_a_process_that_ends_early_tells_how(
    client: PieClient, line: str, text: str
) -> None:
    process = await launch(client, f"async def main(x):\n    print('last words')\n    {line}\n")
    *before, end = await events_of(process)
    assert before == [StdoutEvent("last words"), StdoutEvent("\n")]
    assert isinstance(end, ErrorEvent)
    assert end.value.startswith(text)


async def test_a_script_that_writes_to_the_engines_socket_is_killed(client: PieClient) -> None:
    source = "import socket\nasync def main(x):\n    for n in range(3, 60):\n        try: os.write(n, b'?\\n')\n        except OSError: pass\n    await session.receive()\n"
    with pytest.raises(ProcessError, match="JSONDecodeError"):
        await (await launch(client, source)).wait(timeout=TIMEOUT)


async def test_a_script_has_limits(family: Family) -> None:
    limits = ScriptLimits(memory_bytes=512 << 20, cpu_seconds=1, open_files=20, file_bytes=1000)
    async with (
        LocalEngine(family=family, allow_scripts=True, script_limits=limits) as engine,
        PieClient(engine.uri, timeout=TIMEOUT) as client,
    ):
        end = await end_of(client, "async def main(x):\n    bytearray(1 << 30)\n")
        assert isinstance(end, ErrorEvent)
        assert end.value.startswith("MemoryError")
        end = await end_of(client, "async def main(x):\n    f = [open('/dev/null') for _ in range(50)]\n")
        assert isinstance(end, ErrorEvent)
        assert end.value.startswith("OSError: [Errno 24] Too many open files")
        end = await end_of(
            client, "async def main(x):\n    with open('f', 'wb') as f: f.write(bytes(5000))\n"
        )
        assert isinstance(end, ErrorEvent)
        assert end.value.startswith("OSError: [Errno 27] File too large")
        end = await end_of(client, BUSY)
        assert isinstance(end, ErrorEvent)
        assert end.value.startswith("the script's process was ended by SIGXCPU")


async def test_a_script_runs_in_an_empty_folder_without_environment(
    client: PieClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MY_SECRET", "hidden")
    source = """
async def main(x):
    open("file", "w").close()
    with open("/proc/self/environ") as f:
        return [os.getcwd(), os.listdir(), "hidden" in f.read(), sorted(os.environ)]
"""
    process = await launch(client, source)
    folder, files, leaked, names = await process.result(
        tuple[str, list[str], bool, list[str]], timeout=TIMEOUT
    )
    assert folder.startswith(str(tmp_path))
    assert (files, leaked, names) == (["file"], False, [])


async def test_a_script_whose_process_can_not_start_fails(
    client: PieClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    await install(client, BUSY)
    monkeypatch.setattr("sys.executable", "/does/not/exist")
    with pytest.raises(ProcessError, match=r"can't start a process for the script app@1\.0\.0: No such file"):
        await (await client.launch_process("app@1.0.0")).wait(timeout=TIMEOUT)


async def test_scripts_run_only_with_allow_scripts() -> None:
    async with LocalEngine(family="0.5") as engine, PieClient(engine.uri, timeout=TIMEOUT) as client:
        with pytest.raises(
            ProcessError, match=r"app@1\.0\.0 is a script; pass allow_scripts=True to LocalEngine"
        ):
            await (await launch(client, BUSY)).wait(timeout=TIMEOUT)


async def test_the_0_4_family_refuses_scripts() -> None:
    async with (
        LocalEngine(family="0.4") as engine,
        PieClient(engine.uri, timeout=TIMEOUT) as client,
    ):
        with pytest.raises(InstallError, match="Failed to compile WASM: failed to parse WebAssembly module"):
            await install(client, BUSY)


async def test_a_detached_script_can_be_attached_to(family: Family) -> None:
    async with LocalEngine(family=family, allow_scripts=True, keep_detached=True) as engine:
        async with PieClient(engine.uri, timeout=TIMEOUT) as client:
            process = await launch(
                client, "async def main(x):\n    session.send('up')\n    return await session.receive()\n"
            )
            async with asyncio.timeout(TIMEOUT):
                assert await anext(process) == MessageEvent("up")
        async with PieClient(engine.uri, timeout=TIMEOUT) as client:
            process = await client.attach_process(process.process_id)
            await process.signal("again")
            assert await process.wait(timeout=TIMEOUT) == "again"


def test_allow_scripts_needs_a_posix_system(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pie_client.testing.engine.options.SUPPORTED", False)
    with pytest.raises(InvalidArgumentError, match="allow_scripts"):
        LocalEngine(allow_scripts=True)
