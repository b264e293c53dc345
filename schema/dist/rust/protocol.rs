//! Pie client protocol, version 1.0.0: messages, results and tables.
//!
//! Frames are msgpack: `rmp_serde::from_slice::<ServerMessage>(frame)` decodes one,
//! `rmp_serde::to_vec_named(&message)` encodes one. Text messages, results and inputs are JSON, for `serde_json`.
//!
//! Written by `python -m codegen`; never edited. License: Apache-2.0.

#![allow(dead_code, unused_imports, clippy::too_many_arguments)]

use serde::de::Error as _;
use serde::ser::{Error as _, SerializeStruct};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
pub use serde_bytes::ByteBuf;
pub use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// Version of the protocol's description.
pub const VERSION: &str = "1.0.0";

/// BLAKE3-256 of some bytes as 64 lowercase hexadecimal digits.
pub type Blake3Digest = String;

/// Raw bytes: bin in msgpack, base64 in JSON.
pub type Bytes = ByteBuf;

/// Whether the program is installed in this version.
pub type CheckProgramResult = bool;

/// Number of chunks: at least 1, also for empty content.
pub type ChunkCount = std::num::NonZeroU64;

/// Unsigned 32-bit number that joins a reply to its request. Requests and relayed MCP calls are numbered independently.
pub type CorrelationId = u32;

/// A signed 64-bit number.
pub type Integer = i64;

/// A string with JSON.
pub type JsonText = String;

/// Any JSON value.
pub type JsonValue = Value;

/// Id of the new process; empty if its output is not captured.
pub type LaunchProcessResult = String;

/// Ids of the new processes in the order of the inputs, even if their output is not captured.
pub type LaunchProcessesResult = Vec<ProcessId>;

/// The running processes, in no particular order.
pub type ListProcessesResult = Vec<ProcessInfo>;

/// Id of a process. Servers send a lowercase hyphenated UUID and accept any text form of one.
pub type ProcessId = String;

/// A program as name@major.minor.patch. 0.5 servers also accept the name alone.
pub type ProgramName = String;

/// A flat object. For model_status, the keys are `<model>.<statistic>` and the values are integers or lists of integers. Every server has kv_pages_used, kv_pages_total, total_batches, total_tokens_processed, last_batch_latency_us and avg_batch_latency_us.
pub type QueryResult = BTreeMap<String, JsonValue>;

/// Return value of each process as text, in the order of the inputs.
pub type RunProcessesResult = Vec<String>;

/// A whole number of seconds.
pub type Seconds = u64;

/// Id of the workflow.
pub type SubmitWorkflowResult = String;

/// An unsigned 64-bit count or index.
pub type Usize = u64;

/// A program's name and version in the form that servers accept.
pub type VersionedProgramName = String;

/// Pattern of a [`VersionedProgramName`].
#[rustfmt::skip]
pub const VERSIONED_PROGRAM_NAME_PATTERN: &str = "^[a-zA-Z0-9][a-zA-Z0-9_-]*@[0-9]+\\.[0-9]+\\.[0-9]+$";

/// Id of a workflow: a UUID.
pub type WorkflowId = String;

/// Tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum JsonRpcFailureJsonrpc {
    #[serde(rename = "2.0")]
    V20,
}

/// Tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum JsonRpcNotificationJsonrpc {
    #[serde(rename = "2.0")]
    V20,
}

/// Tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum JsonRpcRequestJsonrpc {
    #[serde(rename = "2.0")]
    V20,
}

/// Tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum JsonRpcResponseJsonrpc {
    #[serde(rename = "2.0")]
    V20,
}

/// Type of the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ManifestParameterType {
    #[serde(rename = "string")]
    String,
    #[serde(rename = "int")]
    Int,
    #[serde(rename = "float")]
    Float,
    #[serde(rename = "bool")]
    Bool,
}

/// Language of the uploaded source; absent for a WASM component.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ManifestRuntimeLanguage {
    #[serde(rename = "python")]
    Python,
    #[serde(rename = "javascript")]
    Javascript,
}

/// How the function receives the launch input: `input` as one argument, `kwargs` as keyword arguments. Default: `input`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ManifestRuntimeCall {
    #[serde(rename = "input")]
    Input,
    #[serde(rename = "kwargs")]
    Kwargs,
}

/// Upload a program with its manifest, and install it.
///
/// Each chunk repeats every field except the manifest, which only the first carries. The server answers the last chunk, or the first that it rejects. If the name and version exist already, the request succeeds without force_overwrite, and the server discards the new bytes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "add_program")]
pub struct AddProgramRequest {
    /// Number that the reply repeats.
    pub corr_id: CorrelationId,
    /// BLAKE3 digest of the whole program. 0.4 servers use it as an opaque key, 0.5 servers verify it.
    pub program_hash: Blake3Digest,
    /// The program's Pie.toml.
    pub manifest: String,
    /// Replace an installed program of the same name and version.
    pub force_overwrite: bool,
    /// Index of this chunk, from 0, in order.
    pub chunk_index: Usize,
    /// Number of chunks.
    pub total_chunks: ChunkCount,
    /// Bytes of this chunk.
    pub chunk_data: Bytes,
}

impl AddProgramRequest {
    /// Make one of its required fields; others have their default, or are absent.
    #[rustfmt::skip]
    pub fn new(
        corr_id: CorrelationId,
        program_hash: impl Into<String>,
        manifest: impl Into<String>,
        chunk_index: Usize,
        total_chunks: ChunkCount,
        chunk_data: Bytes,
    ) -> Self {
        Self {
            corr_id,
            program_hash: program_hash.into(),
            manifest: manifest.into(),
            force_overwrite: false,
            chunk_index,
            total_chunks,
            chunk_data,
        }
    }
}

/// Attach to a running process and receive its events.
///
/// Buffered events follow the reply. 0.4 servers report a process as not found if another connection is attached to it, even a dead one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "attach_process")]
pub struct AttachProcessRequest {
    /// Number that the reply repeats.
    pub corr_id: CorrelationId,
    /// Id of the process.
    pub process_id: ProcessId,
}

impl AttachProcessRequest {
    /// Make one of its required fields; others have their default, or are absent.
    #[rustfmt::skip]
    pub fn new(
        corr_id: CorrelationId,
        process_id: impl Into<String>,
    ) -> Self {
        Self {
            corr_id,
            process_id: process_id.into(),
        }
    }
}

/// Attach to a workflow and receive its events.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "attach_workflow")]
pub struct AttachWorkflowRequest {
    /// Number that the reply repeats.
    pub corr_id: CorrelationId,
    /// Id of the workflow.
    pub workflow_id: WorkflowId,
}

impl AttachWorkflowRequest {
    /// Make one of its required fields; others have their default, or are absent.
    #[rustfmt::skip]
    pub fn new(
        corr_id: CorrelationId,
        workflow_id: impl Into<String>,
    ) -> Self {
        Self {
            corr_id,
            workflow_id: workflow_id.into(),
        }
    }
}

/// Authenticate with the server's internal token, as back ends do.
///
/// The server refuses a wrong token after one to three seconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "auth_by_token")]
pub struct AuthByTokenRequest {
    /// Number that the reply repeats.
    pub corr_id: CorrelationId,
    /// Internal token. The server creates a new one at each start.
    pub token: String,
}

impl AuthByTokenRequest {
    /// Make one of its required fields; others have their default, or are absent.
    #[rustfmt::skip]
    pub fn new(
        corr_id: CorrelationId,
        token: impl Into<String>,
    ) -> Self {
        Self {
            corr_id,
            token: token.into(),
        }
    }
}

/// Identify the user of the session.
///
/// 0.4 servers require it before any other request, even with authentication disabled. With authentication enabled, the result is a challenge to sign. 0.5 servers always reply that the session is authenticated.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "auth_identify")]
pub struct AuthIdentifyRequest {
    /// Number that the reply repeats.
    pub corr_id: CorrelationId,
    /// Name of the user.
    pub username: String,
}

impl AuthIdentifyRequest {
    /// Make one of its required fields; others have their default, or are absent.
    #[rustfmt::skip]
    pub fn new(
        corr_id: CorrelationId,
        username: impl Into<String>,
    ) -> Self {
        Self {
            corr_id,
            username: username.into(),
        }
    }
}

/// Answer a challenge with its signature.
///
/// Each challenge can be answered once; start another attempt with auth_identify.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "auth_prove")]
pub struct AuthProveRequest {
    /// Number that the reply repeats.
    pub corr_id: CorrelationId,
    /// Signature of the challenge's bytes in standard base64 with padding: PKCS#1 v1.5 with SHA-256 for RSA, raw for Ed25519, ASN.1 DER for ECDSA (SHA-256 on P-256, SHA-384 on P-384).
    pub signature: String,
}

impl AuthProveRequest {
    /// Make one of its required fields; others have their default, or are absent.
    #[rustfmt::skip]
    pub fn new(
        corr_id: CorrelationId,
        signature: impl Into<String>,
    ) -> Self {
        Self {
            corr_id,
            signature: signature.into(),
        }
    }
}

/// Cancel a workflow.
///
/// Servers do not check that the workflow belongs to the user.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "cancel_workflow")]
pub struct CancelWorkflowRequest {
    /// Number that the reply repeats.
    pub corr_id: CorrelationId,
    /// Id of the workflow.
    pub workflow_id: WorkflowId,
}

impl CancelWorkflowRequest {
    /// Make one of its required fields; others have their default, or are absent.
    #[rustfmt::skip]
    pub fn new(
        corr_id: CorrelationId,
        workflow_id: impl Into<String>,
    ) -> Self {
        Self {
            corr_id,
            workflow_id: workflow_id.into(),
        }
    }
}

/// Check whether a program is installed.
///
/// Servers do not compare the hashes, and report a program that failed to compile as installed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "check_program")]
pub struct CheckProgramRequest {
    /// Number that the reply repeats.
    pub corr_id: CorrelationId,
    /// Name of the program, without its version.
    pub name: String,
    /// Version as major.minor.patch.
    pub version: String,
    /// Digest of the program's bytes. Servers ignore it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wasm_hash: Option<Blake3Digest>,
    /// Digest of the manifest's bytes. Servers ignore it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest_hash: Option<Blake3Digest>,
}

