import asyncio
import http
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias, Unpack
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ProtocolError
from websockets.frames import Close
from websockets.http11 import Response
from pie_client._generated import models
from pie_client._generated.families import CORRELATION
from pie_client._generated.registry import BINARY_MESSAGES, EVENT_MESSAGES, TEXT_MESSAGES
from pie_client.base import WireModel
from pie_client.connection.observing import Direction
from pie_client.errors import InvalidArgumentError
from pie_client.protocol import codec
from pie_client.testing.faults.arguments import check_answered, check_number, check_program, check_until
from pie_client.testing.faults.fault import DIRECTIONS, Ending, Fault, FaultList, Fields, Hooks, Outgoing, Until
from pie_client.testing.faults.reactions import Refusal, Unanswered
from pie_client.testing.faults.sockets import FaultySocket
Alter: TypeAlias = Callable[[Fields], Sequence[Fields | WireModel | bytes | str] | None]
SERVER_MESSAGES: tuple[type[WireModel], ...] = (*EVENT_MESSAGES, *BINARY_MESSAGES.values(), *TEXT_MESSAGES.values())

class Faults:

    def __init__(self) -> None:
        ...

    def stop(self) -> None:
        ...

    def never_answer(self, request: type[WireModel], *, times: int | None=1) -> Fault:
        ...

    def lose_reply(self, request: type[WireModel], *, times: int | None=1) -> Fault:
        ...

    def delay(self, of: type[WireModel], until: Until, *, times: int | None=1) -> Fault:
        ...

    def refuse(self, request: type[WireModel], text: str, *, times: int | None=1) -> Fault:
        ...

    def swallow_upload(self, *, times: int | None=1) -> Fault:
        ...

    def never_start(self, program: str | None=None, *, times: int | None=1) -> Fault:
        ...

    def never_end(self, program: str | None=None, *, times: int | None=1) -> Fault:
        ...

    def alter(self, function: Alter, *of: type[WireModel], times: int | None=1) -> Fault:
        ...

    def corrupt_file_chunk(self, index: int=0, *, times: int | None=1) -> Fault:
        ...

    def refuse_upgrade(self, status: int=503, body: str='', *, times: int | None=1) -> Fault:
        ...

    def hang_upgrade(self, *, times: int | None=1) -> Fault:
        ...

    def drop_connection(self, after_bytes: int=0, direction: Direction='sent', *, reset: bool=False, times: int | None=1) -> Fault:
        ...

    def close_connection(self, code: int=1012, reason: str='', *, times: int | None=1) -> Fault:
        ...

    def silent_peer(self, after_bytes: int=0, direction: Direction='sent', *, times: int | None=1) -> Fault:
        ...

    def never_answer_close(self, message: WireModel | None=None, *, times: int | None=1) -> Fault:
        ...

    def stall_all(self, until: Until | None=None) -> Fault:
        ...
