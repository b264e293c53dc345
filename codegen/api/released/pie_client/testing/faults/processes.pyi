import re
from collections.abc import Callable, Sequence
from typing import Unpack
from pie_client._generated import models
from pie_client._generated.families import PROCESS
from pie_client._generated.registry import EVENT_MESSAGES
from pie_client.base import WireModel
from pie_client.testing._generated import texts
from pie_client.testing.faults.arguments import check_number, check_program, check_until
from pie_client.testing.faults.fault import Fault, FaultList, Hooks, Outgoing, Until
TERMINAL_MESSAGES = (models.ReturnFrame, models.ErrorFrame)
PROCESS_MESSAGES = (*EVENT_MESSAGES, models.FileChunk)
PROCESS_ID = re.compile('[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}')

class FaultGroup:

    def __init__(self) -> None:
        ...

class ProcessFaults(FaultGroup):

    def events_before_reply(self, events: int=1, *, times: int | None=1) -> Fault:
        ...

    def second_terminal(self, *, times: int | None=1) -> Fault:
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

    def lose_file(self, *, times: int | None=1) -> Fault:
        ...

    def corrupt_file_chunk(self, index: int=0, *, times: int | None=1) -> Fault:
        ...

def is_a(*models: type[WireModel]) -> Callable[[Outgoing], bool]:
    ...
