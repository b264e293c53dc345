"""Texts that a server sends.

Written by `python -m codegen generate` from the schema; never edited.
"""

from __future__ import annotations

from typing import Final

OK_AUTH_PROVE: Final = "Authenticated"
"""Confirms auth_prove."""
OK_AUTH_BY_TOKEN: Final = "Authenticated"
"""Confirms auth_by_token."""
OK_ADD_PROGRAM: Final = "Program installed successfully"
"""Confirms add_program."""
OK_LAUNCH_DAEMON: Final = "server launched"
"""Confirms launch_daemon."""
OK_ATTACH_PROCESS: Final = "Process attached"
"""Confirms attach_process."""
OK_TERMINATE_PROCESS: Final = "Process terminated"
"""Confirms terminate_process."""
OK_PING: Final = "Pong"
"""Confirms ping."""
OK_REGISTER_MCP_SERVER: Final = "MCP server registered"
"""Confirms register_mcp_server."""
OK_CANCEL_WORKFLOW: Final = "Workflow cancelled"
"""Confirms cancel_workflow."""
OK_ATTACH_WORKFLOW: Final = "Workflow attached"
"""Confirms attach_workflow."""
OK_DETACH_WORKFLOW: Final = "Workflow detached"
"""Confirms detach_workflow."""
OK_ALREADY_AUTHENTICATED: Final = "Already authenticated"
"""The session was authenticated before; the server ignored the user name."""
OK_AUTHENTICATION_DISABLED: Final = "Authenticated (Engine disabled authentication)"
"""The server's authentication is disabled; the session is authenticated."""


def user_not_authorized(*, username: object) -> str:
    """Sent by 0.4 servers."""
    return f"User '{username}' is not authorized"


NO_PENDING_AUTHENTICATION: Final = "No pending authentication"
"""Sent by 0.4 servers."""


def invalid_signature_encoding(*, detail: object) -> str:
    """Sent by 0.4 servers."""
    return f"Invalid signature encoding: {detail}"


SIGNATURE_VERIFICATION_FAILED: Final = "Signature verification failed"
"""Sent by 0.4 servers."""
INVALID_TOKEN: Final = "Invalid token"
"""Sent by 0.4 servers."""
ALREADY_AUTHENTICATED: Final = "Already authenticated"
"""Sent by 0.4 and 0.5 servers."""


def invalid_program_identifier(*, identifier: object) -> str:
    """Sent by 0.4 and 0.5 servers."""
    return f"Invalid program identifier '{identifier}': expected 'name@major.minor.patch'"


FIRST_CHUNK_INDEX: Final = "First chunk index must be 0"
"""Sent by 0.4 and 0.5 servers."""


def chunk_count_mismatch(*, expected: object, actual: object) -> str:
    """Sent by 0.4 and 0.5 servers."""
    return f"Chunk count mismatch: expected {expected}, got {actual}"


def out_of_order_chunk(*, expected: object, actual: object) -> str:
    """Sent by 0.4 and 0.5 servers."""
    return f"Out-of-order chunk: expected {expected}, got {actual}"


def upload_too_large(*, mebibytes: object) -> str:
    """Sent by 0.4 and 0.5 servers."""
    return f"upload exceeds max_upload_mb cap of {mebibytes} MiB"


def program_hash_mismatch(*, declared: object, actual: object) -> str:
    """Sent by 0.5 servers."""
    return f"Program hash mismatch: declared {declared}, uploaded {actual}"


UPLOAD_WITHOUT_CHUNKS: Final = "Upload must have at least one chunk"
"""Sent by 0.5 servers."""


def invalid_manifest(*, detail: object) -> str:
    """Sent by 0.4 and 0.5 servers."""
    return f"Invalid manifest: {detail}"


def compile_failed(*, detail: object) -> str:
    """Sent by 0.4 and 0.5 servers."""
    return f"Failed to compile WASM: {detail}"


WASM_NOT_PARSED: Final = "failed to parse WebAssembly module"
"""Sent by 0.4 and 0.5 servers."""


