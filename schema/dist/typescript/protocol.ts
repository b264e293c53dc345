/**
 * Pie client protocol, version 1.0.0: types, tables, and checks of decoded messages.
 *
 * Messages are maps with the names of the wire. Any msgpack library will do that decodes integers beyond 2^53 to bigint; this
 * module imports nothing. Written by `python -m codegen` from the schema; never edited.
 *
 * SPDX-License-Identifier: Apache-2.0
 */

/** Version of the description of the protocol. */
export const VERSION = "1.0.0";

// Types of values

/** Any JSON value. Parsers that keep large integers exact return bigint for them. */
export type JsonValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | JsonValue[]
  | { [key: string]: JsonValue };

/** The session was authenticated before; the server ignored the user name. */
export type AlreadyAuthenticated = "Already authenticated";

/** The server's authentication is disabled; the session is authenticated. */
export type AuthenticationDisabled = "Authenticated (Engine disabled authentication)";

/** BLAKE3-256 of some bytes as 64 lowercase hexadecimal digits. */
export type Blake3Digest = string;

/** Raw bytes: bin in msgpack, base64 in JSON. */
export type Bytes = Uint8Array;

/** Challenge to sign with one of the user's keys: 48 random bytes in standard base64. */
export type Challenge = string;

/** Whether the program is installed in this version. */
export type CheckProgramResult = boolean;

/** Number of chunks: at least 1, also for empty content. */
export type ChunkCount = bigint;

/** Unsigned 32-bit number that joins a reply to its request. Requests and relayed MCP calls are numbered independently. */
export type CorrelationId = number;

/** A signed 64-bit number. */
export type Integer = bigint;

/** A string with JSON. */
export type JsonText = string;

/** Id of the new process; empty if its output is not captured. */
export type LaunchProcessResult = string;

/** Ids of the new processes in the order of the inputs, even if their output is not captured. */
export type LaunchProcessesResult = ProcessId[];

/** The running processes, in no particular order. */
export type ListProcessesResult = ProcessInfo[];

/** Any other text, from a server that is newer than the schema. */
export type OtherIdentification = string;

/** Id of a process. Servers send a lowercase hyphenated UUID and accept any text form of one. */
export type ProcessId = string;

/** A program as name@major.minor.patch. 0.5 servers also accept the name alone. */
export type ProgramName = string;

/** A flat object. For model_status, the keys are `<model>.<statistic>` and the values are integers or lists of integers. Every server has kv_pages_used, kv_pages_total, total_batches, total_tokens_processed, last_batch_latency_us and avg_batch_latency_us. */
export type QueryResult = Record<string, JsonValue>;

/** Return value of each process as text, in the order of the inputs. */
export type RunProcessesResult = (string)[];

/** A whole number of seconds. */
export type Seconds = bigint;

/** Id of the workflow. */
export type SubmitWorkflowResult = string;

/** An unsigned 64-bit count or index. */
export type Usize = bigint;

/** A program's name and version in the form that servers accept. */
export type VersionedProgramName = string;

/** Id of a workflow: a UUID. */
export type WorkflowId = string;

/** Outcome of the identification. */
export type AuthIdentifyResult =
  | { kind: "AuthenticationDisabled"; text: AuthenticationDisabled }
  | { kind: "AlreadyAuthenticated"; text: AlreadyAuthenticated }
  | { kind: "Challenge"; text: Challenge }
  | { kind: "OtherIdentification"; text: OtherIdentification };

// Objects and messages

/**
 * Upload a program with its manifest, and install it.
 *
 * Each chunk repeats every field except the manifest, which only the first carries. The server answers the last chunk, or the first that it rejects. If the name and version exist already, the request succeeds without force_overwrite, and the server discards the new bytes.
 */
export interface AddProgramRequest {
  type: "add_program";
  /** Number that the reply repeats. */
  corr_id: CorrelationId;
  /** BLAKE3 digest of the whole program. 0.4 servers use it as an opaque key, 0.5 servers verify it. */
  program_hash: Blake3Digest;
  /** The program's Pie.toml. */
  manifest: string;
  /** Replace an installed program of the same name and version. */
  force_overwrite: boolean;
  /** Index of this chunk, from 0, in order. */
  chunk_index: Usize;
  /** Number of chunks. */
  total_chunks: ChunkCount;
  /** Bytes of this chunk. */
  chunk_data: Bytes;
}

/**
 * Attach to a running process and receive its events.
 *
 * Buffered events follow the reply. 0.4 servers report a process as not found if another connection is attached to it, even a dead one.
 */
export interface AttachProcessRequest {
  type: "attach_process";
  /** Number that the reply repeats. */
  corr_id: CorrelationId;
  /** Id of the process. */
  process_id: ProcessId;
}

/** Attach to a workflow and receive its events. */
export interface AttachWorkflowRequest {
  type: "attach_workflow";
  /** Number that the reply repeats. */
  corr_id: CorrelationId;
  /** Id of the workflow. */
  workflow_id: WorkflowId;
}

/**
 * Authenticate with the server's internal token, as back ends do.
 *
 * The server refuses a wrong token after one to three seconds.
 */
export interface AuthByTokenRequest {
  type: "auth_by_token";
  /** Number that the reply repeats. */
  corr_id: CorrelationId;
  /** Internal token. The server creates a new one at each start. */
  token: string;
}

/**
 * Identify the user of the session.
 *
 * 0.4 servers require it before any other request, even with authentication disabled. With authentication enabled, the result is a challenge to sign. 0.5 servers always reply that the session is authenticated.
 */
export interface AuthIdentifyRequest {
  type: "auth_identify";
  /** Number that the reply repeats. */
  corr_id: CorrelationId;
  /** Name of the user. */
  username: string;
}

/**
 * Answer a challenge with its signature.
 *
 * Each challenge can be answered once; start another attempt with auth_identify.
 */
export interface AuthProveRequest {
  type: "auth_prove";
  /** Number that the reply repeats. */
  corr_id: CorrelationId;
  /** Signature of the challenge's bytes in standard base64 with padding: PKCS#1 v1.5 with SHA-256 for RSA, raw for Ed25519, ASN.1 DER for ECDSA (SHA-256 on P-256, SHA-384 on P-384). */
  signature: string;
}

/**
 * Cancel a workflow.
 *
 * Servers do not check that the workflow belongs to the user.
 */
export interface CancelWorkflowRequest {
  type: "cancel_workflow";
  /** Number that the reply repeats. */
  corr_id: CorrelationId;
  /** Id of the workflow. */
  workflow_id: WorkflowId;
}

/**
 * Check whether a program is installed.
 *
 * Servers do not compare the hashes, and report a program that failed to compile as installed.
 */
export interface CheckProgramRequest {
  type: "check_program";
  /** Number that the reply repeats. */
  corr_id: CorrelationId;
  /** Name of the program, without its version. */
  name: string;
  /** Version as major.minor.patch. */
  version: string;
  /** Digest of the program's bytes. Servers ignore it. Only servers of family 0.4 know it. */
  wasm_hash?: Blake3Digest;
  /** Digest of the manifest's bytes. Servers ignore it. Only servers of family 0.4 know it. */
  manifest_hash?: Blake3Digest;
}

/** Choose between two expressions. */
export interface CondExpression {
  type: "cond";
  /** Condition. */
  predicate: WorkflowExpression;
  /** Evaluated if the condition is true. */
  then: WorkflowExpression;
  /** Evaluated if the condition is false. */
  otherwise: WorkflowExpression;
}

/**
 * Detach from a workflow. The server buffers its events.
 *
 * Servers check neither that the workflow belongs to the user nor that it exists.
 */
export interface DetachWorkflowRequest {
  type: "detach_workflow";
  /** Number that the reply repeats. */
  corr_id: CorrelationId;
  /** Id of the workflow. */
  workflow_id: WorkflowId;
}

/** The program failed or was stopped. The last event of its process. */
export interface ErrorFrame {
  type: "process_event";
  /** Id of the process. */
  process_id: ProcessId;
  event: "error";
  /** Reason, as text of the server or the program. */
  value: string;
}

/** A chunk of a file that a process sends. An empty file has no chunks. */
export interface FileChunk {
  type: "file";
  /** Id of the process. */
  process_id: ProcessId;
  /** BLAKE3 digest of the whole file. */
  file_hash: Blake3Digest;
  /** Index of this chunk, from 0, in order. */
  chunk_index: Usize;
  /** Number of chunks of the file. */
  total_chunks: ChunkCount;
  /** Bytes of this chunk. */
  chunk_data: Bytes;
  /** Name of the file, chosen by the program. Only servers of family 0.5 know it. */
  name?: string;
}

/** Reduce an array to one value. */
export interface FoldExpression {
  type: "fold";
  /** Expression that is applied to each element and the value so far. */
  function: WorkflowExpression;
  /** Initial value. */
  init: WorkflowExpression;
  /** Expression for the array. */
  over: WorkflowExpression;
}

/** Run branches concurrently on the same value. */
export interface ForkExpression {
  type: "fork";
  /** Branches. The resulting array keeps their order. */
  branches: WorkflowExpression[];
}

/** Repeat an expression until a condition is true, at most 1000 times. */
export interface IterateExpression {
  type: "iterate";
  /** Expression to repeat. */
  body: WorkflowExpression;
  /** Condition that ends the loop. */
  until: WorkflowExpression;
}

/** A JSON-RPC response with an error. */
export interface JsonRpcFailure {
  jsonrpc: "2.0";
  /** Id of the request, unchanged; null if it could not be read. */
  id: JsonValue;
  /** The error. */
  error: McpErrorObject;
}

/** A JSON-RPC request without an id, to which there is no response. */
export interface JsonRpcNotification {
  jsonrpc: "2.0";
  /** Name of the notification. */
  method: string;
  /** Arguments of the notification. */
  params?: Record<string, JsonValue>;
}

/** A JSON-RPC request from either side of an MCP connection. */
export interface JsonRpcRequest {
  jsonrpc: "2.0";
  /** Number that the response repeats; each side counts its own requests. */
  id: Integer;
  /** Name of the method. */
  method: string;
  /** Arguments of the method. */
  params?: Record<string, JsonValue>;
}

/** A JSON-RPC response with a result. */
export interface JsonRpcResponse {
  jsonrpc: "2.0";
  /** Id of the request, unchanged. */
  id: JsonValue;
  /** Result of the method. */
  result: JsonValue;
}

/**
 * Start a program that serves HTTP on a port of the server's loopback interface.
 *
 * The server replies before it binds the port: if the port is in use, only its log says so. A daemon can't be listed or stopped.
 */
export interface LaunchDaemonRequest {
  type: "launch_daemon";
  /** Number that the reply repeats. */
  corr_id: CorrelationId;
  /** TCP port. Servers keep only the low 16 bits. */
  port: number;
  /** Program to run. */
  inferlet: ProgramName;
  /** JSON text. Servers ignore it. */
  input: JsonText;
}

/**
 * Start a program as a new process.
 *
 * The reply means that the server accepted the launch; later failures arrive as the error event of the process. 0.4 servers may download and compile the program first, and delay everything else on the connection.
 */
export interface LaunchProcessRequest {
  type: "launch_process";
  /** Number that the reply repeats. */
  corr_id: CorrelationId;
  /** Program to run. */
  inferlet: ProgramName;
  /** JSON text that the program receives unchanged. The server does not parse it. */
  input: JsonText;
  /** Whether to send the output of the process to this connection. Otherwise the server discards stdout and stderr, and the result names no process. */
  capture_outputs: boolean;
  /** Maximum number of tokens that the process may send through the model. Default: the server's. Only servers of family 0.4 know it. */
  token_budget?: Usize;
}

/**
 * Start one process for each input.
 *
 * 0.3 servers never reply.
 */
export interface LaunchProcessesRequest {
  type: "launch_processes";
  /** Number that the reply repeats. */
  corr_id: CorrelationId;
  /** Program to run. */
  inferlet: ProgramName;
  /** JSON text for each process, in order. */
  inputs: JsonText[];
  /** Whether to send the output of the process to this connection. Otherwise the server discards stdout and stderr, and the result names no process. */
  capture_outputs: boolean;
  /** Token budget for each process, in the order of the inputs. */
  token_budgets?: (Usize | null)[];
}

/**
 * List the running processes of the session's user.
 *
 * 0.5 servers run every session as the same user, so they list all processes.
 */
export interface ListProcessesRequest {
  type: "list_processes";
  /** Number that the reply repeats. */
  corr_id: CorrelationId;
}

