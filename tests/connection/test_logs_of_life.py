"""What a client logs of its life at DEBUG: one line for each step, and no payload."""

import logging

import pytest

from pie_client import Family, PieClient, ProgramNotFoundError, RefusedError
from pie_client.testing import LocalEngine

SECRET = "hunter2"  # noqa: S105 - must not be logged
LOGGERS = {"pie_client.connector", "pie_client.auth.login", "pie_client.connection.logged"}


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
    lines = [record.getMessage() for record in caplog.records if record.name in LOGGERS]
    user = "pie-client" if family == "0.4" else "internal"
    beginnings = [
        f"connection to {engine.uri}: connecting attempt 1",
        f"connection to {engine.uri}: ready",
        f"identified as '{user}' by a Pie ",
        "auth_identify: done in ",
        "query: done in ",
        "launch_process: ProgramNotFoundError after ",
        "signal_process: done in ",
        f"connection to {engine.uri}: closed",
    ]
    assert len(lines) == len(beginnings)
    for beginning in beginnings:
        assert any(line.startswith(beginning) for line in lines), (beginning, lines)
    assert not any(SECRET in record.getMessage() for record in caplog.records)


async def test_nothing_is_logged_by_default_and_no_request_goes_through_the_log(
    engine: LocalEngine, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "pie_client")
    await session(engine)
    assert [record.getMessage() for record in caplog.records if record.name in LOGGERS] == []
