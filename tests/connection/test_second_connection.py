"""The second connection of run_processes(): it is lost independently of the first one, and close() closes both."""

import asyncio
from http import HTTPStatus

import pytest

from pie_client import (
    ConnectionLostError,
    ConnectionStatus,
    HandshakeError,
    NotConnectedError,
    PieClient,
    Reconnect,
    models,
)
from pie_client.protocol.codec import encode_server_message
from tests.connection.helpers import SOON, check_text, until
from tests.support.peers import Peer, Refusal, in_time, websocket_peer

POLICIES = pytest.mark.parametrize("policy", [None, SOON], ids=["without reconnect", "with reconnect"])


async def begin_to_run(client: PieClient, peer: Peer) -> tuple[asyncio.Task[list[str]], int]:
    """Return a call that waits for its reply, and its number."""
    running = asyncio.create_task(client.run_processes("a@1.0.0", [1]))
    return running, (await peer.request(models.RunProcessesRequest)).corr_id


def with_batches(peer: Peer) -> Peer:
    peer.answers[models.LaunchProcessesRequest] = Refusal("inputs must not be empty")
    return peer


@POLICIES
async def test_a_loss_of_the_first_connection_does_not_concern_it(policy: Reconnect | None) -> None:
    async with websocket_peer() as peer, PieClient(with_batches(peer).uri, reconnect=policy) as client:
        first = peer.socket
        running, corr_id = await begin_to_run(client, peer)
        second = peer.socket
        first.transport.abort()
        await until(client, ConnectionStatus.LOST)
        await client.connect()
        await client.ping()
        reply = models.Response(corr_id=corr_id, ok=True, result='["1"]')
        await second.send(encode_server_message(reply, "0.4"))
        assert await in_time(running) == ["1"]
        assert len(peer.requests_of(models.RunProcessesRequest)) == 1


@POLICIES
async def test_its_own_loss_is_told_and_nothing_is_run_again(policy: Reconnect | None) -> None:
    async with websocket_peer() as peer, PieClient(with_batches(peer).uri, reconnect=policy) as client:
        running, _ = await begin_to_run(client, peer)
        peer.hang_up()
        with pytest.raises(ConnectionLostError) as caught:
            await in_time(running)
        assert caught.value.sent is True
        check_text(caught.value, "run_processes sent, but not answered", peer.uri)
        assert client.connected
        await client.ping()
        assert len(peer.requests_of(models.RunProcessesRequest)) == 1
        assert len(peer.upgrades) == 2


@POLICIES
async def test_a_server_that_refuses_it_is_asked_once(policy: Reconnect | None) -> None:
    async with websocket_peer() as peer, PieClient(with_batches(peer).uri, reconnect=policy) as client:
        await client.ping()
        peer.refuse_upgrade = HTTPStatus.SERVICE_UNAVAILABLE, "busy"
        with pytest.raises(HandshakeError) as caught:
            await in_time(client.run_processes("a@1.0.0", [1]))
        assert caught.value.status == 503
        assert client.connected
        await client.ping()
        assert len(peer.upgrades) == 2


@pytest.mark.parametrize("opens", [True, False])
@POLICIES
async def test_closing_the_client_ends_it(policy: Reconnect | None, opens: bool) -> None:
    async with websocket_peer() as peer:
        client = PieClient(with_batches(peer).uri, reconnect=policy, open_timeout=1000, timeout=1000)
        await client.connect()
        await client.ping()
        if opens:
            running, _ = await begin_to_run(client, peer)
        else:
            peer.answers_upgrades.clear()
            running = asyncio.create_task(client.run_processes("a@1.0.0", [1]))
            await peer.upgrade(2)
        await in_time(client.close())
        with pytest.raises(NotConnectedError, match="the client was closed"):
            await in_time(running)
        peer.answers_upgrades.set()
        await in_time(peer.all_gone())
        assert len(peer.upgrades) == 2