/** A constant. */
export interface LiteralExpression {
  type: "literal";
  /** Value of the constant. */
  value: JsonValue;
}

/** A program's Pie.toml. */
export interface Manifest {
  /** Name, version and authors of the program. */
  package: ManifestPackage;
  /** Requirements on the engine; for a script, its language, entry function and call convention. */
  runtime?: Record<string, string>;
  /** Input parameters by name. Servers do not enforce them. */
  parameters?: Record<string, ManifestParameter>;
  /** Programs that this one depends on, each with its exact version. */
  dependencies?: Record<string, string>;
}

/** The [package] table of a Pie.toml. */
export interface ManifestPackage {
  /** Name of the program. */
  name: string;
  /** Version as major.minor.patch. */
  version: string;
  /** Summary in one line. */
  description?: string;
  /** Authors. */
  authors?: (string)[];
  /** URL of the source code. */
  repository?: string;
  /** Path of the README. */
  readme?: string;
}

/** An entry of the [parameters] table of a Pie.toml. */
export interface ManifestParameter {
  /** Type of the value. */
  type: "string" | "int" | "float" | "bool";
  /** Whether the parameter may be omitted. */
  optional?: boolean;
  /** What it means. */
  description?: string;
}

/** The [runtime] table of a Pie.toml, for programs that may be scripts. */
export interface ManifestRuntime {
  /** Version of the engine's interface that the program was built for. */
  core?: string;
  /** Language of the uploaded source; absent for a WASM component. */
  language?: "python" | "javascript";
  /** Name of the function to call. Default: `main`. */
  entry?: string;
  /** How the function receives the launch input: `input` as one argument, `kwargs` as keyword arguments. Default: `input`. */
  call?: "input" | "kwargs";
}

/** Apply a function to each element of an array. */
export interface MapExpression {
  type: "map";
  /** Expression that is applied to each element. */
  function: WorkflowExpression;
  /** Expression for the array. */
  over: WorkflowExpression;
}

/** Params of notifications/cancelled: the sender no longer waits for a response. */
export interface McpCancelledParams {
  /** Id of the request. */
  requestId: Integer;
  /** Reason. */
  reason?: string;
}

/** The JSON-RPC error of a relayed MCP call. */
export interface McpErrorObject {
  /** JSON-RPC error code. */
  code: Integer;
  /** Description of the error. */
  message: string;
  /** Further information, in any form. */
  data?: JsonValue;
}

/** Program on one side of an MCP connection. */
export interface McpImplementation {
  /** Name of the program. */
  name: string;
  /** Release of the program. */
  version: string;
}

/** Params of initialize, the first request of an MCP connection. */
export interface McpInitializeParams {
  /** Newest version of MCP that the client supports. */
  protocolVersion: string;
  /** Capabilities of the client; empty for none. */
  capabilities: Record<string, JsonValue>;
  /** Name and release of the client. */
  clientInfo: McpImplementation;
}

/** Result of initialize. */
export interface McpInitializeResult {
  /** Version of MCP for the rest of the connection. */
  protocolVersion: string;
}

/** Params of tools/call and prompts/get. */
export interface McpNamedParams {
  /** Name of the tool or prompt. */
  name: string;
  /** Arguments, usually an object. */
  arguments?: JsonValue;
}

/** A call of an inferlet to an MCP server that this client registered. The inferlet waits for the mcp_response with the same number. */
export interface McpRequest {
  type: "mcp_request";
  /** Number of the call, chosen by the server. */
  corr_id: CorrelationId;
  /** Id of the process. */
  process_id: ProcessId;
  /** Name of the MCP server, as registered. */
  server_name: string;
  /** MCP method. */
  method: string;
  /** JSON text of the method's params: named to call or get something, a resource's to read it, an empty object to list. */
  params: string;
}

/** Params of resources/read. */
export interface McpResourceParams {
  /** URI of the resource. */
  uri: string;
}

/**
 * Answer a relayed MCP call.
 *
 * Without an answer, the inferlet waits until it is terminated.
 */
export interface McpResponseRequest {
  type: "mcp_response";
  /** Number of the relayed call. */
  corr_id: CorrelationId;
  /** Whether the call succeeded. */
  ok: boolean;
  /** JSON text of the JSON-RPC result, or of an MCP error object. */
  result: string;
}

/** A text message from the program to its client. */
export interface MessageFrame {
  type: "process_event";
  /** Id of the process. */
  process_id: ProcessId;
  event: "message";
  /** The text. */
  value: string;
}

/**
 * Wait for a reply of the session.
 *
 * 0.4 servers reply after the session's earlier requests, so the time includes those.
 */
export interface PingRequest {
  type: "ping";
  /** Number that the reply repeats. */
  corr_id: CorrelationId;
}

/** Pass the value of each stage to the next. */
export interface PipeExpression {
  type: "pipe";
  /** Stages, in order. */
  stages: WorkflowExpression[];
}

/** Run a program with the incoming value as input. */
export interface ProcessExpression {
  type: "process";
  /** Program to run. */
  program_name: ProgramName;
  /** Configuration that is merged over the input. */
  config?: JsonValue;
}

/** A running process, as list_processes returns it. */
export interface ProcessInfo {
  /** Id of the process. */
  id: ProcessId;
  /** Owner of the process. */
  username: string;
  /** Program of the process. */
  program: ProgramName;
  /** Launch input, unchanged. */
  input: string;
  /** Age of the process in seconds. */
  elapsed_secs: Seconds;
}

/** A program registry's entry for a program. */
export interface ProgramListing {
  /** Published versions. By convention the newest comes first, but registries need not keep to it. */
  versions: ProgramVersion[];
}

/** A published version of a program. */
export interface ProgramVersion {
  /** Version number. Servers launch only versions of the form major.minor.patch. */
  num: string;
  /** Whether the version was withdrawn and must not be chosen. */
  yanked?: boolean;
}

/**
 * Query the state of the server.
 *
 * Every server knows the subject model_status. 0.4 servers do not reply to any other.
 */
export interface QueryRequest {
  type: "query";
  /** Number that the reply repeats. */
  corr_id: CorrelationId;
  /** Subject of the query. */
  subject: string;
  /** Required on the wire, but ignored by servers. */
  record: string;
}

/**
 * Register an MCP server that this client runs for the inferlets of this connection.
 *
 * Servers validate nothing and accept duplicates.
 */
export interface RegisterMcpServerRequest {
  type: "register_mcp_server";
  /** Number that the reply repeats. */
  corr_id: CorrelationId;
  /** Name of the MCP server, for inferlets. */
  name: string;
  /** Transport between the client and the MCP server. */
  transport: string;
  /** Program that the client starts. */
  command?: string;
  /** Arguments of the program. */
  args?: (string)[];
  /** URL of an MCP server with HTTP transport. */
  url?: string;
}

/** The one reply to a request. */
export interface Response {
  type: "response";
  /** Number of the request. */
  corr_id: CorrelationId;
  /** Whether the request succeeded. */
  ok: boolean;
  /** The result, as the request's result describes it; on failure, the reason. */
  result: string;
}

/** The program returned. The last event of its process. */
export interface ReturnFrame {
  type: "process_event";
  /** Id of the process. */
  process_id: ProcessId;
  event: "return";
  /** Return value, by convention JSON text. */
  value: string;
}

/**
 * Run one process for each input and wait for all of them.
 *
 * The server handles nothing else on this connection until they finish. 0.3 servers never reply.
 */
export interface RunProcessesRequest {
  type: "run_processes";
  /** Number that the reply repeats. */
  corr_id: CorrelationId;
  /** Program to run. */
  inferlet: ProgramName;
  /** JSON text for each process, in order. */
  inputs: JsonText[];
  /** Token budget for each process, in the order of the inputs. */
  token_budgets?: (Usize | null)[];
}

/** Text frame: an error. It does not name the request. */
export interface ServerNotice {
  type: "error";
  /** Description of the error. */
  message: string;
}

/**
 * Send a text message to a process of this connection.
 *
 * Servers never reply, and ignore the message if this connection is not attached to the process.
 */
export interface SignalProcessRequest {
  type: "signal_process";
  /** Id of the process. */
  process_id: ProcessId;
  /** Text that the process receives. */
  message: string;
}

/** Text that the program wrote to standard error: one write, not one line, and cut as standard output is. */
export interface StderrFrame {
  type: "process_event";
  /** Id of the process. */
  process_id: ProcessId;
  event: "stderr";
  /** The text. */
  value: string;
}

/** Text that the program wrote to standard output: one write, not one line. 0.3 and 0.4 servers also cut a write into events of at most 4096 bytes. A character that is split arrives as U+FFFD on both sides. */
export interface StdoutFrame {
  type: "process_event";
  /** Id of the process. */
  process_id: ProcessId;
  event: "stdout";
  /** The text. */
  value: string;
}

/**
 * Start a workflow: an expression over programs.
 *
 * The events of its processes arrive with ids that the client does not know, and its result can't be fetched.
 */
export interface SubmitWorkflowRequest {
  type: "submit_workflow";
  /** Number that the reply repeats. */
  corr_id: CorrelationId;
  /** JSON text of the expression. */
  json: string;
}

/** Keep the first elements of an array; after a fork or map, those that finish first. */
export interface TakeExpression {
  type: "take";
  /** Number of elements to keep. */
  k: Usize;
}

/**
 * Terminate a process.
 *
 * Its error event may arrive before or after the reply.
 */
export interface TerminateProcessRequest {
  type: "terminate_process";
  /** Number that the reply repeats. */
  corr_id: CorrelationId;
  /** Id of the process. */
  process_id: ProcessId;
}

/**
 * Send a file to a process of this connection, in chunks.
 *
 * Servers never reply. They discard the file if the process is not waiting for one.
 */
export interface TransferFileRequest {
  type: "transfer_file";
  /** Id of the process. */
  process_id: ProcessId;
  /** BLAKE3 digest of the whole file. Servers verify it. */
  file_hash: Blake3Digest;
  /** Index of this chunk, from 0, in order. */
  chunk_index: Usize;
  /** Number of chunks. */
  total_chunks: ChunkCount;
  /** Bytes of this chunk. */
  chunk_data: Bytes;
}

/** Text frame: the server finished a request. It does not name the request. */
export interface TurnDone {
  type: "turn_done";
}

/** An event of a kind that the schema does not know. It never ends a process. */
export interface UnknownFrame {
  type: "process_event";
  /** Id of the process. */
  process_id: ProcessId;
  /** Kind of the event. */
  event: string;
  /** Text of the event. */
  value?: string;
}

/** An event of a process, tagged by `event`. */
export type ProcessEvent =
  | StdoutFrame
  | StderrFrame
  | MessageFrame
  | ReturnFrame
  | ErrorFrame;

/** An expression of a workflow, tagged by its type. */
export type WorkflowExpression =
  | LiteralExpression
  | ProcessExpression
  | PipeExpression
  | ForkExpression
  | MapExpression
  | FoldExpression
  | CondExpression
  | IterateExpression
  | TakeExpression;

/** A message of a client, tagged by `type`. */
export type ClientMessage =
  | AuthIdentifyRequest
  | AuthProveRequest
  | AuthByTokenRequest
  | CheckProgramRequest
  | QueryRequest
  | AddProgramRequest
  | LaunchProcessRequest
  | LaunchProcessesRequest
  | RunProcessesRequest
  | LaunchDaemonRequest
  | AttachProcessRequest
  | TerminateProcessRequest
  | SignalProcessRequest
  | TransferFileRequest
  | ListProcessesRequest
  | PingRequest
  | RegisterMcpServerRequest
  | McpResponseRequest
  | SubmitWorkflowRequest
  | CancelWorkflowRequest
  | AttachWorkflowRequest
  | DetachWorkflowRequest;


/** A binary message of a server, tagged by `type`. */
export type ServerMessage =
  | Response
  | ProcessEvent
  | FileChunk
  | McpRequest;

/** A text message of a server, tagged by `type`. */
export type ServerTextMessage =
  | TurnDone
  | ServerNotice;

/**
 * A message that this version of the protocol does not know: it is valid, and can be ignored.
 *
 * `of` is the type of the message if only its kind is unknown, as for an event of a new kind.
 */
export type Unknown =
  | { type: null; of: "process_event"; fields: UnknownFrame }
  | { type: null; of: null; fields: Record<string, unknown> };

