"""What a server can make the client start is bounded, and does not delay closing."""

import asyncio
import logging
import pickle
from pathlib import Path

import pytest

from pie_client import Event, PieClient, StreamAbortedError, models
from tests.connection.helpers import CLOSE_BOUND, MIB, all_waits, check_text, launch, outcomes, printed
from tests.support.mcp_servers import Script, until
from tests.support.peers import Peer, Refusal, in_time, websocket_peer

BACKGROUND = "pie-client background task"
ABORTED = '{"type":"error","message":"stream aborted"}'
MANY = 100_000
MOST = 1024 + 1
"""Tasks in the background: as many MCP calls as are answered at the same time, and the keep-alive."""


def in_background() -> int:
    return sum(task.get_name() == BACKGROUND for task in asyncio.all_tasks())


async def register(client: PieClient, peer: Peer, folder: Path, *, answers: bool) -> None:
    """Register an MCP server named "s" that answers calls when told to, or never."""
    peer.answers[models.RegisterMcpServerRequest] = "MCP server registered"
    body = "while True: send(id=read()['id'], result={})" if answers else "while True: read()"
    script = Script(folder, f"initialize()\n{body}")
    await client.register_mcp_server("s", "stdio", script.command, script.args)


def mcp_request(number: int, params: str = "{}") -> models.McpRequest:
    return models.McpRequest(
        corr_id=number, process_id="", server_name="s", method="tools/call", params=params
    )


async def flood(peer: Peer, params: str) -> None:
    for number in range(MANY):
        await peer.send(mcp_request(number, params))


@pytest.mark.parametrize(("size", "tasks"), [(2, MOST), (MIB, 4 + 1)], ids=["many", "large"])
async def test_mcp_calls_that_are_not_answered_pause_reading_and_do_not_delay_closing(
    size: int, tasks: int, tmp_path: Path
) -> None:
    params = '{"a":"' + "x" * size + '"}'
    async with (
        websocket_peer() as peer,
        PieClient(peer.uri, max_message_size=2 * MIB, max_buffered=4 * MIB) as client,
    ):
        await register(client, peer, tmp_path, answers=False)
        flooding = asyncio.create_task(flood(peer, params))
        peer.background.append(flooding)
        await until(lambda: in_background() >= tasks and peer.stalled.is_set())
        assert in_background() == tasks
        assert not flooding.done()
        async with asyncio.timeout(CLOSE_BOUND):
            await client.close()
        assert in_background() == 0


@pytest.mark.parametrize("wait", ["request", "event"])
async def test_who_waits_gets_what_the_server_sends_while_mcp_calls_wait(wait: str, tmp_path: Path) -> None:
    """What answers an MCP call may use the client itself."""
    params = '{"a":"' + "x" * 5000 + '"}'
    async with websocket_peer() as peer, PieClient(peer.uri, max_buffered=4096) as client:
        await register(client, peer, tmp_path, answers=False)
        process = await launch(client)
        for number in range(10):
            await peer.send(mcp_request(number, params))
        await until(lambda: in_background() >= 2)
        if wait == "request":
            await in_time(client.ping())
        else:
            waiting = asyncio.create_task(process.recv())
            await peer.send(printed(process, "x"))
            assert await in_time(waiting) == (Event.Stdout, "x")


async def test_mcp_calls_are_refused_when_too_many_wait_and_reading_goes_on(tmp_path: Path) -> None:
    params = '{"a":"' + "x" * 5000 + '"}'
    async with (
        websocket_peer() as peer,
        PieClient(peer.uri, max_buffered=4096, max_buffered_total=20_000) as client,
    ):
        await register(client, peer, tmp_path, answers=False)
        peer.answers[models.QueryRequest] = None
        asked = asyncio.create_task(client.query("something"))
        await peer.request(models.QueryRequest)
        for number in range(2000):
            await peer.send(mcp_request(number, params))
        # One is being answered, and three have place to wait.
        await peer.request(models.McpResponseRequest, 2000 - 4)
        answers = peer.requests_of(models.McpResponseRequest)
        assert sorted(answer.corr_id for answer in answers) == [*range(4, 2000)]
        assert not any(answer.ok for answer in answers)
        refusal = models.McpErrorObject.model_validate_json(answers[0].result)
        assert "'s'; call it later" in refusal.message
        asked.cancel()


