"""Keys in a running ssh-agent, which signs with them; the private keys stay in the agent.

Connects to the agent's socket and returns its keys for ``login``. Uses the extra ``agent`` (asyncssh), imported on the first use.
"""

import asyncio
import base64
import contextlib
import hashlib
import logging
import math
import os
import sys
from collections.abc import AsyncGenerator, Iterator
from typing import TYPE_CHECKING

from pie_client.auth.keys import RSA, check_kind, hash_of
from pie_client.common.paths import path_text
from pie_client.connection.options import check_seconds
from pie_client.connection.threads import check_asyncio
from pie_client.errors import AgentError, DeadlineError, InvalidArgumentError, InvalidKeyError, one_line

if TYPE_CHECKING:
    from asyncssh import SSHAgentClient

    from pie_client.auth.keys import PublicKey

logger = logging.getLogger(__name__)

LIST_SECONDS = 10.0
"""Default timeout of agent_keys()."""
SOCKET_VARIABLE = "SSH_AUTH_SOCK"
SIGNATURE_FORMATS = {
    b"ssh-ed25519": b"ssh-ed25519",
    b"ssh-rsa": b"rsa-sha2-256",
    b"ecdsa-sha2-nistp256": b"ecdsa-sha2-nistp256",
    b"ecdsa-sha2-nistp384": b"ecdsa-sha2-nistp384",
}
"""Signature format that Pie servers can verify, by SSH's name of the public key's format (RFC 8332, RFC 5656, RFC 8709)."""
AGENT_FAILURES = (OSError, EOFError, ValueError)
"""What asyncssh raises for an agent that is missing, closes or resets a connection, refuses, or sends something else."""


class AgentKey:
    """A key in an ssh-agent, for :meth:`PieClient.authenticate`. Get them from :func:`agent_keys`.

    Each signature uses a connection of its own to the agent. ``repr`` shows kind, fingerprint and comment.

    Args:
        path: Path of the agent's socket.
        blob: The public key in SSH's binary format (RFC 4253, section 6.6).
        comment: The agent's comment on the key.

    Raises:
        InvalidKeyError: Servers don't accept such a key.
    """

    def __init__(self, path: str, blob: bytes, comment: str = "") -> None:
        self._path = path
        self._blob = blob
        self._format, self._public_key = _load_public_key(blob)
        self.kind = check_kind(self._public_key)
        """Kind of the key, e.g. ``Ed25519`` or ``RSA-3072``."""
        self.comment = comment
        """The agent's comment on the key, usually its file name or ``user@host``."""
        digest = hashlib.sha256(blob).digest()
        self.fingerprint = f"SHA256:{base64.b64encode(digest).decode('ascii').rstrip('=')}"
        """SHA-256 fingerprint of the public key, as shown by ``ssh-add -l``."""

    def __repr__(self) -> str:
        return f"<AgentKey {self.kind} {self.fingerprint} {self.comment!r}>"

    async def sign_challenge(self, challenge: bytes) -> bytes:
        """Request a signature of a server's challenge from the agent, which may ask its user for confirmation first.

        Cancelling closes the connection to the agent.

        Args:
            challenge: The bytes to sign.

        Returns:
            The signature in the format of :class:`Signer`.

        Raises:
            AgentError: The agent can't be reached, is locked, no longer has the key, or refuses.
        """
        async with _connect(self._path) as agent:
            from asyncssh.agent import SSH_AGENT_RSA_SHA2_256  # noqa: PLC0415 - an extra

            flags = SSH_AGENT_RSA_SHA2_256 if self._format == b"ssh-rsa" else 0
            try:
                signature = await agent.sign(self._blob, challenge, flags)
            except AGENT_FAILURES as error:
                raise await self._explain_failure(agent) from error
        return self._check_signature(signature, challenge)

    async def _explain_failure(self, agent: "SSHAgentClient") -> AgentError:
        """Return an error with the reason why the agent did not sign. The reply contains no reason, so list the agent's keys."""
        shown = f"{self.kind} {self.fingerprint}"
        try:
            offered = any(key.public_data == self._blob for key in await agent.get_keys())
        except AGENT_FAILURES as error:
            return AgentError(
                f"the ssh-agent at {self._path!r} closed the connection instead of signing with {shown}: {_reason(error)}; check that it runs"
            )
        if offered:
            return AgentError(
                f"the ssh-agent at {self._path!r} refused to sign with {shown}; confirm when the agent asks, or use another key"
            )
        return AgentError(
            f"the ssh-agent at {self._path!r} no longer has {shown}; add it with ssh-add, or unlock the agent with ssh-add -X"
        )

    def _check_signature(self, signature: bytes, challenge: bytes) -> bytes:
        """Return a signature in a server's format, after verifying it: an error here is clearer than the server's."""
        from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 - keeps cryptography out of the import

        try:
            name, content = _split_strings(signature)
            expected = SIGNATURE_FORMATS[self._format]
            if name != expected:
                raise AgentError(
                    f"the ssh-agent at {self._path!r} signed with {_printable(name)}, servers need {_printable(expected)}; use a newer agent or another key"
                )
            return _convert_and_verify(self._public_key, content, challenge)
        except (ValueError, InvalidSignature) as error:
            if isinstance(error, AgentError):
                raise
            raise AgentError(
                f"the ssh-agent at {self._path!r} returned an invalid signature for {self.kind} {self.fingerprint}; use another agent or key"
            ) from error