/** What the reply to a request carries, by the type of the request. A reply that says nothing is a text. */
export interface Results {
  auth_identify: AuthIdentifyResult;
  auth_prove: string;
  auth_by_token: string;
  check_program: CheckProgramResult;
  query: QueryResult;
  add_program: string;
  launch_process: LaunchProcessResult;
  launch_processes: LaunchProcessesResult;
  run_processes: RunProcessesResult;
  launch_daemon: string;
  attach_process: string;
  terminate_process: string;
  list_processes: ListProcessesResult;
  ping: string;
  register_mcp_server: string;
  submit_workflow: SubmitWorkflowResult;
  cancel_workflow: string;
  attach_workflow: string;
  detach_workflow: string;
}

/** What the JSON in a text field of a message is. */
export interface Contents {
  "launch_process.input": JsonValue;
  "launch_daemon.input": JsonValue;
  "mcp_response.result": JsonValue | McpErrorObject;
  "submit_workflow.json": WorkflowExpression;
  "mcp_request.params": McpNamedParams | McpResourceParams | Record<string, JsonValue>;
}

/** Every definition, by its name. */
export interface Definitions {
  AddProgramRequest: AddProgramRequest;
  AlreadyAuthenticated: AlreadyAuthenticated;
  AttachProcessRequest: AttachProcessRequest;
  AttachWorkflowRequest: AttachWorkflowRequest;
  AuthByTokenRequest: AuthByTokenRequest;
  AuthIdentifyRequest: AuthIdentifyRequest;
  AuthIdentifyResult: AuthIdentifyResult;
  AuthProveRequest: AuthProveRequest;
  AuthenticationDisabled: AuthenticationDisabled;
  Blake3Digest: Blake3Digest;
  Bytes: Bytes;
  CancelWorkflowRequest: CancelWorkflowRequest;
  Challenge: Challenge;
  CheckProgramRequest: CheckProgramRequest;
  CheckProgramResult: CheckProgramResult;
  ChunkCount: ChunkCount;
  CondExpression: CondExpression;
  CorrelationId: CorrelationId;
  DetachWorkflowRequest: DetachWorkflowRequest;
  ErrorFrame: ErrorFrame;
  FileChunk: FileChunk;
  FoldExpression: FoldExpression;
  ForkExpression: ForkExpression;
  Integer: Integer;
  IterateExpression: IterateExpression;
  JsonRpcFailure: JsonRpcFailure;
  JsonRpcNotification: JsonRpcNotification;
  JsonRpcRequest: JsonRpcRequest;
  JsonRpcResponse: JsonRpcResponse;
  JsonText: JsonText;
  JsonValue: JsonValue;
  LaunchDaemonRequest: LaunchDaemonRequest;
  LaunchProcessRequest: LaunchProcessRequest;
  LaunchProcessResult: LaunchProcessResult;
  LaunchProcessesRequest: LaunchProcessesRequest;
  LaunchProcessesResult: LaunchProcessesResult;
  ListProcessesRequest: ListProcessesRequest;
  ListProcessesResult: ListProcessesResult;
  LiteralExpression: LiteralExpression;
  Manifest: Manifest;
  ManifestPackage: ManifestPackage;
  ManifestParameter: ManifestParameter;
  ManifestRuntime: ManifestRuntime;
  MapExpression: MapExpression;
  McpCancelledParams: McpCancelledParams;
  McpErrorObject: McpErrorObject;
  McpImplementation: McpImplementation;
  McpInitializeParams: McpInitializeParams;
  McpInitializeResult: McpInitializeResult;
  McpNamedParams: McpNamedParams;
  McpRequest: McpRequest;
  McpResourceParams: McpResourceParams;
  McpResponseRequest: McpResponseRequest;
  MessageFrame: MessageFrame;
  OtherIdentification: OtherIdentification;
  PingRequest: PingRequest;
  PipeExpression: PipeExpression;
  ProcessEvent: ProcessEvent;
  ProcessExpression: ProcessExpression;
  ProcessId: ProcessId;
  ProcessInfo: ProcessInfo;
  ProgramListing: ProgramListing;
  ProgramName: ProgramName;
  ProgramVersion: ProgramVersion;
  QueryRequest: QueryRequest;
  QueryResult: QueryResult;
  RegisterMcpServerRequest: RegisterMcpServerRequest;
  Response: Response;
  ReturnFrame: ReturnFrame;
  RunProcessesRequest: RunProcessesRequest;
  RunProcessesResult: RunProcessesResult;
  Seconds: Seconds;
  ServerNotice: ServerNotice;
  SignalProcessRequest: SignalProcessRequest;
  StderrFrame: StderrFrame;
  StdoutFrame: StdoutFrame;
  SubmitWorkflowRequest: SubmitWorkflowRequest;
  SubmitWorkflowResult: SubmitWorkflowResult;
  TakeExpression: TakeExpression;
  TerminateProcessRequest: TerminateProcessRequest;
  TransferFileRequest: TransferFileRequest;
  TurnDone: TurnDone;
  UnknownFrame: UnknownFrame;
  Usize: Usize;
  VersionedProgramName: VersionedProgramName;
  WorkflowExpression: WorkflowExpression;
  WorkflowId: WorkflowId;
}

// Tables

export type Family = "0.4" | "0.5";

/** What a request is. */
export interface RequestRow {
  /** `call`: one reply. `upload`: chunks, then one reply. `notify`, `transfer` and `relay`: no reply. */
  kind: "call" | "notify" | "upload" | "transfer" | "relay";
  /** Server families that know the request. */
  families: readonly Family[];
  /** Name of what the reply carries; null if it says nothing, or there is none. */
  result: keyof Definitions | null;
  /** Whether success creates processes. */
  creates: boolean;
  /** Whether success makes a process send its events to this connection. */
  claims: boolean;
  /** Whether servers send nothing in return, also if the request fails. */
  neverAnswers: boolean;
  /** Whether carrying the request out twice has the same effect as once. */
  repeatable: boolean;
  /** Whether the request may be sent before the client has identified itself. */
  opensSession: boolean;
  /** Values that clients send unless their caller passes others. */
  defaults: Readonly<Record<string, JsonValue>>;
}

export const REQUESTS = {
  auth_identify: {
    kind: "call",
    families: ["0.4", "0.5"],
    result: "AuthIdentifyResult",
    creates: false,
    claims: false,
    neverAnswers: false,
    repeatable: false,
    opensSession: true,
    defaults: {},
  },
  auth_prove: {
    kind: "call",
    families: ["0.4", "0.5"],
    result: null,
    creates: false,
    claims: false,
    neverAnswers: false,
    repeatable: false,
    opensSession: true,
    defaults: {},
  },
  auth_by_token: {
    kind: "call",
    families: ["0.4"],
    result: null,
    creates: false,
    claims: false,
    neverAnswers: false,
    repeatable: false,
    opensSession: true,
    defaults: {},
  },
  check_program: {
    kind: "call",
    families: ["0.4", "0.5"],
    result: "CheckProgramResult",
    creates: false,
    claims: false,
    neverAnswers: false,
    repeatable: true,
    opensSession: false,
    defaults: {},
  },
  query: {
    kind: "call",
    families: ["0.4", "0.5"],
    result: "QueryResult",
    creates: false,
    claims: false,
    neverAnswers: false,
    repeatable: true,
    opensSession: false,
    defaults: {},
  },
  add_program: {
    kind: "upload",
    families: ["0.4", "0.5"],
    result: null,
    creates: false,
    claims: false,
    neverAnswers: false,
    repeatable: false,
    opensSession: false,
    defaults: {"force_overwrite": false},
  },
  launch_process: {
    kind: "call",
    families: ["0.4", "0.5"],
    result: "LaunchProcessResult",
    creates: true,
    claims: false,
    neverAnswers: false,
    repeatable: false,
    opensSession: false,
    defaults: {"capture_outputs": true},
  },
  launch_processes: {
    kind: "call",
    families: ["0.4"],
    result: "LaunchProcessesResult",
    creates: true,
    claims: false,
    neverAnswers: false,
    repeatable: false,
    opensSession: false,
    defaults: {"capture_outputs": true},
  },
  run_processes: {
    kind: "call",
    families: ["0.4"],
    result: "RunProcessesResult",
    creates: true,
    claims: false,
    neverAnswers: false,
    repeatable: false,
    opensSession: false,
    defaults: {},
  },
  launch_daemon: {
    kind: "call",
    families: ["0.4"],
    result: null,
    creates: false,
    claims: false,
    neverAnswers: false,
    repeatable: false,
    opensSession: false,
    defaults: {},
  },
  attach_process: {
    kind: "call",
    families: ["0.4", "0.5"],
    result: null,
    creates: false,
    claims: true,
    neverAnswers: false,
    repeatable: false,
    opensSession: false,
    defaults: {},
  },
  terminate_process: {
    kind: "call",
    families: ["0.4", "0.5"],
    result: null,
    creates: false,
    claims: false,
    neverAnswers: false,
    repeatable: false,
    opensSession: false,
    defaults: {},
  },
  signal_process: {
    kind: "notify",
    families: ["0.4", "0.5"],
    result: null,
    creates: false,
    claims: false,
    neverAnswers: true,
    repeatable: false,
    opensSession: false,
    defaults: {},
  },
  transfer_file: {
    kind: "transfer",
    families: ["0.4", "0.5"],
    result: null,
    creates: false,
    claims: false,
    neverAnswers: true,
    repeatable: false,
    opensSession: false,
    defaults: {},
  },
  list_processes: {
    kind: "call",
    families: ["0.4", "0.5"],
    result: "ListProcessesResult",
    creates: false,
    claims: false,
    neverAnswers: false,
    repeatable: true,
    opensSession: false,
    defaults: {},
  },
  ping: {
    kind: "call",
    families: ["0.4", "0.5"],
    result: null,
    creates: false,
    claims: false,
    neverAnswers: false,
    repeatable: true,
    opensSession: false,
    defaults: {},
  },
  register_mcp_server: {
    kind: "call",
    families: ["0.4"],
    result: null,
    creates: false,
    claims: false,
    neverAnswers: false,
    repeatable: false,
    opensSession: false,
    defaults: {},
  },
  mcp_response: {
    kind: "relay",
    families: ["0.4"],
    result: null,
    creates: false,
    claims: false,
    neverAnswers: true,
    repeatable: false,
    opensSession: false,
    defaults: {},
  },
  submit_workflow: {
    kind: "call",
    families: ["0.4"],
    result: "SubmitWorkflowResult",
    creates: true,
    claims: false,
    neverAnswers: false,
    repeatable: false,
    opensSession: false,
    defaults: {},
  },
  cancel_workflow: {
    kind: "call",
    families: ["0.4"],
    result: null,
    creates: false,
    claims: false,
    neverAnswers: false,
    repeatable: false,
    opensSession: false,
    defaults: {},
  },
  attach_workflow: {
    kind: "call",
    families: ["0.4"],
    result: null,
    creates: false,
    claims: false,
    neverAnswers: false,
    repeatable: false,
    opensSession: false,
    defaults: {},
  },
  detach_workflow: {
    kind: "call",
    families: ["0.4"],
    result: null,
    creates: false,
    claims: false,
    neverAnswers: false,
    repeatable: false,
    opensSession: false,
    defaults: {},
  },
} as const satisfies Record<ClientMessage["type"], RequestRow>;

/** Kinds of events. A terminal event is the last of its process. */
export const EVENTS = {
  "stdout": { terminal: false },
  "stderr": { terminal: false },
  "message": { terminal: false },
  "file": { terminal: false },
  "return": { terminal: true },
  "error": { terminal: true },
} as const satisfies Record<string, { terminal: boolean }>;

/** Chunk size of uploads and files, by convention; the last chunk is shorter. */
export const CHUNK_BYTES = 262144;
/** Largest program or file that a server accepts with its default configuration, in bytes. */
export const UPLOAD_BYTES = 268435456;
/** Smallest RSA key that a server accepts. */
export const RSA_KEY_BITS = 2048;
/** Highest TCP port of a daemon. Servers accept larger numbers, but keep only the low 16 bits. */
export const HIGHEST_PORT = 65535;

