from __future__ import annotations
from typing import Annotated, Literal
from pydantic import Field, JsonValue
from typing_extensions import TypeAliasType
from pie_client._generated.synonyms import ProcessInfoSynonyms
from pie_client.base import WireModel
Blake3Digest = ...
Bytes = TypeAliasType('Bytes', Annotated[bytes, Field(description='Raw bytes: bin in msgpack, base64 in JSON.')])
CheckProgramResult = ...
ChunkCount = ...
CorrelationId = ...
Integer = ...
JsonText = TypeAliasType('JsonText', Annotated[str, Field(description='A string with JSON.')])

class ListProcessesRequest(WireModel):
    type: Literal['list_processes'] = 'list_processes'
    corr_id: Annotated[CorrelationId, Field(description='Number that the reply repeats.')]

class LiteralExpression(WireModel):
    type: Literal['literal'] = 'literal'
    value: Annotated[JsonValue, Field(description='Value of the constant.')]

class ManifestPackage(WireModel):
    name: Annotated[str, Field(description='Name of the program.')]
    version: Annotated[str, Field(description='Version as major.minor.patch.')]
    description: Annotated[str | None, Field(description='Summary in one line.')] = None
    authors: Annotated[list[str] | None, Field(description='Authors.')] = None
    repository: Annotated[str | None, Field(description='URL of the source code.')] = None
    readme: Annotated[str | None, Field(description='Path of the README.')] = None

class ManifestParameter(WireModel):
    type: Annotated[Literal['string', 'int', 'float', 'bool'], Field(description='Type of the value.')]
    optional: Annotated[bool | None, Field(description='Whether the parameter may be omitted.')] = None
    description: Annotated[str | None, Field(description='What it means.')] = None

class ManifestRuntime(WireModel):
    core: Annotated[str | None, Field(description="Version of the engine's interface that the program was built for.")] = None
    language: Annotated[Literal['python', 'javascript'] | None, Field(description='Language of the uploaded source; absent for a WASM component.')] = None
    entry: Annotated[str | None, Field(description='Name of the function to call. Default: `main`.')] = None
    call: Annotated[Literal['input', 'kwargs'] | None, Field(description='How the function receives the launch input: `input` as one argument, `kwargs` as keyword arguments. Default: `input`.')] = None

class McpCancelledParams(WireModel):
    request_id: Annotated[Integer, Field(alias='requestId', description='Id of the request.')]
    reason: Annotated[str | None, Field(description='Reason.')] = None

class McpErrorObject(WireModel):
    code: Annotated[Integer, Field(description='JSON-RPC error code.')]
    message: Annotated[str, Field(description='Description of the error.')]
    data: Annotated[JsonValue | None, Field(description='Further information, in any form.')] = None

class McpImplementation(WireModel):
    name: Annotated[str, Field(description='Name of the program.')]
    version: Annotated[str, Field(description='Release of the program.')]

class McpInitializeParams(WireModel):
    protocol_version: Annotated[str, Field(alias='protocolVersion', description='Newest version of MCP that the client supports.')]
    capabilities: Annotated[dict[str, JsonValue], Field(description='Capabilities of the client; empty for none.')]
    client_info: Annotated[McpImplementation, Field(alias='clientInfo', description='Name and release of the client.')]

class McpInitializeResult(WireModel):
    protocol_version: Annotated[str, Field(alias='protocolVersion', description='Version of MCP for the rest of the connection.')]

class McpNamedParams(WireModel):
    name: Annotated[str, Field(description='Name of the tool or prompt.')]
    arguments: Annotated[JsonValue | None, Field(description='Arguments, usually an object.')] = None

class McpResourceParams(WireModel):
    uri: Annotated[str, Field(description='URI of the resource.')]

class McpResponseRequest(WireModel):
    type: Literal['mcp_response'] = 'mcp_response'
    corr_id: Annotated[CorrelationId, Field(description='Number of the relayed call.')]
    ok: Annotated[bool, Field(description='Whether the call succeeded.')]
    result: Annotated[str, Field(description='JSON text of the JSON-RPC result, or of an MCP error object.')]

class PingRequest(WireModel):
    type: Literal['ping'] = 'ping'
    corr_id: Annotated[CorrelationId, Field(description='Number that the reply repeats.')]
ProcessId = ...
ProgramName = ...

class ProgramVersion(WireModel):
    num: Annotated[str, Field(description='Version number. Servers launch only versions of the form major.minor.patch.')]
    yanked: Annotated[bool | None, Field(description='Whether the version was withdrawn and must not be chosen.')] = None

