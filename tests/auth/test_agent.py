"""Keys in an ssh-agent: a real one, and Unix sockets whose server answers badly or not at all."""

import asyncio
import contextlib
import logging
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from pie_client import (
    AgentError,
    AgentKey,
    AuthenticationError,
    ConnectionStatus,
    DeadlineError,
    InvalidArgumentError,
    InvalidKeyError,
    ParsedPrivateKey,
    PieClient,
    PieError,
    Reconnect,
    Signer,
    agent_keys,
)
from pie_client.testing import LocalEngine
from tests.support.peers import TIMEOUT

needs_agent = pytest.mark.tools("ssh-agent", "ssh-add", "ssh-keygen")
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="agents listen on Unix sockets here")

MADE_BY = {
    "RSA-2048": "-t rsa -b 2048",
    "RSA-3072": "-t rsa -b 3072",
    "Ed25519": "-t ed25519",
    "ECDSA secp256r1": "-t ecdsa -b 256",
    "ECDSA secp384r1": "-t ecdsa -b 384",
}
"""Options of ssh-keygen, by kind of key."""
NOT_ACCEPTED = {
    "ecdsa-sha2-nistp521": ("-t ecdsa -b 521", "servers don't accept ecdsa-sha2-nistp521 keys"),
    "RSA-1024": ("-t rsa -b 1024", "has 1024 bits"),
}
"""Options of ssh-keygen and the logged reason, by name of a key that is skipped."""
LOCK_PASSWORD = "locked for a test"  # noqa: S105 - of an agent that lives as long as a test

REQUEST_IDENTITIES = 11
IDENTITIES_ANSWER = 12
SIGN_REQUEST = 13
SIGN_RESPONSE = 14
FAILURE = 5

Reply = Callable[[int], bytes | None]


def run(*command: str | Path, **settings: str) -> str:
    """Run a tool and return its output."""
    done = subprocess.run(  # noqa: S603 - commands of this file
        [*map(str, command)],
        check=True,
        capture_output=True,
        encoding="utf-8",
        env={**os.environ, **settings},
        stdin=subprocess.DEVNULL,
    )
    return done.stdout


class Agent:
    """A running ssh-agent."""

    def __init__(self, folder: Path, process: "subprocess.Popen[str]") -> None:
        self.folder = folder
        self.path = folder / "agent"
        self.process = process

    def tool(self, *words: str | Path, **settings: str) -> str:
        """Run ssh-add on this agent."""
        return run("ssh-add", *words, SSH_AUTH_SOCK=str(self.path), **settings)

    def made(self, options: str, comment: str = "made for a test", *, add: bool = True) -> Path:
        """Make a key and add it; its public key is beside it."""
        out = self.folder / "".join(c if c.isalnum() else "_" for c in f"{options}{comment}")
        run("ssh-keygen", "-q", *options.split(), "-N", "", "-C", comment, "-f", out)
        if add:
            self.tool(out)
        return out

    def lock(self) -> None:
        self._ask("-x")

    def unlock(self) -> None:
        self._ask("-X")

    def _ask(self, option: str) -> None:
        helper = self.folder / "askpass"
        helper.write_text(f"#!/bin/sh\necho '{LOCK_PASSWORD}'\n", encoding="utf-8")
        helper.chmod(0o700)
        self.tool(option, SSH_ASKPASS=str(helper), SSH_ASKPASS_REQUIRE="force", DISPLAY=":0")

    def connections(self) -> int:
        """Return the number of open connections."""
        links = Path(f"/proc/{self.process.pid}/fd").iterdir()
        return sum(str(link.readlink()).startswith("socket:") for link in links) - 1


@pytest.fixture
def short() -> Iterator[Path]:
    """A directory whose path is short enough for Unix sockets in it."""
    with tempfile.TemporaryDirectory(prefix="pie") as folder:
        yield Path(folder)


