"""A program without asyncio, with the types that checkers must infer."""

from collections.abc import Generator, Iterator
from pathlib import Path
from typing import assert_type

from pydantic import BaseModel, JsonValue

from pie_client import ConnectionState, Event, MapResult, ParsedPrivateKey, ProcessEvent, ServerInfo, inferlet
from pie_client.models import ProcessInfo
from pie_client.sync import Calls, Map, PieClient, Process, Runner, agent_keys


class Answer(BaseModel):
    """What an inferlet returns."""

    text: str


@inferlet
async def shout(text: str, times: int = 1) -> list[str]:
    """A function that is a program."""
    return [text.upper()] * times


def pieces() -> Iterator[bytes]:
    """Yield the content of a file."""
    yield b""


def main(key: ParsedPrivateKey) -> None:
    with PieClient("ws://127.0.0.1:8080", username="alice", timeout=5) as client:
        assert_type(client, PieClient)
        assert_type(client.authenticate("alice", agent_keys()[0] if agent_keys() else key), None)
        assert_type(client.state, ConnectionState)
        assert_type(client.states(), Generator[ConnectionState, None, None])
        assert_type(client.server, ServerInfo | None)
        assert_type(client.rpc, Calls)
        assert_type(client.rpc.list_processes(), list[ProcessInfo])
        assert_type(client.install_program_bytes(pieces(), "toml"), str)
        assert_type(client.query("model_status"), dict[str, JsonValue])
        process = client.launch_process("a@1.0.0", Answer(text=""), terminate_on_exit=True)
        assert_type(process, Process[JsonValue])
        with process as entered:
            for event in entered:
                assert_type(event, ProcessEvent)
            assert_type(entered.recv(timeout=1), tuple[Event, str | bytes])
        assert_type("".join(process.text()), str)
        assert_type(process.transfer_file(Path("file")), None)
        assert_type(process.transfer_file(pieces()), None)
        assert_type(process.result(Answer), Answer)
        assert_type(client.launch_processes("a@1.0.0", [1]), list[Process[JsonValue]])
        assert_type(client.run(shout, "hi").result(), list[str])
        assert_type(client.run_with(timeout=5), Runner)
        assert_type(client.run_with(timeout=5)(shout, "hi", times=2), Process[list[str]])
        with client.map(shout, iter(["a"]), on_error="return") as results:
            assert_type(results, Map[str, list[str]])
            for result in results:
                assert_type(result, MapResult[str, list[str]])
        assert_type([each.value for each in client.map("a@1.0.0", range(3), Answer)], list[Answer])
