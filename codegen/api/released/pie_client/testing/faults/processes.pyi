import re
from collections.abc import Callable, Sequence
from typing import Unpack
from blake3 import blake3
from pie_client._generated import models
from pie_client._generated.families import PROCESS
from pie_client._generated.registry import EVENT_MESSAGES
from pie_client.base import WireModel
from pie_client.protocol import codec
from pie_client.testing._generated import texts
from pie_client.testing.faults.arguments import check_event, check_number, check_program, check_until
from pie_client.testing.faults.fault import MISSING, Fault, FaultList, Hooks, Outgoing, Until
UNKNOWN = 'telemetry'
TERMINAL_MESSAGES = (models.ReturnFrame, models.ErrorFrame)
PROCESS_MESSAGES = (*EVENT_MESSAGES, models.FileChunk)
OUTPUT = (models.StdoutFrame, models.StderrFrame)
PROCESS_ID = re.compile('[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}')

class FaultGroup:

    def __init__(self) -> None:
        ...

class ProcessFaults(FaultGroup):

    def events_before_reply(self, events: int=1, *, times: int | None=1) -> Fault:
        ...

    def events_after_end(self, *, times: int | None=1) -> Fault:
        ...

    def second_terminal(self, *, times: int | None=1) -> Fault:
        ...

    def unknown_event_kind(self, kind: str=UNKNOWN, value: str | None='1', *, times: int | None=1) -> Fault:
        ...

    def missing_value(self, event: type[WireModel]=models.StdoutFrame, *, times: int | None=1) -> Fault:
        ...

    def split_utf8(self, *, times: int | None=1) -> Fault:
        ...

    def terminate_event_before_reply(self, *, times: int | None=1) -> Fault:
        ...

    def terminate_event_after_reply(self, until: Until | None, *, times: int | None=1) -> Fault:
        ...

    def never_start(self, program: str | None=None, *, times: int | None=1) -> Fault:
        ...

    def never_end(self, program: str | None=None, *, times: int | None=1) -> Fault:
        ...

    def lose_workflow_end(self, *, times: int | None=1) -> Fault:
        ...

    def nil_name(self, *, times: int | None=1) -> Fault:
        ...

    def lose_file(self, *, times: int | None=1) -> Fault:
        ...

    def corrupt_file_chunk(self, index: int=0, *, times: int | None=1) -> Fault:
        ...

    def drop_file_chunk(self, index: int=0, *, times: int | None=1) -> Fault:
        ...

    def duplicate_file_chunk(self, index: int=0, *, times: int | None=1) -> Fault:
        ...

    def mcp_request_for_unknown_server(self, server: str=UNKNOWN, *, times: int | None=1) -> Fault:
        ...

    def mcp_request_of_unknown_method(self, method: str=UNKNOWN, *, times: int | None=1) -> Fault:
        ...

    def mcp_params_not_json(self, params: str='{', *, times: int | None=1) -> Fault:
        ...

def is_a(*models: type[WireModel]) -> Callable[[Outgoing], bool]:
    ...
