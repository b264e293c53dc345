"""A client with ``reconnect=``: which requests it sends again after a loss, when, and how often."""

from websockets.asyncio.server import ServerConnection, serve

from pie_client import ConnectionLostError, ConnectionStatus, PieClient, Reconnect
from tests.support.peers import in_time


async def test_a_server_that_drops_every_connection_at_once_is_given_up() -> None:
    connections: list[ServerConnection] = []

    async def drop(connection: ServerConnection) -> None:
        connections.append(connection)
        connection.transport.abort()

    async with serve(drop, "127.0.0.1", 0, compression=None) as server:
        port = server.sockets[0].getsockname()[1]
        client = PieClient(f"ws://127.0.0.1:{port}", reconnect=Reconnect(attempts=3, first_delay=0.001))
        await client.connect()

        async def give_up() -> None:
            async for state in client.states():
                if state.status is ConnectionStatus.GAVE_UP:
                    return

        await in_time(give_up())
        assert client.state.attempt == 3
        assert isinstance(client.state.cause, ConnectionLostError)
        assert len(connections) == 4
        await client.connect()  # anew
        await in_time(give_up())
        assert len(connections) == 8
        await client.close()
