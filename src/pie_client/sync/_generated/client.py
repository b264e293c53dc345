"""Synchronous classes for ``pie_client.client``.

Written by `python -m codegen generate` from the asynchronous classes; never edited.
"""

from __future__ import annotations

import os

from pie_client.client import DEFAULT_TIMEOUT
from pie_client.lazy import LazyModule

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, which would load typing
if TYPE_CHECKING:
    import ssl as ssl_module
    import typing
    from collections import abc
    from typing import overload

    import pydantic

    from pie_client import client as aio
    from pie_client import errors, otel
    from pie_client._generated import mcp, models
    from pie_client.auth import keys, server_info
    from pie_client.client import I, P, R, T
    from pie_client.connection import contents, observing
    from pie_client.connection import reconnect as reconnecting
    from pie_client.connection import state as connection_state
    from pie_client.maps import mapping
    from pie_client.programs import functions
    from pie_client.protocol import shares
    from pie_client.sync import feeds, loop_thread
    from pie_client.sync._generated import calls as sync_calls
    from pie_client.sync._generated import launching as sync_launching
    from pie_client.sync._generated import mapping as sync_mapping
    from pie_client.sync._generated import process as sync_process
else:
    abc = LazyModule("collections.abc")
    connection_state = LazyModule("pie_client.connection.state")
    contents = LazyModule("pie_client.connection.contents")
    errors = LazyModule("pie_client.errors")
    functions = LazyModule("pie_client.programs.functions")
    keys = LazyModule("pie_client.auth.keys")
    mapping = LazyModule("pie_client.maps.mapping")
    mcp = LazyModule("pie_client._generated.mcp")
    models = LazyModule("pie_client._generated.models")
    observing = LazyModule("pie_client.connection.observing")
    otel = LazyModule("pie_client.otel")
    pydantic = LazyModule("pydantic")
    reconnecting = LazyModule("pie_client.connection.reconnect")
    server_info = LazyModule("pie_client.auth.server_info")
    shares = LazyModule("pie_client.protocol.shares")
    ssl_module = LazyModule("ssl")
    typing = LazyModule("typing")
    aio = LazyModule("pie_client.client")
    feeds = LazyModule("pie_client.sync.feeds")
    loop_thread = LazyModule("pie_client.sync.loop_thread")
    sync_calls = LazyModule("pie_client.sync._generated.calls")
    sync_launching = LazyModule("pie_client.sync._generated.launching")
    sync_mapping = LazyModule("pie_client.sync._generated.mapping")
    sync_process = LazyModule("pie_client.sync._generated.process")