async def agent_keys(
    path: str | os.PathLike[str] | None = None, *, timeout: float | None = None
) -> list[AgentKey]:
    """List the keys of a running ssh-agent that servers accept. Needs the extra: ``pip install 'pie-client[agent]'``.

    Skips FIDO keys, certificates, DSA, curves other than P-256 and P-384, and RSA under 2048 bits; the reason is logged at
    level DEBUG. A locked OpenSSH agent lists no keys.

    Args:
        path: Path of the agent's socket. Default: the environment variable ``SSH_AUTH_SOCK``; on Windows, if it is not
            set, Pageant or the pipe of the OpenSSH agent.
        timeout: Seconds until the agent replies. Default: 10 s; ``math.inf`` for no limit.

    Returns:
        The keys, in the agent's order.

    Raises:
        AgentError: The agent can't be reached or does not answer correctly, or the extra is not installed.
        DeadlineError: It did not answer in time.
        InvalidArgumentError: The path or the timeout is not valid.
    """
    check_asyncio()
    place = _agent_path(path)
    seconds = LIST_SECONDS if timeout is None else check_seconds("timeout", timeout)
    scope = asyncio.timeout(None if seconds == math.inf else seconds)
    try:
        async with scope, _connect(place) as agent:
            try:
                offered = await agent.get_keys()
            except AGENT_FAILURES as error:
                raise AgentError(
                    f"the ssh-agent at {place!r} did not list its keys: {_reason(error)}; check that it is an ssh-agent"
                ) from error
    except TimeoutError:
        if not scope.expired():
            raise
        raise DeadlineError(
            f"the ssh-agent at {place!r} did not list its keys within {seconds:g} s; raise timeout=, or check the agent"
        ) from None
    found: list[AgentKey] = []
    for key in offered:
        comment = (key.get_comment_bytes() or b"").decode("utf-8", "replace")
        try:
            found.append(AgentKey(place, key.public_data, comment))
        except InvalidKeyError as error:
            logger.debug("skipping key %r of the ssh-agent: %s", comment, error)
    return found


def _agent_path(path: str | os.PathLike[str] | None) -> str:
    if path is None:
        found = os.environ.get(SOCKET_VARIABLE, "")
        if not found and sys.platform != "win32":
            raise AgentError(
                f"no ssh-agent: {SOCKET_VARIABLE} is not set; start one with eval $(ssh-agent), or pass path="
            )
        return found
    place = path_text(path)
    if not place:
        raise InvalidArgumentError("path is empty; pass the path of the agent's socket, or None")
    return os.path.expanduser(place)  # noqa: PTH111 - pathlib would change the name of a Windows pipe