class QueryRequest(WireModel):
    type: Literal['query'] = 'query'
    corr_id: Annotated[CorrelationId, Field(description='Number that the reply repeats.')]
    subject: Annotated[str, Field(description='Subject of the query.')]
    record: Annotated[str, Field(description='Required on the wire, but ignored by servers.')]
QueryResult = TypeAliasType('QueryResult', dict[str, JsonValue])

class RegisterMcpServerRequest(WireModel):
    type: Literal['register_mcp_server'] = 'register_mcp_server'
    corr_id: Annotated[CorrelationId, Field(description='Number that the reply repeats.')]
    name: Annotated[str, Field(description='Name of the MCP server, for inferlets.')]
    transport: Annotated[str, Field(description='Transport between the client and the MCP server.')]
    command: Annotated[str | None, Field(description='Program that the client starts.')] = None
    args: Annotated[list[str] | None, Field(description='Arguments of the program.')] = None
    url: Annotated[str | None, Field(description='URL of an MCP server with HTTP transport.')] = None

class Response(WireModel):
    type: Literal['response'] = 'response'
    corr_id: Annotated[CorrelationId, Field(description='Number of the request.')]
    ok: Annotated[bool, Field(description='Whether the request succeeded.')]
    result: Annotated[str, Field(description="The result, as the request's result describes it; on failure, the reason.")]

class ReturnFrame(WireModel):
    type: Literal['process_event'] = 'process_event'
    process_id: Annotated[ProcessId, Field(description='Id of the process.')]
    event: Literal['return'] = 'return'
    value: Annotated[str, Field(description='Return value, by convention JSON text.')]
RunProcessesResult = ...
Seconds = TypeAliasType('Seconds', Annotated[int, Field(description='A whole number of seconds.', ge=0, le=18446744073709551615)])

class ServerNotice(WireModel):
    type: Literal['error'] = 'error'
    message: Annotated[str, Field(description='Description of the error.')]

class SignalProcessRequest(WireModel):
    type: Literal['signal_process'] = 'signal_process'
    process_id: Annotated[ProcessId, Field(description='Id of the process.')]
    message: Annotated[str, Field(description='Text that the process receives.')]

class StderrFrame(WireModel):
    type: Literal['process_event'] = 'process_event'
    process_id: Annotated[ProcessId, Field(description='Id of the process.')]
    event: Literal['stderr'] = 'stderr'
    value: Annotated[str, Field(description='The text.')]

class StdoutFrame(WireModel):
    type: Literal['process_event'] = 'process_event'
    process_id: Annotated[ProcessId, Field(description='Id of the process.')]
    event: Literal['stdout'] = 'stdout'
    value: Annotated[str, Field(description='The text.')]

class SubmitWorkflowRequest(WireModel):
    type: Literal['submit_workflow'] = 'submit_workflow'
    corr_id: Annotated[CorrelationId, Field(description='Number that the reply repeats.')]
    json_: Annotated[str, Field(alias='json', description='JSON text of the expression.')]

class TerminateProcessRequest(WireModel):
    type: Literal['terminate_process'] = 'terminate_process'
    corr_id: Annotated[CorrelationId, Field(description='Number that the reply repeats.')]
    process_id: Annotated[ProcessId, Field(description='Id of the process.')]

class TurnDone(WireModel):
    type: Literal['turn_done'] = 'turn_done'

class UnknownFrame(WireModel):
    type: Literal['process_event'] = 'process_event'
    process_id: Annotated[ProcessId, Field(description='Id of the process.')]
    event: Annotated[str, Field(description='Kind of the event.')]
    value: Annotated[str | None, Field(description='Text of the event.')] = None
Usize = ...
VersionedProgramName = ...
WorkflowId = TypeAliasType('WorkflowId', Annotated[str, Field(description='Id of a workflow: a UUID.')])

class AddProgramRequest(WireModel):
    type: Literal['add_program'] = 'add_program'
    corr_id: Annotated[CorrelationId, Field(description='Number that the reply repeats.')]
    program_hash: Annotated[Blake3Digest, Field(description='BLAKE3 digest of the whole program. 0.4 servers use it as an opaque key, 0.5 servers verify it.')]
    manifest: Annotated[str, Field(description="The program's Pie.toml.")]
    force_overwrite: Annotated[bool, Field(description='Replace an installed program of the same name and version.')]
    chunk_index: Annotated[Usize, Field(description='Index of this chunk, from 0, in order.')]
    total_chunks: Annotated[Usize, Field(description='Number of chunks.')]
    chunk_data: Annotated[Bytes, Field(description='Bytes of this chunk.')]

