"""Scenarios for every published Python client: events, files, signals, lists, and their common defects."""

import asyncio
import contextlib
import hashlib
import sys
import tempfile
import uuid
from pathlib import Path

from harness import HANG_TIMEOUT, Settings, check, refused

from pie_client import Event, PieClient

MANIFEST = '[package]\nname = "{name}"\nversion = "1.0.0"\n'
FILES = {
    "empty": b"",
    "small": b"abc",
    "two_chunks": bytes(range(256)) * 1024 + b"z",
    "large": bytes(5 << 20),
}


@contextlib.asynccontextmanager
async def connection(settings: Settings, engine: str = "uri", user: str = "alice"):
    """Connect and identify; close without waiting, because these clients take up to ten seconds to close."""
    client = PieClient(settings[engine])
    await client.connect()
    try:
        await identify(client, settings, user)
        yield client
    finally:
        with contextlib.suppress(Exception):
            await asyncio.wait_for(client.close(), 0.1)


async def identify(client, settings, user="alice"):
    """Identify, with a key if the client supports keys."""
    try:
        from pie_client import ParsedPrivateKey
    except ImportError:
        await client.authenticate(user)
    else:
        await client.authenticate(user, ParsedPrivateKey.from_file(settings["ed25519"]))


async def events_of(process):
    """Return all events, up to and including the terminal one."""
    found = []
    while not found or found[-1][0] not in (Event.Return, Event.Error):
        found.append(await process.recv())
    return found


async def expect(process, *wanted):
    """Receive as many events as are expected, and compare."""
    for event in wanted:
        kind, value = await process.recv()
        check((kind, value), event)


def component(comment: bytes) -> bytes:
    """Return a WebAssembly component that contains only a comment."""
    length = len(comment) + 1
    padded = bytes([length >> shift & 0x7F | 0x80 for shift in (0, 7, 14, 21)] + [length >> 28])
    return b"\0asm\x0d\0\1\0\0" + padded + b"\0" + comment


@contextlib.contextmanager
def program(data: bytes, manifest: str):
    """Write a program and its manifest to files."""
    with tempfile.TemporaryDirectory() as folder:
        paths = Path(folder, "program.wasm"), Path(folder, "Pie.toml")
        paths[0].write_bytes(data)
        paths[1].write_text(manifest, encoding="utf-8")
        yield paths


# ------------------------------------------------------------- connection


async def a_ping_is_answered(settings: Settings) -> None:
    async with connection(settings) as client:
        await client.ping()


async def query_returns_the_model_status(settings: Settings) -> None:
    async with connection(settings) as client:
        ok, text = await client.query("model_status", "")
        check((ok, "kv_pages_total" in text), (True, True))


async def ten_connections_work_side_by_side(settings: Settings) -> None:
    async def one(number):
        async with connection(settings) as client:
            process = await client.launch_process("echo@1.0.0", input={"number": number})
            check((await events_of(process))[-1][1].replace(" ", ""), f'{{"number":{number}}}')

    await asyncio.gather(*map(one, range(10)))


# ------------------------------------------------------------- processes


async def every_kind_of_event_arrives(settings: Settings) -> None:
    async with connection(settings) as client:
        process = await client.launch_process("echo@1.0.0", input={"a": [1, "é"]})
        check(str(uuid.UUID(process.process_id)), process.process_id)
        await expect(
            process,
            (Event.Stdout, "out é\n"),
            (Event.Stderr, "err\n"),
            (Event.Message, "msg"),
            (Event.Return, '{"a": [1, "é"]}'),
        )


async def a_stream_arrives_whole_and_in_order(settings: Settings) -> None:
    async with connection(settings) as client:
        found = await events_of(await client.launch_process("stream@1.0.0"))
        lines = [value for kind, value in found if kind == Event.Stdout]
        check("".join(lines).split(), [str(number) for number in range(500)])
        check(found[-1], (Event.Return, "500"))


async def streams_of_twenty_processes_are_kept_apart(settings: Settings) -> None:
    async with connection(settings) as client:
        processes = [await client.launch_process("stream@1.0.0") for _ in range(20)]
        for found in await asyncio.gather(*map(events_of, processes)):
            check(len(found), 501)


async def a_failure_is_an_error_event(settings: Settings) -> None:
    async with connection(settings) as client:
        await expect(await client.launch_process("fail@1.0.0"), (Event.Error, "no luck"))


async def signals_are_answered(settings: Settings) -> None:
    async with connection(settings) as client:
        process = await client.launch_process("talk@1.0.0")
        await expect(process, (Event.Message, "listening"))
        for word in ("one", "two é"):
            await process.signal(word)
            await expect(process, (Event.Message, word.upper()))
        await client.signal_process(process.process_id, "stop")
        await expect(process, (Event.Return, '["one", "two é"]'))


