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
    "Bytes",
    Annotated[
        bytes, Field(description="Raw bytes: bin in msgpack, base64 where a message is written as JSON.")
    ],
)


CheckProgramResult = TypeAliasType(
    "CheckProgramResult",
    Annotated[bool, Field(description="Whether the name and version are in the server's index.")],
)


CorrelationId = TypeAliasType(
    "CorrelationId",
    Annotated[
        int,
        Field(
            description="Correlates a reply with its request: an unsigned 32-bit number. Requests and relayed MCP calls count in two independent number spaces.",
            ge=0,
            le=4294967295,
        ),
    ],
)


JsonText = TypeAliasType("JsonText", Annotated[str, Field(description="A string that holds JSON.")])


class ListProcessesRequest(WireModel):
    """
    List the running processes of the session's user.

    A 0.5 server runs every session as one user, so it lists everybody's.
    """

    type: Literal["list_processes"] = "list_processes"
    corr_id: Annotated[CorrelationId, Field(description="Number that the reply repeats.")]


class LiteralExpression(WireModel):
    """A constant."""

    type: Literal["literal"] = "literal"
    value: Annotated[JsonValue, Field(description="The constant.")]


class ManifestPackage(WireModel):
    """The [package] table of a Pie.toml."""

    name: Annotated[str, Field(description="Name of the program.")]
    version: Annotated[str, Field(description="Version as major.minor.patch.")]
    description: Annotated[str | None, Field(description="What it does, in a line.")] = None
    authors: Annotated[list[str] | None, Field(description="Who wrote it.")] = None
    repository: Annotated[str | None, Field(description="Where its source lives.")] = None
    readme: Annotated[str | None, Field(description="Its README.")] = None


class ManifestParameter(WireModel):
    """An entry of the [parameters] table of a Pie.toml."""

    type: Annotated[Literal["string", "int", "float", "bool"], Field(description="Type of the value.")]
    optional: Annotated[bool | None, Field(description="It may be left out.")] = None
    description: Annotated[str | None, Field(description="What it means.")] = None


class ManifestRuntime(WireModel):
    """What the [runtime] table of a Pie.toml says where the program may be a script."""

    core: Annotated[
        str | None, Field(description="Version of the engine's interface that the program was made for.")
    ] = None
    language: Annotated[
        Literal["python", "javascript"] | None,
        Field(description="Language of the source that is uploaded; absent for a WASM component."),
    ] = None
    entry: Annotated[str | None, Field(description="Name of the function to call; `main` where absent.")] = (
        None
    )
    call: Annotated[
        Literal["input", "kwargs"] | None,
        Field(
            description="How the function gets the launch input: as its one argument, which is also what absent means, or as keyword arguments."
        ),
    ] = None


class McpCancelledParams(WireModel):
    """Params of notifications/cancelled: the sender no longer waits for an answer."""

    request_id: Annotated[int, Field(alias="requestId", description="Id of the request.")]
    reason: Annotated[str | None, Field(description="Why.")] = None


class McpErrorObject(WireModel):
    """A JSON-RPC error as a relayed MCP call carries it."""

    code: Annotated[int, Field(description="JSON-RPC error code.")]
    message: Annotated[str, Field(description="What went wrong.")]
    data: Annotated[JsonValue | None, Field(description="More about it.")] = None


class McpImplementation(WireModel):
    """What program speaks at one end of an MCP connection."""

    name: Annotated[str, Field(description="Name of the program.")]
    version: Annotated[str, Field(description="Its release.")]


class McpInitializeParams(WireModel):
    """Params of initialize, the first request of an MCP connection."""

    protocol_version: Annotated[
        str, Field(alias="protocolVersion", description="The newest version of MCP that the client speaks.")
    ]
    capabilities: Annotated[
        dict[str, JsonValue], Field(description="What the client offers to the server; nothing, where empty.")
    ]
    client_info: Annotated[McpImplementation, Field(alias="clientInfo", description="Who connects.")]


class McpInitializeResult(WireModel):
    """What a server answers to initialize."""

    protocol_version: Annotated[
        str,
        Field(
            alias="protocolVersion", description="The version of MCP that the connection speaks from here on."
        ),
    ]


class McpNamedParams(WireModel):
    """Params of tools/call and prompts/get."""

    name: Annotated[str, Field(description="Name of the tool or prompt.")]
    arguments: Annotated[JsonValue | None, Field(description="What it gets; an object, as a rule.")] = None


