from __future__ import annotations
import functools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias
from pie_client.lazy import LazyModule
import pydantic
import pydantic_core
from pie_client import base
from pie_client._generated import models

@dataclass(frozen=True, slots=True)
class _Text:
    text: str

class AuthenticationDisabled(_Text):
    __slots__ = ()

class AlreadyAuthenticated(_Text):
    __slots__ = ()

class Challenge(_Text):
    __slots__ = ()

class OtherIdentification(_Text):
    __slots__ = ()
AuthIdentifyResult: TypeAlias = AuthenticationDisabled | AlreadyAuthenticated | Challenge | OtherIdentification

def decode_auth_identify_result(text: str) -> AuthIdentifyResult:
    ...

def decode_check_program_result(text: str) -> models.CheckProgramResult:
    ...

def decode_query_result(text: str) -> models.QueryResult:
    ...

def decode_launch_processes_result(text: str) -> models.LaunchProcessesResult:
    ...

def decode_run_processes_result(text: str) -> models.RunProcessesResult:
    ...

def decode_list_processes_result(text: str) -> models.ListProcessesResult:
    ...
__all__ = ['AlreadyAuthenticated', 'AuthIdentifyResult', 'AuthenticationDisabled', 'Challenge', 'OtherIdentification', 'decode_auth_identify_result', 'decode_check_program_result', 'decode_launch_processes_result', 'decode_list_processes_result', 'decode_query_result', 'decode_run_processes_result']
