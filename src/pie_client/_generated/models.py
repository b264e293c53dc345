"""Messages, results and objects of the protocol.

Written by `python -m codegen generate` from the schema; never edited.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, JsonValue
from typing_extensions import TypeAliasType

from pie_client._generated.synonyms import ProcessInfoSynonyms
from pie_client.base import WireModel

Blake3Digest = TypeAliasType(
    "Blake3Digest",
    Annotated[str, Field(description="BLAKE3-256 of some bytes as 64 lowercase hexadecimal digits.")],
)


Bytes = TypeAliasType(
    "Bytes", Annotated[bytes, Field(description="Raw bytes: bin in msgpack, base64 in JSON.")]
)


CheckProgramResult = TypeAliasType(
    "CheckProgramResult",
    Annotated[bool, Field(description="Whether the program is installed in this version.")],
)


ChunkCount = TypeAliasType(
    "ChunkCount",
    Annotated[
        int,
        Field(
            description="Number of chunks: at least 1, also for empty content.", ge=1, le=18446744073709551615
        ),
    ],
)


CorrelationId = TypeAliasType(
    "CorrelationId",
    Annotated[
        int,
        Field(
            description="Unsigned 32-bit number that joins a reply to its request. Requests and relayed MCP calls are numbered independently.",
            ge=0,
            le=4294967295,
        ),
    ],
)


Integer = TypeAliasType(
    "Integer",
    Annotated[
        int, Field(description="A signed 64-bit number.", ge=-9223372036854775808, le=9223372036854775807)
    ],
)


JsonText = TypeAliasType("JsonText", Annotated[str, Field(description="A string with JSON.")])


class ListProcessesRequest(WireModel):
    """
    List the running processes of the session's user.

    0.5 servers run every session as the same user, so they list all processes.
    """

    type: Literal["list_processes"] = "list_processes"
    corr_id: Annotated[CorrelationId, Field(description="Number that the reply repeats.")]


class LiteralExpression(WireModel):
    """A constant."""

    type: Literal["literal"] = "literal"
    value: Annotated[JsonValue, Field(description="Value of the constant.")]


class ManifestPackage(WireModel):
    """The [package] table of a Pie.toml."""

    name: Annotated[str, Field(description="Name of the program.")]
    version: Annotated[str, Field(description="Version as major.minor.patch.")]
    description: Annotated[str | None, Field(description="Summary in one line.")] = None
    authors: Annotated[list[str] | None, Field(description="Authors.")] = None
    repository: Annotated[str | None, Field(description="URL of the source code.")] = None
    readme: Annotated[str | None, Field(description="Path of the README.")] = None


class ManifestParameter(WireModel):
    """An entry of the [parameters] table of a Pie.toml."""

    type: Annotated[Literal["string", "int", "float", "bool"], Field(description="Type of the value.")]
    optional: Annotated[bool | None, Field(description="Whether the parameter may be omitted.")] = None
    description: Annotated[str | None, Field(description="What it means.")] = None


class ManifestRuntime(WireModel):
    """The [runtime] table of a Pie.toml, for programs that may be scripts."""

    core: Annotated[
        str | None, Field(description="Version of the engine's interface that the program was built for.")
    ] = None
    language: Annotated[
        Literal["python", "javascript"] | None,
        Field(description="Language of the uploaded source; absent for a WASM component."),
    ] = None
    entry: Annotated[str | None, Field(description="Name of the function to call. Default: `main`.")] = None
    call: Annotated[
        Literal["input", "kwargs"] | None,
        Field(
            description="How the function receives the launch input: `input` as one argument, `kwargs` as keyword arguments. Default: `input`."
        ),
    ] = None


class McpCancelledParams(WireModel):
    """Params of notifications/cancelled: the sender no longer waits for a response."""

    request_id: Annotated[Integer, Field(alias="requestId", description="Id of the request.")]
    reason: Annotated[str | None, Field(description="Reason.")] = None


class McpErrorObject(WireModel):
    """The JSON-RPC error of a relayed MCP call."""

    code: Annotated[Integer, Field(description="JSON-RPC error code.")]
    message: Annotated[str, Field(description="Description of the error.")]
    data: Annotated[JsonValue | None, Field(description="Further information, in any form.")] = None


class McpImplementation(WireModel):
    """Program on one side of an MCP connection."""

    name: Annotated[str, Field(description="Name of the program.")]
    version: Annotated[str, Field(description="Release of the program.")]


class McpInitializeParams(WireModel):
    """Params of initialize, the first request of an MCP connection."""

    protocol_version: Annotated[
        str, Field(alias="protocolVersion", description="Newest version of MCP that the client supports.")
    ]
    capabilities: Annotated[
        dict[str, JsonValue], Field(description="Capabilities of the client; empty for none.")
    ]
    client_info: Annotated[
        McpImplementation, Field(alias="clientInfo", description="Name and release of the client.")
    ]


class McpInitializeResult(WireModel):
    """Result of initialize."""

    protocol_version: Annotated[
        str, Field(alias="protocolVersion", description="Version of MCP for the rest of the connection.")
    ]


class McpNamedParams(WireModel):
    """Params of tools/call and prompts/get."""

    name: Annotated[str, Field(description="Name of the tool or prompt.")]
    arguments: Annotated[JsonValue | None, Field(description="Arguments, usually an object.")] = None


class McpResourceParams(WireModel):
    """Params of resources/read."""

    uri: Annotated[str, Field(description="URI of the resource.")]


class McpResponseRequest(WireModel):
    """
    Answer a relayed MCP call.

    Without an answer, the inferlet waits until it is terminated.
    """

    type: Literal["mcp_response"] = "mcp_response"
    corr_id: Annotated[CorrelationId, Field(description="Number of the relayed call.")]
    ok: Annotated[bool, Field(description="Whether the call succeeded.")]
    result: Annotated[str, Field(description="JSON text of the JSON-RPC result, or of an MCP error object.")]


class PingRequest(WireModel):
    """
    Wait for a reply of the session.

    0.4 servers reply after the session's earlier requests, so the time includes those.
    """

    type: Literal["ping"] = "ping"
    corr_id: Annotated[CorrelationId, Field(description="Number that the reply repeats.")]


ProcessId = TypeAliasType(
    "ProcessId",
    Annotated[
        str,
        Field(
            description="Id of a process. Servers send a lowercase hyphenated UUID and accept any text form of one."
        ),
    ],
)


ProgramName = TypeAliasType(
    "ProgramName",
    Annotated[
        str, Field(description="A program as name@major.minor.patch. 0.5 servers also accept the name alone.")
    ],
)


class ProgramVersion(WireModel):
    """A published version of a program."""

    num: Annotated[
        str, Field(description="Version number. Servers launch only versions of the form major.minor.patch.")
    ]
    yanked: Annotated[
        bool | None, Field(description="Whether the version was withdrawn and must not be chosen.")
    ] = None


class QueryRequest(WireModel):
    """
    Query the state of the server.

    Every server knows the subject model_status. 0.4 servers do not reply to any other.
    """

    type: Literal["query"] = "query"
    corr_id: Annotated[CorrelationId, Field(description="Number that the reply repeats.")]
    subject: Annotated[str, Field(description="Subject of the query.")]
    record: Annotated[str, Field(description="Required on the wire, but ignored by servers.")]


QueryResult = TypeAliasType("QueryResult", dict[str, JsonValue])
"""A flat object. For model_status, the keys are `<model>.<statistic>` and the values are integers or lists of integers. Every server has kv_pages_used, kv_pages_total, total_batches, total_tokens_processed, last_batch_latency_us and avg_batch_latency_us."""


class RegisterMcpServerRequest(WireModel):
    """
    Register an MCP server that this client runs for the inferlets of this connection.

    Servers validate nothing and accept duplicates.
    """

    type: Literal["register_mcp_server"] = "register_mcp_server"
    corr_id: Annotated[CorrelationId, Field(description="Number that the reply repeats.")]
    name: Annotated[str, Field(description="Name of the MCP server, for inferlets.")]
    transport: Annotated[str, Field(description="Transport between the client and the MCP server.")]
    command: Annotated[str | None, Field(description="Program that the client starts.")] = None
    args: Annotated[list[str] | None, Field(description="Arguments of the program.")] = None
    url: Annotated[str | None, Field(description="URL of an MCP server with HTTP transport.")] = None


class Response(WireModel):
    """The one reply to a request."""

    type: Literal["response"] = "response"
    corr_id: Annotated[CorrelationId, Field(description="Number of the request.")]
    ok: Annotated[bool, Field(description="Whether the request succeeded.")]
    result: Annotated[
        str, Field(description="The result, as the request's result describes it; on failure, the reason.")
    ]


class ReturnFrame(WireModel):
    """The program returned. The last event of its process."""

    type: Literal["process_event"] = "process_event"
    process_id: Annotated[ProcessId, Field(description="Id of the process.")]
    event: Literal["return"] = "return"
    value: Annotated[str, Field(description="Return value, by convention JSON text.")]


RunProcessesResult = TypeAliasType(
    "RunProcessesResult",
    Annotated[
        list[str], Field(description="Return value of each process as text, in the order of the inputs.")
    ],
)
"""Return value of each process as text, in the order of the inputs."""


Seconds = TypeAliasType(
    "Seconds", Annotated[int, Field(description="A whole number of seconds.", ge=0, le=18446744073709551615)]
)


class ServerNotice(WireModel):
    """Text frame: an error. It does not name the request."""

    type: Literal["error"] = "error"
    message: Annotated[str, Field(description="Description of the error.")]


class SignalProcessRequest(WireModel):
    """
    Send a text message to a process of this connection.

    Servers never reply, and ignore the message if this connection is not attached to the process.
    """

    type: Literal["signal_process"] = "signal_process"
    process_id: Annotated[ProcessId, Field(description="Id of the process.")]
    message: Annotated[str, Field(description="Text that the process receives.")]


class StderrFrame(WireModel):
    """Text that the program wrote to standard error: one write, not one line, and cut as standard output is."""

    type: Literal["process_event"] = "process_event"
    process_id: Annotated[ProcessId, Field(description="Id of the process.")]
    event: Literal["stderr"] = "stderr"
    value: Annotated[str, Field(description="The text.")]


class StdoutFrame(WireModel):
    """Text that the program wrote to standard output: one write, not one line. 0.3 and 0.4 servers also cut a write into events of at most 4096 bytes. A character that is split arrives as U+FFFD on both sides."""

    type: Literal["process_event"] = "process_event"
    process_id: Annotated[ProcessId, Field(description="Id of the process.")]
    event: Literal["stdout"] = "stdout"
    value: Annotated[str, Field(description="The text.")]


class SubmitWorkflowRequest(WireModel):
    """
    Start a workflow: an expression over programs.

    The events of its processes arrive with ids that the client does not know, and its result can't be fetched.
    """

    type: Literal["submit_workflow"] = "submit_workflow"
    corr_id: Annotated[CorrelationId, Field(description="Number that the reply repeats.")]
    json_: Annotated[str, Field(alias="json", description="JSON text of the expression.")]


class TerminateProcessRequest(WireModel):
    """
    Terminate a process.

    Its error event may arrive before or after the reply.
    """

    type: Literal["terminate_process"] = "terminate_process"
    corr_id: Annotated[CorrelationId, Field(description="Number that the reply repeats.")]
    process_id: Annotated[ProcessId, Field(description="Id of the process.")]


class TurnDone(WireModel):
    """Text frame: the server finished a request. It does not name the request."""

    type: Literal["turn_done"] = "turn_done"


class UnknownFrame(WireModel):
    """An event of a kind that the schema does not know. It never ends a process."""

    type: Literal["process_event"] = "process_event"
    process_id: Annotated[ProcessId, Field(description="Id of the process.")]
    event: Annotated[str, Field(description="Kind of the event.")]
    value: Annotated[str | None, Field(description="Text of the event.")] = None


Usize = TypeAliasType(
    "Usize",
    Annotated[int, Field(description="An unsigned 64-bit count or index.", ge=0, le=18446744073709551615)],
)


VersionedProgramName = TypeAliasType(
    "VersionedProgramName",
    Annotated[
        str,
        Field(
            description="A program's name and version in the form that servers accept.",
            pattern="^[a-zA-Z0-9][a-zA-Z0-9_-]*@[0-9]+\\.[0-9]+\\.[0-9]+$",
        ),
    ],
)


WorkflowId = TypeAliasType("WorkflowId", Annotated[str, Field(description="Id of a workflow: a UUID.")])


class AddProgramRequest(WireModel):
    """
    Upload a program with its manifest, and install it.

    Each chunk repeats every field except the manifest, which only the first carries. The server answers the last chunk, or the first that it rejects. If the name and version exist already, the request succeeds without force_overwrite, and the server discards the new bytes.
    """

    type: Literal["add_program"] = "add_program"
    corr_id: Annotated[CorrelationId, Field(description="Number that the reply repeats.")]
    program_hash: Annotated[
        Blake3Digest,
        Field(
            description="BLAKE3 digest of the whole program. 0.4 servers use it as an opaque key, 0.5 servers verify it."
        ),
    ]
    manifest: Annotated[str, Field(description="The program's Pie.toml.")]
    force_overwrite: Annotated[
        bool, Field(description="Replace an installed program of the same name and version.")
    ]
    chunk_index: Annotated[Usize, Field(description="Index of this chunk, from 0, in order.")]
    total_chunks: Annotated[Usize, Field(description="Number of chunks.")]
    chunk_data: Annotated[Bytes, Field(description="Bytes of this chunk.")]


class AttachProcessRequest(WireModel):
    """
    Attach to a running process and receive its events.

    Buffered events follow the reply. 0.4 servers report a process as not found if another connection is attached to it, even a dead one.
    """

    type: Literal["attach_process"] = "attach_process"
    corr_id: Annotated[CorrelationId, Field(description="Number that the reply repeats.")]
    process_id: Annotated[ProcessId, Field(description="Id of the process.")]


class AttachWorkflowRequest(WireModel):
    """Attach to a workflow and receive its events."""

    type: Literal["attach_workflow"] = "attach_workflow"
    corr_id: Annotated[CorrelationId, Field(description="Number that the reply repeats.")]
    workflow_id: Annotated[WorkflowId, Field(description="Id of the workflow.")]


class AuthByTokenRequest(WireModel):
    """
    Authenticate with the server's internal token, as back ends do.

    The server refuses a wrong token after one to three seconds.
    """

    type: Literal["auth_by_token"] = "auth_by_token"
    corr_id: Annotated[CorrelationId, Field(description="Number that the reply repeats.")]
    token: Annotated[str, Field(description="Internal token. The server creates a new one at each start.")]


class AuthIdentifyRequest(WireModel):
    """
    Identify the user of the session.

    0.4 servers require it before any other request, even with authentication disabled. With authentication enabled, the result is a challenge to sign. 0.5 servers always reply that the session is authenticated.
    """

    type: Literal["auth_identify"] = "auth_identify"
    corr_id: Annotated[CorrelationId, Field(description="Number that the reply repeats.")]
    username: Annotated[str, Field(description="Name of the user.")]


class AuthProveRequest(WireModel):
    """
    Answer a challenge with its signature.

    Each challenge can be answered once; start another attempt with auth_identify.
    """

    type: Literal["auth_prove"] = "auth_prove"
    corr_id: Annotated[CorrelationId, Field(description="Number that the reply repeats.")]
    signature: Annotated[
        str,
        Field(
            description="Signature of the challenge's bytes in standard base64 with padding: PKCS#1 v1.5 with SHA-256 for RSA, raw for Ed25519, ASN.1 DER for ECDSA (SHA-256 on P-256, SHA-384 on P-384)."
        ),
    ]


class CancelWorkflowRequest(WireModel):
    """
    Cancel a workflow.

    Servers do not check that the workflow belongs to the user.
    """

    type: Literal["cancel_workflow"] = "cancel_workflow"
    corr_id: Annotated[CorrelationId, Field(description="Number that the reply repeats.")]
    workflow_id: Annotated[WorkflowId, Field(description="Id of the workflow.")]


class CheckProgramRequest(WireModel):
    """
    Check whether a program is installed.

    Servers do not compare the hashes, and report a program that failed to compile as installed.
    """

    type: Literal["check_program"] = "check_program"
    corr_id: Annotated[CorrelationId, Field(description="Number that the reply repeats.")]
    name: Annotated[str, Field(description="Name of the program, without its version.")]
    version: Annotated[str, Field(description="Version as major.minor.patch.")]
    wasm_hash: Annotated[
        Blake3Digest | None, Field(description="Digest of the program's bytes. Servers ignore it.")
    ] = None
    manifest_hash: Annotated[
        Blake3Digest | None, Field(description="Digest of the manifest's bytes. Servers ignore it.")
    ] = None


class DetachWorkflowRequest(WireModel):
    """
    Detach from a workflow. The server buffers its events.

    Servers check neither that the workflow belongs to the user nor that it exists.
    """

    type: Literal["detach_workflow"] = "detach_workflow"
    corr_id: Annotated[CorrelationId, Field(description="Number that the reply repeats.")]
    workflow_id: Annotated[WorkflowId, Field(description="Id of the workflow.")]


class ErrorFrame(WireModel):
    """The program failed or was stopped. The last event of its process."""

    type: Literal["process_event"] = "process_event"
    process_id: Annotated[ProcessId, Field(description="Id of the process.")]
    event: Literal["error"] = "error"
    value: Annotated[str, Field(description="Reason, as text of the server or the program.")]


class FileChunk(WireModel):
    """A chunk of a file that a process sends. An empty file has no chunks."""

    type: Literal["file"] = "file"
    process_id: Annotated[ProcessId, Field(description="Id of the process.")]
    file_hash: Annotated[Blake3Digest, Field(description="BLAKE3 digest of the whole file.")]
    chunk_index: Annotated[Usize, Field(description="Index of this chunk, from 0, in order.")]
    total_chunks: Annotated[ChunkCount, Field(description="Number of chunks of the file.")]
    chunk_data: Annotated[Bytes, Field(description="Bytes of this chunk.")]
    name: Annotated[str | None, Field(description="Name of the file, chosen by the program.")] = None


class JsonRpcFailure(WireModel):
    """A JSON-RPC response with an error."""

    jsonrpc: Literal["2.0"] = "2.0"
    id: Annotated[JsonValue, Field(description="Id of the request, unchanged; null if it could not be read.")]
    error: Annotated[McpErrorObject, Field(description="The error.")]


class JsonRpcNotification(WireModel):
    """A JSON-RPC request without an id, to which there is no response."""

    jsonrpc: Literal["2.0"] = "2.0"
    method: Annotated[str, Field(description="Name of the notification.")]
    params: Annotated[dict[str, JsonValue] | None, Field(description="Arguments of the notification.")] = None


class JsonRpcRequest(WireModel):
    """A JSON-RPC request from either side of an MCP connection."""

    jsonrpc: Literal["2.0"] = "2.0"
    id: Annotated[
        Integer, Field(description="Number that the response repeats; each side counts its own requests.")
    ]
    method: Annotated[str, Field(description="Name of the method.")]
    params: Annotated[dict[str, JsonValue] | None, Field(description="Arguments of the method.")] = None


class JsonRpcResponse(WireModel):
    """A JSON-RPC response with a result."""

    jsonrpc: Literal["2.0"] = "2.0"
    id: Annotated[JsonValue, Field(description="Id of the request, unchanged.")]
    result: Annotated[JsonValue, Field(description="Result of the method.")]


class LaunchDaemonRequest(WireModel):
    """
    Start a program that serves HTTP on a port of the server's loopback interface.

    The server replies before it binds the port: if the port is in use, only its log says so. A daemon can't be listed or stopped.
    """

    type: Literal["launch_daemon"] = "launch_daemon"
    corr_id: Annotated[CorrelationId, Field(description="Number that the reply repeats.")]
    port: Annotated[
        int, Field(description="TCP port. Servers keep only the low 16 bits.", ge=0, le=4294967295)
    ]
    inferlet: Annotated[ProgramName, Field(description="Program to run.")]
    input: Annotated[JsonText, Field(description="JSON text. Servers ignore it.")]


class LaunchProcessRequest(WireModel):
    """
    Start a program as a new process.

    The reply means that the server accepted the launch; later failures arrive as the error event of the process. 0.4 servers may download and compile the program first, and delay everything else on the connection.
    """

    type: Literal["launch_process"] = "launch_process"
    corr_id: Annotated[CorrelationId, Field(description="Number that the reply repeats.")]
    inferlet: Annotated[ProgramName, Field(description="Program to run.")]
    input: Annotated[
        JsonText,
        Field(description="JSON text that the program receives unchanged. The server does not parse it."),
    ]
    capture_outputs: Annotated[
        bool,
        Field(
            description="Whether to send the output of the process to this connection. Otherwise the server discards stdout and stderr, and the result names no process."
        ),
    ]
    token_budget: Annotated[
        Usize | None,
        Field(
            description="Maximum number of tokens that the process may send through the model. Default: the server's."
        ),
    ] = None


class LaunchProcessesRequest(WireModel):
    """
    Start one process for each input.

    0.3 servers never reply.
    """

    type: Literal["launch_processes"] = "launch_processes"
    corr_id: Annotated[CorrelationId, Field(description="Number that the reply repeats.")]
    inferlet: Annotated[ProgramName, Field(description="Program to run.")]
    inputs: Annotated[list[JsonText], Field(description="JSON text for each process, in order.")]
    capture_outputs: Annotated[
        bool,
        Field(
            description="Whether to send the output of the process to this connection. Otherwise the server discards stdout and stderr, and the result names no process."
        ),
    ]
    token_budgets: Annotated[
        list[Usize | None] | None,
        Field(description="Token budget for each process, in the order of the inputs."),
    ] = None


LaunchProcessesResult = TypeAliasType(
    "LaunchProcessesResult",
    Annotated[
        list[ProcessId],
        Field(
            description="Ids of the new processes in the order of the inputs, even if their output is not captured."
        ),
    ],
)
"""Ids of the new processes in the order of the inputs, even if their output is not captured."""


class Manifest(WireModel):
    """A program's Pie.toml."""

    package: Annotated[ManifestPackage, Field(description="Name, version and authors of the program.")]
    runtime: Annotated[
        dict[str, str] | None,
        Field(
            description="Requirements on the engine; for a script, its language, entry function and call convention."
        ),
    ] = None
    parameters: Annotated[
        dict[str, ManifestParameter] | None,
        Field(description="Input parameters by name. Servers do not enforce them."),
    ] = None
    dependencies: Annotated[
        dict[str, str] | None,
        Field(description="Programs that this one depends on, each with its exact version."),
    ] = None


