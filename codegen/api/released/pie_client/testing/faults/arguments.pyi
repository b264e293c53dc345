import asyncio
import math
import re
from pie_client._generated.families import PROGRAM_PATTERN
from pie_client._generated.methods import METHODS
from pie_client._generated.registry import CLIENT_MESSAGES, EVENT_MESSAGES
from pie_client.errors import InvalidArgumentError
ANSWERED = frozenset((CLIENT_MESSAGES[m.tag] for m in METHODS.values() if m.kind in ('call', 'upload')))

def check_answered(request: object) -> None:
    ...

def check_event(event: object) -> None:
    ...

def check_number(name: str, number: object, *, least: int=0) -> None:
    ...

def check_program(program: object) -> None:
    ...

def check_until(until: object) -> None:
    ...
