"""How a 0.5 server accepts and refuses connections."""

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from pie_client import HandshakeError, ParsedPrivateKey, PieClient, UnsupportedError
from tests.support.peers import TIMEOUT

MISSING = "identity: missing `x-pie-identity` (edge must inject verified identity)"
EMPTY = "identity: empty `x-pie-identity`"
NO_USER = "identity: `x-pie-identity` has empty user component"


@pytest.mark.parametrize("path", ["", "/", "/v1/ws", "/v1/ws?x=1"])
async def test_the_path_may_be_omitted(uri: str, path: str) -> None:
    async with PieClient(uri + path, timeout=TIMEOUT) as client:
        await client.ping()
        assert client.server is not None
        assert (client.server.family, client.server.username) == ("0.5", "internal")


@pytest.mark.parametrize("identity", ["alice", "acme/alice", "/alice", "acme/alice/laptop", "acme/alice b"])
async def test_any_tenant_and_user_is_accepted(uri: str, identity: str) -> None:
    async with PieClient(uri, identity=identity, timeout=TIMEOUT) as client:
        await client.ping()


async def test_the_first_of_two_identities_counts(uri: str) -> None:
    headers = [("x-pie-identity", "acme/alice"), ("x-pie-identity", "acme/")]
    async with connect(f"{uri}/v1/ws", additional_headers=headers, proxy=None):
        pass


@pytest.mark.parametrize(
    ("path", "identity", "status", "body"),
    [
        *((path, "a/b", 404, "") for path in ("/", "/v1/ws/", "/V1/WS", "//v1/ws", "/v1%2fws", "/nowhere")),
        ("/nowhere", None, 404, ""),
        ("/v1/ws", None, 401, MISSING),
        ("/v1/ws", "", 401, EMPTY),
        ("/v1/ws", " ", 401, EMPTY),
        ("/v1/ws", "/", 401, NO_USER),
        ("/v1/ws", "acme/", 401, NO_USER),
        ("/v1/ws", "acme/ ", 401, NO_USER),
    ],
)
async def test_another_path_or_an_invalid_identity_is_refused(
    uri: str, path: str, identity: str | None, status: int, body: str
) -> None:
    headers = {} if identity is None else {"x-pie-identity": identity}
    with pytest.raises(InvalidStatus) as caught:
        await connect(uri + path, additional_headers=headers, proxy=None)
    response = caught.value.response
    assert (response.status_code, (response.body or b"").decode()) == (status, body)


async def test_a_client_raises_with_the_status_of_the_refusal(uri: str) -> None:
    with pytest.raises(HandshakeError, match="404") as caught:
        await PieClient(f"{uri}/nowhere", timeout=TIMEOUT).connect()
    assert caught.value.status == 404


@pytest.mark.parametrize("with_key", [True, False])
async def test_a_user_authenticates_with_a_key_or_without(
    uri: str, private_key: ParsedPrivateKey, *, with_key: bool
) -> None:
    async with PieClient(uri, timeout=TIMEOUT) as client:
        await client.authenticate("alice", private_key if with_key else None)
        await client.ping()


async def test_authentication_by_token_is_unsupported(uri: str) -> None:
    async with PieClient(uri, timeout=TIMEOUT) as client:
        with pytest.raises(UnsupportedError):
            await client.auth_by_token("token")
        await client.ping()


async def test_a_client_can_connect_again_after_a_close(uri: str) -> None:
    client = PieClient(uri, timeout=TIMEOUT)
    for _ in range(3):
        await client.connect()
        await client.ping()
        await client.close()


async def test_twenty_clients_can_be_connected_at_the_same_time(uri: str) -> None:
    clients = [PieClient(uri, identity=f"acme/{number}", timeout=TIMEOUT) for number in range(20)]
    for client in clients:
        await client.connect()
    for client in clients:
        await client.ping()
    for client in clients:
        await client.close()