async def an_unknown_program_is_refused(settings: Settings) -> None:
    async with connection(settings) as client:
        await refused(client.launch_process("absent@1.0.0"), settings["absent"])


async def a_running_process_is_listed_and_can_be_terminated(settings: Settings) -> None:
    async with connection(settings) as client:
        process = await client.launch_process("wait@1.0.0", input={"mark": 1})
        await expect(process, (Event.Message, "waiting"))
        (entry,) = [one for one in await client.list_processes() if one["id"] == process.process_id]
        check((entry["program"], entry["input"].replace(" ", "")), ("wait@1.0.0", '{"mark":1}'))
        await process.terminate()
        check((await process.recv())[0], Event.Error)
        check([one for one in await client.list_processes() if one["id"] == process.process_id], [])
        await refused(client.terminate_process(process.process_id), "Process not found")


async def another_connection_of_the_user_terminates_a_process(settings: Settings) -> None:
    async with connection(settings) as client, connection(settings) as other:
        process = await client.launch_process("wait@1.0.0")
        await expect(process, (Event.Message, "waiting"))
        await other.terminate_process(process.process_id)
        check((await process.recv())[0], Event.Error)


async def a_process_attached_elsewhere_can_not_be_attached(settings: Settings) -> None:
    async with connection(settings) as client, connection(settings) as other:
        process = await client.launch_process("wait@1.0.0")
        await expect(process, (Event.Message, "waiting"))
        await refused(other.attach_process(process.process_id), "Failed to attach")
        await process.terminate()


async def an_uncaptured_process_is_found_and_attached(settings: Settings) -> None:
    mark = uuid.uuid4().hex
    async with connection(settings) as client:
        await client.launch_process("talk@1.0.0", input={"mark": mark}, capture_outputs=False)
        (entry,) = [one for one in await client.list_processes() if mark in one["input"]]
        process = await client.attach_process(entry["id"])
        await process.signal("hello")
        await expect(process, (Event.Message, "HELLO"))
        await process.signal("stop")
        await expect(process, (Event.Return, '["hello"]'))


# ------------------------------------------------------------- files


async def a_file_is_sent_and_received(settings: Settings) -> None:
    async with connection(settings) as client:
        for name, data in FILES.items():
            process = await client.launch_process("reverse@1.0.0")
            await expect(process, (Event.Message, "ready"))
            await process.transfer_file(data)
            if data:  # an empty file is not sent back by any server
                kind, back = await process.recv()
                check(
                    (name, kind, hashlib.sha256(back).hexdigest()),
                    (name, Event.File, hashlib.sha256(data[::-1]).hexdigest()),
                )
            await expect(process, (Event.Return, str(len(data))))


# ------------------------------------------------------------- programs


async def a_program_is_installed_in_chunks_and_then_exists(settings: Settings) -> None:
    name = f"p{uuid.uuid4().hex[:8]}"
    async with connection(settings) as client:
        check(await client.check_program(f"{name}@1.0.0"), False)
        with program(component(bytes(range(256)) * 2500), MANIFEST.format(name=name)) as paths:
            await client.install_program(*paths)
            check(await client.check_program(f"{name}@1.0.0"), True)
            await client.install_program(*paths, force_overwrite=True)


async def an_invalid_manifest_is_refused(settings: Settings) -> None:
    async with connection(settings) as client:
        with program(b"x", "[package]\nname = 3\n") as paths:
            await refused(client.install_program(*paths), "Invalid manifest")
        await client.ping()


# ------------------------------------------------------------- command line


async def command_line(settings: Settings, command: str, *arguments: str) -> str:
    """Run a command and return its output. Standard input stays open, because its end would stop the command."""
    host, _, port = settings["uri"].rpartition("/")[2].partition(":")
    options = ["--host", host, "--port", port, "--username", "alice"]
    if "private_key_option" in settings.values:
        options += [settings["private_key_option"], settings["ed25519"]]
    cut = arguments.index("--") if "--" in arguments else len(arguments)
    process = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).with_name("pie-client")),
        *(command, *arguments[:cut], *options, *arguments[cut:]),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        text = (await process.stdout.read()).decode()
        check((await process.wait(), text if process.returncode else ""), (0, ""))
        return text
    finally:
        if process.returncode is None:
            process.kill()


async def the_command_line_pings(settings: Settings) -> None:
    check("alive" in await command_line(settings, "ping"), True)


async def the_command_line_submits_a_program_and_prints_its_events(settings: Settings) -> None:
    text = await command_line(settings, "submit", "echo@1.0.0", "--", "--prompt", "hello")
    for part in ("out é", "err", "msg", '{"prompt": "hello"}'):
        check((part, part in text), (part, True))


