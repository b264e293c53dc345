"""Errors of a program without asyncio that checkers must report. The marks are those of wrong_use.py."""

from collections.abc import AsyncIterator

from pie_client import inferlet
from pie_client.sync import PieClient, Process


@inferlet
async def shout(text: str) -> list[str]:
    return [text.upper()]


async def pieces() -> AsyncIterator[bytes]:
    yield b""


def main(client: PieClient, process: Process) -> list[int]:
    PieClient()  # wrong: call-arg, reportCallIssue
    client.launch_process("a@1.0.0", when_full="wait")  # wrong: arg-type, reportArgumentType
    client.ping(1)  # wrong: call-arg, reportCallIssue
    client.no_such_method()  # wrong: attr-defined, reportAttributeAccessIssue+reportUnknownMemberType
    process.transfer_file("text")  # wrong: arg-type, reportArgumentType
    process.transfer_file(pieces())  # wrong: arg-type, reportArgumentType
    client.map("a@1.0.0", pieces())  # wrong: call-overload, reportArgumentType+reportCallIssue
    return client.run(shout, "hi").result()  # wrong: return-value, reportReturnType
