"""Decoders: from the text of a reply to what it means.

Written by `python -m codegen generate` from schema/; never edited.
"""

import re
from dataclasses import dataclass
from typing import Final, TypeAlias

from pydantic import TypeAdapter

from pie_client._generated import models


@dataclass(frozen=True, slots=True)
class AuthenticationDisabled:
    """The server authenticates nobody: the session is open."""

    text: str


@dataclass(frozen=True, slots=True)
class AlreadyAuthenticated:
    """The session was open before. The user name just sent was ignored."""

    text: str


@dataclass(frozen=True, slots=True)
class Challenge:
    """48 random bytes in standard base64, to be signed with one of the user's keys."""

    text: str


@dataclass(frozen=True, slots=True)
class OtherIdentification:
    """Some other words of consent, from a server newer than this schema."""

    text: str


AuthIdentifyResult: TypeAlias = (
    AuthenticationDisabled | AlreadyAuthenticated | Challenge | OtherIdentification
)
"""What the server made of the user name."""


_CHALLENGE: Final = re.compile("[A-Za-z0-9+/]{64}")
_DECODE_CHECK_PROGRAM_RESULT: Final[TypeAdapter[models.CheckProgramResult]] = TypeAdapter(
    models.CheckProgramResult
)
_DECODE_QUERY_RESULT: Final[TypeAdapter[models.QueryResult]] = TypeAdapter(models.QueryResult)
_DECODE_LAUNCH_PROCESSES_RESULT: Final[TypeAdapter[models.LaunchProcessesResult]] = TypeAdapter(
    models.LaunchProcessesResult
)
_DECODE_RUN_PROCESSES_RESULT: Final[TypeAdapter[models.RunProcessesResult]] = TypeAdapter(
    models.RunProcessesResult
)
_DECODE_LIST_PROCESSES_RESULT: Final[TypeAdapter[models.ListProcessesResult]] = TypeAdapter(
    models.ListProcessesResult
)


def decode_text(text: str) -> str:
    """Return the text of a reply."""
    return text


def decode_auth_identify_result(text: str) -> AuthIdentifyResult:
    """What the server made of the user name."""
    if text == "Authenticated (Engine disabled authentication)":
        return AuthenticationDisabled(text)
    if text == "Already authenticated":
        return AlreadyAuthenticated(text)
    if _CHALLENGE.fullmatch(text):
        return Challenge(text)
    return OtherIdentification(text)


def decode_check_program_result(text: str) -> models.CheckProgramResult:
    """Whether the name and version are in the server's index."""
    return _DECODE_CHECK_PROGRAM_RESULT.validate_json(text, strict=True)


def decode_query_result(text: str) -> models.QueryResult:
    """A flat object. For model_status its keys are `<model>.<statistic>` with integers or arrays of integers;
    kv_pages_used, kv_pages_total, total_batches, total_tokens_processed, last_batch_latency_us and
    avg_batch_latency_us exist on every server."""
    return _DECODE_QUERY_RESULT.validate_json(text, strict=True)


def decode_launch_processes_result(text: str) -> models.LaunchProcessesResult:
    """Ids of the new processes in the order of the inputs, also when their output is not captured."""
    return _DECODE_LAUNCH_PROCESSES_RESULT.validate_json(text, strict=True)


def decode_run_processes_result(text: str) -> models.RunProcessesResult:
    """What each process returned, as text, in the order of the inputs."""
    return _DECODE_RUN_PROCESSES_RESULT.validate_json(text, strict=True)


def decode_list_processes_result(text: str) -> models.ListProcessesResult:
    """The running processes, in no particular order."""
    return _DECODE_LIST_PROCESSES_RESULT.validate_json(text, strict=True)


def decode_nothing(text: str) -> None:
    """A request without a reply has no result."""


__all__ = [
    "decode_nothing",
    "decode_text",
    "decode_auth_identify_result",
    "AuthIdentifyResult",
    "AuthenticationDisabled",
    "AlreadyAuthenticated",
    "Challenge",
    "OtherIdentification",
    "decode_check_program_result",
    "decode_query_result",
    "decode_launch_processes_result",
    "decode_run_processes_result",
    "decode_list_processes_result",
]
