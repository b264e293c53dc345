from __future__ import annotations
from typing import Final
OK_AUTH_PROVE: Final = 'Authenticated'
OK_AUTH_BY_TOKEN: Final = 'Authenticated'
OK_ADD_PROGRAM: Final = 'Program installed successfully'
OK_LAUNCH_DAEMON: Final = 'server launched'
OK_ATTACH_PROCESS: Final = 'Process attached'
OK_TERMINATE_PROCESS: Final = 'Process terminated'
OK_PING: Final = 'Pong'
OK_REGISTER_MCP_SERVER: Final = 'MCP server registered'
OK_CANCEL_WORKFLOW: Final = 'Workflow cancelled'
OK_ATTACH_WORKFLOW: Final = 'Workflow attached'
OK_DETACH_WORKFLOW: Final = 'Workflow detached'
OK_ALREADY_AUTHENTICATED: Final = 'Already authenticated'
OK_AUTHENTICATION_DISABLED: Final = 'Authenticated (Engine disabled authentication)'

def user_not_authorized(*, username: object) -> str:
    ...
NO_PENDING_AUTHENTICATION: Final = 'No pending authentication'

def invalid_signature_encoding(*, detail: object) -> str:
    ...
SIGNATURE_VERIFICATION_FAILED: Final = 'Signature verification failed'
INVALID_TOKEN: Final = 'Invalid token'
ALREADY_AUTHENTICATED: Final = 'Already authenticated'

def invalid_program_identifier(*, identifier: object) -> str:
    ...
FIRST_CHUNK_INDEX: Final = 'First chunk index must be 0'

def chunk_count_mismatch(*, expected: object, actual: object) -> str:
    ...

def out_of_order_chunk(*, expected: object, actual: object) -> str:
    ...

def upload_too_large(*, mebibytes: object) -> str:
    ...

def program_hash_mismatch(*, declared: object, actual: object) -> str:
    ...
UPLOAD_WITHOUT_CHUNKS: Final = 'Upload must have at least one chunk'

def invalid_manifest(*, detail: object) -> str:
    ...

def compile_failed(*, detail: object) -> str:
    ...
WASM_NOT_PARSED: Final = 'failed to parse WebAssembly module'

def manifest_not_in_registry(*, url: object) -> str:
    ...

def no_language_component(*, language: object, detail: object) -> str:
    ...

def script_not_utf8(*, program: object, language: object, detail: object) -> str:
    ...

def no_program_named(*, name: object) -> str:
    ...

def dependency_not_installed(*, dependency: object, folder: object, program: object) -> str:
    ...

def program_not_installed(*, program: object, folder: object) -> str:
    ...
PROCESS_NOT_FOUND: Final = 'Process not found'
INVALID_PROCESS_ID_TO_ATTACH: Final = 'Invalid process_id'
INVALID_PROCESS_ID_TO_TERMINATE: Final = 'Invalid process ID'
PERMISSION_DENIED: Final = 'Permission denied'
CANNOT_ATTACH: Final = 'Cannot attach: already attached'

def token_budgets_length(*, actual: object, expected: object) -> str:
    ...

def unknown_query_subject(*, subject: object) -> str:
    ...
WORKFLOW_NOT_FOUND: Final = 'Workflow not found'
SERVICE_NOT_FOUND: Final = 'Service not found'
WORKFLOW_ALREADY_ATTACHED: Final = 'already attached'
INVALID_WORKFLOW_ID: Final = 'Invalid workflow ID'

def invalid_workflow_json(*, detail: object) -> str:
    ...
WORKFLOW_HAS_NO_STEPS: Final = 'Workflow has no executable steps'
PROCESS_TERMINATED: Final = 'Signal'
WORKFLOW_CANCELLED: Final = 'cancelled'

def call_error(*, detail: object) -> str:
    ...

def component_not_found(*, program: object) -> str:
    ...
NO_RUN_INTERFACE: Final = "No 'run' interface found"

def script_without_entry(*, program: object, entry: object) -> str:
    ...

def script_needs_object(*, program: object) -> str:
    ...
SCRIPT_RECEIVES_NO_FILE: Final = 'Session receive_file failed'

def manifest_toml_invalid(*, detail: object) -> str:
    ...

def bad_client_frame(*, detail: object) -> str:
    ...

def identity_missing(*, header: object) -> str:
    ...

def identity_empty(*, header: object) -> str:
    ...

def identity_without_user(*, header: object) -> str:
    ...

def mcp_server_not_registered(*, server_name: object) -> str:
    ...
CODE_MCP_SERVER_NOT_REGISTERED: Final = -1

def mcp_client_gone(*, server_name: object) -> str:
    ...
CODE_MCP_CLIENT_GONE: Final = -32000

def mcp_without_client(*, process_id: object) -> str:
    ...

def workflow_loop_exceeded(*, limit: object) -> str:
    ...
__all__ = ['ALREADY_AUTHENTICATED', 'CANNOT_ATTACH', 'CODE_MCP_CLIENT_GONE', 'CODE_MCP_SERVER_NOT_REGISTERED', 'FIRST_CHUNK_INDEX', 'INVALID_PROCESS_ID_TO_ATTACH', 'INVALID_PROCESS_ID_TO_TERMINATE', 'INVALID_TOKEN', 'INVALID_WORKFLOW_ID', 'NO_PENDING_AUTHENTICATION', 'NO_RUN_INTERFACE', 'OK_ADD_PROGRAM', 'OK_ALREADY_AUTHENTICATED', 'OK_ATTACH_PROCESS', 'OK_ATTACH_WORKFLOW', 'OK_AUTHENTICATION_DISABLED', 'OK_AUTH_BY_TOKEN', 'OK_AUTH_PROVE', 'OK_CANCEL_WORKFLOW', 'OK_DETACH_WORKFLOW', 'OK_LAUNCH_DAEMON', 'OK_PING', 'OK_REGISTER_MCP_SERVER', 'OK_TERMINATE_PROCESS', 'PERMISSION_DENIED', 'PROCESS_NOT_FOUND', 'PROCESS_TERMINATED', 'SCRIPT_RECEIVES_NO_FILE', 'SERVICE_NOT_FOUND', 'SIGNATURE_VERIFICATION_FAILED', 'UPLOAD_WITHOUT_CHUNKS', 'WASM_NOT_PARSED', 'WORKFLOW_ALREADY_ATTACHED', 'WORKFLOW_CANCELLED', 'WORKFLOW_HAS_NO_STEPS', 'WORKFLOW_NOT_FOUND', 'bad_client_frame', 'call_error', 'chunk_count_mismatch', 'compile_failed', 'component_not_found', 'dependency_not_installed', 'identity_empty', 'identity_missing', 'identity_without_user', 'invalid_manifest', 'invalid_program_identifier', 'invalid_signature_encoding', 'invalid_workflow_json', 'manifest_not_in_registry', 'manifest_toml_invalid', 'mcp_client_gone', 'mcp_server_not_registered', 'mcp_without_client', 'no_language_component', 'no_program_named', 'out_of_order_chunk', 'program_hash_mismatch', 'program_not_installed', 'script_needs_object', 'script_not_utf8', 'script_without_entry', 'token_budgets_length', 'unknown_query_subject', 'upload_too_large', 'user_not_authorized', 'workflow_loop_exceeded']