@pytest.fixture
def agent(short: Path) -> Iterator[Agent]:
    """A running ssh-agent without keys, whose user refuses every confirmation."""
    path = short / "agent"
    with subprocess.Popen(  # noqa: S603 - as above
        ["ssh-agent", "-D", "-a", str(path)],  # noqa: S607 - as users start it
        stdout=subprocess.PIPE,
        encoding="utf-8",
        env={**os.environ, "SSH_ASKPASS": "/bin/false", "SSH_ASKPASS_REQUIRE": "force", "DISPLAY": ":0"},
    ) as process:
        try:
            assert process.stdout is not None
            assert "SSH_AUTH_SOCK" in process.stdout.readline(), "printed once it listens"
            yield Agent(short, process)
        finally:
            process.terminate()


def public_line(private: Path) -> str:
    return private.with_name(f"{private.name}.pub").read_text(encoding="utf-8")


@contextlib.asynccontextmanager
async def server_of(*public_keys: str) -> AsyncGenerator[PieClient]:
    """Run a 0.4 server where alice has these keys; yield a client of it."""
    engine = LocalEngine(family="0.4", auth={"alice": public_keys})
    async with engine, PieClient(engine.uri, timeout=20) as client:
        yield client


def check_line(error: PieError, *, says: str) -> None:
    assert isinstance(error, InvalidKeyError)
    message = str(error)
    assert says in message
    assert "\n" not in message
    assert "; " in message, "it says what to do"


# ------------------------------------------------------------- a real agent


@needs_agent
@pytest.mark.parametrize("kind", MADE_BY)
async def test_servers_accept_every_signature_of_the_agent(kind: str, agent: Agent) -> None:
    """D53. The numbers in a signature vary in length, so one signature proves little."""
    private = agent.made(MADE_BY[kind])
    (key,) = await agent_keys(agent.path)
    assert key.kind == kind
    async with LocalEngine(family="0.4", auth={"alice": [public_line(private)]}) as engine:
        for _ in range(20):
            async with PieClient(engine.uri, timeout=20) as client:
                await client.authenticate("alice", key)
                assert client.server is not None
                assert client.server.username == "alice"


@needs_agent
async def test_keys_are_listed_in_the_agents_order_as_by_ssh_add(agent: Agent) -> None:
    for kind, options in MADE_BY.items():
        agent.made(options, f"the {kind} key")
    keys = await agent_keys(agent.path)
    assert [key.kind for key in keys] == list(MADE_BY)
    assert [key.comment for key in keys] == [f"the {kind} key" for kind in MADE_BY]
    assert [key.fingerprint for key in keys] == [line.split()[1] for line in agent.tool("-l").splitlines()]