impl CheckProgramRequest {
    /// Make one of its required fields; others have their default, or are absent.
    #[rustfmt::skip]
    pub fn new(
        corr_id: CorrelationId,
        name: impl Into<String>,
        version: impl Into<String>,
    ) -> Self {
        Self {
            corr_id,
            name: name.into(),
            version: version.into(),
            wasm_hash: None,
            manifest_hash: None,
        }
    }
}

/// Choose between two expressions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "cond")]
pub struct CondExpression {
    /// Condition.
    pub predicate: Box<WorkflowExpression>,
    /// Evaluated if the condition is true.
    pub then: Box<WorkflowExpression>,
    /// Evaluated if the condition is false.
    pub otherwise: Box<WorkflowExpression>,
}

impl CondExpression {
    /// Make one of its required fields; others have their default, or are absent.
    #[rustfmt::skip]
    pub fn new(
        predicate: Box<WorkflowExpression>,
        then: Box<WorkflowExpression>,
        otherwise: Box<WorkflowExpression>,
    ) -> Self {
        Self {
            predicate,
            then,
            otherwise,
        }
    }
}

/// Detach from a workflow. The server buffers its events.
///
/// Servers check neither that the workflow belongs to the user nor that it exists.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "detach_workflow")]
pub struct DetachWorkflowRequest {
    /// Number that the reply repeats.
    pub corr_id: CorrelationId,
    /// Id of the workflow.
    pub workflow_id: WorkflowId,
}

impl DetachWorkflowRequest {
    /// Make one of its required fields; others have their default, or are absent.
    #[rustfmt::skip]
    pub fn new(
        corr_id: CorrelationId,
        workflow_id: impl Into<String>,
    ) -> Self {
        Self {
            corr_id,
            workflow_id: workflow_id.into(),
        }
    }
}

/// The program failed or was stopped. The last event of its process.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct ErrorFrame {
    /// Id of the process.
    pub process_id: ProcessId,
    /// Reason, as text of the server or the program.
    pub value: String,
}

impl ErrorFrame {
    /// Make one of its required fields; others have their default, or are absent.
    #[rustfmt::skip]
    pub fn new(
        process_id: impl Into<String>,
        value: impl Into<String>,
    ) -> Self {
        Self {
            process_id: process_id.into(),
            value: value.into(),
        }
    }
}

impl Serialize for ErrorFrame {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let length = 4;
        let mut map = serializer.serialize_struct("ErrorFrame", length)?;
        map.serialize_field("type", "process_event")?;
        map.serialize_field("process_id", &self.process_id)?;
        map.serialize_field("event", "error")?;
        map.serialize_field("value", &self.value)?;
        map.end()
    }
}

/// A chunk of a file that a process sends. An empty file has no chunks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "file")]
pub struct FileChunk {
    /// Id of the process.
    pub process_id: ProcessId,
    /// BLAKE3 digest of the whole file.
    pub file_hash: Blake3Digest,
    /// Index of this chunk, from 0, in order.
    pub chunk_index: Usize,
    /// Number of chunks of the file.
    pub total_chunks: ChunkCount,
    /// Bytes of this chunk.
    pub chunk_data: Bytes,
    /// Name of the file, chosen by the program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

impl FileChunk {
    /// Make one of its required fields; others have their default, or are absent.
    #[rustfmt::skip]
    pub fn new(
        process_id: impl Into<String>,
        file_hash: impl Into<String>,
        chunk_index: Usize,
        total_chunks: ChunkCount,
        chunk_data: Bytes,
    ) -> Self {
        Self {
            process_id: process_id.into(),
            file_hash: file_hash.into(),
            chunk_index,
            total_chunks,
            chunk_data,
            name: None,
        }
    }
}

/// Reduce an array to one value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "fold")]
pub struct FoldExpression {
    /// Expression that is applied to each element and the value so far.
    pub function: Box<WorkflowExpression>,
    /// Initial value.
    pub init: Box<WorkflowExpression>,
    /// Expression for the array.
    pub over: Box<WorkflowExpression>,
}

impl FoldExpression {
    /// Make one of its required fields; others have their default, or are absent.
    #[rustfmt::skip]
    pub fn new(
        function: Box<WorkflowExpression>,
        init: Box<WorkflowExpression>,
        over: Box<WorkflowExpression>,
    ) -> Self {
        Self {
            function,
            init,
            over,
        }
    }
}

/// Run branches concurrently on the same value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "fork")]
pub struct ForkExpression {
    /// Branches. The resulting array keeps their order.
    pub branches: Vec<WorkflowExpression>,
}

impl ForkExpression {
    /// Make one of its required fields; others have their default, or are absent.
    #[rustfmt::skip]
    pub fn new(
        branches: Vec<WorkflowExpression>,
    ) -> Self {
        Self {
            branches,
        }
    }
}

/// Repeat an expression until a condition is true, at most 1000 times.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "iterate")]
pub struct IterateExpression {
    /// Expression to repeat.
    pub body: Box<WorkflowExpression>,
    /// Condition that ends the loop.
    pub until: Box<WorkflowExpression>,
}

impl IterateExpression {
    /// Make one of its required fields; others have their default, or are absent.
    #[rustfmt::skip]
    pub fn new(
        body: Box<WorkflowExpression>,
        until: Box<WorkflowExpression>,
    ) -> Self {
        Self {
            body,
            until,
        }
    }
}

/// A JSON-RPC response with an error.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JsonRpcFailure {
    /// Tag.
    pub jsonrpc: JsonRpcFailureJsonrpc,
    /// Id of the request, unchanged; null if it could not be read.
    pub id: JsonValue,
    /// The error.
    pub error: McpErrorObject,
}

impl JsonRpcFailure {
    /// Make one of its required fields; others have their default, or are absent.
    #[rustfmt::skip]
    pub fn new(
        id: JsonValue,
        error: McpErrorObject,
    ) -> Self {
        Self {
            jsonrpc: JsonRpcFailureJsonrpc::V20,
            id,
            error,
        }
    }
}

/// A JSON-RPC request without an id, to which there is no response.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JsonRpcNotification {
    /// Tag.
    pub jsonrpc: JsonRpcNotificationJsonrpc,
    /// Name of the notification.
    pub method: String,
    /// Arguments of the notification.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub params: Option<BTreeMap<String, JsonValue>>,
}

impl JsonRpcNotification {
    /// Make one of its required fields; others have their default, or are absent.
    #[rustfmt::skip]
    pub fn new(
        method: impl Into<String>,
    ) -> Self {
        Self {
            jsonrpc: JsonRpcNotificationJsonrpc::V20,
            method: method.into(),
            params: None,
        }
    }
}

/// A JSON-RPC request from either side of an MCP connection.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JsonRpcRequest {
    /// Tag.
    pub jsonrpc: JsonRpcRequestJsonrpc,
    /// Number that the response repeats; each side counts its own requests.
    pub id: Integer,
    /// Name of the method.
    pub method: String,
    /// Arguments of the method.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub params: Option<BTreeMap<String, JsonValue>>,
}

impl JsonRpcRequest {
    /// Make one of its required fields; others have their default, or are absent.
    #[rustfmt::skip]
    pub fn new(
        id: Integer,
        method: impl Into<String>,
    ) -> Self {
        Self {
            jsonrpc: JsonRpcRequestJsonrpc::V20,
            id,
            method: method.into(),
            params: None,
        }
    }
}

/// A JSON-RPC response with a result.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JsonRpcResponse {
    /// Tag.
    pub jsonrpc: JsonRpcResponseJsonrpc,
    /// Id of the request, unchanged.
    pub id: JsonValue,
    /// Result of the method.
    pub result: JsonValue,
}

impl JsonRpcResponse {
    /// Make one of its required fields; others have their default, or are absent.
    #[rustfmt::skip]
    pub fn new(
        id: JsonValue,
        result: JsonValue,
    ) -> Self {
        Self {
            jsonrpc: JsonRpcResponseJsonrpc::V20,
            id,
            result,
        }
    }
}

/// Start a program that serves HTTP on a port of the server's loopback interface.
///
/// The server replies before it binds the port: if the port is in use, only its log says so. A daemon can't be listed or stopped.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "launch_daemon")]
pub struct LaunchDaemonRequest {
    /// Number that the reply repeats.
    pub corr_id: CorrelationId,
    /// TCP port. Servers keep only the low 16 bits.
    pub port: u32,
    /// Program to run.
    pub inferlet: ProgramName,
    /// JSON text. Servers ignore it.
    pub input: JsonText,
}

impl LaunchDaemonRequest {
    /// Make one of its required fields; others have their default, or are absent.
    #[rustfmt::skip]
    pub fn new(
        corr_id: CorrelationId,
        port: u32,
        inferlet: impl Into<String>,
        input: impl Into<String>,
    ) -> Self {
        Self {
            corr_id,
            port,
            inferlet: inferlet.into(),
            input: input.into(),
        }
    }
}

/// Start a program as a new process.
///
/// The reply means that the server accepted the launch; later failures arrive as the error event of the process. 0.4 servers may download and compile the program first, and delay everything else on the connection.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "launch_process")]
pub struct LaunchProcessRequest {
    /// Number that the reply repeats.
    pub corr_id: CorrelationId,
    /// Program to run.
    pub inferlet: ProgramName,
    /// JSON text that the program receives unchanged. The server does not parse it.
    pub input: JsonText,
    /// Whether to send the output of the process to this connection. Otherwise the server discards stdout and stderr, and the result names no process.
    pub capture_outputs: bool,
    /// Maximum number of tokens that the process may send through the model. Default: the server's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_budget: Option<Usize>,
}

impl LaunchProcessRequest {
    /// Make one of its required fields; others have their default, or are absent.
    #[rustfmt::skip]
    pub fn new(
        corr_id: CorrelationId,
        inferlet: impl Into<String>,
        input: impl Into<String>,
    ) -> Self {
        Self {
            corr_id,
            inferlet: inferlet.into(),
            input: input.into(),
            capture_outputs: true,
            token_budget: None,
        }
    }
}

/// Start one process for each input.
///
/// 0.3 servers never reply.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "launch_processes")]
pub struct LaunchProcessesRequest {
    /// Number that the reply repeats.
    pub corr_id: CorrelationId,
    /// Program to run.
    pub inferlet: ProgramName,
    /// JSON text for each process, in order.
    pub inputs: Vec<JsonText>,
    /// Whether to send the output of the process to this connection. Otherwise the server discards stdout and stderr, and the result names no process.
    pub capture_outputs: bool,
    /// Token budget for each process, in the order of the inputs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_budgets: Option<Vec<Option<Usize>>>,
}