/** Server families and their facts, as in the schema's protocol.json, where each is explained. */
export const FAMILIES = [
  {
    "name": "0.4",
    "title": "Pie 0.3 and 0.4",
    "releases": [
      "0.3",
      "0.4"
    ],
    "frame_bytes": 16777216,
    "runs_scripts": false,
    "terminates_on_disconnect": false,
    "identified_by": {
      "results": [
        "AuthenticationDisabled",
        "Challenge"
      ],
      "refusals": [
        "user_not_authorized"
      ]
    },
    "server": {
      "message_bytes": 67108864,
      "output_bytes": 4096,
      "identify_first": true,
      "text_frames": false,
      "bare_program_names": false,
      "verifies_uploads": false,
      "uploads_by_number": false,
      "verifies_dependencies": false,
      "hides_attached": true,
      "finds_terminated": true,
      "answers_unknown_queries": false,
      "drops_closed": false,
      "serial": true,
      "answers_rejected_chunks": true
    }
  },
  {
    "name": "0.5",
    "title": "Pie 0.5",
    "releases": [
      "0.5"
    ],
    "user": "internal",
    "frame_bytes": 7340032,
    "runs_scripts": true,
    "terminates_on_disconnect": true,
    "identified_by": {
      "results": [
        "AlreadyAuthenticated"
      ],
      "refusals": []
    },
    "server": {
      "path": "/v1/ws",
      "identity_header": "x-pie-identity",
      "message_bytes": 7340032,
      "refused_frame_bytes": 8126464,
      "identify_first": false,
      "text_frames": true,
      "bare_program_names": true,
      "verifies_uploads": true,
      "uploads_by_number": true,
      "verifies_dependencies": true,
      "hides_attached": false,
      "finds_terminated": false,
      "answers_unknown_queries": true,
      "drops_closed": true,
      "serial": false,
      "answers_rejected_chunks": false
    }
  }
] as const;

/** Facts of connections, as in protocol.json. */
export const CONNECTION = {
  "schemes": [
    "ws",
    "wss"
  ],
  "host": "127.0.0.1",
  "port": 8080,
  "query": true,
  "identity": {
    "pattern": "^(?:[ -.0-~]*/ *[!-~][ -~]*| *[!-.0-~][ -.0-~]*)$",
    "separator": "/",
    "tenant": "default"
  },
  "statuses": {
    "identity_refused": {
      "value": 401,
      "families": [
        "0.5"
      ],
      "transient": false,
      "description": "The identity header is missing or invalid; the body says how."
    },
    "no_endpoint": {
      "value": 404,
      "families": [
        "0.5"
      ],
      "transient": false,
      "description": "The URI has another path than that of the WebSocket endpoint."
    },
    "bad_gateway": {
      "value": 502,
      "families": [],
      "transient": true,
      "description": "A proxy does not reach the server, for instance because it starts."
    },
    "unavailable": {
      "value": 503,
      "families": [],
      "transient": true,
      "description": "A proxy in front of the server is busy, or the server is not ready."
    },
    "gateway_timeout": {
      "value": 504,
      "families": [],
      "transient": true,
      "description": "A proxy gets no answer from the server in time."
    }
  },
  "extensions": [],
  "subprotocols": [],
  "pings": {
    "sent": false,
    "answered": true
  },
  "close": {
    "codes": {
      "message_too_big": {
        "value": 1009,
        "sent_by": [
          "client"
        ],
        "families": [
          "0.4",
          "0.5"
        ],
        "transient": false,
        "description": "A message is larger than the client accepts."
      },
      "no_close_frame": {
        "value": 1006,
        "sent_by": [],
        "families": [
          "0.4",
          "0.5"
        ],
        "transient": true,
        "description": "The TCP connection ended without a close frame, as when a server exits; no frame has this code."
      },
      "going_away": {
        "value": 1001,
        "sent_by": [],
        "families": [],
        "transient": true,
        "description": "A proxy in front of the server shuts down."
      },
      "service_restart": {
        "value": 1012,
        "sent_by": [],
        "families": [],
        "transient": true,
        "description": "A proxy or the service behind it restarts."
      },
      "try_again_later": {
        "value": 1013,
        "sent_by": [],
        "families": [],
        "transient": true,
        "description": "A proxy has too much work at the moment."
      }
    },
    "started": false,
    "too_large": {
      "0.4": "stalls",
      "0.5": "closes"
    },
    "idle": false
  }
} as const;

/** Facts of order, numbers, files and texts, as in protocol.json. */
export const BEHAVIOUR = {
  "order": {
    "replies": {
      "0.4": true,
      "0.5": false
    },
    "events_after_reply": true,
    "end_after_reply": {
      "0.4": true,
      "0.5": false
    },
    "events": true,
    "relayed_calls": false,
    "after_end": true
  },
  "correlation": {
    "first": 0,
    "server_first": 1,
    "wraps": true,
    "reused": true,
    "chunks": "same"
  },
  "files": {
    "key": [
      "process_id",
      "file_hash"
    ],
    "interleaved": {
      "0.4": false,
      "0.5": true
    },
    "empty": false
  },
  "texts": {
    "anchored": true,
    "case_sensitive": true,
    "part": "any",
    "precedence": [
      "equal",
      "first"
    ],
    "every_family": true,
    "by_scope": true
  }
} as const;

/** How a challenge is signed with each kind of key, as in protocol.json. */
export const SIGNATURES = [
  {
    "key": "RSA",
    "scheme": "RSASSA-PKCS1-v1_5",
    "hash": "sha256",
    "encoding": "raw"
  },
  {
    "key": "Ed25519",
    "scheme": "Ed25519",
    "encoding": "raw"
  },
  {
    "key": "P-256",
    "curve": "secp256r1",
    "scheme": "ECDSA",
    "hash": "sha256",
    "encoding": "der"
  },
  {
    "key": "P-384",
    "curve": "secp384r1",
    "scheme": "ECDSA",
    "hash": "sha384",
    "encoding": "der"
  }
] as const;

/** Classes of errors. */
export const ERROR_CLASSES = {
  AuthenticationError: { scope: "request", category: "permission", advice: "check the user name and its public key in the server's authorized_users.toml" },
  InvalidProgramNameError: { scope: "request", category: "argument", advice: "use name@major.minor.patch" },
  UploadError: { scope: "request", category: "state", advice: "upload the program again, within the server's size limit" },
  InvalidManifestError: { scope: "request", category: "argument", advice: "correct the manifest and upload it again" },
  InstallError: { scope: "request", category: "state", advice: "rebuild the program, or check the server's log" },
  ProgramNotFoundError: { scope: "request", category: "lookup", advice: "install it first, or check its name and version" },
  ServerRegistryError: { scope: "request", category: "state", advice: "check the server's registry setting and network, or install the program with install_program" },
  ProcessNotFoundError: { scope: "request", category: "lookup", advice: "check its id with list_processes" },
  WorkflowNotFoundError: { scope: "request", category: "lookup", advice: "submit it again" },
  AccessDeniedError: { scope: "request", category: "permission", advice: "authenticate as its owner, also before the launch" },
  AlreadyAttachedError: { scope: "request", category: "state", advice: "close that connection, or terminate the process and launch it again" },
  InvalidRequestError: { scope: "request", category: "argument", advice: "correct the argument" },
  ProcessTerminatedError: { scope: "process", category: "state", advice: "launch it again if this was not intended" },
  TokenBudgetError: { scope: "process", category: "state", advice: "launch it with a larger token_budget" },
  StreamAbortedError: { scope: "connection", category: "state", advice: "send the request again" },
  BadFrameError: { scope: "connection", category: "state", advice: "check that the server's release supports the request" },
  FrameTooLargeError: { scope: "connection", category: "argument", advice: "send less data, or send it as a file" },
  ServerBusyError: { scope: "connection", category: "state", advice: "retry later" },
} as const;

