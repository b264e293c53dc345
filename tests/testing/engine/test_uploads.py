"""Uploaded programs, and files that inferlets wait for. The recorded conversations check more of both."""

import asyncio
import logging

import pytest
from pydantic import JsonValue

from pie_client import Family, InstallError, PieClient, ProcessError, ProgramNotFoundError
from pie_client.testing import InferletSession, LocalEngine
from tests.support.peers import COMPONENT, TIMEOUT

MANIFEST = '[package]\nname = "app"\nversion = "1.0.0"\n'
NOT_PARSED = "Failed to compile WASM: failed to parse WebAssembly module"
WITH_AND_WITHOUT_FORCE = pytest.mark.parametrize("force", [False, True])


async def answer(_session: InferletSession, _input: JsonValue) -> JsonValue:
    return "answered"


async def install(client: PieClient, content: bytes, *, force: bool = True) -> None:
    await client.rpc.add_program(content=content, manifest=MANIFEST, force_overwrite=force)


@pytest.mark.parametrize(
    "content",
    [b"", b"junk", b"\0asm\1\0\0\0", COMPONENT[:-1]],
    ids=["nothing", "junk", "a core module", "an incomplete header"],
)
async def test_an_upload_that_is_not_a_component_is_refused_and_stays_known(
    engine: LocalEngine, client: PieClient, content: bytes
) -> None:
    with pytest.raises(InstallError, match=NOT_PARSED):
        await install(client, content)
    assert await client.check_program("app@1.0.0")
    assert engine.uploads == {}
    with pytest.raises(InstallError, match=NOT_PARSED):
        await client.launch_process("app@1.0.0")
    with pytest.raises(InstallError, match=NOT_PARSED):
        await install(client, COMPONENT, force=False)  # the earlier upload stays and is tried again
    await install(client, COMPONENT)
    assert engine.uploads == {"app@1.0.0": COMPONENT}


async def test_a_component_is_installed_and_fails_when_it_runs(client: PieClient) -> None:
    await install(client, COMPONENT)
    with pytest.raises(
        ProcessError,
        match=r'app@1\.0\.0 is WebAssembly, .*; register .*@engine\.inferlet\("app@1\.0\.0"\)',
    ):
        await (await client.launch_process("app@1.0.0")).wait(timeout=TIMEOUT)


@WITH_AND_WITHOUT_FORCE
async def test_a_registered_function_runs_instead_of_any_upload_of_its_name(
    engine: LocalEngine, client: PieClient, *, force: bool
) -> None:
    engine.inferlet("app@1.0.0")(answer)
    await install(client, b"not a component", force=force)
    assert await (await client.launch_process("app@1.0.0")).result(str) == "answered"
    assert engine.uploads == ({"app@1.0.0": b"not a component"} if force else {})


async def test_a_function_can_be_registered_for_a_refused_upload(
    engine: LocalEngine, client: PieClient
) -> None:
    with pytest.raises(InstallError):
        await install(client, b"junk")
    engine.inferlet("app@1.0.0")(answer)
    assert await (await client.launch_process("app@1.0.0")).result(str) == "answered"


async def test_a_missing_dependency_is_refused_in_0_5(
    engine: LocalEngine, client: PieClient, family: Family
) -> None:
    manifest = f'{MANIFEST}[dependencies]\nwords = "1.0.0"\n'
    if family == "0.4":
        await client.rpc.add_program(content=COMPONENT, manifest=manifest)
        return
    with pytest.raises(
        InstallError, match=r"words@1\.0\.0 is not installed .*, and app@1\.0\.0 depends on it"
    ):
        await client.rpc.add_program(content=COMPONENT, manifest=manifest)
    engine.inferlet("words@1.0.0")(answer)
    await client.rpc.add_program(content=COMPONENT, manifest=manifest)


async def test_an_unknown_program_is_not_found(client: PieClient) -> None:
    with pytest.raises(ProgramNotFoundError):
        await client.launch_process("app@1.0.0")


# ------------------------------------------------------------- waiting for files


async def test_receive_file_raises_without_a_client(engine: LocalEngine, client: PieClient) -> None:
    failed: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    @engine.inferlet("app@1.0.0")
    async def take(session: InferletSession, _input: JsonValue) -> None:
        try:
            await session.receive_file()
        except RuntimeError as error:
            failed.set_result(str(error))

    await client.launch_process("app@1.0.0", capture_outputs=False)
    text = await asyncio.wait_for(failed, TIMEOUT)
    assert text == "no client is attached to the process, so it can't receive a file"


async def test_a_file_that_no_call_waits_for_is_dropped_and_logged(
    engine: LocalEngine, client: PieClient, caplog: pytest.LogCaptureFixture
) -> None:
    @engine.inferlet("app@1.0.0")
    async def take(session: InferletSession, _input: JsonValue) -> JsonValue:
        await session.receive()
        session.send("ready")
        return (await session.receive_file()).decode()

    process = await client.launch_process("app@1.0.0")
    with caplog.at_level(logging.INFO, "pie_client.testing"):
        await process.transfer_file(b"early")
        await process.signal("go on")
        await process.recv(timeout=TIMEOUT)
    await process.transfer_file(b"in time")
    assert await process.result(str, timeout=TIMEOUT) == "in time"
    assert f"dropping a file for process {process.process_id}: it does not wait for one" in caplog.text


async def test_receive_file_replaces_an_earlier_call(engine: LocalEngine, client: PieClient) -> None:
    @engine.inferlet("app@1.0.0")
    async def take(session: InferletSession, _input: JsonValue) -> JsonValue:
        waits = [asyncio.create_task(session.receive_file()) for _ in range(3)]
        await asyncio.sleep(0)
        session.send("ready")
        return [str(each) for each in await asyncio.gather(*waits, return_exceptions=True)]

    process = await client.launch_process("app@1.0.0")
    await asyncio.wait_for(process.recv(), TIMEOUT)
    await process.transfer_file(b"x")
    replaced = "another receive_file has replaced this one"
    assert await process.result(timeout=TIMEOUT) == [replaced, replaced, "b'x'"]


async def test_receive_file_raises_when_the_client_disconnects(family: Family) -> None:
    async with LocalEngine(family=family, keep_detached=True) as engine:

        @engine.inferlet("app@1.0.0")
        async def take(session: InferletSession, _input: JsonValue) -> JsonValue:
            session.send("ready")
            return len(await session.receive_file())

        async with PieClient(engine.uri) as client:
            process = await client.launch_process("app@1.0.0")
            await asyncio.wait_for(process.recv(), TIMEOUT)
            [running] = engine.processes.values()
        end = await asyncio.wait_for(running.outcome, TIMEOUT)
        assert end.value.startswith("RuntimeError: the client that could send a file has disconnected")