impl LaunchProcessesRequest {
    /// Make one of its required fields; others have their default, or are absent.
    #[rustfmt::skip]
    pub fn new(
        corr_id: CorrelationId,
        inferlet: impl Into<String>,
        inputs: Vec<JsonText>,
    ) -> Self {
        Self {
            corr_id,
            inferlet: inferlet.into(),
            inputs,
            capture_outputs: true,
            token_budgets: None,
        }
    }
}

/// List the running processes of the session's user.
///
/// 0.5 servers run every session as the same user, so they list all processes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "list_processes")]
pub struct ListProcessesRequest {
    /// Number that the reply repeats.
    pub corr_id: CorrelationId,
}

impl ListProcessesRequest {
    /// Make one of its required fields; others have their default, or are absent.
    #[rustfmt::skip]
    pub fn new(
        corr_id: CorrelationId,
    ) -> Self {
        Self {
            corr_id,
        }
    }
}

/// A constant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "literal")]
pub struct LiteralExpression {
    /// Value of the constant.
    pub value: JsonValue,
}

impl LiteralExpression {
    /// Make one of its required fields; others have their default, or are absent.
    #[rustfmt::skip]
    pub fn new(
        value: JsonValue,
    ) -> Self {
        Self {
            value,
        }
    }
}

/// A program's Pie.toml.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Name, version and authors of the program.
    pub package: ManifestPackage,
    /// Requirements on the engine; for a script, its language, entry function and call convention.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runtime: Option<BTreeMap<String, String>>,
    /// Input parameters by name. Servers do not enforce them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameters: Option<BTreeMap<String, ManifestParameter>>,
    /// Programs that this one depends on, each with its exact version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dependencies: Option<BTreeMap<String, String>>,
}

impl Manifest {
    /// Make one of its required fields; others have their default, or are absent.
    #[rustfmt::skip]
    pub fn new(
        package: ManifestPackage,
    ) -> Self {
        Self {
            package,
            runtime: None,
            parameters: None,
            dependencies: None,
        }
    }
}

/// The [package] table of a Pie.toml.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ManifestPackage {
    /// Name of the program.
    pub name: String,
    /// Version as major.minor.patch.
    pub version: String,
    /// Summary in one line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Authors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authors: Option<Vec<String>>,
    /// URL of the source code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
    /// Path of the README.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub readme: Option<String>,
}

impl ManifestPackage {
    /// Make one of its required fields; others have their default, or are absent.
    #[rustfmt::skip]
    pub fn new(
        name: impl Into<String>,
        version: impl Into<String>,
    ) -> Self {
        Self {
            name: name.into(),
            version: version.into(),
            description: None,
            authors: None,
            repository: None,
            readme: None,
        }
    }
}

/// An entry of the [parameters] table of a Pie.toml.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ManifestParameter {
    /// Type of the value.
    pub r#type: ManifestParameterType,
    /// Whether the parameter may be omitted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub optional: Option<bool>,
    /// What it means.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

impl ManifestParameter {
    /// Make one of its required fields; others have their default, or are absent.
    #[rustfmt::skip]
    pub fn new(
        r#type: ManifestParameterType,
    ) -> Self {
        Self {
            r#type,
            optional: None,
            description: None,
        }
    }
}

/// The [runtime] table of a Pie.toml, for programs that may be scripts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ManifestRuntime {
    /// Version of the engine's interface that the program was built for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub core: Option<String>,
    /// Language of the uploaded source; absent for a WASM component.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<ManifestRuntimeLanguage>,
    /// Name of the function to call. Default: `main`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry: Option<String>,
    /// How the function receives the launch input: `input` as one argument, `kwargs` as keyword arguments. Default: `input`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<ManifestRuntimeCall>,
}

/// Apply a function to each element of an array.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "map")]
pub struct MapExpression {
    /// Expression that is applied to each element.
    pub function: Box<WorkflowExpression>,
    /// Expression for the array.
    pub over: Box<WorkflowExpression>,
}

impl MapExpression {
    /// Make one of its required fields; others have their default, or are absent.
    #[rustfmt::skip]
    pub fn new(
        function: Box<WorkflowExpression>,
        over: Box<WorkflowExpression>,
    ) -> Self {
        Self {
            function,
            over,
        }
    }
}

/// Params of notifications/cancelled: the sender no longer waits for a response.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct McpCancelledParams {
    /// Id of the request.
    #[serde(rename = "requestId")]
    pub request_id: Integer,
    /// Reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl McpCancelledParams {
    /// Make one of its required fields; others have their default, or are absent.
    #[rustfmt::skip]
    pub fn new(
        request_id: Integer,
    ) -> Self {
        Self {
            request_id,
            reason: None,
        }
    }
}

/// The JSON-RPC error of a relayed MCP call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct McpErrorObject {
    /// JSON-RPC error code.
    pub code: Integer,
    /// Description of the error.
    pub message: String,
    /// Further information, in any form.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<JsonValue>,
}

impl McpErrorObject {
    /// Make one of its required fields; others have their default, or are absent.
    #[rustfmt::skip]
    pub fn new(
        code: Integer,
        message: impl Into<String>,
    ) -> Self {
        Self {
            code,
            message: message.into(),
            data: None,
        }
    }
}

/// Program on one side of an MCP connection.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct McpImplementation {
    /// Name of the program.
    pub name: String,
    /// Release of the program.
    pub version: String,
}

impl McpImplementation {
    /// Make one of its required fields; others have their default, or are absent.
    #[rustfmt::skip]
    pub fn new(
        name: impl Into<String>,
        version: impl Into<String>,
    ) -> Self {
        Self {
            name: name.into(),
            version: version.into(),
        }
    }
}

/// Params of initialize, the first request of an MCP connection.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct McpInitializeParams {
    /// Newest version of MCP that the client supports.
    #[serde(rename = "protocolVersion")]
    pub protocol_version: String,
    /// Capabilities of the client; empty for none.
    pub capabilities: BTreeMap<String, JsonValue>,
    /// Name and release of the client.
    #[serde(rename = "clientInfo")]
    pub client_info: McpImplementation,
}

impl McpInitializeParams {
    /// Make one of its required fields; others have their default, or are absent.
    #[rustfmt::skip]
    pub fn new(
        protocol_version: impl Into<String>,
        capabilities: BTreeMap<String, JsonValue>,
        client_info: McpImplementation,
    ) -> Self {
        Self {
            protocol_version: protocol_version.into(),
            capabilities,
            client_info,
        }
    }
}

/// Result of initialize.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct McpInitializeResult {
    /// Version of MCP for the rest of the connection.
    #[serde(rename = "protocolVersion")]
    pub protocol_version: String,
}

impl McpInitializeResult {
    /// Make one of its required fields; others have their default, or are absent.
    #[rustfmt::skip]
    pub fn new(
        protocol_version: impl Into<String>,
    ) -> Self {
        Self {
            protocol_version: protocol_version.into(),
        }
    }
}

/// Params of tools/call and prompts/get.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct McpNamedParams {
    /// Name of the tool or prompt.
    pub name: String,
    /// Arguments, usually an object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arguments: Option<JsonValue>,
}

impl McpNamedParams {
    /// Make one of its required fields; others have their default, or are absent.
    #[rustfmt::skip]
    pub fn new(
        name: impl Into<String>,
    ) -> Self {
        Self {
            name: name.into(),
            arguments: None,
        }
    }
}

/// A call of an inferlet to an MCP server that this client registered. The inferlet waits for the mcp_response with the same number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "mcp_request")]
pub struct McpRequest {
    /// Number of the call, chosen by the server.
    pub corr_id: CorrelationId,
    /// Id of the process.
    pub process_id: ProcessId,
    /// Name of the MCP server, as registered.
    pub server_name: String,
    /// MCP method.
    pub method: String,
    /// JSON text of the method's params: named to call or get something, a resource's to read it, an empty object to list.
    pub params: String,
}

impl McpRequest {
    /// Make one of its required fields; others have their default, or are absent.
    #[rustfmt::skip]
    pub fn new(
        corr_id: CorrelationId,
        process_id: impl Into<String>,
        server_name: impl Into<String>,
        method: impl Into<String>,
        params: impl Into<String>,
    ) -> Self {
        Self {
            corr_id,
            process_id: process_id.into(),
            server_name: server_name.into(),
            method: method.into(),
            params: params.into(),
        }
    }
}

/// Params of resources/read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct McpResourceParams {
    /// URI of the resource.
    pub uri: String,
}

impl McpResourceParams {
    /// Make one of its required fields; others have their default, or are absent.
    #[rustfmt::skip]
    pub fn new(
        uri: impl Into<String>,
    ) -> Self {
        Self {
            uri: uri.into(),
        }
    }
}

/// Answer a relayed MCP call.
///
/// Without an answer, the inferlet waits until it is terminated.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "mcp_response")]
pub struct McpResponseRequest {
    /// Number of the relayed call.
    pub corr_id: CorrelationId,
    /// Whether the call succeeded.
    pub ok: bool,
    /// JSON text of the JSON-RPC result, or of an MCP error object.
    pub result: String,
}

impl McpResponseRequest {
    /// Make one of its required fields; others have their default, or are absent.
    #[rustfmt::skip]
    pub fn new(
        corr_id: CorrelationId,
        ok: bool,
        result: impl Into<String>,
    ) -> Self {
        Self {
            corr_id,
            ok,
            result: result.into(),
        }
    }
}

/// A text message from the program to its client.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct MessageFrame {
    /// Id of the process.
    pub process_id: ProcessId,
    /// The text.
    pub value: String,
}

impl MessageFrame {
    /// Make one of its required fields; others have their default, or are absent.
    #[rustfmt::skip]
    pub fn new(
        process_id: impl Into<String>,
        value: impl Into<String>,
    ) -> Self {
        Self {
            process_id: process_id.into(),
            value: value.into(),
        }
    }
}

impl Serialize for MessageFrame {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let length = 4;
        let mut map = serializer.serialize_struct("MessageFrame", length)?;
        map.serialize_field("type", "process_event")?;
        map.serialize_field("process_id", &self.process_id)?;
        map.serialize_field("event", "message")?;
        map.serialize_field("value", &self.value)?;
        map.end()
    }
}

/// Wait for a reply of the session.
///
/// 0.4 servers reply after the session's earlier requests, so the time includes those.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "ping")]
pub struct PingRequest {
    /// Number that the reply repeats.
    pub corr_id: CorrelationId,
}

