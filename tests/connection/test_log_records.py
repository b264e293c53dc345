"""The log records of a client: one for each change of its state and each request, and few for what the server causes."""

import asyncio
import logging
import re

import pytest
from pydantic import JsonValue

from pie_client import (
    ConnectionLostError,
    ConnectionStatus,
    DeadlineError,
    Family,
    InvalidArgumentError,
    PieClient,
    ProgramNotFoundError,
    RefusedError,
    models,
)
from pie_client.testing import InferletSession, LocalEngine
from tests.connection.helpers import SOON, until
from tests.support.peers import in_time, sized_component, websocket_peer

MANIFEST = '[package]\nname = "greet"\nversion = "1.2.3"\n'
SECRET = "hunter2"  # noqa: S105 - must not be logged
REQUESTS = "pie_client.connection.logged"
STEPS = "pie_client.connector"
LOGGERS = {STEPS, "pie_client.auth.login", REQUESTS}


def lines(caplog: pytest.LogCaptureFixture, *loggers: str) -> list[str]:
    """Return the levels and texts of records, with a dash for each duration."""
    return [
        f"{record.levelname} {re.sub(r'[0-9.]+ ms', '- ms', record.getMessage())}"
        for record in caplog.records
        if record.name in (loggers or LOGGERS)
    ]


async def session(engine: LocalEngine) -> None:
    async with PieClient(engine.uri, headers={"x-secret": SECRET}) as client:
        await client.query("model_status", SECRET)
        with pytest.raises((ProgramNotFoundError, RefusedError)):
            await client.launch_process("missing@1.0.0", {"prompt": SECRET})
        await client.signal_process("3fa85f64-5717-4562-b3fc-2c963f66afa6", SECRET)


async def test_each_step_is_one_line_without_payloads(
    family: Family, engine: LocalEngine, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "pie_client")
    await session(engine)
    user, title = ("pie-client", "Pie 0.3 and 0.4") if family == "0.4" else ("internal", "Pie 0.5")
    assert lines(caplog) == [
        f"DEBUG connection to {engine.uri}: connecting attempt 1",
        f"DEBUG connection to {engine.uri}: ready",
        "DEBUG auth_identify 0: done in - ms",
        f"DEBUG identified as '{user}' by a {title} server",
        "DEBUG query 1: done in - ms",
        "DEBUG launch_process 2: ProgramNotFoundError after - ms",
        "DEBUG signal_process: sent in - ms",
        f"DEBUG connection to {engine.uri}: closed",
    ]
    assert SECRET not in caplog.text


async def test_nothing_is_logged_by_default_and_no_request_goes_through_the_log(
    engine: LocalEngine, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "pie_client")
    await session(engine)
    assert lines(caplog) == []


async def test_the_logger_of_requests_can_be_turned_on_alone(
    client: PieClient, caplog: pytest.LogCaptureFixture
) -> None:
    await client.close()
    caplog.set_level(logging.DEBUG, REQUESTS)
    await client.connect()
    await client.ping()
    assert lines(caplog) == ["DEBUG auth_identify 0: done in - ms", "DEBUG ping 1: done in - ms"]


async def test_a_request_that_fails_says_how_and_whether_it_was_sent(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG, REQUESTS)
    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        await client.ping()
        process = await client.launch_process("a@1.0.0")
        with pytest.raises(DeadlineError):
            await client.query("never answered", timeout=0.01)
        with pytest.raises(InvalidArgumentError):
            await client.signal_process(process.process_id, "\ud800")
        waiting = asyncio.create_task(client.query("cancelled"))
        await peer.request(models.QueryRequest, 2)
        waiting.cancel()
        await asyncio.wait([waiting])
        losing = asyncio.create_task(client.query("lost"))
        await peer.request(models.QueryRequest, 3)
        peer.hang_up()
        with pytest.raises(ConnectionLostError):
            await in_time(losing)
        with pytest.raises(ConnectionLostError):
            await client.query("after the loss")
    assert lines(caplog) == [
        "DEBUG auth_identify 0: done in - ms",
        "DEBUG ping 1: done in - ms",
        "DEBUG launch_process 2: done in - ms",
        "DEBUG query 3: DeadlineError, sent, after - ms",
        "DEBUG signal_process: InvalidArgumentError after - ms",
        "DEBUG query 4: CancelledError after - ms",
        "DEBUG query 5: ConnectionLostError, sent, after - ms",
        "DEBUG query: ConnectionLostError, not sent, after - ms",
    ]


async def test_what_is_sent_in_chunks_is_one_line(
    engine: LocalEngine, caplog: pytest.LogCaptureFixture
) -> None:
    @engine.inferlet("keep@1.0.0")
    async def keep(session: InferletSession, _input: JsonValue) -> None:
        await session.receive_file()

    caplog.set_level(logging.DEBUG, REQUESTS)
    async with PieClient(engine.uri) as client:
        await client.install_program_bytes(sized_component(300_000), MANIFEST)
        process = await client.launch_process("keep@1.0.0")
        await process.transfer_file(bytes(300_000))
        await process.result()
    assert [line for line in lines(caplog) if "add_program" in line or "transfer_file" in line] == [
        "DEBUG add_program 2: done in - ms",
        "DEBUG transfer_file: sent in - ms",
    ]


async def test_a_request_that_was_repeated_is_one_line_with_its_last_number(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG, REQUESTS)
    async with websocket_peer() as peer, PieClient(peer.uri, reconnect=SOON) as client:
        await client.ping()
        asking = asyncio.create_task(client.query("model_status"))
        first = await peer.request(models.QueryRequest, 1)
        peer.hang_up()
        second = await peer.request(models.QueryRequest, 2)
        await peer.reply(second.corr_id, "{}")
        await in_time(asking)
    assert second.corr_id != first.corr_id
    asked = [line for line in lines(caplog) if "query" in line]
    assert asked == [f"DEBUG query {second.corr_id}: done in - ms"]


async def test_a_client_that_reconnects_tells_at_info_when_it_is_away_and_back(
    engine: LocalEngine, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "pie_client")
    async with PieClient(engine.uri, reconnect=SOON) as client:
        back = asyncio.create_task(until(client, ConnectionStatus.READY, 2))
        await client.ping()
        engine.faults.close_connection(1012)
        await in_time(back)
    closed = f"connection to {engine.uri} closed by the server with code 1012; check the server"
    assert [re.sub(r"in [0-9.]+ s", "in - s", line) for line in lines(caplog, STEPS)] == [
        f"INFO connection to {engine.uri}: ready",
        f"WARNING lost: {closed}",
        f"INFO waiting attempt 1 in - s: {closed}",
        f"INFO connection to {engine.uri}: ready",
    ]


async def test_answers_to_calls_of_the_server_are_logged_a_few_times_and_then_counted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG, "pie_client")
    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        await client.ping()
        for number in range(200):
            await peer.send(
                models.McpRequest(
                    corr_id=number, process_id="", server_name="none", method="tools/call", params="{}"
                )
            )
        await peer.request(models.McpResponseRequest, 200)
        await client.ping()
    answers = [line for line in lines(caplog, REQUESTS) if "mcp_response" in line]
    assert answers == ["DEBUG mcp_response: sent in - ms"] * 5 + [
        "DEBUG mcp_response: sent in - ms (4 more like it were not logged)",
        "DEBUG mcp_response: sent in - ms (89 more like it were not logged)",
    ]