class McpRequest(WireModel):
    """A call of an inferlet to an MCP server that this client registered. The inferlet waits for the mcp_response with the same number."""

    type: Literal["mcp_request"] = "mcp_request"
    corr_id: Annotated[CorrelationId, Field(description="Number of the call, chosen by the server.")]
    process_id: Annotated[ProcessId, Field(description="Id of the process.")]
    server_name: Annotated[str, Field(description="Name of the MCP server, as registered.")]
    method: Annotated[str, Field(description="MCP method.")]
    params: Annotated[
        str,
        Field(
            description="JSON text of the method's params: named to call or get something, a resource's to read it, an empty object to list."
        ),
    ]


class MessageFrame(WireModel):
    """A text message from the program to its client."""

    type: Literal["process_event"] = "process_event"
    process_id: Annotated[ProcessId, Field(description="Id of the process.")]
    event: Literal["message"] = "message"
    value: Annotated[str, Field(description="The text.")]


ProcessEvent = TypeAliasType(
    "ProcessEvent",
    Annotated[
        StdoutFrame | StderrFrame | MessageFrame | ReturnFrame | ErrorFrame,
        Field(description="An event of a process, tagged by `event`.", discriminator="event"),
    ],
)


class ProcessExpression(WireModel):
    """Run a program with the incoming value as input."""

    type: Literal["process"] = "process"
    program_name: Annotated[ProgramName, Field(description="Program to run.")]
    config: Annotated[JsonValue | None, Field(description="Configuration that is merged over the input.")] = (
        None
    )


