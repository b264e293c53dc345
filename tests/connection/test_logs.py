"""Nothing secret is logged, even with debugging on for everything."""

import asyncio
import logging
from pathlib import Path

import msgpack
import pytest

from pie_client import (
    HandshakeError,
    PieClient,
    ProtocolError,
    RefusedError,
    models,
)
from pie_client.testing import LocalEngine
from tests.connection.helpers import chunks, launch, printed, returned
from tests.connection.secret_session import CARRIED, PASSWORD, PAYLOAD, PROGRAM, TOKEN, carry_secrets
from tests.support.peers import Refusal, sends, tcp_peer, websocket_peer

AUTHORIZATION, COOKIE = "hunter4", "hunter5"
SECRETS = (AUTHORIZATION, COOKIE, PROGRAM, *CARRIED)


def check(caplog: pytest.LogCaptureFixture, *more: str) -> None:
    logged = "".join(map(caplog.handler.format, caplog.records))
    for secret in (*SECRETS, *more):
        assert secret not in logged


@pytest.mark.parametrize(
    "logger", ["", "pie_client", "pie_client.connection.handshake.library", "websockets"]
)
async def test_headers_tokens_and_payloads_are_not_logged(
    logger: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger)
    headers = {"Authorization": f"Bearer {AUTHORIZATION}", "Cookie": COOKIE}
    async with LocalEngine(family="0.4", builtins=True) as engine:
        uri = engine.uri.replace("ws://", f"ws://user:{PASSWORD}@")
        async with PieClient(uri, headers=headers) as client:
            with pytest.raises(RefusedError):
                await client.auth_by_token(TOKEN)
        async with PieClient(engine.uri, headers=headers) as client:
            process = await client.launch_process("echo@1.0.0", PAYLOAD)
            assert PAYLOAD in await process.wait()
    check(caplog)


async def test_asyncio_logs_nothing_secret_in_debug_mode(caplog: pytest.LogCaptureFixture) -> None:
    """It logs slow callbacks with their arguments, and tasks with their results."""
    caplog.set_level(logging.DEBUG, "asyncio")
    loop = asyncio.get_running_loop()
    loop.slow_callback_duration = 0
    loop.set_debug(True)
    try:
        async with websocket_peer() as peer:
            peer.answers[models.AuthByTokenRequest] = "Authenticated"
            peer.answers[models.AuthProveRequest] = Refusal("No pending authentication")
            uri = peer.uri.replace("ws://", f"ws://user:{PASSWORD}@")
            async with PieClient(uri, headers={"Authorization": AUTHORIZATION}) as client:
                await client.auth_by_token(TOKEN)
                process = await client.launch_process("a@1.0.0", PAYLOAD)
                await peer.send(*chunks(process, PAYLOAD.encode(), 2), printed(process, PAYLOAD))
                assert (await process.recv())[1] == PAYLOAD.encode()
                assert (await process.recv())[1] == PAYLOAD
                await peer.send(returned(process, PAYLOAD))
                assert await process.wait() == PAYLOAD
    finally:
        loop.set_debug(False)
    assert any(record.name == "asyncio" for record in caplog.records)
    check(caplog)


async def test_a_refused_handshake_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    answer = f"HTTP/1.1 403 No\r\nSet-Cookie: {COOKIE}\r\nContent-Length: 0\r\n\r\n"
    async with tcp_peer(sends(answer.encode(), hang_up=True)) as address:
        with pytest.raises(HandshakeError):
            await PieClient(f"ws://{address}", headers={"Authorization": AUTHORIZATION}).connect()
    check(caplog)


async def test_nothing_that_a_session_carries_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Not the key, input, signal, events, files, calls of MCP servers and their results, and errors."""
    caplog.set_level(logging.DEBUG)
    check(caplog, *await carry_secrets(tmp_path))


async def test_no_text_of_the_server_that_may_quote_a_payload_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Not a refusal, an invalid reply or event, a frame that can't be read, and a notice about a frame of the client."""
    caplog.set_level(logging.DEBUG, "pie_client")
    async with websocket_peer() as peer, PieClient(peer.uri) as client:
        process = await launch(client)
        peer.answers[models.LaunchProcessRequest] = Refusal(f"invalid input: string {PAYLOAD!r}")
        with pytest.raises(RefusedError, match=PAYLOAD):
            await client.launch_process("a@1.0.0", PAYLOAD)
        peer.answers[models.CheckProgramRequest] = PAYLOAD
        with pytest.raises(ProtocolError):
            await client.check_program("a@1.0.0")
        event = {"type": "process_event", "process_id": process.process_id, "event": "message"}
        await peer.send(
            f'{{"type":"error","message":"bad client frame: invalid type: string {PAYLOAD}"}}',
            msgpack.packb({**event, "value": [PAYLOAD]}),
            msgpack.packb({"type": "response", "corr_id": PAYLOAD, "ok": True, "result": PAYLOAD}),
            msgpack.packb({"type": "news", "text": PAYLOAD}),
            f"{{{PAYLOAD}",
            PAYLOAD.encode(),
            printed("3fa85f64-5717-4562-b3fc-2c963f66afa6", PAYLOAD),
        )
        await client.ping()
    check(caplog)
    warnings = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert warnings == [
        "the server reported an error of no certain request: BadFrameError, 46 characters",
        "ignoring a malformed frame: invalid process_event message: value is list, not str",
        "ignoring a malformed frame: invalid response message: corr_id is str, not int",
        "ignoring messages of unknown type 'news'",
        "ignoring a malformed frame: invalid JSON in a frame of 8 bytes (JSONDecodeError)",
        "ignoring a malformed frame: invalid msgpack in a frame of 7 bytes (ExtraData)",
    ]