@needs_agent
async def test_the_agent_is_found_by_the_environment_or_in_the_home_directory(
    agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    private = agent.made("-t ed25519", "laptop")
    monkeypatch.setenv("HOME", str(agent.folder))
    monkeypatch.setenv("SSH_AUTH_SOCK", str(agent.path))
    (key,), (same,) = await agent_keys("~/agent"), await agent_keys()
    assert key.fingerprint == same.fingerprint
    assert repr(key) == f"<AgentKey Ed25519 {key.fingerprint} 'laptop'>"
    assert public_line(private).split()[1] not in repr(key)
    assert isinstance(key, Signer)


@needs_agent
async def test_the_agent_decrypts_a_key_with_a_passphrase(agent: Agent) -> None:
    """D52."""
    private = agent.made("-t ed25519", add=False)
    secret = "correct horse"  # noqa: S105 - as above
    helper = agent.folder / "secret"
    helper.write_text(f"#!/bin/sh\necho '{secret}'\n", encoding="utf-8")
    helper.chmod(0o700)
    run("ssh-keygen", "-q", "-p", "-P", "", "-N", secret, "-f", private)
    agent.tool(private, SSH_ASKPASS=str(helper), SSH_ASKPASS_REQUIRE="force", DISPLAY=":0")
    (key,) = await agent_keys(agent.path)
    async with server_of(public_line(private)) as client:
        await client.authenticate("alice", key)


@needs_agent
@pytest.mark.parametrize("name", NOT_ACCEPTED)
async def test_a_key_that_servers_refuse_is_skipped_and_the_reason_logged(
    name: str, agent: Agent, caplog: pytest.LogCaptureFixture
) -> None:
    options, reason = NOT_ACCEPTED[name]
    agent.made(options, "no use")
    agent.made("-t ed25519", "of use")
    with caplog.at_level(logging.DEBUG, logger="pie_client.auth.agent"):
        assert [key.comment for key in await agent_keys(agent.path)] == ["of use"]
    (line,) = [r.getMessage() for r in caplog.records if r.name == "pie_client.auth.agent"]
    assert "'no use'" in line
    assert reason in line


@needs_agent
async def test_a_certificate_is_skipped_and_its_key_is_not(
    agent: Agent, caplog: pytest.LogCaptureFixture
) -> None:
    authority = agent.made("-t ed25519", "authority", add=False)
    private = agent.made("-t ed25519", "certified", add=False)
    run("ssh-keygen", "-q", "-s", authority, "-I", "alice", "-n", "alice", f"{private}.pub")
    agent.tool(private)
    assert agent.tool("-l").count("\n") == 2
    with caplog.at_level(logging.DEBUG, logger="pie_client.auth.agent"):
        keys = await agent_keys(agent.path)
    assert [key.kind for key in keys] == ["Ed25519"]
    assert "servers don't accept ssh-ed25519-cert-v01@openssh.com keys" in caplog.text
    async with server_of(public_line(private)) as client:
        await client.authenticate("alice", keys[0])


@needs_agent
async def test_an_empty_or_locked_agent_has_no_keys(agent: Agent) -> None:
    assert await agent_keys(agent.path) == []
    agent.made("-t ed25519")
    agent.lock()
    assert await agent_keys(agent.path) == []
    agent.unlock()
    assert len(await agent_keys(agent.path)) == 1


@needs_agent
async def test_a_locked_agent_does_not_sign_until_it_is_unlocked(
    agent: Agent,
) -> None:
    private = agent.made("-t ed25519")
    (key,) = await agent_keys(agent.path)
    agent.lock()
    async with server_of(public_line(private)) as client:
        with pytest.raises(AgentError) as caught:
            await client.authenticate("alice", key)
        check_line(caught.value, says=f"no longer has Ed25519 {key.fingerprint}")
        assert "ssh-add -X" in str(caught.value)
        agent.unlock()
        await client.authenticate("alice", key)


@needs_agent
async def test_a_removed_key_does_not_sign_and_another_one_does(agent: Agent) -> None:
    removed, kept = agent.made("-t ed25519", "removed"), agent.made("-t ecdsa -b 256", "kept")
    first, second = await agent_keys(agent.path)
    agent.tool("-d", removed)
    async with server_of(public_line(removed), public_line(kept)) as client:
        with pytest.raises(AgentError) as caught:
            await client.authenticate("alice", first)
        check_line(caught.value, says=f"no longer has Ed25519 {first.fingerprint}")
        await client.authenticate("alice", second)


@needs_agent
async def test_a_key_does_not_sign_when_its_user_refuses(agent: Agent) -> None:
    private = agent.made("-t ed25519", add=False)
    agent.tool("-c", private)
    (key,) = await agent_keys(agent.path)
    async with server_of(public_line(private)) as client:
        with pytest.raises(AgentError) as caught:
            await client.authenticate("alice", key)
    check_line(caught.value, says=f"refused to sign with Ed25519 {key.fingerprint}; confirm when")


@needs_agent
async def test_an_agent_that_has_stopped_is_named(agent: Agent) -> None:
    private = agent.made("-t ed25519")
    (key,) = await agent_keys(agent.path)
    agent.process.terminate()
    agent.process.wait(TIMEOUT)
    async with server_of(public_line(private)) as client:
        with pytest.raises(AgentError) as caught:
            await client.authenticate("alice", key)
    check_line(caught.value, says=f"can't connect to an ssh-agent at '{agent.path}'")


@needs_agent
async def test_a_key_that_the_server_does_not_know_is_an_authentication_error(agent: Agent) -> None:
    agent.made("-t ed25519")
    other = agent.made("-t ed25519", "other", add=False)
    (key,) = await agent_keys(agent.path)
    async with server_of(public_line(other)) as client:
        with pytest.raises(AuthenticationError):
            await client.authenticate("alice", key)


@needs_agent
async def test_the_agent_is_not_used_unless_the_server_asks_for_a_key(agent: Agent) -> None:
    agent.made("-t ed25519")
    (key,) = await agent_keys(agent.path)
    agent.process.terminate()
    agent.process.wait(TIMEOUT)
    for engine in (LocalEngine(family="0.5"), LocalEngine(family="0.4")):
        async with engine, PieClient(engine.uri, timeout=20) as client:
            await client.authenticate("alice", key)
            await client.ping()


@needs_agent
@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc")
async def test_no_connection_to_the_agent_stays_open(agent: Agent) -> None:
    private = agent.made("-t ed25519")
    async with server_of(public_line(private)) as client:
        (key,) = await agent_keys(agent.path)
        await client.authenticate("alice", key)
        agent.lock()
        with pytest.raises(AgentError):
            await key.sign_challenge(b"challenge")
        # The agent answers this after it has seen the others close; the connection of this one may still be open.
        await agent_keys(agent.path)
        assert agent.connections() <= 1


@needs_agent
async def test_the_agent_signs_again_for_the_session_after_a_loss(agent: Agent) -> None:
    private = agent.made("-t ed25519")
    (key,) = await agent_keys(agent.path)
    policy = Reconnect(first_delay=0.001)
    async with (
        LocalEngine(family="0.4", auth={"alice": [public_line(private)]}) as engine,
        PieClient(engine.uri, timeout=20, reconnect=policy) as client,
    ):
        await client.authenticate("alice", key)
        engine.faults.drop_connection()
        async for state in client.states():
            if state.status is ConnectionStatus.LOST:
                break
        await client.ping()
        assert client.server is not None
        assert client.server.username == "alice"


# ------------------------------------------------------------- no agent


async def test_a_missing_environment_variable_is_an_error_with_advice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for value in (None, ""):
        monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
        if value is not None:
            monkeypatch.setenv("SSH_AUTH_SOCK", value)
        with pytest.raises(AgentError) as caught:
            await agent_keys()
        check_line(caught.value, says="SSH_AUTH_SOCK is not set; start one with eval $(ssh-agent)")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("none", "No such file or directory"),
        ("dead", ""),
        *((name, "") for name in ("x" * 200, "two\nlines")),
    ],
)
async def test_a_socket_without_a_listener_is_named_in_one_line(name: str, reason: str, short: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(short / "dead"))
    path = short / name
    with pytest.raises(AgentError) as caught:
        await agent_keys(path)
    check_line(caught.value, says=f"can't connect to an ssh-agent at {str(path)!r}: {reason}")


