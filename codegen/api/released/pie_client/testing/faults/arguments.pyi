import asyncio
from pie_client._generated.methods import METHODS
from pie_client._generated.registry import CLIENT_MESSAGES
from pie_client.connection.options import check_seconds
from pie_client.errors import InvalidArgumentError
from pie_client.programs.manifest import PROGRAM
ANSWERED = frozenset((CLIENT_MESSAGES[m.tag] for m in METHODS.values() if m.kind in ('call', 'upload')))

def check_answered(request: object) -> None:
    ...

def check_number(name: str, number: object, *, least: int=0) -> None:
    ...

def check_program(program: object) -> None:
    ...

def check_until(until: float | asyncio.Event) -> None:
    ...