class AttachProcessRequest(WireModel):
    type: Literal['attach_process'] = 'attach_process'
    corr_id: Annotated[CorrelationId, Field(description='Number that the reply repeats.')]
    process_id: Annotated[ProcessId, Field(description='Id of the process.')]

class AttachWorkflowRequest(WireModel):
    type: Literal['attach_workflow'] = 'attach_workflow'
    corr_id: Annotated[CorrelationId, Field(description='Number that the reply repeats.')]
    workflow_id: Annotated[WorkflowId, Field(description='Id of the workflow.')]

class AuthByTokenRequest(WireModel):
    type: Literal['auth_by_token'] = 'auth_by_token'
    corr_id: Annotated[CorrelationId, Field(description='Number that the reply repeats.')]
    token: Annotated[str, Field(description='Internal token. The server creates a new one at each start.')]

class AuthIdentifyRequest(WireModel):
    type: Literal['auth_identify'] = 'auth_identify'
    corr_id: Annotated[CorrelationId, Field(description='Number that the reply repeats.')]
    username: Annotated[str, Field(description='Name of the user.')]

class AuthProveRequest(WireModel):
    type: Literal['auth_prove'] = 'auth_prove'
    corr_id: Annotated[CorrelationId, Field(description='Number that the reply repeats.')]
    signature: Annotated[str, Field(description="Signature of the challenge's bytes in standard base64 with padding: PKCS#1 v1.5 with SHA-256 for RSA, raw for Ed25519, ASN.1 DER for ECDSA (SHA-256 on P-256, SHA-384 on P-384).")]

class CancelWorkflowRequest(WireModel):
    type: Literal['cancel_workflow'] = 'cancel_workflow'
    corr_id: Annotated[CorrelationId, Field(description='Number that the reply repeats.')]
    workflow_id: Annotated[WorkflowId, Field(description='Id of the workflow.')]

class CheckProgramRequest(WireModel):
    type: Literal['check_program'] = 'check_program'
    corr_id: Annotated[CorrelationId, Field(description='Number that the reply repeats.')]
    name: Annotated[str, Field(description='Name of the program, without its version.')]
    version: Annotated[str, Field(description='Version as major.minor.patch.')]
    wasm_hash: Annotated[Blake3Digest | None, Field(description="Digest of the program's bytes. Servers ignore it.")] = None
    manifest_hash: Annotated[Blake3Digest | None, Field(description="Digest of the manifest's bytes. Servers ignore it.")] = None

class DetachWorkflowRequest(WireModel):
    type: Literal['detach_workflow'] = 'detach_workflow'
    corr_id: Annotated[CorrelationId, Field(description='Number that the reply repeats.')]
    workflow_id: Annotated[WorkflowId, Field(description='Id of the workflow.')]

class ErrorFrame(WireModel):
    type: Literal['process_event'] = 'process_event'
    process_id: Annotated[ProcessId, Field(description='Id of the process.')]
    event: Literal['error'] = 'error'
    value: Annotated[str, Field(description='Reason, as text of the server or the program.')]

class FileChunk(WireModel):
    type: Literal['file'] = 'file'
    process_id: Annotated[ProcessId, Field(description='Id of the process.')]
    file_hash: Annotated[Blake3Digest, Field(description='BLAKE3 digest of the whole file.')]
    chunk_index: Annotated[Usize, Field(description='Index of this chunk, from 0, in order.')]
    total_chunks: Annotated[ChunkCount, Field(description='Number of chunks of the file.')]
    chunk_data: Annotated[Bytes, Field(description='Bytes of this chunk.')]
    name: Annotated[str | None, Field(description='Name of the file, chosen by the program.')] = None

class JsonRpcFailure(WireModel):
    jsonrpc: Literal['2.0'] = '2.0'
    id: Annotated[JsonValue, Field(description='Id of the request, unchanged; null if it could not be read.')]
    error: Annotated[McpErrorObject, Field(description='The error.')]

class JsonRpcNotification(WireModel):
    jsonrpc: Literal['2.0'] = '2.0'
    method: Annotated[str, Field(description='Name of the notification.')]
    params: Annotated[dict[str, JsonValue] | None, Field(description='Arguments of the notification.')] = None

class JsonRpcRequest(WireModel):
    jsonrpc: Literal['2.0'] = '2.0'
    id: Annotated[Integer, Field(description='Number that the response repeats; each side counts its own requests.')]
    method: Annotated[str, Field(description='Name of the method.')]
    params: Annotated[dict[str, JsonValue] | None, Field(description='Arguments of the method.')] = None

