"""Keys that a running ssh-agent holds. They never leave it; it signs for them."""

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

from pie_client.auth.keys import checked_kind
from pie_client.connection.deadline import check_seconds
from pie_client.errors import AgentError, DeadlineError, InvalidArgumentError, InvalidKeyError, one_line

if TYPE_CHECKING:
    from asyncssh import SSHAgentClient

    from pie_client.auth.keys import PublicHalf

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
"""By SSH's name of a public key's format, that of the signatures which servers can check."""


class AgentKey:
    """A key in an ssh-agent, for :meth:`PieClient.authenticate`. :func:`agent_keys` gives them.

    It opens a connection to the agent for each signature and closes it after. Its ``repr`` shows the kind, the
    fingerprint and the comment.

    Args:
        path: The agent's socket.
        blob: The public half as SSH writes it.
        comment: What the agent calls it.

    Raises:
        InvalidKeyError: Servers do not accept such a key.
    """

    def __init__(self, path: str, blob: bytes, comment: str = "") -> None:
        self._path = path
        self._blob = blob
        self._format, self._public = _public_half(blob)
        self.kind = checked_kind(self._public)
        """Kind of the key, e.g. ``Ed25519`` or ``RSA-3072``."""
        self.comment = comment
        """What the agent calls it: by default the file that it came from, or who made it where."""
        digest = hashlib.sha256(blob).digest()
        self.fingerprint = f"SHA256:{base64.b64encode(digest).decode('ascii').rstrip('=')}"
        """SHA-256 of the public half, as ``ssh-add -l`` shows it."""

    def __repr__(self) -> str:
        return f"<AgentKey {self.kind} {self.fingerprint} {self.comment!r}>"

    async def sign_challenge(self, challenge: bytes) -> bytes:
        """Have the agent sign a server's challenge. It may ask its user first, which ``authenticate`` gives its timeout.

        Nothing is left open when it is cancelled.

        Args:
            challenge: The bytes to sign.

        Returns:
            The signature as servers take it; see :class:`Signer`.

        Raises:
            AgentError: The agent is gone, is locked, no longer has the key, or refuses.
        """
        async with _connected(self._path) as agent:
            from asyncssh.agent import SSH_AGENT_RSA_SHA2_256  # noqa: PLC0415 - the extra, which is installed here

            flags = SSH_AGENT_RSA_SHA2_256 if self._format == b"ssh-rsa" else 0
            try:
                signature = await agent.sign(self._blob, challenge, flags)
            except ValueError as error:
                raise await self._refusal(agent) from error
        return self._checked(signature, challenge)

    async def _refusal(self, agent: "SSHAgentClient") -> AgentError:
        """Find out why the agent did not sign: it does not say."""
        shown = f"{self.kind} {self.fingerprint}"
        try:
            offered = any(key.public_data == self._blob for key in await agent.get_keys())
        except ValueError as error:
            return AgentError(
                f"the ssh-agent at {self._path!r} broke off instead of signing with {shown}: {one_line(str(error))}; check that it runs"
            )
        if offered:
            return AgentError(
                f"the ssh-agent at {self._path!r} refused to sign with {shown}; confirm it when the agent asks, or take another key"
            )
        return AgentError(
            f"the ssh-agent at {self._path!r} does not offer {shown} any more; add it again with ssh-add, or unlock the agent with ssh-add -X"
        )

    def _checked(self, signature: bytes, challenge: bytes) -> bytes:
        """Take the signature out of SSH's envelope, and hold it against the key before a server does."""
        from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 - keeps cryptography out of the import

        try:
            name, content = _strings(signature)
            expected = SIGNATURE_FORMATS[self._format]
            if name != expected:
                raise AgentError(
                    f"the ssh-agent at {self._path!r} signs as {_shown(name)} where servers need {_shown(expected)}; use a newer agent or another key"
                )
            return _as_servers_take_it(self._public, content, challenge)
        except (ValueError, InvalidSignature) as error:
            if isinstance(error, AgentError):
                raise
            raise AgentError(
                f"the ssh-agent at {self._path!r} gave a signature that is none of {self.kind} {self.fingerprint}; try another agent or key"
            ) from error