/** Failure texts; `{name}` stands for a part that varies. `class` is null for a text that only belongs to a scope. */
export const ERROR_TEXTS = [
  { id: "user_not_authorized", text: "User '{username}' is not authorized", class: "AuthenticationError", scope: null, families: ["0.4"] },
  { id: "no_pending_authentication", text: "No pending authentication", class: "AuthenticationError", scope: null, families: ["0.4"] },
  { id: "invalid_signature_encoding", text: "Invalid signature encoding: {detail}", class: "AuthenticationError", scope: null, families: ["0.4"] },
  { id: "signature_verification_failed", text: "Signature verification failed", class: "AuthenticationError", scope: null, families: ["0.4"] },
  { id: "invalid_token", text: "Invalid token", class: "AuthenticationError", scope: null, families: ["0.4"] },
  { id: "already_authenticated", text: "Already authenticated", class: "AuthenticationError", scope: null, families: ["0.4", "0.5"] },
  { id: "invalid_program_identifier", text: "Invalid program identifier '{identifier}': expected 'name@major.minor.patch'", class: "InvalidProgramNameError", scope: null, families: ["0.4", "0.5"] },
  { id: "first_chunk_index", text: "First chunk index must be 0", class: "UploadError", scope: null, families: ["0.4", "0.5"] },
  { id: "chunk_count_mismatch", text: "Chunk count mismatch: expected {expected}, got {actual}", class: "UploadError", scope: null, families: ["0.4", "0.5"] },
  { id: "out_of_order_chunk", text: "Out-of-order chunk: expected {expected}, got {actual}", class: "UploadError", scope: null, families: ["0.4", "0.5"] },
  { id: "upload_too_large", text: "upload exceeds max_upload_mb cap of {mebibytes} MiB", class: "UploadError", scope: null, families: ["0.4", "0.5"] },
  { id: "program_hash_mismatch", text: "Program hash mismatch: declared {declared}, uploaded {actual}", class: "UploadError", scope: null, families: ["0.5"] },
  { id: "upload_without_chunks", text: "Upload must have at least one chunk", class: "UploadError", scope: null, families: ["0.5"] },
  { id: "invalid_manifest", text: "Invalid manifest: {detail}", class: "InvalidManifestError", scope: null, families: ["0.4", "0.5"] },
  { id: "manifest_not_found", text: "Manifest not found for program: {program}", class: "ProgramNotFoundError", scope: null, families: ["0.4"] },
  { id: "manifest_missing", text: "Manifest not found for: {program}", class: "ProgramNotFoundError", scope: null, families: ["0.4"] },
  { id: "compile_failed", text: "Failed to compile WASM: {detail}", class: "InstallError", scope: null, families: ["0.4", "0.5"] },
  { id: "wasm_not_parsed", text: "failed to parse WebAssembly module", class: null, scope: "detail", families: ["0.4", "0.5"] },
  { id: "compilation_task_failed", text: "Compilation task failed: {detail}", class: "InstallError", scope: null, families: ["0.4"] },
  { id: "manifest_not_in_registry", text: "Failed to download manifest: {url} returned 404 Not Found", class: "ProgramNotFoundError", scope: null, families: ["0.4"] },
  { id: "manifest_refused_by_registry", text: "Failed to download manifest: {url} returned {status}", class: "ServerRegistryError", scope: null, families: ["0.4"] },
  { id: "manifest_download_failed", text: "Failed to download manifest from {url}: {detail}", class: "ServerRegistryError", scope: null, families: ["0.4"] },
  { id: "registry_unreachable", text: "error sending request for url ({url})", class: null, scope: "detail", families: ["0.4"] },
  { id: "manifest_response_unreadable", text: "Failed to read manifest response: {detail}", class: "ServerRegistryError", scope: null, families: ["0.4"] },
  { id: "wasm_not_in_registry", text: "Failed to download WASM: {url} returned 404 Not Found", class: "ProgramNotFoundError", scope: null, families: ["0.4"] },
  { id: "wasm_refused_by_registry", text: "Failed to download WASM: {url} returned {status}", class: "ServerRegistryError", scope: null, families: ["0.4"] },
  { id: "wasm_download_failed", text: "Failed to download WASM from {url}: {detail}", class: "ServerRegistryError", scope: null, families: ["0.4"] },
  { id: "wasm_response_unreadable", text: "Failed to read WASM response: {detail}", class: "ServerRegistryError", scope: null, families: ["0.4"] },
  { id: "create_directory_failed", text: "Failed to create directory {detail}", class: "InstallError", scope: null, families: ["0.4", "0.5"] },
  { id: "write_wasm_failed", text: "Failed to write WASM file: {detail}", class: "InstallError", scope: null, families: ["0.4"] },
  { id: "write_program_failed", text: "writing {path}: {detail}", class: "InstallError", scope: null, families: ["0.5"] },
  { id: "write_manifest_failed", text: "Failed to write manifest file: {detail}", class: "InstallError", scope: null, families: ["0.4", "0.5"] },
  { id: "read_wasm_failed", text: "Failed to read WASM file: {detail}", class: "InstallError", scope: null, families: ["0.4"] },
  { id: "no_language_component", text: "no {language} language component at {detail}", class: "InstallError", scope: null, families: ["0.5"] },
  { id: "script_not_utf8", text: "{program} is not UTF-8 {language} source: {detail}", class: "InstallError", scope: null, families: ["0.5"] },
  { id: "utf8_invalid", text: "invalid utf-8 sequence of {length} bytes from index {place}", class: null, scope: "detail", families: ["0.5"] },
  { id: "utf8_incomplete", text: "incomplete utf-8 byte sequence from index {place}", class: null, scope: "detail", families: ["0.5"] },
  { id: "program_not_found", text: "Program not found: {program}", class: "ProgramNotFoundError", scope: null, families: ["0.4"] },
  { id: "no_program_named", text: "no program named '{name}' is installed", class: "ProgramNotFoundError", scope: null, families: ["0.5"] },
  { id: "dependency_not_installed", text: "program {dependency} is not installed (looked in {folder}), and {program} depends on it", class: "InstallError", scope: null, families: ["0.5"] },
  { id: "dependency_is_script", text: "{program} depends on {dependency}, which is a {language} script; only a component can be a dependency", class: "InstallError", scope: null, families: ["0.5"] },
  { id: "program_not_installed", text: "program {program} is not installed (looked in {folder})", class: "ProgramNotFoundError", scope: null, families: ["0.5"] },
  { id: "process_not_found", text: "Process not found", class: "ProcessNotFoundError", scope: null, families: ["0.4", "0.5"] },
  { id: "invalid_process_id_to_attach", text: "Invalid process_id", class: "InvalidRequestError", scope: null, families: ["0.4", "0.5"] },
  { id: "invalid_process_id_to_terminate", text: "Invalid process ID", class: "InvalidRequestError", scope: null, families: ["0.4", "0.5"] },
  { id: "permission_denied", text: "Permission denied", class: "AccessDeniedError", scope: null, families: ["0.4"] },
  { id: "cannot_attach", text: "Cannot attach: already attached", class: "AlreadyAttachedError", scope: null, families: ["0.5"] },
  { id: "cannot_attach_to_ended", text: "Cannot attach: Service not found", class: "ProcessNotFoundError", scope: null, families: ["0.5"] },
  { id: "token_budgets_length", text: "token_budgets length {actual} does not match inputs length {expected}", class: "InvalidRequestError", scope: null, families: ["0.4"] },
  { id: "unknown_query_subject", text: "unknown query subject \"{subject}\" (known: model_status)", class: "InvalidRequestError", scope: null, families: ["0.5"] },
  { id: "workflow_not_found", text: "Workflow not found", class: "WorkflowNotFoundError", scope: null, families: ["0.4"] },
  { id: "service_not_found", text: "Service not found", class: "WorkflowNotFoundError", scope: null, families: ["0.4"] },
  { id: "service_channel_closed", text: "Service channel closed", class: "WorkflowNotFoundError", scope: null, families: ["0.4"] },
  { id: "workflow_already_attached", text: "already attached", class: "AlreadyAttachedError", scope: null, families: ["0.4"] },
  { id: "invalid_workflow_id", text: "Invalid workflow ID", class: "InvalidRequestError", scope: null, families: ["0.4"] },
  { id: "invalid_workflow_json", text: "Invalid workflow JSON: {detail}", class: "InvalidRequestError", scope: null, families: ["0.4"] },
  { id: "workflow_has_no_steps", text: "Workflow has no executable steps", class: "InvalidRequestError", scope: null, families: ["0.4"] },
  { id: "process_terminated", text: "Signal", class: "ProcessTerminatedError", scope: null, families: ["0.4", "0.5"] },
  { id: "workflow_cancelled", text: "cancelled", class: "ProcessTerminatedError", scope: null, families: ["0.4"] },
  { id: "token_budget_exhausted", text: "pin: token budget exhausted for context {context} (requested {tokens} tokens)", class: "TokenBudgetError", scope: null, families: ["0.4"] },
  { id: "call_error", text: "Call error: {detail}", class: null, scope: "process", families: ["0.4", "0.5"] },
  { id: "component_not_found", text: "Component not found for program: {program}", class: null, scope: "process", families: ["0.4", "0.5"] },
  { id: "no_run_interface", text: "No 'run' interface found", class: null, scope: "process", families: ["0.4", "0.5"] },
  { id: "dependency_not_found", text: "Dependency component not found: {program}", class: null, scope: "process", families: ["0.4", "0.5"] },
  { id: "script_without_entry", text: "{program} defines no `{entry}`; a Python inferlet is a module with an entry function, `async def main(input: dict)` unless the manifest names another", class: null, scope: "process", families: ["0.5"] },
  { id: "script_needs_object", text: "{program} takes keyword arguments, so its input must be a JSON object", class: null, scope: "process", families: ["0.5"] },
  { id: "script_receives_no_file", text: "Session receive_file failed", class: null, scope: "process", families: ["0.5"] },
  { id: "manifest_toml_invalid", text: "Failed to parse manifest TOML: {detail}", class: null, scope: "detail", families: ["0.4", "0.5"] },
  { id: "stream_aborted", text: "stream aborted", class: "StreamAbortedError", scope: null, families: ["0.5"] },
  { id: "bad_client_frame", text: "bad client frame: {detail}", class: "BadFrameError", scope: null, families: ["0.5"] },
  { id: "request_too_large", text: "request too large: {size} bytes, limit {limit} (send large inputs as a blob reference, not inline)", class: "FrameTooLargeError", scope: null, families: ["0.5"] },
  { id: "no_worker_available", text: "no worker available", class: "ServerBusyError", scope: null, families: ["0.5"] },
  { id: "admission_rejected", text: "admission rejected: {detail}", class: "ServerBusyError", scope: null, families: ["0.5"] },
  { id: "gateway_draining", text: "gateway draining", class: "ServerBusyError", scope: null, families: ["0.5"] },
  { id: "identity_missing", text: "identity: missing `{header}` (edge must inject verified identity)", class: null, scope: "handshake", families: ["0.5"] },
  { id: "identity_empty", text: "identity: empty `{header}`", class: null, scope: "handshake", families: ["0.5"] },
  { id: "identity_without_user", text: "identity: `{header}` has empty user component", class: null, scope: "handshake", families: ["0.5"] },
  { id: "identity_not_utf8", text: "identity: `{header}` is not valid UTF-8", class: null, scope: "handshake", families: ["0.5"] },
  { id: "frame_invalid_type", text: "invalid type: {found}, expected {expected}", class: null, scope: "detail", families: ["0.5"] },
  { id: "frame_invalid_value", text: "invalid value: {found}, expected {expected}", class: null, scope: "detail", families: ["0.5"] },
  { id: "frame_invalid_length", text: "invalid length {length}, expected {expected}", class: null, scope: "detail", families: ["0.5"] },
  { id: "frame_missing_field", text: "missing field `{field}`", class: null, scope: "detail", families: ["0.5"] },
  { id: "frame_duplicate_field", text: "duplicate field `{field}`", class: null, scope: "detail", families: ["0.5"] },
  { id: "frame_unknown_variant", text: "unknown variant `{tag}`, expected one of {known}", class: null, scope: "detail", families: ["0.5"] },
  { id: "path_too_long", text: "File name too long (os error 36)", class: null, scope: "detail", families: ["0.5"] },
  { id: "path_without_folder", text: "No such file or directory (os error 2)", class: null, scope: "detail", families: ["0.5"] },
  { id: "path_with_nul", text: "file name contained an unexpected NUL byte", class: null, scope: "detail", families: ["0.5"] },
  { id: "frame_cut_off", text: "IO error while reading marker: failed to fill whole buffer", class: null, scope: "detail", families: ["0.5"] },
  { id: "frame_wrong_marker", text: "wrong msgpack marker Reserved", class: null, scope: "detail", families: ["0.5"] },
  { id: "frame_too_deep", text: "depth limit exceeded", class: null, scope: "detail", families: ["0.5"] },
  { id: "frame_not_json", text: "{detail} at line {line} column {column}", class: null, scope: "detail", families: ["0.5"] },
  { id: "found_integer", text: "integer `{value}`", class: null, scope: "detail", families: ["0.5"] },
  { id: "found_float", text: "floating point `{value}`", class: null, scope: "detail", families: ["0.5"] },
  { id: "found_boolean", text: "boolean `{value}`", class: null, scope: "detail", families: ["0.5"] },
  { id: "found_string", text: "string {value}", class: null, scope: "detail", families: ["0.5"] },
  { id: "found_bytes", text: "byte array", class: null, scope: "detail", families: ["0.5"] },
  { id: "found_unit", text: "unit value", class: null, scope: "detail", families: ["0.5"] },
  { id: "found_null", text: "null", class: null, scope: "detail", families: ["0.5"] },
  { id: "found_sequence", text: "sequence", class: null, scope: "detail", families: ["0.5"] },
  { id: "found_map", text: "map", class: null, scope: "detail", families: ["0.5"] },
  { id: "found_extension", text: "newtype struct", class: null, scope: "detail", families: ["0.5"] },
  { id: "expected_message", text: "internally tagged enum ClientMessage", class: null, scope: "detail", families: ["0.5"] },
  { id: "expected_tag", text: "variant identifier", class: null, scope: "detail", families: ["0.5"] },
  { id: "expected_index", text: "variant index 0 <= i < {count}", class: null, scope: "detail", families: ["0.5"] },
  { id: "expected_key", text: "field identifier", class: null, scope: "detail", families: ["0.5"] },
  { id: "expected_string", text: "a string", class: null, scope: "detail", families: ["0.5"] },
  { id: "expected_boolean", text: "a boolean", class: null, scope: "detail", families: ["0.5"] },
  { id: "expected_bytes", text: "byte array", class: null, scope: "detail", families: ["0.5"] },
  { id: "expected_sequence", text: "a sequence", class: null, scope: "detail", families: ["0.5"] },
  { id: "expected_unsigned", text: "u{bits}", class: null, scope: "detail", families: ["0.5"] },
  { id: "expected_size", text: "usize", class: null, scope: "detail", families: ["0.5"] },
  { id: "expected_element", text: "struct variant ClientMessage::{variant} with 1 element", class: null, scope: "detail", families: ["0.5"] },
  { id: "expected_elements", text: "struct variant ClientMessage::{variant} with {count} elements", class: null, scope: "detail", families: ["0.5"] },
  { id: "expected_one", text: "1 element in sequence", class: null, scope: "detail", families: ["0.5"] },
  { id: "expected_many", text: "{count} elements in sequence", class: null, scope: "detail", families: ["0.5"] },
  { id: "mcp_server_not_registered", text: "MCP server '{server_name}' not registered", class: null, scope: "relay", families: ["0.4"] },
  { id: "mcp_client_gone", text: "the client that runs MCP server '{server_name}' is gone", class: null, scope: "relay", families: ["0.4"] },
  { id: "mcp_arguments_invalid", text: "arguments are not JSON: {detail}", class: null, scope: "relay", families: ["0.4"] },
  { id: "mcp_server_ended", text: "MCP server '{server_name}' ended before it answered {method}", class: null, scope: "relay", families: ["0.4"] },
  { id: "mcp_server_unavailable", text: "MCP server '{server_name}' is not available: {reason}", class: null, scope: "relay", families: ["0.4"] },
  { id: "mcp_server_silent", text: "MCP server '{server_name}' did not answer {method} within {seconds} s", class: null, scope: "relay", families: ["0.4"] },
  { id: "mcp_client_busy", text: "too many MCP calls wait for the client, so it did not start {method} of MCP server '{server_name}'; call it later", class: null, scope: "relay", families: ["0.4"] },
  { id: "mcp_params_invalid", text: "the params of {method} for MCP server '{server_name}' are not a JSON object", class: null, scope: "relay", families: ["0.4"] },
  { id: "mcp_answer_empty", text: "MCP server '{server_name}' answered {method} with neither a result nor an error", class: null, scope: "relay", families: ["0.4"] },
  { id: "mcp_answer_not_relayed", text: "the answer of MCP server '{server_name}' to {method} can't be relayed: {reason}", class: null, scope: "relay", families: ["0.4"] },
  { id: "mcp_relay_failed", text: "{method} of MCP server '{server_name}' failed in the client, which logged why", class: null, scope: "relay", families: ["0.4"] },
  { id: "mcp_method_not_found", text: "Method not found", class: null, scope: "relay", families: ["0.4"] },
  { id: "mcp_without_client", text: "process {process_id} has no client that could run MCP servers", class: null, scope: "detail", families: ["0.4"] },
  { id: "base64_invalid_symbol", text: "Invalid symbol {symbol}, offset {offset}.", class: null, scope: "detail", families: ["0.4"] },
  { id: "base64_invalid_padding", text: "Invalid padding", class: null, scope: "detail", families: ["0.4"] },
  { id: "base64_invalid_length", text: "Invalid input length: {length}", class: null, scope: "detail", families: ["0.4"] },
  { id: "base64_invalid_last_symbol", text: "Invalid last symbol {symbol}, offset {offset}.", class: null, scope: "detail", families: ["0.4"] },
  { id: "workflow_loop_exceeded", text: "Loop exceeded {limit} iterations", class: null, scope: "detail", families: ["0.4"] },
] as const;