class JsonRpcResponse(WireModel):
    jsonrpc: Literal['2.0'] = '2.0'
    id: Annotated[JsonValue, Field(description='Id of the request, unchanged.')]
    result: Annotated[JsonValue, Field(description='Result of the method.')]

class LaunchDaemonRequest(WireModel):
    type: Literal['launch_daemon'] = 'launch_daemon'
    corr_id: Annotated[CorrelationId, Field(description='Number that the reply repeats.')]
    port: Annotated[int, Field(description='TCP port. Servers keep only the low 16 bits.', ge=0, le=4294967295)]
    inferlet: Annotated[ProgramName, Field(description='Program to run.')]
    input: Annotated[JsonText, Field(description='JSON text. Servers ignore it.')]

class LaunchProcessRequest(WireModel):
    type: Literal['launch_process'] = 'launch_process'
    corr_id: Annotated[CorrelationId, Field(description='Number that the reply repeats.')]
    inferlet: Annotated[ProgramName, Field(description='Program to run.')]
    input: Annotated[JsonText, Field(description='JSON text that the program receives unchanged. The server does not parse it.')]
    capture_outputs: Annotated[bool, Field(description='Whether to send the output of the process to this connection. Otherwise the server discards stdout and stderr, and the result names no process.')]
    token_budget: Annotated[Usize | None, Field(description="Maximum number of tokens that the process may send through the model. Default: the server's.")] = None

class LaunchProcessesRequest(WireModel):
    type: Literal['launch_processes'] = 'launch_processes'
    corr_id: Annotated[CorrelationId, Field(description='Number that the reply repeats.')]
    inferlet: Annotated[ProgramName, Field(description='Program to run.')]
    inputs: Annotated[list[JsonText], Field(description='JSON text for each process, in order.')]
    capture_outputs: Annotated[bool, Field(description='Whether to send the output of the process to this connection. Otherwise the server discards stdout and stderr, and the result names no process.')]
    token_budgets: Annotated[list[Usize | None] | None, Field(description='Token budget for each process, in the order of the inputs.')] = None
LaunchProcessesResult = ...

class Manifest(WireModel):
    package: Annotated[ManifestPackage, Field(description='Name, version and authors of the program.')]
    runtime: Annotated[dict[str, str] | None, Field(description='Requirements on the engine; for a script, its language, entry function and call convention.')] = None
    parameters: Annotated[dict[str, ManifestParameter] | None, Field(description='Input parameters by name. Servers do not enforce them.')] = None
    dependencies: Annotated[dict[str, str] | None, Field(description='Programs that this one depends on, each with its exact version.')] = None

class McpRequest(WireModel):
    type: Literal['mcp_request'] = 'mcp_request'
    corr_id: Annotated[CorrelationId, Field(description='Number of the call, chosen by the server.')]
    process_id: Annotated[ProcessId, Field(description='Id of the process.')]
    server_name: Annotated[str, Field(description='Name of the MCP server, as registered.')]
    method: Annotated[str, Field(description='MCP method.')]
    params: Annotated[str, Field(description="JSON text of the method's params: named to call or get something, a resource's to read it, an empty object to list.")]

class MessageFrame(WireModel):
    type: Literal['process_event'] = 'process_event'
    process_id: Annotated[ProcessId, Field(description='Id of the process.')]
    event: Literal['message'] = 'message'
    value: Annotated[str, Field(description='The text.')]
ProcessEvent = ...

class ProcessExpression(WireModel):
    type: Literal['process'] = 'process'
    program_name: Annotated[ProgramName, Field(description='Program to run.')]
    config: Annotated[JsonValue | None, Field(description='Configuration that is merged over the input.')] = None

class ProcessInfo(ProcessInfoSynonyms):
    id: Annotated[ProcessId, Field(description='Id of the process.')]
    username: Annotated[str, Field(description='Owner of the process.')]
    program: Annotated[ProgramName, Field(description='Program of the process.')]
    input: Annotated[str, Field(description='Launch input, unchanged.')]
    elapsed_secs: Annotated[Seconds, Field(description='Age of the process in seconds.')]

class ProgramListing(WireModel):
    versions: Annotated[list[ProgramVersion], Field(description='Published versions. By convention the newest comes first, but registries need not keep to it.')]

class RunProcessesRequest(WireModel):
    type: Literal['run_processes'] = 'run_processes'
    corr_id: Annotated[CorrelationId, Field(description='Number that the reply repeats.')]
    inferlet: Annotated[ProgramName, Field(description='Program to run.')]
    inputs: Annotated[list[JsonText], Field(description='JSON text for each process, in order.')]
    token_budgets: Annotated[list[Usize | None] | None, Field(description='Token budget for each process, in the order of the inputs.')] = None