impl PingRequest {
    /// Make one of its required fields; others have their default, or are absent.
    #[rustfmt::skip]
    pub fn new(
        corr_id: CorrelationId,
    ) -> Self {
        Self {
            corr_id,
        }
    }
}

/// Pass the value of each stage to the next.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "pipe")]
pub struct PipeExpression {
    /// Stages, in order.
    pub stages: Vec<WorkflowExpression>,
}

impl PipeExpression {
    /// Make one of its required fields; others have their default, or are absent.
    #[rustfmt::skip]
    pub fn new(
        stages: Vec<WorkflowExpression>,
    ) -> Self {
        Self {
            stages,
        }
    }
}

/// Run a program with the incoming value as input.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "process")]
pub struct ProcessExpression {
    /// Program to run.
    pub program_name: ProgramName,
    /// Configuration that is merged over the input.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<JsonValue>,
}

impl ProcessExpression {
    /// Make one of its required fields; others have their default, or are absent.
    #[rustfmt::skip]
    pub fn new(
        program_name: impl Into<String>,
    ) -> Self {
        Self {
            program_name: program_name.into(),
            config: None,
        }
    }
}

/// A running process, as list_processes returns it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProcessInfo {
    /// Id of the process.
    pub id: ProcessId,
    /// Owner of the process.
    pub username: String,
    /// Program of the process.
    pub program: ProgramName,
    /// Launch input, unchanged.
    #[serde(alias = "arguments")]
    pub input: String,
    /// Age of the process in seconds.
    pub elapsed_secs: Seconds,
}

impl ProcessInfo {
    /// Make one of its required fields; others have their default, or are absent.
    #[rustfmt::skip]
    pub fn new(
        id: impl Into<String>,
        username: impl Into<String>,
        program: impl Into<String>,
        input: impl Into<String>,
        elapsed_secs: Seconds,
    ) -> Self {
        Self {
            id: id.into(),
            username: username.into(),
            program: program.into(),
            input: input.into(),
            elapsed_secs,
        }
    }
}

/// A program registry's entry for a program.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProgramListing {
    /// Published versions. By convention the newest comes first, but registries need not keep to it.
    pub versions: Vec<ProgramVersion>,
}

impl ProgramListing {
    /// Make one of its required fields; others have their default, or are absent.
    #[rustfmt::skip]
    pub fn new(
        versions: Vec<ProgramVersion>,
    ) -> Self {
        Self {
            versions,
        }
    }
}

/// A published version of a program.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProgramVersion {
    /// Version number. Servers launch only versions of the form major.minor.patch.
    pub num: String,
    /// Whether the version was withdrawn and must not be chosen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub yanked: Option<bool>,
}

impl ProgramVersion {
    /// Make one of its required fields; others have their default, or are absent.
    #[rustfmt::skip]
    pub fn new(
        num: impl Into<String>,
    ) -> Self {
        Self {
            num: num.into(),
            yanked: None,
        }
    }
}

/// Query the state of the server.
///
/// Every server knows the subject model_status. 0.4 servers do not reply to any other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "query")]
pub struct QueryRequest {
    /// Number that the reply repeats.
    pub corr_id: CorrelationId,
    /// Subject of the query.
    pub subject: String,
    /// Required on the wire, but ignored by servers.
    pub record: String,
}

impl QueryRequest {
    /// Make one of its required fields; others have their default, or are absent.
    #[rustfmt::skip]
    pub fn new(
        corr_id: CorrelationId,
        subject: impl Into<String>,
        record: impl Into<String>,
    ) -> Self {
        Self {
            corr_id,
            subject: subject.into(),
            record: record.into(),
        }
    }
}

/// Register an MCP server that this client runs for the inferlets of this connection.
///
/// Servers validate nothing and accept duplicates.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "register_mcp_server")]
pub struct RegisterMcpServerRequest {
    /// Number that the reply repeats.
    pub corr_id: CorrelationId,
    /// Name of the MCP server, for inferlets.
    pub name: String,
    /// Transport between the client and the MCP server.
    pub transport: String,
    /// Program that the client starts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// Arguments of the program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub args: Option<Vec<String>>,
    /// URL of an MCP server with HTTP transport.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

impl RegisterMcpServerRequest {
    /// Make one of its required fields; others have their default, or are absent.
    #[rustfmt::skip]
    pub fn new(
        corr_id: CorrelationId,
        name: impl Into<String>,
        transport: impl Into<String>,
    ) -> Self {
        Self {
            corr_id,
            name: name.into(),
            transport: transport.into(),
            command: None,
            args: None,
            url: None,
        }
    }
}

/// The one reply to a request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "response")]
pub struct Response {
    /// Number of the request.
    pub corr_id: CorrelationId,
    /// Whether the request succeeded.
    pub ok: bool,
    /// The result, as the request's result describes it; on failure, the reason.
    pub result: String,
}

impl Response {
    /// Make one of its required fields; others have their default, or are absent.
    #[rustfmt::skip]
    pub fn new(
        corr_id: CorrelationId,
        ok: bool,
        result: impl Into<String>,
    ) -> Self {
        Self {
            corr_id,
            ok,
            result: result.into(),
        }
    }
}

/// The program returned. The last event of its process.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct ReturnFrame {
    /// Id of the process.
    pub process_id: ProcessId,
    /// Return value, by convention JSON text.
    pub value: String,
}

impl ReturnFrame {
    /// Make one of its required fields; others have their default, or are absent.
    #[rustfmt::skip]
    pub fn new(
        process_id: impl Into<String>,
        value: impl Into<String>,
    ) -> Self {
        Self {
            process_id: process_id.into(),
            value: value.into(),
        }
    }
}

impl Serialize for ReturnFrame {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let length = 4;
        let mut map = serializer.serialize_struct("ReturnFrame", length)?;
        map.serialize_field("type", "process_event")?;
        map.serialize_field("process_id", &self.process_id)?;
        map.serialize_field("event", "return")?;
        map.serialize_field("value", &self.value)?;
        map.end()
    }
}

/// Run one process for each input and wait for all of them.
///
/// The server handles nothing else on this connection until they finish. 0.3 servers never reply.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "run_processes")]
pub struct RunProcessesRequest {
    /// Number that the reply repeats.
    pub corr_id: CorrelationId,
    /// Program to run.
    pub inferlet: ProgramName,
    /// JSON text for each process, in order.
    pub inputs: Vec<JsonText>,
    /// Token budget for each process, in the order of the inputs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_budgets: Option<Vec<Option<Usize>>>,
}

impl RunProcessesRequest {
    /// Make one of its required fields; others have their default, or are absent.
    #[rustfmt::skip]
    pub fn new(
        corr_id: CorrelationId,
        inferlet: impl Into<String>,
        inputs: Vec<JsonText>,
    ) -> Self {
        Self {
            corr_id,
            inferlet: inferlet.into(),
            inputs,
            token_budgets: None,
        }
    }
}

/// Text frame: an error. It does not name the request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "error")]
pub struct ServerNotice {
    /// Description of the error.
    pub message: String,
}

impl ServerNotice {
    /// Make one of its required fields; others have their default, or are absent.
    #[rustfmt::skip]
    pub fn new(
        message: impl Into<String>,
    ) -> Self {
        Self {
            message: message.into(),
        }
    }
}

/// Send a text message to a process of this connection.
///
/// Servers never reply, and ignore the message if this connection is not attached to the process.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "signal_process")]
pub struct SignalProcessRequest {
    /// Id of the process.
    pub process_id: ProcessId,
    /// Text that the process receives.
    pub message: String,
}

impl SignalProcessRequest {
    /// Make one of its required fields; others have their default, or are absent.
    #[rustfmt::skip]
    pub fn new(
        process_id: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            process_id: process_id.into(),
            message: message.into(),
        }
    }
}

/// Text that the program wrote to standard error: one write, not one line, and cut as standard output is.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct StderrFrame {
    /// Id of the process.
    pub process_id: ProcessId,
    /// The text.
    pub value: String,
}

impl StderrFrame {
    /// Make one of its required fields; others have their default, or are absent.
    #[rustfmt::skip]
    pub fn new(
        process_id: impl Into<String>,
        value: impl Into<String>,
    ) -> Self {
        Self {
            process_id: process_id.into(),
            value: value.into(),
        }
    }
}

impl Serialize for StderrFrame {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let length = 4;
        let mut map = serializer.serialize_struct("StderrFrame", length)?;
        map.serialize_field("type", "process_event")?;
        map.serialize_field("process_id", &self.process_id)?;
        map.serialize_field("event", "stderr")?;
        map.serialize_field("value", &self.value)?;
        map.end()
    }
}

/// Text that the program wrote to standard output: one write, not one line. 0.3 and 0.4 servers also cut a write into events of at most 4096 bytes. A character that is split arrives as U+FFFD on both sides.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct StdoutFrame {
    /// Id of the process.
    pub process_id: ProcessId,
    /// The text.
    pub value: String,
}

impl StdoutFrame {
    /// Make one of its required fields; others have their default, or are absent.
    #[rustfmt::skip]
    pub fn new(
        process_id: impl Into<String>,
        value: impl Into<String>,
    ) -> Self {
        Self {
            process_id: process_id.into(),
            value: value.into(),
        }
    }
}

impl Serialize for StdoutFrame {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let length = 4;
        let mut map = serializer.serialize_struct("StdoutFrame", length)?;
        map.serialize_field("type", "process_event")?;
        map.serialize_field("process_id", &self.process_id)?;
        map.serialize_field("event", "stdout")?;
        map.serialize_field("value", &self.value)?;
        map.end()
    }
}

/// Start a workflow: an expression over programs.
///
/// The events of its processes arrive with ids that the client does not know, and its result can't be fetched.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "submit_workflow")]
pub struct SubmitWorkflowRequest {
    /// Number that the reply repeats.
    pub corr_id: CorrelationId,
    /// JSON text of the expression.
    pub json: String,
}

impl SubmitWorkflowRequest {
    /// Make one of its required fields; others have their default, or are absent.
    #[rustfmt::skip]
    pub fn new(
        corr_id: CorrelationId,
        json: impl Into<String>,
    ) -> Self {
        Self {
            corr_id,
            json: json.into(),
        }
    }
}

/// Keep the first elements of an array; after a fork or map, those that finish first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "take")]
pub struct TakeExpression {
    /// Number of elements to keep.
    pub k: Usize,
}

