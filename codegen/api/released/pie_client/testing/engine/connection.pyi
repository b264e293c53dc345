import asyncio
import contextlib
import logging
from websockets.exceptions import ConnectionClosed
from websockets.protocol import State
from pie_client._generated import models
from pie_client._generated.families import CORRELATION, PROCESS
from pie_client._generated.methods import METHODS
from pie_client._generated.registry import ClientMessage
from pie_client.base import WireModel
from pie_client.protocol import codec
from pie_client.testing._generated import texts
from pie_client.testing.engine.requests import RequestHandler, Result
from pie_client.testing.engine.state import EngineState
from pie_client.testing.faults.fault import Outgoing
from pie_client.testing.faults.reactions import Refusal, Unanswered
from pie_client.testing.faults.sockets import FaultySocket
from pie_client.testing.inferlet.mcp import McpRelay
LONG_TURNS = (models.LaunchProcessRequest, models.AttachProcessRequest)

class Connection:

    def __init__(self) -> None:
        self.mcp = ...

    async def serve(self) -> None:
        ...

    def send(self, message: WireModel, request: WireModel | None=None) -> None:
        ...

    def release(self, sent: Outgoing) -> None:
        ...

    def finish_turn(self) -> None:
        ...

    def detach_if_closed(self) -> None:
        ...