// Checks

/** A value is not what the protocol says. The message names its place, not its content. */
export class ProtocolError extends Error {
  override name = "ProtocolError";
}

/** Return a message of a client from a decoded map, without unknown fields; throw a ProtocolError if it is not valid. */
export function decodeClientMessage(value: unknown): ClientMessage | Unknown {
  return decodeTagged(CLIENT, value, "ClientMessage") as ClientMessage | Unknown;
}

/** Return a binary message of a server from a decoded map, likewise. */
export function decodeServerMessage(value: unknown): ServerMessage | Unknown {
  return decodeTagged(SERVER, value, "ServerMessage") as ServerMessage | Unknown;
}

/** Return a text message of a server from parsed JSON, likewise. */
export function decodeServerTextMessage(value: unknown): ServerTextMessage | Unknown {
  return decodeTagged(SERVER_TEXT, value, "ServerTextMessage") as ServerTextMessage | Unknown;
}

/** Return what the text of a reply carries; `parse` is JSON.parse, or a parser that keeps large integers exact. */
export function decodeResult<T extends keyof Results>(
  request: T,
  text: string,
  parse: (text: string) => unknown = JSON.parse,
): Results[T] {
  const { shape, json } = RESULTS[request];
  return convert(shape, json ? parseText(text, parse, request) : text, request, false) as Results[T];
}

/** Return the JSON in a text field of a message, likewise. */
export function decodeContent<K extends keyof Contents>(
  field: K,
  text: string,
  parse: (text: string) => unknown = JSON.parse,
): Contents[K] {
  return convert(CONTENTS[field], parseText(text, parse, field), field, false) as Contents[K];
}

/** Return a value of any definition; throw a ProtocolError if it is not valid. */
export function decode<N extends keyof Definitions>(name: N, value: unknown): Definitions[N] {
  return convert(SHAPES[name], value, name, false) as Definitions[N];
}

/** Return the map to encode for a message: checked, without absent fields, and with bigint only where number is inexact. */
export function encodeClientMessage(message: ClientMessage): Record<string, unknown> {
  return convert({ is: "union", tag: "type", members: CLIENT }, message, "ClientMessage", true) as Record<string, unknown>;
}

/** Return the map or JSON object to encode for a message of a server, likewise. */
export function encodeServerMessage(message: ServerMessage | ServerTextMessage): Record<string, unknown> {
  const members = { ...SERVER, ...SERVER_TEXT };
  return convert({ is: "union", tag: "type", members }, message, "ServerMessage", true) as Record<string, unknown>;
}

interface Limits {
  minLength?: number;
  maxLength?: number;
  minItems?: number;
  maxItems?: number;
  minimum?: number | bigint;
  maximum?: number | bigint;
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
  multipleOf?: number;
}

type Shape =
  | { is: "null" | "boolean" | "bytes" | "json" }
  | { is: "string"; values?: readonly string[]; pattern?: RegExp; limits?: Limits }
  | { is: "integer"; wide: boolean; limits: Limits }
  | { is: "number"; limits: Limits }
  | { is: "list"; items: Shape; limits?: Limits }
  | { is: "map"; values: Shape }
  | { is: "nullable"; type: Shape }
  | { is: "any"; options: readonly Shape[] }
  | { is: "texts"; members: readonly (keyof Definitions)[] }
  | { is: "definition"; name: keyof Definitions }
  | { is: "union"; tag: string; members: Members; unknown?: keyof Definitions }
  | { is: "object"; fields: Readonly<Record<string, FieldShape>> };

interface FieldShape {
  required: boolean;
  type: Shape;
  aliases?: readonly string[];
}

type Members = Readonly<Record<string, keyof Definitions>>;

function convert(shape: Shape, value: unknown, at: string, wire: boolean): unknown {
  switch (shape.is) {
    case "json":
      return value;
    case "null":
      return value === null ? value : fail(at, "null", value);
    case "boolean":
      return typeof value === "boolean" ? value : fail(at, "a boolean", value);
    case "bytes":
      return value instanceof Uint8Array ? value : fail(at, "bytes", value);
    case "string":
      return convertText(shape, value, at);
    case "integer":
      return convertInteger(shape, value, at, wire);
    case "number":
      if (typeof value !== "number" && typeof value !== "bigint") return fail(at, "a number", value);
      withinLimits(shape.limits, value, at);
      return Number(value);
    case "list":
      if (!Array.isArray(value)) return fail(at, "an array", value);
      withinLength(shape.limits?.minItems, shape.limits?.maxItems, value.length, at);
      return value.map((item, index) => convert(shape.items, item, `${at}[${index}]`, wire));
    case "map":
      return Object.fromEntries(
        Object.entries(mapping(value, at)).map(([key, item]) => [key, convert(shape.values, item, `${at}.*`, wire)]),
      );
    case "nullable":
      return value === null ? value : convert(shape.type, value, at, wire);
    case "any":
      return convertAny(shape.options, value, at, wire);
    case "texts":
      return convertAny(
        shape.members.map((name) => ({ is: "definition", name })),
        value,
        at,
        wire,
        shape.members,
      );
    case "definition":
      return convert(SHAPES[shape.name], value, at, wire);
    case "union":
      return convertUnion(shape, value, at, wire);
    case "object":
      return convertObject(shape.fields, mapping(value, at), at, wire);
  }
}

function convertText(shape: Extract<Shape, { is: "string" }>, value: unknown, at: string): string {
  if (typeof value !== "string") return fail(at, "a string", value);
  if (/\p{Surrogate}/u.test(value)) throw new ProtocolError(`${at}: not Unicode text`);
  if (shape.values && !shape.values.includes(value)) throw new ProtocolError(`${at}: expected one of ${shape.values.join(", ")}`);
  if (shape.pattern && !shape.pattern.test(value)) throw new ProtocolError(`${at}: does not match ${shape.pattern.source}`);
  const { minLength, maxLength } = shape.limits ?? {};
  if (minLength !== undefined || maxLength !== undefined) withinLength(minLength, maxLength, [...value].length, at);
  return value;
}

function convertInteger(
  shape: Extract<Shape, { is: "integer" }>,
  value: unknown,
  at: string,
  wire: boolean,
): number | bigint {
  if (typeof value === "number" ? !Number.isInteger(value) : typeof value !== "bigint") return fail(at, "an integer", value);
  if (typeof value === "number" && !Number.isSafeInteger(value)) {
    throw new ProtocolError(`${at}: a number beyond 2^53 is inexact; decode large integers to bigint`);
  }
  const exact = value as number | bigint;
  withinLimits(shape.limits, exact, at);
  if (wire || !shape.wide) {
    const near = BigInt(exact) === BigInt(Number(exact)) && Number.isSafeInteger(Number(exact));
    return near ? Number(exact) : exact;
  }
  return BigInt(exact);
}

function convertAny(
  options: readonly Shape[],
  value: unknown,
  at: string,
  wire: boolean,
  kinds?: readonly string[],
): unknown {
  const text = kinds && wire && typeof value === "object" && value !== null ? (value as { text?: unknown }).text : value;
  for (const [index, option] of options.entries()) {
    try {
      const found = convert(option, text, at, wire);
      return kinds && !wire ? { kind: kinds[index], text: found } : found;
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
    }
  }
  throw new ProtocolError(`${at}: none of the ${options.length} forms fits`);
}

function convertUnion(shape: Extract<Shape, { is: "union" }>, value: unknown, at: string, wire: boolean): unknown {
  const fields = mapping(value, at);
  const tag = own(fields, shape.tag);
  if (typeof tag !== "string") return fail(`${at}.${shape.tag}`, "a string", tag);
  const name = Object.hasOwn(shape.members, tag) ? shape.members[tag] : undefined;
  if (name === undefined) throw new ProtocolError(`${at}.${shape.tag}: not a known tag`);
  return convert(SHAPES[name], value, name, wire);
}

function convertObject(
  shapes: Readonly<Record<string, FieldShape>>,
  fields: Record<string, unknown>,
  at: string,
  wire: boolean,
): Record<string, unknown> {
  const found: Record<string, unknown> = {};
  // A message is encoded in the order of its fields, and decoded in that of the schema.
  for (const name of wire ? Object.keys(fields) : Object.keys(shapes)) {
    const shape = Object.hasOwn(shapes, name) ? shapes[name] : undefined;
    if (shape === undefined) throw new ProtocolError(`${at}.${name}: not a field`);
    const key = [name, ...(shape.aliases ?? [])].find((each) => Object.hasOwn(fields, each)) ?? name;
    const value = own(fields, key);
    if (value === null ? shape.required && allowsNull(shape.type) : value !== undefined) {
      found[name] = convert(shape.type, value, `${at}.${name}`, wire);
    }
  }
  for (const [name, shape] of Object.entries(shapes)) {
    if (shape.required && !Object.hasOwn(found, name)) throw new ProtocolError(`${at}.${name}: missing`);
  }
  return found;
}

function allowsNull(shape: Shape): boolean {
  return shape.is === "json" || (shape.is === "definition" && allowsNull(SHAPES[shape.name]));
}

function decodeTagged(members: Members, value: unknown, at: string): unknown {
  const fields = mapping(value, at);
  const type = own(fields, "type");
  if (typeof type === "string" && !Object.hasOwn(members, type)) return { type: null, of: null, fields };
  const union: Shape = { is: "union", tag: "type", members };
  const shape = typeof type === "string" ? SHAPES[members[type]!] : union;
  if (shape.is === "union" && shape.unknown) {
    const kind = own(fields, shape.tag);
    if (typeof kind === "string" && !Object.hasOwn(shape.members, kind)) {
      return { type: null, of: type, fields: convert(SHAPES[shape.unknown], fields, shape.unknown, false) };
    }
  }
  return convert(union, fields, at, false);
}

function parseText(text: string, parse: (text: string) => unknown, at: string): unknown {
  try {
    return parse(text);
  } catch {
    throw new ProtocolError(`${at}: the text is not JSON`);
  }
}

function withinLimits(limits: Limits, value: number | bigint, at: string): void {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf } = limits;
  const inside =
    (minimum === undefined || value >= minimum) &&
    (maximum === undefined || value <= maximum) &&
    (exclusiveMinimum === undefined || value > exclusiveMinimum) &&
    (exclusiveMaximum === undefined || value < exclusiveMaximum) &&
    (multipleOf === undefined || Number.isInteger(Number(value) / multipleOf));
  if (!inside || Number.isNaN(value)) throw new ProtocolError(`${at}: out of range`);
}

function withinLength(least: number | undefined, most: number | undefined, length: number, at: string): void {
  if (length < (least ?? 0) || length > (most ?? length)) throw new ProtocolError(`${at}: its length is out of range`);
}

function mapping(value: unknown, at: string): Record<string, unknown> {
  // Libraries return instances of classes for other things: bytes, extension types and dates.
  const parent: unknown = typeof value === "object" && value !== null ? Object.getPrototypeOf(value) : undefined;
  const isMap = parent === Object.prototype || parent === null;
  return isMap ? (value as Record<string, unknown>) : fail(at, "a map", value);
}

function own(fields: Record<string, unknown>, name: string): unknown {
  return Object.hasOwn(fields, name) ? fields[name] : undefined;
}

function fail(at: string, expected: string, value: unknown): never {
  const kind = value === null ? "null" : Array.isArray(value) ? "an array" : value instanceof Uint8Array ? "bytes" : typeof value;
  throw new ProtocolError(value === undefined ? `${at}: missing` : `${at}: expected ${expected}, got ${kind}`);
}

// Shapes of values, which the checks read

const CLIENT: Members = {
  auth_identify: "AuthIdentifyRequest",
  auth_prove: "AuthProveRequest",
  auth_by_token: "AuthByTokenRequest",
  check_program: "CheckProgramRequest",
  query: "QueryRequest",
  add_program: "AddProgramRequest",
  launch_process: "LaunchProcessRequest",
  launch_processes: "LaunchProcessesRequest",
  run_processes: "RunProcessesRequest",
  launch_daemon: "LaunchDaemonRequest",
  attach_process: "AttachProcessRequest",
  terminate_process: "TerminateProcessRequest",
  signal_process: "SignalProcessRequest",
  transfer_file: "TransferFileRequest",
  list_processes: "ListProcessesRequest",
  ping: "PingRequest",
  register_mcp_server: "RegisterMcpServerRequest",
  mcp_response: "McpResponseRequest",
  submit_workflow: "SubmitWorkflowRequest",
  cancel_workflow: "CancelWorkflowRequest",
  attach_workflow: "AttachWorkflowRequest",
  detach_workflow: "DetachWorkflowRequest",
};