async def the_command_line_installs_a_program(settings: Settings) -> None:
    name = f"p{uuid.uuid4().hex[:8]}"
    with program(component(b"x"), MANIFEST.format(name=name)) as (wasm, manifest):
        await command_line(settings, "install", "--path", str(wasm), "--manifest", str(manifest))
    async with connection(settings) as client:
        check(await client.check_program(f"{name}@1.0.0"), True)


# ------------------------------------------------------------- known defects


async def a_large_result_arrives(settings: Settings) -> None:
    async with connection(settings) as client:
        process = await client.launch_process("large@1.0.0")
        await process.signal("now")
        kind, text = (await events_of(process))[-1]
        check((kind, text if kind == Event.Error else len(text)), (Event.Return, (3 << 20) + 2))


async def closing_takes_less_than_two_seconds(settings: Settings) -> None:
    client = PieClient(settings["quiet_uri"])
    await client.connect()
    await identify(client, settings)
    await asyncio.wait_for(client.close(), HANG_TIMEOUT)


async def an_uncaptured_process_has_an_id(settings: Settings) -> None:
    async with connection(settings) as client:
        process = await client.launch_process("echo@1.0.0", capture_outputs=False)
        check(process.process_id != "", True)


async def receiving_after_the_end_does_not_hang(settings: Settings) -> None:
    async with connection(settings) as client:
        process = await client.launch_process("echo@1.0.0")
        await events_of(process)
        with contextlib.suppress(ConnectionError, StopAsyncIteration):
            await asyncio.wait_for(process.recv(), HANG_TIMEOUT)


async def a_second_handle_keeps_the_events_of_the_first(settings: Settings) -> None:
    mark = uuid.uuid4().hex
    async with connection(settings) as client:
        await client.launch_process("wait@1.0.0", input={"mark": mark}, capture_outputs=False)
        (entry,) = [one for one in await client.list_processes() if mark in one["input"]]
        first = await client.attach_process(entry["id"])
        waiting = asyncio.create_task(first.recv())
        await asyncio.sleep(0)
        with contextlib.suppress(Exception):  # servers refuse a second attachment
            await client.attach_process(entry["id"])
        await first.signal("up")
        check(await asyncio.wait_for(waiting, HANG_TIMEOUT), (Event.Return, '"up"'))


async def an_install_without_overwrite_is_refused(settings: Settings) -> None:
    name = f"p{uuid.uuid4().hex[:8]}"
    async with connection(settings) as client:
        with program(component(b"old"), MANIFEST.format(name=name)) as paths:
            await client.install_program(*paths)
        with program(component(b"new"), MANIFEST.format(name=name)) as paths:
            await refused(client.install_program(*paths), name)


async def two_concurrent_installs_of_the_same_bytes_work(settings: Settings) -> None:
    name = f"p{uuid.uuid4().hex[:8]}"
    async with connection(settings) as client:
        # Large, so that sending has to wait for the engine: only then do the chunks of the two uploads mix.
        with program(component(bytes(128 << 20)), MANIFEST.format(name=name)) as paths:
            both = (client.install_program(*paths), client.install_program(*paths))
            await asyncio.gather(*both)


async def use_before_connecting_raises_a_connection_error(settings: Settings) -> None:
    try:
        await asyncio.wait_for(PieClient(settings["uri"]).ping(), HANG_TIMEOUT)
    except ConnectionError:
        return


SCENARIOS = [
    a_ping_is_answered,
    query_returns_the_model_status,
    ten_connections_work_side_by_side,
    every_kind_of_event_arrives,
    a_stream_arrives_whole_and_in_order,
    streams_of_twenty_processes_are_kept_apart,
    a_failure_is_an_error_event,
    signals_are_answered,
    an_unknown_program_is_refused,
    a_running_process_is_listed_and_can_be_terminated,
    another_connection_of_the_user_terminates_a_process,
    a_process_attached_elsewhere_can_not_be_attached,
    an_uncaptured_process_is_found_and_attached,
    a_file_is_sent_and_received,
    a_program_is_installed_in_chunks_and_then_exists,
    an_invalid_manifest_is_refused,
    the_command_line_pings,
    the_command_line_submits_a_program_and_prints_its_events,
    the_command_line_installs_a_program,
    a_large_result_arrives,
    closing_takes_less_than_two_seconds,
    an_uncaptured_process_has_an_id,
    receiving_after_the_end_does_not_hang,
    a_second_handle_keeps_the_events_of_the_first,
    an_install_without_overwrite_is_refused,
    two_concurrent_installs_of_the_same_bytes_work,
    use_before_connecting_raises_a_connection_error,
]