class McpResourceParams(WireModel):
    """Params of resources/read."""

    uri: Annotated[str, Field(description="Which resource.")]


class McpResponseRequest(WireModel):
    """
    Answer a relayed MCP call.

    Without an answer the inferlet waits until it is terminated.
    """

    type: Literal["mcp_response"] = "mcp_response"
    corr_id: Annotated[CorrelationId, Field(description="Number of the relayed call.")]
    ok: Annotated[bool, Field(description="Whether the MCP server gave a result.")]
    result: Annotated[
        JsonText, Field(description="JSON text of the JSON-RPC result, or of an MCP error object.")
    ]


class PingRequest(WireModel):
    """
    Make a round trip through the session.

    On 0.3/0.4 it queues behind whatever the session is doing, so it measures the session, not the link.
    """

    type: Literal["ping"] = "ping"
    corr_id: Annotated[CorrelationId, Field(description="Number that the reply repeats.")]


ProcessId = TypeAliasType(
    "ProcessId",
    Annotated[
        str,
        Field(
            description="Id of a process. Servers send a lowercase hyphenated UUID and take any text form of one."
        ),
    ],
)


ProgramName = TypeAliasType(
    "ProgramName",
    Annotated[
        str,
        Field(description="A program as name@major.minor.patch. The 0.5 family also takes the bare name."),
    ],
)


class ProgramVersion(WireModel):
    """A published version of a program."""

    num: Annotated[str, Field(description="The version. Servers launch major.minor.patch only.")]
    yanked: Annotated[bool | None, Field(description="Withdrawn: not to be chosen any more.")] = None


class QueryRequest(WireModel):
    """
    Ask the server about itself.

    The one subject known to every server is model_status. A 0.3/0.4 server does not answer any other.
    """

    type: Literal["query"] = "query"
    corr_id: Annotated[CorrelationId, Field(description="Number that the reply repeats.")]
    subject: Annotated[str, Field(description="What to ask about.")]
    record: Annotated[str, Field(description="Not used by any server; required on the wire.")]


QueryResult = TypeAliasType("QueryResult", dict[str, JsonValue])
"""A flat object. For model_status its keys are `<model>.<statistic>` with integers or arrays of integers; kv_pages_used, kv_pages_total, total_batches, total_tokens_processed, last_batch_latency_us and avg_batch_latency_us exist on every server."""


class RegisterMcpServerRequest(WireModel):
    """
    Announce an MCP server that this client runs for the inferlets attached to this connection.

    Servers validate nothing and keep duplicates.
    """

    type: Literal["register_mcp_server"] = "register_mcp_server"
    corr_id: Annotated[CorrelationId, Field(description="Number that the reply repeats.")]
    name: Annotated[str, Field(description="Name by which inferlets find the server.")]
    transport: Annotated[str, Field(description="How the client reaches it.")]
    command: Annotated[str | None, Field(description="Program that the client starts.")] = None
    args: Annotated[list[str] | None, Field(description="Arguments of the program.")] = None
    url: Annotated[str | None, Field(description="Address of a server that is reached over HTTP.")] = None


class Response(WireModel):
    """The one reply to a request."""

    type: Literal["response"] = "response"
    corr_id: Annotated[CorrelationId, Field(description="Number of the request.")]
    ok: Annotated[bool, Field(description="Whether the request succeeded.")]
    result: Annotated[
        str,
        Field(
            description="What it gave, as the request's result describes; else the reason for the refusal."
        ),
    ]


class ReturnFrame(WireModel):
    """The program ended well. Nothing follows."""

    type: Literal["process_event"] = "process_event"
    process_id: Annotated[ProcessId, Field(description="The process that it comes from.")]
    event: Literal["return"] = "return"
    value: Annotated[str, Field(description="What it returned, by convention JSON text.")]


RunProcessesResult = TypeAliasType(
    "RunProcessesResult",
    Annotated[
        list[str], Field(description="What each process returned, as text, in the order of the inputs.")
    ],
)
"""What each process returned, as text, in the order of the inputs."""


Seconds = TypeAliasType("Seconds", Annotated[int, Field(description="A whole number of seconds.", ge=0)])


class ServerNotice(WireModel):
    """Text frame: something went wrong. It does not say with which request."""

    type: Literal["error"] = "error"
    message: Annotated[str, Field(description="What went wrong.")]