class ProcessInfo(ProcessInfoSynonyms):
    """A running process, as list_processes returns it."""

    id: Annotated[ProcessId, Field(description="Id of the process.")]
    username: Annotated[str, Field(description="Owner of the process.")]
    program: Annotated[ProgramName, Field(description="Program of the process.")]
    input: Annotated[str, Field(description="Launch input, unchanged.")]
    elapsed_secs: Annotated[Seconds, Field(description="Age of the process in seconds.")]


class ProgramListing(WireModel):
    """A program registry's entry for a program."""

    versions: Annotated[
        list[ProgramVersion],
        Field(
            description="Published versions. By convention the newest comes first, but registries need not keep to it."
        ),
    ]


class RunProcessesRequest(WireModel):
    """
    Run one process for each input and wait for all of them.

    The server handles nothing else on this connection until they finish. 0.3 servers never reply.
    """

    type: Literal["run_processes"] = "run_processes"
    corr_id: Annotated[CorrelationId, Field(description="Number that the reply repeats.")]
    inferlet: Annotated[ProgramName, Field(description="Program to run.")]
    inputs: Annotated[list[JsonText], Field(description="JSON text for each process, in order.")]
    token_budgets: Annotated[
        list[Usize | None] | None,
        Field(description="Token budget for each process, in the order of the inputs."),
    ] = None