impl TakeExpression {
    /// Make one of its required fields; others have their default, or are absent.
    #[rustfmt::skip]
    pub fn new(
        k: Usize,
    ) -> Self {
        Self {
            k,
        }
    }
}

/// Terminate a process.
///
/// Its error event may arrive before or after the reply.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "terminate_process")]
pub struct TerminateProcessRequest {
    /// Number that the reply repeats.
    pub corr_id: CorrelationId,
    /// Id of the process.
    pub process_id: ProcessId,
}

impl TerminateProcessRequest {
    /// Make one of its required fields; others have their default, or are absent.
    #[rustfmt::skip]
    pub fn new(
        corr_id: CorrelationId,
        process_id: impl Into<String>,
    ) -> Self {
        Self {
            corr_id,
            process_id: process_id.into(),
        }
    }
}

/// Send a file to a process of this connection, in chunks.
///
/// Servers never reply. They discard the file if the process is not waiting for one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "transfer_file")]
pub struct TransferFileRequest {
    /// Id of the process.
    pub process_id: ProcessId,
    /// BLAKE3 digest of the whole file. Servers verify it.
    pub file_hash: Blake3Digest,
    /// Index of this chunk, from 0, in order.
    pub chunk_index: Usize,
    /// Number of chunks.
    pub total_chunks: ChunkCount,
    /// Bytes of this chunk.
    pub chunk_data: Bytes,
}

impl TransferFileRequest {
    /// Make one of its required fields; others have their default, or are absent.
    #[rustfmt::skip]
    pub fn new(
        process_id: impl Into<String>,
        file_hash: impl Into<String>,
        chunk_index: Usize,
        total_chunks: ChunkCount,
        chunk_data: Bytes,
    ) -> Self {
        Self {
            process_id: process_id.into(),
            file_hash: file_hash.into(),
            chunk_index,
            total_chunks,
            chunk_data,
        }
    }
}

/// Text frame: the server finished a request. It does not name the request.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "turn_done")]
pub struct TurnDone {}

/// An event of a kind that the schema does not know. It never ends a process.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "process_event")]
pub struct UnknownFrame {
    /// Id of the process.
    pub process_id: ProcessId,
    /// Kind of the event.
    #[serde(deserialize_with = "process_event_tag")]
    pub event: String,
    /// Text of the event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

impl UnknownFrame {
    /// Make one of its required fields; others have their default, or are absent.
    #[rustfmt::skip]
    pub fn new(
        process_id: impl Into<String>,
        event: impl Into<String>,
    ) -> Self {
        Self {
            process_id: process_id.into(),
            event: event.into(),
            value: None,
        }
    }
}

/// A message of a client, tagged by `type`. In JSON, bytes are base64.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(tag = "type")]
pub enum ClientMessage {
    #[serde(rename = "auth_identify")]
    AuthIdentify(AuthIdentifyRequest),
    #[serde(rename = "auth_prove")]
    AuthProve(AuthProveRequest),
    #[serde(rename = "auth_by_token")]
    AuthByToken(AuthByTokenRequest),
    #[serde(rename = "check_program")]
    CheckProgram(CheckProgramRequest),
    #[serde(rename = "query")]
    Query(QueryRequest),
    #[serde(rename = "add_program")]
    AddProgram(AddProgramRequest),
    #[serde(rename = "launch_process")]
    LaunchProcess(LaunchProcessRequest),
    #[serde(rename = "launch_processes")]
    LaunchProcesses(LaunchProcessesRequest),
    #[serde(rename = "run_processes")]
    RunProcesses(RunProcessesRequest),
    #[serde(rename = "launch_daemon")]
    LaunchDaemon(LaunchDaemonRequest),
    #[serde(rename = "attach_process")]
    AttachProcess(AttachProcessRequest),
    #[serde(rename = "terminate_process")]
    TerminateProcess(TerminateProcessRequest),
    #[serde(rename = "signal_process")]
    SignalProcess(SignalProcessRequest),
    #[serde(rename = "transfer_file")]
    TransferFile(TransferFileRequest),
    #[serde(rename = "list_processes")]
    ListProcesses(ListProcessesRequest),
    #[serde(rename = "ping")]
    Ping(PingRequest),
    #[serde(rename = "register_mcp_server")]
    RegisterMcpServer(RegisterMcpServerRequest),
    #[serde(rename = "mcp_response")]
    McpResponse(McpResponseRequest),
    #[serde(rename = "submit_workflow")]
    SubmitWorkflow(SubmitWorkflowRequest),
    #[serde(rename = "cancel_workflow")]
    CancelWorkflow(CancelWorkflowRequest),
    #[serde(rename = "attach_workflow")]
    AttachWorkflow(AttachWorkflowRequest),
    #[serde(rename = "detach_workflow")]
    DetachWorkflow(DetachWorkflowRequest),
    /// One of a type that this version does not know.
    #[serde(other)]
    Unknown,
}

impl Serialize for ClientMessage {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::AuthIdentify(member) => member.serialize(serializer),
            Self::AuthProve(member) => member.serialize(serializer),
            Self::AuthByToken(member) => member.serialize(serializer),
            Self::CheckProgram(member) => member.serialize(serializer),
            Self::Query(member) => member.serialize(serializer),
            Self::AddProgram(member) => member.serialize(serializer),
            Self::LaunchProcess(member) => member.serialize(serializer),
            Self::LaunchProcesses(member) => member.serialize(serializer),
            Self::RunProcesses(member) => member.serialize(serializer),
            Self::LaunchDaemon(member) => member.serialize(serializer),
            Self::AttachProcess(member) => member.serialize(serializer),
            Self::TerminateProcess(member) => member.serialize(serializer),
            Self::SignalProcess(member) => member.serialize(serializer),
            Self::TransferFile(member) => member.serialize(serializer),
            Self::ListProcesses(member) => member.serialize(serializer),
            Self::Ping(member) => member.serialize(serializer),
            Self::RegisterMcpServer(member) => member.serialize(serializer),
            Self::McpResponse(member) => member.serialize(serializer),
            Self::SubmitWorkflow(member) => member.serialize(serializer),
            Self::CancelWorkflow(member) => member.serialize(serializer),
            Self::AttachWorkflow(member) => member.serialize(serializer),
            Self::DetachWorkflow(member) => member.serialize(serializer),
            Self::Unknown => Err(S::Error::custom("cannot encode an unknown message")),
        }
    }
}

impl From<AuthIdentifyRequest> for ClientMessage {
    fn from(member: AuthIdentifyRequest) -> Self {
        Self::AuthIdentify(member)
    }
}

impl From<AuthProveRequest> for ClientMessage {
    fn from(member: AuthProveRequest) -> Self {
        Self::AuthProve(member)
    }
}

impl From<AuthByTokenRequest> for ClientMessage {
    fn from(member: AuthByTokenRequest) -> Self {
        Self::AuthByToken(member)
    }
}

impl From<CheckProgramRequest> for ClientMessage {
    fn from(member: CheckProgramRequest) -> Self {
        Self::CheckProgram(member)
    }
}

impl From<QueryRequest> for ClientMessage {
    fn from(member: QueryRequest) -> Self {
        Self::Query(member)
    }
}

impl From<AddProgramRequest> for ClientMessage {
    fn from(member: AddProgramRequest) -> Self {
        Self::AddProgram(member)
    }
}

impl From<LaunchProcessRequest> for ClientMessage {
    fn from(member: LaunchProcessRequest) -> Self {
        Self::LaunchProcess(member)
    }
}

impl From<LaunchProcessesRequest> for ClientMessage {
    fn from(member: LaunchProcessesRequest) -> Self {
        Self::LaunchProcesses(member)
    }
}

impl From<RunProcessesRequest> for ClientMessage {
    fn from(member: RunProcessesRequest) -> Self {
        Self::RunProcesses(member)
    }
}

impl From<LaunchDaemonRequest> for ClientMessage {
    fn from(member: LaunchDaemonRequest) -> Self {
        Self::LaunchDaemon(member)
    }
}

impl From<AttachProcessRequest> for ClientMessage {
    fn from(member: AttachProcessRequest) -> Self {
        Self::AttachProcess(member)
    }
}

impl From<TerminateProcessRequest> for ClientMessage {
    fn from(member: TerminateProcessRequest) -> Self {
        Self::TerminateProcess(member)
    }
}

impl From<SignalProcessRequest> for ClientMessage {
    fn from(member: SignalProcessRequest) -> Self {
        Self::SignalProcess(member)
    }
}

impl From<TransferFileRequest> for ClientMessage {
    fn from(member: TransferFileRequest) -> Self {
        Self::TransferFile(member)
    }
}

impl From<ListProcessesRequest> for ClientMessage {
    fn from(member: ListProcessesRequest) -> Self {
        Self::ListProcesses(member)
    }
}

impl From<PingRequest> for ClientMessage {
    fn from(member: PingRequest) -> Self {
        Self::Ping(member)
    }
}

impl From<RegisterMcpServerRequest> for ClientMessage {
    fn from(member: RegisterMcpServerRequest) -> Self {
        Self::RegisterMcpServer(member)
    }
}

impl From<McpResponseRequest> for ClientMessage {
    fn from(member: McpResponseRequest) -> Self {
        Self::McpResponse(member)
    }
}

impl From<SubmitWorkflowRequest> for ClientMessage {
    fn from(member: SubmitWorkflowRequest) -> Self {
        Self::SubmitWorkflow(member)
    }
}

impl From<CancelWorkflowRequest> for ClientMessage {
    fn from(member: CancelWorkflowRequest) -> Self {
        Self::CancelWorkflow(member)
    }
}

impl From<AttachWorkflowRequest> for ClientMessage {
    fn from(member: AttachWorkflowRequest) -> Self {
        Self::AttachWorkflow(member)
    }
}

impl From<DetachWorkflowRequest> for ClientMessage {
    fn from(member: DetachWorkflowRequest) -> Self {
        Self::DetachWorkflow(member)
    }
}

/// A binary message of a server, tagged by `type`. In JSON, bytes are base64.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(tag = "type")]
pub enum ServerMessage {
    #[serde(rename = "response")]
    Response(Response),
    #[serde(rename = "process_event")]
    ProcessEvent(ProcessEvent),
    #[serde(rename = "file")]
    File(FileChunk),
    #[serde(rename = "mcp_request")]
    McpRequest(McpRequest),
    /// One of a type that this version does not know.
    #[serde(other)]
    Unknown,
}