class SignalProcessRequest(WireModel):
    """
    Send a text to a process of this connection.

    Servers never answer, and ignore it when the process is not attached here.
    """

    type: Literal["signal_process"] = "signal_process"
    process_id: Annotated[ProcessId, Field(description="The process that is meant.")]
    message: Annotated[str, Field(description="Text that the process receives.")]


class StderrFrame(WireModel):
    """A piece of standard error: one write, not one line."""

    type: Literal["process_event"] = "process_event"
    process_id: Annotated[ProcessId, Field(description="The process that it comes from.")]
    event: Literal["stderr"] = "stderr"
    value: Annotated[str, Field(description="The text.")]


class StdoutFrame(WireModel):
    """A piece of standard output: one write, not one line. A character split over two writes arrives as U+FFFD."""

    type: Literal["process_event"] = "process_event"
    process_id: Annotated[ProcessId, Field(description="The process that it comes from.")]
    event: Literal["stdout"] = "stdout"
    value: Annotated[str, Field(description="The text.")]


class SubmitWorkflowRequest(WireModel):
    """
    Start a workflow, an expression over programs.

    Its processes' events arrive under ids that the client was never told, and its result can't be fetched.
    """

    type: Literal["submit_workflow"] = "submit_workflow"
    corr_id: Annotated[CorrelationId, Field(description="Number that the reply repeats.")]
    json_: Annotated[str, Field(alias="json", description="JSON text of the expression.")]


class TerminateProcessRequest(WireModel):
    """
    Stop a process.

    Its error event may come before or after the reply.
    """

    type: Literal["terminate_process"] = "terminate_process"
    corr_id: Annotated[CorrelationId, Field(description="Number that the reply repeats.")]
    process_id: Annotated[ProcessId, Field(description="The process that is meant.")]


class TurnDone(WireModel):
    """Text frame: the server finished some request. It does not say which."""

    type: Literal["turn_done"] = "turn_done"


class UnknownFrame(WireModel):
    """An event of a kind that this schema does not know. It never ends a process."""

    type: Literal["process_event"] = "process_event"
    process_id: Annotated[ProcessId, Field(description="The process that it comes from.")]
    event: Annotated[str, Field(description="The kind.")]
    value: Annotated[str | None, Field(description="What it carries.")] = None


Usize = TypeAliasType(
    "Usize",
    Annotated[int, Field(description="An unsigned 64-bit count or index.", ge=0, le=18446744073709551615)],
)


VersionedProgramName = TypeAliasType(
    "VersionedProgramName",
    Annotated[
        str,
        Field(
            description="The form of a program's name and version that a server parses; others are refused.",
            pattern="^[a-zA-Z0-9][a-zA-Z0-9_-]*@\\d+\\.\\d+\\.\\d+$",
        ),
    ],
)


WorkflowId = TypeAliasType("WorkflowId", Annotated[str, Field(description="Id of a workflow, a UUID.")])


class AddProgramRequest(WireModel):
    """
    Upload a program with its manifest, and install it.

    Sent in chunks that each repeat every field but the manifest, which servers take from the first; the server answers the last one, or the first that it rejects. Uploading a name and version that exist without force_overwrite succeeds, and the new bytes are thrown away.
    """

    type: Literal["add_program"] = "add_program"
    corr_id: Annotated[CorrelationId, Field(description="Number that the reply repeats.")]
    program_hash: Annotated[
        Blake3Digest,
        Field(description="Digest of the whole program. 0.3/0.4 takes it as an opaque key, 0.5 verifies it."),
    ]
    manifest: Annotated[str, Field(description="The program's Pie.toml.")]
    force_overwrite: Annotated[
        bool, Field(description="Replace an installed program of the same name and version.")
    ]
    chunk_index: Annotated[Usize, Field(description="Index of this chunk, from 0, in order.")]
    total_chunks: Annotated[Usize, Field(description="Number of chunks, at least 1.")]
    chunk_data: Annotated[Bytes, Field(description="Bytes of this chunk.")]


class AttachProcessRequest(WireModel):
    """
    Take over the events of a running process.

    Events that the server buffered follow the reply. A 0.3/0.4 server also says that a process is not found when a connection, dead ones included, holds it already.
    """

    type: Literal["attach_process"] = "attach_process"
    corr_id: Annotated[CorrelationId, Field(description="Number that the reply repeats.")]
    process_id: Annotated[ProcessId, Field(description="The process that is meant.")]