class TakeExpression(WireModel):
    """Keep the first elements of an array; after a fork or map, those that finish first."""

    type: Literal["take"] = "take"
    k: Annotated[Usize, Field(description="Number of elements to keep.")]


class TransferFileRequest(WireModel):
    """
    Send a file to a process of this connection, in chunks.

    Servers never reply. They discard the file if the process is not waiting for one.
    """

    type: Literal["transfer_file"] = "transfer_file"
    process_id: Annotated[ProcessId, Field(description="Id of the process.")]
    file_hash: Annotated[
        Blake3Digest, Field(description="BLAKE3 digest of the whole file. Servers verify it.")
    ]
    chunk_index: Annotated[Usize, Field(description="Index of this chunk, from 0, in order.")]
    total_chunks: Annotated[Usize, Field(description="Number of chunks.")]
    chunk_data: Annotated[Bytes, Field(description="Bytes of this chunk.")]


ServerMessage = TypeAliasType(
    "ServerMessage",
    Annotated[
        Response | ProcessEvent | FileChunk | McpRequest,
        Field(
            description="A binary message of a server, tagged by its type.",
            discriminator="type",
            title="ServerMessage",
        ),
    ],
)


ListProcessesResult = TypeAliasType(
    "ListProcessesResult",
    Annotated[list[ProcessInfo], Field(description="The running processes, in no particular order.")],
)
"""The running processes, in no particular order."""