class TakeExpression(WireModel):
    type: Literal['take'] = 'take'
    k: Annotated[Usize, Field(description='Number of elements to keep.')]

class TransferFileRequest(WireModel):
    type: Literal['transfer_file'] = 'transfer_file'
    process_id: Annotated[ProcessId, Field(description='Id of the process.')]
    file_hash: Annotated[Blake3Digest, Field(description='BLAKE3 digest of the whole file. Servers verify it.')]
    chunk_index: Annotated[Usize, Field(description='Index of this chunk, from 0, in order.')]
    total_chunks: Annotated[Usize, Field(description='Number of chunks.')]
    chunk_data: Annotated[Bytes, Field(description='Bytes of this chunk.')]
ServerMessage = ...
ListProcessesResult = ...

class CondExpression(WireModel):
    type: Literal['cond'] = 'cond'
    predicate: Annotated[WorkflowExpression, Field(description='Condition.')]
    then: Annotated[WorkflowExpression, Field(description='Evaluated if the condition is true.')]
    otherwise: Annotated[WorkflowExpression, Field(description='Evaluated if the condition is false.')]

class FoldExpression(WireModel):
    type: Literal['fold'] = 'fold'
    function: Annotated[WorkflowExpression, Field(description='Expression that is applied to each element and the value so far.')]
    init: Annotated[WorkflowExpression, Field(description='Initial value.')]
    over: Annotated[WorkflowExpression, Field(description='Expression for the array.')]

class ForkExpression(WireModel):
    type: Literal['fork'] = 'fork'
    branches: Annotated[list[WorkflowExpression], Field(description='Branches. The resulting array keeps their order.')]

class IterateExpression(WireModel):
    type: Literal['iterate'] = 'iterate'
    body: Annotated[WorkflowExpression, Field(description='Expression to repeat.')]
    until: Annotated[WorkflowExpression, Field(description='Condition that ends the loop.')]

class MapExpression(WireModel):
    type: Literal['map'] = 'map'
    function: Annotated[WorkflowExpression, Field(description='Expression that is applied to each element.')]
    over: Annotated[WorkflowExpression, Field(description='Expression for the array.')]

class PipeExpression(WireModel):
    type: Literal['pipe'] = 'pipe'
    stages: Annotated[list[WorkflowExpression], Field(description='Stages, in order.')]
WorkflowExpression = ...
__all__ = ['AddProgramRequest', 'AttachProcessRequest', 'AttachWorkflowRequest', 'AuthByTokenRequest', 'AuthIdentifyRequest', 'AuthProveRequest', 'Blake3Digest', 'Bytes', 'CancelWorkflowRequest', 'CheckProgramRequest', 'CheckProgramResult', 'ChunkCount', 'CondExpression', 'CorrelationId', 'DetachWorkflowRequest', 'ErrorFrame', 'FileChunk', 'FoldExpression', 'ForkExpression', 'Integer', 'IterateExpression', 'JsonRpcFailure', 'JsonRpcNotification', 'JsonRpcRequest', 'JsonRpcResponse', 'JsonText', 'LaunchDaemonRequest', 'LaunchProcessRequest', 'LaunchProcessesRequest', 'LaunchProcessesResult', 'ListProcessesRequest', 'ListProcessesResult', 'LiteralExpression', 'Manifest', 'ManifestPackage', 'ManifestParameter', 'ManifestRuntime', 'MapExpression', 'McpCancelledParams', 'McpErrorObject', 'McpImplementation', 'McpInitializeParams', 'McpInitializeResult', 'McpNamedParams', 'McpRequest', 'McpResourceParams', 'McpResponseRequest', 'MessageFrame', 'PingRequest', 'PipeExpression', 'ProcessEvent', 'ProcessExpression', 'ProcessId', 'ProcessInfo', 'ProgramListing', 'ProgramName', 'ProgramVersion', 'QueryRequest', 'QueryResult', 'RegisterMcpServerRequest', 'Response', 'ReturnFrame', 'RunProcessesRequest', 'RunProcessesResult', 'Seconds', 'ServerMessage', 'ServerNotice', 'SignalProcessRequest', 'StderrFrame', 'StdoutFrame', 'SubmitWorkflowRequest', 'TakeExpression', 'TerminateProcessRequest', 'TransferFileRequest', 'TurnDone', 'UnknownFrame', 'Usize', 'VersionedProgramName', 'WorkflowExpression', 'WorkflowId']