@pytest.mark.parametrize("path", [5, ["agent"], "", "with\0null"])
async def test_a_value_that_is_not_a_path_is_refused(path: object) -> None:
    with pytest.raises(InvalidArgumentError, match="path"):
        await agent_keys(path)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - the mistake


@pytest.mark.parametrize("timeout", [0, True])
async def test_a_timeout_that_is_not_a_duration_is_refused(timeout: object, short: Path) -> None:
    with pytest.raises(InvalidArgumentError, match="timeout="):
        await agent_keys(short / "none", timeout=timeout)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - the mistake


def test_a_missing_extra_is_an_error_with_advice(short: Path) -> None:
    # In a process of its own, where asyncssh is missing whether it is installed or not.
    script = f"""
import asyncio, sys
sys.modules["asyncssh"] = None
from pie_client import AgentError, agent_keys
try:
    asyncio.run(agent_keys({str(short / "none")!r}))
except AgentError as error:
    print(error)
"""
    said = run(sys.executable, "-W", "error", "-c", script)
    assert "pip install 'pie-client[agent]'" in said
    assert said.count("\n") == 1


def test_the_extra_is_imported_only_when_an_agent_is_used() -> None:
    script = (
        "import sys; from pie_client import AgentKey, agent_keys, PieClient; print('asyncssh' in sys.modules)"
    )
    assert run(sys.executable, "-W", "error", "-c", script) == "False\n"