async def agent_keys(
    path: str | os.PathLike[str] | None = None, *, timeout: float | None = None
) -> list[AgentKey]:
    """List the keys of a running ssh-agent that servers accept. Needs the extra: ``pip install 'pie-client[agent]'``.

    Other keys are left out: FIDO keys, certificates, DSA, curves other than P-256 and P-384, RSA under 2048 bits; the
    log says why at level debug. A locked OpenSSH agent says that it has none.

    Args:
        path: The agent's socket; by default that of ``SSH_AUTH_SOCK``, on Windows without it Pageant or the OpenSSH
            agent's pipe.
        timeout: Seconds until the agent replies. Default: 10 s; ``math.inf`` for no limit.

    Returns:
        The keys in the agent's order; empty where it has none that can be used.

    Raises:
        AgentError: There is no agent, it does not answer as it should, or the extra is not installed.
        DeadlineError: It did not answer in time.
        InvalidArgumentError: The path or the timeout can't be used.
    """
    place = _socket_path(path)
    seconds = LIST_SECONDS if timeout is None else check_seconds("timeout", timeout)
    scope = asyncio.timeout(None if seconds == math.inf else seconds)
    try:
        async with scope, _connected(place) as agent:
            try:
                offered = await agent.get_keys()
            except ValueError as error:
                raise AgentError(
                    f"the ssh-agent at {place!r} did not list its keys: {one_line(str(error))}; check what listens there"
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
            logger.debug("key %r of the ssh-agent is left out: %s", comment, error)
    return found


def _socket_path(path: str | os.PathLike[str] | None) -> str:
    if path is None:
        found = os.environ.get(SOCKET_VARIABLE, "")
        if not found and sys.platform != "win32":
            raise AgentError(
                f"no ssh-agent is known: {SOCKET_VARIABLE} is not set; start one with eval $(ssh-agent), or pass path="
            )
        return found
    try:
        place = os.fsdecode(path)
    except TypeError:
        raise InvalidArgumentError(
            f"path is {type(path).__name__}; pass the path of the agent's socket"
        ) from None
    if not place:
        raise InvalidArgumentError("path is empty; pass the path of the agent's socket, or leave it out")
    return os.path.expanduser(place)  # noqa: PTH111 - pathlib would take a pipe's name apart


@contextlib.asynccontextmanager
async def _connected(path: str) -> "AsyncGenerator[SSHAgentClient]":
    try:
        from asyncssh import connect_agent  # noqa: PLC0415 - an extra, and slow to import
    except ImportError as error:
        raise AgentError(
            "keys of an ssh-agent need the asyncssh package; run pip install 'pie-client[agent]'"
        ) from error
    try:
        agent = await connect_agent(path)
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise AgentError(
            f"no ssh-agent answers at {path!r}: {one_line(reason)}; check {SOCKET_VARIABLE}, or start one with eval $(ssh-agent)"
        ) from error
    async with agent:
        yield agent


def _public_half(blob: bytes) -> "tuple[bytes, PublicHalf]":
    """Read a public key. Raises InvalidKeyError where servers accept none of its format."""
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415 - keeps cryptography out of the import
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa  # noqa: PLC0415 - as above
    from cryptography.hazmat.primitives.serialization import load_ssh_public_key  # noqa: PLC0415 - as above

    try:
        name = next(_strings(blob), b"")  # certificates go on with other things
    except ValueError:
        raise InvalidKeyError("the public key can't be read; make a new one") from None
    if name not in SIGNATURE_FORMATS:
        raise InvalidKeyError(
            f"{_shown(name)} keys are not accepted by servers; use RSA, Ed25519, or ECDSA on P-256 or P-384"
        )
    try:
        key = load_ssh_public_key(name + b" " + base64.b64encode(blob))
    except (ValueError, UnsupportedAlgorithm) as error:
        raise InvalidKeyError(f"the {_shown(name)} public key can't be read; make a new one") from error
    if not isinstance(key, (rsa.RSAPublicKey, ed25519.Ed25519PublicKey, ec.EllipticCurvePublicKey)):
        raise InvalidKeyError(
            f"the {_shown(name)} public key is of another kind than it says; make a new one"
        )
    return name, key


def _as_servers_take_it(public: "PublicHalf", content: bytes, challenge: bytes) -> bytes:
    """Convert SSH's form of a signature, and verify it. Raises ValueError or InvalidSignature."""
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding  # noqa: PLC0415 - as above
    from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature  # noqa: PLC0415 - as above
    from cryptography.hazmat.primitives.hashes import SHA256, SHA384  # noqa: PLC0415 - as above

    if isinstance(public, ed25519.Ed25519PublicKey):
        public.verify(content, challenge)
        return content
    if isinstance(public, ec.EllipticCurvePublicKey):
        r, s = (int.from_bytes(number, signed=True) for number in _strings(content))
        signature = encode_dss_signature(r, s)
        digest = SHA384() if isinstance(public.curve, ec.SECP384R1) else SHA256()
        public.verify(signature, challenge, ec.ECDSA(digest))
        return signature
    signature = content.rjust(
        (public.key_size + 7) // 8, b"\0"
    )  # RFC 8332 lets agents leave leading zeros out
    public.verify(signature, challenge, padding.PKCS1v15(), SHA256())
    return signature


def _strings(data: bytes) -> Iterator[bytes]:
    """Split what RFC 4251 writes as strings and numbers one after another. Raises ValueError."""
    while data:
        end = 4 + int.from_bytes(data[:4])
        if end > len(data):
            raise ValueError("a length leads beyond the end")
        yield data[4:end]
        data = data[end:]


def _shown(name: bytes) -> str:
    return one_line(name[:64].decode("ascii", "backslashreplace"))