def manifest_not_in_registry(*, url: object) -> str:
    """Sent by 0.4 servers."""
    return f"Failed to download manifest: {url} returned 404 Not Found"


def no_language_component(*, language: object, detail: object) -> str:
    """Sent by 0.5 servers."""
    return f"no {language} language component at {detail}"


def script_not_utf8(*, program: object, language: object, detail: object) -> str:
    """Sent by 0.5 servers."""
    return f"{program} is not UTF-8 {language} source: {detail}"


def no_program_named(*, name: object) -> str:
    """Sent by 0.5 servers."""
    return f"no program named '{name}' is installed"


def dependency_not_installed(*, dependency: object, folder: object, program: object) -> str:
    """Sent by 0.5 servers."""
    return f"program {dependency} is not installed (looked in {folder}), and {program} depends on it"


def program_not_installed(*, program: object, folder: object) -> str:
    """Sent by 0.5 servers."""
    return f"program {program} is not installed (looked in {folder})"


PROCESS_NOT_FOUND: Final = "Process not found"
"""Sent by 0.4 and 0.5 servers."""
INVALID_PROCESS_ID_TO_ATTACH: Final = "Invalid process_id"
"""Sent by 0.4 and 0.5 servers."""
INVALID_PROCESS_ID_TO_TERMINATE: Final = "Invalid process ID"
"""Sent by 0.4 and 0.5 servers."""
PERMISSION_DENIED: Final = "Permission denied"
"""Sent by 0.4 servers."""
CANNOT_ATTACH: Final = "Cannot attach: already attached"
"""Sent by 0.5 servers."""


def token_budgets_length(*, actual: object, expected: object) -> str:
    """Sent by 0.4 servers."""
    return f"token_budgets length {actual} does not match inputs length {expected}"


def unknown_query_subject(*, subject: object) -> str:
    """Sent by 0.5 servers."""
    return f'unknown query subject "{subject}" (known: model_status)'


WORKFLOW_NOT_FOUND: Final = "Workflow not found"
"""Sent by 0.4 servers."""
SERVICE_NOT_FOUND: Final = "Service not found"
"""Sent by 0.4 servers."""
WORKFLOW_ALREADY_ATTACHED: Final = "already attached"
"""Sent by 0.4 servers."""
INVALID_WORKFLOW_ID: Final = "Invalid workflow ID"
"""Sent by 0.4 servers."""


def invalid_workflow_json(*, detail: object) -> str:
    """Sent by 0.4 servers."""
    return f"Invalid workflow JSON: {detail}"


WORKFLOW_HAS_NO_STEPS: Final = "Workflow has no executable steps"
"""Sent by 0.4 servers."""
PROCESS_TERMINATED: Final = "Signal"
"""Sent by 0.4 and 0.5 servers."""
WORKFLOW_CANCELLED: Final = "cancelled"
"""Sent by 0.4 servers."""


def call_error(*, detail: object) -> str:
    """Sent by 0.4 and 0.5 servers."""
    return f"Call error: {detail}"


def component_not_found(*, program: object) -> str:
    """Sent by 0.4 and 0.5 servers."""
    return f"Component not found for program: {program}"


NO_RUN_INTERFACE: Final = "No 'run' interface found"
"""Sent by 0.4 and 0.5 servers."""


def script_without_entry(*, program: object, entry: object) -> str:
    """Sent by 0.5 servers."""
    return f"{program} defines no `{entry}`; a Python inferlet is a module with an entry function, `async def main(input: dict)` unless the manifest names another"


def script_needs_object(*, program: object) -> str:
    """Sent by 0.5 servers."""
    return f"{program} takes keyword arguments, so its input must be a JSON object"


SCRIPT_RECEIVES_NO_FILE: Final = "Session receive_file failed"
"""Sent by 0.5 servers."""


def manifest_toml_invalid(*, detail: object) -> str:
    """Sent by 0.4 and 0.5 servers."""
    return f"Failed to parse manifest TOML: {detail}"


def bad_client_frame(*, detail: object) -> str:
    """Sent by 0.5 servers."""
    return f"bad client frame: {detail}"