class AttachWorkflowRequest(WireModel):
    """Take over the events of a workflow."""

    type: Literal["attach_workflow"] = "attach_workflow"
    corr_id: Annotated[CorrelationId, Field(description="Number that the reply repeats.")]
    workflow_id: Annotated[WorkflowId, Field(description="The workflow that is meant.")]


class AuthByTokenRequest(WireModel):
    """
    Authenticate with the server's internal token, as back ends do.

    A wrong token is answered after one to three seconds.
    """

    type: Literal["auth_by_token"] = "auth_by_token"
    corr_id: Annotated[CorrelationId, Field(description="Number that the reply repeats.")]
    token: Annotated[str, Field(description="The internal token: new at each server start.")]


class AuthIdentifyRequest(WireModel):
    """
    Tell the server who is calling.

    A 0.3/0.4 server answers nothing else on a connection before this, also when its authentication is switched off. With authentication on, the reply is a challenge to sign. A 0.5 server always says that the session is authenticated.
    """

    type: Literal["auth_identify"] = "auth_identify"
    corr_id: Annotated[CorrelationId, Field(description="Number that the reply repeats.")]
    username: Annotated[str, Field(description="Name of the user.")]


class AuthProveRequest(WireModel):
    """
    Answer a challenge with its signature.

    The challenge is used up whatever the outcome; another attempt starts with auth_identify.
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

    Servers do not check whose it is.
    """

    type: Literal["cancel_workflow"] = "cancel_workflow"
    corr_id: Annotated[CorrelationId, Field(description="Number that the reply repeats.")]
    workflow_id: Annotated[WorkflowId, Field(description="The workflow that is meant.")]


class CheckProgramRequest(WireModel):
    """
    Ask whether the server has a program.

    No server compares the hashes, and a program that failed to compile counts as present.
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
    Let go of a workflow's events; the server keeps them.

    Servers do not check whose it is, nor that it exists.
    """

    type: Literal["detach_workflow"] = "detach_workflow"
    corr_id: Annotated[CorrelationId, Field(description="Number that the reply repeats.")]
    workflow_id: Annotated[WorkflowId, Field(description="The workflow that is meant.")]


class ErrorFrame(WireModel):
    """The program failed or was stopped. Nothing follows."""

    type: Literal["process_event"] = "process_event"
    process_id: Annotated[ProcessId, Field(description="The process that it comes from.")]
    event: Literal["error"] = "error"
    value: Annotated[str, Field(description="The reason, in the server's or the program's words.")]


class FileChunk(WireModel):
    """A chunk of a file that a process sends. An empty file sends none."""

    type: Literal["file"] = "file"
    process_id: Annotated[ProcessId, Field(description="The process that it comes from.")]
    file_hash: Annotated[Blake3Digest, Field(description="Digest of the whole file.")]
    chunk_index: Annotated[Usize, Field(description="Index of this chunk, from 0, in order.")]
    total_chunks: Annotated[Usize, Field(description="Number of chunks of the file.")]
    chunk_data: Annotated[Bytes, Field(description="Bytes of this chunk.")]
    name: Annotated[str | None, Field(description="Name that the program gave the file.")] = None


class JsonRpcFailure(WireModel):
    """A JSON-RPC response that gives an error."""

    jsonrpc: Literal["2.0"] = "2.0"
    id: Annotated[
        JsonValue, Field(description="The id of the request, as it was; null where it could not be read.")
    ]
    error: Annotated[McpErrorObject, Field(description="Why there is no result.")]


class JsonRpcNotification(WireModel):
    """A JSON-RPC request without an id, which is never answered."""

    jsonrpc: Literal["2.0"] = "2.0"
    method: Annotated[str, Field(description="What happened.")]
    params: Annotated[dict[str, JsonValue] | None, Field(description="More about it.")] = None


class JsonRpcRequest(WireModel):
    """A JSON-RPC request, from either side of an MCP connection."""

    jsonrpc: Literal["2.0"] = "2.0"
    id: Annotated[int, Field(description="Number that the response repeats; each side counts for itself.")]
    method: Annotated[str, Field(description="What to do.")]
    params: Annotated[dict[str, JsonValue] | None, Field(description="Arguments of the method.")] = None


class JsonRpcResponse(WireModel):
    """A JSON-RPC response that gives a result."""

    jsonrpc: Literal["2.0"] = "2.0"
    id: Annotated[JsonValue, Field(description="The id of the request, as it was.")]
    result: Annotated[JsonValue, Field(description="What the method gives.")]