impl Serialize for ServerMessage {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Response(member) => member.serialize(serializer),
            Self::ProcessEvent(member) => member.serialize(serializer),
            Self::File(member) => member.serialize(serializer),
            Self::McpRequest(member) => member.serialize(serializer),
            Self::Unknown => Err(S::Error::custom("cannot encode an unknown message")),
        }
    }
}

impl From<Response> for ServerMessage {
    fn from(member: Response) -> Self {
        Self::Response(member)
    }
}

impl From<ProcessEvent> for ServerMessage {
    fn from(member: ProcessEvent) -> Self {
        Self::ProcessEvent(member)
    }
}

impl From<FileChunk> for ServerMessage {
    fn from(member: FileChunk) -> Self {
        Self::File(member)
    }
}

impl From<McpRequest> for ServerMessage {
    fn from(member: McpRequest) -> Self {
        Self::McpRequest(member)
    }
}

/// A text message of a server, tagged by `type`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(tag = "type")]
pub enum ServerTextMessage {
    #[serde(rename = "turn_done")]
    TurnDone(TurnDone),
    #[serde(rename = "error")]
    Error(ServerNotice),
    /// One of a type that this version does not know.
    #[serde(other)]
    Unknown,
}

impl Serialize for ServerTextMessage {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::TurnDone(member) => member.serialize(serializer),
            Self::Error(member) => member.serialize(serializer),
            Self::Unknown => Err(S::Error::custom("cannot encode an unknown message")),
        }
    }
}

impl From<TurnDone> for ServerTextMessage {
    fn from(member: TurnDone) -> Self {
        Self::TurnDone(member)
    }
}

impl From<ServerNotice> for ServerTextMessage {
    fn from(member: ServerNotice) -> Self {
        Self::Error(member)
    }
}

/// An event of a process, tagged by `event`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(tag = "event", expecting = "a ProcessEvent with valid fields")]
pub enum ProcessEvent {
    #[serde(rename = "stdout")]
    Stdout(StdoutFrame),
    #[serde(rename = "stderr")]
    Stderr(StderrFrame),
    #[serde(rename = "message")]
    Message(MessageFrame),
    #[serde(rename = "return")]
    Return(ReturnFrame),
    #[serde(rename = "error")]
    Error(ErrorFrame),
    /// One that this version does not know.
    #[serde(untagged)]
    Unknown(UnknownFrame),
}

impl Serialize for ProcessEvent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Stdout(member) => member.serialize(serializer),
            Self::Stderr(member) => member.serialize(serializer),
            Self::Message(member) => member.serialize(serializer),
            Self::Return(member) => member.serialize(serializer),
            Self::Error(member) => member.serialize(serializer),
            Self::Unknown(member) => member.serialize(serializer),
        }
    }
}

impl From<StdoutFrame> for ProcessEvent {
    fn from(member: StdoutFrame) -> Self {
        Self::Stdout(member)
    }
}

impl From<StderrFrame> for ProcessEvent {
    fn from(member: StderrFrame) -> Self {
        Self::Stderr(member)
    }
}

impl From<MessageFrame> for ProcessEvent {
    fn from(member: MessageFrame) -> Self {
        Self::Message(member)
    }
}

impl From<ReturnFrame> for ProcessEvent {
    fn from(member: ReturnFrame) -> Self {
        Self::Return(member)
    }
}

impl From<ErrorFrame> for ProcessEvent {
    fn from(member: ErrorFrame) -> Self {
        Self::Error(member)
    }
}

/// Read a tag, unless it is that of a member, which has invalid fields then.
fn process_event_tag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let tag = String::deserialize(deserializer)?;
    match tag.as_str() {
        "stdout" => Err(D::Error::custom("invalid fields")),
        "stderr" => Err(D::Error::custom("invalid fields")),
        "message" => Err(D::Error::custom("invalid fields")),
        "return" => Err(D::Error::custom("invalid fields")),
        "error" => Err(D::Error::custom("invalid fields")),
        _ => Ok(tag),
    }
}

/// An expression of a workflow, tagged by its type.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(tag = "type")]
pub enum WorkflowExpression {
    #[serde(rename = "literal")]
    Literal(LiteralExpression),
    #[serde(rename = "process")]
    Process(ProcessExpression),
    #[serde(rename = "pipe")]
    Pipe(PipeExpression),
    #[serde(rename = "fork")]
    Fork(ForkExpression),
    #[serde(rename = "map")]
    Map(MapExpression),
    #[serde(rename = "fold")]
    Fold(FoldExpression),
    #[serde(rename = "cond")]
    Cond(CondExpression),
    #[serde(rename = "iterate")]
    Iterate(IterateExpression),
    #[serde(rename = "take")]
    Take(TakeExpression),
}

impl Serialize for WorkflowExpression {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Literal(member) => member.serialize(serializer),
            Self::Process(member) => member.serialize(serializer),
            Self::Pipe(member) => member.serialize(serializer),
            Self::Fork(member) => member.serialize(serializer),
            Self::Map(member) => member.serialize(serializer),
            Self::Fold(member) => member.serialize(serializer),
            Self::Cond(member) => member.serialize(serializer),
            Self::Iterate(member) => member.serialize(serializer),
            Self::Take(member) => member.serialize(serializer),
        }
    }
}

impl From<LiteralExpression> for WorkflowExpression {
    fn from(member: LiteralExpression) -> Self {
        Self::Literal(member)
    }
}

impl From<ProcessExpression> for WorkflowExpression {
    fn from(member: ProcessExpression) -> Self {
        Self::Process(member)
    }
}

impl From<PipeExpression> for WorkflowExpression {
    fn from(member: PipeExpression) -> Self {
        Self::Pipe(member)
    }
}

impl From<ForkExpression> for WorkflowExpression {
    fn from(member: ForkExpression) -> Self {
        Self::Fork(member)
    }
}

impl From<MapExpression> for WorkflowExpression {
    fn from(member: MapExpression) -> Self {
        Self::Map(member)
    }
}

impl From<FoldExpression> for WorkflowExpression {
    fn from(member: FoldExpression) -> Self {
        Self::Fold(member)
    }
}

impl From<CondExpression> for WorkflowExpression {
    fn from(member: CondExpression) -> Self {
        Self::Cond(member)
    }
}

impl From<IterateExpression> for WorkflowExpression {
    fn from(member: IterateExpression) -> Self {
        Self::Iterate(member)
    }
}

impl From<TakeExpression> for WorkflowExpression {
    fn from(member: TakeExpression) -> Self {
        Self::Take(member)
    }
}

/// Outcome of the identification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuthIdentifyResult {
    /// The server's authentication is disabled; the session is authenticated.
    AuthenticationDisabled,
    /// The session was authenticated before; the server ignored the user name.
    AlreadyAuthenticated,
    /// Challenge to sign with one of the user's keys: 48 random bytes in standard base64.
    Challenge(String),
    /// Any other text, from a server that is newer than the schema.
    OtherIdentification(String),
}

/// Pattern of a [`AuthIdentifyResult::Challenge`].
#[rustfmt::skip]
pub const CHALLENGE_PATTERN: &str = "^[A-Za-z0-9+/]{64}$";

impl From<&str> for AuthIdentifyResult {
    fn from(text: &str) -> Self {
        if text == "Authenticated (Engine disabled authentication)" {
            return Self::AuthenticationDisabled;
        }
        if text == "Already authenticated" {
            return Self::AlreadyAuthenticated;
        }
        static CHALLENGE: Pattern = Pattern::new(|| regex(CHALLENGE_PATTERN));
        if CHALLENGE.is_match(text) {
            return Self::Challenge(text.to_owned());
        }
        Self::OtherIdentification(text.to_owned())
    }
}

type Pattern = LazyLock<regex_lite::Regex>;

fn regex(pattern: &str) -> regex_lite::Regex {
    regex_lite::Regex::new(pattern).expect("a pattern of the schema is valid")
}

/// How a request is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// One reply.
    Call,
    /// Chunks, then one reply.
    Upload,
    /// No reply.
    Notify,
    /// Chunks, and no reply.
    Transfer,
    /// No reply: it answers the server.
    Relay,
}

/// What is known of a request beside its fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestInfo {
    /// Its tag.
    pub name: &'static str,
    /// Type of its fields.
    pub request: &'static str,
    pub kind: Kind,
    /// Names of the server families that know it.
    pub families: &'static [&'static str],
    /// Type of what its reply carries; none if it has no reply, or one that says nothing.
    pub result: Option<&'static str>,
    /// Whether it makes processes.
    pub creates: bool,
    /// Whether it attaches to a process.
    pub claims: bool,
    /// Whether it may be sent again when a connection was lost before the reply.
    pub repeatable: bool,
}