def identity_missing(*, header: object) -> str:
    """Sent by 0.5 servers."""
    return f"identity: missing `{header}` (edge must inject verified identity)"


def identity_empty(*, header: object) -> str:
    """Sent by 0.5 servers."""
    return f"identity: empty `{header}`"


def identity_without_user(*, header: object) -> str:
    """Sent by 0.5 servers."""
    return f"identity: `{header}` has empty user component"


def mcp_server_not_registered(*, server_name: object) -> str:
    """Sent in answers to relayed MCP calls."""
    return f"MCP server '{server_name}' not registered"


CODE_MCP_SERVER_NOT_REGISTERED: Final = -1
"""JSON-RPC error code of the text."""


def mcp_client_gone(*, server_name: object) -> str:
    """Sent in answers to relayed MCP calls."""
    return f"the client that runs MCP server '{server_name}' is gone"


CODE_MCP_CLIENT_GONE: Final = -32000
"""JSON-RPC error code of the text."""


def mcp_without_client(*, process_id: object) -> str:
    """Sent by 0.4 servers."""
    return f"process {process_id} has no client that could run MCP servers"


def workflow_loop_exceeded(*, limit: object) -> str:
    """Sent by 0.4 servers."""
    return f"Loop exceeded {limit} iterations"


__all__ = [
    "ALREADY_AUTHENTICATED",
    "CANNOT_ATTACH",
    "CODE_MCP_CLIENT_GONE",
    "CODE_MCP_SERVER_NOT_REGISTERED",
    "FIRST_CHUNK_INDEX",
    "INVALID_PROCESS_ID_TO_ATTACH",
    "INVALID_PROCESS_ID_TO_TERMINATE",
    "INVALID_TOKEN",
    "INVALID_WORKFLOW_ID",
    "NO_PENDING_AUTHENTICATION",
    "NO_RUN_INTERFACE",
    "OK_ADD_PROGRAM",
    "OK_ALREADY_AUTHENTICATED",
    "OK_ATTACH_PROCESS",
    "OK_ATTACH_WORKFLOW",
    "OK_AUTHENTICATION_DISABLED",
    "OK_AUTH_BY_TOKEN",
    "OK_AUTH_PROVE",
    "OK_CANCEL_WORKFLOW",
    "OK_DETACH_WORKFLOW",
    "OK_LAUNCH_DAEMON",
    "OK_PING",
    "OK_REGISTER_MCP_SERVER",
    "OK_TERMINATE_PROCESS",
    "PERMISSION_DENIED",
    "PROCESS_NOT_FOUND",
    "PROCESS_TERMINATED",
    "SCRIPT_RECEIVES_NO_FILE",
    "SERVICE_NOT_FOUND",
    "SIGNATURE_VERIFICATION_FAILED",
    "UPLOAD_WITHOUT_CHUNKS",
    "WASM_NOT_PARSED",
    "WORKFLOW_ALREADY_ATTACHED",
    "WORKFLOW_CANCELLED",
    "WORKFLOW_HAS_NO_STEPS",
    "WORKFLOW_NOT_FOUND",
    "bad_client_frame",
    "call_error",
    "chunk_count_mismatch",
    "compile_failed",
    "component_not_found",
    "dependency_not_installed",
    "identity_empty",
    "identity_missing",
    "identity_without_user",
    "invalid_manifest",
    "invalid_program_identifier",
    "invalid_signature_encoding",
    "invalid_workflow_json",
    "manifest_not_in_registry",
    "manifest_toml_invalid",
    "mcp_client_gone",
    "mcp_server_not_registered",
    "mcp_without_client",
    "no_language_component",
    "no_program_named",
    "out_of_order_chunk",
    "program_hash_mismatch",
    "program_not_installed",
    "script_needs_object",
    "script_not_utf8",
    "script_without_entry",
    "token_budgets_length",
    "unknown_query_subject",
    "upload_too_large",
    "user_not_authorized",
    "workflow_loop_exceeded",
]