# ------------------------------------------------------------- faulty agents


def string(data: bytes) -> bytes:
    """Encode a string of SSH."""
    return len(data).to_bytes(4) + data


def listing(*keys: tuple[bytes, bytes]) -> bytes:
    """Encode an agent's list of public keys and comments."""
    body = b"".join(string(blob) + string(comment) for blob, comment in keys)
    return bytes([IDENTITIES_ANSWER]) + len(keys).to_bytes(4) + body


@contextlib.asynccontextmanager
async def fake_agent(
    path: Path, answer: Callable[[int], Awaitable[bytes | None]]
) -> AsyncGenerator[set[str]]:
    """Run a server that answers each kind of agent request, or closes on None. Yields its open connections."""
    connected: set[str] = set()
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        name = f"connection {len(tasks)}"
        connected.add(name)
        try:
            with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
                while True:
                    request = await reader.readexactly(int.from_bytes(await reader.readexactly(4)))
                    answered = asyncio.ensure_future(answer(request[0]))
                    gone = asyncio.ensure_future(reader.read(1))
                    await asyncio.wait({answered, gone}, return_when=asyncio.FIRST_COMPLETED)
                    gone.cancel()
                    await asyncio.wait({gone})
                    if not answered.done():
                        answered.cancel()
                        return
                    reply = await answered
                    if reply is None:
                        return
                    writer.write(string(reply))
                    await writer.drain()
        finally:
            connected.discard(name)
            writer.close()

    server = await asyncio.start_unix_server(serve, path)
    try:
        yield connected
    finally:
        server.close()
        await asyncio.wait_for(asyncio.gather(*tasks), TIMEOUT)


def says(replies: dict[int, bytes]) -> Callable[[int], Awaitable[bytes | None]]:
    """Answer each kind of request with fixed bytes; close if there are none."""

    async def answer(kind: int) -> bytes | None:
        return replies.get(kind)

    return answer


ED25519 = string(b"ssh-ed25519") + string(bytes(range(32)))
SK_ED25519 = string(b"sk-ssh-ed25519@openssh.com") + string(bytes(32)) + string(b"ssh:")
SK_ECDSA = (
    string(b"sk-ecdsa-sha2-nistp256@openssh.com") + string(b"nistp256") + string(bytes(65)) + string(b"ssh:")
)
DSA = string(b"ssh-dss") + 4 * string(b"\1" * 20)


@pytest.mark.parametrize("blob", [SK_ED25519, SK_ECDSA, DSA, string(b"ssh-ed25519"), string(b"ssh-rsa") * 3])
async def test_fido_dsa_and_invalid_keys_are_skipped(
    blob: bytes, short: Path, caplog: pytest.LogCaptureFixture
) -> None:
    reply = listing((blob, b"no use"), (ED25519, b"of use"))
    async with fake_agent(short / "agent", says({REQUEST_IDENTITIES: reply})):
        with caplog.at_level(logging.DEBUG, logger="pie_client.auth.agent"):
            keys = await agent_keys(short / "agent")
    assert [key.comment for key in keys] == ["of use"]
    assert "skipping key 'no use' of the ssh-agent: " in caplog.text


async def test_a_comment_that_is_not_text_is_shown_in_one_line(short: Path) -> None:
    reply = listing((ED25519, b"caf\xe9\n\x1b[31m"))
    async with fake_agent(short / "agent", says({REQUEST_IDENTITIES: reply})):
        (key,) = await agent_keys(short / "agent")
    assert repr(key).isprintable()