async def test_more_mcp_calls_than_are_answered_at_the_same_time_get_one_answer_each(tmp_path: Path) -> None:
    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        await register(client, peer, tmp_path, answers=True)
        for number in range(3000):
            await peer.send(mcp_request(number))
        await peer.request(models.McpResponseRequest, 3000)
        assert sorted(a.corr_id for a in peer.requests_of(models.McpResponseRequest)) == [*range(3000)]
        await in_time(client.ping())


async def test_many_notices_start_one_check_of_the_processes_at_a_time() -> None:
    async with websocket_peer("0.5") as peer, PieClient(peer.uri) as client:
        process = await launch(client)
        waiting = asyncio.create_task(process.wait())
        for _ in range(10_000):
            await peer.send(ABORTED)
        await peer.request(models.ListProcessesRequest)
        await in_time(client.ping())
        assert len(peer.requests_of(models.ListProcessesRequest)) == 1
        assert in_background() <= 2
        # Each check asks twice; the notices that arrived meanwhile cause one more check.
        for number in range(1, 5):
            request = await peer.request(models.ListProcessesRequest, number)
            await peer.reply(request.corr_id, "[]")
        assert isinstance((await outcomes([waiting]))[0], StreamAbortedError)
        await in_time(client.ping())
        assert len(peer.requests_of(models.ListProcessesRequest)) <= 4


@pytest.mark.parametrize("refusals", [1, None], ids=["once", "always"])
async def test_a_process_list_that_the_server_refuses_is_requested_again_and_then_every_process_fails(
    refusals: int | None,
) -> None:
    async with websocket_peer("0.5") as peer, PieClient(peer.uri) as client:
        process = await launch(client)
        waits = [asyncio.create_task(wait) for wait in all_waits(process)]
        await client.ping()
        peer.answers[models.ListProcessesRequest] = Refusal("busy")
        await peer.send(ABORTED)
        if refusals is not None:
            await peer.request(models.ListProcessesRequest, refusals)
            peer.answers[models.ListProcessesRequest] = "[]"
        for error in await outcomes(waits):
            assert isinstance(error, StreamAbortedError)
            assert error.text == "stream aborted"
            check_text(error, f"the server dropped process {process.process_id}", "launch it again")
            assert str(pickle.loads(pickle.dumps(error))) == str(error)  # noqa: S301 - made here
        assert len(peer.requests_of(models.ListProcessesRequest)) == (4 if refusals is None else 3)


@pytest.mark.parametrize("frame", [b"\xc1", ABORTED, '{"type":"error","message":"no such thing"}'])
async def test_a_frame_sent_again_and_again_is_logged_a_few_times_and_then_counted(
    frame: bytes | str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "pie_client")
    async with websocket_peer("0.5") as peer, PieClient(peer.uri) as client:
        peer.answers[models.ListProcessesRequest] = "[]"
        await client.ping()
        for _ in range(1000):
            await peer.send(frame)
        await in_time(
            asyncio.gather(client.ping(), client.ping())
        )  # two, so that no notice concerns one of them
    of_life = ("pie_client.connector", "pie_client.connection.logged", "pie_client.auth.login")
    records = [
        record.message
        for record in caplog.records
        if "corr_id" not in record.message and record.name not in of_life
    ]
    assert 5 <= len(records) <= 8
    assert records[-1].endswith(" (899 more like it were not logged)")


async def test_processes_without_a_handle_are_logged_a_few_times_and_then_counted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        await client.ping()
        for number in range(20_000):
            await peer.send(printed(f"3fa85f64-5717-4562-b3fc-{number:012}", "x"))
        await in_time(client.ping())
        for number in range(20_000, 40_000):
            await peer.send(printed(f"3fa85f64-5717-4562-b3fc-{number:012}", "x"))
        await in_time(client.ping())
    assert caplog.records
    assert len(caplog.records) < 12
