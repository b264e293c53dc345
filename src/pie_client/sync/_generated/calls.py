"""Synchronous classes for ``pie_client._generated.calls``.

Written by `python -m codegen generate` from the asynchronous classes; never edited.
"""

from __future__ import annotations

from pie_client.lazy import LazyModule

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which would load typing
if TYPE_CHECKING:
    from pie_client import content as contents
    from pie_client._generated import calls as aio
    from pie_client._generated import models, results
    from pie_client.sync import loop_thread
else:
    contents = LazyModule("pie_client.content")
    models = LazyModule("pie_client._generated.models")
    results = LazyModule("pie_client._generated.results")
    aio = LazyModule("pie_client._generated.calls")
    loop_thread = LazyModule("pie_client.sync.loop_thread")


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

    __slots__ = ("__weakref__", "_async", "_thread")

    def __init__(self, thread: loop_thread.LoopThread, asynchronous: aio.Calls) -> None:
        self._thread = thread
        self._async = asynchronous

    def auth_identify(self, *, username: str, timeout: float | None = None) -> results.AuthIdentifyResult:
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
        return self._thread.wait(lambda: self._async.auth_identify(username=username, timeout=timeout))

    def auth_prove(self, *, signature: str, timeout: float | None = None) -> str:
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
        return self._thread.wait(lambda: self._async.auth_prove(signature=signature, timeout=timeout))

    def auth_by_token(self, *, token: str, timeout: float | None = None) -> str:
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
        return self._thread.wait(lambda: self._async.auth_by_token(token=token, timeout=timeout))

    def check_program(
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
        return self._thread.wait(
            lambda: self._async.check_program(
                name=name, version=version, wasm_hash=wasm_hash, manifest_hash=manifest_hash, timeout=timeout
            )
        )

    def query(self, *, subject: str, record: str, timeout: float | None = None) -> models.QueryResult:
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
        return self._thread.wait(lambda: self._async.query(subject=subject, record=record, timeout=timeout))

    def add_program(
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
        return self._thread.wait(
            lambda: self._async.add_program(
                content=content, manifest=manifest, force_overwrite=force_overwrite, timeout=timeout
            )
        )

    def launch_process(
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
        return self._thread.wait(
            lambda: self._async.launch_process(
                inferlet=inferlet,
                input=input,
                capture_outputs=capture_outputs,
                token_budget=token_budget,
                timeout=timeout,
            )
        )

    def launch_processes(
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
        return self._thread.wait(
            lambda: self._async.launch_processes(
                inferlet=inferlet,
                inputs=inputs,
                capture_outputs=capture_outputs,
                token_budgets=token_budgets,
                timeout=timeout,
            )
        )

    def run_processes(
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
        return self._thread.wait(
            lambda: self._async.run_processes(
                inferlet=inferlet, inputs=inputs, token_budgets=token_budgets, timeout=timeout
            )
        )

    def launch_daemon(
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
        return self._thread.wait(
            lambda: self._async.launch_daemon(port=port, inferlet=inferlet, input=input, timeout=timeout)
        )

    def attach_process(self, *, process_id: models.ProcessId, timeout: float | None = None) -> str:
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
        return self._thread.wait(lambda: self._async.attach_process(process_id=process_id, timeout=timeout))

    def terminate_process(self, *, process_id: models.ProcessId, timeout: float | None = None) -> str:
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
        return self._thread.wait(
            lambda: self._async.terminate_process(process_id=process_id, timeout=timeout)
        )

    def signal_process(
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
        self._thread.wait(
            lambda: self._async.signal_process(process_id=process_id, message=message, timeout=timeout)
        )

    def transfer_file(
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
        self._thread.wait(
            lambda: self._async.transfer_file(content=content, process_id=process_id, timeout=timeout)
        )

    def list_processes(self, *, timeout: float | None = None) -> models.ListProcessesResult:
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
        return self._thread.wait(lambda: self._async.list_processes(timeout=timeout))

    def ping(self, *, timeout: float | None = None) -> str:
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
        return self._thread.wait(lambda: self._async.ping(timeout=timeout))

    def register_mcp_server(
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
        return self._thread.wait(
            lambda: self._async.register_mcp_server(
                name=name, transport=transport, command=command, args=args, url=url, timeout=timeout
            )
        )

    def mcp_response(
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
        self._thread.wait(
            lambda: self._async.mcp_response(corr_id=corr_id, ok=ok, result=result, timeout=timeout)
        )

    def submit_workflow(self, *, json_: str, timeout: float | None = None) -> str:
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
        return self._thread.wait(lambda: self._async.submit_workflow(json_=json_, timeout=timeout))

    def cancel_workflow(self, *, workflow_id: models.WorkflowId, timeout: float | None = None) -> str:
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
        return self._thread.wait(
            lambda: self._async.cancel_workflow(workflow_id=workflow_id, timeout=timeout)
        )

    def attach_workflow(self, *, workflow_id: models.WorkflowId, timeout: float | None = None) -> str:
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
        return self._thread.wait(
            lambda: self._async.attach_workflow(workflow_id=workflow_id, timeout=timeout)
        )

    def detach_workflow(self, *, workflow_id: models.WorkflowId, timeout: float | None = None) -> str:
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
        return self._thread.wait(
            lambda: self._async.detach_workflow(workflow_id=workflow_id, timeout=timeout)
        )

    def __repr__(self) -> str:
        return repr(self._async)


__all__ = ["Calls"]