const SERVER: Members = {
  response: "Response",
  process_event: "ProcessEvent",
  file: "FileChunk",
  mcp_request: "McpRequest",
};

const SERVER_TEXT: Members = {
  turn_done: "TurnDone",
  error: "ServerNotice",
};

const RESULTS: Record<keyof Results, { shape: Shape; json: boolean }> = {
  auth_identify: { shape: { is: "definition", name: "AuthIdentifyResult" }, json: false },
  auth_prove: { shape: { is: "string" }, json: false },
  auth_by_token: { shape: { is: "string" }, json: false },
  check_program: { shape: { is: "definition", name: "CheckProgramResult" }, json: true },
  query: { shape: { is: "definition", name: "QueryResult" }, json: true },
  add_program: { shape: { is: "string" }, json: false },
  launch_process: { shape: { is: "definition", name: "LaunchProcessResult" }, json: false },
  launch_processes: { shape: { is: "definition", name: "LaunchProcessesResult" }, json: true },
  run_processes: { shape: { is: "definition", name: "RunProcessesResult" }, json: true },
  launch_daemon: { shape: { is: "string" }, json: false },
  attach_process: { shape: { is: "string" }, json: false },
  terminate_process: { shape: { is: "string" }, json: false },
  list_processes: { shape: { is: "definition", name: "ListProcessesResult" }, json: true },
  ping: { shape: { is: "string" }, json: false },
  register_mcp_server: { shape: { is: "string" }, json: false },
  submit_workflow: { shape: { is: "definition", name: "SubmitWorkflowResult" }, json: false },
  cancel_workflow: { shape: { is: "string" }, json: false },
  attach_workflow: { shape: { is: "string" }, json: false },
  detach_workflow: { shape: { is: "string" }, json: false },
};

const CONTENTS: Record<keyof Contents, Shape> = {
  "launch_process.input": { is: "definition", name: "JsonValue" },
  "launch_daemon.input": { is: "definition", name: "JsonValue" },
  "mcp_response.result": { is: "any", options: [{ is: "definition", name: "JsonValue" }, { is: "definition", name: "McpErrorObject" }] },
  "submit_workflow.json": { is: "definition", name: "WorkflowExpression" },
  "mcp_request.params": { is: "any", options: [{ is: "definition", name: "McpNamedParams" }, { is: "definition", name: "McpResourceParams" }, { is: "map", values: { is: "definition", name: "JsonValue" } }] },
};