@pytest.mark.parametrize(
    "reply",
    [
        None,
        b"",
        bytes([FAILURE]),
        b"HTTP/1.1 400 Bad Request",
        listing((b"", b"")),
        listing((b"\0\0\0\7ssh", b"")),
        listing((ED25519, b"cut off"))[:-3],
    ],
    ids=repr,
)
async def test_an_invalid_list_of_keys_is_an_error(reply: bytes | None, short: Path) -> None:
    path = short / "agent"
    async with fake_agent(path, says({} if reply is None else {REQUEST_IDENTITIES: reply})):
        with pytest.raises(AgentError) as caught:
            await agent_keys(path)
    check_line(caught.value, says=f"the ssh-agent at '{path}' did not list its keys: ")


@pytest.mark.parametrize(
    ("signature", "reason"),
    [
        (string(b"ssh-ed25519") + string(bytes(64)), "returned an invalid signature for Ed25519"),
        (string(b"ssh-ed25519") + string(bytes(3)), "returned an invalid signature for Ed25519"),
        (string(b"ssh-ed25519"), "returned an invalid signature for Ed25519"),
        (b"garbage", "returned an invalid signature for Ed25519"),
        (string(b"ssh-rsa") + string(bytes(64)), "signed with ssh-rsa, servers need ssh-ed25519"),
    ],
)
async def test_an_invalid_signature_is_not_sent(signature: bytes, reason: str, short: Path) -> None:
    path = short / "agent"
    reply = bytes([SIGN_RESPONSE]) + string(signature)
    async with fake_agent(path, says({REQUEST_IDENTITIES: listing((ED25519, b"")), SIGN_REQUEST: reply})):
        (key,) = await agent_keys(path)
        with pytest.raises(AgentError) as caught:
            await key.sign_challenge(b"challenge")
    check_line(caught.value, says=reason)


async def test_an_agent_that_closes_instead_of_signing_is_named(short: Path) -> None:
    path = short / "agent"
    once = iter([listing((ED25519, b""))])

    async def list_once(kind: int) -> bytes | None:
        return next(once, None) if kind == REQUEST_IDENTITIES else None

    async with fake_agent(path, list_once):
        (key,) = await agent_keys(path)
        with pytest.raises(AgentError) as caught:
            await key.sign_challenge(b"challenge")
    check_line(
        caught.value, says=f"the ssh-agent at '{path}' closed the connection instead of signing with Ed25519"
    )


@contextlib.asynccontextmanager
async def resetting_agent(path: Path, *answers: bytes | None) -> AsyncGenerator[None]:
    """Run an agent that resets each connection once a request has arrived, after answering if it has an answer for it.

    A Unix socket that is closed with unread bytes resets its peer.
    """
    left = list(answers)

    async def serve() -> None:
        loop = asyncio.get_running_loop()
        while True:
            connection, _ = await loop.sock_accept(listener)
            with connection:
                await loop.sock_recv(connection, 1)
                answer = left.pop(0) if left else None
                if answer is not None:
                    await loop.sock_sendall(connection, string(answer))

    with socket.socket(socket.AF_UNIX) as listener:
        listener.setblocking(False)
        listener.bind(str(path))
        listener.listen()
        serving = asyncio.create_task(serve())
        try:
            yield
        finally:
            serving.cancel()
            await asyncio.wait({serving})


async def test_an_agent_that_resets_every_connection_is_named(short: Path) -> None:
    path = short / "agent"
    async with resetting_agent(path):
        with pytest.raises(AgentError) as caught:
            await agent_keys(path)
    check_line(caught.value, says=f"the ssh-agent at '{path}' did not list its keys: ")


async def test_an_agent_that_resets_instead_of_signing_is_named(short: Path) -> None:
    path = short / "agent"
    async with resetting_agent(path, listing((ED25519, b""))):
        (key,) = await agent_keys(path)
        with pytest.raises(AgentError) as caught:
            await key.sign_challenge(b"challenge")
    check_line(
        caught.value, says=f"the ssh-agent at '{path}' closed the connection instead of signing with Ed25519"
    )


