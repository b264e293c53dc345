"""One typed call for each request of the protocol.

Written by `python -m codegen generate` from the schema; never edited.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Protocol, TypeAlias, TypeVar

from pie_client._generated import encoders as _encoders
from pie_client._generated import methods as _methods
from pie_client._generated.methods import Method
from pie_client.lazy import LazyModule

if TYPE_CHECKING:
    import pydantic  # pyright: ignore[reportUnusedImport] - for calls that take any JSON value

    from pie_client import content as contents
    from pie_client._generated import models, results
else:
    contents = LazyModule("pie_client.content")
    models = LazyModule("pie_client._generated.models")
    pydantic = LazyModule("pydantic")
    results = LazyModule("pie_client._generated.results")

_R = TypeVar("_R")

Fields: TypeAlias = Mapping[str, object]
"""The fields of a request on the wire."""


class Caller(Protocol):
    """Sends requests to a server and returns the decoded results."""

    async def call(self, method: Method[_R], build: Callable[[int], Fields], timeout: float | None) -> _R:
        """Send the fields built for a correlation number, and return the decoded result of its reply."""
        ...

    async def notify(self, method: Method[None], build: Callable[[], Fields], timeout: float | None) -> None:
        """Send a message that has no reply."""
        ...

    async def upload(
        self,
        method: Method[_R],
        build: Callable[[int, contents.Chunk], Fields],
        content: bytes | contents.Content,
        timeout: float | None,
    ) -> _R:
        """Send a message for each chunk under one correlation number, and return the decoded result of the one reply."""
        ...

    async def transfer(
        self,
        method: Method[None],
        build: Callable[[contents.Chunk], Fields],
        content: bytes | contents.Content,
        timeout: float | None,
    ) -> None:
        """Send a message for each chunk; there is no reply."""
        ...


class Calls:
    """Every request of the protocol as a typed call, for what the client's own methods do not cover.

    Each call takes the fields of its request as keyword arguments.

    Raises (every call):
        RefusedError: The server refused the request; its subclasses say why.
        UnsupportedError: The server's family does not know the request or a field of it; nothing was sent.
        InvalidArgumentError: An argument does not have the schema's type; nothing was sent.
        DeadlineError: No reply arrived within ``timeout``.
        PieConnectionError: The connection is closed, or was lost before the reply.
        ProtocolError: The reply does not match the schema.
    """

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    async def auth_identify(
        self, *, username: str, timeout: float | None = None
    ) -> results.AuthIdentifyResult:
        """Identify the user of the session.

        0.4 servers require it before any other request, even with authentication disabled. With
        authentication enabled, the result is a challenge to sign. 0.5 servers always reply that the session
        is authenticated.

        Known to 0.4 and 0.5 servers since release 0.3.

        Args:
            username: Name of the user.
            timeout: Seconds until the call is complete; None for the client's default, ``math.inf`` for
                no limit.

        Returns:
            Outcome of the identification.

        See ``schema/requests/auth_identify.json``.
        """
        return await self._caller.call(
            _methods.AUTH_IDENTIFY, lambda _corr_id: _encoders.auth_identify(_corr_id, username), timeout
        )

    async def auth_prove(self, *, signature: str, timeout: float | None = None) -> str:
        """Answer a challenge with its signature.

        Each challenge can be answered once; start another attempt with auth_identify.

        Known to 0.4 and 0.5 servers since release 0.3.

        Args:
            signature: Signature of the challenge's bytes in standard base64 with padding: PKCS#1 v1.5
                with SHA-256 for RSA, raw for Ed25519, ASN.1 DER for ECDSA (SHA-256 on P-256, SHA-384 on
                P-384).
            timeout: Seconds until the call is complete; None for the client's default, ``math.inf`` for
                no limit.

        Returns:
            The server's confirmation, "Authenticated".

        See ``schema/requests/auth_prove.json``.
        """
        return await self._caller.call(
            _methods.AUTH_PROVE, lambda _corr_id: _encoders.auth_prove(_corr_id, signature), timeout
        )

    async def auth_by_token(self, *, token: str, timeout: float | None = None) -> str:
        """Authenticate with the server's internal token, as back ends do.

        The server refuses a wrong token after one to three seconds.

        Known to 0.4 servers since release 0.3.

        Args:
            token: Internal token. The server creates a new one at each start.
            timeout: Seconds until the call is complete; None for the client's default, ``math.inf`` for
                no limit.

        Returns:
            The server's confirmation, "Authenticated".

        See ``schema/requests/auth_by_token.json``.
        """
        return await self._caller.call(
            _methods.AUTH_BY_TOKEN, lambda _corr_id: _encoders.auth_by_token(_corr_id, token), timeout
        )

    async def check_program(
        self,
        *,
        name: str,
        version: str,
        wasm_hash: models.Blake3Digest | None = None,
        manifest_hash: models.Blake3Digest | None = None,
        timeout: float | None = None,
    ) -> models.CheckProgramResult:
        """Check whether a program is installed.

        Servers do not compare the hashes, and report a program that failed to compile as installed.

        Known to 0.4 and 0.5 servers since release 0.3.

        Args:
            name: Name of the program, without its version.
            version: Version as major.minor.patch.
            wasm_hash: Digest of the program's bytes. Servers ignore it. Only 0.4 servers know it.
            manifest_hash: Digest of the manifest's bytes. Servers ignore it. Only 0.4 servers know it.
            timeout: Seconds until the call is complete; None for the client's default, ``math.inf`` for
                no limit.

        Returns:
            Whether the program is installed in this version.

        See ``schema/requests/check_program.json``.
        """
        return await self._caller.call(
            _methods.CHECK_PROGRAM,
            lambda _corr_id: _encoders.check_program(_corr_id, name, version, wasm_hash, manifest_hash),
            timeout,
        )

    async def query(self, *, subject: str, record: str, timeout: float | None = None) -> models.QueryResult:
        """Query the state of the server.

        Every server knows the subject model_status. 0.4 servers do not reply to any other.

        Known to 0.4 and 0.5 servers since release 0.3.

        Args:
            subject: Subject of the query.
            record: Required on the wire, but ignored by servers.
            timeout: Seconds until the call is complete; None for the client's default, ``math.inf`` for
                no limit.

        Returns:
            A flat object. For model_status, the keys are `<model>.<statistic>` and the values are integers or
            lists of integers. Every server has kv_pages_used, kv_pages_total, total_batches,
            total_tokens_processed, last_batch_latency_us and avg_batch_latency_us.

        See ``schema/requests/query.json``.
        """
        return await self._caller.call(
            _methods.QUERY, lambda _corr_id: _encoders.query(_corr_id, subject, record), timeout
        )

    async def add_program(
        self,
        *,
        content: bytes | contents.Content,
        manifest: str,
        force_overwrite: bool = False,
        timeout: float | None = None,
    ) -> str:
        """Upload a program with its manifest, and install it.

        Each chunk repeats every field except the manifest, which only the first carries. The server answers
        the last chunk, or the first that it rejects. If the name and version exist already, the request
        succeeds without force_overwrite, and the server discards the new bytes.

        Known to 0.4 and 0.5 servers since release 0.3.

        Args:
            content: The bytes to send, or a source of chunks.
            manifest: The program's Pie.toml.
            force_overwrite: Replace an installed program of the same name and version.
            timeout: Seconds until the next chunk is sent; None for the client's default, ``math.inf`` for
                no limit.

        Returns:
            The server's confirmation, "Program installed successfully".

        See ``schema/requests/add_program.json``.
        """
        return await self._caller.upload(
            _methods.ADD_PROGRAM,
            lambda _corr_id, _chunk: _encoders.add_program(
                _corr_id,
                _chunk.digest,
                manifest if _chunk.index == 0 else "",
                force_overwrite,
                _chunk.index,
                _chunk.total,
                _chunk.data,
            ),
            content,
            timeout,
        )

    async def launch_process(
        self,
        *,
        inferlet: models.ProgramName,
        input: models.JsonText,
        capture_outputs: bool = True,
        token_budget: models.Usize | None = None,
        timeout: float | None = None,
    ) -> str:
        """Start a program as a new process.

        The reply means that the server accepted the launch; later failures arrive as the error event of the
        process. 0.4 servers may download and compile the program first, and delay everything else on the
        connection.

        Known to 0.4 and 0.5 servers since release 0.3.

        Args:
            inferlet: Program to run.
            input: JSON text that the program receives unchanged. The server does not parse it.
            capture_outputs: Whether to send the output of the process to this connection. Otherwise the
                server discards stdout and stderr, and the result names no process.
            token_budget: Maximum number of tokens that the process may send through the model. Default:
                the server's. Only 0.4 servers know it.
            timeout: Seconds until the call is complete; None for the client's default, ``math.inf`` for
                no limit.

        Returns:
            Id of the new process; empty if its output is not captured.

        See ``schema/requests/launch_process.json``.
        """
        return await self._caller.call(
            _methods.LAUNCH_PROCESS,
            lambda _corr_id: _encoders.launch_process(
                _corr_id, inferlet, input, capture_outputs, token_budget
            ),
            timeout,
        )

    async def launch_processes(
        self,
        *,
        inferlet: models.ProgramName,
        inputs: list[models.JsonText],
        capture_outputs: bool = True,
        token_budgets: list[models.Usize | None] | None = None,
        timeout: float | None = None,
    ) -> models.LaunchProcessesResult:
        """Start one process for each input.

        0.3 servers never reply.

        Known to 0.4 servers since release 0.4.

        Args:
            inferlet: Program to run.
            inputs: JSON text for each process, in order.
            capture_outputs: Whether to send the output of the process to this connection. Otherwise the
                server discards stdout and stderr, and the result names no process.
            token_budgets: Token budget for each process, in the order of the inputs.
            timeout: Seconds until the call is complete; None for the client's default, ``math.inf`` for
                no limit.

        Returns:
            Ids of the new processes in the order of the inputs, even if their output is not captured.

        See ``schema/requests/launch_processes.json``.
        """
        return await self._caller.call(
            _methods.LAUNCH_PROCESSES,
            lambda _corr_id: _encoders.launch_processes(
                _corr_id, inferlet, inputs, capture_outputs, token_budgets
            ),
            timeout,
        )

    async def run_processes(
        self,
        *,
        inferlet: models.ProgramName,
        inputs: list[models.JsonText],
        token_budgets: list[models.Usize | None] | None = None,
        timeout: float | None = None,
    ) -> models.RunProcessesResult:
        """Run one process for each input and wait for all of them.

        The server handles nothing else on this connection until they finish. 0.3 servers never reply.

        Known to 0.4 servers since release 0.4.

        Args:
            inferlet: Program to run.
            inputs: JSON text for each process, in order.
            token_budgets: Token budget for each process, in the order of the inputs.
            timeout: Seconds until the call is complete; None for the client's default, ``math.inf`` for
                no limit.

        Returns:
            Return value of each process as text, in the order of the inputs.

        See ``schema/requests/run_processes.json``.
        """
        return await self._caller.call(
            _methods.RUN_PROCESSES,
            lambda _corr_id: _encoders.run_processes(_corr_id, inferlet, inputs, token_budgets),
            timeout,
        )

    async def launch_daemon(
        self, *, port: int, inferlet: models.ProgramName, input: models.JsonText, timeout: float | None = None
    ) -> str:
        """Start a program that serves HTTP on a port of the server's loopback interface.

        The server replies before it binds the port: if the port is in use, only its log says so. A daemon
        can't be listed or stopped.

        Known to 0.4 servers since release 0.3.

        Args:
            port: TCP port. Servers keep only the low 16 bits.
            inferlet: Program to run.
            input: JSON text. Servers ignore it.
            timeout: Seconds until the call is complete; None for the client's default, ``math.inf`` for
                no limit.

        Returns:
            The server's confirmation, "server launched".

        See ``schema/requests/launch_daemon.json``.
        """
        return await self._caller.call(
            _methods.LAUNCH_DAEMON,
            lambda _corr_id: _encoders.launch_daemon(_corr_id, port, inferlet, input),
            timeout,
        )

    async def attach_process(self, *, process_id: models.ProcessId, timeout: float | None = None) -> str:
        """Attach to a running process and receive its events.

        Buffered events follow the reply. 0.4 servers report a process as not found if another connection is
        attached to it, even a dead one.

        Known to 0.4 and 0.5 servers since release 0.3.

        Args:
            process_id: Id of the process.
            timeout: Seconds until the call is complete; None for the client's default, ``math.inf`` for
                no limit.

        Returns:
            The server's confirmation, "Process attached".

        See ``schema/requests/attach_process.json``.
        """
        return await self._caller.call(
            _methods.ATTACH_PROCESS, lambda _corr_id: _encoders.attach_process(_corr_id, process_id), timeout
        )

    async def terminate_process(self, *, process_id: models.ProcessId, timeout: float | None = None) -> str:
        """Terminate a process.

        Its error event may arrive before or after the reply.

        Known to 0.4 and 0.5 servers since release 0.3.

        Args:
            process_id: Id of the process.
            timeout: Seconds until the call is complete; None for the client's default, ``math.inf`` for
                no limit.

        Returns:
            The server's confirmation, "Process terminated".

        See ``schema/requests/terminate_process.json``.
        """
        return await self._caller.call(
            _methods.TERMINATE_PROCESS,
            lambda _corr_id: _encoders.terminate_process(_corr_id, process_id),
            timeout,
        )

    async def signal_process(
        self, *, process_id: models.ProcessId, message: str, timeout: float | None = None
    ) -> None:
        """Send a text message to a process of this connection.

        Servers never reply, and ignore the message if this connection is not attached to the process.

        Known to 0.4 and 0.5 servers since release 0.3.

        Args:
            process_id: Id of the process.
            message: Text that the process receives.
            timeout: Seconds until the call is complete; None for the client's default, ``math.inf`` for
                no limit.

        See ``schema/requests/signal_process.json``.
        """
        return await self._caller.notify(
            _methods.SIGNAL_PROCESS, lambda: _encoders.signal_process(process_id, message), timeout
        )

    async def transfer_file(
        self, *, content: bytes | contents.Content, process_id: models.ProcessId, timeout: float | None = None
    ) -> None:
        """Send a file to a process of this connection, in chunks.

        Servers never reply. They discard the file if the process is not waiting for one.

        Known to 0.4 and 0.5 servers since release 0.3.

        Args:
            content: The bytes to send, or a source of chunks.
            process_id: Id of the process.
            timeout: Seconds until the next chunk is sent; None for the client's default, ``math.inf`` for
                no limit.

        See ``schema/requests/transfer_file.json``.
        """
        return await self._caller.transfer(
            _methods.TRANSFER_FILE,
            lambda _chunk: _encoders.transfer_file(
                process_id, _chunk.digest, _chunk.index, _chunk.total, _chunk.data
            ),
            content,
            timeout,
        )

    async def list_processes(self, *, timeout: float | None = None) -> models.ListProcessesResult:
        """List the running processes of the session's user.

        0.5 servers run every session as the same user, so they list all processes.

        Known to 0.4 and 0.5 servers since release 0.3.

        Args:
            timeout: Seconds until the call is complete; None for the client's default, ``math.inf`` for
                no limit.

        Returns:
            The running processes, in no particular order.

        See ``schema/requests/list_processes.json``.
        """
        return await self._caller.call(_methods.LIST_PROCESSES, _encoders.list_processes, timeout)

    async def ping(self, *, timeout: float | None = None) -> str:
        """Wait for a reply of the session.

        0.4 servers reply after the session's earlier requests, so the time includes those.

        Known to 0.4 and 0.5 servers since release 0.3.

        Args:
            timeout: Seconds until the call is complete; None for the client's default, ``math.inf`` for
                no limit.

        Returns:
            The server's confirmation, "Pong".

        See ``schema/requests/ping.json``.
        """
        return await self._caller.call(_methods.PING, _encoders.ping, timeout)

    async def register_mcp_server(
        self,
        *,
        name: str,
        transport: str,
        command: str | None = None,
        args: list[str] | None = None,
        url: str | None = None,
        timeout: float | None = None,
    ) -> str:
        """Register an MCP server that this client runs for the inferlets of this connection.

        Servers validate nothing and accept duplicates.

        Known to 0.4 servers since release 0.3.

        Args:
            name: Name of the MCP server, for inferlets.
            transport: Transport between the client and the MCP server.
            command: Program that the client starts.
            args: Arguments of the program.
            url: URL of an MCP server with HTTP transport.
            timeout: Seconds until the call is complete; None for the client's default, ``math.inf`` for
                no limit.

        Returns:
            The server's confirmation, "MCP server registered".

        See ``schema/requests/register_mcp_server.json``.
        """
        return await self._caller.call(
            _methods.REGISTER_MCP_SERVER,
            lambda _corr_id: _encoders.register_mcp_server(_corr_id, name, transport, command, args, url),
            timeout,
        )

    async def mcp_response(
        self, *, corr_id: models.CorrelationId, ok: bool, result: str, timeout: float | None = None
    ) -> None:
        """Answer a relayed MCP call.

        Without an answer, the inferlet waits until it is terminated.

        Known to 0.4 servers since release 0.3.

        Args:
            corr_id: Number of the relayed call.
            ok: Whether the call succeeded.
            result: JSON text of the JSON-RPC result, or of an MCP error object.
            timeout: Seconds until the call is complete; None for the client's default, ``math.inf`` for
                no limit.

        See ``schema/requests/mcp_response.json``.
        """
        return await self._caller.notify(
            _methods.MCP_RESPONSE, lambda: _encoders.mcp_response(corr_id, ok, result), timeout
        )

    async def submit_workflow(self, *, json_: str, timeout: float | None = None) -> str:
        """Start a workflow: an expression over programs.

        The events of its processes arrive with ids that the client does not know, and its result can't be
        fetched.

        Known to 0.4 servers since release 0.3.

        Args:
            json_: JSON text of the expression.
            timeout: Seconds until the call is complete; None for the client's default, ``math.inf`` for
                no limit.

        Returns:
            Id of the workflow.

        See ``schema/requests/submit_workflow.json``.
        """
        return await self._caller.call(
            _methods.SUBMIT_WORKFLOW, lambda _corr_id: _encoders.submit_workflow(_corr_id, json_), timeout
        )

    async def cancel_workflow(self, *, workflow_id: models.WorkflowId, timeout: float | None = None) -> str:
        """Cancel a workflow.

        Servers do not check that the workflow belongs to the user.

        Known to 0.4 servers since release 0.3.

        Args:
            workflow_id: Id of the workflow.
            timeout: Seconds until the call is complete; None for the client's default, ``math.inf`` for
                no limit.

        Returns:
            The server's confirmation, "Workflow cancelled".

        See ``schema/requests/cancel_workflow.json``.
        """
        return await self._caller.call(
            _methods.CANCEL_WORKFLOW,
            lambda _corr_id: _encoders.cancel_workflow(_corr_id, workflow_id),
            timeout,
        )

    async def attach_workflow(self, *, workflow_id: models.WorkflowId, timeout: float | None = None) -> str:
        """Attach to a workflow and receive its events.

        Known to 0.4 servers since release 0.3.

        Args:
            workflow_id: Id of the workflow.
            timeout: Seconds until the call is complete; None for the client's default, ``math.inf`` for
                no limit.

        Returns:
            The server's confirmation, "Workflow attached".

        See ``schema/requests/attach_workflow.json``.
        """
        return await self._caller.call(
            _methods.ATTACH_WORKFLOW,
            lambda _corr_id: _encoders.attach_workflow(_corr_id, workflow_id),
            timeout,
        )

    async def detach_workflow(self, *, workflow_id: models.WorkflowId, timeout: float | None = None) -> str:
        """Detach from a workflow. The server buffers its events.

        Servers check neither that the workflow belongs to the user nor that it exists.

        Known to 0.4 servers since release 0.3.

        Args:
            workflow_id: Id of the workflow.
            timeout: Seconds until the call is complete; None for the client's default, ``math.inf`` for
                no limit.

        Returns:
            The server's confirmation, "Workflow detached".

        See ``schema/requests/detach_workflow.json``.
        """
        return await self._caller.call(
            _methods.DETACH_WORKFLOW,
            lambda _corr_id: _encoders.detach_workflow(_corr_id, workflow_id),
            timeout,
        )


__all__ = ["Caller", "Calls", "Fields"]