class PieClient:
    """A client of a Pie server.

    Use it as a context manager, or call :meth:`connect` and :meth:`close`. It supports servers of the 0.3/0.4
    and 0.5 families and detects the family. Any number of threads may use one client concurrently.
    Keep the client while you use its processes: one that is garbage-collected without :meth:`close` warns
    (ResourceWarning) and drops its connection.

    Methods that wait take ``timeout``, in seconds, except :meth:`connect`, which has ``open_timeout``, :meth:`run`, for
    which there is :meth:`run_with`, and :meth:`close` and :meth:`unregister_mcp_server`. None, the default, stands for the client's
    ``timeout``, or for no limit where a method says so. ``math.inf`` always means no limit. A method that runs out of
    time raises DeadlineError, and the connection stays usable.

    Args:
        server_uri: WebSocket URI, e.g. ``"ws://127.0.0.1:8080"``. Default path: the endpoint that all servers accept.
        identity: ``tenant/user`` or ``user`` in printable ASCII, for the HTTP header that 0.5 servers read. The
            server does not verify it. Default: the user name, if it is ASCII.
        username: User name for a session that sends a request before :meth:`authenticate`.
        timeout: Default timeout of a call, in seconds; None for 60, ``math.inf`` for no limit.
        open_timeout: Seconds to connect, TLS and opening handshake included.
        ssl: TLS settings for ``wss://``. Default: verify the server against the system's certificates.
        headers: Additional HTTP headers for the opening handshake, in printable ASCII. Redirects are followed within
            the server's origin only, so that neither headers nor identity reach another one.
        proxy: True to use the system's proxy settings (never for this machine, however it is written), False for no
            proxy, or the URL of a proxy.
        max_message_size: Maximum size of a received message, in bytes. A larger one closes the connection.
        max_buffered: The share of each process: bytes of memory that its unread events may take. What happens above
            it is chosen by ``when_full``; docs/back-pressure.md has the rules. Default: 16 MiB, or
            ``max_buffered_total`` if that is less.
        max_buffered_total: Bytes that the unread events of all processes may take. Above it reading pauses, as with
            ``when_full="pause"``; where it must go on, the processes with the most unread bytes lose events. No less
            than any ``max_buffered``. Default: eight times ``max_buffered``, or the largest share of a process.
        when_full: What happens when more than its share of a process is unread. ``"pause"``: the client stops reading
            from the socket until enough was read, which slows all processes of this client down; but never while a
            request waits for its reply. ``"drop-oldest"``: the oldest events are dropped. ``"error"``: all unread events
            are dropped, further ones are ignored, and reading raises SlowConsumerError. ``wait()`` and ``result()``
            always get their result, and while only they wait for a process, its oldest events are dropped.
        spool_above: Size in bytes above which a received file is written to a temporary file instead of memory.
            ``recv()`` loads it into memory. Default: 8 MiB, or half of ``max_buffered`` if that is less.
        max_spooled: Limit for received files, in bytes: for each, and for all that are in temporary files and have not
            been read, those that are still arriving included. Files beyond it are lost: a CorruptEvent. Default:
            256 MiB, the largest file that servers accept by default.
        ping_interval: Seconds between WebSocket pings; ``math.inf`` to disable them.
        ping_timeout: Seconds without a pong, and without a byte received or accepted by the server, after which the
            connection counts as lost.
        reconnect: When to connect again after a loss, and after a failed attempt; see :class:`Reconnect`. Default:
            never.
        telemetry: What makes spans and metrics of the client: a ``pie_client.otel.OpenTelemetry``. Default: nothing.

    Raises:
        InvalidArgumentError: An argument is invalid.
    """

    def __init__(
        self,
        server_uri: str,
        identity: str | None = None,
        *,
        username: str | None = None,
        timeout: float | None = DEFAULT_TIMEOUT,
        open_timeout: float = 10.0,
        ssl: ssl_module.SSLContext | None = None,
        headers: abc.Mapping[str, str] | None = None,
        proxy: str | bool = True,
        max_message_size: int = 256 << 20,
        max_buffered: int | None = None,
        max_buffered_total: int | None = None,
        when_full: shares.WhenFull = "pause",
        spool_above: int | None = None,
        max_spooled: int | None = None,
        ping_interval: float = 20.0,
        ping_timeout: float = 20.0,
        reconnect: reconnecting.Reconnect | None = None,
        telemetry: otel.OpenTelemetry | None = None,
    ) -> None:
        self._thread = loop_thread.running()
        self._async = aio.PieClient(
            server_uri,
            identity,
            username=username,
            timeout=timeout,
            open_timeout=open_timeout,
            ssl=ssl,
            headers=headers,
            proxy=proxy,
            max_message_size=max_message_size,
            max_buffered=max_buffered,
            max_buffered_total=max_buffered_total,
            when_full=when_full,
            spool_above=spool_above,
            max_spooled=max_spooled,
            ping_interval=ping_interval,
            ping_timeout=ping_timeout,
            reconnect=reconnect,
            telemetry=telemetry,
        )
        self._thread.keep(self._async)

    def __enter__(self) -> typing.Self:
        self._thread.wait(lambda: self._async.__aenter__())
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        self._thread.leave(lambda: self._async.__aexit__(kind, error, trace))

    def connect(self) -> None:
        """Open the connection. Does nothing if there is one.

        Concurrent calls share one attempt and its outcome. With ``reconnect=`` a failed attempt is repeated as the policy
        says; while a lost connection is being restored, the call waits for that. Sends no request. The first request
        identifies the session, unless :meth:`authenticate` is called before it. After a loss, the session is identified
        as the same user again.

        Raises:
            ConnectError: The server is unreachable. HandshakeError with the HTTP status if it refused the upgrade,
                ConnectTimeoutError after ``open_timeout``. All are ``ConnectionError``.
            InvalidArgumentError: The client belongs to a process that forked this one.
        """
        self._thread.wait(self._async.connect)

    def close(self) -> None:
        """Close the connection and stop the registered MCP servers. Takes about a second at most.

        Pending calls raise errors.NotConnectedError. An MCP server that does not exit takes up to half a second longer.
        A map whose loop was left takes up to a second longer, in which its processes are terminated.
        Closing a closed client does nothing.
        """
        self._thread.wait(self._async.close)

    @property
    def connected(self) -> bool:
        """Whether there is a connection that was not lost. It checks nothing; :meth:`ping` does."""
        return self._thread.do(lambda: self._async.connected)

    @property
    def state(self) -> connection_state.ConnectionState:
        """What the connection is doing, and why."""
        return self._thread.do(lambda: self._async.state)

    def states(self) -> abc.Generator[connection_state.ConnectionState]:
        """Iterate over the states of the connection: the present one, then each later one, until the client is closed.

        On a client that has never connected, the iteration waits for its first attempt; on a closed one, it ends at once.
        An iteration that falls behind by more than 100 states misses the oldest. It also ends when the client is
        garbage-collected.

            for state in client.states():
                print(state)
        """
        return self._thread.iterate(self._async.states)

    def observe(
        self, callback: abc.Callable[[observing.ObservedFrame], None], *, redact: bool = True
    ) -> observing.Observation:
        """Call a function with every frame that the client sends and receives, on all its connections, from now on.

        It is called in the thread of the clients: after a frame was written, and before a received one is processed. What it
        raises is logged, the first time only, and harms nothing. May be called before :meth:`connect`.

            with client.observe(print):
                client.ping()

        Args:
            callback: The function. What it does delays the client.
            redact: True to replace payloads and secrets by their size, such as ``<18 characters>``: inputs, signals,
                events, files, results, texts of the server, tokens, signatures, and every field that the schema does not
                define. False for all fields, and the frame itself.

        Returns:
            The observation. Its ``close()``, or the end of its ``with`` block, ends it.

        Raises:
            InvalidArgumentError: ``callback`` is not a function, or is a coroutine function.
        """
        return self._thread.do(lambda: self._async.observe(callback, redact=redact))

    @property
    def server(self) -> server_info.ServerInfo | None:
        """The family of the server and the user name of the session, or None before the first request."""
        return self._thread.do(lambda: self._async.server)

    @property
    def buffered(self) -> int:
        """Bytes of memory that the unread events of all processes of the current connection take."""
        return self._thread.do(lambda: self._async.buffered)

    @property
    def dropped(self) -> int:
        """Number of events of the current connection that were dropped because too much was unread."""
        return self._thread.do(lambda: self._async.dropped)

    @property
    def rpc(self) -> sync_calls.Calls:
        """Every request of the protocol as a typed method, for requests that this class does not cover.

        Raises:
            NotConnectedError: The client is not connected.
        """
        return sync_calls.Calls(self._thread, self._thread.do(lambda: self._async.rpc))

    if TYPE_CHECKING:

        @overload
        def send_raw(
            self,
            message: bytes | abc.Mapping[str, object],
            *,
            correlate: typing.Literal[False] = False,
            timeout: float | None = None,
        ) -> None: ...

        @overload
        def send_raw(
            self,
            message: abc.Mapping[str, object],
            *,
            correlate: typing.Literal[True],
            timeout: float | None = None,
        ) -> str: ...

    def send_raw(
        self,
        message: bytes | abc.Mapping[str, object],
        *,
        correlate: bool = False,
        timeout: float | None = None,
    ) -> str | None:
        """Send a message that the client does not check, for experiments with a server. :attr:`rpc` has all that it knows.

        The client takes nothing from such a message: it knows no process that one has launched or attached, and checks
        neither whether the server supports it, nor its fields. A reply to a number of your own is ignored, unless it
        is that of a pending request, which it completes: use ``correlate=True``, or numbers from the upper end.

        Args:
            message: The fields, ``type`` among them: encoded with msgpack, and sent after identifying the session if
                necessary, unless the type is one that identifies. Bytes: sent as one binary frame as they are, and
                nothing before them. A server closes the connection when a frame is too large.
            correlate: True to add a correlation number and wait for the reply, like a request. Needs fields.
            timeout: Seconds until the reply has come, or the frame was written. Default: the client's ``timeout``.

        Returns:
            With ``correlate=True`` the text of the reply, unchanged.

        Raises:
            InvalidArgumentError: The message is neither bytes nor a mapping, has no ``type``, can't be encoded, is too
                large, or has a number although ``correlate=True`` adds one. Nothing was sent.
            RefusedError: The server refused the request; its subclasses say why.
            DeadlineError: No reply came within ``timeout``. ``sent`` says whether the message was sent.
            PieConnectionError: The connection is closed, or was lost before the reply. With ``reconnect=``, the
                message waits for the connection, and is never sent twice.
        """
        found: str | None = self._thread.wait(
            lambda: loop_thread.untyped(self._async.send_raw)(message, correlate=correlate, timeout=timeout)
        )
        return found

    def authenticate(
        self, username: str, private_key: keys.Signer | None = None, *, timeout: float | None = None
    ) -> None:
        """Authenticate as a user. Call it before any other request.

        Args:
            username: Name of the user.
            private_key: Key that signs the server's challenge: a ParsedPrivateKey, or one of :func:`agent_keys`. May
                be None if authentication is disabled on the server. 0.5 servers request no key, so it is not used.
            timeout: Seconds until the server accepts, including a confirmation that an ssh-agent may request.
                Default: the client's ``timeout``.

        Raises:
            AuthenticationError: The server rejected the user or the key, or it requires a key and none was given.
            AgentError: The ssh-agent did not sign.
            DeadlineError: The server did not accept within ``timeout``.
        """
        self._thread.wait(lambda: self._async.authenticate(username, private_key, timeout=timeout))

    def auth_by_token(self, token: str, *, timeout: float | None = None) -> None:
        """Authenticate with the server's internal token, as backends do. Requires a 0.3 or 0.4 server.

        Args:
            token: The token that the server prints at startup.
            timeout: Seconds until the server replies. Default: the client's ``timeout``. Servers delay the rejection
                of a wrong token by up to three seconds.

        Raises:
            AuthenticationError: The token is wrong, or the session is already identified.
            UnsupportedError: The server has no token authentication (0.5).
        """
        self._thread.wait(lambda: self._async.auth_by_token(token, timeout=timeout))

    def resolve_version(self, name: str, registry_url: str, *, timeout: float | None = None) -> str:
        """Return ``name@version`` with the latest version that a program registry lists. Works without a connection.

        Versions that servers do not launch are ignored: pre-releases and yanked ones.

        Args:
            name: Name of the program. A name that contains ``@`` is returned unchanged, without a request.
            registry_url: HTTP or HTTPS URL of the registry, e.g. ``"https://registry.example.org"``. The system's
                proxy settings apply, except for loopback.
            timeout: Seconds for the whole lookup. Default: the client's ``timeout``.

        Returns:
            The program as ``name@version``.

        Raises:
            ProgramNotFoundError: The registry does not list the program, or no version that servers launch.
            RegistryError: The registry is unreachable or its response is unusable. Not a ``ConnectionError``, which
                would concern the Pie server.
            DeadlineError: The registry did not answer within ``timeout``.
            InvalidArgumentError: The name or the URL is invalid; no request was made.
        """
        return self._thread.wait(lambda: self._async.resolve_version(name, registry_url, timeout=timeout))

    def check_program(
        self,
        inferlet: str,
        wasm_path: str | os.PathLike[str] | None = None,
        manifest_path: str | os.PathLike[str] | None = None,
        *,
        timeout: float | None = None,
    ) -> bool:
        """Return whether the server has a program, even one that failed to compile.

        With files, their BLAKE3 hashes are sent to 0.3 and 0.4 servers. No known server compares them, so True comes
        with HashesNotComparedWarning. The client checks that the manifest is valid and names this program.

        Args:
            inferlet: The program as ``name@version``.
            wasm_path: Local build to compare.
            manifest_path: Local Pie.toml to compare.
            timeout: Seconds until the server replies. Default: the client's ``timeout``.

        Raises:
            InvalidArgumentError: ``inferlet`` has no version, or the manifest names another program.
            ManifestError: The manifest is invalid.
            InvalidProgramNameError: The server rejects the name or the version.
            OSError: A file could not be read.
        """
        return self._thread.wait(
            lambda: self._async.check_program(inferlet, wasm_path, manifest_path, timeout=timeout)
        )

    def install_program(
        self,
        wasm_path: str | os.PathLike[str],
        manifest_path: str | os.PathLike[str],
        force_overwrite: bool = False,
        *,
        progress: contents.Progress | None = None,
        timeout: float | None = None,
    ) -> str:
        """Upload a local build and install it.

        The file is hashed and read in a thread and sent in chunks, so it may be larger than memory.
        Concurrent installs of the same program wait for each other: the first one uploads, those of equal files then
        succeed without, and those of other files raise ProgramExistsError. The first error of the server stops the upload.

        Args:
            wasm_path: The build: a WebAssembly component or, on 0.5 servers, a script.
            manifest_path: Its Pie.toml, encoded in UTF-8.
            force_overwrite: Replace a program of the same name and version. If False and the server has one, nothing
                is uploaded and ProgramExistsError is raised. If two clients install the same version concurrently,
                the last upload wins.
            progress: Called after every chunk with the bytes sent and the total.
            timeout: Seconds without progress; every chunk restarts it. Default: the client's ``timeout``. The time
                that the server needs to compile, after the last chunk, counts. Waiting for another install of the
                same program counts only while that makes no progress.

        Returns:
            The program as ``name@version``.

        Raises:
            ManifestError: The manifest is invalid; nothing was sent.
            ProgramExistsError: The server has this name and version; nothing was sent.
            UploadError, InvalidManifestError, InstallError: The server rejected the program.
            InvalidArgumentError: The file changed during the upload; nothing was installed.
            OSError: A file could not be read.
        """
        return self._thread.wait(
            lambda: self._async.install_program(
                wasm_path, manifest_path, force_overwrite, progress=progress, timeout=timeout
            )
        )

    def install_program_bytes(
        self,
        program_bytes: feeds.Source,
        manifest: str | bytes | models.Manifest,
        force_overwrite: bool = False,
        *,
        progress: contents.Progress | None = None,
        timeout: float | None = None,
    ) -> str:
        """Upload a program that is not a local file and install it. Like :meth:`install_program` otherwise.

        Args:
            program_bytes: The program: bytes, the path of a file, or an iterable of bytes, which is collected
                before the upload (above 8 MiB in a temporary file).
            manifest: Text of its Pie.toml, or a Manifest.
            force_overwrite: Replace a program of the same name and version.
            progress: Called after every chunk with the bytes sent and the total.
            timeout: Seconds without progress; every chunk restarts it. Default: the client's ``timeout``.

        Returns:
            The program as ``name@version``.

        Raises:
            ManifestError, ProgramExistsError, UploadError, InvalidManifestError, InstallError: See
                :meth:`install_program`.
        """
        return self._thread.wait(
            lambda: self._async.install_program_bytes(
                feeds.as_source(program_bytes), manifest, force_overwrite, progress=progress, timeout=timeout
            )
        )

    def launch_process(
        self,
        inferlet: str,
        input: object = None,
        capture_outputs: bool = True,
        token_budget: int | None = None,
        *,
        terminate_on_exit: bool = False,
        max_buffered: int | None = None,
        when_full: shares.WhenFull | None = None,
        timeout: float | None = None,
    ) -> sync_process.Process[pydantic.JsonValue]:
        """Launch a program as a new process and return its handle.

        Args:
            inferlet: The program as ``name@version``. 0.5 servers also accept the bare name.
            input: Input of the program: anything that ``json`` or pydantic can serialize. None stands for ``{}``.
            capture_outputs: True to receive the events of the process. With False the process outlives the connection
                and its output is lost; the handle can terminate it, and its ``process_id`` can be passed to
                :meth:`attach_process`. 0.3 and 0.5 servers do not return the id of such a process, so the client
                looks it up in the process list, by trailing white space that it appends to the input. The id is
                ``""`` if the process ended before the lookup.
            token_budget: Maximum number of tokens that the process may use. Requires a 0.3 or 0.4 server.
            terminate_on_exit: True to terminate the process at the end of a ``with`` block of its handle, however
                the block is left, unless the process has ended or the handle was closed or detached before. Waits at
                most five seconds for the server's confirmation; a failure is logged. A launch that is interrupted
                terminates its process in any case, unless its output is not captured.
            max_buffered: Bytes of unread events that the process may hold. Default: the client's ``max_buffered``.
            when_full: What happens above that, as for the client. Default: the client's ``when_full``.
            timeout: Seconds until the server accepts the launch. Default: the client's ``timeout``. The first launch
                of a program may download and compile it.

        Returns:
            A handle that receives the events of the process.

        Raises:
            ProgramNotFoundError, InvalidProgramNameError, InstallError, InvalidManifestError: The server can't launch
                it. ServerRegistryError: it could not ask its program registry for it (0.3, 0.4).
            InvalidArgumentError: The input is not serializable.
            UnsupportedError: The server has no token budgets (0.5); nothing was sent.
        """
        return sync_process.Process(
            self._thread,
            self._thread.wait(
                lambda: self._async.launch_process(
                    inferlet,
                    input,
                    capture_outputs,
                    token_budget,
                    terminate_on_exit=terminate_on_exit,
                    max_buffered=max_buffered,
                    when_full=when_full,
                    timeout=timeout,
                )
            ),
        )

    def launch_processes(
        self,
        inferlet: str,
        inputs: abc.Sequence[object],
        capture_outputs: bool = True,
        token_budgets: abc.Sequence[int | None] | None = None,
        *,
        terminate_on_exit: bool = False,
        max_buffered: int | None = None,
        when_full: shares.WhenFull | None = None,
        timeout: float | None = None,
    ) -> list[sync_process.Process[pydantic.JsonValue]]:
        """Launch a program once per input, with one request. Requires a 0.4 server.

        Args:
            inferlet: The program as ``name@version``.
            inputs: One input per process, as in :meth:`launch_process`.
            capture_outputs: True to receive the events of the processes, as in :meth:`launch_process`.
            token_budgets: Maximum number of tokens of each process, one entry per input.
            terminate_on_exit: True to terminate each process at the end of a ``with`` block of its handle, as in
                :meth:`launch_process`.
            max_buffered: Bytes of unread events that each process may hold. Default: the client's ``max_buffered``.
            when_full: What happens above that, as for the client. Default: the client's ``when_full``.
            timeout: Seconds until the server accepts the launch. Default: the client's ``timeout``.

        Returns:
            One handle per input, in the same order.

        Raises:
            ProgramNotFoundError, InvalidProgramNameError, InstallError, InvalidManifestError: The server can't launch
                it. ServerRegistryError: it could not ask its program registry for it (0.3, 0.4).
            InvalidArgumentError: An input is not serializable.
            InvalidRequestError: ``token_budgets`` and ``inputs`` differ in length.
            UnsupportedError: The server lacks this request (0.3, 0.5); nothing was launched.
        """
        return [
            sync_process.Process(self._thread, each)
            for each in self._thread.wait(
                lambda: self._async.launch_processes(
                    inferlet,
                    inputs,
                    capture_outputs,
                    token_budgets,
                    terminate_on_exit=terminate_on_exit,
                    max_buffered=max_buffered,
                    when_full=when_full,
                    timeout=timeout,
                )
            )
        ]

    def run_processes(
        self,
        inferlet: str,
        inputs: abc.Sequence[object],
        token_budgets: abc.Sequence[int | None] | None = None,
        *,
        timeout: float | None = None,
    ) -> list[str]:
        """Run a program once per input and return all results. Requires a 0.4 server.

        The request blocks its connection until all processes have finished, so the client opens a second connection
        for it, as the same user. Other events of the processes are lost, and they can't be signalled.

        Interrupting the call, or its timeout, closes that connection, but ends no process: those that have begun keep
        running on the server. :meth:`list_processes` shows them, and :meth:`terminate_process` ends them.

        Args:
            inferlet: The program as ``name@version``.
            inputs: One input per process, as in :meth:`launch_process`.
            token_budgets: Maximum number of tokens of each process, one entry per input.
            timeout: Seconds until all processes have finished. Default: no limit.

        Returns:
            The text that each process returned, usually JSON, in the order of the inputs.

        Raises:
            RefusedError: A process failed; the text is that of the first failed input. The other processes keep
                running, and their results are lost.
            ProgramNotFoundError, InvalidProgramNameError, InstallError, InvalidManifestError: The server can't launch
                it. ServerRegistryError: it could not ask its program registry for it (0.3, 0.4).
            InvalidArgumentError: An input is not serializable.
            InvalidRequestError: ``token_budgets`` and ``inputs`` differ in length.
            UnsupportedError: The server lacks this request (0.3, 0.5); nothing was launched.
            ConnectError: The second connection could not be opened. One attempt is made, also with ``reconnect=``; nothing
                was launched.
            ConnectionLostError: The second connection was lost, and the results with it. It is not opened again. The loss
                of the first connection does not concern the call.
            NotConnectedError: The client was closed.
        """
        return self._thread.wait(
            lambda: self._async.run_processes(inferlet, inputs, token_budgets, timeout=timeout)
        )

    def launch_daemon(
        self, inferlet: str, port: int, input: object = None, *, timeout: float | None = None
    ) -> None:
        """Launch a program that serves HTTP on a port of the server's machine. Requires a 0.3 or 0.4 server.

        The server confirms the launch before the program listens, and does not report whether the port was available.
        Daemons listen on the loopback interface only. They can't be listed or stopped, and end with the server.

        Args:
            inferlet: The program as ``name@version``.
            port: TCP port, 1 to 65535.
            input: Input of the program, sent as JSON. No known server passes it on.
            timeout: Seconds until the server accepts the launch. Default: the client's ``timeout``. The first launch
                of a program may download and compile it.

        Raises:
            ProgramNotFoundError, InvalidProgramNameError, InstallError, InvalidManifestError: The server can't launch
                it. ServerRegistryError: it could not ask its program registry for it (0.3, 0.4).
            InvalidArgumentError: The port is out of range, or the input is not serializable.
            UnsupportedError: The server has no daemons (0.5); nothing was sent.
        """
        self._thread.wait(lambda: self._async.launch_daemon(inferlet, port, input, timeout=timeout))

    if TYPE_CHECKING:

        @overload
        def run(
            self, program: functions.Inferlet[P, R], /, *args: P.args, **kwargs: P.kwargs
        ) -> sync_process.Process[R]: ...

        @overload
        def run(self, program: str, /, **kwargs: object) -> sync_process.Process[pydantic.JsonValue]: ...

    def run(self, program: object, /, *args: object, **kwargs: object) -> sync_process.Process[object]:
        """Launch a Python function as a process, or a program with keyword arguments as its input.

        A function is installed first if the server does not have it. All keyword arguments go to the program, also one
        that is named ``timeout``: options of the call are passed to :meth:`run_with`. Each request of the call is
        limited by the client's ``timeout``.

        Args:
            program: A function decorated with :func:`inferlet`, or a program as ``name@version``.
            args: Positional arguments of the function.
            kwargs: Keyword arguments of the function, or the keys of the input object.

        Returns:
            A handle that receives the events of the process. Its :meth:`Process.result` returns what the function is
            annotated to return.

        Raises:
            InvalidArgumentError: The arguments do not match the function's signature or are not serializable, or the
                function uses something that can't be uploaded. Nothing was sent.
            UnsupportedError: The server can't run Python functions (0.3, 0.4).
            ProgramNotFoundError, UploadError, InstallError: See :meth:`launch_process` and :meth:`install_program`.
        """
        return sync_process.Process(
            self._thread,
            self._thread.wait(lambda: loop_thread.untyped(self._async.run)(program, *args, **kwargs)),
        )

    def run_with(
        self,
        *,
        capture_outputs: bool = True,
        token_budget: int | None = None,
        terminate_on_exit: bool = False,
        max_buffered: int | None = None,
        when_full: shares.WhenFull | None = None,
        timeout: float | None = None,
    ) -> sync_launching.Runner:
        """Return a callable that does the same as :meth:`run`, with options of the call.

        The options are separate from the program's arguments, which may have any names:

            process = client.run_with(timeout=5)(greet, "hello", timeout="a word")

        Args:
            capture_outputs: True to receive the events of the process, as in :meth:`launch_process`.
            token_budget: Maximum number of tokens that the process may use, as in :meth:`launch_process`.
            terminate_on_exit: True to terminate the process at the end of a ``with`` block, as in
                :meth:`launch_process`.
            max_buffered: Bytes of unread events that the process may hold, as in :meth:`launch_process`.
            when_full: What happens above that, as in :meth:`launch_process`.
            timeout: Seconds until the server accepts the launch, the installation of a function included. Default: the
                client's ``timeout`` for each request.

        Returns:
            A callable with the arguments, the result and the errors of :meth:`run`. It can be called any number of
            times.

        Raises:
            InvalidArgumentError: An option is invalid.
        """
        return sync_launching.Runner(
            self._thread,
            self._thread.do(
                lambda: self._async.run_with(
                    capture_outputs=capture_outputs,
                    token_budget=token_budget,
                    terminate_on_exit=terminate_on_exit,
                    max_buffered=max_buffered,
                    when_full=when_full,
                    timeout=timeout,
                )
            ),
        )

    if TYPE_CHECKING:

        @overload
        def map(
            self,
            program: mapping.MapFunction[I, T],
            inputs: abc.Iterable[I],
            *,
            concurrency: int = 32,
            ordered: bool = True,
            on_error: mapping.OnError = "raise",
            timeout: float | None = None,
            retries: int = 0,
            retry: abc.Callable[[errors.PieError], bool] | None = None,
            on_progress: abc.Callable[[mapping.MapProgress], object] | None = None,
            journal: str | os.PathLike[str] | None = None,
            token_budget: int | None = None,
        ) -> sync_mapping.Map[I, T]: ...

        @overload
        def map(
            self,
            program: str,
            inputs: abc.Iterable[I],
            *,
            concurrency: int = 32,
            ordered: bool = True,
            on_error: mapping.OnError = "raise",
            timeout: float | None = None,
            retries: int = 0,
            retry: abc.Callable[[errors.PieError], bool] | None = None,
            on_progress: abc.Callable[[mapping.MapProgress], object] | None = None,
            journal: str | os.PathLike[str] | None = None,
            token_budget: int | None = None,
        ) -> sync_mapping.Map[I, pydantic.JsonValue]: ...

        @overload
        def map(
            self,
            program: str | mapping.MapFunction[I, object],
            inputs: abc.Iterable[I],
            as_type: type[T] | pydantic.TypeAdapter[T],
            *,
            concurrency: int = 32,
            ordered: bool = True,
            on_error: mapping.OnError = "raise",
            timeout: float | None = None,
            retries: int = 0,
            retry: abc.Callable[[errors.PieError], bool] | None = None,
            on_progress: abc.Callable[[mapping.MapProgress], object] | None = None,
            journal: str | os.PathLike[str] | None = None,
            token_budget: int | None = None,
        ) -> sync_mapping.Map[I, T]: ...

    def map(
        self,
        program: object,
        inputs: abc.Iterable[object],
        as_type: object = None,
        *,
        concurrency: int = 32,
        ordered: bool = True,
        on_error: mapping.OnError = "raise",
        timeout: float | None = None,
        retries: int = 0,
        retry: abc.Callable[[errors.PieError], bool] | None = None,
        on_progress: abc.Callable[[mapping.MapProgress], object] | None = None,
        journal: str | os.PathLike[str] | None = None,
        token_budget: int | None = None,
    ) -> sync_mapping.Map[object, object]:
        """Run a program once for each input, several at a time, and iterate over the results.

            with client.map("greet@1.0.0", names, str) as results:
                for result in results:
                    print(result.input, result.value)

        Inputs are taken as they are needed: at most twice ``concurrency`` ahead of the results that were received, so
        that memory does not grow with their number. What runs is terminated when the loop is left, see :class:`Map`; the
        ``with`` block waits for that, and may be left out.

        A launch is repeated if it certainly was not sent, however often the connection is lost. Otherwise nothing runs
        twice unless ``retries`` allows it. When the connection is lost for good, the map raises that error whatever
        ``on_error`` says.

        Args:
            program: The program as ``name@version``, or a function decorated with :func:`inferlet`, whose first
                parameter takes the input.
            inputs: The inputs, from any iterable. It is read in a thread of its own, so it may block.
            as_type: Type of the results, as in :meth:`Process.result`. Default: what the function is annotated to
                return, and for other programs plain JSON values.
            concurrency: Most processes at a time. Default: 32, half of what 0.5 servers accept from one connection before
                they queue.
            ordered: True for results in the order of the inputs, False for each as soon as there is one. With True, a slow
                input holds up those after it, and finally their launch.
            on_error: What happens with the error of an input. ``"raise"``: end the map and raise it. ``"return"``: return
                a result with this ``error``. ``"skip"``: leave the input out.
            timeout: Seconds until a launched program has returned, in each run; its process is terminated then. Default:
                the client's ``timeout`` for the launch, and no limit for the program.
            retries: How often an input may run again after an error. With 0 no program is launched twice for an input.
            retry: Whether an error is worth another run. Default: :meth:`Map.is_interrupted`: a process or its launch was
                lost with the connection, the server dropped it, or the timeout expired. A launch whose reply was lost may
                have started a process, which then runs beside its repetition.
            on_progress: Called in the thread of the clients with the progress after each input and before each repetition.
            journal: Path of a file that keeps the answers, so that the same map can go on in another process: see
                docs/map.md. Inputs that failed are not in it and run again.
            token_budget: Maximum number of tokens of each process, as in :meth:`launch_process`.

        Returns:
            An iterator over :class:`MapResult` objects.

        Raises:
            InvalidArgumentError: An argument is invalid.
            NotConnectedError: The client is not connected.
        """
        return sync_mapping.Map(
            self._thread,
            self._thread.do(
                lambda: loop_thread.untyped(self._async.map)(
                    program,
                    feeds.as_inputs(inputs),
                    as_type,
                    concurrency=concurrency,
                    ordered=ordered,
                    on_error=on_error,
                    timeout=timeout,
                    retries=retries,
                    retry=retry,
                    on_progress=on_progress,
                    journal=journal,
                    token_budget=token_budget,
                )
            ),
        )

    def attach_process(
        self,
        process_id: str,
        *,
        terminate_on_exit: bool = False,
        max_buffered: int | None = None,
        when_full: shares.WhenFull | None = None,
        timeout: float | None = None,
    ) -> sync_process.Process[pydantic.JsonValue]:
        """Return a handle of a running process and receive its events.

        Sends no request for a process of this client whose handle was dropped, closed or detached: the server still
        sends its events here. A second handle shares the events with the first, and each event goes to one of them.
        For other processes the handle first receives the events that the server buffered while no client was attached.

        Args:
            process_id: Id of the process, a UUID in any notation.
            terminate_on_exit: True to terminate the process at the end of a ``with`` block, as in
                :meth:`launch_process`.
            max_buffered: Bytes of unread events that the process may hold. Default: as before, or the client's.
            when_full: What happens above that, as for the client. Default: as before, or the client's.
            timeout: Seconds until the server replies. Default: the client's ``timeout``.

        Returns:
            A handle that receives the events of the process.

        Raises:
            ProcessNotFoundError: The process does not exist. 0.3/0.4 servers also report this if another connection
                is attached, even one that has died.
            AlreadyAttachedError: Another connection is attached (0.5). The server then terminates the process when
                *this* connection closes, so don't attach to processes of other clients that must survive.
            AccessDeniedError: The process belongs to another user.
            InvalidArgumentError: The id is not a UUID.
        """
        return sync_process.Process(
            self._thread,
            self._thread.wait(
                lambda: self._async.attach_process(
                    process_id,
                    terminate_on_exit=terminate_on_exit,
                    max_buffered=max_buffered,
                    when_full=when_full,
                    timeout=timeout,
                )
            ),
        )

    def list_processes(self, *, timeout: float | None = None) -> list[models.ProcessInfo]:
        """Return the running processes of this user; on 0.5 servers those of all users.

        Args:
            timeout: Seconds until the server replies. Default: the client's ``timeout``.
        """
        return self._thread.wait(lambda: self._async.list_processes(timeout=timeout))

    def signal_process(self, process_id: str, message: str, *, timeout: float | None = None) -> None:
        """Send a text message to a process of this connection. Servers do not confirm its delivery.

        Args:
            process_id: Id of the process, a UUID in any notation.
            message: The message.
            timeout: Seconds until the message is sent. Default: the client's ``timeout``.

        Raises:
            ProcessEndedError: The client knows that the process has ended; nothing was sent.
            InvalidArgumentError: The id is not a UUID.
        """
        self._thread.wait(lambda: self._async.signal_process(process_id, message, timeout=timeout))

    def terminate_process(self, process_id: str, *, timeout: float | None = None) -> None:
        """Terminate a process, whether or not a client is attached to it.

        Args:
            process_id: Id of the process, a UUID in any notation.
            timeout: Seconds until the server confirms. Default: the client's ``timeout``.

        Raises:
            ProcessNotFoundError: The process has finished or never existed.
            AccessDeniedError: The process belongs to another user.
            InvalidArgumentError: The id is not a UUID.
        """
        self._thread.wait(lambda: self._async.terminate_process(process_id, timeout=timeout))

    def register_mcp_server(
        self,
        name: str,
        transport: mcp.McpTransport,
        command: str | None = None,
        args: abc.Sequence[str] | None = None,
        url: str | None = None,
        *,
        env: abc.Mapping[str, str] | None = None,
        inherit_env: bool = False,
        cwd: str | os.PathLike[str] | None = None,
        headers: abc.Mapping[str, str] | None = None,
        call_timeout: float = 300.0,
        timeout: float | None = None,
    ) -> None:
        """Run or connect to an MCP server and let attached inferlets call it. Requires a 0.3 or 0.4 server.

        The MCP server is started and initialized, then announced to the Pie server by name and transport only:
        command, arguments, URL and headers stay on this machine. Its replies over stdio are forwarded unchanged. If
        it exits, pending calls fail and the next call restarts it, with increasing delays while it keeps exiting. Its
        standard error is logged by ``pie_client.mcp.stdio`` at level INFO. It stops with the connection and must be
        registered again on the next one; with ``reconnect=`` it keeps running and is announced again.

        Args:
            name: Name by which inferlets find the MCP server.
            transport: ``"stdio"`` for a program that this client runs, or ``"http"`` for a running server (streamable
                HTTP; needs ``pip install 'pie-client[mcp]'``).
            command: Program to run; stdio only.
            args: Arguments of the program; stdio only. Default: none.
            url: URL of the MCP server; http only.
            env: Environment variables for the program; stdio only. Of this process's variables it gets only those that
                MCP clients pass by convention, such as ``PATH`` and ``HOME``, and no keys or tokens.
            inherit_env: True to pass all variables of this process; stdio only.
            cwd: Working directory of the program; stdio only. Default: that of this process.
            headers: HTTP headers for every request; http only.
            call_timeout: Seconds for one call of an inferlet, including a restart of the MCP server, after which the
                inferlet receives an error; ``math.inf`` for no limit.
            timeout: Seconds until the MCP server is announced. Default: the client's ``timeout``. A first ``npx -y``
                downloads a package.

        Raises:
            InvalidArgumentError: An argument is invalid, or the name is in use.
            McpServerError: The MCP server could not be started or reached, or violated MCP.
            UnsupportedError: The Pie server has no MCP (0.5), or the extra is not installed; nothing was started.
            DeadlineError: The MCP server was not ready within ``timeout``; it was stopped.
        """
        self._thread.wait(
            lambda: self._async.register_mcp_server(
                name,
                transport,
                command,
                args,
                url,
                env=env,
                inherit_env=inherit_env,
                cwd=cwd,
                headers=headers,
                call_timeout=call_timeout,
                timeout=timeout,
            )
        )

    def unregister_mcp_server(self, name: str) -> None:
        """Stop a registered MCP server. Takes about a second and a half at most.

        The protocol has no such request: inferlets still see the name, and their calls fail. The name can be
        registered again.

        Args:
            name: Name that the MCP server is registered under.

        Raises:
            InvalidArgumentError: No MCP server is registered under this name.
        """
        self._thread.wait(lambda: self._async.unregister_mcp_server(name))

    def ping(self, *, timeout: float | None = None) -> None:
        """Send a ping and wait for the reply.

        Args:
            timeout: Seconds until the server replies. Default: the client's ``timeout``.

        Raises:
            DeadlineError: No reply within ``timeout``: the session is busy or the server is down.
        """
        self._thread.wait(lambda: self._async.ping(timeout=timeout))

    def query(self, subject: str, record: str = "", *, timeout: float | None = None) -> models.QueryResult:
        """Query the server's status.

        Args:
            subject: Subject of the query. All servers support ``"model_status"``. 0.3/0.4 servers never answer any
                other subject, so the call raises DeadlineError.
            record: Argument of the query. No known server uses it.
            timeout: Seconds until the server replies. Default: the client's ``timeout``.

        Returns:
            A flat object. For ``"model_status"`` its keys are ``<model>.<statistic>``.

        Raises:
            InvalidRequestError: The subject is unknown (0.5).
        """
        return self._thread.wait(lambda: self._async.query(subject, record, timeout=timeout))

    def __repr__(self) -> str:
        return repr(self._async)

    def __reduce__(self) -> str | tuple[object, ...]:
        return self._async.__reduce__()


__all__ = ["PieClient"]