/// The requests, in the order of their numbers.
pub const REQUESTS: [RequestInfo; 22] = [
    RequestInfo {
        name: "auth_identify",
        request: "AuthIdentifyRequest",
        kind: Kind::Call,
        families: &["0.4", "0.5"],
        result: Some("AuthIdentifyResult"),
        creates: false,
        claims: false,
        repeatable: false,
    },
    RequestInfo {
        name: "auth_prove",
        request: "AuthProveRequest",
        kind: Kind::Call,
        families: &["0.4", "0.5"],
        result: None,
        creates: false,
        claims: false,
        repeatable: false,
    },
    RequestInfo {
        name: "auth_by_token",
        request: "AuthByTokenRequest",
        kind: Kind::Call,
        families: &["0.4"],
        result: None,
        creates: false,
        claims: false,
        repeatable: false,
    },
    RequestInfo {
        name: "check_program",
        request: "CheckProgramRequest",
        kind: Kind::Call,
        families: &["0.4", "0.5"],
        result: Some("CheckProgramResult"),
        creates: false,
        claims: false,
        repeatable: true,
    },
    RequestInfo {
        name: "query",
        request: "QueryRequest",
        kind: Kind::Call,
        families: &["0.4", "0.5"],
        result: Some("QueryResult"),
        creates: false,
        claims: false,
        repeatable: true,
    },
    RequestInfo {
        name: "add_program",
        request: "AddProgramRequest",
        kind: Kind::Upload,
        families: &["0.4", "0.5"],
        result: None,
        creates: false,
        claims: false,
        repeatable: false,
    },
    RequestInfo {
        name: "launch_process",
        request: "LaunchProcessRequest",
        kind: Kind::Call,
        families: &["0.4", "0.5"],
        result: Some("LaunchProcessResult"),
        creates: true,
        claims: false,
        repeatable: false,
    },
    RequestInfo {
        name: "launch_processes",
        request: "LaunchProcessesRequest",
        kind: Kind::Call,
        families: &["0.4"],
        result: Some("LaunchProcessesResult"),
        creates: true,
        claims: false,
        repeatable: false,
    },
    RequestInfo {
        name: "run_processes",
        request: "RunProcessesRequest",
        kind: Kind::Call,
        families: &["0.4"],
        result: Some("RunProcessesResult"),
        creates: true,
        claims: false,
        repeatable: false,
    },
    RequestInfo {
        name: "launch_daemon",
        request: "LaunchDaemonRequest",
        kind: Kind::Call,
        families: &["0.4"],
        result: None,
        creates: false,
        claims: false,
        repeatable: false,
    },
    RequestInfo {
        name: "attach_process",
        request: "AttachProcessRequest",
        kind: Kind::Call,
        families: &["0.4", "0.5"],
        result: None,
        creates: false,
        claims: true,
        repeatable: false,
    },
    RequestInfo {
        name: "terminate_process",
        request: "TerminateProcessRequest",
        kind: Kind::Call,
        families: &["0.4", "0.5"],
        result: None,
        creates: false,
        claims: false,
        repeatable: false,
    },
    RequestInfo {
        name: "signal_process",
        request: "SignalProcessRequest",
        kind: Kind::Notify,
        families: &["0.4", "0.5"],
        result: None,
        creates: false,
        claims: false,
        repeatable: false,
    },
    RequestInfo {
        name: "transfer_file",
        request: "TransferFileRequest",
        kind: Kind::Transfer,
        families: &["0.4", "0.5"],
        result: None,
        creates: false,
        claims: false,
        repeatable: false,
    },
    RequestInfo {
        name: "list_processes",
        request: "ListProcessesRequest",
        kind: Kind::Call,
        families: &["0.4", "0.5"],
        result: Some("ListProcessesResult"),
        creates: false,
        claims: false,
        repeatable: true,
    },
    RequestInfo {
        name: "ping",
        request: "PingRequest",
        kind: Kind::Call,
        families: &["0.4", "0.5"],
        result: None,
        creates: false,
        claims: false,
        repeatable: true,
    },
    RequestInfo {
        name: "register_mcp_server",
        request: "RegisterMcpServerRequest",
        kind: Kind::Call,
        families: &["0.4"],
        result: None,
        creates: false,
        claims: false,
        repeatable: false,
    },
    RequestInfo {
        name: "mcp_response",
        request: "McpResponseRequest",
        kind: Kind::Relay,
        families: &["0.4"],
        result: None,
        creates: false,
        claims: false,
        repeatable: false,
    },
    RequestInfo {
        name: "submit_workflow",
        request: "SubmitWorkflowRequest",
        kind: Kind::Call,
        families: &["0.4"],
        result: Some("SubmitWorkflowResult"),
        creates: true,
        claims: false,
        repeatable: false,
    },
    RequestInfo {
        name: "cancel_workflow",
        request: "CancelWorkflowRequest",
        kind: Kind::Call,
        families: &["0.4"],
        result: None,
        creates: false,
        claims: false,
        repeatable: false,
    },
    RequestInfo {
        name: "attach_workflow",
        request: "AttachWorkflowRequest",
        kind: Kind::Call,
        families: &["0.4"],
        result: None,
        creates: false,
        claims: false,
        repeatable: false,
    },
    RequestInfo {
        name: "detach_workflow",
        request: "DetachWorkflowRequest",
        kind: Kind::Call,
        families: &["0.4"],
        result: None,
        creates: false,
        claims: false,
        repeatable: false,
    },
];

/// What is known of a kind of event beside its fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventInfo {
    /// Its tag.
    pub name: &'static str,
    /// Type of its fields; for a file, that of its chunks.
    pub event: &'static str,
    /// Whether it is the last of its process.
    pub terminal: bool,
}

/// The kinds of events.
pub const EVENTS: [EventInfo; 6] = [
    EventInfo {
        name: "stdout",
        event: "StdoutFrame",
        terminal: false,
    },
    EventInfo {
        name: "stderr",
        event: "StderrFrame",
        terminal: false,
    },
    EventInfo {
        name: "message",
        event: "MessageFrame",
        terminal: false,
    },
    EventInfo {
        name: "file",
        event: "FileChunk",
        terminal: false,
    },
    EventInfo {
        name: "return",
        event: "ReturnFrame",
        terminal: true,
    },
    EventInfo {
        name: "error",
        event: "ErrorFrame",
        terminal: true,
    },
];

impl ProcessEvent {
    /// Return whether it is the last event of its process. One of an unknown kind never is.
    pub fn is_terminal(&self) -> bool {
        match self {
            Self::Stdout(_) => false,
            Self::Stderr(_) => false,
            Self::Message(_) => false,
            Self::Return(_) => true,
            Self::Error(_) => true,
            Self::Unknown(_) => false,
        }
    }
}

/// Servers that talk alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Family {
    pub name: &'static str,
    /// Path of the WebSocket's URI.
    pub path: &'static str,
    /// HTTP header that has to name the user, as `tenant/user`.
    pub identity_header: Option<&'static str>,
    /// Largest frame that a server accepts.
    pub frame_bytes: u64,
    /// Largest message that a server accepts.
    pub message_bytes: u64,
}

/// Pie 0.3 and 0.4.
pub const FAMILY_0_4: Family = Family {
    name: "0.4",
    path: "/",
    identity_header: None,
    frame_bytes: 16777216,
    message_bytes: 67108864,
};

/// Pie 0.5.
pub const FAMILY_0_5: Family = Family {
    name: "0.5",
    path: "/v1/ws",
    identity_header: Some("x-pie-identity"),
    frame_bytes: 7340032,
    message_bytes: 7340032,
};

/// The families.
pub const FAMILIES: [Family; 2] = [FAMILY_0_4, FAMILY_0_5];

/// Chunk size of uploads and files, by convention; the last chunk is shorter.
pub const CHUNK_BYTES: u64 = 262144;

/// Largest program or file that a server accepts with its default configuration, in bytes.
pub const UPLOAD_BYTES: u64 = 268435456;

/// Smallest RSA key that a server accepts.
pub const RSA_KEY_BITS: u64 = 2048;

/// Highest TCP port of a daemon. Servers accept larger numbers, but keep only the low 16 bits.
pub const HIGHEST_PORT: u64 = 65535;

/// The host of servers that are not configured otherwise.
pub const DEFAULT_HOST: &str = "127.0.0.1";

/// The port of servers that are not configured otherwise.
pub const DEFAULT_PORT: u16 = 8080;

/// What the value of an identity header must match: a tenant and a user, or a user.
pub const IDENTITY_PATTERN: &str = "^(?:[ -.0-~]*/ *[!-~][ -~]*| *[!-.0-~][ -.0-~]*)$";

/// What an HTTP status or a WebSocket close code means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CodeInfo {
    pub name: &'static str,
    pub value: u16,
    /// Whether a later attempt to connect may succeed.
    pub transient: bool,
}

/// The HTTP statuses with which servers and proxies refuse a connection.
pub const STATUSES: [CodeInfo; 5] = [
    // The identity header is missing or invalid; the body says how.
    CodeInfo {
        name: "identity_refused",
        value: 401,
        transient: false,
    },
    // The URI has another path than that of the WebSocket endpoint.
    CodeInfo {
        name: "no_endpoint",
        value: 404,
        transient: false,
    },
    // A proxy does not reach the server, for instance because it starts.
    CodeInfo {
        name: "bad_gateway",
        value: 502,
        transient: true,
    },
    // A proxy in front of the server is busy, or the server is not ready.
    CodeInfo {
        name: "unavailable",
        value: 503,
        transient: true,
    },
    // A proxy gets no answer from the server in time.
    CodeInfo {
        name: "gateway_timeout",
        value: 504,
        transient: true,
    },
];

/// The close codes of connections that ended.
pub const CLOSE_CODES: [CodeInfo; 5] = [
    // A message is larger than the client accepts.
    CodeInfo {
        name: "message_too_big",
        value: 1009,
        transient: false,
    },
    // The TCP connection ended without a close frame, as when a server exits; no frame has this code.
    CodeInfo {
        name: "no_close_frame",
        value: 1006,
        transient: true,
    },
    // A proxy in front of the server shuts down.
    CodeInfo {
        name: "going_away",
        value: 1001,
        transient: true,
    },
    // A proxy or the service behind it restarts.
    CodeInfo {
        name: "service_restart",
        value: 1012,
        transient: true,
    },
    // A proxy has too much work at the moment.
    CodeInfo {
        name: "try_again_later",
        value: 1013,
        transient: true,
    },
];

/// How a key signs a challenge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignatureInfo {
    /// Kind of the key.
    pub key: &'static str,
    pub scheme: &'static str,
    /// Hash of the challenge that is signed; none if it is part of the scheme.
    pub hash: Option<&'static str>,
    /// Form of the signature: raw, or der for ASN.1.
    pub encoding: &'static str,
}

/// The keys that may sign.
pub const SIGNATURES: [SignatureInfo; 4] = [
    SignatureInfo {
        key: "RSA",
        scheme: "RSASSA-PKCS1-v1_5",
        hash: Some("sha256"),
        encoding: "raw",
    },
    SignatureInfo {
        key: "Ed25519",
        scheme: "Ed25519",
        hash: None,
        encoding: "raw",
    },
    SignatureInfo {
        key: "P-256",
        scheme: "ECDSA",
        hash: Some("sha256"),
        encoding: "der",
    },
    SignatureInfo {
        key: "P-384",
        scheme: "ECDSA",
        hash: Some("sha384"),
        encoding: "der",
    },
];

/// Return the family of a server by its reply to the request whose result is AuthIdentifyResult, or none.
#[rustfmt::skip]
pub fn recognize(ok: bool, result: &str) -> Option<Family> {
    match (ok, AuthIdentifyResult::from(result)) {
        (true, AuthIdentifyResult::AuthenticationDisabled) => Some(FAMILY_0_4),
        (true, AuthIdentifyResult::Challenge(_)) => Some(FAMILY_0_4),
        (true, AuthIdentifyResult::AlreadyAuthenticated) => Some(FAMILY_0_5),
        (true, _) => None,
        _ if fits(result, &["User '", "' is not authorized"]) => Some(FAMILY_0_4),
        _ => None,
    }
}