@contextlib.asynccontextmanager
async def _connect(path: str) -> "AsyncGenerator[SSHAgentClient]":
    try:
        from asyncssh import connect_agent  # noqa: PLC0415 - an extra, and slow to import
    except ImportError as error:
        raise AgentError(
            "agent_keys needs the asyncssh package; run pip install 'pie-client[agent]'"
        ) from error
    try:
        agent = await connect_agent(path)
    except AGENT_FAILURES as error:
        raise AgentError(
            f"can't connect to an ssh-agent at {path!r}: {_reason(error)}; check {SOCKET_VARIABLE}, or start one with eval $(ssh-agent)"
        ) from error
    try:
        yield agent
    finally:
        agent.close()
        with contextlib.suppress(*AGENT_FAILURES):  # the reset of a connection says nothing about its answers
            await agent.wait_closed()


def _load_public_key(blob: bytes) -> "tuple[bytes, PublicKey]":
    """Return the format and the key. Raises InvalidKeyError if servers don't accept keys of that format."""
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415 - keeps cryptography out of the import
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa  # noqa: PLC0415 - as above
    from cryptography.hazmat.primitives.serialization import load_ssh_public_key  # noqa: PLC0415 - as above

    try:
        name = next(_split_strings(blob), b"")
    except ValueError:
        raise InvalidKeyError("can't parse the public key; create a new one") from None
    if name not in SIGNATURE_FORMATS:
        raise InvalidKeyError(
            f"servers don't accept {_printable(name)} keys; use RSA, Ed25519, or ECDSA on P-256 or P-384"
        )
    try:
        key = load_ssh_public_key(name + b" " + base64.b64encode(blob))
    except (ValueError, UnsupportedAlgorithm) as error:
        raise InvalidKeyError(f"can't parse the {_printable(name)} public key; create a new one") from error
    if not isinstance(key, (rsa.RSAPublicKey, ed25519.Ed25519PublicKey, ec.EllipticCurvePublicKey)):
        raise InvalidKeyError(
            f"the {_printable(name)} public key contains a key of another kind; create a new one"
        )
    return name, key


def _convert_and_verify(public: "PublicKey", content: bytes, challenge: bytes) -> bytes:
    """Return a signature in SSH's format in a server's format. Raises ValueError or InvalidSignature."""
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding  # noqa: PLC0415 - as above
    from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature  # noqa: PLC0415 - as above

    if isinstance(public, ed25519.Ed25519PublicKey):
        public.verify(content, challenge)
        return content
    if isinstance(public, ec.EllipticCurvePublicKey):
        r, s = (int.from_bytes(number, signed=True) for number in _split_strings(content))
        signature = encode_dss_signature(r, s)
        public.verify(signature, challenge, ec.ECDSA(hash_of(public.curve.name)))
        return signature
    # RFC 8332 lets agents omit leading zeros, which servers need.
    signature = content.rjust((public.key_size + 7) // 8, b"\0")
    public.verify(signature, challenge, padding.PKCS1v15(), hash_of(RSA))
    return signature


def _split_strings(data: bytes) -> Iterator[bytes]:
    """Split a sequence of strings and numbers (RFC 4251, section 5). Raises ValueError."""
    while data:
        end = 4 + int.from_bytes(data[:4])
        if end > len(data):
            raise ValueError("truncated")
        yield data[4:end]
        data = data[end:]


def _reason(error: Exception) -> str:
    """Describe one of AGENT_FAILURES."""
    words = (error.strerror if isinstance(error, OSError) else None) or str(error)
    return one_line(words) or type(error).__name__


def _printable(name: bytes) -> str:
    return one_line(name[:64].decode("ascii", "backslashreplace"))
