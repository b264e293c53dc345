"""Decoders of replies.

Written by `python -m codegen generate` from the schema; never edited.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from pie_client.lazy import LazyModule

if TYPE_CHECKING:
    import pydantic
    import pydantic_core

    from pie_client import base
    from pie_client._generated import models
else:
    base = LazyModule("pie_client.base")
    models = LazyModule("pie_client._generated.models")
    pydantic = LazyModule("pydantic")


@dataclass(frozen=True, slots=True)
class _Text:
    """The text of a reply."""

    text: str


@functools.cache
def _validator(title: str) -> pydantic_core.SchemaValidator:
    return base.failing_fast(pydantic.TypeAdapter(getattr(models, title)))


class AuthenticationDisabled(_Text):
    """The server's authentication is disabled; the session is authenticated."""

    __slots__ = ()


class AlreadyAuthenticated(_Text):
    """The session was authenticated before; the server ignored the user name."""

    __slots__ = ()


class Challenge(_Text):
    """Challenge to sign with one of the user's keys: 48 random bytes in standard base64."""

    __slots__ = ()


class OtherIdentification(_Text):
    """Any other text, from a server that is newer than the schema."""

    __slots__ = ()


AuthIdentifyResult: TypeAlias = (
    AuthenticationDisabled | AlreadyAuthenticated | Challenge | OtherIdentification
)
"""Outcome of the identification."""


def decode_auth_identify_result(text: str) -> AuthIdentifyResult:
    """Decode the result of auth_identify."""
    if text == "Authenticated (Engine disabled authentication)":
        return AuthenticationDisabled(text)
    if text == "Already authenticated":
        return AlreadyAuthenticated(text)
    if re.fullmatch("[A-Za-z0-9+/]{64}", text):
        return Challenge(text)
    return OtherIdentification(text)


def decode_check_program_result(text: str) -> models.CheckProgramResult:
    """Decode the result of check_program."""
    if text in ("true", "false"):
        return text == "true"  # without the models
    result: models.CheckProgramResult = _validator("CheckProgramResult").validate_json(text, strict=True)
    return result


def decode_query_result(text: str) -> models.QueryResult:
    """Decode the result of query."""
    result: models.QueryResult = _validator("QueryResult").validate_json(text, strict=True)
    return result


def decode_launch_processes_result(text: str) -> models.LaunchProcessesResult:
    """Decode the result of launch_processes."""
    result: models.LaunchProcessesResult = _validator("LaunchProcessesResult").validate_json(
        text, strict=True
    )
    return result


def decode_run_processes_result(text: str) -> models.RunProcessesResult:
    """Decode the result of run_processes."""
    result: models.RunProcessesResult = _validator("RunProcessesResult").validate_json(text, strict=True)
    return result


def decode_list_processes_result(text: str) -> models.ListProcessesResult:
    """Decode the result of list_processes."""
    result: models.ListProcessesResult = _validator("ListProcessesResult").validate_json(text, strict=True)
    return result


__all__ = [
    "AlreadyAuthenticated",
    "AuthIdentifyResult",
    "AuthenticationDisabled",
    "Challenge",
    "OtherIdentification",
    "decode_auth_identify_result",
    "decode_check_program_result",
    "decode_launch_processes_result",
    "decode_list_processes_result",
    "decode_query_result",
    "decode_run_processes_result",
]
