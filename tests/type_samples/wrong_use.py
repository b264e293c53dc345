"""Errors that checkers must report. The marks at line ends name the mypy code and the pyright rules."""

from typing import assert_never

from pie_client import (
    CorruptEvent,
    ErrorEvent,
    FileEvent,
    MessageEvent,
    PieClient,
    Process,
    ProcessEvent,
    ReturnEvent,
    StderrEvent,
    StdoutEvent,
    UnknownEvent,
    inferlet,
)


@inferlet
async def shout(text: str) -> list[str]:
    return [text.upper()]


def omits_corrupt_events(event: ProcessEvent) -> str | bytes | None:
    match event:
        case (
            StdoutEvent(value)
            | StderrEvent(value)
            | MessageEvent(value)
            | ReturnEvent(value)
            | ErrorEvent(value)
        ):
            return value
        case FileEvent():
            return event.read()
        case UnknownEvent():
            return event.value
        case _:
            assert_never(event)  # wrong: arg-type, reportArgumentType


def omits_return_events(event: ProcessEvent) -> str | bytes | None:
    match event:
        case (
            StdoutEvent(value)
            | StderrEvent(value)
            | MessageEvent(value)
            | ErrorEvent(value)
            | CorruptEvent(value)
        ):
            return value
        case FileEvent():
            return event.read()
        case UnknownEvent():
            return event.value
        case _:
            assert_never(event)  # wrong: arg-type, reportArgumentType


async def client_methods(client: PieClient) -> None:
    PieClient()  # wrong: call-arg, reportCallIssue
    PieClient("ws://127.0.0.1", "alice", "alice")  # wrong: call-arg, reportCallIssue
    PieClient("ws://127.0.0.1", open_timeout=None)  # wrong: arg-type, reportArgumentType
    PieClient("ws://127.0.0.1", when_full="drop")  # wrong: arg-type, reportArgumentType
    await client.launch_process("a@1.0.0", when_full="wait")  # wrong: arg-type, reportArgumentType
    client.ping()  # wrong: unused-coroutine, reportUnusedCoroutine
    client.server = None  # wrong: misc, reportAttributeAccessIssue
    await client.launch_process()  # wrong: call-arg, reportCallIssue
    await client.launch_process("a@1.0.0", token_budget=0.5)  # wrong: arg-type, reportArgumentType
    await client.launch_process("a@1.0.0", budget=5)  # wrong: call-arg, reportCallIssue
    await client.authenticate("alice", "key")  # wrong: arg-type, reportArgumentType
    client.run_with(timeout="5")  # wrong: arg-type, reportArgumentType
    await client.ping(1)  # wrong: call-arg, reportCallIssue
    client.no_such_method()  # wrong: attr-defined, reportAttributeAccessIssue+reportUnknownMemberType


async def process_methods(process: Process) -> int:
    await process.signal(b"bytes")  # wrong: arg-type, reportArgumentType
    await process.transfer_file("text")  # wrong: arg-type, reportArgumentType
    process.process_id = "id"  # wrong: misc, reportAttributeAccessIssue
    process.launch()  # wrong: attr-defined, reportAttributeAccessIssue+reportUnknownMemberType
    return await process.result(str)  # wrong: arg-type, reportReturnType


async def functions(client: PieClient) -> list[int]:
    await client.run(shout, text=1)  # wrong: call-overload, reportArgumentType+reportCallIssue
    return await (await client.run(shout, "hi")).result()  # wrong: return-value, reportReturnType


async def calls(client: PieClient) -> str:
    await client.rpc.check_program("a", version="1.0.0")  # wrong: call-arg, reportCallIssue
    await client.rpc.check_program(name="a")  # wrong: call-arg, reportCallIssue
    await client.rpc.add_program(content="wasm", manifest="")  # wrong: arg-type, reportArgumentType
    await client.rpc.launch_process(inferlet="a", input={})  # wrong: arg-type, reportArgumentType
    await client.send_raw(b"", correlate=True)  # wrong: call-overload, reportCallIssue+reportArgumentType
    await client.rpc.nope()  # wrong: attr-defined, reportAttributeAccessIssue+reportUnknownMemberType
    return await client.rpc.check_program(name="a", version="1")  # wrong: return-value, reportReturnType
