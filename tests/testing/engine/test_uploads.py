"""What the embedded engine makes of uploads and of waits for files; the recorded conversations have more of it."""

import asyncio

import pytest
from pydantic import JsonValue

from pie_client import Family, InstallError, PieClient, ProcessError, ProgramNotFoundError
from pie_client.testing import InferletSession, LocalEngine
from tests.support.peers import COMPONENT, PATIENCE

MANIFEST = '[package]\nname = "app"\nversion = "1.0.0"\n'
NOT_PARSED = "Failed to compile WASM: failed to parse WebAssembly module"
AS_RUNS = pytest.mark.parametrize("force", [False, True])


async def play(_session: InferletSession, _input: JsonValue) -> JsonValue:
    return "played"


async def install(client: PieClient, content: bytes, *, force: bool = True) -> None:
    await client.rpc.add_program(content=content, manifest=MANIFEST, force_overwrite=force)


@pytest.mark.parametrize(
    "content",
    [b"", b"junk", b"\0asm\1\0\0\0", COMPONENT[:-1]],
    ids=["nothing", "junk", "a core module", "an incomplete header"],
)
async def test_an_upload_that_is_not_a_component_is_refused_but_known(
    engine: LocalEngine, client: PieClient, content: bytes
) -> None:
    with pytest.raises(InstallError, match=NOT_PARSED):
        await install(client, content)
    assert await client.check_program("app@1.0.0")
    assert engine.uploads == {}
    with pytest.raises(InstallError, match=NOT_PARSED):
        await client.launch_process("app@1.0.0")
    with pytest.raises(InstallError, match=NOT_PARSED):
        await install(client, COMPONENT, force=False)  # what was there stays, and is tried again
    await install(client, COMPONENT)
    assert engine.uploads == {"app@1.0.0": COMPONENT}


async def test_a_component_is_installed_and_fails_when_it_runs(client: PieClient) -> None:
    await install(client, COMPONENT)
    with pytest.raises(
        ProcessError,
        match=r'app@1\.0\.0 is WebAssembly, .*; register .*@engine\.inferlet\("app@1\.0\.0"\)',
    ):
        await (await client.launch_process("app@1.0.0")).wait(timeout=PATIENCE)


@AS_RUNS
async def test_a_function_plays_a_program_whatever_is_uploaded_under_its_name(
    engine: LocalEngine, client: PieClient, *, force: bool
) -> None:
    engine.inferlet("app@1.0.0")(play)
    await install(client, b"a stand-in for the build", force=force)
    assert await (await client.launch_process("app@1.0.0")).result(str) == "played"
    assert engine.uploads == ({"app@1.0.0": b"a stand-in for the build"} if force else {})


async def test_a_function_that_comes_later_plays_what_could_not_be_installed(
    engine: LocalEngine, client: PieClient
) -> None:
    with pytest.raises(InstallError):
        await install(client, b"junk")
    engine.inferlet("app@1.0.0")(play)
    assert await (await client.launch_process("app@1.0.0")).result(str) == "played"


async def test_a_missing_dependency_is_named_where_no_registry_is_asked(
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
    engine.inferlet("words@1.0.0")(play)
    await client.rpc.add_program(content=COMPONENT, manifest=manifest)


async def test_a_program_that_nobody_uploaded_is_not_found(client: PieClient) -> None:
    with pytest.raises(ProgramNotFoundError):
        await client.launch_process("app@1.0.0")


# ------------------------------------------------------------- waiting for files


async def test_a_wait_for_a_file_without_a_client_fails_at_once(
    engine: LocalEngine, client: PieClient
) -> None:
    failed: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    @engine.inferlet("app@1.0.0")
    async def take(session: InferletSession, _input: JsonValue) -> None:
        try:
            await session.receive_file()
        except RuntimeError as error:
            failed.set_result(str(error))

    await client.launch_process("app@1.0.0", capture_outputs=False)
    text = await asyncio.wait_for(failed, PATIENCE)
    assert text == "no client is attached to the process, so it can't receive a file"


async def test_a_wait_for_a_file_replaces_the_one_before(engine: LocalEngine, client: PieClient) -> None:
    @engine.inferlet("app@1.0.0")
    async def take(session: InferletSession, _input: JsonValue) -> JsonValue:
        waits = [asyncio.create_task(session.receive_file()) for _ in range(3)]
        await asyncio.sleep(0)
        session.send("ready")
        return [str(each) for each in await asyncio.gather(*waits, return_exceptions=True)]

    process = await client.launch_process("app@1.0.0")
    await asyncio.wait_for(process.recv(), PATIENCE)
    await process.transfer_file(b"x")
    replaced = "another receive_file has replaced this one"
    assert await process.result(timeout=PATIENCE) == [replaced, replaced, "b'x'"]


async def test_a_wait_for_a_file_ends_with_the_client_that_it_began_with(family: Family) -> None:
    async with LocalEngine(family=family, keep_detached=True) as engine:

        @engine.inferlet("app@1.0.0")
        async def take(session: InferletSession, _input: JsonValue) -> JsonValue:
            session.send("ready")
            return len(await session.receive_file())

        async with PieClient(engine.uri) as client:
            process = await client.launch_process("app@1.0.0")
            await asyncio.wait_for(process.recv(), PATIENCE)
            [running] = engine.processes.values()
        end = await asyncio.wait_for(running.outcome, PATIENCE)
        assert end.value.startswith("RuntimeError: the client that could send a file has disconnected")