class CondExpression(WireModel):
    """Choose between two expressions."""

    type: Literal["cond"] = "cond"
    predicate: Annotated[WorkflowExpression, Field(description="Condition.")]
    then: Annotated[WorkflowExpression, Field(description="Evaluated if the condition is true.")]
    otherwise: Annotated[WorkflowExpression, Field(description="Evaluated if the condition is false.")]


class FoldExpression(WireModel):
    """Reduce an array to one value."""

    type: Literal["fold"] = "fold"
    function: Annotated[
        WorkflowExpression,
        Field(description="Expression that is applied to each element and the value so far."),
    ]
    init: Annotated[WorkflowExpression, Field(description="Initial value.")]
    over: Annotated[WorkflowExpression, Field(description="Expression for the array.")]


class ForkExpression(WireModel):
    """Run branches concurrently on the same value."""

    type: Literal["fork"] = "fork"
    branches: Annotated[
        list[WorkflowExpression], Field(description="Branches. The resulting array keeps their order.")
    ]


class IterateExpression(WireModel):
    """Repeat an expression until a condition is true, at most 1000 times."""

    type: Literal["iterate"] = "iterate"
    body: Annotated[WorkflowExpression, Field(description="Expression to repeat.")]
    until: Annotated[WorkflowExpression, Field(description="Condition that ends the loop.")]


