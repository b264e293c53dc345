"""Encoders of requests: fast for valid values; the models validate the rest.

Written by `python -m codegen generate` from the schema; never edited.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pie_client.lazy import LazyModule

# Callers may pass other types than those of the annotations.
# mypy: disable-error-code="redundant-expr, unreachable"

if TYPE_CHECKING:
    from pie_client._generated import models
    from pie_client._generated import models as _models
else:
    models = _models = LazyModule("pie_client._generated.models")


def auth_identify(corr_id: models.CorrelationId, username: str) -> dict[str, object]:
    """Return the fields of auth_identify on the wire. Raises pydantic.ValidationError."""
    if type(corr_id) is int and 0 <= corr_id <= 4294967295 and type(username) is str:
        return {
            "type": "auth_identify",
            "corr_id": corr_id,
            "username": username,
        }
    return _models.AuthIdentifyRequest(corr_id=corr_id, username=username).model_dump(exclude_none=True)


def auth_prove(corr_id: models.CorrelationId, signature: str) -> dict[str, object]:
    """Return the fields of auth_prove on the wire. Raises pydantic.ValidationError."""
    if type(corr_id) is int and 0 <= corr_id <= 4294967295 and type(signature) is str:
        return {
            "type": "auth_prove",
            "corr_id": corr_id,
            "signature": signature,
        }
    return _models.AuthProveRequest(corr_id=corr_id, signature=signature).model_dump(exclude_none=True)


def auth_by_token(corr_id: models.CorrelationId, token: str) -> dict[str, object]:
    """Return the fields of auth_by_token on the wire. Raises pydantic.ValidationError."""
    if type(corr_id) is int and 0 <= corr_id <= 4294967295 and type(token) is str:
        return {
            "type": "auth_by_token",
            "corr_id": corr_id,
            "token": token,
        }
    return _models.AuthByTokenRequest(corr_id=corr_id, token=token).model_dump(exclude_none=True)


def check_program(
    corr_id: models.CorrelationId,
    name: str,
    version: str,
    wasm_hash: models.Blake3Digest | None,
    manifest_hash: models.Blake3Digest | None,
) -> dict[str, object]:
    """Return the fields of check_program on the wire. Raises pydantic.ValidationError."""
    if (
        type(corr_id) is int
        and 0 <= corr_id <= 4294967295
        and type(name) is str
        and type(version) is str
        and (wasm_hash is None or type(wasm_hash) is str)
        and (manifest_hash is None or type(manifest_hash) is str)
    ):
        return {
            "type": "check_program",
            "corr_id": corr_id,
            "name": name,
            "version": version,
            **({} if wasm_hash is None else {"wasm_hash": wasm_hash}),
            **({} if manifest_hash is None else {"manifest_hash": manifest_hash}),
        }
    return _models.CheckProgramRequest(
        corr_id=corr_id, name=name, version=version, wasm_hash=wasm_hash, manifest_hash=manifest_hash
    ).model_dump(exclude_none=True)


def query(corr_id: models.CorrelationId, subject: str, record: str) -> dict[str, object]:
    """Return the fields of query on the wire. Raises pydantic.ValidationError."""
    if type(corr_id) is int and 0 <= corr_id <= 4294967295 and type(subject) is str and type(record) is str:
        return {
            "type": "query",
            "corr_id": corr_id,
            "subject": subject,
            "record": record,
        }
    return _models.QueryRequest(corr_id=corr_id, subject=subject, record=record).model_dump(exclude_none=True)


def add_program(
    corr_id: models.CorrelationId,
    program_hash: models.Blake3Digest,
    manifest: str,
    force_overwrite: bool,
    chunk_index: models.Usize,
    total_chunks: models.Usize,
    chunk_data: models.Bytes,
) -> dict[str, object]:
    """Return the fields of add_program on the wire. Raises pydantic.ValidationError."""
    if (
        type(corr_id) is int
        and 0 <= corr_id <= 4294967295
        and type(program_hash) is str
        and type(manifest) is str
        and type(force_overwrite) is bool
        and type(chunk_index) is int
        and 0 <= chunk_index <= 18446744073709551615
        and type(total_chunks) is int
        and 0 <= total_chunks <= 18446744073709551615
        and type(chunk_data) is bytes
    ):
        return {
            "type": "add_program",
            "corr_id": corr_id,
            "program_hash": program_hash,
            "manifest": manifest,
            "force_overwrite": force_overwrite,
            "chunk_index": chunk_index,
            "total_chunks": total_chunks,
            "chunk_data": chunk_data,
        }
    return _models.AddProgramRequest(
        corr_id=corr_id,
        program_hash=program_hash,
        manifest=manifest,
        force_overwrite=force_overwrite,
        chunk_index=chunk_index,
        total_chunks=total_chunks,
        chunk_data=chunk_data,
    ).model_dump(exclude_none=True)


def launch_process(
    corr_id: models.CorrelationId,
    inferlet: models.ProgramName,
    input: models.JsonText,
    capture_outputs: bool,
    token_budget: models.Usize | None,
) -> dict[str, object]:
    """Return the fields of launch_process on the wire. Raises pydantic.ValidationError."""
    if (
        type(corr_id) is int
        and 0 <= corr_id <= 4294967295
        and type(inferlet) is str
        and type(input) is str
        and type(capture_outputs) is bool
        and (
            token_budget is None or (type(token_budget) is int and 0 <= token_budget <= 18446744073709551615)
        )
    ):
        return {
            "type": "launch_process",
            "corr_id": corr_id,
            "inferlet": inferlet,
            "input": input,
            "capture_outputs": capture_outputs,
            **({} if token_budget is None else {"token_budget": token_budget}),
        }
    return _models.LaunchProcessRequest(
        corr_id=corr_id,
        inferlet=inferlet,
        input=input,
        capture_outputs=capture_outputs,
        token_budget=token_budget,
    ).model_dump(exclude_none=True)


def launch_processes(
    corr_id: models.CorrelationId,
    inferlet: models.ProgramName,
    inputs: list[models.JsonText],
    capture_outputs: bool,
    token_budgets: list[models.Usize | None] | None,
) -> dict[str, object]:
    """Return the fields of launch_processes on the wire. Raises pydantic.ValidationError."""
    if (
        type(corr_id) is int
        and 0 <= corr_id <= 4294967295
        and type(inferlet) is str
        and type(inputs) is list
        and all(type(item) is str for item in inputs)
        and type(capture_outputs) is bool
        and (
            token_budgets is None
            or (
                type(token_budgets) is list
                and all(
                    (item is None or (type(item) is int and 0 <= item <= 18446744073709551615))
                    for item in token_budgets
                )
            )
        )
    ):
        return {
            "type": "launch_processes",
            "corr_id": corr_id,
            "inferlet": inferlet,
            "inputs": inputs,
            "capture_outputs": capture_outputs,
            **({} if token_budgets is None else {"token_budgets": token_budgets}),
        }
    return _models.LaunchProcessesRequest(
        corr_id=corr_id,
        inferlet=inferlet,
        inputs=inputs,
        capture_outputs=capture_outputs,
        token_budgets=token_budgets,
    ).model_dump(exclude_none=True)


def run_processes(
    corr_id: models.CorrelationId,
    inferlet: models.ProgramName,
    inputs: list[models.JsonText],
    token_budgets: list[models.Usize | None] | None,
) -> dict[str, object]:
    """Return the fields of run_processes on the wire. Raises pydantic.ValidationError."""
    if (
        type(corr_id) is int
        and 0 <= corr_id <= 4294967295
        and type(inferlet) is str
        and type(inputs) is list
        and all(type(item) is str for item in inputs)
        and (
            token_budgets is None
            or (
                type(token_budgets) is list
                and all(
                    (item is None or (type(item) is int and 0 <= item <= 18446744073709551615))
                    for item in token_budgets
                )
            )
        )
    ):
        return {
            "type": "run_processes",
            "corr_id": corr_id,
            "inferlet": inferlet,
            "inputs": inputs,
            **({} if token_budgets is None else {"token_budgets": token_budgets}),
        }
    return _models.RunProcessesRequest(
        corr_id=corr_id, inferlet=inferlet, inputs=inputs, token_budgets=token_budgets
    ).model_dump(exclude_none=True)


def launch_daemon(
    corr_id: models.CorrelationId, port: int, inferlet: models.ProgramName, input: models.JsonText
) -> dict[str, object]:
    """Return the fields of launch_daemon on the wire. Raises pydantic.ValidationError."""
    if (
        type(corr_id) is int
        and 0 <= corr_id <= 4294967295
        and type(port) is int
        and 0 <= port <= 4294967295
        and type(inferlet) is str
        and type(input) is str
    ):
        return {
            "type": "launch_daemon",
            "corr_id": corr_id,
            "port": port,
            "inferlet": inferlet,
            "input": input,
        }
    return _models.LaunchDaemonRequest(corr_id=corr_id, port=port, inferlet=inferlet, input=input).model_dump(
        exclude_none=True
    )


def attach_process(corr_id: models.CorrelationId, process_id: models.ProcessId) -> dict[str, object]:
    """Return the fields of attach_process on the wire. Raises pydantic.ValidationError."""
    if type(corr_id) is int and 0 <= corr_id <= 4294967295 and type(process_id) is str:
        return {
            "type": "attach_process",
            "corr_id": corr_id,
            "process_id": process_id,
        }
    return _models.AttachProcessRequest(corr_id=corr_id, process_id=process_id).model_dump(exclude_none=True)


def terminate_process(corr_id: models.CorrelationId, process_id: models.ProcessId) -> dict[str, object]:
    """Return the fields of terminate_process on the wire. Raises pydantic.ValidationError."""
    if type(corr_id) is int and 0 <= corr_id <= 4294967295 and type(process_id) is str:
        return {
            "type": "terminate_process",
            "corr_id": corr_id,
            "process_id": process_id,
        }
    return _models.TerminateProcessRequest(corr_id=corr_id, process_id=process_id).model_dump(
        exclude_none=True
    )


def signal_process(process_id: models.ProcessId, message: str) -> dict[str, object]:
    """Return the fields of signal_process on the wire. Raises pydantic.ValidationError."""
    if type(process_id) is str and type(message) is str:
        return {
            "type": "signal_process",
            "process_id": process_id,
            "message": message,
        }
    return _models.SignalProcessRequest(process_id=process_id, message=message).model_dump(exclude_none=True)


def transfer_file(
    process_id: models.ProcessId,
    file_hash: models.Blake3Digest,
    chunk_index: models.Usize,
    total_chunks: models.Usize,
    chunk_data: models.Bytes,
) -> dict[str, object]:
    """Return the fields of transfer_file on the wire. Raises pydantic.ValidationError."""
    if (
        type(process_id) is str
        and type(file_hash) is str
        and type(chunk_index) is int
        and 0 <= chunk_index <= 18446744073709551615
        and type(total_chunks) is int
        and 0 <= total_chunks <= 18446744073709551615
        and type(chunk_data) is bytes
    ):
        return {
            "type": "transfer_file",
            "process_id": process_id,
            "file_hash": file_hash,
            "chunk_index": chunk_index,
            "total_chunks": total_chunks,
            "chunk_data": chunk_data,
        }
    return _models.TransferFileRequest(
        process_id=process_id,
        file_hash=file_hash,
        chunk_index=chunk_index,
        total_chunks=total_chunks,
        chunk_data=chunk_data,
    ).model_dump(exclude_none=True)


def list_processes(corr_id: models.CorrelationId) -> dict[str, object]:
    """Return the fields of list_processes on the wire. Raises pydantic.ValidationError."""
    if type(corr_id) is int and 0 <= corr_id <= 4294967295:
        return {
            "type": "list_processes",
            "corr_id": corr_id,
        }
    return _models.ListProcessesRequest(corr_id=corr_id).model_dump(exclude_none=True)


def ping(corr_id: models.CorrelationId) -> dict[str, object]:
    """Return the fields of ping on the wire. Raises pydantic.ValidationError."""
    if type(corr_id) is int and 0 <= corr_id <= 4294967295:
        return {
            "type": "ping",
            "corr_id": corr_id,
        }
    return _models.PingRequest(corr_id=corr_id).model_dump(exclude_none=True)


def register_mcp_server(
    corr_id: models.CorrelationId,
    name: str,
    transport: str,
    command: str | None,
    args: list[str] | None,
    url: str | None,
) -> dict[str, object]:
    """Return the fields of register_mcp_server on the wire. Raises pydantic.ValidationError."""
    if (
        type(corr_id) is int
        and 0 <= corr_id <= 4294967295
        and type(name) is str
        and type(transport) is str
        and (command is None or type(command) is str)
        and (args is None or (type(args) is list and all(type(item) is str for item in args)))
        and (url is None or type(url) is str)
    ):
        return {
            "type": "register_mcp_server",
            "corr_id": corr_id,
            "name": name,
            "transport": transport,
            **({} if command is None else {"command": command}),
            **({} if args is None else {"args": args}),
            **({} if url is None else {"url": url}),
        }
    return _models.RegisterMcpServerRequest(
        corr_id=corr_id, name=name, transport=transport, command=command, args=args, url=url
    ).model_dump(exclude_none=True)


def mcp_response(corr_id: models.CorrelationId, ok: bool, result: str) -> dict[str, object]:
    """Return the fields of mcp_response on the wire. Raises pydantic.ValidationError."""
    if type(corr_id) is int and 0 <= corr_id <= 4294967295 and type(ok) is bool and type(result) is str:
        return {
            "type": "mcp_response",
            "corr_id": corr_id,
            "ok": ok,
            "result": result,
        }
    return _models.McpResponseRequest(corr_id=corr_id, ok=ok, result=result).model_dump(exclude_none=True)


def submit_workflow(corr_id: models.CorrelationId, json_: str) -> dict[str, object]:
    """Return the fields of submit_workflow on the wire. Raises pydantic.ValidationError."""
    if type(corr_id) is int and 0 <= corr_id <= 4294967295 and type(json_) is str:
        return {
            "type": "submit_workflow",
            "corr_id": corr_id,
            "json": json_,
        }
    return _models.SubmitWorkflowRequest(corr_id=corr_id, json_=json_).model_dump(exclude_none=True)


def cancel_workflow(corr_id: models.CorrelationId, workflow_id: models.WorkflowId) -> dict[str, object]:
    """Return the fields of cancel_workflow on the wire. Raises pydantic.ValidationError."""
    if type(corr_id) is int and 0 <= corr_id <= 4294967295 and type(workflow_id) is str:
        return {
            "type": "cancel_workflow",
            "corr_id": corr_id,
            "workflow_id": workflow_id,
        }
    return _models.CancelWorkflowRequest(corr_id=corr_id, workflow_id=workflow_id).model_dump(
        exclude_none=True
    )


def attach_workflow(corr_id: models.CorrelationId, workflow_id: models.WorkflowId) -> dict[str, object]:
    """Return the fields of attach_workflow on the wire. Raises pydantic.ValidationError."""
    if type(corr_id) is int and 0 <= corr_id <= 4294967295 and type(workflow_id) is str:
        return {
            "type": "attach_workflow",
            "corr_id": corr_id,
            "workflow_id": workflow_id,
        }
    return _models.AttachWorkflowRequest(corr_id=corr_id, workflow_id=workflow_id).model_dump(
        exclude_none=True
    )


def detach_workflow(corr_id: models.CorrelationId, workflow_id: models.WorkflowId) -> dict[str, object]:
    """Return the fields of detach_workflow on the wire. Raises pydantic.ValidationError."""
    if type(corr_id) is int and 0 <= corr_id <= 4294967295 and type(workflow_id) is str:
        return {
            "type": "detach_workflow",
            "corr_id": corr_id,
            "workflow_id": workflow_id,
        }
    return _models.DetachWorkflowRequest(corr_id=corr_id, workflow_id=workflow_id).model_dump(
        exclude_none=True
    )


__all__ = [
    "add_program",
    "attach_process",
    "attach_workflow",
    "auth_by_token",
    "auth_identify",
    "auth_prove",
    "cancel_workflow",
    "check_program",
    "detach_workflow",
    "launch_daemon",
    "launch_process",
    "launch_processes",
    "list_processes",
    "mcp_response",
    "ping",
    "query",
    "register_mcp_server",
    "run_processes",
    "signal_process",
    "submit_workflow",
    "terminate_process",
    "transfer_file",
]