const SHAPES: Record<keyof Definitions, Shape> = {
  AddProgramRequest: {
    is: "object",
    fields: {
      type: { required: true, type: { is: "string", values: ["add_program"] } },
      corr_id: { required: true, type: { is: "definition", name: "CorrelationId" } },
      program_hash: { required: true, type: { is: "definition", name: "Blake3Digest" } },
      manifest: { required: true, type: { is: "string" } },
      force_overwrite: { required: true, type: { is: "boolean" } },
      chunk_index: { required: true, type: { is: "definition", name: "Usize" } },
      total_chunks: { required: true, type: { is: "definition", name: "ChunkCount" } },
      chunk_data: { required: true, type: { is: "definition", name: "Bytes" } },
    },
  },
  AlreadyAuthenticated: { is: "string", values: ["Already authenticated"] },
  AttachProcessRequest: {
    is: "object",
    fields: {
      type: { required: true, type: { is: "string", values: ["attach_process"] } },
      corr_id: { required: true, type: { is: "definition", name: "CorrelationId" } },
      process_id: { required: true, type: { is: "definition", name: "ProcessId" } },
    },
  },
  AttachWorkflowRequest: {
    is: "object",
    fields: {
      type: { required: true, type: { is: "string", values: ["attach_workflow"] } },
      corr_id: { required: true, type: { is: "definition", name: "CorrelationId" } },
      workflow_id: { required: true, type: { is: "definition", name: "WorkflowId" } },
    },
  },
  AuthByTokenRequest: {
    is: "object",
    fields: {
      type: { required: true, type: { is: "string", values: ["auth_by_token"] } },
      corr_id: { required: true, type: { is: "definition", name: "CorrelationId" } },
      token: { required: true, type: { is: "string" } },
    },
  },
  AuthIdentifyRequest: {
    is: "object",
    fields: {
      type: { required: true, type: { is: "string", values: ["auth_identify"] } },
      corr_id: { required: true, type: { is: "definition", name: "CorrelationId" } },
      username: { required: true, type: { is: "string" } },
    },
  },
  AuthIdentifyResult: { is: "texts", members: ["AuthenticationDisabled", "AlreadyAuthenticated", "Challenge", "OtherIdentification"] },
  AuthProveRequest: {
    is: "object",
    fields: {
      type: { required: true, type: { is: "string", values: ["auth_prove"] } },
      corr_id: { required: true, type: { is: "definition", name: "CorrelationId" } },
      signature: { required: true, type: { is: "string" } },
    },
  },
  AuthenticationDisabled: { is: "string", values: ["Authenticated (Engine disabled authentication)"] },
  Blake3Digest: { is: "string" },
  Bytes: { is: "bytes" },
  CancelWorkflowRequest: {
    is: "object",
    fields: {
      type: { required: true, type: { is: "string", values: ["cancel_workflow"] } },
      corr_id: { required: true, type: { is: "definition", name: "CorrelationId" } },
      workflow_id: { required: true, type: { is: "definition", name: "WorkflowId" } },
    },
  },
  Challenge: { is: "string", pattern: new RegExp("^[A-Za-z0-9+/]{64}$", "u") },
  CheckProgramRequest: {
    is: "object",
    fields: {
      type: { required: true, type: { is: "string", values: ["check_program"] } },
      corr_id: { required: true, type: { is: "definition", name: "CorrelationId" } },
      name: { required: true, type: { is: "string" } },
      version: { required: true, type: { is: "string" } },
      wasm_hash: { required: false, type: { is: "definition", name: "Blake3Digest" } },
      manifest_hash: { required: false, type: { is: "definition", name: "Blake3Digest" } },
    },
  },
  CheckProgramResult: { is: "boolean" },
  ChunkCount: { is: "integer", wide: true, limits: { minimum: 1n, maximum: 18446744073709551615n } },
  CondExpression: {
    is: "object",
    fields: {
      type: { required: true, type: { is: "string", values: ["cond"] } },
      predicate: { required: true, type: { is: "definition", name: "WorkflowExpression" } },
      then: { required: true, type: { is: "definition", name: "WorkflowExpression" } },
      otherwise: { required: true, type: { is: "definition", name: "WorkflowExpression" } },
    },
  },
  CorrelationId: { is: "integer", wide: false, limits: { minimum: 0, maximum: 4294967295 } },
  DetachWorkflowRequest: {
    is: "object",
    fields: {
      type: { required: true, type: { is: "string", values: ["detach_workflow"] } },
      corr_id: { required: true, type: { is: "definition", name: "CorrelationId" } },
      workflow_id: { required: true, type: { is: "definition", name: "WorkflowId" } },
    },
  },
  ErrorFrame: {
    is: "object",
    fields: {
      type: { required: true, type: { is: "string", values: ["process_event"] } },
      process_id: { required: true, type: { is: "definition", name: "ProcessId" } },
      event: { required: true, type: { is: "string", values: ["error"] } },
      value: { required: true, type: { is: "string" } },
    },
  },
  FileChunk: {
    is: "object",
    fields: {
      type: { required: true, type: { is: "string", values: ["file"] } },
      process_id: { required: true, type: { is: "definition", name: "ProcessId" } },
      file_hash: { required: true, type: { is: "definition", name: "Blake3Digest" } },
      chunk_index: { required: true, type: { is: "definition", name: "Usize" } },
      total_chunks: { required: true, type: { is: "definition", name: "ChunkCount" } },
      chunk_data: { required: true, type: { is: "definition", name: "Bytes" } },
      name: { required: false, type: { is: "string" } },
    },
  },
  FoldExpression: {
    is: "object",
    fields: {
      type: { required: true, type: { is: "string", values: ["fold"] } },
      function: { required: true, type: { is: "definition", name: "WorkflowExpression" } },
      init: { required: true, type: { is: "definition", name: "WorkflowExpression" } },
      over: { required: true, type: { is: "definition", name: "WorkflowExpression" } },
    },
  },
  ForkExpression: {
    is: "object",
    fields: {
      type: { required: true, type: { is: "string", values: ["fork"] } },
      branches: { required: true, type: { is: "list", items: { is: "definition", name: "WorkflowExpression" } } },
    },
  },
  Integer: { is: "integer", wide: true, limits: { minimum: -9223372036854775808n, maximum: 9223372036854775807n } },
  IterateExpression: {
    is: "object",
    fields: {
      type: { required: true, type: { is: "string", values: ["iterate"] } },
      body: { required: true, type: { is: "definition", name: "WorkflowExpression" } },
      until: { required: true, type: { is: "definition", name: "WorkflowExpression" } },
    },
  },
  JsonRpcFailure: {
    is: "object",
    fields: {
      jsonrpc: { required: true, type: { is: "string", values: ["2.0"] } },
      id: { required: true, type: { is: "definition", name: "JsonValue" } },
      error: { required: true, type: { is: "definition", name: "McpErrorObject" } },
    },
  },
  JsonRpcNotification: {
    is: "object",
    fields: {
      jsonrpc: { required: true, type: { is: "string", values: ["2.0"] } },
      method: { required: true, type: { is: "string" } },
      params: { required: false, type: { is: "map", values: { is: "definition", name: "JsonValue" } } },
    },
  },
  JsonRpcRequest: {
    is: "object",
    fields: {
      jsonrpc: { required: true, type: { is: "string", values: ["2.0"] } },
      id: { required: true, type: { is: "definition", name: "Integer" } },
      method: { required: true, type: { is: "string" } },
      params: { required: false, type: { is: "map", values: { is: "definition", name: "JsonValue" } } },
    },
  },
  JsonRpcResponse: {
    is: "object",
    fields: {
      jsonrpc: { required: true, type: { is: "string", values: ["2.0"] } },
      id: { required: true, type: { is: "definition", name: "JsonValue" } },
      result: { required: true, type: { is: "definition", name: "JsonValue" } },
    },
  },
  JsonText: { is: "string" },
  JsonValue: { is: "json" },
  LaunchDaemonRequest: {
    is: "object",
    fields: {
      type: { required: true, type: { is: "string", values: ["launch_daemon"] } },
      corr_id: { required: true, type: { is: "definition", name: "CorrelationId" } },
      port: { required: true, type: { is: "integer", wide: false, limits: { minimum: 0, maximum: 4294967295 } } },
      inferlet: { required: true, type: { is: "definition", name: "ProgramName" } },
      input: { required: true, type: { is: "definition", name: "JsonText" } },
    },
  },
  LaunchProcessRequest: {
    is: "object",
    fields: {
      type: { required: true, type: { is: "string", values: ["launch_process"] } },
      corr_id: { required: true, type: { is: "definition", name: "CorrelationId" } },
      inferlet: { required: true, type: { is: "definition", name: "ProgramName" } },
      input: { required: true, type: { is: "definition", name: "JsonText" } },
      capture_outputs: { required: true, type: { is: "boolean" } },
      token_budget: { required: false, type: { is: "definition", name: "Usize" } },
    },
  },
  LaunchProcessResult: { is: "string" },
  LaunchProcessesRequest: {
    is: "object",
    fields: {
      type: { required: true, type: { is: "string", values: ["launch_processes"] } },
      corr_id: { required: true, type: { is: "definition", name: "CorrelationId" } },
      inferlet: { required: true, type: { is: "definition", name: "ProgramName" } },
      inputs: { required: true, type: { is: "list", items: { is: "definition", name: "JsonText" } } },
      capture_outputs: { required: true, type: { is: "boolean" } },
      token_budgets: { required: false, type: { is: "list", items: { is: "nullable", type: { is: "definition", name: "Usize" } } } },
    },
  },
  LaunchProcessesResult: { is: "list", items: { is: "definition", name: "ProcessId" } },
  ListProcessesRequest: {
    is: "object",
    fields: {
      type: { required: true, type: { is: "string", values: ["list_processes"] } },
      corr_id: { required: true, type: { is: "definition", name: "CorrelationId" } },
    },
  },
  ListProcessesResult: { is: "list", items: { is: "definition", name: "ProcessInfo" } },
  LiteralExpression: {
    is: "object",
    fields: {
      type: { required: true, type: { is: "string", values: ["literal"] } },
      value: { required: true, type: { is: "definition", name: "JsonValue" } },
    },
  },
  Manifest: {
    is: "object",
    fields: {
      package: { required: true, type: { is: "definition", name: "ManifestPackage" } },
      runtime: { required: false, type: { is: "map", values: { is: "string" } } },
      parameters: { required: false, type: { is: "map", values: { is: "definition", name: "ManifestParameter" } } },
      dependencies: { required: false, type: { is: "map", values: { is: "string" } } },
    },
  },
  ManifestPackage: {
    is: "object",
    fields: {
      name: { required: true, type: { is: "string" } },
      version: { required: true, type: { is: "string" } },
      description: { required: false, type: { is: "string" } },
      authors: { required: false, type: { is: "list", items: { is: "string" } } },
      repository: { required: false, type: { is: "string" } },
      readme: { required: false, type: { is: "string" } },
    },
  },
  ManifestParameter: {
    is: "object",
    fields: {
      type: { required: true, type: { is: "string", values: ["string", "int", "float", "bool"] } },
      optional: { required: false, type: { is: "boolean" } },
      description: { required: false, type: { is: "string" } },
    },
  },
  ManifestRuntime: {
    is: "object",
    fields: {
      core: { required: false, type: { is: "string" } },
      language: { required: false, type: { is: "string", values: ["python", "javascript"] } },
      entry: { required: false, type: { is: "string" } },
      call: { required: false, type: { is: "string", values: ["input", "kwargs"] } },
    },
  },
  MapExpression: {
    is: "object",
    fields: {
      type: { required: true, type: { is: "string", values: ["map"] } },
      function: { required: true, type: { is: "definition", name: "WorkflowExpression" } },
      over: { required: true, type: { is: "definition", name: "WorkflowExpression" } },
    },
  },
  McpCancelledParams: {
    is: "object",
    fields: {
      requestId: { required: true, type: { is: "definition", name: "Integer" } },
      reason: { required: false, type: { is: "string" } },
    },
  },
  McpErrorObject: {
    is: "object",
    fields: {
      code: { required: true, type: { is: "definition", name: "Integer" } },
      message: { required: true, type: { is: "string" } },
      data: { required: false, type: { is: "definition", name: "JsonValue" } },
    },
  },
  McpImplementation: {
    is: "object",
    fields: {
      name: { required: true, type: { is: "string" } },
      version: { required: true, type: { is: "string" } },
    },
  },
  McpInitializeParams: {
    is: "object",
    fields: {
      protocolVersion: { required: true, type: { is: "string" } },
      capabilities: { required: true, type: { is: "map", values: { is: "definition", name: "JsonValue" } } },
      clientInfo: { required: true, type: { is: "definition", name: "McpImplementation" } },
    },
  },
  McpInitializeResult: {
    is: "object",
    fields: {
      protocolVersion: { required: true, type: { is: "string" } },
    },
  },
  McpNamedParams: {
    is: "object",
    fields: {
      name: { required: true, type: { is: "string" } },
      arguments: { required: false, type: { is: "definition", name: "JsonValue" } },
    },
  },
  McpRequest: {
    is: "object",
    fields: {
      type: { required: true, type: { is: "string", values: ["mcp_request"] } },
      corr_id: { required: true, type: { is: "definition", name: "CorrelationId" } },
      process_id: { required: true, type: { is: "definition", name: "ProcessId" } },
      server_name: { required: true, type: { is: "string" } },
      method: { required: true, type: { is: "string" } },
      params: { required: true, type: { is: "string" } },
    },
  },
  McpResourceParams: {
    is: "object",
    fields: {
      uri: { required: true, type: { is: "string" } },
    },
  },
  McpResponseRequest: {
    is: "object",
    fields: {
      type: { required: true, type: { is: "string", values: ["mcp_response"] } },
      corr_id: { required: true, type: { is: "definition", name: "CorrelationId" } },
      ok: { required: true, type: { is: "boolean" } },
      result: { required: true, type: { is: "string" } },
    },
  },
  MessageFrame: {
    is: "object",
    fields: {
      type: { required: true, type: { is: "string", values: ["process_event"] } },
      process_id: { required: true, type: { is: "definition", name: "ProcessId" } },
      event: { required: true, type: { is: "string", values: ["message"] } },
      value: { required: true, type: { is: "string" } },
    },
  },
  OtherIdentification: { is: "string" },
  PingRequest: {
    is: "object",
    fields: {
      type: { required: true, type: { is: "string", values: ["ping"] } },
      corr_id: { required: true, type: { is: "definition", name: "CorrelationId" } },
    },
  },
  PipeExpression: {
    is: "object",
    fields: {
      type: { required: true, type: { is: "string", values: ["pipe"] } },
      stages: { required: true, type: { is: "list", items: { is: "definition", name: "WorkflowExpression" } } },
    },
  },
  ProcessEvent: { is: "union", tag: "event", members: {"stdout": "StdoutFrame", "stderr": "StderrFrame", "message": "MessageFrame", "return": "ReturnFrame", "error": "ErrorFrame"}, unknown: "UnknownFrame" },
  ProcessExpression: {
    is: "object",
    fields: {
      type: { required: true, type: { is: "string", values: ["process"] } },
      program_name: { required: true, type: { is: "definition", name: "ProgramName" } },
      config: { required: false, type: { is: "definition", name: "JsonValue" } },
    },
  },
  ProcessId: { is: "string" },
  ProcessInfo: {
    is: "object",
    fields: {
      id: { required: true, type: { is: "definition", name: "ProcessId" } },
      username: { required: true, type: { is: "string" } },
      program: { required: true, type: { is: "definition", name: "ProgramName" } },
      input: { required: true, type: { is: "string" }, aliases: ["arguments"] },
      elapsed_secs: { required: true, type: { is: "definition", name: "Seconds" } },
    },
  },
  ProgramListing: {
    is: "object",
    fields: {
      versions: { required: true, type: { is: "list", items: { is: "definition", name: "ProgramVersion" } } },
    },
  },
  ProgramName: { is: "string" },
  ProgramVersion: {
    is: "object",
    fields: {
      num: { required: true, type: { is: "string" } },
      yanked: { required: false, type: { is: "boolean" } },
    },
  },
  QueryRequest: {
    is: "object",
    fields: {
      type: { required: true, type: { is: "string", values: ["query"] } },
      corr_id: { required: true, type: { is: "definition", name: "CorrelationId" } },
      subject: { required: true, type: { is: "string" } },
      record: { required: true, type: { is: "string" } },
    },
  },
  QueryResult: { is: "map", values: { is: "definition", name: "JsonValue" } },
  RegisterMcpServerRequest: {
    is: "object",
    fields: {
      type: { required: true, type: { is: "string", values: ["register_mcp_server"] } },
      corr_id: { required: true, type: { is: "definition", name: "CorrelationId" } },
      name: { required: true, type: { is: "string" } },
      transport: { required: true, type: { is: "string" } },
      command: { required: false, type: { is: "string" } },
      args: { required: false, type: { is: "list", items: { is: "string" } } },
      url: { required: false, type: { is: "string" } },
    },
  },
  Response: {
    is: "object",
    fields: {
      type: { required: true, type: { is: "string", values: ["response"] } },
      corr_id: { required: true, type: { is: "definition", name: "CorrelationId" } },
      ok: { required: true, type: { is: "boolean" } },
      result: { required: true, type: { is: "string" } },
    },
  },
  ReturnFrame: {
    is: "object",
    fields: {
      type: { required: true, type: { is: "string", values: ["process_event"] } },
      process_id: { required: true, type: { is: "definition", name: "ProcessId" } },
      event: { required: true, type: { is: "string", values: ["return"] } },
      value: { required: true, type: { is: "string" } },
    },
  },
  RunProcessesRequest: {
    is: "object",
    fields: {
      type: { required: true, type: { is: "string", values: ["run_processes"] } },
      corr_id: { required: true, type: { is: "definition", name: "CorrelationId" } },
      inferlet: { required: true, type: { is: "definition", name: "ProgramName" } },
      inputs: { required: true, type: { is: "list", items: { is: "definition", name: "JsonText" } } },
      token_budgets: { required: false, type: { is: "list", items: { is: "nullable", type: { is: "definition", name: "Usize" } } } },
    },
  },
  RunProcessesResult: { is: "list", items: { is: "string" } },
  Seconds: { is: "integer", wide: true, limits: { minimum: 0n, maximum: 18446744073709551615n } },
  ServerNotice: {
    is: "object",
    fields: {
      type: { required: true, type: { is: "string", values: ["error"] } },
      message: { required: true, type: { is: "string" } },
    },
  },
  SignalProcessRequest: {
    is: "object",
    fields: {
      type: { required: true, type: { is: "string", values: ["signal_process"] } },
      process_id: { required: true, type: { is: "definition", name: "ProcessId" } },
      message: { required: true, type: { is: "string" } },
    },
  },
  StderrFrame: {
    is: "object",
    fields: {
      type: { required: true, type: { is: "string", values: ["process_event"] } },
      process_id: { required: true, type: { is: "definition", name: "ProcessId" } },
      event: { required: true, type: { is: "string", values: ["stderr"] } },
      value: { required: true, type: { is: "string" } },
    },
  },
  StdoutFrame: {
    is: "object",
    fields: {
      type: { required: true, type: { is: "string", values: ["process_event"] } },
      process_id: { required: true, type: { is: "definition", name: "ProcessId" } },
      event: { required: true, type: { is: "string", values: ["stdout"] } },
      value: { required: true, type: { is: "string" } },
    },
  },
  SubmitWorkflowRequest: {
    is: "object",
    fields: {
      type: { required: true, type: { is: "string", values: ["submit_workflow"] } },
      corr_id: { required: true, type: { is: "definition", name: "CorrelationId" } },
      json: { required: true, type: { is: "string" } },
    },
  },
  SubmitWorkflowResult: { is: "string" },
  TakeExpression: {
    is: "object",
    fields: {
      type: { required: true, type: { is: "string", values: ["take"] } },
      k: { required: true, type: { is: "definition", name: "Usize" } },
    },
  },
  TerminateProcessRequest: {
    is: "object",
    fields: {
      type: { required: true, type: { is: "string", values: ["terminate_process"] } },
      corr_id: { required: true, type: { is: "definition", name: "CorrelationId" } },
      process_id: { required: true, type: { is: "definition", name: "ProcessId" } },
    },
  },
  TransferFileRequest: {
    is: "object",
    fields: {
      type: { required: true, type: { is: "string", values: ["transfer_file"] } },
      process_id: { required: true, type: { is: "definition", name: "ProcessId" } },
      file_hash: { required: true, type: { is: "definition", name: "Blake3Digest" } },
      chunk_index: { required: true, type: { is: "definition", name: "Usize" } },
      total_chunks: { required: true, type: { is: "definition", name: "ChunkCount" } },
      chunk_data: { required: true, type: { is: "definition", name: "Bytes" } },
    },
  },
  TurnDone: {
    is: "object",
    fields: {
      type: { required: true, type: { is: "string", values: ["turn_done"] } },
    },
  },
  UnknownFrame: {
    is: "object",
    fields: {
      type: { required: true, type: { is: "string", values: ["process_event"] } },
      process_id: { required: true, type: { is: "definition", name: "ProcessId" } },
      event: { required: true, type: { is: "string" } },
      value: { required: false, type: { is: "string" } },
    },
  },
  Usize: { is: "integer", wide: true, limits: { minimum: 0n, maximum: 18446744073709551615n } },
  VersionedProgramName: { is: "string", pattern: new RegExp("^[a-zA-Z0-9][a-zA-Z0-9_-]*@[0-9]+\\.[0-9]+\\.[0-9]+$", "u") },
  WorkflowExpression: { is: "union", tag: "type", members: {"literal": "LiteralExpression", "process": "ProcessExpression", "pipe": "PipeExpression", "fork": "ForkExpression", "map": "MapExpression", "fold": "FoldExpression", "cond": "CondExpression", "iterate": "IterateExpression", "take": "TakeExpression"} },
  WorkflowId: { is: "string" },
};