class MapExpression(WireModel):
    """Apply a function to each element of an array."""

    type: Literal["map"] = "map"
    function: Annotated[WorkflowExpression, Field(description="Expression that is applied to each element.")]
    over: Annotated[WorkflowExpression, Field(description="Expression for the array.")]


class PipeExpression(WireModel):
    """Pass the value of each stage to the next."""

    type: Literal["pipe"] = "pipe"
    stages: Annotated[list[WorkflowExpression], Field(description="Stages, in order.")]


WorkflowExpression = TypeAliasType(
    "WorkflowExpression",
    Annotated[
        LiteralExpression
        | ProcessExpression
        | PipeExpression
        | ForkExpression
        | MapExpression
        | FoldExpression
        | CondExpression
        | IterateExpression
        | TakeExpression,
        Field(description="An expression of a workflow, tagged by its type.", discriminator="type"),
    ],
)


CondExpression.model_rebuild()
FoldExpression.model_rebuild()
ForkExpression.model_rebuild()
IterateExpression.model_rebuild()
MapExpression.model_rebuild()
PipeExpression.model_rebuild()
__all__ = [
    "AddProgramRequest",
    "AttachProcessRequest",
    "AttachWorkflowRequest",
    "AuthByTokenRequest",
    "AuthIdentifyRequest",
    "AuthProveRequest",
    "Blake3Digest",
    "Bytes",
    "CancelWorkflowRequest",
    "CheckProgramRequest",
    "CheckProgramResult",
    "ChunkCount",
    "CondExpression",
    "CorrelationId",
    "DetachWorkflowRequest",
    "ErrorFrame",
    "FileChunk",
    "FoldExpression",
    "ForkExpression",
    "Integer",
    "IterateExpression",
    "JsonRpcFailure",
    "JsonRpcNotification",
    "JsonRpcRequest",
    "JsonRpcResponse",
    "JsonText",
    "LaunchDaemonRequest",
    "LaunchProcessRequest",
    "LaunchProcessesRequest",
    "LaunchProcessesResult",
    "ListProcessesRequest",
    "ListProcessesResult",
    "LiteralExpression",
    "Manifest",
    "ManifestPackage",
    "ManifestParameter",
    "ManifestRuntime",
    "MapExpression",
    "McpCancelledParams",
    "McpErrorObject",
    "McpImplementation",
    "McpInitializeParams",
    "McpInitializeResult",
    "McpNamedParams",
    "McpRequest",
    "McpResourceParams",
    "McpResponseRequest",
    "MessageFrame",
    "PingRequest",
    "PipeExpression",
    "ProcessEvent",
    "ProcessExpression",
    "ProcessId",
    "ProcessInfo",
    "ProgramListing",
    "ProgramName",
    "ProgramVersion",
    "QueryRequest",
    "QueryResult",
    "RegisterMcpServerRequest",
    "Response",
    "ReturnFrame",
    "RunProcessesRequest",
    "RunProcessesResult",
    "Seconds",
    "ServerMessage",
    "ServerNotice",
    "SignalProcessRequest",
    "StderrFrame",
    "StdoutFrame",
    "SubmitWorkflowRequest",
    "TakeExpression",
    "TerminateProcessRequest",
    "TransferFileRequest",
    "TurnDone",
    "UnknownFrame",
    "Usize",
    "VersionedProgramName",
    "WorkflowExpression",
    "WorkflowId",
]
