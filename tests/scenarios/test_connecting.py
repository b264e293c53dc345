"""How a server of the 0.5 family lets clients in."""

import pytest

from pie_client import HandshakeError, ParsedPrivateKey, PieClient, UnsupportedError
from pie_client.testing._generated.servers import SERVERS
from tests.support.peers import PATIENCE

TRAITS = SERVERS["0.5"]


@pytest.mark.parametrize("path", ["", "/", TRAITS.path, f"{TRAITS.path}?x=1"])
async def test_the_path_may_be_left_out(uri: str, path: str) -> None:
    async with PieClient(uri + path, timeout=PATIENCE) as client:
        await client.ping()
        assert client.server is not None
        assert (client.server.family, client.server.username) == ("0.5", TRAITS.user)


@pytest.mark.parametrize("identity", ["alice", "acme/alice", "/alice", "acme/alice/laptop"])
async def test_any_tenant_and_user_is_let_in(uri: str, identity: str) -> None:
    async with PieClient(uri, identity=identity, timeout=PATIENCE) as client:
        await client.ping()


@pytest.mark.parametrize("path", ["/nowhere", "/v1/ws/", "/V1/WS"])
async def test_another_path_is_not_found(uri: str, path: str) -> None:
    with pytest.raises(HandshakeError, match="404"):
        await PieClient(uri + path, timeout=PATIENCE).connect()


@pytest.mark.parametrize("with_key", [True, False])
async def test_a_user_authenticates_with_a_key_or_without(
    uri: str, private_key: ParsedPrivateKey, *, with_key: bool
) -> None:
    async with PieClient(uri, timeout=PATIENCE) as client:
        await client.authenticate("alice", private_key if with_key else None)
        await client.ping()


async def test_a_token_is_not_known(uri: str) -> None:
    async with PieClient(uri, timeout=PATIENCE) as client:
        with pytest.raises(UnsupportedError):
            await client.auth_by_token("token")
        await client.ping()


async def test_a_connection_can_be_made_again_after_a_close(uri: str) -> None:
    client = PieClient(uri, timeout=PATIENCE)
    for _ in range(3):
        await client.connect()
        await client.ping()
        await client.close()


async def test_twenty_clients_are_connected_at_once(uri: str) -> None:
    clients = [PieClient(uri, identity=f"acme/{number}", timeout=PATIENCE) for number in range(20)]
    for client in clients:
        await client.connect()
    for client in clients:
        await client.ping()
    for client in clients:
        await client.close()
