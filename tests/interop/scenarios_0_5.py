"""Further scenarios for the published client of the 0.5 family."""

import asyncio
import json
import sys
import uuid

import python_scenarios
from harness import HANG_TIMEOUT, Settings, check, main, refused
from python_scenarios import connection, events_of, expect

from pie_client import Event, Inferlet, PieClient, ReceivedFile, inferlet

SCRIPT = """
import asyncio
from inferlet import session

async def main(input):
    print("from a script")
    session.send("hello")
    word = await session.receive()
    return {"heard": word, "input": input}
"""


@inferlet
def repeat(word: str, times: int = 2):
    """Repeat a word."""
    print("repeating")
    return {"said": word * times}


@inferlet(name="stumble", version="1.0.0")
async def stumble():
    """Fail."""
    raise ValueError("no luck")


def script_manifest(name: str) -> str:
    """Return the manifest of a script."""
    return f'[package]\nname = "{name}"\nversion = "1.0.0"\n[runtime]\nlanguage = "python"\n'


# ------------------------------------------------------------- connection and programs


async def any_identity_is_accepted(settings: Settings) -> None:
    client = PieClient(settings["uri"], identity="acme/alice")
    await client.connect()
    await client.ping()
    await client.close()


async def an_identity_without_a_user_is_refused(settings: Settings) -> None:
    await refused(PieClient(settings["uri"], identity="acme/").connect(), "401")


async def a_bare_name_is_launched(settings: Settings) -> None:
    async with connection(settings) as client:
        found = await events_of(await client.launch_process("stream"))
        check(found[-1], (Event.Return, "500"))
        await refused(client.launch_process("absent"), "no program named 'absent' is installed")


async def a_received_file_has_its_name(settings: Settings) -> None:
    async with connection(settings) as client:
        process = await client.launch_process("reverse@1.0.0")
        await expect(process, (Event.Message, "ready"))
        await process.transfer_file(b"abc")
        kind, file = await process.recv()
        check(
            (kind, isinstance(file, ReceivedFile), bytes(file), file.name),
            (Event.File, True, b"cba", "reversed.bin"),
        )


async def an_unknown_subject_of_a_query_is_refused(settings: Settings) -> None:
    async with connection(settings) as client:
        check(
            await client.query("weather", ""),
            (False, 'unknown query subject "weather" (known: model_status)'),
        )


async def result_waits_for_the_return_value(settings: Settings) -> None:
    async with connection(settings) as client:
        process = await client.launch_process("echo@1.0.0", input={"a": 1})
        check(await process.result(), {"a": 1})
        await refused((await client.launch_process("fail@1.0.0")).result(), "no luck")


# ------------------------------------------------------------- scripts


async def a_script_is_installed_and_runs(settings: Settings) -> None:
    name = f"s{uuid.uuid4().hex[:8]}"
    async with connection(settings) as client:
        await client.install_program_bytes(SCRIPT.encode(), script_manifest(name))
        process = await client.launch_process(f"{name}@1.0.0", input={"x": 1})
        await process.signal("world")
        found = await events_of(process)
        check("".join(value for kind, value in found if kind == Event.Stdout), "from a script\n")
        check([event for event in found if event[0] == Event.Message], [(Event.Message, "hello")])
        check(json.loads(found[-1][1]), {"heard": "world", "input": {"x": 1}})


async def a_script_is_installed_from_files(settings: Settings) -> None:
    name = f"s{uuid.uuid4().hex[:8]}"
    async with connection(settings) as client:
        with python_scenarios.program(SCRIPT.encode(), script_manifest(name)) as paths:
            await client.install_program(*paths)
        process = await client.launch_process(name)
        await process.signal("again")
        check((await process.result())["heard"], "again")


async def a_python_function_runs_on_the_server(settings: Settings) -> None:
    check(isinstance(repeat, Inferlet), True)
    async with connection(settings) as client:
        check(await (await client.run(repeat, word="ab")).result(), {"said": "abab"})
        found = await events_of(await client.run(repeat, word="ab", times=3))
        check("".join(value for kind, value in found if kind == Event.Stdout), "repeating\n")
        check(json.loads(found[-1][1]), {"said": "ababab"})


async def an_exception_of_a_python_function_is_the_error(settings: Settings) -> None:
    async with connection(settings) as client:
        await refused((await client.run(stumble)).result(), "no luck")


async def a_script_with_a_syntax_error_fails(settings: Settings) -> None:
    async with connection(settings) as client:
        await client.install_program_bytes(b"def main(:", script_manifest("broken"), force_overwrite=True)
        kind, _ = (await events_of(await client.launch_process("broken@1.0.0")))[-1]
        check(kind, Event.Error)


# ------------------------------------------------------------- disconnecting


async def captured_processes_end_with_their_connection(settings: Settings) -> None:
    async with connection(settings) as other:
        async with connection(settings) as client:
            process = await client.launch_process("wait@1.0.0")
            await expect(process, (Event.Message, "waiting"))
        for _ in range(50):
            if all(one["id"] != process.process_id for one in await other.list_processes()):
                return
            await asyncio.sleep(0.1)
    raise AssertionError("the process is still listed")


# ------------------------------------------------------------- known defects


async def asking_twice_for_the_result_does_not_hang(settings: Settings) -> None:
    async with connection(settings) as client:
        process = await client.launch_process("echo@1.0.0")
        await process.result()
        await asyncio.wait_for(process.result(), HANG_TIMEOUT)


async def a_challenge_is_not_mistaken_for_success(settings: Settings) -> None:
    client = PieClient(settings["older_uri"])
    await client.connect()
    try:
        await client.authenticate("alice")
    except Exception as error:
        print(f"refused: {error}", file=sys.stderr)
    else:
        await asyncio.wait_for(client.ping(), HANG_TIMEOUT)


SCENARIOS = [
    any_identity_is_accepted,
    an_identity_without_a_user_is_refused,
    a_bare_name_is_launched,
    a_received_file_has_its_name,
    an_unknown_subject_of_a_query_is_refused,
    result_waits_for_the_return_value,
    a_script_is_installed_and_runs,
    a_script_is_installed_from_files,
    a_python_function_runs_on_the_server,
    an_exception_of_a_python_function_is_the_error,
    a_script_with_a_syntax_error_fails,
    captured_processes_end_with_their_connection,
    asking_twice_for_the_result_does_not_hang,
    a_challenge_is_not_mistaken_for_success,
]

if __name__ == "__main__":
    main([*python_scenarios.SCENARIOS, *SCENARIOS])