class LaunchDaemonRequest(WireModel):
    """
    Start a program that serves HTTP on a port of the server's loopback interface.

    The reply comes before the port is bound: a port in use shows only in the server's log. A daemon can't be listed or stopped.
    """

    type: Literal["launch_daemon"] = "launch_daemon"
    corr_id: Annotated[CorrelationId, Field(description="Number that the reply repeats.")]
    port: Annotated[
        int, Field(description="TCP port. Servers keep only its low 16 bits.", ge=0, le=4294967295)
    ]
    inferlet: Annotated[ProgramName, Field(description="The program to run.")]
    input: Annotated[JsonText, Field(description="JSON text. Servers ignore it.")]


class LaunchProcessRequest(WireModel):
    """
    Start a program as a new process.

    The reply means that the server accepted the launch; what fails later arrives as the process's error event. On 0.3/0.4 a first launch may download and compile, and holds back everything else on the connection meanwhile.
    """

    type: Literal["launch_process"] = "launch_process"
    corr_id: Annotated[CorrelationId, Field(description="Number that the reply repeats.")]
    inferlet: Annotated[ProgramName, Field(description="The program to run.")]
    input: Annotated[
        JsonText,
        Field(description="JSON text that the program receives as it is. The server does not parse it."),
    ]
    capture_outputs: Annotated[
        bool,
        Field(
            description="Send the process's output to this connection. Without it stdout and stderr are discarded for good, and the reply names no process."
        ),
    ]
    token_budget: Annotated[
        Usize | None,
        Field(
            description="Most tokens that the process may push through the model; nothing: the server's default."
        ),
    ] = None


class LaunchProcessesRequest(WireModel):
    """
    Start one process for each input.

    0.3 servers never answer this request.
    """

    type: Literal["launch_processes"] = "launch_processes"
    corr_id: Annotated[CorrelationId, Field(description="Number that the reply repeats.")]
    inferlet: Annotated[ProgramName, Field(description="The program to run.")]
    inputs: Annotated[list[JsonText], Field(description="JSON text for each process, in order.")]
    capture_outputs: Annotated[
        bool,
        Field(
            description="Send the process's output to this connection. Without it stdout and stderr are discarded for good, and the reply names no process."
        ),
    ]
    token_budgets: Annotated[
        list[Usize | None] | None,
        Field(description="Token budget for each process, in order; as long as the inputs."),
    ] = None


LaunchProcessesResult = TypeAliasType(
    "LaunchProcessesResult",
    Annotated[
        list[ProcessId],
        Field(
            description="Ids of the new processes in the order of the inputs, also when their output is not captured."
        ),
    ],
)
"""Ids of the new processes in the order of the inputs, also when their output is not captured."""


class Manifest(WireModel):
    """A program's Pie.toml."""

    package: Annotated[ManifestPackage, Field(description="What the program is called.")]
    runtime: Annotated[
        dict[str, str] | None,
        Field(
            description="What the program needs of the engine; for a script its language, entry and call convention."
        ),
    ] = None
    parameters: Annotated[
        dict[str, ManifestParameter] | None,
        Field(description="What the program takes as input, by name. Servers do not enforce it."),
    ] = None
    dependencies: Annotated[
        dict[str, str] | None, Field(description="Programs that it needs, each with its exact version.")
    ] = None


class McpRequest(WireModel):
    """An inferlet calls an MCP server that this client announced. It waits until an mcp_response repeats the number."""

    type: Literal["mcp_request"] = "mcp_request"
    corr_id: Annotated[CorrelationId, Field(description="Number of the call, chosen by the server.")]
    process_id: Annotated[ProcessId, Field(description="The process that it comes from.")]
    server_name: Annotated[str, Field(description="Name under which the MCP server was announced.")]
    method: Annotated[str, Field(description="The MCP method.")]
    params: Annotated[str, Field(description="JSON text of the method's params object.")]


class MessageFrame(WireModel):
    """A text that the program sent to its client."""

    type: Literal["process_event"] = "process_event"
    process_id: Annotated[ProcessId, Field(description="The process that it comes from.")]
    event: Literal["message"] = "message"
    value: Annotated[str, Field(description="The text.")]


ProcessEvent = TypeAliasType(
    "ProcessEvent",
    Annotated[
        StdoutFrame | StderrFrame | MessageFrame | ReturnFrame | ErrorFrame,
        Field(description="Something that a process did, told apart by its event.", discriminator="event"),
    ],
)