class SilentAgent:
    """An agent that lists a key, unless told otherwise, and answers no other request."""

    def __init__(self, *, lists: bool = True) -> None:
        self.asked = asyncio.Event()
        self._lists = lists

    async def __call__(self, kind: int) -> bytes | None:
        if kind == REQUEST_IDENTITIES and self._lists:
            return listing((ED25519, b""))
        self.asked.set()
        await asyncio.Event().wait()
        return None


async def all_closed(connections: set[str]) -> None:
    """Wait until the server has seen every connection close."""
    async with asyncio.timeout(TIMEOUT):
        while connections:  # noqa: ASYNC110 - a set has no event
            await asyncio.sleep(0)


async def test_listing_keys_has_a_deadline(short: Path) -> None:
    path = short / "agent"
    async with fake_agent(path, SilentAgent(lists=False)) as connected:
        with pytest.raises(DeadlineError) as caught:
            await agent_keys(path, timeout=0.05)
        assert f"the ssh-agent at '{path}' did not list its keys within 0.05 s; " in str(caught.value)
        await all_closed(connected)


async def test_the_deadline_of_authenticate_covers_the_agent(short: Path) -> None:
    path = short / "agent"
    async with fake_agent(path, SilentAgent()) as connected, server_of() as client:
        (key,) = await agent_keys(path)
        with pytest.raises(DeadlineError, match="auth_identify did not finish within"):
            await client.authenticate("alice", key, timeout=0.2)
        await all_closed(connected)


async def test_cancelling_authenticate_closes_the_agent_connection_and_allows_another_try(
    short: Path,
) -> None:
    path = short / "agent"
    private = ParsedPrivateKey.parse(NEW_KEY)
    silent = SilentAgent()
    async with fake_agent(path, silent) as connected, server_of(NEW_KEY_PUBLIC) as client:
        (key,) = await agent_keys(path)
        authenticating = asyncio.create_task(client.authenticate("alice", key))
        await asyncio.wait_for(silent.asked.wait(), TIMEOUT)
        authenticating.cancel()
        with pytest.raises(asyncio.CancelledError):
            await authenticating
        await all_closed(connected)
        await client.authenticate("alice", private)
        await client.ping()


# ------------------------------------------------------------- other signers


class RemoteKey:
    """A signer for a key in another place."""

    def __init__(self, key: ParsedPrivateKey) -> None:
        self._key = key

    async def sign_challenge(self, challenge: bytes) -> bytes:
        return await asyncio.to_thread(self._key.sign, challenge)


class TextSigner:
    """A signer that returns str."""

    async def sign_challenge(self, _challenge: bytes) -> str:
        return "signature"


def _pair() -> tuple[str, str]:
    key = Ed25519PrivateKey.generate()
    text = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    return text.decode(), public.decode()


NEW_KEY, NEW_KEY_PUBLIC = _pair()


async def test_a_custom_signer_authenticates() -> None:
    async with server_of(NEW_KEY_PUBLIC) as client:
        await client.authenticate("alice", RemoteKey(ParsedPrivateKey.parse(NEW_KEY)))
        await client.ping()


async def test_a_signer_that_does_not_return_bytes_is_an_error() -> None:
    async with server_of(NEW_KEY_PUBLIC) as client:
        with pytest.raises(InvalidKeyError, match="sign_challenge of TextSigner returned str; return bytes"):
            await client.authenticate("alice", TextSigner())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - the mistake


@pytest.mark.parametrize("wrong", ["~/.ssh/id_ed25519", ParsedPrivateKey, AgentKey, []])
async def test_a_value_that_is_not_a_signer_is_refused_before_sending(wrong: object) -> None:
    client = PieClient("ws://127.0.0.1:1")
    with pytest.raises(InvalidKeyError, match="use ParsedPrivateKey"):
        await client.authenticate("alice", wrong)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - the mistake
