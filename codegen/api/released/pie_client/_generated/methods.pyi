from __future__ import annotations
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Generic, Literal, NamedTuple, TypeAlias, TypeVar
from pie_client._generated import results
from pie_client._generated.families import Family
from pie_client._generated import models
Kind: TypeAlias = Literal['call', 'notify', 'upload', 'transfer', 'relay']

class Method(NamedTuple, Generic[_R_co]):
    tag: str
    kind: Kind
    families: tuple[Family, ...]
    since: str
    decode: Callable[[str], _R_co]
    subject: str | None = None
    subject_version: str | None = None
    captures: str | None = None
    claims: bool = False
    opens_session: bool = False
    repeatable: bool = False
    useless: tuple[Family, ...] = ()
    instead: str = ''
    fields: Mapping[str, tuple[Family, ...]] = MappingProxyType({})
AUTH_IDENTIFY: Final[Method[results.AuthIdentifyResult]] = ...
AUTH_PROVE: Final[Method[str]] = ...
AUTH_BY_TOKEN: Final[Method[str]] = Method('auth_by_token', 'call', ('0.4',), '0.3', str, opens_session=True, instead='Use authenticate')
CHECK_PROGRAM: Final[Method[models.CheckProgramResult]] = ...
QUERY: Final[Method[models.QueryResult]] = Method('query', 'call', ('0.4', '0.5'), '0.3', results.decode_query_result, subject='subject', repeatable=True)
ADD_PROGRAM: Final[Method[str]] = Method('add_program', 'upload', ('0.4', '0.5'), '0.3', str)
LAUNCH_PROCESS: Final[Method[str]] = ...
LAUNCH_PROCESSES: Final[Method[models.LaunchProcessesResult]] = ...
RUN_PROCESSES: Final[Method[models.RunProcessesResult]] = ...
LAUNCH_DAEMON: Final[Method[str]] = ...
ATTACH_PROCESS: Final[Method[str]] = Method('attach_process', 'call', ('0.4', '0.5'), '0.3', str, subject='process_id', claims=True)
TERMINATE_PROCESS: Final[Method[str]] = Method('terminate_process', 'call', ('0.4', '0.5'), '0.3', str, subject='process_id')
SIGNAL_PROCESS: Final[Method[None]] = Method('signal_process', 'notify', ('0.4', '0.5'), '0.3', _no_result, subject='process_id')
TRANSFER_FILE: Final[Method[None]] = Method('transfer_file', 'transfer', ('0.4', '0.5'), '0.3', _no_result, subject='process_id')
LIST_PROCESSES: Final[Method[models.ListProcessesResult]] = Method('list_processes', 'call', ('0.4', '0.5'), '0.3', results.decode_list_processes_result, repeatable=True)
PING: Final[Method[str]] = Method('ping', 'call', ('0.4', '0.5'), '0.3', str, repeatable=True)
REGISTER_MCP_SERVER: Final[Method[str]] = ...
MCP_RESPONSE: Final[Method[None]] = Method('mcp_response', 'relay', ('0.4',), '0.3', _no_result)
SUBMIT_WORKFLOW: Final[Method[str]] = Method('submit_workflow', 'call', ('0.4',), '0.3', str, instead='Use launch_process for each of its processes')
CANCEL_WORKFLOW: Final[Method[str]] = Method('cancel_workflow', 'call', ('0.4',), '0.3', str, subject='workflow_id')
ATTACH_WORKFLOW: Final[Method[str]] = Method('attach_workflow', 'call', ('0.4',), '0.3', str, subject='workflow_id')
DETACH_WORKFLOW: Final[Method[str]] = Method('detach_workflow', 'call', ('0.4',), '0.3', str, subject='workflow_id')
METHODS: Final[Mapping[str, Method[object]]] = ...
__all__ = ['ADD_PROGRAM', 'ATTACH_PROCESS', 'ATTACH_WORKFLOW', 'AUTH_BY_TOKEN', 'AUTH_IDENTIFY', 'AUTH_PROVE', 'CANCEL_WORKFLOW', 'CHECK_PROGRAM', 'DETACH_WORKFLOW', 'LAUNCH_DAEMON', 'LAUNCH_PROCESS', 'LAUNCH_PROCESSES', 'LIST_PROCESSES', 'MCP_RESPONSE', 'METHODS', 'PING', 'QUERY', 'REGISTER_MCP_SERVER', 'RUN_PROCESSES', 'SIGNAL_PROCESS', 'SUBMIT_WORKFLOW', 'TERMINATE_PROCESS', 'TRANSFER_FILE', 'Kind', 'Method']