class ProcessExpression(WireModel):
    """Run a program on the value that flows in."""

    type: Literal["process"] = "process"
    program_name: Annotated[ProgramName, Field(description="The program.")]
    config: Annotated[JsonValue | None, Field(description="Merged over the input.")] = None


class ProcessInfo(ProcessInfoSynonyms):
    """A running process, as list_processes shows it."""

    id: Annotated[ProcessId, Field(description="Id of the process.")]
    username: Annotated[str, Field(description="Owner of the process.")]
    program: Annotated[ProgramName, Field(description="Program that it runs.")]
    input: Annotated[str, Field(description="Launch input as it was sent.")]
    elapsed_secs: Annotated[Seconds, Field(description="Age since its creation.")]


class ProgramListing(WireModel):
    """What a program registry says of a program."""

    versions: Annotated[
        list[ProgramVersion],
        Field(
            description="Its published versions. By convention the newest comes first; nothing holds a registry to that."
        ),
    ]


class RunProcessesRequest(WireModel):
    """
    Run one process for each input and wait for all of them.

    The server handles nothing else on this connection meanwhile. 0.3 servers never answer.
    """

    type: Literal["run_processes"] = "run_processes"
    corr_id: Annotated[CorrelationId, Field(description="Number that the reply repeats.")]
    inferlet: Annotated[ProgramName, Field(description="The program to run.")]
    inputs: Annotated[list[JsonText], Field(description="JSON text for each process, in order.")]
    token_budgets: Annotated[
        list[Usize | None] | None,
        Field(description="Token budget for each process, in order; as long as the inputs."),
    ] = None


class TakeExpression(WireModel):
    """Keep the first elements; after a fork or map, the first to finish."""

    type: Literal["take"] = "take"
    k: Annotated[Usize, Field(description="How many.")]


class TransferFileRequest(WireModel):
    """
    Send a file to a process of this connection, in chunks.

    Servers never answer. The process gets the file only while it waits for one; otherwise it is dropped.
    """

    type: Literal["transfer_file"] = "transfer_file"
    process_id: Annotated[ProcessId, Field(description="The process that is meant.")]
    file_hash: Annotated[Blake3Digest, Field(description="Digest of the whole file. Servers verify it.")]
    chunk_index: Annotated[Usize, Field(description="Index of this chunk, from 0, in order.")]
    total_chunks: Annotated[Usize, Field(description="Number of chunks, at least 1.")]
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
    predicate: Annotated[WorkflowExpression, Field(description="Decides.")]
    then: Annotated[WorkflowExpression, Field(description="Taken when it is truthy.")]
    otherwise: Annotated[WorkflowExpression, Field(description="Taken when it is not.")]


class FoldExpression(WireModel):
    """Reduce an array to one value."""

    type: Literal["fold"] = "fold"
    function: Annotated[
        WorkflowExpression, Field(description="Applied to each element and the value so far.")
    ]
    init: Annotated[WorkflowExpression, Field(description="The first value.")]
    over: Annotated[WorkflowExpression, Field(description="Gives the array.")]


class ForkExpression(WireModel):
    """Run branches at once on the same value."""

    type: Literal["fork"] = "fork"
    branches: Annotated[
        list[WorkflowExpression], Field(description="The branches; the result array keeps their order.")
    ]


class IterateExpression(WireModel):
    """Repeat until a condition holds, at most 1000 times."""

    type: Literal["iterate"] = "iterate"
    body: Annotated[WorkflowExpression, Field(description="Repeated.")]
    until: Annotated[WorkflowExpression, Field(description="Ends the loop when truthy.")]


class MapExpression(WireModel):
    """Apply a function to each element of an array."""

    type: Literal["map"] = "map"
    function: Annotated[WorkflowExpression, Field(description="Applied to each element.")]
    over: Annotated[WorkflowExpression, Field(description="Gives the array.")]


class PipeExpression(WireModel):
    """Feed each stage's value to the next."""

    type: Literal["pipe"] = "pipe"
    stages: Annotated[list[WorkflowExpression], Field(description="The stages, in order.")]


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
        Field(description="An expression of a workflow, told apart by its type.", discriminator="type"),
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
    "CondExpression",
    "CorrelationId",
    "DetachWorkflowRequest",
    "ErrorFrame",
    "FileChunk",
    "FoldExpression",
    "ForkExpression",
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
