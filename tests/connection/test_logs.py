"""Nothing secret is logged, even with debugging on for everything."""

import asyncio
import logging

import pytest

from pie_client import HandshakeError, PieClient, RefusedError, models
from pie_client.testing import LocalEngine
from tests.connection.helpers import chunks, printed, returned
from tests.support.peers import Refusal, sends, tcp_peer, websocket_peer

SECRETS = ("hunter1", "hunter2", "hunter3", "hunter4", "hunter5")
AUTHORIZATION, PASSWORD, TOKEN, PAYLOAD, COOKIE = SECRETS


def check(caplog: pytest.LogCaptureFixture) -> None:
    logged = "".join(map(caplog.handler.format, caplog.records))
    for secret in SECRETS:
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
