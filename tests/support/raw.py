"""A plain WebSocket and TCP client, which returns frames and bytes unchanged."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from typing import TypeVar

import msgpack
from websockets.asyncio.client import ClientConnection, connect

from pie_client import models
from pie_client.base import WireModel
from pie_client.protocol import codec
from pie_client.testing import LocalEngine
from tests.support.peers import in_time

IDENTITY = {"x-pie-identity": "tenant/user"}
UPGRADE = (
    b"GET /v1/ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"x-pie-identity: tenant/user\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)

M = TypeVar("M", bound=WireModel)


def client_frame(message: WireModel) -> bytes:
    """Encode a client's message as a binary frame. Fields that are None are omitted, which servers treat alike."""
    return codec.encode(message.model_dump(exclude_none=True))


class Raw:
    """A WebSocket that returns each frame except turn_done."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    async def send(self, *messages: WireModel | bytes | str) -> None:
        for message in messages:
            frame = client_frame(message) if isinstance(message, WireModel) else message
            await self.socket.send(frame)

    async def frame(self) -> bytes | str:
        while True:
            frame = await in_time(self.socket.recv())
            if isinstance(frame, bytes) or frame != models.TurnDone().model_dump_json():
                return frame

    async def next(self) -> WireModel | codec.UnknownMessage:
        return codec.decode_server_message(await self.frame())

    async def fields(self) -> dict[str, object]:
        frame = await self.frame()
        assert isinstance(frame, bytes)
        fields: dict[str, object] = msgpack.unpackb(frame)
        return fields

    async def expect(self, model: type[M]) -> M:
        message = await self.next()
        assert isinstance(message, model)
        return message

    async def reply(self, request: WireModel) -> tuple[bool, str]:
        """Send a request and return whether it succeeded, and its result."""
        await self.send(request)
        response = await self.expect(models.Response)
        return response.ok, response.result

    async def ping(self, number: int = 7) -> models.Response:
        await self.send(models.PingRequest(corr_id=number))
        return await self.expect(models.Response)

    async def launch(self, program: str, number: int = 5) -> None:
        await self.send(
            models.LaunchProcessRequest(corr_id=number, inferlet=program, input="null", capture_outputs=True)
        )

    async def launched(self, program: str) -> str:
        await self.launch(program)
        return (await self.expect(models.Response)).result


@contextlib.asynccontextmanager
async def raw_client(
    engine: LocalEngine, *, identified: bool = True, close_timeout: float = 0.2
) -> AsyncGenerator[Raw]:
    async with connect(
        f"{engine.uri}/v1/ws",
        additional_headers=IDENTITY,
        compression=None,
        max_size=None,
        close_timeout=close_timeout,
    ) as socket:
        raw = Raw(socket)
        if identified:
            await raw.send(models.AuthIdentifyRequest(corr_id=1, username="alice"))
            assert (await raw.expect(models.Response)).ok
        yield raw


async def upgraded(engine: LocalEngine) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Open a WebSocket on a TCP stream, so that the test reads every byte."""
    reader, writer = await asyncio.open_connection(*address(engine))
    writer.write(UPGRADE)
    with contextlib.suppress(asyncio.IncompleteReadError):
        await in_time(reader.readuntil(b"\r\n\r\n"))
    return reader, writer


def address(engine: LocalEngine) -> tuple[str, int]:
    host, port = engine.uri.removeprefix("ws://").split(":")
    return host, int(port)