/// What a text of a server is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// It refuses a request.
    Request,
    /// It ends a process.
    Process,
    /// It arrives in a text message that names no request.
    Connection,
}

/// A class of failures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErrorClass {
    pub name: &'static str,
    pub scope: Scope,
    /// Kind of failure in any language: permission, argument, lookup or state.
    pub category: &'static str,
    /// What to do next.
    pub advice: &'static str,
    /// Texts of servers: the pieces between which any text may be.
    texts: &'static [&'static [&'static str]],
}

/// The classes of failures. An earlier one comes before a later one, if a text fits both.
pub const ERROR_CLASSES: [ErrorClass; 18] = [
    ErrorClass {
        name: "AuthenticationError",
        scope: Scope::Request,
        category: "permission",
        advice: "check the user name and its public key in the server's authorized_users.toml",
        texts: AUTHENTICATION_ERROR,
    },
    ErrorClass {
        name: "InvalidProgramNameError",
        scope: Scope::Request,
        category: "argument",
        advice: "use name@major.minor.patch",
        texts: INVALID_PROGRAM_NAME_ERROR,
    },
    ErrorClass {
        name: "UploadError",
        scope: Scope::Request,
        category: "state",
        advice: "upload the program again, within the server's size limit",
        texts: UPLOAD_ERROR,
    },
    ErrorClass {
        name: "InvalidManifestError",
        scope: Scope::Request,
        category: "argument",
        advice: "correct the manifest and upload it again",
        texts: INVALID_MANIFEST_ERROR,
    },
    ErrorClass {
        name: "InstallError",
        scope: Scope::Request,
        category: "state",
        advice: "rebuild the program, or check the server's log",
        texts: INSTALL_ERROR,
    },
    ErrorClass {
        name: "ProgramNotFoundError",
        scope: Scope::Request,
        category: "lookup",
        advice: "install it first, or check its name and version",
        texts: PROGRAM_NOT_FOUND_ERROR,
    },
    ErrorClass {
        name: "ServerRegistryError",
        scope: Scope::Request,
        category: "state",
        advice: "check the server's registry setting and network, or install the program with install_program",
        texts: SERVER_REGISTRY_ERROR,
    },
    ErrorClass {
        name: "ProcessNotFoundError",
        scope: Scope::Request,
        category: "lookup",
        advice: "check its id with list_processes",
        texts: PROCESS_NOT_FOUND_ERROR,
    },
    ErrorClass {
        name: "WorkflowNotFoundError",
        scope: Scope::Request,
        category: "lookup",
        advice: "submit it again",
        texts: WORKFLOW_NOT_FOUND_ERROR,
    },
    ErrorClass {
        name: "AccessDeniedError",
        scope: Scope::Request,
        category: "permission",
        advice: "authenticate as its owner, also before the launch",
        texts: ACCESS_DENIED_ERROR,
    },
    ErrorClass {
        name: "AlreadyAttachedError",
        scope: Scope::Request,
        category: "state",
        advice: "close that connection, or terminate the process and launch it again",
        texts: ALREADY_ATTACHED_ERROR,
    },
    ErrorClass {
        name: "InvalidRequestError",
        scope: Scope::Request,
        category: "argument",
        advice: "correct the argument",
        texts: INVALID_REQUEST_ERROR,
    },
    ErrorClass {
        name: "ProcessTerminatedError",
        scope: Scope::Process,
        category: "state",
        advice: "launch it again if this was not intended",
        texts: PROCESS_TERMINATED_ERROR,
    },
    ErrorClass {
        name: "TokenBudgetError",
        scope: Scope::Process,
        category: "state",
        advice: "launch it with a larger token_budget",
        texts: TOKEN_BUDGET_ERROR,
    },
    ErrorClass {
        name: "StreamAbortedError",
        scope: Scope::Connection,
        category: "state",
        advice: "send the request again",
        texts: STREAM_ABORTED_ERROR,
    },
    ErrorClass {
        name: "BadFrameError",
        scope: Scope::Connection,
        category: "state",
        advice: "check that the server's release supports the request",
        texts: BAD_FRAME_ERROR,
    },
    ErrorClass {
        name: "FrameTooLargeError",
        scope: Scope::Connection,
        category: "argument",
        advice: "send less data, or send it as a file",
        texts: FRAME_TOO_LARGE_ERROR,
    },
    ErrorClass {
        name: "ServerBusyError",
        scope: Scope::Connection,
        category: "state",
        advice: "retry later",
        texts: SERVER_BUSY_ERROR,
    },
];

#[rustfmt::skip]
const AUTHENTICATION_ERROR: &[&[&str]] = &[
    &["User '", "' is not authorized"],
    &["No pending authentication"],
    &["Invalid signature encoding: ", ""],
    &["Signature verification failed"],
    &["Invalid token"],
    &["Already authenticated"],
];

#[rustfmt::skip]
const INVALID_PROGRAM_NAME_ERROR: &[&[&str]] = &[
    &["Invalid program identifier '", "': expected 'name@major.minor.patch'"],
];

#[rustfmt::skip]
const UPLOAD_ERROR: &[&[&str]] = &[
    &["First chunk index must be 0"],
    &["Chunk count mismatch: expected ", ", got ", ""],
    &["Out-of-order chunk: expected ", ", got ", ""],
    &["upload exceeds max_upload_mb cap of ", " MiB"],
    &["Program hash mismatch: declared ", ", uploaded ", ""],
    &["Upload must have at least one chunk"],
];

#[rustfmt::skip]
const INVALID_MANIFEST_ERROR: &[&[&str]] = &[
    &["Invalid manifest: ", ""],
];

#[rustfmt::skip]
const INSTALL_ERROR: &[&[&str]] = &[
    &["Failed to compile WASM: ", ""],
    &["Compilation task failed: ", ""],
    &["Failed to create directory ", ""],
    &["Failed to write WASM file: ", ""],
    &["writing ", ": ", ""],
    &["Failed to write manifest file: ", ""],
    &["Failed to read WASM file: ", ""],
    &["no ", " language component at ", ""],
    &["", " is not UTF-8 ", " source: ", ""],
    &["program ", " is not installed (looked in ", "), and ", " depends on it"],
    &["", " depends on ", ", which is a ", " script; only a component can be a dependency"],
];

#[rustfmt::skip]
const PROGRAM_NOT_FOUND_ERROR: &[&[&str]] = &[
    &["Manifest not found for program: ", ""],
    &["Manifest not found for: ", ""],
    &["Failed to download manifest: ", " returned 404 Not Found"],
    &["Failed to download WASM: ", " returned 404 Not Found"],
    &["Program not found: ", ""],
    &["no program named '", "' is installed"],
    &["program ", " is not installed (looked in ", ")"],
];

#[rustfmt::skip]
const SERVER_REGISTRY_ERROR: &[&[&str]] = &[
    &["Failed to download manifest: ", " returned ", ""],
    &["Failed to download manifest from ", ": ", ""],
    &["Failed to read manifest response: ", ""],
    &["Failed to download WASM: ", " returned ", ""],
    &["Failed to download WASM from ", ": ", ""],
    &["Failed to read WASM response: ", ""],
];

#[rustfmt::skip]
const PROCESS_NOT_FOUND_ERROR: &[&[&str]] = &[
    &["Process not found"],
    &["Cannot attach: Service not found"],
];

#[rustfmt::skip]
const WORKFLOW_NOT_FOUND_ERROR: &[&[&str]] = &[
    &["Workflow not found"],
    &["Service not found"],
    &["Service channel closed"],
];

#[rustfmt::skip]
const ACCESS_DENIED_ERROR: &[&[&str]] = &[
    &["Permission denied"],
];

#[rustfmt::skip]
const ALREADY_ATTACHED_ERROR: &[&[&str]] = &[
    &["Cannot attach: already attached"],
    &["already attached"],
];

#[rustfmt::skip]
const INVALID_REQUEST_ERROR: &[&[&str]] = &[
    &["Invalid process_id"],
    &["Invalid process ID"],
    &["token_budgets length ", " does not match inputs length ", ""],
    &["unknown query subject \"", "\" (known: model_status)"],
    &["Invalid workflow ID"],
    &["Invalid workflow JSON: ", ""],
    &["Workflow has no executable steps"],
];

#[rustfmt::skip]
const PROCESS_TERMINATED_ERROR: &[&[&str]] = &[
    &["Signal"],
    &["cancelled"],
];

#[rustfmt::skip]
const TOKEN_BUDGET_ERROR: &[&[&str]] = &[
    &["pin: token budget exhausted for context ", " (requested ", " tokens)"],
];

#[rustfmt::skip]
const STREAM_ABORTED_ERROR: &[&[&str]] = &[
    &["stream aborted"],
];

#[rustfmt::skip]
const BAD_FRAME_ERROR: &[&[&str]] = &[
    &["bad client frame: ", ""],
];

#[rustfmt::skip]
const FRAME_TOO_LARGE_ERROR: &[&[&str]] = &[
    &["request too large: ", " bytes, limit ", " (send large inputs as a blob reference, not inline)"],
];

#[rustfmt::skip]
const SERVER_BUSY_ERROR: &[&[&str]] = &[
    &["no worker available"],
    &["admission rejected: ", ""],
    &["gateway draining"],
];

/// Return the class of a server's text, or none if it is not known. A text without varying parts comes first.
pub fn classify(scope: Scope, text: &str) -> Option<&'static ErrorClass> {
    static CLASSES: [ErrorClass; 18] = ERROR_CLASSES;
    let known = || CLASSES.iter().filter(|class| class.scope == scope);
    known()
        .find(|class| class.texts.iter().any(|pieces| *pieces == [text]))
        .or_else(|| known().find(|class| class.texts.iter().any(|pieces| fits(text, pieces))))
}

/// Return whether a text is made of pieces with any text between them.
fn fits(text: &str, pieces: &[&str]) -> bool {
    let [first, middle @ .., last] = pieces else {
        return pieces == [text];
    };
    let Some(rest) = text.strip_prefix(first) else {
        return false;
    };
    let Some(mut rest) = rest.strip_suffix(last) else {
        return false;
    };
    for piece in middle {
        match rest.find(piece) {
            Some(place) => rest = &rest[place + piece.len()..],
            None => return false,
        }
    }
    true
}
