"""Matches over all events and over all answers to an identification. Checkers must accept them as exhaustive."""

from typing import assert_never

from pie_client import (
    CorruptEvent,
    ErrorEvent,
    FileEvent,
    MessageEvent,
    Process,
    ProcessEvent,
    ReturnEvent,
    StderrEvent,
    StdoutEvent,
    UnknownEvent,
)
from pie_client.models import (
    AlreadyAuthenticated,
    AuthenticationDisabled,
    AuthIdentifyResult,
    Challenge,
    OtherIdentification,
)


def show(event: ProcessEvent) -> str:
    match event:
        case StdoutEvent(text) | StderrEvent(text) | MessageEvent(text):
            return text
        case FileEvent() as file:
            return file.digest
        case ReturnEvent(text) | ErrorEvent(text):
            return text
        case CorruptEvent(text):
            return text
        case UnknownEvent(kind):
            return kind
        case _:
            assert_never(event)


async def stream(process: Process) -> list[str]:
    return [show(event) async for event in process]


def identified(answer: AuthIdentifyResult) -> bool:
    match answer:
        case AuthenticationDisabled() | AlreadyAuthenticated() | OtherIdentification():
            return True
        case Challenge():
            return False
        case _:
            assert_never(answer)
